//! `/api/grants`, `/api/break-glass`: what one force lets another see, and sight taken in an emergency.
//!
//! A force shares what is its own and nothing else, so nothing is passed on; fields are named one by one, so that a
//! field that comes later stays hidden; the window is tested at each access, and revoking counts at once.

use std::collections::BTreeSet;

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::accounts::{area, commune_names};
use super::actor::{Reader, Writer};
use super::answer::{json, with_status};
use super::audit::note_deed;
use super::error::{Answer, Refusal};
use super::fields::Fields;
use super::me::{not_found, nothing_more};
use super::params::id_named;
use crate::domain::access::{Area, Deed, Grant, GrantKind, Grantee};
use crate::domain::{Actor, Code, Collection, Force, Problem, Role, Timestamp, schema};
use crate::store::audit::Kind;
use crate::store::system::{Account, GivenGrant};

/// Collections whose records belong to a force.
const SHARED: [Collection; 3] = [Collection::Units, Collection::Incidents, Collection::DutyLog];
/// The place of a record, which is named like a field.
const GEOMETRY: &str = "geometry";
/// Longest window of a grant: a season of storms. Whoever needs longer grants again.
const WINDOW_S_MAX: i64 = 90 * 24 * 3_600;
/// How long sight taken in an emergency lasts.
const BREAK_GLASS_S: i64 = 30 * 60;
/// Most communes at one time: an emergency lies somewhere.
const BREAK_GLASS_COMMUNES_MAX: usize = 5;
/// Shortest and longest reason, characters.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 5..=500;

/// Grants that concern me.
#[derive(Serialize, ToSchema)]
pub struct Grants {
    grants: Vec<GrantAnswer>,
}

/// A grant and what became of it.
#[derive(Serialize, ToSchema)]
pub struct GrantAnswer {
    id: Uuid,
    /// `sharing` or `break_glass`.
    kind: GrantKind,
    /// The force whose records they are.
    of_force: Option<Force>,
    to_force: Option<Force>,
    to_account: Option<String>,
    collection: Collection,
    /// `geometry` is the place.
    fields: BTreeSet<String>,
    /// `province`, or `{parts: {communes, sectors}}`.
    area: Area,
    reason: String,
    granted_by: String,
    #[schema(value_type = String, format = DateTime)]
    granted_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    valid_from: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    valid_to: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    revoked_by: Option<String>,
    /// `planned`, `in_force`, `over` or `revoked`.
    state: &'static str,
}

/// What my force lets another see.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct GrantCall {
    to_force: String,
    /// `units`, `incidents` or `duty_log`.
    collection: String,
    fields: Vec<String>,
    /// My own area if it is left out.
    area: Option<Area>,
    reason: String,
    /// Now if it is left out.
    valid_from: Option<String>,
    /// At most 90 days later.
    valid_to: String,
}

/// What I must see at once.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct BreakGlassCall {
    /// `households`.
    collection: String,
    /// `{parts: {communes}}`, at most five.
    area: Area,
    purpose: String,
}

/// Grants that concern me, newest first.
///
/// Those of my force and to my force, my own, and for whoever supervises: sight that others took in an emergency.
#[utoipa::path(get, path = "/api/grants", tag = "accounts", responses((status = 200, body = Grants)))]
pub async fn list_grants(reader: Reader) -> Answer {
    let directory = &reader.live()?.directory;
    let (given, accounts) = directory.ask(|system, _| Ok((system.grants()?, system.accounts()?))).await?;
    let now = directory.now();
    let mine = given.into_iter().filter(|given| concerns(reader.actor(), &given.grant, &accounts));
    json(&Grants { grants: mine.map(|given| answer(given, now)).collect() })
}

