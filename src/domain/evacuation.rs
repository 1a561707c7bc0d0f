//! The way of a household's people out of danger: what was told of them, and where they are by it.
//!
//! A household keeps every **report** ("at 02:14 four of them were in the school, told by the head of the hamlet"). Where
//! its people are (**parts**) is worked out from all reports anew, so that reports may come late, twice and in any order,
//! as two telephones without coverage send them:
//!
//! 1. Reports count in the order of the time they speak of (`at`), then of their ids; when they arrived does not matter.
//!    The same reports lead to the same parts, on every node and after every outage.
//! 2. A report says how many of the household are at one place in one state **all told**. Told twice, it is once. Only a
//!    report marked `more` adds to what was told before ("two more arrived").
//! 3. A report that makes its part grow takes people from the part that it names (`from`), else from those who are still
//!    inside, whoever came farthest first; never from those who are out already.
//! 4. A report that needs more people than there are does not take those who refused or could not be reached: it is a
//!    contradiction, not news of them. It counts as many as there are, and the rest stands as a discrepancy.
//! 5. A report that makes its part shrink leaves people of whom nobody knows; they count as inside until they are told of.
//!
//! Nobody is doubled and nobody lost: the parts always sum up to the members. A report that was wrong is withdrawn by a
//! report of its own; it stays in the list with who withdrew it and why.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Code, Problem, Timestamp, household};

/// Reports that a household keeps, at most.
pub const REPORTS_MAX: usize = 120;
/// Tries after which somebody must look for whoever could not be reached.
pub const TRIES_MAX: i64 = 3;
/// A figure that is older is marked, seconds.
pub const OLD_S: i64 = 30 * 60;

/// Ways of warning.
pub const CHANNELS: &[&str] = &["visit", "loudspeaker", "siren", "phone", "sms", "radio", "app", "other"];

/// Where somebody may be in the chain; the order is that in which a household counts by the least of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Registered,
    AtRisk,
    Unreachable,
    Notified,
    Refused,
    Moving,
    Sheltered,
    WithRelatives,
    ReturnAuthorised,
    Returned,
    Relocated,
}

impl State {
    /// All of them, from the least to the last.
    pub const ALL: [Self; 11] = [
        Self::Registered,
        Self::AtRisk,
        Self::Unreachable,
        Self::Notified,
        Self::Refused,
        Self::Moving,
        Self::Sheltered,
        Self::WithRelatives,
        Self::ReturnAuthorised,
        Self::Returned,
        Self::Relocated,
    ];
    /// What can be reported; the others follow from the list and the zones.
    pub const REPORTED: [Self; 9] = [
        Self::Notified,
        Self::Moving,
        Self::Sheltered,
        Self::WithRelatives,
        Self::Refused,
        Self::Unreachable,
        Self::ReturnAuthorised,
        Self::Returned,
        Self::Relocated,
    ];
    /// What a unit in the field may report where it has its task.
    pub const BY_FIELD_UNIT: [Self; 6] =
        [Self::Notified, Self::Moving, Self::Sheltered, Self::WithRelatives, Self::Refused, Self::Unreachable];

