//! Every door of the API and what it asks of whoever comes. What is behind a door is a matter of the View: a door that
//! asks for no deed shows each reader what [`super::access::READS`] lets them see. `docs/PERMISSIONS.md` is made from
//! both tables; a test walks every door as every sort of actor and holds the answers against this one.

use super::Collection;
use super::access::Deed;

/// What a door asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Nothing: coming in, and what tells nothing of the records.
    Nothing,
    /// Somebody who came in.
    Account,
    /// Somebody who came in with a browser: what outlasts a session is not made by a token.
    Session,
    /// A role that may do this.
    Deed(Deed),
    /// A role that may do this, or anybody where the page for informants is switched on.
    Public(Deed),
    /// A role that may edit the collection in the path ([`deed_of`]); a new incident is a report.
    Edit,
    /// [`Deed::RunIncident`]; for `callers`, [`Deed::ReportIncident`].
    Verb,
}

/// What editing a record of this collection is.
#[must_use]
pub const fn deed_of(collection: Collection) -> Deed {
    match collection {
        Collection::Households | Collection::Shelters => Deed::EditHousehold,
        Collection::RiskZones => Deed::DrawZone,
        Collection::Warnings => Deed::Warn,
        Collection::RoadClosures => Deed::CloseRoad,
        Collection::RainDays | Collection::RainGrids => Deed::ReportRain,
        Collection::Bulletins | Collection::RiskLevels => Deed::SetLevel,
        Collection::Incidents | Collection::Alarms | Collection::ZoneVisits => Deed::RunIncident,
        Collection::Units => Deed::EditUnit,
        Collection::Assignments | Collection::Advices | Collection::Patrols => Deed::AssignUnit,
        Collection::Contacts | Collection::Places | Collection::RainGauges => Deed::EditPlace,
        Collection::DutyLog => Deed::WriteLog,
        Collection::BorderSectors
        | Collection::Stations
        | Collection::AdminUnits
        | Collection::Roads
        | Collection::Rivers => Deed::EditGround,
    }
}

