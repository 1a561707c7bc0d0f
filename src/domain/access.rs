//! Who asks: role, force, area, grants, and what they allow. One pure table for reading ([`READS`]) and one for
//! writing ([`Actor::may`]); a [`crate::picture`] `View` applies the first, the desk the second.

mod deeds;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::shift::post_of;
use super::{Collection, Timestamp};

pub use deeds::Deed;

/// What somebody does in the duty room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    DutyOfficer,
    Planner,
    FieldUnit,
    Commander,
    LocalAuthority,
    Admin,
    Observer,
    /// Answers for tips: reads what is sealed, with a second person and a reason.
    TipHandler,
    /// The server itself: timers, recovery, and whoever holds the data folder on a machine without accounts. No
    /// account has it ([`Role::parse`] does not know it).
    System,
}

impl Role {
    /// Every role that an account can have.
    pub const ALL: [Self; 8] = [
        Self::DutyOfficer,
        Self::Planner,
        Self::FieldUnit,
        Self::Commander,
        Self::LocalAuthority,
        Self::Admin,
        Self::Observer,
        Self::TipHandler,
    ];

    /// Its name, as it stands in accounts and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DutyOfficer => "duty_officer",
            Self::Planner => "planner",
            Self::FieldUnit => "field_unit",
            Self::Commander => "commander",
            Self::LocalAuthority => "local_authority",
            Self::Admin => "admin",
            Self::Observer => "observer",
            Self::TipHandler => "tip_handler",
            Self::System => "system",
        }
    }

    /// The role with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// The four forces that share the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    Police,
    Military,
    BorderGuard,
    Civil,
}

/// Names of the forces as they stand in records.
pub const FORCES: &[&str] = &["police", "military", "border_guard", "civil"];

impl Force {
    /// The four.
    pub const ALL: [Self; 4] = [Self::Police, Self::Military, Self::BorderGuard, Self::Civil];

    /// Its name, as it stands in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        FORCES[self as usize]
    }

    /// The force with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|force| force.as_str() == name)
    }
}

/// What somebody is responsible for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// All of it.
    #[default]
    Province,
    /// These communes (codes of `admin_units`) and border sectors (their ids).
    Parts {
        #[serde(default)]
        communes: BTreeSet<String>,
        #[serde(default)]
        sectors: BTreeSet<Uuid>,
    },
}

impl Area {
    /// These communes and no border sector.
    pub fn communes<T: Into<String>>(codes: impl IntoIterator<Item = T>) -> Self {
        Self::Parts { communes: codes.into_iter().map(Into::into).collect(), sectors: BTreeSet::new() }
    }

    /// The parts that these name: codes of communes and ids of border sectors. The province if there are none.
    pub fn of_codes<'a>(codes: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut communes, mut sectors) = (BTreeSet::new(), BTreeSet::new());
        for code in codes {
            match Uuid::try_parse(code) {
                Ok(sector) => sectors.insert(sector),
                Err(_) => communes.insert(code.to_owned()),
            };
        }
        if communes.is_empty() && sectors.is_empty() { Self::Province } else { Self::Parts { communes, sectors } }
    }

    /// Whether a record in this commune, or beside this border sector, lies in it. What lies nowhere belongs to the
    /// province.
    #[must_use]
    pub fn holds(&self, commune: Option<&str>, sector: Option<Uuid>) -> bool {
        match self {
            Self::Province => true,
            Self::Parts { communes, sectors } => {
                commune.is_some_and(|code| communes.contains(code)) || sector.is_some_and(|id| sectors.contains(&id))
            }
        }
    }
}

/// To whom a grant was given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    /// Everybody of a force.
    Force(Force),
    /// One account.
    Account(String),
}

/// Why a grant is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// One force lets another see what is its own.
    Sharing,
    /// Somebody took sight of personal records in an emergency; reported to the supervisor.
    BreakGlass,
}

/// Records that somebody may see beyond their role: allow-listed fields, for a reason, in a window of time. A grant
/// cannot be passed on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grant {
    pub id: Uuid,
    pub kind: GrantKind,
    /// The force whose records they are; of any force where there is none (households have none).
    pub of_force: Option<Force>,
    pub to: Grantee,
    pub collection: Collection,
    /// Fields that are shown; a field that is not named is hidden, also one that comes later. `geometry` is the place.
    pub fields: BTreeSet<String>,
    /// Where; `Province` for everywhere.
    pub area: Area,
    pub reason: String,
    pub granted_by: String,
    pub valid_from: Timestamp,
    pub valid_to: Timestamp,
}

