//! Counts and times by kind, area, force and period.

use serde::Serialize;
use utoipa::ToSchema;

use super::actor::Reader;
use super::answer::json;
use super::error::Answer;
use super::long;
use super::params::{Params, invalid};
use super::reports::wish;
use crate::domain::access::Deed;
use crate::domain::period::Period;
use crate::domain::quarter::Quarter;
use crate::domain::{Force, Problem, Timestamp};
use crate::geometry::areas::Level;
use crate::report::part::{DividedCommune, areas_of, divided_commune};
use crate::report::statistics::{Question, Statistics, Subject, count};

/// Periods of one question, at most: five years of months.
const PERIODS_MAX: usize = 60;
/// Quarters before the present one, if nothing is asked.
const QUARTERS_BEFORE: usize = 4;

/// One period of the answer.
#[derive(Serialize, ToSchema)]
#[schema(as = StatisticsPeriod)]
struct PeriodAnswer {
    /// `2024Q3` or `2024-07`.
    name: String,
    #[schema(value_type = String, format = "date-time")]
    from: Timestamp,
    /// The first instant after it.
    #[schema(value_type = String, format = "date-time")]
    to: Timestamp,
}

/// Counts and times.
#[derive(Serialize, ToSchema)]
pub struct StatisticsAnswer {
    of: Subject,
    periods: Vec<PeriodAnswer>,
    /// What was asked for.
    #[schema(required)]
    kind: Option<String>,
    #[schema(required)]
    force: Option<Force>,
    #[schema(required)]
    area: Option<String>,
    /// Kinds that there may be.
    kinds: &'static [&'static str],
    #[serde(flatten)]
    told: Statistics,
    /// Communes that were made over several districts: what a district has of them is not sure.
    divided: Vec<DividedCommune>,
    /// Of when the figures are.
    #[serde(rename = "timeStamp")]
    #[schema(value_type = String, format = "date-time")]
    time_stamp: Timestamp,
    seq: u64,
}

/// Incidents, cases or deployments counted by kind, force, commune, district (to 2025-06-30) and period, and of incidents how
/// long each step took.
///
/// Only what the reader may see one by one is counted, in every table alike; `hidden` tells how many others there are in the
/// span, in the whole province and whatever else was asked. Periods are whole quarters or months of the province's calendar.
/// Densities are on 100 km², since nothing here knows how many people live where.
#[utoipa::path(
    get, path = "/api/statistics", tag = "reports",
    params(
        ("of" = inline(Option<Subject>), Query, description = "What is counted; incidents if not said"),
        ("from" = Option<String>, Query, description = "First quarter (2024Q1) or month (2024-01); that of `to` if not said, and without both the four quarters before the present one and it"),
        ("to" = Option<String>, Query, description = "Last quarter or month, of the same sort; that of `from` if not said"),
        ("kind" = Option<String>, Query, description = "Only this kind, or purpose of a deployment"),
        ("force" = inline(Option<Force>), Query, description = "Only this force"),
        ("area" = Option<String>, Query, description = "Only this commune or district, by its code; `unknown` for what names no commune"),
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; now if neither is said"),
    ),
    responses((status = 200, description = "The tables", body = StatisticsAnswer))
)]
pub async fn read_statistics(reader: Reader) -> Answer {
    reader.actor().check(Deed::ReadReports)?;
    let mut params = Params::parse(reader.uri.query())?;
    let of = subject(&mut params)?;
    let (from, to) = (period(&mut params, "from")?, period(&mut params, "to")?);
    let kind = kind(&mut params, of)?;
    let (moment, wish) = (params.moment()?, wish(&mut params)?);
    params.finish()?;
    let view = reader.view_of(moment).await?;
    let periods = span(from, to, view.now())?;
    let answered = long::answer(&reader, view.held(&[of.collection()]), || {
        let areas = areas_of(&mut &view).unwrap_or_else(|never| match never {});
        let part = wish.part(&areas)?;
        part.check(view.actor())?;
        let question = Question {
            of,
            periods: &periods,
            kind,
            force: wish.force,
            area: part.area,
            reader_area: &view.actor().area,
            areas: &areas,
        };
        let counted =
            count::<std::convert::Infallible>(&question, &|one| view.sees_whole(of.collection(), one), |sink| {
                view.each_counted(of.collection(), sink);
                Ok(())
            });
        let told = counted.unwrap_or_else(|never| match never {});
        let divided = areas.at_level(Level::Commune).filter(|commune| areas.districts_of(commune).len() > 1);
        let divided: Vec<DividedCommune> = divided.map(|commune| divided_commune(&areas, commune)).collect();
        Ok::<_, Problem>((told, divided))
    });
    let (told, divided) = answered.await??;
    let period =
        |period: &Period| PeriodAnswer { name: period.to_string(), from: period.start(), to: period.next().start() };
    json(&StatisticsAnswer {
        of,
        periods: periods.iter().map(period).collect(),
        kind: kind.map(str::to_owned),
        force: wish.force,
        area: wish.area,
        kinds: of.kinds(),
        told,
        divided,
        time_stamp: view.now(),
        seq: view.seq(),
    })
}

fn subject(params: &mut Params<'_>) -> Result<Subject, Problem> {
    let Some(name) = params.text("of")? else { return Ok(Subject::Incidents) };
    Subject::parse(&name).ok_or_else(|| {
        let names = Subject::ALL.map(Subject::as_str).join(", ");
        invalid("of", format_args!("cần một trong {names}"), format_args!("expected one of {names}"))
    })
}

fn kind(params: &mut Params<'_>, of: Subject) -> Result<Option<&'static str>, Problem> {
    let Some(name) = params.text("kind")? else { return Ok(None) };
    let known = of.kinds().iter().find(|kind| **kind == name);
    known.map(|kind| Some(*kind)).ok_or_else(|| {
        let names = of.kinds().join(", ");
        invalid("kind", format_args!("cần một trong {names}"), format_args!("expected one of {names}"))
    })
}

fn period(params: &mut Params<'_>, name: &str) -> Result<Option<Period>, Problem> {
    params.text(name)?.map(|text| Period::parse(name, &text)).transpose()
}

/// From the one to the other; what is not said follows from the other, or from the present quarter.
fn span(from: Option<Period>, to: Option<Period>, now: Timestamp) -> Result<Vec<Period>, Problem> {
    let back = |quarter: Quarter| (0..QUARTERS_BEFORE).fold(quarter, |one, _| one.previous());
    let (from, to) = match (from, to) {
        (Some(from), Some(to)) => (from, to),
        (Some(one), None) | (None, Some(one)) => (one, one),
        (None, None) => (Period::Quarter(back(Quarter::of(now))), Period::Quarter(Quarter::of(now))),
    };
    Period::series(from, to, PERIODS_MAX)
}
