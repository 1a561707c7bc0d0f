//! Rain: readings of gauges on their way in, and what a gauge says of the last days.

use axum::extract::Path;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::json as json_answer;
use super::error::{Answer, Refusal};
use super::fields::Fields;
use super::params::{Params, id_named};
use crate::desk::{GaugeName, READINGS_MAX, ReadingIn};
use crate::domain::rain::{DAY_MINUTES, Flag, Reading};
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::risk::rain::{Total, rolling, total};
use crate::risk::threshold::DURATIONS_H;

/// Hours of readings that are answered if nothing else is asked, and most: 31 days.
const HOURS: usize = 72;
const HOURS_MAX: usize = 31 * 24;
/// Local days whose sums are told.
const DAYS_TOLD: i64 = 7;
const DAY_S: i64 = 86_400;

/// Readings; either as members or as lines of a table.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct RainCall {
    /// Up to 5,000.
    readings: Option<Vec<RainReading>>,
    /// The same as text: a first line `station,to,minutes,mm` (and `flag` if there is one), then a line a reading; commas,
    /// semicolons or tabs between. Times as RFC 3339, or local as `2025-06-07 13:00`.
    csv: Option<String>,
}

/// The rain of an interval.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct RainReading {
    /// Code of the gauge; or `gauge_id`.
    station: Option<String>,
    gauge_id: Option<Uuid>,
    /// When the interval ended: a whole minute.
    #[schema(value_type = String, format = DateTime)]
    to: String,
    /// How long it was, 1 to 1440; 60 if not said.
    minutes: Option<u32>,
    /// Millimetres, 0 to 2,000.
    mm: f64,
    /// `ok` if not said.
    flag: Option<RainFlag>,
}

/// How good a reading is; a doubtful one counts as not known.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes the words of calls and answers")]
pub enum RainFlag {
    Ok,
    Estimated,
    Doubtful,
}

/// What became of the readings.
#[derive(Serialize, ToSchema)]
pub struct RainAnswer {
    accepted: usize,
    /// Known already with the same value.
    repeated: usize,
    /// Another value was known; this one counts from now on.
    corrected: usize,
    refused: Vec<RainRefused>,
}

/// A reading that was not taken.
#[derive(Serialize, ToSchema)]
pub struct RainRefused {
    /// Its place in the call, counted from 0.
    index: usize,
    /// Its line in the table, counted from 1; `null` for a member.
    #[schema(required)]
    line: Option<usize>,
    code: &'static str,
    #[schema(required)]
    at: Option<String>,
    detail_vi: String,
    detail_en: String,
}

/// A reading of the call: as it is understood, or why not.
type Given = Result<ReadingIn, Problem>;

/// Takes readings of rain gauges; each is judged alone, however late it comes.
#[utoipa::path(
    post, path = "/api/rain", tag = "risk", request_body = RainCall,
    params(("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once")),
    responses(
        (status = 200, description = "What became of them", body = RainAnswer),
        (status = 422, description = "None was taken: `refused` says why; or the call itself is at fault"),
    )
)]
pub async fn take_rain(writer: Writer) -> Answer {
    let mut fields = writer.fields()?;
    let (members, table) = (fields.take("readings"), fields.text("csv")?);
    fields.finish()?;
    let (given, first_line) = match (members, table) {
        (Some(members), None) => (members_given(&members)?, None),
        (None, Some(table)) => (table_given(&table)?, Some(2)),
        _ => {
            return Err(Problem::new(
                Code::MissingField,
                "cần readings hoặc csv, một trong hai",
                "either readings or csv is needed",
            )
            .at("/readings")
            .into());
        }
    };
    let mut refused = Vec::new();
    let mut places = Vec::new();
    let mut readings = Vec::new();
    for (index, given) in given.into_iter().enumerate() {
        match given {
            Ok(reading) => {
                places.push(index);
                readings.push(reading);
            }
            Err(problem) => refused.push((index, problem)),
        }
    }
    let outcome = if readings.is_empty() && !refused.is_empty() {
        crate::desk::RainOutcome::default()
    } else {
        writer.desk()?.take_rain(&writer.ask(None), readings).await?
    };
    refused.extend(outcome.refused.into_iter().map(|refused| (places[refused.index], refused.problem)));
    refused.sort_by_key(|(index, _)| *index);
    let taken = outcome.accepted + outcome.repeated + outcome.corrected;
    let refused = refused.into_iter().map(|(index, problem)| RainRefused {
        index,
        line: first_line.map(|first| first + index),
        code: problem.code.as_str(),
        at: problem.at,
        detail_vi: problem.detail_vi,
        detail_en: problem.detail_en,
    });
    let answer = RainAnswer {
        accepted: outcome.accepted,
        repeated: outcome.repeated,
        corrected: outcome.corrected,
        refused: refused.collect(),
    };
    if taken == 0 {
        return Err(none_taken(&answer));
    }
    json_answer(&answer)
}

