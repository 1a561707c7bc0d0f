//! Who asks: role, force, and what that allows. One pure table; a [`crate::picture`] `View` applies it.
//!
//! Roles and forces are those of DESIGN.md section 5. Areas, grants and reduction of precision arrive with accounts;
//! every read already goes through a `View` and every write through the desk with an [`Actor`].

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What somebody does in the duty room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    DutyOfficer,
    Planner,
    FieldUnit,
    Commander,
    LocalAuthority,
    Admin,
    Observer,
}

/// The four forces that share the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    Police,
    Military,
    BorderGuard,
    Civil,
}

/// Names of the forces as they stand in records.
pub const FORCES: &[&str] = &["police", "military", "border_guard", "civil"];

/// Who makes a request. Every read and every write has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Account name, as it stands in the journal (`duty_officer`, `import`, `system`).
    pub name: String,
    pub role: Role,
    pub force: Option<Force>,
    /// The unit a field actor speaks for.
    pub unit_id: Option<Uuid>,
}

/// What an actor wants to do to the records; the desk asks [`Actor::may`] before each verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Report an incident, add a caller to one.
    ReportIncident,
    /// Verify, reject, merge, start, contain, update, hand over, close, reopen, acknowledge.
    RunIncident,
    /// Assign or release a unit.
    AssignUnit,
    /// Draw, edit, end a zone.
    DrawZone,
    /// Set a unit's status or place; a field unit only its own.
    ReportUnit,
    /// Create or edit a unit.
    EditUnit,
    /// Edit households and shelters.
    EditHousehold,
    /// Write in the duty log.
    WriteLog,
    /// Edit contacts and add places (a hamlet that is on no map).
    EditPlace,
    /// Edit the reference ground: areas, sectors, stations, roads, rivers; import files.
    EditGround,
}

impl Actor {
    /// The server itself: timers, expiry, recovery.
    #[must_use]
    pub fn system() -> Self {
        Self { name: "system".to_owned(), role: Role::Admin, force: None, unit_id: None }
    }

    /// Whether this actor's role allows `deed`. A field unit's own-unit rule is checked by the desk, which knows the unit.
    #[must_use]
    pub fn may(&self, deed: Deed) -> bool {
        use Deed as D;
        match self.role {
            Role::Admin => true,
            Role::DutyOfficer | Role::Commander => !matches!(deed, D::EditGround),
            Role::Planner => matches!(
                deed,
                D::DrawZone | D::EditHousehold | D::EditPlace | D::WriteLog | D::ReportIncident | D::EditGround
            ),
            Role::FieldUnit => matches!(deed, D::ReportIncident | D::ReportUnit | D::EditPlace | D::WriteLog),
            Role::LocalAuthority => matches!(deed, D::ReportIncident | D::EditHousehold | D::EditPlace | D::WriteLog),
            Role::Observer => false,
        }
    }
}
