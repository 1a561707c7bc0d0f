//! The verbs of the duty room, one file a verb family: the only room that writes.
//!
//! Every verb takes one road: may you ([`Actor::may`]) → decide on a fresh snapshot of the picture (a pure function
//! of the snapshot, the question and the time) → [`Store::append`] with every version the decision rested on → wait
//! until the picture holds it. A conflict is decided once more on fresh records; then it is a 412 with the present
//! record as the actor's View shows it. Doors translate into these calls and decide nothing.

mod advice;
mod alarms;
mod approvals;
mod assessments;
mod assign;
mod assignments;
mod attachments;
mod border_board;
mod bulk;
mod callers;
mod closures;
mod coordination;
mod course;
mod cut_off;
mod deployed;
mod disasters;
mod emergency;
mod evacuation;
mod evacuation_plan;
mod evacuees;
mod exercises;
mod fences;
mod fixes;
mod grids_held;
mod ground;
mod hand;
mod handover;
mod incidents;
mod inside;
mod isolated;
mod items;
mod levels;
mod locate;
mod merge;
mod open_items;
mod outsiders;
mod patrols;
mod progress;
mod quarter_reports;
mod rain;
mod rain_grids;
mod report;
mod roads;
mod rules;
mod scene;
mod shifts;
mod silence;
mod timers;
mod tips_told;
mod travel;
mod undo;
mod units;
mod warning_message;
mod warnings;
mod words;
mod write;
mod zone_ends;
mod zone_rain;
mod zones;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::accountability::Timers;
use crate::domain::assignment::Step;
use crate::domain::border_rules::BorderRules;
use crate::domain::change::Seq;
use crate::domain::patrol;
use crate::domain::place::Place;
use crate::domain::warning_rules::WarningRules;
use crate::domain::{Actor, Change, Collection, Force, Record, Timestamp};
use crate::picture::PictureHandle;
use crate::roads::RoadsHandle;
use crate::store::{Idempotency, Store, clock};

use self::roads::RoadsHeld;
pub use crate::domain::recommend::{Candidate as UnitCandidate, LeftOut, Reason, Recommendation};
pub use advice::{Advice, Followed};
pub use assessments::{AssessmentDecision, NewAssessment};
pub use attachments::{AttachTo, NewAttachment};
pub use border_board::{AssessmentTold, BorderBoard, BorderRulesTold, LevelTold, SectorStanding};
pub use bulk::{ImportRecord, take_file, take_import};
pub use coordination::NewInformationRequest;
pub use cut_off::{CutOff, CutOffCount, Isolation, Target};
pub use disasters::{DisasterReportCall, check_asked};
pub use evacuation::{EvacuationReport, Evidence, Withdrawal};
pub use evacuation_plan::{EvacuationPlan, Placed, PlannedShelter, Unplaced, WhyUnplaced};
pub use evacuees::{Evacuee, Evacuees};
pub use exercises::{ExerciseSheet, Judgement, NewExercise, Verdict, for_exercise, take_exercise_ground};
pub use fixes::{FIXES_MAX, FixIn, FixesOutcome, RefusedFix};
pub use handover::{ChangedEntry, ChangedKind, Handover, HandoverInside, HandoverInsideZone, ShiftTold};
pub use inside::{
    AtRiskCounts, InsideBoard, InsideFigures, InsideOfZone, PeopleOnNoList, StateCounts, TimeToClear,
    Told as ToldFigure,
};
pub use isolated::{CutByClosure, RoadsFound};
pub use locate::Candidate;
pub use open_items::{HandoverItem, HandoverSection};
pub use outsiders::Outsiders;
pub use progress::Way;
pub use quarter_reports::{FigureAgreement, FigureStatement, ReportStep};
pub use rain::{GaugeName, READINGS_MAX, RainOutcome, ReadingIn, RefusedReading};
pub use rain_grids::{GridIn, GridOutcome};
pub use shifts::ShiftCall;
pub use silence::{CallTold, Sign, Silence, SilentCommune, SilentHamlet};
pub use tips_told::TipMonth;
pub use undo::Undone;
pub use warnings::{Follow, NewWarning};
pub use write::problem_of as store_problem;
pub use zone_ends::untold_ends;

