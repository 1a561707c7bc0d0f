//! The report of a quarter as its readers get it: the count, and beside it what was agreed and what was frozen.
//!
//! A figure that was reported upward never changes silently. Once a report is closed its figures are those of the
//! closing, in its own lines and wherever a later report names them; what the records have come to say since stands
//! beside them as corrections, force by force.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::figures::{FIGURES, find};
use super::part;
use super::quarter::{Line, QuarterReport, Records, Row};
use crate::domain::change::Seq;
use crate::domain::number::{plain, rounded};
use crate::domain::quarter::Quarter;
use crate::domain::quarter_report::{
    Agreed, Closed, Course, Frozen, Portion, State, Statement, StepTaken, id_of, portion_key,
};
use crate::domain::{Collection, Force, Timestamp};
use crate::picture::Feature;

/// What has become of a figure of a force since the report was closed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Correction {
    /// Id of the figure.
    pub figure: &'static str,
    pub title_vi: &'static str,
    pub title_en: &'static str,
    /// The force whose it is; null for what no force answers for.
    #[schema(required)]
    pub force: Option<Force>,
    /// What was counted when the report was closed.
    #[serde(serialize_with = "plain")]
    pub closed_value: f64,
    /// What is counted now.
    #[serde(serialize_with = "plain")]
    pub value_now: f64,
    /// `value_now` less `closed_value`.
    #[serde(serialize_with = "plain")]
    pub delta: f64,
    /// Rows that were entered or changed since, of those that count now.
    pub rows: usize,
    /// Rows of the closing that have changed since or no longer count.
    pub rows_gone: usize,
    /// When the first of `rows` was recorded; null where rows only went.
    #[schema(required, value_type = Option<String>, format = "date-time")]
    pub first_at: Option<Timestamp>,
}

/// One figure of the account.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ReportedFigure {
    /// Of a closed report the figures of the closing; else the count, or what was agreed in its place.
    #[serde(flatten)]
    pub line: Line,
    /// What the records sum up to now.
    #[serde(serialize_with = "plain")]
    pub recounted: f64,
    /// What forces state of it, side by side.
    pub statements: Vec<Statement>,
    /// Whether one of them is not what is counted.
    pub differs: bool,
    /// What was agreed on, if it still holds beside the count.
    #[schema(required)]
    pub agreed: Option<Agreed>,
}

/// The part of a force.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ReportPart)]
pub struct Part {
    pub force: Force,
    pub state: State,
    /// Version of its record, for `If-Match`; 0 where there is none yet.
    pub version: u32,
    pub steps: Vec<StepTaken>,
}

/// Where a report stands.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ReportStanding)]
pub struct Standing {
    pub state: State,
    /// Version of the province's record, for `If-Match`; 0 where there is none yet.
    pub version: u32,
    pub steps: Vec<StepTaken>,
    /// What each force has submitted of its own.
    pub parts: Vec<Part>,
    /// When it was closed, and the last change that its figures know of; null before.
    #[schema(required)]
    pub closed: Option<Closed>,
    /// What has become known since it was closed.
    pub corrections: Vec<Correction>,
    /// The same of the quarter before, whose figures stand here as they were closed.
    pub previous_corrections: Vec<Correction>,
}

/// The account of a quarter.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub quarter: Quarter,
    pub standing: Standing,
    pub lines: Vec<ReportedFigure>,
    course: Course,
}

/// The reports of some quarters: versions and courses by id.
type Courses = BTreeMap<uuid::Uuid, (u32, Course)>;

impl Account {
    /// Counts, and lays beside it what was agreed and frozen.
    ///
    /// # Errors
    /// The fault of `records`.
    pub fn of<R: Records>(quarter: Quarter, records: &mut R) -> Result<Self, R::Fault> {
        let courses = courses(&[quarter, quarter.previous(), quarter.year_before()], records)?;
        let of = |quarter: Quarter| courses.get(&id_of(quarter, None)).map(|(_, course)| course);
        let counted = QuarterReport::count(quarter, records)?;
        let previous = of(quarter.previous()).filter(|course| course.closed.is_some());
        let previous_corrections = match previous {
            Some(course) => corrections(course, &QuarterReport::count(quarter.previous(), records)?),
            None => Vec::new(),
        };
        let (version, course) = courses.get(&id_of(quarter, None)).cloned().unwrap_or_default();
        let parts = Force::ALL.map(|force| {
            let (version, course) = courses.get(&id_of(quarter, Some(force))).cloned().unwrap_or_default();
            Part { force, state: course.state, version, steps: course.steps }
        });
        let standing = Standing {
            state: course.state,
            version,
            steps: course.steps.clone(),
            parts: parts.into(),
            closed: course.closed.clone(),
            corrections: corrections(&course, &counted),
            previous_corrections,
        };
        let year_before = of(quarter.year_before()).filter(|course| course.closed.is_some());
        let lines = counted.lines.into_iter().map(|line| told(line, &course, previous, year_before)).collect();
        Ok(Self { quarter, standing, lines, course })
    }

