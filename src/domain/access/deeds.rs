//! What somebody may do: one pure table for writing, and for the few readings that go beyond the records one by one.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Actor, Role};
use crate::domain::{Code, Problem};

/// What an actor wants to do to the records; the desk asks [`Actor::may`] before each verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Report an incident, add a caller to one.
    ReportIncident,
    /// Verify, reject, merge, start, contain, update, hand over, close, reopen, acknowledge.
    RunIncident,
    /// Assign or release a unit.
    AssignUnit,
    /// Draw, edit, end a zone.
    DrawZone,
    /// Close, slow and open a road.
    CloseRoad,
    /// Send readings of rain gauges.
    ReportRain,
    /// Type in what the hydromet service issued; set the level of a zone.
    SetLevel,
    /// Release warnings of a zone, be the second person who releases one, update, cancel and clear them.
    Warn,
    /// Set a unit's status or place; a field unit only its own.
    ReportUnit,
    /// Create or edit a unit.
    EditUnit,
    /// Edit households and shelters.
    EditHousehold,
    /// Report how far a household's evacuation has come, and people in a zone who are on no list; a field unit where it has
    /// its task, and not that people may go home or are resettled.
    ReportEvacuation,
    /// Write in the duty log.
    WriteLog,
    /// Be on duty: begin a shift, hand it over, take it.
    HoldShift,
    /// Enter deployments, cases and tallies, which figures are counted from.
    KeepFigures,
    /// Ask another force and answer it, write down briefings and their decisions, plan the security of events.
    Coordinate,
    /// Begin, lead, judge and end an exercise, and read its script before the others do.
    LeadExercise,
    /// Read the report of a quarter: it counts also what its reader may not see one by one.
    ReadReports,
    /// Take the report of a quarter from step to step, state a figure otherwise, agree on one; who may take which step is
    /// a matter of the step.
    RunReport,
    /// Draft, send and read reports of a disaster; whose they are is a matter of the report.
    ReportDisaster,
    /// Edit contacts and add places (a hamlet that is on no map).
    EditPlace,
    /// Edit the reference ground: areas, sectors, stations, roads, rivers; import files.
    EditGround,
    /// Make, change and disable accounts; revoke any grant.
    ManageAccounts,
    /// Let a telephone or tracker speak for a unit.
    EnrolDevice,
    /// Let another force see records of the own force.
    Share,
    /// Take sight of personal records in an emergency, for a purpose and a short time.
    BreakGlass,
    /// Propose, agree to and refuse the level of a border sector; draw areas of concern.
    AssessBorder,
    /// Read who read what.
    ReadAudit,
    /// Take a tip in, and pass messages of an informant who calls again.
    TakeTip,
    /// Grade, scrub, answer and promote tips; ask to open what is sealed.
    HandleTips,
    /// Be the second person who agrees that a tip is opened; read the figures of tips.
    ConfirmUnsealing,
}

impl Actor {
    /// Refuses what this actor's role does not allow.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn check(&self, deed: Deed) -> Result<(), Problem> {
        if self.may(deed) {
            return Ok(());
        }
        Err(Problem::new(
            Code::Forbidden,
            "vai trò của bạn không được làm việc này",
            format!("the role of {} does not allow this", self.name),
        ))
    }

    /// Whether this actor's role allows `deed`. A field unit's own-unit rule is checked by the desk, which knows the unit.
    #[must_use]
    pub fn may(&self, deed: Deed) -> bool {
        use Deed as D;
        match self.role {
            // Tips have no back door: not even whoever holds the data folder comes to them through the server.
            Role::System => !matches!(deed, D::HandleTips | D::ConfirmUnsealing),
            // Whoever runs the server has no need of what a force shares, of who lives where or of who told what, and answers
            // for no figures.
            Role::Admin => !matches!(
                deed,
                D::Warn
                    | D::HoldShift
                    | D::RunReport
                    | D::AssessBorder
                    | D::Coordinate
                    | D::ReportDisaster
                    | D::Share
                    | D::BreakGlass
                    | D::TakeTip
                    | D::HandleTips
                    | D::ConfirmUnsealing
            ),
            Role::DutyOfficer => {
                !matches!(deed, D::EditGround | D::ManageAccounts | D::ReadAudit | D::HandleTips | D::LeadExercise)
            }
            Role::Commander => !matches!(deed, D::EditGround | D::ManageAccounts | D::EnrolDevice | D::HandleTips),
            Role::Planner => matches!(
                deed,
                D::DrawZone
                    | D::CloseRoad
                    | D::ReportRain
                    | D::SetLevel
                    | D::Warn
                    | D::EditHousehold
                    | D::ReportEvacuation
                    | D::EditPlace
                    | D::WriteLog
                    | D::KeepFigures
                    | D::Coordinate
                    | D::LeadExercise
                    | D::ReadReports
                    | D::RunReport
                    | D::AssessBorder
                    | D::ReportIncident
                    | D::EditGround
                    | D::TakeTip
            ),
            Role::FieldUnit => matches!(
                deed,
                D::ReportIncident
                    | D::ReportUnit
                    | D::ReportEvacuation
                    | D::EditPlace
                    | D::WriteLog
                    | D::BreakGlass
                    | D::TakeTip
            ),
            Role::LocalAuthority => {
                matches!(
                    deed,
                    D::ReportIncident
                        | D::CloseRoad
                        | D::ReportRain
                        | D::EditHousehold
                        | D::ReportEvacuation
                        | D::EditPlace
                        | D::KeepFigures
                        | D::Coordinate
                        | D::ReportDisaster
                        | D::WriteLog
                        | D::TakeTip
                )
            }
            Role::TipHandler => {
                matches!(deed, D::ReportIncident | D::TakeTip | D::HandleTips | D::ConfirmUnsealing)
            }
            Role::Observer => false,
        }
    }
}