fn none_taken(answer: &RainAnswer) -> Refusal {
    let first = answer.refused.first();
    let (vi, en) =
        first.map_or_else(Default::default, |refused| (refused.detail_vi.as_str(), refused.detail_en.as_str()));
    Problem::new(
        Code::InvalidValue,
        format!("không nhận được số đo nào; dòng đầu bị từ chối: {vi}"),
        format!("no reading was taken; the first one refused: {en}"),
    )
    .with("refused", serde_json::to_value(&answer.refused).unwrap_or_default())
    .into()
}

fn too_many() -> Problem {
    Problem::new(
        Code::LimitExceeded,
        format!("nhiều hơn {READINGS_MAX} số đo trong một lần gửi"),
        format!("more than {READINGS_MAX} readings in one call"),
    )
    .at("/readings")
}

fn members_given(members: &Value) -> Result<Vec<Given>, Problem> {
    let members = members.as_array().ok_or_else(|| {
        Problem::new(Code::InvalidValue, "readings: cần danh sách", "readings: expected a list").at("/readings")
    })?;
    if members.len() > READINGS_MAX {
        return Err(too_many());
    }
    Ok(members.iter().enumerate().map(|(index, member)| member_given(index, member)).collect())
}

fn member_given(index: usize, member: &Value) -> Given {
    let at = format!("/readings/{index}");
    let mut fields = Fields::at(member.clone(), &at)?;
    let gauge = match (fields.uuid("gauge_id")?, fields.text("station")?) {
        (Some(id), None) => GaugeName::Id(id),
        (None, Some(code)) => GaugeName::Code(code),
        _ => {
            return Err(Problem::new(
                Code::MissingField,
                "cần station hoặc gauge_id, một trong hai",
                "either station or gauge_id is needed",
            )
            .at(&at));
        }
    };
    let to = fields.time("to")?.ok_or_else(|| missing("to", &at))?;
    let minutes = fields.integer("minutes")?.unwrap_or(60);
    let mm = fields.needed_number("mm")?;
    let flag = fields.word("flag", Flag::from_word)?.unwrap_or(Flag::Ok);
    fields.finish()?;
    Ok(ReadingIn { gauge, to, minutes, mm, flag })
}

fn missing(name: &str, at: &str) -> Problem {
    Problem::new(
        Code::MissingField,
        format!("Thiếu trường bắt buộc {name}."),
        format!("The required field {name} is missing."),
    )
    .at(&format!("{at}/{name}"))
}

fn table_given(table: &str) -> Result<Vec<Given>, Problem> {
    let first = table.lines().next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| first.bytes().filter(|byte| byte == d).count());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(table.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().map_err(|error| broken_table(&error))?.clone();
    let column = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
    let needed = |name: &str| column(name).ok_or_else(|| no_column(name));
    let (station, to, mm) = (needed("station")?, needed("to")?, needed("mm")?);
    let (minutes, flag) = (column("minutes"), column("flag"));
    let mut given = Vec::new();
    for row in reader.records() {
        if given.len() == READINGS_MAX {
            return Err(too_many());
        }
        let row = row.map_err(|error| broken_table(&error))?;
        let cell = |at: usize| row.get(at).unwrap_or_default();
        let wrong = |name: &str, what: &str| {
            Problem::new(
                Code::InvalidValue,
                format!("{name}: không đọc được \"{what}\""),
                format!("{name}: cannot read \"{what}\""),
            )
            .at(name)
        };
        let number = |name: &str, text: &str| text.replace(',', ".").parse::<f64>().map_err(|_| wrong(name, text));
        let of_row = || -> Given {
            let minutes = match minutes.map(cell).filter(|text| !text.is_empty()) {
                Some(text) => text.parse().map_err(|_| wrong("minutes", text))?,
                None => 60,
            };
            let flag = match flag.map(cell).filter(|text| !text.is_empty()) {
                Some(word) => Flag::from_word(word).ok_or_else(|| wrong("flag", word))?,
                None => Flag::Ok,
            };
            let to = Timestamp::parse_typed(cell(to)).map_err(|_| wrong("to", cell(to)))?;
            let mm = number("mm", cell(mm))?;
            Ok(ReadingIn { gauge: GaugeName::Code(cell(station).to_owned()), to, minutes, mm, flag })
        };
        given.push(of_row());
    }
    Ok(given)
}

