//! `/api/devices`: telephones and trackers that speak for a unit or a field account. A duty officer gives out a code,
//! the device changes it into its token, once.

use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{json, with_status};
use super::audit::note_deed;
use super::authority::AuthorityOffer;
use super::error::{Answer, Refusal};
use super::fields::Fields;
use super::me::{label, not_found, nothing_more};
use super::qr::svg_of;
use super::session::with_device_cookie;
use super::stranger::Stranger;
use crate::domain::access::Deed;
use crate::domain::{Actor, Code, Collection, Force, Problem, Role, Timestamp};
use crate::store::audit::Kind;
use crate::store::system::{Bearer, ENROLMENT_LIFE_S, Enrolment, Secret, Token};

/// The devices.
#[derive(Serialize, ToSchema)]
pub struct Devices {
    devices: Vec<Device>,
}

/// One telephone or tracker.
#[derive(Serialize, ToSchema)]
pub struct Device {
    id: Uuid,
    label: String,
    /// The account it speaks for, if it is one.
    account: Option<String>,
    /// The unit it speaks for, if that has no account.
    unit_id: Option<Uuid>,
    unit_name: Option<String>,
    created_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// To the minute; absent if it was never used.
    #[schema(value_type = Option<String>, format = DateTime)]
    used_at: Option<Timestamp>,
}

/// A code for a device.
#[derive(Serialize, ToSchema)]
pub struct EnrolmentAnswer {
    /// To be typed: `7KQ2M-9XW4B`. Works once. It is told this once.
    code: String,
    /// The page that takes the code.
    url: String,
    /// The same as a QR code, an SVG picture for the telephone that shall enrol.
    qr_svg: String,
    /// What a telephone must install first; `null` where telephones believe the server anyway.
    #[schema(required)]
    authority: Option<AuthorityOffer>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A device that came in.
#[derive(Serialize, ToSchema)]
pub struct Enrolled {
    id: Uuid,
    label: String,
    /// Whom the journal names when the device reports.
    actor: String,
    /// The secret. It is told this once.
    token: String,
}

/// For whom the device will speak: one of the two.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct EnrolmentCall {
    label: String,
    unit_id: Option<Uuid>,
    /// An account of a field unit.
    account: Option<String>,
}

/// A code that was given out.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct EnrolCall {
    code: String,
}

impl From<Token> for Device {
    fn from(token: Token) -> Self {
        let (account, unit_id, unit_name) = match token.bearer {
            Bearer::Account(name) => (Some(name), None, None),
            Bearer::Unit { id, name, .. } => (None, Some(id), Some(name)),
        };
        let Token { id, label, created_by, created_at, used_at, .. } = token;
        Self { id, label, account, unit_id, unit_name, created_by, created_at, used_at }
    }
}

/// The devices of my force; all of them for an administrator.
#[utoipa::path(get, path = "/api/devices", tag = "accounts", responses((status = 200, body = Devices)))]
pub async fn list_devices(reader: Reader) -> Answer {
    reader.actor().check(Deed::EnrolDevice)?;
    let directory = &reader.live()?.directory;
    let mut devices = Vec::new();
    for token in directory.ask(|system, _| system.devices()).await? {
        if answers_for(reader.actor(), force_of(&reader, &token.bearer)?) {
            devices.push(Device::from(token));
        }
    }
    json(&Devices { devices })
}

/// Gives out a code by which one device enrols.
#[utoipa::path(
    post, path = "/api/devices", tag = "accounts", request_body = EnrolmentCall,
    responses(
        (status = 201, description = "The code, told once", body = EnrolmentAnswer),
        (status = 403, description = "A unit or account of another force"),
        (status = 422, description = "No such unit or account"),
    )
)]
pub async fn give_code(writer: Writer) -> Answer {
    let reader = &writer.reader;
    reader.actor().check(Deed::EnrolDevice)?;
    let mut fields = writer.fields()?;
    let label = label(&mut fields)?;
    let bearer = bearer(reader, &mut fields)?;
    fields.finish()?;
    note_deed(reader, Kind::Account, &label, "")?;
    let directory = &reader.live()?.directory;
    let code = Secret::random_code();
    let expires_at = directory.now().plus_s(ENROLMENT_LIFE_S);
    let created_by = reader.actor().name.clone();
    let enrolment = Enrolment { hash: code.hash(), label, bearer, created_by, expires_at };
    directory.ask(move |system, now| system.add_enrolment(&enrolment, now)).await?;
    let url = reader.link(&format!("/enrol?code={}", code.reveal()));
    let qr_svg = svg_of(&url)?;
    let authority = reader.authority()?;
    let answer = json(&EnrolmentAnswer { code: code.reveal().to_owned(), url, qr_svg, authority, expires_at })?;
    Ok(with_status(answer, StatusCode::CREATED))
}