/// Lets another force see records of mine.
#[utoipa::path(
    post, path = "/api/grants", tag = "accounts", request_body = GrantCall,
    responses(
        (status = 201, body = GrantAnswer),
        (status = 403, description = "Not a duty officer or commander of a force"),
        (status = 422, description = "A field that is not there, a window too long, no reason"),
    )
)]
pub async fn share(writer: Writer) -> Answer {
    let actor = writer.reader.actor();
    actor.check(Deed::Share)?;
    let of_force = actor.force.ok_or_else(|| {
        Problem::new(
            Code::Forbidden,
            "Chỉ trực ban hoặc chỉ huy của một lực lượng chia sẻ được dữ liệu của lực lượng mình.",
            "Only a duty officer or commander of a force shares, and what is of that force.",
        )
    })?;
    let mut fields = writer.fields()?;
    let now = writer.reader.live()?.directory.now();
    let grant = read_grant(&writer, &mut fields, of_force, now)?;
    fields.finish()?;
    note_deed(&writer.reader, Kind::Grant, &grant.id.to_string(), &grant.reason)?;
    give(&writer, grant).await
}

/// Revokes a grant: an administrator any, a force what it shares, an account what it took itself.
#[utoipa::path(
    delete, path = "/api/grants/{id}", tag = "accounts",
    params(("id" = String, Path, description = "Id of the grant")),
    responses((status = 204, description = "It counts no longer"), (status = 404, description = "There is none"))
)]
pub async fn revoke_grant(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let actor = writer.reader.actor();
    let directory = &writer.reader.live()?.directory;
    let (given, accounts) = directory.ask(move |system, _| Ok((system.grant(id)?, system.accounts()?))).await?;
    let given = given.filter(|given| given.revoked_at.is_none() && concerns(actor, &given.grant, &accounts));
    let Some(GivenGrant { grant, .. }) = given else { return Err(not_found("quyền", "grant", id)) };
    let own = match grant.kind {
        GrantKind::Sharing => grant.of_force == actor.force && actor.may(Deed::Share),
        GrantKind::BreakGlass => grant.is_for(&actor.name, actor.force) || supervises(actor, &grant, &accounts),
    };
    if !own {
        actor.check(Deed::ManageAccounts)?;
    }
    note_deed(&writer.reader, Kind::Grant, "", "")?;
    let by = actor.name.clone();
    directory.change(move |system, now| system.revoke_grant(id, &by, now)).await?;
    Ok(nothing_more())
}

/// Takes sight of households of some communes for half an hour.
///
/// It stands in the duty log, without a name, and in the list of whoever supervises.
#[utoipa::path(
    post, path = "/api/break-glass", tag = "accounts", request_body = BreakGlassCall,
    responses(
        (status = 201, body = GrantAnswer),
        (status = 403, description = "A role that has no part in rescue"),
        (status = 422, description = "No purpose, no commune or too many"),
    )
)]
pub async fn break_glass(writer: Writer) -> Answer {
    let reader = &writer.reader;
    reader.actor().check(Deed::BreakGlass)?;
    let mut fields = writer.fields()?;
    let (grant, names) = read_emergency(reader, &mut fields)?;
    fields.finish()?;
    // Written down first: sight that nobody hears of must not come about.
    note_deed(reader, Kind::BreakGlass, &grant.id.to_string(), &grant.reason)?;
    reader.live()?.desk.log_break_glass(reader.actor(), grant.id, &names, BREAK_GLASS_S / 60).await?;
    tracing::warn!(grant.id = %grant.id, account = reader.actor().name, "personal records were opened in an emergency");
    give(&writer, grant).await
}

async fn give(writer: &Writer, grant: Grant) -> Answer {
    let directory = &writer.reader.live()?.directory;
    let id = grant.id;
    let given = directory.change(move |system, now| {
        system.add_grant(&grant, now)?;
        system.grant(id)
    });
    let given = given.await?.ok_or_else(|| not_found("quyền", "grant", id))?;
    Ok(with_status(json(&answer(given, directory.now()))?, StatusCode::CREATED))
}