    /// Its name in records and calls.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::AtRisk => "at_risk",
            Self::Unreachable => "unreachable",
            Self::Notified => "notified",
            Self::Refused => "refused",
            Self::Moving => "moving",
            Self::Sheltered => "sheltered",
            Self::WithRelatives => "with_relatives",
            Self::ReturnAuthorised => "return_authorised",
            Self::Returned => "returned",
            Self::Relocated => "relocated",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// What it is called on screen.
    #[must_use]
    pub fn title_vi(self) -> &'static str {
        match self {
            Self::Registered | Self::AtRisk => "chưa thông báo",
            Self::Unreachable => "chưa liên lạc được",
            Self::Notified => "đã thông báo",
            Self::Refused => "chưa chấp hành",
            Self::Moving => "đang di chuyển",
            Self::Sheltered => "ở điểm sơ tán",
            Self::WithRelatives => "ở nhà người thân",
            Self::ReturnAuthorised => "được phép về",
            Self::Returned => "đã về",
            Self::Relocated => "đã di dời",
        }
    }

    /// Whether whoever is in it counts as still inside. On the way is inside: nobody counted them where they go.
    #[must_use]
    pub fn is_inside(self) -> bool {
        !matches!(self, Self::Sheltered | Self::WithRelatives | Self::ReturnAuthorised | Self::Relocated)
    }

    /// Whether people are counted as they arrive in it.
    #[must_use]
    pub fn is_arrival(self) -> bool {
        matches!(self, Self::Sheltered | Self::WithRelatives)
    }

    /// Whoever may go home is in the shelter until they have gone.
    fn is_in_shelter(self) -> bool {
        matches!(self, Self::Sheltered | Self::ReturnAuthorised)
    }

    /// Whether people are counted on the way: as they leave and as they arrive.
    fn is_counted(self) -> bool {
        self == Self::Moving || self.is_arrival()
    }

    /// From where people come into it if nobody says, first those who are taken first.
    fn sources(self) -> &'static [Self] {
        use State as S;
        match self {
            S::Registered | S::AtRisk => &[],
            S::Notified => &[S::AtRisk, S::Registered, S::Returned, S::Unreachable],
            S::Refused => &[S::Notified, S::AtRisk, S::Registered, S::Returned, S::Unreachable, S::Moving],
            S::Unreachable => &[S::AtRisk, S::Registered, S::Returned, S::Notified],
            S::Moving => &[S::Notified, S::AtRisk, S::Registered, S::Returned, S::Refused, S::Unreachable],
            S::Sheltered | S::WithRelatives => {
                &[S::Moving, S::Notified, S::AtRisk, S::Registered, S::Returned, S::Refused, S::Unreachable]
            }
            S::ReturnAuthorised => &[S::Sheltered, S::WithRelatives],
            S::Returned => &[S::ReturnAuthorised],
            S::Relocated => &[
                S::AtRisk,
                S::Registered,
                S::Returned,
                S::Notified,
                S::Moving,
                S::Sheltered,
                S::WithRelatives,
                S::ReturnAuthorised,
                S::Refused,
                S::Unreachable,
            ],
        }
    }
}

/// What was told of a household's people at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub id: Uuid,
    pub state: State,
    /// So many are in this state at this place, all told; all whom it may concern if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<i64>,
    /// `people` come besides those told before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// The state that they leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<State>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shelter_id: Option<Uuid>,
    /// Where, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// When it was so; absent in what stood in the list before anything was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// When the server heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Timestamp>,
    /// Who told the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Who was heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<String>,
    /// What the state rests on, by the name of the field.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub evidence: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawn>,
}

/// Why a report counts no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
}

/// People of a household who are at one place in one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub state: State,
    pub people: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shelter_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// When it became known so; absent where nobody told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_by: Option<String>,
}

impl Part {
    fn empty(state: State) -> Self {
        Self { state, people: 0, shelter_id: None, place: None, at: None, by: None, source: None, told_by: None }
    }
}

/// What does not fit in the counts of a household.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discrepancy {
    /// Left with the others, and were not counted where those arrived.
    pub missing: i64,
    /// Counted on leaving or arriving though nobody was left who could.
    pub surplus: i64,
    /// Were counted somewhere, and later not any more.
    pub strayed: i64,
}

impl Discrepancy {
    /// Whether all fits.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Where the people of a household are, by all that was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// None of them empty; they sum up to the members.
    pub parts: Vec<Part>,
    pub discrepancy: Discrepancy,
}

impl Outcome {
    /// The part by which the household counts: its least.
    #[must_use]
    pub fn least(&self) -> Option<&Part> {
        self.parts.iter().min_by_key(|part| part.state)
    }

    /// How many are in a shelter.
    #[must_use]
    pub fn in_shelter(&self, shelter: Uuid) -> i64 {
        let there = |part: &&Part| part.state.is_in_shelter() && part.shelter_id == Some(shelter);
        self.parts.iter().filter(there).map(|part| part.people).sum()
    }
}

/// One part while the reports are gone through.
struct Open {
    part: Part,
    /// People who were counted here and could not be.
    lacking: i64,
}

/// Where the `members` of a household are by these reports. Pure, and the same whatever the order of `reports`.
#[must_use]
pub fn outcome(members: i64, reports: &[Report]) -> Outcome {
    let mut counted: Vec<&Report> = reports.iter().filter(|report| report.withdrawn.is_none()).collect();
    counted.sort_by_key(|report| (report.at, report.id));
    let mut course = Course::new(members.max(0));
    for report in counted {
        course.take(report);
    }
    course.end()
}

/// The household on its way through the reports.
struct Course {
    open: Vec<Open>,
    strayed: i64,
    last_departure: Option<Timestamp>,
    last_arrival: Option<Timestamp>,
}

impl Course {
    fn new(members: i64) -> Self {
        let part = Part { people: members, ..Part::empty(State::Registered) };
        Self { open: vec![Open { part, lacking: 0 }], strayed: 0, last_departure: None, last_arrival: None }
    }

