//! The quarterly report: its figures, and the rows that each was counted from.

use std::collections::BTreeMap;

use axum::extract::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::actor::Reader;
use super::answer::{geojson, json};
use super::error::{Answer, Refusal};
use super::long;
use super::params::{Params, no_record};
use crate::domain::access::Deed;
use crate::domain::moment::Moment;
use crate::domain::quarter::Quarter;
use crate::domain::quarter_report::{State, Step, check_time, is_of_province, open_to};
use crate::domain::{Actor, Collection, Force, Timestamp};
use crate::picture::{Shown, View};
use crate::report::account::{Account, Part, ReportedFigure, Standing};
use crate::report::beside::{Rehearsed, Tasks};
use crate::report::figures;
use crate::report::quarter::{QuarterReport, Row};

/// Rows of a figure on a page if nothing else is asked, and at most.
const ROWS: usize = 100;
const ROWS_MAX: usize = 1_000;

/// The figures of a quarter.
#[derive(Serialize, ToSchema)]
pub struct QuarterAnswer {
    /// `2024Q3`.
    quarter: String,
    /// As a Vietnamese report names it.
    title_vi: String,
    /// Its first instant.
    #[schema(value_type = String, format = "date-time")]
    from: Timestamp,
    /// The first instant after it.
    #[schema(value_type = String, format = "date-time")]
    to: Timestamp,
    /// The quarters beside it.
    previous: String,
    year_before: String,
    figures: Vec<FigureAnswer>,
    /// Where the report stands on its way, and what has become known since it was closed.
    #[serde(flatten)]
    standing: Standing,
    /// What is to be done in the next quarter: decisions of briefings that are open at the end of this one. Of a closed report,
    /// as they were known when it was closed.
    tasks: Tasks,
    /// Exercises that ended in the quarter, as they are judged by now.
    exercises: Vec<Rehearsed>,
    /// What the reader may do with it now.
    may: MayAnswer,
    /// Of when the figures are.
    #[serde(rename = "timeStamp")]
    #[schema(value_type = String, format = "date-time")]
    time_stamp: Timestamp,
    seq: u64,
}

/// One figure.
#[derive(Serialize, ToSchema)]
pub struct FigureAnswer {
    #[serde(flatten)]
    told: ReportedFigure,
    /// How many rows it was counted from; `…/figures/{id}` lists them.
    rows: usize,
}

/// What the reader may do with a report now.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = ReportMay)]
pub struct MayAnswer {
    /// Steps of the province's report.
    steps: Vec<Step>,
    /// Steps of the parts, by force; forces of which there is none are left out.
    parts: BTreeMap<&'static str, Vec<Step>>,
    /// Forces for which a figure may be stated.
    state_for: Vec<Force>,
    /// Whether one of the values that stand side by side may be agreed on.
    agree: bool,
}

/// What was accounted for in a quarter beside the quarter before and the same quarter a year before, and how far the report
/// has come.
///
/// Figures are counted now from all records, also of those that the reader may not see one by one. Of a closed report they
/// are those of the closing, here and wherever a later report names them: `recounted` tells what is counted now, and
/// `corrections` what has become known since.
#[utoipa::path(
    get, path = "/api/reports/{quarter}", tag = "reports",
    params(
        ("quarter" = String, Path, description = "Such as 2024Q3"),
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; now if neither is said"),
    ),
    responses((status = 200, description = "The figures", body = QuarterAnswer))
)]
pub async fn read_quarter(Path(quarter): Path<String>, reader: Reader) -> Answer {
    reader.actor().check(Deed::ReadReports)?;
    let quarter = Quarter::parse(&quarter)?;
    let mut params = Params::parse(reader.uri.query())?;
    let moment = params.moment()?;
    params.finish()?;
    let (is_past, view) = (moment.is_some(), reader.view_of(moment).await?);
    let account = accounted(&reader, &view, quarter).await?;
    let beside = beside(&reader, &view, &account).await?;
    // What was so at another moment is not stepped on from there.
    let may = if is_past { MayAnswer::default() } else { may(reader.actor(), &account, view.now()) };
    let figures = account.lines.into_iter().map(|told| FigureAnswer { rows: told.line.rows.len(), told }).collect();
    json(&QuarterAnswer {
        quarter: quarter.to_string(),
        title_vi: quarter.title_vi(),
        from: quarter.start(),
        to: quarter.next().start(),
        previous: quarter.previous().to_string(),
        year_before: quarter.year_before().to_string(),
        figures,
        standing: account.standing,
        tasks: beside.0,
        exercises: beside.1,
        may,
        time_stamp: view.now(),
        seq: view.seq(),
    })
}

