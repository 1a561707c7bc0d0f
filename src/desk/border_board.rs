//! The levels of all border sectors as one reader may see them: in force, proposed by a person, computed beside it, and
//! what is to be done at each level. Figures count everything; rows are shown one by one to whoever may see them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::access::{Deed, Facts, Sight};
use crate::domain::border_rules::{BorderRules, Level, Words};
use crate::domain::sector_assessment::{Agreed, Span, check_actor, ends_at, in_force};
use crate::domain::sector_proposal::{Happening, SectorProposal, SectorSpan, propose};
use crate::domain::{Collection, Force, Timestamp};
use crate::picture::{Feature, Picture, Shown, View};

/// Past assessments of one sector that are told, the newest first; the records hold all.
const HISTORY_MAX: usize = 50;

/// Levels of the border at a moment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BorderBoard {
    /// Of this moment.
    #[schema(value_type = String, format = "date-time")]
    pub at: Timestamp,
    pub rules: BorderRulesTold,
    /// From west to east, those whose assessments the reader may read.
    pub sectors: Vec<SectorStanding>,
    /// Cases of the border in the longest window of which no place is known: they count for no sector. Null for whoever does
    /// not read of all sectors.
    #[schema(required)]
    pub cases_without_place: Option<usize>,
}

/// By which rules is proposed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BorderRulesTold {
    pub id: String,
    pub about: String,
    pub source: String,
    pub valid_from: String,
    #[schema(required)]
    pub valid_to: Option<String>,
    pub levels: Vec<LevelTold>,
}

/// One level.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SectorLevelTold)]
pub struct LevelTold {
    pub level: Level,
    /// Longest time without being renewed, days; null where it needs no end.
    #[schema(required)]
    pub days_max: Option<i64>,
    /// What is to be done.
    pub checklist: Vec<Words>,
}

/// One sector.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectorStanding {
    pub sector_id: Uuid,
    pub name: String,
    #[schema(required)]
    pub from_km: Option<f64>,
    #[schema(required)]
    pub to_km: Option<f64>,
    /// Null: not assessed, which is not `low`.
    #[schema(required)]
    pub in_force: Option<AssessmentTold>,
    /// What a person proposed and nobody has decided.
    #[schema(required)]
    pub waiting: Option<AssessmentTold>,
    /// What is computed now.
    pub proposal: SectorProposal,
    /// All that was decided of it, the newest first.
    pub history: Vec<AssessmentTold>,
    /// Whether the reader may propose here, and agree to what another one proposed.
    pub may_assess: bool,
}

/// An assessment as it is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssessmentTold {
    pub id: Uuid,
    pub version: u32,
    pub level: Level,
    pub state: String,
    #[schema(required)]
    pub reason: Option<String>,
    #[schema(required)]
    pub proposed_by: Option<String>,
    #[schema(value_type = Option<String>, format = "date-time", required)]
    pub proposed_at: Option<Timestamp>,
    #[schema(required)]
    pub agreed_by: Option<String>,
    #[schema(value_type = Option<String>, format = "date-time", required)]
    pub agreed_at: Option<Timestamp>,
    /// Who heard the agreement by telephone, until it is confirmed on screen.
    #[schema(required)]
    pub agreement_told_to: Option<String>,
    /// When it ends by itself: its own end, or that of an agreement by telephone.
    #[schema(value_type = Option<String>, format = "date-time", required)]
    pub ends_at: Option<Timestamp>,
    #[schema(required)]
    pub refused_by: Option<String>,
    #[schema(required)]
    pub refuse_reason: Option<String>,
    #[schema(value_type = Option<String>, format = "date-time", required)]
    pub over_at: Option<Timestamp>,
    /// When it was the level in force.
    pub held: Vec<Span>,
    /// The level that was computed when it was proposed.
    #[schema(required)]
    pub computed_then: Option<Level>,
    /// Whether the reader proposed it, and so cannot be the one who agrees.
    pub is_own: bool,
}

/// What happened at the sectors, and since when such things are recorded.
#[derive(Default)]
struct Happened {
    by_sector: HashMap<Uuid, Vec<Happening>>,
    since: Option<Timestamp>,
    cases_without_place: usize,
}

