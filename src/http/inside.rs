//! Who is still inside: the board, the households of a zone in the order to move, and the plan that gives them shelters.

use axum::extract::Path;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::json as json_answer;
use super::error::{Answer, Refusal};
use super::fields::Fields;
use super::long;
use super::params::{Params, id_named};
use crate::desk::{EvacuationPlan, Evacuees, InsideBoard};
use crate::domain::access::Deed;
use crate::domain::{Code, Collection, Problem};

/// A plan, tried or committed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct PlanCall {
    /// Writes it into the households; it is only tried if absent.
    commit: Option<bool>,
    /// Who goes where; the server proposes it if absent. Needed to commit: what was looked at is written, no other.
    assignments: Option<Vec<PlannedCall>>,
}

/// A household and its shelter.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct PlannedCall {
    household_id: Uuid,
    /// `null`: by this plan it has none, and loses the one it had.
    #[schema(required)]
    shelter_id: Option<Uuid>,
}

/// How many are still inside the zones in force, zone by zone and over all.
///
/// A house on the boundary of a zone is inside, as in an exposure; a household in two zones counts once in the total.
/// Whoever is on the way is inside until somebody counted them where they go.
#[utoipa::path(
    get, path = "/api/inside", tag = "evacuation",
    params(
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; the present picture if neither is said"),
    ),
    responses((status = 200, description = "The board", body = InsideBoard))
)]
pub async fn read_inside(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let moment = params.moment()?;
    params.finish()?;
    let view = reader.view_of(moment).await?;
    let looks_at = view.held(&[Collection::Households]);
    let board = long::answer(&reader, looks_at, || InsideBoard::of(&view)).await?;
    json_answer(&board)
}

/// The households of a zone in force in the order in which they are moved.
#[utoipa::path(
    get, path = "/api/risk_zones/{id}/inside", tag = "evacuation",
    params(("id" = String, Path, description = "Id of the zone")),
    responses(
        (status = 200, description = "Those that the reader sees one by one", body = Evacuees),
        (status = 409, description = "forbidden_transition: the zone is not in force"),
    )
)]
pub async fn list_evacuees(Path(id): Path<String>, reader: Reader) -> Answer {
    let id = id_named(&id)?;
    Params::parse(reader.uri.query())?.finish()?;
    let view = reader.view()?;
    let desk = &reader.live()?.desk;
    let evacuees: Evacuees = long::beside(&reader, || desk.evacuees(&view, id)).await??;
    json_answer(&evacuees)
}

/// Proposes a shelter for each household of a zone, or writes a plan into the households.
///
/// A plan by which a shelter would hold more than it takes is refused, with the shelters (`shelter_full`).
#[utoipa::path(
    post, path = "/api/risk_zones/{id}/evacuation_plan", tag = "evacuation", request_body = PlanCall,
    params(
        ("id" = String, Path, description = "Id of the zone"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (status = 200, description = "The plan", body = EvacuationPlan),
        (status = 409, description = "shelter_full; forbidden_transition: the zone is not in force"),
    )
)]
pub async fn plan_evacuation(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    writer.reader.actor().check(Deed::EditHousehold)?;
    let mut fields = writer.fields()?;
    let is_commit = fields.boolean("commit")?.unwrap_or(false);
    let assignments = fields.take("assignments").map(|given| assignments(&given)).transpose()?;
    fields.finish()?;
    let desk = writer.desk()?;
    let plan = match (is_commit, assignments) {
        (true, Some(placed)) => {
            desk.commit_evacuation(&writer.ask(None), id, &placed).await?;
            let view = writer.reader.view_of_written()?;
            long::beside(&writer.reader, || desk.committed(&view, &placed)).await?
        }
        (false, None) => {
            let view = writer.reader.view()?;
            long::beside(&writer.reader, || desk.plan_evacuation(&view, id)).await??
        }
        _ => {
            return Err(Problem::new(
                Code::MissingField,
                "commit và assignments đi cùng nhau: ghi đúng phương án đã xem",
                "commit and assignments go together: what was looked at is what is written",
            )
            .at("/assignments")
            .into());
        }
    };
    json_answer(&plan)
}

fn assignments(given: &Value) -> Result<Vec<(Uuid, Option<Uuid>)>, Refusal> {
    let list = given.as_array().ok_or_else(|| {
        Problem::new(Code::InvalidValue, "assignments: cần danh sách", "assignments: expected a list")
            .at("/assignments")
    })?;
    let one = |(n, value): (usize, &Value)| {
        let mut fields = Fields::at(value.clone(), &format!("/assignments/{n}"))?;
        let household = fields.needed_uuid("household_id")?;
        // Nobody loses a shelter because a caller forgot to name it.
        let shelter = match fields.patched("shelter_id", Fields::uuid)? {
            Some(shelter) => shelter,
            None => Some(fields.needed_uuid("shelter_id")?),
        };
        fields.finish().map(|()| (household, shelter))
    };
    Ok(list.iter().enumerate().map(one).collect::<Result<Vec<_>, Problem>>()?)
}