fn read_grant(writer: &Writer, fields: &mut Fields, of_force: Force, now: Timestamp) -> Result<Grant, Refusal> {
    let reader = &writer.reader;
    let to_force = needed_word(fields, "to_force", Force::parse)?;
    if to_force == of_force {
        return Err(invalid(
            "to_force: lực lượng mình đã thấy rồi.",
            "to_force: the own force sees it anyway.",
            "/to_force",
        ));
    }
    let collection = needed_word(fields, "collection", Collection::parse)?;
    if !SHARED.contains(&collection) {
        let names = SHARED.map(Collection::as_str).join(", ");
        return Err(invalid(
            &format!("Chỉ chia sẻ được dữ liệu của lực lượng: {names}."),
            &format!("Only records that belong to a force can be shared: {names}."),
            "/collection",
        ));
    }
    let shown = shared_fields(collection, fields.needed_texts("fields")?)?;
    let area = match area(fields, &reader.view()?)? {
        None => reader.actor().area.clone(),
        Some(area) if lies_in(&area, &reader.actor().area) => area,
        Some(_) => {
            return Err(Problem::new(
                Code::Forbidden,
                "area: không chia sẻ được ngoài địa bàn của mình.",
                "area: nothing outside the own area can be shared.",
            )
            .at("/area")
            .into());
        }
    };
    let reason = reason(fields, "reason")?;
    let valid_from = fields.time("valid_from")?.unwrap_or(now);
    let valid_to = fields.needed_time("valid_to")?;
    if valid_to <= now.max(valid_from) || valid_to.seconds_since(valid_from) > WINDOW_S_MAX {
        let days = WINDOW_S_MAX / 86_400;
        return Err(invalid(
            &format!("valid_to: phải sau lúc này và sau valid_from, nhiều nhất {days} ngày."),
            &format!("valid_to: must lie after now and after valid_from, by at most {days} days."),
            "/valid_to",
        ));
    }
    Ok(Grant {
        id: Uuid::now_v7(),
        kind: GrantKind::Sharing,
        of_force: Some(of_force),
        to: Grantee::Force(to_force),
        collection,
        fields: shown,
        area,
        reason,
        granted_by: reader.actor().name.clone(),
        valid_from,
        valid_to,
    })
}

/// The emergency's grant, and the names of its communes.
fn read_emergency(reader: &Reader, fields: &mut Fields) -> Result<(Grant, Vec<String>), Refusal> {
    let collection = needed_word(fields, "collection", Collection::parse)?;
    if collection != Collection::Households {
        return Err(invalid("collection: chỉ có households.", "collection: households alone.", "/collection"));
    }
    let view = reader.view()?;
    let Some(Area::Parts { communes, sectors }) = area(fields, &view)?.filter(is_narrow) else {
        let max = BREAK_GLASS_COMMUNES_MAX;
        return Err(invalid(
            &format!("area: cần từ 1 đến {max} xã, không có đoạn biên giới."),
            &format!("area: expected 1 to {max} communes and no border sector."),
            "/area",
        ));
    };
    let reason = reason(fields, "purpose")?;
    let names = commune_names(&view).into_iter().filter(|(code, _)| communes.contains(code)).map(|(_, name)| name);
    let names = names.collect();
    let now = reader.live()?.directory.now();
    let grant = Grant {
        id: Uuid::now_v7(),
        kind: GrantKind::BreakGlass,
        of_force: None,
        to: Grantee::Account(reader.actor().name.clone()),
        collection,
        fields: collection.fields().iter().map(|field| field.name).chain([GEOMETRY]).map(str::to_owned).collect(),
        area: Area::Parts { communes, sectors },
        reason,
        granted_by: reader.actor().name.clone(),
        valid_from: now,
        valid_to: now.plus_s(BREAK_GLASS_S),
    };
    Ok((grant, names))
}

fn is_narrow(area: &Area) -> bool {
    match area {
        Area::Province => false,
        Area::Parts { communes, sectors } => {
            (1..=BREAK_GLASS_COMMUNES_MAX).contains(&communes.len()) && sectors.is_empty()
        }
    }
}