    fn take(&mut self, report: &Report) {
        match report.state {
            State::ReturnAuthorised => return self.authorise(report),
            State::Moving => self.last_departure = report.at,
            state if state.is_arrival() => self.last_arrival = report.at,
            _ => {}
        }
        let at = self.part_of(report, report.shelter_id, report.place.as_deref());
        let held = self.open[at].part.people;
        let sources = self.sources(report, at);
        let ready: i64 = sources.iter().map(|n| self.open[*n].part.people).sum();
        let wanted = match report.people {
            None => ready,
            Some(people) if report.more => people,
            Some(people) => people - held,
        };
        if wanted >= 0 {
            self.open[at].lacking = self.draw(&sources, wanted, ready, report.from.is_some(), at);
        } else {
            self.open[at].part.people += wanted;
            self.open[0].part.people -= wanted;
            self.open[at].lacking = 0;
            if report.state.is_counted() {
                self.strayed -= wanted;
            }
        }
        self.tell(at, report);
    }

    /// Whoever may go home stays where they are until they go: a part for each place. Only a withdrawal takes it back.
    fn authorise(&mut self, report: &Report) {
        let held: i64 = self.open.iter().filter(|o| o.part.state == report.state).map(|o| o.part.people).sum();
        let sources = self.sources(report, usize::MAX);
        let ready: i64 = sources.iter().map(|n| self.open[*n].part.people).sum();
        let mut left = match report.people {
            None => ready,
            Some(people) if report.more => people,
            Some(people) => people - held,
        };
        for n in sources {
            let taken = left.clamp(0, self.open[n].part.people);
            let Part { shelter_id, place, .. } = self.open[n].part.clone();
            let to = self.part_of(report, shelter_id, place.as_deref());
            self.open[n].part.people -= taken;
            self.open[to].part.people += taken;
            self.tell(to, report);
            left -= taken;
        }
    }

    fn tell(&mut self, at: usize, report: &Report) {
        let part = &mut self.open[at].part;
        part.at = report.at;
        part.by.clone_from(&report.by);
        part.source.clone_from(&report.source);
        part.told_by.clone_from(&report.told_by);
    }

    /// The part of the report's state at this place.
    fn part_of(&mut self, report: &Report, shelter_id: Option<Uuid>, place: Option<&str>) -> usize {
        let folded = |place: Option<&str>| place.map(|place| place.trim().to_lowercase());
        let is_same = |open: &Open| {
            let part = &open.part;
            (part.state, part.shelter_id) == (report.state, shelter_id)
                && folded(part.place.as_deref()) == folded(place)
        };
        if let Some(at) = self.open.iter().position(is_same) {
            return at;
        }
        let part = Part { shelter_id, place: place.map(str::to_owned), ..Part::empty(report.state) };
        self.open.push(Open { part, lacking: 0 });
        self.open.len() - 1
    }

    /// The parts that a report may take people from, in the order in which it does.
    fn sources(&self, report: &Report, at: usize) -> Vec<usize> {
        let named = report.from.as_ref().map(std::slice::from_ref);
        let states = named.unwrap_or_else(|| report.state.sources());
        let of = |state: State| (0..self.open.len()).filter(move |n| self.open[*n].part.state == state && *n != at);
        // Of several places those that were told of first are left first.
        states.iter().copied().flat_map(of).filter(|n| self.open[*n].part.people > 0).collect()
    }

    /// Moves up to `wanted` people; how many there were not.
    fn draw(&mut self, sources: &[usize], wanted: i64, ready: i64, is_named: bool, to: usize) -> i64 {
        let contradicts = wanted > ready && !is_named;
        let mut left = wanted;
        for n in sources {
            let source = &mut self.open[*n].part;
            if contradicts && matches!(source.state, State::Refused | State::Unreachable) {
                continue;
            }
            let taken = left.min(source.people);
            source.people -= taken;
            left -= taken;
            if *n == 0 {
                self.strayed = self.strayed.min(self.open[0].part.people);
            }
            self.open[to].part.people += taken;
        }
        left
    }

    fn end(self) -> Outcome {
        let moving: i64 =
            self.open.iter().filter(|open| open.part.state == State::Moving).map(|open| open.part.people).sum();
        let counted = |open: &&Open| open.part.state.is_counted();
        let discrepancy = Discrepancy {
            missing: if self.last_arrival.is_some() && self.last_arrival >= self.last_departure { moving } else { 0 },
            surplus: self.open.iter().filter(counted).map(|open| open.lacking).sum(),
            strayed: self.strayed,
        };
        let mut parts: Vec<Part> = self.open.into_iter().map(|open| open.part).filter(|part| part.people > 0).collect();
        parts.sort_by_key(|part| part.state);
        Outcome { parts, discrepancy }
    }
}