impl BorderBoard {
    /// The board of the view's moment.
    #[must_use]
    pub fn of(view: &View, rules: &BorderRules) -> Self {
        let happened = Happened::of(view, rules);
        let now = view.now();
        let mut assessments: HashMap<Uuid, Vec<AssessmentTold>> = HashMap::new();
        for shown in view.all(Collection::SectorAssessments) {
            if let Some((sector, told)) = told(&shown, &view.actor().name) {
                assessments.entry(sector).or_default().push(told);
            }
        }
        let may = view.actor().may(Deed::AssessBorder) && !view.is_past();
        let mut sectors: Vec<SectorStanding> = view
            .all(Collection::BorderSectors)
            .filter(|sector| reads(view, sector.id()))
            .map(|sector| {
                let mut history = assessments.remove(&sector.id()).unwrap_or_default();
                history.sort_by_key(|one| std::cmp::Reverse((one.proposed_at, one.id)));
                let holds = in_force(history.iter().filter_map(AssessmentTold::agreed), now);
                let find = |id: Uuid| history.iter().find(|one| one.id == id).cloned();
                let in_force = holds.and_then(|one| find(one.id));
                let waiting = history.iter().find(|one| one.state == "proposed").cloned();
                let span = SectorSpan { length_km: length_km(&sector), recorded_since: happened.since };
                let rows = happened.by_sector.get(&sector.id()).map_or(&[][..], Vec::as_slice);
                history.truncate(HISTORY_MAX);
                SectorStanding {
                    sector_id: sector.id(),
                    name: sector.text("name").unwrap_or_default().into_owned(),
                    from_km: sector.number("from_km"),
                    to_km: sector.number("to_km"),
                    in_force,
                    waiting,
                    proposal: propose(rules, span, rows, now),
                    history,
                    may_assess: may && check_actor(view.actor(), sector.id()).is_ok(),
                }
            })
            .collect();
        sectors.sort_by(|a, b| a.from_km.unwrap_or(f64::MAX).total_cmp(&b.from_km.unwrap_or(f64::MAX)));
        let reads_all = view.actor().sees_all(Collection::SectorAssessments);
        let cases_without_place = reads_all.then_some(happened.cases_without_place);
        Self { at: now, rules: rules.into(), sectors, cases_without_place }
    }
}

impl From<&BorderRules> for BorderRulesTold {
    fn from(rules: &BorderRules) -> Self {
        let level = |rule: &crate::domain::border_rules::LevelRule| LevelTold {
            level: rule.level,
            days_max: rule.days_max,
            checklist: rule.checklist.clone(),
        };
        Self {
            id: rules.id.clone(),
            about: rules.about.clone(),
            source: rules.source.clone(),
            valid_from: rules.valid_from.clone(),
            valid_to: rules.valid_to.clone(),
            levels: rules.levels.iter().map(level).collect(),
        }
    }
}

/// What is computed of one sector at the view's moment; `None` if there is no such sector.
pub(super) fn proposal_of(view: &View, rules: &BorderRules, sector: Uuid) -> Option<SectorProposal> {
    let shown = view.item(Collection::BorderSectors, sector)?;
    let happened = Happened::of(view, rules);
    let span = SectorSpan { length_km: length_km(&shown), recorded_since: happened.since };
    let rows = happened.by_sector.get(&sector).map_or(&[][..], Vec::as_slice);
    Some(propose(rules, span, rows, view.now()))
}

/// The assessments of a sector that were agreed to and are not over, whoever may see them.
pub(super) fn agreed_of(picture: &Picture, sector: Uuid) -> Vec<Agreed> {
    let of_sector = picture.layer(Collection::SectorAssessments).iter();
    let of_sector = of_sector.filter(|one| reference(one.text("sector_id").as_deref()) == Some(sector));
    let agreed = |one: &Feature| {
        let time = |name: &str| one.text(name).and_then(|text| Timestamp::parse(&text).ok());
        one.text("state").filter(|state| state == "agreed")?;
        Some(Agreed {
            id: one.id,
            level: Level::parse(&one.text("level")?)?,
            agreed_at: time("agreed_at")?,
            ends_at: ends_at(time("valid_to"), time("provisional_until")),
        })
    };
    of_sector.filter_map(|one| agreed(one)).collect()
}

impl AssessmentTold {
    fn agreed(&self) -> Option<Agreed> {
        let is_agreed = self.state == "agreed";
        let agreed_at = self.agreed_at.filter(|_| is_agreed)?;
        Some(Agreed { id: self.id, level: self.level, agreed_at, ends_at: self.ends_at })
    }
}

/// Whether the reader may read the assessments of a sector, and so what is computed of it.
fn reads(view: &View, sector: Uuid) -> bool {
    let force = Some(Force::BorderGuard);
    let facts = Facts { sector: Some(sector), force, is_joint: view.actor().force == force, ..Facts::default() };
    matches!(view.actor().sight(Collection::SectorAssessments, &facts, view.judged_at()), Sight::Exact)
}

/// Calibrated kilometres of border line, else those measured; 0 if neither is known.
fn length_km(sector: &Shown<'_>) -> f64 {
    match (sector.number("from_km"), sector.number("to_km")) {
        (Some(from), Some(to)) => to - from,
        _ => sector.number("length_km").unwrap_or(0.0),
    }
}