/// Where the desk reads the time: the rim. Tests put their own in.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine, which never goes back.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        clock::now()
    }
}

/// The verbs of the duty room. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    store: Arc<dyn Store>,
    picture: PictureHandle,
    clock: Arc<dyn Clock>,
    /// How long is waited for an answer.
    timers: Timers,
    /// One at a time for writes of the same record without `If-Match` (a caller added, a status told): each of them
    /// shall get in, and none of them shall have to lose a race.
    turns: Arc<write::Turns>,
    ground: Arc<ground::GroundCache>,
    /// Open grids of rain.
    grids: Arc<grids_held::GridsHeld>,
    roads: Arc<RoadsHeld>,
    snaps: Arc<cut_off::SnapsHeld>,
    /// Advice that an order may rest on.
    given: Arc<advice::AdviceGiven>,
    /// How warnings go out, and whether for real.
    warnings: Arc<WarningRules>,
    warning_status: &'static str,
    /// How levels of border sectors are proposed.
    border_rules: Arc<BorderRules>,
    /// The exercise whose room this is; none where the work is real.
    exercise: Option<Uuid>,
    /// The newest change that this desk made.
    written: Arc<AtomicU64>,
}

/// Who asks, under which conditions.
#[derive(Clone, Debug)]
pub struct Ask {
    pub actor: Actor,
    /// `Idempotency-Key` and the hash of what was asked.
    pub idempotency: Option<Idempotency>,
    /// `If-Match`: the version that the caller saw.
    pub if_match: Option<u32>,
    /// When it happened in the world; now if `None`.
    pub at: Option<Timestamp>,
}

impl Ask {
    /// By this actor, now, without conditions.
    #[must_use]
    pub fn by(actor: Actor) -> Self {
        Self { actor, idempotency: None, if_match: None, at: None }
    }

    /// Demands that the record stands at this version.
    #[must_use]
    pub fn if_match(mut self, version: u32) -> Self {
        self.if_match = Some(version);
        self
    }

    /// Says when it happened.
    #[must_use]
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = Some(at);
        self
    }

    /// Makes the write happen once.
    #[must_use]
    pub fn once(mut self, key: Uuid, body_hash: [u8; 32]) -> Self {
        self.idempotency = Some(Idempotency { key, body_hash });
        self
    }
}

/// What a verb wrote. The picture holds it by the time the caller gets this.
#[derive(Clone, Debug)]
pub struct Written {
    pub collection: Collection,
    /// The record the verb was about, as it was written (or as it stood already, if there was nothing to do).
    pub record: Arc<Record>,
    /// All changes of the call, that of `record` first; empty if there was nothing to do.
    pub changes: Vec<Change>,
    /// The same key had been used before for the same question: these are the changes of that time.
    pub replayed: bool,
}

impl Written {
    /// Id of the record the verb was about.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.record.id
    }

    /// The last seq of the call; a reader who holds it sees the whole call. 0 if there was nothing to do.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.changes.last().map_or(0, |change| change.seq)
    }
}

/// Geometry and properties as a caller gives them, whole.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// WGS 84 lon/lat.
    pub geometry: Option<Geometry<f64>>,
    pub properties: Map<String, Value>,
}

/// A merge patch (RFC 7396) of one record: a null property is removed.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// `None`: left as it is; `Some(None)`: removed.
    pub geometry: Option<Option<Geometry<f64>>>,
    pub properties: Map<String, Value>,
}