impl Grant {
    /// What three forces that work as one agree on: the units of `of_force`, whole, for all of `to`.
    #[must_use]
    pub fn of_units(of_force: Force, to: Force, reason: &str, valid_from: Timestamp, valid_to: Timestamp) -> Self {
        let fields = Collection::Units.fields().iter().map(|field| field.name.to_owned());
        Self {
            id: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("units/{}/{}", of_force.as_str(), to.as_str()).as_bytes()),
            kind: GrantKind::Sharing,
            of_force: Some(of_force),
            to: Grantee::Force(to),
            collection: Collection::Units,
            fields: fields.chain(["geometry".to_owned()]).collect(),
            area: Area::Province,
            reason: reason.to_owned(),
            granted_by: "system".to_owned(),
            valid_from,
            valid_to,
        }
    }

    /// Whether it is in force at `now`: tested at each access, not when it was loaded.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.valid_from <= now && now < self.valid_to
    }

    /// Whether it was given to this account.
    #[must_use]
    pub fn is_for(&self, name: &str, force: Option<Force>) -> bool {
        match &self.to {
            Grantee::Force(to) => Some(*to) == force,
            Grantee::Account(to) => to == name,
        }
    }
}

/// Who makes a request. Every read and every write has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Account name, as it stands in the journal (`duty_officer`, `import`, `system`).
    pub name: String,
    pub role: Role,
    /// The force of the account; an account of the joint duty room has none and sees the units of all.
    pub force: Option<Force>,
    /// The unit a field actor speaks for.
    pub unit_id: Option<Uuid>,
    pub area: Area,
    /// Grants given to this actor, whether or not they are in force now.
    pub grants: Arc<[Grant]>,
}

/// How sensitive a record is (DOMAIN.md section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DataClass {
    /// The ground, zones, shelters, posts.
    Public,
    /// Incidents, log, contacts, assignments, alarms, attachments.
    Internal,
    /// Where units are, which zones they were in, patrols.
    Restricted,
    /// Households.
    Personal,
    /// Informants: never in the picture, only in the store of tips, where a second person and a reason are needed besides.
    Sealed,
}

impl DataClass {
    /// Its name, as it stands in the audit.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Restricted => "restricted",
            Self::Personal => "personal",
            Self::Sealed => "sealed",
        }
    }
}

/// The class of a collection's records. Fields marked personal in a record of a lower class go by
/// [`Actor::sees_personal_of`].
#[must_use]
pub const fn class_of(collection: Collection) -> DataClass {
    use Collection as C;
    match collection {
        C::AdminUnits
        | C::Places
        | C::Roads
        | C::Rivers
        | C::Shelters
        | C::RiskZones
        | C::Stations
        | C::BorderSectors
        | C::RoadClosures
        | C::RainGauges
        | C::RainDays
        | C::RainGrids
        | C::Bulletins
        | C::RiskLevels
        | C::Warnings
        | C::DisasterEvents => DataClass::Public,
        C::Incidents
        | C::DutyLog
        | C::Contacts
        | C::Assignments
        | C::Alarms
        | C::Attachments
        | C::Deployments
        | C::Tallies
        | C::Exercises
        | C::QuarterReports
        | C::SectorAssessments
        | C::Briefings
        | C::Decisions
        | C::DisasterReports => DataClass::Internal,
        // They tell where the units were, or will be; what a force found tells of persons; what a duty room handed over is
        // that room's; what a force keeps its eye on, and what one asks another, is theirs.
        C::Units
        | C::Advices
        | C::ZoneVisits
        | C::Patrols
        | C::Cases
        | C::Shifts
        | C::AreasOfConcern
        | C::InformationRequests
        | C::EventPlans => DataClass::Restricted,
        C::Households => DataClass::Personal,
    }
}

/// How far a role sees into a class of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Every record as it is.
    All,
    /// Records of the own area as they are, others reduced or hidden.
    Area,
    /// Records of the own force in the own area, and those tied to a task of the own force; others reduced.
    ForceInArea,
    /// Records where the actor's unit has its task; others reduced.
    Task,
    /// Reduced ones alone: whole communes, border sectors.
    Reduced,
    /// Nothing.
    Nothing,
}