fn no_column(name: &str) -> Problem {
    Problem::new(
        Code::MissingField,
        format!("bảng thiếu cột {name}: dòng đầu cần station,to,minutes,mm"),
        format!("the table has no column {name}: its first line must be station,to,minutes,mm"),
    )
    .at("/csv")
}

fn broken_table(error: &csv::Error) -> Problem {
    Problem::new(Code::InvalidValue, format!("bảng hỏng: {error}"), format!("the table is broken: {error}")).at("/csv")
}

/// What a gauge says of the last days.
#[derive(Serialize, ToSchema)]
pub struct GaugeRain {
    gauge_id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// Rain of the last hours. `known_share` says how much of them is known; what is missing is no dry time.
    totals: Vec<RainTotal>,
    /// Sums of local days, today first.
    days: Vec<RainDaySum>,
    /// In the order of their ends.
    readings: Vec<RainTold>,
}

/// Rain of the last hours.
#[derive(Serialize, ToSchema)]
pub struct RainTotal {
    hours: u32,
    /// At least so much.
    mm: f64,
    known_share: f64,
}

/// Rain of a local day.
#[derive(Serialize, ToSchema)]
pub struct RainDaySum {
    day: String,
    /// At least so much.
    mm: f64,
    /// Of the day, or of what is over of it.
    known_share: f64,
}

/// A reading as it counts.
#[derive(Serialize, ToSchema)]
pub struct RainTold {
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    mm: f64,
    #[schema(value_type = RainFlag)]
    flag: Flag,
}

/// Readings, totals and day sums of a gauge.
#[utoipa::path(
    get, path = "/api/rain_gauges/{id}/rain", tag = "risk",
    params(
        ("id" = String, Path, description = "Id of the gauge"),
        ("hours" = Option<u32>, Query, description = "Hours of readings, up to 744; 72 if not said"),
    ),
    responses((status = 200, description = "What it says", body = GaugeRain))
)]
pub async fn gauge_rain(reader: Reader, Path(id): Path<String>) -> Answer {
    let id = id_named(&id)?;
    let mut params = Params::parse(reader.uri.query())?;
    let hours = params.count("hours", HOURS_MAX)?.unwrap_or(HOURS);
    params.finish()?;
    let view = reader.view()?;
    let gauge = view.item(Collection::RainGauges, id).ok_or_else(|| {
        Problem::new(Code::NotFound, format!("không có trạm đo mưa {id}"), format!("there is no rain gauge {id}"))
    })?;
    let (id, now) = (gauge.id(), view.now());
    let first = now.plus_s(-3_600 * hours.max(24 * DAYS_TOLD as usize + 24) as i64);
    let readings = reader.live()?.desk.rain_of(id, first, now);
    let share = |total: Total| (total.known_share.min(1.0) * 1_000.0).round() / 1_000.0;
    let tenth = |mm: f64| (mm * 10.0).round() / 10.0;
    let hourly = |hours: u32| {
        let total = rolling(&readings, now, hours);
        RainTotal { hours, mm: tenth(total.mm), known_share: share(total) }
    };
    let daily = |days_ago: i64| {
        let day = now.plus_s(-DAY_S * days_ago).local_text()[..10].to_owned();
        let from = Timestamp::parse_typed(&format!("{day} 00:00")).unwrap_or(now);
        let sum = total(&readings, from, from.plus_s(DAY_MINUTES * 60).min(now));
        RainDaySum { day, mm: tenth(sum.mm), known_share: share(sum) }
    };
    let since = now.plus_s(-3_600 * hours as i64);
    let told = |reading: &Reading| RainTold { from: reading.from, to: reading.to, mm: reading.mm, flag: reading.flag };
    json_answer(&GaugeRain {
        gauge_id: id,
        as_of: now,
        totals: DURATIONS_H.into_iter().map(hourly).collect(),
        days: (0..DAYS_TOLD).map(daily).collect(),
        readings: readings.iter().filter(|reading| reading.to > since).map(told).collect(),
    })
}