/// A report of an incident: no more than a kind and a place is needed.
#[derive(Clone, Debug)]
pub struct Report {
    pub place: Place,
    /// `kind` and whatever else the caller said (`severity`, `title`, `reporter_phone`, `channel` …), by field name.
    pub properties: Map<String, Value>,
}

/// What a report led to.
#[derive(Clone, Debug)]
pub struct Reported {
    pub written: Written,
    /// Open incidents of like kind nearby: the same one?
    pub similar: Vec<Similar>,
}

/// An open incident that may be the same one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similar {
    pub id: Uuid,
    /// Geodesic metres; `None` where only the commune of one of the two is known.
    pub distance_m: Option<f64>,
}

/// Somebody who reported an incident that is known already.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    pub phone: Option<String>,
    pub name: Option<String>,
    pub text: Option<String>,
}

/// What is new in an incident.
#[derive(Clone, Debug, Default)]
pub struct Update {
    pub text: String,
    pub severity: Option<i64>,
    pub dead: Option<i64>,
    pub missing: Option<i64>,
    pub injured: Option<i64>,
    pub rescued: Option<i64>,
}

/// What can be done with an incident beside editing its fields, assigning units and adding callers.
#[derive(Clone, Debug)]
pub enum IncidentVerb {
    Verify { text: Option<String> },
    Reject { reason: String },
    Merge { into: Uuid },
    Unmerge,
    Monitor { text: Option<String> },
    Start { text: Option<String> },
    Contain { text: Option<String> },
    Update(Update),
    HandOver { agency: String, record_no: String, text: Option<String> },
    Close { outcome: String, text: Option<String> },
    Reopen { reason: String },
    Acknowledge,
}

/// What is ordered for an incident.
#[derive(Clone, Debug)]
pub struct Order {
    pub unit: Uuid,
    /// Only written down as what might be sent.
    pub is_proposal: bool,
    /// The advice that was on the screen.
    pub followed: Option<Followed>,
}

impl From<Uuid> for Order {
    /// A unit is sent, without advice.
    fn from(unit: Uuid) -> Self {
        Self { unit, is_proposal: false, followed: None }
    }
}

/// What an assignment or a release led to.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// The first change is the incident's.
    pub written: Written,
    /// The unit as it was written.
    pub unit: Arc<Record>,
    /// The assignment that was made, changed or stands; none where units were assigned before there were any.
    pub assignment: Option<Uuid>,
    /// The unit is busy: the incident waits for it and its status is as before.
    pub queued: bool,
}

/// A status as it was told.
#[derive(Clone, Debug)]
pub struct StatusReport {
    pub status: String,
    /// `own`, `radio` or `desk`; by who asks if `None`.
    pub source: Option<String>,
}

/// The level of a zone as somebody sets it.
#[derive(Clone, Debug)]
pub struct SetLevel {
    /// 1–5; `None` takes the level away.
    pub level: Option<u8>,
    pub reason: String,
    /// On whose word, where it came by telephone.
    pub told_by: Option<String>,
}

/// What became of an assignment, as told by the unit or for it.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// One of [`Step::BY_UNIT`].
    pub step: Step,
    pub told: Told,
    /// Why a unit declines.
    pub reason: Option<String>,
}

/// What a duty officer decides on an assignment.
#[derive(Clone, Debug)]
pub struct Decision {
    /// One of [`Step::BY_OFFICER`].
    pub step: Step,
    pub told: Told,
    /// Why another force refuses.
    pub reason: Option<String>,
}

/// A sign of life of a unit that is out, or word that none will come for a while.
#[derive(Clone, Debug)]
pub struct Heard {
    pub told: Told,
    /// Until when it will be out of coverage.
    pub no_coverage_until: Option<Timestamp>,
}