    /// The account of a part. Of one force over the whole province a closed report stays as it was closed; the figures of
    /// an area are never frozen, and are what is counted. `sees` says whether the reader may see a record one by one.
    ///
    /// # Errors
    /// The fault of `records`.
    pub fn of_part<R: Records>(
        quarter: Quarter,
        records: &mut R,
        part: &part::Part<'_>,
        sees: &dyn Fn(Collection, &Feature) -> bool,
    ) -> Result<Self, R::Fault> {
        let (area, Some(force)) = (part.area, part.force) else {
            return Self::of_area(quarter, records, part, sees);
        };
        let mut account = Self::of_area(quarter, records, part, sees)?;
        if area.is_some() {
            return Ok(account);
        }
        let courses = courses(&[quarter, quarter.previous(), quarter.year_before()], records)?;
        for told in &mut account.lines {
            let frozen = |quarter: Quarter| {
                let frozen = courses.get(&id_of(quarter, None)).and_then(|(_, course)| frozen_of(course, told.line.id));
                frozen.map(|one| one.portions.get(portion_key(Some(force))).map_or(0.0, |portion| portion.value))
            };
            let line = &told.line;
            let value = frozen(quarter).unwrap_or(line.value);
            let previous = frozen(quarter.previous()).unwrap_or(line.previous);
            let year_before = frozen(quarter.year_before()).unwrap_or(line.year_before);
            let by_force = BTreeMap::from([(force.as_str(), value)]);
            told.line = Line { value, previous, year_before, by_force, ..line.clone() }.compared();
        }
        Ok(account)
    }

    fn of_area<R: Records>(
        quarter: Quarter,
        records: &mut R,
        part: &part::Part<'_>,
        sees: &dyn Fn(Collection, &Feature) -> bool,
    ) -> Result<Self, R::Fault> {
        let mut shares =
            |collection: Collection, feature: &Feature, at| part.share(feature, at, || sees(collection, feature));
        let counted = QuarterReport::count_part(quarter, records, &mut shares)?;
        let (version, course) = courses(&[quarter], records)?.remove(&id_of(quarter, None)).unwrap_or_default();
        let standing = Standing {
            state: course.state,
            version,
            steps: course.steps.clone(),
            parts: Vec::new(),
            closed: course.closed.clone(),
            corrections: Vec::new(),
            previous_corrections: Vec::new(),
        };
        let told = |line: Line| {
            let recounted = line.value;
            ReportedFigure { line, recounted, statements: Vec::new(), differs: false, agreed: None }
        };
        Ok(Self { quarter, standing, lines: counted.lines.into_iter().map(told).collect(), course })
    }

    /// The line of a figure.
    #[must_use]
    pub fn line(&self, id: &str) -> Option<&ReportedFigure> {
        self.lines.iter().find(|told| told.line.id == id)
    }

    /// Figures of which a force states something else than is counted, and nothing was agreed on.
    #[must_use]
    pub fn unagreed(&self) -> Vec<&'static str> {
        let open = self.lines.iter().filter(|told| told.differs && told.agreed.is_none());
        open.map(|told| told.line.id).collect()
    }

    /// The report as it goes up: frozen, agreed or counted figures.
    #[must_use]
    pub fn reported(&self) -> QuarterReport {
        QuarterReport { quarter: self.quarter, lines: self.lines.iter().map(|told| told.line.clone()).collect() }
    }

    /// The report that the records make now, for which the rows are those that they sum up to.
    #[must_use]
    pub fn recounted(&self) -> QuarterReport {
        let lines = self.lines.iter().map(|told| Line { value: told.recounted, ..told.line.clone() });
        QuarterReport { quarter: self.quarter, lines: lines.collect() }
    }

    /// The figures as they are to be frozen.
    #[must_use]
    pub fn freeze(&self) -> Vec<Frozen> {
        self.lines.iter().map(frozen).collect()
    }
}