/// An assessment and whose it is.
fn told(shown: &Shown<'_>, reader: &str) -> Option<(Uuid, AssessmentTold)> {
    let fields: BTreeMap<&str, &str> = shown.members().collect();
    let value = |name: &str| fields.get(name).and_then(|raw| serde_json::from_str::<serde_json::Value>(raw).ok());
    let text = |name: &str| value(name).and_then(|value| value.as_str().map(str::to_owned));
    let time = |name: &str| text(name).and_then(|text| Timestamp::parse(&text).ok());
    let computed = value("proposal").and_then(|proposal| Level::parse(proposal["level"].as_str()?));
    let proposed_by = text("proposed_by");
    let told = AssessmentTold {
        id: shown.id(),
        version: shown.version(),
        level: Level::parse(&text("level")?)?,
        state: text("state")?,
        reason: text("reason"),
        is_own: proposed_by.as_deref() == Some(reader),
        proposed_by,
        proposed_at: time("proposed_at"),
        agreed_by: text("agreed_by"),
        agreed_at: time("agreed_at"),
        agreement_told_to: text("agreement_told_to"),
        ends_at: ends_at(time("valid_to"), time("provisional_until")),
        refused_by: text("refused_by"),
        refuse_reason: text("refuse_reason"),
        over_at: time("over_at"),
        held: value("held").and_then(|held| serde_json::from_value(held).ok()).unwrap_or_default(),
        computed_then: computed,
    };
    Some((reference(text("sector_id").as_deref())?, told))
}

fn reference(text: Option<&str>) -> Option<Uuid> {
    Uuid::parse_str(text?).ok()
}

impl Happened {
    /// Incidents by the sector that lies beside them, and cases by that of their incident. What came of an incident that is
    /// counted is not counted again.
    fn of(view: &View, rules: &BorderRules) -> Self {
        let mut all = Self::default();
        let mut counted: BTreeSet<Uuid> = BTreeSet::new();
        let mut places: HashMap<Uuid, (Uuid, Option<f64>)> = HashMap::new();
        let longest = rules.window_days.last().copied().unwrap_or_default();
        let shown_from = view.now().plus_s(-longest * 86_400);
        let is_seen = |collection: Collection, feature: &Feature, at: Timestamp| {
            // The others are counted alone. What is looked at here is noted as it is shown.
            let shown = (at > shown_from).then(|| view.shown(collection, feature)).flatten();
            shown.is_some_and(|shown| shown.members().count() > 0)
        };
        view.each_counted(Collection::Incidents, &mut |one| {
            let Some(sector) = reference(one.text("sector_id").as_deref()) else { return };
            places.insert(one.id, (sector, one.number("chainage_km")));
            let is_none = one.text("state").is_some_and(|state| matches!(&*state, "rejected" | "merged"));
            let severity = one.number("severity").map(|severity| severity as i64);
            let Some(kind) = one.text("kind").filter(|_| !is_none) else { return };
            let at = ["occurred_at", "reported_at"].iter().find_map(|name| one.text(name));
            let Some(at) = at.and_then(|at| Timestamp::parse(&at).ok()) else { return };
            if rules.weight(Collection::Incidents, &kind, severity).is_none() {
                return;
            }
            counted.insert(one.id);
            let is_seen = is_seen(Collection::Incidents, one, at);
            let (id, chainage_km) = (one.id, one.number("chainage_km"));
            let collection = Collection::Incidents;
            all.take(sector, Happening { collection, id, kind: kind.into_owned(), severity, at, chainage_km, is_seen });
        });
        view.each_counted(Collection::Cases, &mut |one| {
            let Some(kind) = one.text("kind").filter(|_| !one.is_ended()) else { return };
            if rules.weight(Collection::Cases, &kind, None).is_none() {
                return;
            }
            let incident = reference(one.text("incident_id").as_deref());
            if incident.is_some_and(|incident| counted.contains(&incident)) {
                return;
            }
            let Some(at) = one.text("occurred_at").and_then(|at| Timestamp::parse(&at).ok()) else { return };
            let Some((sector, chainage_km)) = incident.and_then(|incident| places.get(&incident)).copied() else {
                if at <= view.now() && at > shown_from {
                    all.cases_without_place += 1;
                }
                return;
            };
            let is_seen = is_seen(Collection::Cases, one, at);
            let (collection, id) = (Collection::Cases, one.id);
            all.take(
                sector,
                Happening { collection, id, kind: kind.into_owned(), severity: None, at, chainage_km, is_seen },
            );
        });
        all
    }

    fn take(&mut self, sector: Uuid, one: Happening) {
        self.since = self.since.into_iter().chain([one.at]).min();
        self.by_sector.entry(sector).or_default().push(one);
    }
}