/// Method, path and what is asked for, in the order of the paths.
pub static DOORS: [(&str, &str, Asks); 114] = [
    ("GET", "/api", Asks::Nothing),
    ("GET", "/api/accounts", Asks::Deed(Deed::ManageAccounts)),
    ("POST", "/api/accounts", Asks::Deed(Deed::ManageAccounts)),
    ("PATCH", "/api/accounts/{name}", Asks::Deed(Deed::ManageAccounts)),
    ("POST", "/api/accounts/{name}/reset", Asks::Deed(Deed::ManageAccounts)),
    ("POST", "/api/alarms/{id}/acknowledge", Asks::Deed(Deed::RunIncident)),
    ("GET", "/api/along", Asks::Account),
    ("POST", "/api/assignments/{id}/accountability", Asks::Deed(Deed::ReportUnit)),
    ("GET", "/api/assignments/{id}/advice", Asks::Account),
    ("POST", "/api/assignments/{id}/decisions", Asks::Deed(Deed::AssignUnit)),
    ("POST", "/api/assignments/{id}/steps", Asks::Deed(Deed::ReportUnit)),
    ("GET", "/api/audit", Asks::Deed(Deed::ReadAudit)),
    ("POST", "/api/break-glass", Asks::Deed(Deed::BreakGlass)),
    ("GET", "/api/collections", Asks::Account),
    ("GET", "/api/collections/{collection}", Asks::Account),
    ("GET", "/api/collections/{collection}/items", Asks::Account),
    ("POST", "/api/collections/{collection}/items", Asks::Edit),
    ("GET", "/api/collections/{collection}/items/{id}", Asks::Account),
    ("PUT", "/api/collections/{collection}/items/{id}", Asks::Edit),
    ("PATCH", "/api/collections/{collection}/items/{id}", Asks::Edit),
    ("DELETE", "/api/collections/{collection}/items/{id}", Asks::Edit),
    ("GET", "/api/collections/{collection}/queryables", Asks::Account),
    ("GET", "/api/collections/{collection}/schema", Asks::Account),
    ("GET", "/api/conformance", Asks::Nothing),
    ("POST", "/api/contacts/{id}/call", Asks::Deed(Deed::WriteLog)),
    ("GET", "/api/cut-off", Asks::Account),
    ("POST", "/api/cut-off", Asks::Account),
    ("GET", "/api/devices", Asks::Deed(Deed::EnrolDevice)),
    ("POST", "/api/devices", Asks::Deed(Deed::EnrolDevice)),
    ("POST", "/api/devices/enrol", Asks::Nothing),
    ("DELETE", "/api/devices/{id}", Asks::Account),
    ("POST", "/api/duty_log/{id}/done", Asks::Deed(Deed::WriteLog)),
    ("POST", "/api/exposure", Asks::Account),
    ("GET", "/api/feed", Asks::Account),
    ("POST", "/api/fixes", Asks::Deed(Deed::ReportUnit)),
    ("GET", "/api/grants", Asks::Account),
    ("POST", "/api/grants", Asks::Deed(Deed::Share)),
    ("DELETE", "/api/grants/{id}", Asks::Account),
    ("POST", "/api/households/{id}/evacuation", Asks::Deed(Deed::ReportEvacuation)),
    ("POST", "/api/households/{id}/evacuation/withdraw", Asks::Deed(Deed::ReportEvacuation)),
    ("POST", "/api/imports", Asks::Deed(Deed::EditGround)),
    ("GET", "/api/imports/{id}/report", Asks::Deed(Deed::EditGround)),
    ("POST", "/api/imports/{id}/undo", Asks::Deed(Deed::EditGround)),
    ("POST", "/api/incidents", Asks::Deed(Deed::ReportIncident)),
    ("POST", "/api/incidents/{id}/assignments", Asks::Deed(Deed::AssignUnit)),
    ("DELETE", "/api/incidents/{id}/assignments/{unit_id}", Asks::Deed(Deed::AssignUnit)),
    ("GET", "/api/incidents/{id}/log", Asks::Account),
    ("GET", "/api/incidents/{id}/recommendation", Asks::Account),
    ("POST", "/api/incidents/{id}/{verb}", Asks::Verb),
    ("GET", "/api/inside", Asks::Account),
    ("GET", "/api/locate", Asks::Account),
    ("PUT", "/api/me/password", Asks::Session),
    ("GET", "/api/me/sessions", Asks::Account),
    ("DELETE", "/api/me/sessions", Asks::Account),
    ("DELETE", "/api/me/sessions/{id}", Asks::Account),
    ("GET", "/api/me/tokens", Asks::Account),
    ("POST", "/api/me/tokens", Asks::Session),
    ("DELETE", "/api/me/tokens/{id}", Asks::Account),
    ("GET", "/api/nearby", Asks::Account),
    ("POST", "/api/oidc/finish", Asks::Nothing),
    ("POST", "/api/oidc/start", Asks::Nothing),
    ("GET", "/api/organisations", Asks::Account),
    ("PUT", "/api/organisations/{id}", Asks::Deed(Deed::ManageAccounts)),
    ("POST", "/api/patrols", Asks::Deed(Deed::AssignUnit)),
    ("POST", "/api/patrols/{id}/decisions", Asks::Deed(Deed::AssignUnit)),
    ("POST", "/api/patrols/{id}/steps", Asks::Deed(Deed::ReportUnit)),
    ("POST", "/api/rain", Asks::Deed(Deed::ReportRain)),
    ("GET", "/api/rain_gauges/{id}/rain", Asks::Account),
    ("GET", "/api/rain_grids", Asks::Account),
    ("POST", "/api/rain_grids", Asks::Deed(Deed::ReportRain)),
    ("DELETE", "/api/rain_grids/{id}", Asks::Deed(Deed::ReportRain)),
    ("GET", "/api/reach", Asks::Account),
    ("POST", "/api/risk_zones/{id}/approve", Asks::Deed(Deed::DrawZone)),
    ("POST", "/api/risk_zones/{id}/end", Asks::Deed(Deed::DrawZone)),
    ("POST", "/api/risk_zones/{id}/evacuation_plan", Asks::Deed(Deed::EditHousehold)),
    ("GET", "/api/risk_zones/{id}/inside", Asks::Account),
    ("POST", "/api/risk_zones/{id}/level", Asks::Deed(Deed::SetLevel)),
    ("GET", "/api/risk_zones/{id}/levels", Asks::Account),
    ("POST", "/api/risk_zones/{id}/outsiders", Asks::Deed(Deed::ReportEvacuation)),
    ("GET", "/api/risk_zones/{id}/units_inside", Asks::Account),
    ("POST", "/api/risk_zones/{id}/warnings", Asks::Deed(Deed::Warn)),
    ("GET", "/api/route", Asks::Account),
    ("GET", "/api/search", Asks::Account),
    ("GET", "/api/session", Asks::Nothing),
    ("POST", "/api/session", Asks::Nothing),
    ("DELETE", "/api/session", Asks::Nothing),
    ("POST", "/api/setup", Asks::Nothing),
    ("GET", "/api/silence", Asks::Account),
    ("GET", "/api/similar", Asks::Account),
    ("POST", "/api/table", Asks::Account),
    ("GET", "/api/tip", Asks::Public(Deed::TakeTip)),
    ("POST", "/api/tip", Asks::Public(Deed::TakeTip)),
    ("POST", "/api/tip/follow-up", Asks::Public(Deed::TakeTip)),
    ("POST", "/api/terrain", Asks::Account),
    ("GET", "/api/tips", Asks::Deed(Deed::HandleTips)),
    ("GET", "/api/tips/figures", Asks::Deed(Deed::ConfirmUnsealing)),
    ("GET", "/api/tips/unsealings", Asks::Deed(Deed::ConfirmUnsealing)),
    ("POST", "/api/tips/unsealings/{id}/confirm", Asks::Deed(Deed::ConfirmUnsealing)),
    ("PATCH", "/api/tips/{id}", Asks::Deed(Deed::HandleTips)),
    ("POST", "/api/tips/{id}/answers", Asks::Deed(Deed::HandleTips)),
    ("POST", "/api/tips/{id}/promote", Asks::Deed(Deed::HandleTips)),
    ("POST", "/api/tips/{id}/unseal", Asks::Deed(Deed::HandleTips)),
    ("POST", "/api/tips/{id}/unsealings", Asks::Deed(Deed::HandleTips)),
    ("POST", "/api/units/{id}/position", Asks::Deed(Deed::ReportUnit)),
    ("POST", "/api/units/{id}/status", Asks::Deed(Deed::ReportUnit)),
    ("GET", "/api/warnings.atom", Asks::Account),
    ("GET", "/api/warnings/{id}/cap", Asks::Account),
    ("POST", "/api/warnings/{id}/{verb}", Asks::Deed(Deed::Warn)),
    ("GET", "/api/within", Asks::Account),
    ("GET", "/ca.crt", Asks::Nothing),
    ("GET", "/health/live", Asks::Nothing),
    ("GET", "/health/ready", Asks::Nothing),
    ("GET", "/metrics", Asks::Nothing),
    ("GET", "/tiles/{collection}/{z}/{x}/{y}", Asks::Account),
];