/// The reports of these quarters, those of the province and the parts of forces.
fn courses<R: Records>(quarters: &[Quarter], records: &mut R) -> Result<Courses, R::Fault> {
    let wanted: Vec<String> = quarters.iter().map(ToString::to_string).collect();
    let mut found = Courses::new();
    records.each(Collection::QuarterReports, &mut |feature| {
        if feature.text("quarter").is_some_and(|of| wanted.iter().any(|quarter| *quarter == of)) {
            let properties: Map<String, Value> = serde_json::from_str(&feature.properties).unwrap_or_default();
            found.insert(feature.id, (feature.version, Course::of(&properties)));
        }
    })?;
    Ok(found)
}

fn told(mut line: Line, course: &Course, previous: Option<&Course>, year_before: Option<&Course>) -> ReportedFigure {
    let recounted = line.value;
    let own = frozen_of(course, line.id);
    // A report that was closed differs by what was counted then: what came later is a correction.
    let counted = own.map_or(recounted, |frozen| frozen.counted);
    let statements = course.statements_of(line.id);
    let agreed = course.agreed_of(line.id, counted).cloned();
    if let Some(frozen) = own {
        (line.value, line.previous, line.year_before) = (frozen.value, frozen.previous, frozen.year_before);
        let by_force = |(key, portion): (&String, &Portion)| Some((Force::parse(key)?.as_str(), portion.value));
        line.by_force = frozen.portions.iter().filter_map(by_force).collect();
    } else {
        let reported = |course: Option<&Course>| course.and_then(|course| frozen_of(course, line.id)).map(|f| f.value);
        line.previous = reported(previous).unwrap_or(line.previous);
        line.year_before = reported(year_before).unwrap_or(line.year_before);
        line.value = agreed.as_ref().map_or(recounted, |agreed| agreed.value);
    }
    let differs = statements.iter().any(|statement| statement.value != counted);
    ReportedFigure { line: line.compared(), recounted, statements, differs, agreed }
}

/// A figure as it was frozen, if the report is closed and had it.
fn frozen_of<'c>(course: &'c Course, figure: &str) -> Option<&'c Frozen> {
    course.closed.as_ref().and_then(|_| course.frozen.iter().find(|frozen| frozen.figure == figure))
}

fn frozen(told: &ReportedFigure) -> Frozen {
    let mut portions: BTreeMap<String, Portion> = BTreeMap::new();
    for row in &told.line.rows {
        let portion = portions.entry(portion_key(row.force).to_owned()).or_default();
        portion.value += row.value;
        portion.rows += 1;
    }
    portions.values_mut().for_each(|portion| portion.value = rounded(portion.value));
    Frozen {
        figure: told.line.id.to_owned(),
        value: told.line.value,
        counted: told.recounted,
        previous: told.line.previous,
        year_before: told.line.year_before,
        portions,
    }
}

/// What the count says otherwise than the figures that a report was closed with; nothing if it is not closed.
fn corrections(course: &Course, counted: &QuarterReport) -> Vec<Correction> {
    let Some(closed) = &course.closed else { return Vec::new() };
    let mut found = Vec::new();
    for figure in FIGURES {
        let frozen = frozen_of(course, figure.id);
        let (Some(frozen), Some(line)) = (frozen, counted.line(figure.id)) else { continue };
        for force in Force::ALL.into_iter().map(Some).chain([None]) {
            found.extend(correction(figure.id, force, frozen, &line.rows, closed.seq));
        }
    }
    found
}

fn correction(
    id: &'static str,
    force: Option<Force>,
    frozen: &Frozen,
    rows: &[Row],
    closed_seq: Seq,
) -> Option<Correction> {
    let figure = find(id)?;
    let then = frozen.portions.get(portion_key(force)).cloned().unwrap_or_default();
    let own = || rows.iter().filter(|row| row.force == force);
    let since = || own().filter(|row| row.seq > closed_seq);
    let value_now = rounded(own().map(|row| row.value).sum());
    let delta = rounded(value_now - then.value);
    if delta == 0.0 {
        return None;
    }
    // A row that has not changed since counted then as it does now; what is missing of those of then has changed or gone.
    let unchanged = own().count() - since().count();
    Some(Correction {
        figure: figure.id,
        title_vi: figure.title_vi,
        title_en: figure.title_en,
        force,
        closed_value: then.value,
        value_now,
        delta,
        rows: since().count(),
        rows_gone: then.rows.saturating_sub(unchanged),
        first_at: since().map(|row| row.recorded_at).min(),
    })
}
