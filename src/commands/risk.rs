//! `trucban risk level`: what the legal table says of a case, as the level engine asks it.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::json;
use trucban::desk::{Clock, SystemClock};
use trucban::domain::Timestamp;
use trucban::risk::level::{Case, Susceptibility, raised, table_on};

use super::finish;

/// Asks the rules of risk.
#[derive(Args, Clone, Debug)]
pub struct RiskArgs {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand, Clone, Debug)]
enum Question {
    /// The legal level by rain and susceptibility (Decision 18/2021/QĐ-TTg, Art. 46), as JSON
    Level(LevelArgs),
}

#[derive(Args, Clone, Debug)]
struct LevelArgs {
    /// Region of the decision, 1 to 4; Lai Châu lies in region 1
    #[arg(long, default_value_t = 1)]
    region: u8,
    /// Rain forecast or observed in 24 hours, millimetres
    #[arg(long, value_name = "MM")]
    rain_24h: f64,
    /// Days of rain before it
    #[arg(long, value_name = "N")]
    rain_days: u32,
    /// low, medium, high or very_high
    #[arg(long, value_parser = susceptibility)]
    susceptibility: Susceptibility,
    /// Several hazards come together or after one another: one level more (Art. 4)
    #[arg(long)]
    several_hazards: bool,
    /// Levels more at the risk of grave loss, 0 to 2 (Art. 4)
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    grave_loss: u8,
    /// The day whose rules hold; today if not said
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    on: Option<String>,
}

fn susceptibility(word: &str) -> Result<Susceptibility, String> {
    Susceptibility::from_word(word).ok_or_else(|| {
        let known: Vec<&str> = Susceptibility::ALL.iter().map(|known| known.as_str()).collect();
        format!("expected one of {}", known.join(", "))
    })
}

fn day(text: &str) -> Result<String, String> {
    match Timestamp::parse_typed(&format!("{text} 00:00")) {
        Ok(_) if text.len() == 10 => Ok(text.to_owned()),
        _ => Err("expected a day, such as 2025-06-07".to_owned()),
    }
}

/// Answers the question.
pub fn risk(args: &RiskArgs) -> ExitCode {
    let Question::Level(asked) = &args.question;
    finish(level(asked))
}

fn level(asked: &LevelArgs) -> anyhow::Result<ExitCode> {
    let day = asked.on.clone().unwrap_or_else(|| SystemClock.now().local_text()[..10].to_owned());
    let table = table_on(&day).ok_or_else(|| anyhow!("no table of levels was in force on {day}"))?;
    let case = Case {
        region: asked.region,
        rain_24h_mm: asked.rain_24h,
        rain_days: asked.rain_days,
        susceptibility: asked.susceptibility,
    };
    let assessment = table.assess(&case).map_err(|problem| anyhow!("{}", problem.detail_en))?;
    let mut answer = json!(assessment);
    answer["level"] = json!(raised(assessment.level, asked.several_hazards, asked.grave_loss));
    writeln!(io::stdout(), "{answer}")?;
    Ok(ExitCode::SUCCESS)
}