/// The fields that are named, which must be fields of the collection. Personal ones go by need, never by sharing.
fn shared_fields(collection: Collection, names: Vec<String>) -> Result<BTreeSet<String>, Refusal> {
    if names.is_empty() {
        return Err(invalid("fields: cần ít nhất một trường.", "fields: at least one is needed.", "/fields"));
    }
    for name in names.iter().filter(|name| *name != GEOMETRY) {
        match schema::find(collection, name) {
            Some(field) if !field.personal => {}
            Some(_) => {
                return Err(Problem::new(
                    Code::Forbidden,
                    format!("fields: {name} là dữ liệu cá nhân, không chia sẻ được."),
                    format!("fields: {name} is personal and cannot be shared."),
                )
                .at("/fields")
                .into());
            }
            None => {
                return Err(Problem::new(
                    Code::UnknownField,
                    format!("fields: {collection} không có trường {name:?}."),
                    format!("fields: {collection} has no field {name:?}."),
                )
                .at("/fields")
                .into());
            }
        }
    }
    Ok(names.into_iter().collect())
}

fn reason(fields: &mut Fields, name: &str) -> Result<String, Refusal> {
    let text = fields.needed_text(name)?.trim().to_owned();
    if REASON_CHARS.contains(&text.chars().count()) {
        return Ok(text);
    }
    let (min, max) = (REASON_CHARS.start(), REASON_CHARS.end());
    Err(invalid(
        &format!("{name}: cần từ {min} đến {max} ký tự."),
        &format!("{name}: {min} to {max} characters are needed."),
        &fields.place(name),
    ))
}

fn needed_word<T>(fields: &mut Fields, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Refusal> {
    fields.word(name, parse)?.ok_or_else(|| {
        Problem::new(
            Code::MissingField,
            format!("Thiếu trường bắt buộc {name}."),
            format!("The required field {name} is missing."),
        )
        .at(&fields.place(name))
        .into()
    })
}

fn invalid(vi: &str, en: &str, at: &str) -> Refusal {
    Problem::new(Code::InvalidValue, vi, en).at(at).into()
}

/// Whether `inner` lies within `outer`.
fn lies_in(inner: &Area, outer: &Area) -> bool {
    match (inner, outer) {
        (_, Area::Province) => true,
        (Area::Province, Area::Parts { .. }) => false,
        (Area::Parts { communes: some, sectors: few }, Area::Parts { communes, sectors }) => {
            some.is_subset(communes) && few.is_subset(sectors)
        }
    }
}

/// Whether an actor may know of a grant.
fn concerns(actor: &Actor, grant: &Grant, accounts: &[Account]) -> bool {
    actor.role == Role::Admin
        || grant.is_for(&actor.name, actor.force)
        || grant.granted_by == actor.name
        || (actor.force.is_some() && grant.of_force == actor.force)
        || supervises(actor, grant, accounts)
}

/// Whether an actor hears of the sight that somebody took in an emergency: the account's supervisor, and the commander
/// of its force or of the joint duty room.
fn supervises(actor: &Actor, grant: &Grant, accounts: &[Account]) -> bool {
    let (GrantKind::BreakGlass, Grantee::Account(holder)) = (grant.kind, &grant.to) else { return false };
    let holder = accounts.iter().find(|account| account.name == *holder);
    let is_supervisor = holder.is_some_and(|holder| holder.supervisor.as_ref() == Some(&actor.name));
    let commands = actor.role == Role::Commander
        && (actor.force.is_none() || holder.is_none_or(|holder| holder.force.is_none() || holder.force == actor.force));
    is_supervisor || commands
}

fn answer(given: GivenGrant, now: Timestamp) -> GrantAnswer {
    let GivenGrant { grant, granted_at, revoked_at, revoked_by } = given;
    let state = match (revoked_at, grant.is_in_force(now)) {
        (Some(_), _) => "revoked",
        (None, true) => "in_force",
        (None, false) if now < grant.valid_from => "planned",
        (None, false) => "over",
    };
    let (to_force, to_account) = match grant.to {
        Grantee::Force(force) => (Some(force), None),
        Grantee::Account(name) => (None, Some(name)),
    };
    let Grant { id, kind, of_force, collection, fields, area, reason, granted_by, valid_from, valid_to, .. } = grant;
    GrantAnswer {
        id,
        kind,
        of_force,
        to_force,
        to_account,
        collection,
        fields,
        area,
        reason,
        granted_by,
        granted_at,
        valid_from,
        valid_to,
        revoked_at,
        revoked_by,
        state,
    }
}