/// Changes a code into the token of this device.
///
/// A page of this server gets the token as its cookie too.
#[utoipa::path(
    post, path = "/api/devices/enrol", tag = "accounts", request_body = EnrolCall,
    responses(
        (status = 201, description = "The token, told once", body = Enrolled),
        (status = 422, description = "The code is wrong, used or expired"),
        (status = 429, description = "Too many wrong codes"),
    )
)]
pub async fn enrol(stranger: Stranger, body: Body) -> Answer {
    let mut fields = stranger.fields(body).await?;
    let code = Secret::hash_of_code(&fields.needed_text("code")?);
    fields.finish()?;
    let live = stranger.live()?;
    let secret = Secret::random();
    let hash = secret.hash();
    let trial = live.directory.change(move |system, now| system.redeem_enrolment(&code, hash, now));
    let token = live.sign_in.try_code(&live.directory, stranger.peer, "enrolment", trial).await?;
    let actor = match &token.bearer {
        Bearer::Account(name) => name.clone(),
        Bearer::Unit { name, .. } => format!("unit:{name}"),
    };
    let Token { id, label, .. } = token;
    let answer = json(&Enrolled { id, label, actor, token: secret.reveal().to_owned() })?;
    let answer = with_status(answer, StatusCode::CREATED);
    let is_our_page = stranger.headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
    Ok(if is_our_page { with_device_cookie(answer, stranger.peer, &secret) } else { answer })
}

/// Revokes a device: one of my force, or the one that asks.
#[utoipa::path(
    delete, path = "/api/devices/{id}", tag = "accounts",
    params(("id" = String, Path, description = "Id of the device")),
    responses((status = 204, description = "It counts no longer"), (status = 404, description = "There is none"))
)]
pub async fn revoke_device(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = super::params::id_named(&id)?;
    let reader = &writer.reader;
    let directory = &reader.live()?.directory;
    let device = directory.ask(|system, _| system.devices()).await?.into_iter().find(|device| device.id == id);
    let Some(device) = device else { return Err(not_found("thiết bị", "device", id)) };
    if reader.credential().id != id {
        reader.actor().check(Deed::EnrolDevice)?;
        must_answer_for(reader.actor(), force_of(reader, &device.bearer)?)?;
    }
    note_deed(reader, Kind::Account, "", "")?;
    directory.change(move |system, now| system.revoke_token(id, now)).await?;
    Ok(nothing_more())
}

/// For whom the device shall speak, as the call says.
fn bearer(reader: &Reader, fields: &mut Fields) -> Result<Bearer, Refusal> {
    let unknown = |vi: String, en: String, at: &str| Problem::new(Code::UnknownReference, vi, en).at(at);
    let bearer = match (fields.uuid("unit_id")?, fields.text("account")?) {
        (Some(id), None) => {
            let view = reader.view()?;
            let unit = view.item(Collection::Units, id).filter(|unit| !unit.is_ended()).ok_or_else(|| {
                unknown(format!("Không có đơn vị {id}."), format!("There is no unit {id}."), "/unit_id")
            })?;
            let name =
                unit.text("code").or_else(|| unit.text("name")).map_or_else(|| id.to_string(), |t| t.into_owned());
            Bearer::Unit { id, name, force: unit.text("force").and_then(|force| Force::parse(&force)) }
        }
        (None, Some(name)) => {
            let account = reader.live()?.directory.account(&name);
            let account = account.filter(|account| account.actor.role == Role::FieldUnit).ok_or_else(|| {
                unknown(
                    format!("Không có tài khoản tổ hiện trường {name:?}."),
                    format!("There is no field unit's account {name:?}."),
                    "/account",
                )
            })?;
            Bearer::Account(account.actor.name.clone())
        }
        _ => {
            return Err(Problem::new(
                Code::InvalidValue,
                "Cần đúng một trong hai: unit_id hoặc account.",
                "Expected exactly one of unit_id and account.",
            )
            .at("/unit_id")
            .into());
        }
    };
    must_answer_for(reader.actor(), force_of(reader, &bearer)?)?;
    Ok(bearer)
}

/// The force of whoever a device speaks for.
fn force_of(reader: &Reader, bearer: &Bearer) -> Result<Option<Force>, Refusal> {
    Ok(match bearer {
        Bearer::Account(name) => reader.live()?.directory.account(name).and_then(|account| account.actor.force),
        Bearer::Unit { force, .. } => *force,
    })
}

/// Whether the actor enrols devices of this force: the own one, or any for the joint duty room and the administrator.
fn answers_for(actor: &Actor, force: Option<Force>) -> bool {
    actor.role == Role::Admin || actor.force.is_none() || actor.force == force
}

fn must_answer_for(actor: &Actor, force: Option<Force>) -> Result<(), Problem> {
    if answers_for(actor, force) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "Thiết bị của lực lượng khác do trực ban lực lượng đó ghi danh.",
        "Devices of another force are enrolled by the duty officer of that force.",
    ))
}