/// Who reads what: for each role its reach into public, internal, restricted, personal and sealed data.
///
/// Need for personal data: the household's commune authority, the duty officer and the planner whose area holds it, a
/// unit while it is tasked there (DESIGN.md section 5). An administrator runs the server and has no such need.
/// Sealed data is the tip handler's alone, whatever else somebody may.
pub static READS: [(Role, [Reach; 5]); 9] = {
    use Reach as R;
    [
        (Role::DutyOfficer, [R::All, R::Area, R::ForceInArea, R::Area, R::Nothing]),
        (Role::Planner, [R::All, R::Area, R::ForceInArea, R::Area, R::Nothing]),
        (Role::FieldUnit, [R::All, R::Area, R::ForceInArea, R::Task, R::Nothing]),
        (Role::Commander, [R::All, R::Area, R::ForceInArea, R::Reduced, R::Nothing]),
        (Role::LocalAuthority, [R::All, R::Area, R::ForceInArea, R::Area, R::Nothing]),
        (Role::Admin, [R::All, R::All, R::All, R::Reduced, R::Nothing]),
        (Role::Observer, [R::All, R::Nothing, R::Nothing, R::Reduced, R::Nothing]),
        (Role::TipHandler, [R::All, R::Area, R::ForceInArea, R::Reduced, R::All]),
        (Role::System, [R::All, R::All, R::All, R::All, R::Nothing]),
    ]
};

/// Kinds of incident that only the forces which lead or support them see: a person stands behind each.
pub const CLOSED_KINDS: [&str; 3] = ["drug_crime", "human_trafficking", "wanted_person_found"];

/// What decides who sees a record, read off the record and what it is tied to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Code of the commune it lies in.
    pub commune: Option<&'a str>,
    /// The border sector beside it.
    pub sector: Option<Uuid>,
    /// The force whose it is (a unit's force, an incident's lead, an entry's author).
    pub force: Option<Force>,
    /// Whether the actor's force leads or supports the incident that it is, or is tied to.
    pub is_joint: bool,
    /// Whether it is the actor's own unit, or lies where that unit has its task.
    pub is_own: bool,
    /// Whether it is an incident of one of [`CLOSED_KINDS`], or tied to one.
    pub is_closed_kind: bool,
}

/// What somebody sees of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight<'g> {
    /// As it is.
    Exact,
    /// The fields that a grant names.
    Fields(&'g BTreeSet<String>),
    /// Only as part of its commune or border sector.
    Reduced,
    /// Nothing.
    Nothing,
}

impl Actor {
    /// Somebody with this role who answers for the whole province and has no grant.
    #[must_use]
    pub fn new(name: &str, role: Role, force: Option<Force>) -> Self {
        Self { name: name.to_owned(), role, force, unit_id: None, area: Area::Province, grants: Arc::from(Vec::new()) }
    }

    /// The server itself: timers, expiry, recovery.
    #[must_use]
    pub fn system() -> Self {
        Self::new("system", Role::System, None)
    }

    /// The duty room this actor belongs to.
    #[must_use]
    pub fn post(&self) -> Uuid {
        post_of(self.force, &self.area)
    }

    /// How far this actor's role sees into a class.
    #[must_use]
    pub fn reach(&self, class: DataClass) -> Reach {
        let (_, reaches) = READS[self.role as usize];
        reaches[class as usize]
    }

    /// Whether every record of the collection is seen as it is, so that none needs a look of its own.
    #[must_use]
    pub fn sees_all(&self, collection: Collection) -> bool {
        let whole = self.area == Area::Province;
        match self.reach(class_of(collection)) {
            // Not even whoever sees all that is restricted has need of what a force keeps its eye on, nor of what two forces
            // ask each other.
            Reach::All => {
                !matches!(collection, Collection::AreasOfConcern | Collection::InformationRequests)
                    || self.role == Role::System
            }
            // What was frozen of a report counts as the report does: only its readers see it.
            Reach::Area if collection == Collection::QuarterReports => self.may(Deed::ReadReports),
            Reach::Area if collection == Collection::DisasterReports => whole && self.may(Deed::ReportDisaster),
            // Some kinds of incident, and what is tied to them, are closed even to the province.
            Reach::Area => whole && !collection.goes_by_incident(),
            Reach::ForceInArea | Reach::Task | Reach::Reduced | Reach::Nothing => false,
        }
    }