/// What stands in a household's record of its evacuation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub members: i64,
    pub reports: Vec<Report>,
}

impl Standing {
    /// Reads a record's properties and personal values. Of a household of which nothing was told yet, its `state` is what
    /// the list said.
    #[must_use]
    pub fn of(properties: &Map<String, Value>, personal: &Map<String, Value>) -> Self {
        let members = properties.get("member_count").and_then(Value::as_i64).unwrap_or(0);
        let kept = personal.get("reports").cloned().map(serde_json::from_value::<Vec<Report>>);
        let reports = match kept {
            Some(Ok(reports)) => reports,
            _ => listed(properties).into_iter().collect(),
        };
        Self { members, reports }
    }

    /// Where its people are.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        outcome(self.members, &self.reports)
    }

    /// Writes reports, parts, `state`, `state_at` and `discrepancy` into the record.
    pub fn write(&self, properties: &mut Map<String, Value>, personal: &mut Map<String, Value>) {
        let outcome = self.outcome();
        personal.insert("reports".to_owned(), json(&self.reports));
        // Where somebody's relatives live stands with the reports alone.
        let parts: Vec<Part> = outcome.parts.iter().cloned().map(|part| Part { place: None, ..part }).collect();
        properties.insert("parts".to_owned(), json(&parts));
        if outcome.discrepancy.is_none() {
            properties.remove("discrepancy");
        } else {
            properties.insert("discrepancy".to_owned(), json(&outcome.discrepancy));
        }
        if let Some(least) = outcome.least() {
            properties.insert("state".to_owned(), least.state.as_str().into());
            match least.at {
                Some(at) => properties.insert("state_at".to_owned(), at.to_string().into()),
                None => properties.remove("state_at"),
            };
        }
    }

    /// Adds a report; those that were withdrawn make room for it, the journal keeps them.
    ///
    /// # Errors
    /// `limit_exceeded` where as many as are kept still count.
    pub fn add(&mut self, report: Report) -> Result<(), Problem> {
        if self.reports.len() >= REPORTS_MAX {
            self.reports.retain(|report| report.withdrawn.is_none());
        }
        if self.reports.len() >= REPORTS_MAX {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("hộ này đã có {REPORTS_MAX} báo cáo: hãy rút bớt báo cáo không còn đúng"),
                format!("the household has {REPORTS_MAX} reports already: withdraw what is no longer right"),
            ));
        }
        self.reports.push(report);
        Ok(())
    }

    /// The same reports for another number of members.
    ///
    /// # Errors
    /// `invalid_value` where more were counted than there would be.
    pub fn with_members(&self, members: i64) -> Result<Self, Problem> {
        let next = Self { members, reports: self.reports.clone() };
        let surplus = |of: &Self| of.outcome().discrepancy.surplus;
        if surplus(&next) <= surplus(self) && next.told_of() >= self.told_of() {
            return Ok(next);
        }
        let told = self.told_of();
        Err(Problem::new(
            Code::InvalidValue,
            format!("member_count: đã có báo cáo về {told} người đã đi, chưa chấp hành hoặc chưa liên lạc được; hãy rút báo cáo sai trước"),
            format!("member_count: reports speak of {told} people who left, refused or were not found; withdraw what is wrong first"),
        )
        .at("/properties/member_count"))
    }

    /// How many left, refused or were not found: whom a smaller household would lose.
    fn told_of(&self) -> i64 {
        let matters = |part: &&Part| {
            !part.state.is_inside() || matches!(part.state, State::Refused | State::Unreachable | State::Moving)
        };
        self.outcome().parts.iter().filter(matters).map(|part| part.people).sum()
    }
}

/// What the list said of a household before anything was told.
fn listed(properties: &Map<String, Value>) -> Option<Report> {
    let text = |name: &str| properties.get(name).and_then(Value::as_str);
    let state = text("state").and_then(State::parse).filter(|state| *state != State::Registered)?;
    let shelter = text("shelter_id").and_then(|id| Uuid::parse_str(id).ok());
    Some(Report {
        id: Uuid::nil(),
        state,
        people: None,
        more: false,
        from: Some(State::Registered),
        shelter_id: shelter.filter(|_| state == State::Sheltered),
        place: None,
        at: text("state_at").and_then(|at| Timestamp::parse(at).ok()),
        recorded_at: None,
        by: None,
        source: None,
        told_by: None,
        evidence: Map::new(),
        withdrawn: None,
    })
}

/// As JSON: plain values with text keys, which are written without fail.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

const _: () = assert!(State::ALL.len() == household::STATES.len());

#[cfg(test)]
#[path = "evacuation_tests.rs"]
mod tests;