/// The rows that a figure was counted from, in the order of their moments: each record with `collection`, what it adds
/// (`value`) and when it counts (`counted_at`). Those that the reader may not see are counted in `hidden`.
#[utoipa::path(
    get, path = "/api/reports/{quarter}/figures/{figure}", tag = "reports",
    params(
        ("quarter" = String, Path, description = "Such as 2024Q3"),
        ("figure" = String, Path, description = "Id of a figure, such as personnel_turns"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Rows on the page; 100 if not said"),
        ("offset" = Option<u32>, Query, description = "Rows to leave out first"),
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; now if neither is said"),
    ),
    responses((
        status = 200, description = "The rows as records", content_type = "application/geo+json",
        body = ref("#/components/schemas/FeatureCollection"),
    ))
)]
pub async fn list_quarter_rows(Path((quarter, figure)): Path<(String, String)>, reader: Reader) -> Answer {
    reader.actor().check(Deed::ReadReports)?;
    let quarter = Quarter::parse(&quarter)?;
    let figure = figures::find(&figure).ok_or_else(|| no_record(&figure))?;
    let mut params = Params::parse(reader.uri.query())?;
    let moment = params.moment()?;
    let limit = params.count("limit", ROWS_MAX)?.unwrap_or(ROWS);
    let offset = params.integer("offset", 0)?.unwrap_or(0);
    params.finish()?;
    let view = reader.view_of(moment).await?;
    let report = counted(&reader, &view, quarter).await?;
    let rows = report.line(figure.id).map_or(&[][..], |line| line.rows.as_slice());
    Ok(geojson(page(&view, rows, offset, limit)))
}

fn may(actor: &Actor, account: &Account, now: Timestamp) -> MayAnswer {
    let (quarter, standing) = (account.quarter, &account.standing);
    let is_taken_over = standing.state >= State::Consolidated;
    let part = |part: &Part| {
        let steps = open_to(actor, quarter, (part.state, &part.steps), Some(part.force), now);
        (!steps.is_empty() && !is_taken_over).then_some((part.force.as_str(), steps))
    };
    let states = !is_taken_over && actor.may(Deed::RunReport) && check_time(Step::Compile, quarter, now).is_ok();
    let speaks_for = |force: &Force| states && actor.force.is_none_or(|own| own == *force);
    MayAnswer {
        steps: open_to(actor, quarter, (standing.state, &standing.steps), None, now),
        parts: standing.parts.iter().filter_map(part).collect(),
        state_for: Force::ALL.into_iter().filter(speaks_for).collect(),
        agree: states && is_of_province(actor),
    }
}

/// The account of a quarter by this view, made in its turn.
///
/// # Errors
/// `too_busy` when too many long questions wait.
pub(super) async fn accounted(reader: &Reader, view: &View, quarter: Quarter) -> Result<Account, Refusal> {
    let looks_at = view.held(&Collection::ALL);
    match long::answer(reader, looks_at, || Account::of(quarter, &mut &*view)).await? {
        Ok(account) => Ok(account),
        Err(never) => match never {},
    }
}

/// What stands beside the figures: the tasks as the reader sees them, and the exercises of this server.
///
/// # Errors
/// As [`Reader::view_of`]; the problem of the store of an exercise.
pub(super) async fn beside(
    reader: &Reader,
    view: &View,
    account: &Account,
) -> Result<(Tasks, Vec<Rehearsed>), Refusal> {
    let quarter = account.quarter;
    let tasks = |view: &View| {
        let sees = |id| view.item(Collection::Decisions, id).is_some_and(|shown| shown.members().count() > 0);
        let Ok(tasks) = Tasks::of(quarter, &mut &*view, sees);
        tasks
    };
    // What was reported upward does not change when somebody carries it out.
    let closed_at = account.standing.closed.as_ref().map(|closed| closed.at);
    let tasks = match closed_at.filter(|at| *at < view.now()) {
        Some(at) => tasks(&reader.view_of(Some(Moment { at, known_at: at })).await?),
        None => tasks(view),
    };
    let exercises = match &reader.live()?.exercises {
        Some(rooms) => rooms.ended_in(quarter, view.now()).await?,
        None => Vec::new(),
    };
    Ok((tasks, exercises))
}

async fn counted(reader: &Reader, view: &View, quarter: Quarter) -> Result<QuarterReport, Refusal> {
    let looks_at = view.held(&Collection::ALL);
    let count = || QuarterReport::count(quarter, &mut &*view);
    match long::answer(reader, looks_at, count).await? {
        Ok(report) => Ok(report),
        Err(never) => match never {},
    }
}

fn page(view: &View, rows: &[Row], offset: usize, limit: usize) -> Vec<u8> {
    let wanted = rows.iter().skip(offset).take(limit);
    let seen: Vec<(&Row, Shown<'_>)> =
        wanted.clone().filter_map(|row| Some((row, view.item(row.collection, row.id)?))).collect();
    let mut body = Vec::with_capacity(512 + seen.len() * 768);
    body.extend_from_slice(b"{\"type\":\"FeatureCollection\",\"features\":[");
    for (n, (row, shown)) in seen.iter().enumerate() {
        if n > 0 {
            body.push(b',');
        }
        let members = [
            ("collection", format!("\"{}\"", row.collection)),
            ("value", row.value.to_string()),
            ("counted_at", format!("\"{}\"", row.at)),
        ];
        let members: Vec<(&str, &str)> = members.iter().map(|(name, text)| (*name, text.as_str())).collect();
        shown.write_geojson(&members, &mut body);
    }
    let (matched, returned, hidden) = (rows.len(), seen.len(), wanted.count() - seen.len());
    body.extend_from_slice(
        format!("],\"numberMatched\":{matched},\"numberReturned\":{returned},\"hidden\":{hidden},").as_bytes(),
    );
    view.write_as_of(&mut body);
    body.push(b'}');
    body
}