    /// What this actor sees at `now` of a record of `collection` with these `facts`.
    #[must_use]
    pub fn sight(&self, collection: Collection, facts: &Facts<'_>, now: Timestamp) -> Sight<'_> {
        if collection == Collection::AreasOfConcern {
            return if facts.is_joint { Sight::Exact } else { Sight::Nothing };
        }
        let in_area = self.area.holds(facts.commune, facts.sector);
        let own_force = facts.force.is_some() && facts.force == self.force;
        let by_role = match self.reach(class_of(collection)) {
            Reach::All => facts.is_joint || collection != Collection::InformationRequests || self.role == Role::System,
            Reach::Area => facts.is_joint || facts.is_own || (in_area && !facts.is_closed_kind),
            // The commune's own people are everybody's first help: nobody hides them.
            Reach::ForceInArea => {
                facts.is_own
                    || facts.is_joint
                    || (in_area
                        && !facts.is_closed_kind
                        && (own_force || self.force.is_none() || facts.force == Some(Force::Civil)))
            }
            Reach::Task => facts.is_own,
            Reach::Reduced | Reach::Nothing => false,
        };
        if by_role {
            return Sight::Exact;
        }
        let granted = |grant: &&Grant| {
            grant.collection == collection
                && grant.is_in_force(now)
                && grant.of_force.is_none_or(|force| Some(force) == facts.force)
                && grant.area.holds(facts.commune, facts.sector)
                // What forces share does not widen anybody's area; an emergency may lie anywhere.
                && (in_area || grant.kind == GrantKind::BreakGlass)
        };
        if let Some(grant) = self.grants.iter().find(granted) {
            return Sight::Fields(&grant.fields);
        }
        match (class_of(collection), self.reach(class_of(collection))) {
            (_, Reach::Nothing) | (DataClass::Public | DataClass::Internal | DataClass::Sealed, _) => Sight::Nothing,
            (DataClass::Restricted | DataClass::Personal, _) => Sight::Reduced,
        }
    }

    /// Whether this actor reads what `forces` ask each other: whoever coordinates for one of them, and the province's
    /// commander. Nobody else does, an administrator neither.
    #[must_use]
    pub fn reads_between(&self, forces: [Option<Force>; 2]) -> bool {
        let speaks = matches!(self.role, Role::DutyOfficer | Role::Planner | Role::Commander);
        let is_one = self.force.is_some() && forces.contains(&self.force);
        let commands = self.role == Role::Commander && self.force.is_none() && self.area == Area::Province;
        speaks && (is_one || commands)
    }

    /// Whether a record with these properties, which hangs on no incident, is shown to this actor as it is.
    #[must_use]
    pub fn sees_as_it_is(&self, collection: Collection, properties: &Map<String, Value>, now: Timestamp) -> bool {
        let text = |name: &str| properties.get(name).and_then(Value::as_str);
        let force = text("force").and_then(Force::parse);
        let facts = Facts { commune: text("admin_unit"), force, ..Facts::default() };
        matches!(self.sight(collection, &facts, now), Sight::Exact)
    }

    /// Whether the personal fields of a record that is seen as it is are shown (callers of an incident, the holder of
    /// a function, the head of a household).
    #[must_use]
    pub fn sees_personal_of(&self, collection: Collection, facts: &Facts<'_>) -> bool {
        let runs = matches!(self.role, Role::DutyOfficer | Role::Commander | Role::System);
        match collection {
            Collection::Incidents => runs || facts.is_own,
            Collection::Contacts => runs || matches!(self.role, Role::LocalAuthority | Role::FieldUnit),
            // Whoever sees a household as it is has need of it.
            _ => true,
        }
    }

    /// Whether some records of the collection are shown to this actor one by one, by role or by a grant in force.
    #[must_use]
    pub fn sees_some(&self, collection: Collection, now: Timestamp) -> bool {
        !matches!(self.reach(class_of(collection)), Reach::Reduced | Reach::Nothing)
            || self.grants.iter().any(|grant| grant.collection == collection && grant.is_in_force(now))
    }

    /// Whether this actor sees anything personal of anybody one by one.
    #[must_use]
    pub fn sees_personal(&self, now: Timestamp) -> bool {
        let own = Facts { is_own: self.unit_id.is_some(), ..Facts::default() };
        self.sees_some(Collection::Households, now)
            || [Collection::Incidents, Collection::Contacts]
                .into_iter()
                .any(|collection| self.sees_some(collection, now) && self.sees_personal_of(collection, &own))
    }
}