/// A patrol as it is planned.
#[derive(Clone, Debug)]
pub struct PatrolPlan {
    /// `patrol` or `joint_patrol`; by who takes part if `None`.
    pub kind: Option<String>,
    pub name: Option<String>,
    pub sector: Uuid,
    /// Calibrated kilometres; those of the sector if `None`.
    pub from_km: Option<f64>,
    pub to_km: Option<f64>,
    pub units: Vec<Uuid>,
    pub partners: Vec<Force>,
    pub neighbour_count: Option<i64>,
    pub start: Timestamp,
    pub end: Timestamp,
    pub points: Vec<PlannedPoint>,
    /// How far a unit may be from the stretch before somebody is told, metres.
    pub fence_m: Option<i64>,
    pub note: Option<String>,
}

/// A point to pass: at a kilometre, or at a place beside the line.
#[derive(Clone, Debug)]
pub struct PlannedPoint {
    pub name: Option<String>,
    pub km: Option<f64>,
    /// `[lon, lat]`, degrees.
    pub position: Option<[f64; 2]>,
}

/// What became of a patrol, as told by a unit or for it.
#[derive(Clone, Debug)]
pub struct PatrolReport {
    /// One of [`patrol::Step::BY_UNIT`].
    pub step: patrol::Step,
    /// pass: name of the point.
    pub point: Option<String>,
    pub told: Told,
}

/// What a duty officer decides on a patrol.
#[derive(Clone, Debug)]
pub struct PatrolChoice {
    pub choose: patrol::Choose,
    /// Which unit is added, or answered for.
    pub unit: Option<Uuid>,
    pub reason: Option<String>,
    pub told: Told,
}

/// By which way something was told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// `own`, `radio`, `phone` or `desk`; by who asks if `None`.
    pub source: Option<String>,
    /// Who was heard, needed by radio and by phone.
    pub told_by: Option<String>,
}

/// A unit's place as it was told by radio.
#[derive(Clone, Debug)]
pub struct RadioPosition {
    pub place: Place,
    /// Who heard it; the actor if `None`.
    pub heard_by: Option<String>,
    /// How far off it may be, metres; that of the place if `None`.
    pub accuracy_m: Option<f64>,
}

/// Where a unit was put by radio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Positioned {
    pub unit_id: Uuid,
    pub seq: Seq,
    /// A newer fix is known: this one was not taken.
    pub stale: bool,
}

impl Desk {
    /// A desk on this store and its picture.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, picture: PictureHandle, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            picture,
            clock,
            timers: Timers::default(),
            turns: Arc::default(),
            ground: Arc::default(),
            grids: Arc::default(),
            roads: Arc::default(),
            snaps: Arc::default(),
            given: Arc::default(),
            warnings: WarningRules::shipped(),
            warning_status: "actual",
            border_rules: BorderRules::shipped(),
            exercise: None,
            written: Arc::default(),
        }
    }

    /// The same desk on this road network.
    #[must_use]
    pub fn with_roads(self, handle: RoadsHandle) -> Self {
        Self { roads: Arc::new(RoadsHeld::new(handle)), ..self }
    }

    /// The same desk with other limits.
    #[must_use]
    pub fn with_timers(self, timers: Timers) -> Self {
        Self { timers, ..self }
    }

    /// The same desk that warns by these rules, for real or not (one of [`crate::domain::warning::STATUSES`]).
    #[must_use]
    pub fn with_warnings(self, warnings: Arc<WarningRules>, warning_status: &'static str) -> Self {
        Self { warnings, warning_status, ..self }
    }

    /// The same desk that proposes levels of border sectors by these rules.
    #[must_use]
    pub fn with_border_rules(self, border_rules: Arc<BorderRules>) -> Self {
        Self { border_rules, ..self }
    }

    /// How long this desk waits for answers.
    #[must_use]
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    /// The newest change that this desk made; the picture may not hold it yet.
    #[must_use]
    pub fn written(&self) -> Seq {
        self.written.load(Ordering::Relaxed)
    }

    /// The picture that this desk decides on.
    #[must_use]
    pub fn picture(&self) -> &PictureHandle {
        &self.picture
    }

    /// The present moment by the desk's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
