//! The quarterly report: its figures, and the rows that each was counted from.

use std::collections::BTreeMap;

use axum::extract::Path;
use serde::Serialize;
use utoipa::ToSchema;

use super::actor::Reader;
use super::answer::{geojson, json};
use super::error::{Answer, Refusal};
use super::long;
use super::params::{Params, invalid, no_record};
use crate::domain::access::Deed;
use crate::domain::moment::Moment;
use crate::domain::quarter::Quarter;
use crate::domain::quarter_report::{State, Step, check_time, is_of_province, open_to};
use crate::domain::{Actor, Collection, Force, Problem, Timestamp};
use crate::geometry::areas::Areas;
use crate::picture::{Shown, View};
use crate::report::account::{Account, Part, ReportedFigure, Standing};
use crate::report::beside::{Rehearsed, Tasks};
use crate::report::figures;
use crate::report::part::{Part as Selected, ReportArea, Wish, areas_of};
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
    /// The area whose figures these are; null for the province. They are counted from the records also where the report is
    /// closed: what was frozen is the province's.
    #[schema(required)]
    area: Option<ReportArea>,
    /// The force whose figures these are; null for all.
    #[schema(required)]
    force: Option<Force>,
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
    /// What of it names no commune, in all the province; null where no area was asked for. All areas of a level, this and
    /// `withheld` add up to the province's count.
    #[schema(required)]
    unplaced: Option<f64>,
    /// What of it the reader may not see one by one, in all the province: it is told for no area.
    #[schema(required)]
    withheld: Option<f64>,
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
///
/// With `area` the figures are those of a commune, of a district (to 2025-06-30) or of what names no commune, and count what
/// the reader may see one by one there: nothing else is told by area. Where the area was not in force in a quarter, they
/// are counted through the mapping between districts and communes, and `basis` says so. Whoever answers for part of the
/// province reads the areas that lie in it.
#[utoipa::path(
    get, path = "/api/reports/{quarter}", tag = "reports",
    params(
        ("quarter" = String, Path, description = "Such as 2024Q3"),
        ("area" = Option<String>, Query, description = "Code of a commune of today, of a district (to 2025-06-30), of the province; `unknown` for what names no commune"),
        ("force" = inline(Option<Force>), Query, description = "The force whose figures are asked for; all if not said"),
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; now if neither is said"),
    ),
    responses((status = 200, description = "The figures", body = QuarterAnswer))
)]
pub async fn read_quarter(Path(quarter): Path<String>, reader: Reader) -> Answer {
    reader.actor().check(Deed::ReadReports)?;
    let quarter = Quarter::parse(&quarter)?;
    let mut params = Params::parse(reader.uri.query())?;
    let (moment, wish) = (params.moment()?, wish(&mut params)?);
    params.finish()?;
    let (is_past, view) = (moment.is_some(), reader.view_of(moment).await?);
    let Accounted { account, area, .. } = accounted(&reader, &view, quarter, &wish).await?;
    // What was so at another moment is not stepped on from there, nor is a part of the figures.
    let is_stepped = !is_past && wish.is_whole();
    let may = if is_stepped { may(reader.actor(), &account, view.now()) } else { MayAnswer::default() };
    let (tasks, exercises) = beside(&reader, &view, &account).await?;
    let of_area = |value: f64| area.is_some().then_some(value);
    let figure = |told: ReportedFigure| {
        let (rows, unplaced, withheld) =
            (told.line.rows.len(), of_area(told.line.unplaced), of_area(told.line.withheld));
        FigureAnswer { rows, unplaced, withheld, told }
    };
    let figures = account.lines.into_iter().map(figure).collect();
    json(&QuarterAnswer {
        quarter: quarter.to_string(),
        title_vi: quarter.title_vi(),
        from: quarter.start(),
        to: quarter.next().start(),
        previous: quarter.previous().to_string(),
        year_before: quarter.year_before().to_string(),
        force: wish.force,
        figures,
        area,
        standing: account.standing,
        tasks,
        exercises,
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
        ("area" = Option<String>, Query, description = "Code of a commune of today, of a district (to 2025-06-30), of the province; `unknown` for what names no commune"),
        ("force" = inline(Option<Force>), Query, description = "The force whose figures are asked for; all if not said"),
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
    let wish = wish(&mut params)?;
    params.finish()?;
    let view = reader.view_of(moment).await?;
    let report = counted(&reader, &view, quarter, &wish).await?;
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

/// An account, and whose figures it holds.
pub(super) struct Accounted {
    pub account: Account,
    pub area: Option<ReportArea>,
    /// As the head of a document says it; nothing where it is of the whole province and all forces.
    pub title_vi: Option<String>,
    /// What ends the name of a file that holds it.
    pub stem: String,
}

/// The area and the force that are asked for.
///
/// # Errors
/// `invalid_parameter`.
pub(super) fn wish(params: &mut Params<'_>) -> Result<Wish, Problem> {
    let force = params.text("force")?.map(|name| {
        let words = "police, military, border_guard, civil";
        Force::parse(&name).ok_or_else(|| {
            invalid("force", format_args!("cần một trong {words}"), format_args!("expected one of {words}"))
        })
    });
    Ok(Wish { area: params.text("area")?.map(std::borrow::Cow::into_owned), force: force.transpose()? })
}

/// The account of a quarter by this view, made in its turn.
///
/// # Errors
/// `invalid_parameter` and `forbidden` at `area`; `too_busy` when too many long questions wait.
pub(super) async fn accounted(
    reader: &Reader,
    view: &View,
    quarter: Quarter,
    wish: &Wish,
) -> Result<Accounted, Refusal> {
    in_part(reader, view, wish, |part| {
        let account = match wish.is_whole() {
            true => Account::of(quarter, &mut &*view),
            false => Account::of_part(quarter, &mut &*view, part, &|of, feature| view.sees_whole(of, feature)),
        };
        let account = account.unwrap_or_else(|never| match never {});
        Accounted { account, area: part.told(quarter), title_vi: part.title_vi(), stem: part.stem() }
    })
    .await
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

async fn counted(reader: &Reader, view: &View, quarter: Quarter, wish: &Wish) -> Result<QuarterReport, Refusal> {
    in_part(reader, view, wish, |part| {
        let report = QuarterReport::count_part(quarter, &mut &*view, &mut |of, feature, at| {
            part.share(feature, at, || view.sees_whole(of, feature))
        });
        report.unwrap_or_else(|never| match never {})
    })
    .await
}

/// Answers a question about the part that is asked for, if the reader may ask it.
async fn in_part<T>(
    reader: &Reader,
    view: &View,
    wish: &Wish,
    question: impl FnOnce(&Selected<'_>) -> T + Send,
) -> Result<T, Refusal> {
    let looks_at = view.held(&Collection::ALL);
    let answered = long::answer(reader, looks_at, || {
        // Without an area there is nothing to ask the units.
        let areas = match wish.area {
            Some(_) => areas_of(&mut &*view).unwrap_or_else(|never| match never {}),
            None => Areas::default(),
        };
        let part = wish.part(&areas)?;
        part.check(view.actor())?;
        Ok::<T, Problem>(question(&part))
    });
    Ok(answered.await??)
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
