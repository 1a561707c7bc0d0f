//! `/api/accounts`: the administrator's list of who may come in. No password passes here: an account chooses its own
//! by a link that works once.

use axum::extract::Path;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{json, with_status};
use super::audit::note_deed;
use super::error::{Answer, Refusal};
use super::fields::Fields;
use crate::domain::access::{Area, Deed};
use crate::domain::account::check_name;
use crate::domain::{Code, Collection, Force, Problem, Role, Timestamp};
use crate::picture::View;
use crate::store::audit::Kind;
use crate::store::system::{Account, AccountChange, NewAccount, PASSWORD_LINK_LIFE_S, Secret};

/// Longest label of an account, characters.
const LABEL_CHARS_MAX: usize = 100;

/// The accounts.
#[derive(Serialize, ToSchema)]
pub struct Accounts {
    accounts: Vec<AccountAnswer>,
}

/// An account.
#[derive(Serialize, ToSchema)]
pub struct AccountAnswer {
    name: String,
    label: Option<String>,
    role: Role,
    force: Option<Force>,
    /// Id of its organisation.
    organisation: Option<String>,
    /// `province`, or `{parts: {communes, sectors}}`.
    area: Area,
    unit_id: Option<Uuid>,
    /// Who hears of what this one looks at in an emergency.
    supervisor: Option<String>,
    has_password: bool,
    must_change: bool,
    /// Signs in by OpenID Connect.
    is_external: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
}

/// A link by which an account chooses its password.
#[derive(Serialize, ToSchema)]
pub struct PasswordLink {
    account: AccountAnswer,
    /// Works once. It is told this once.
    link: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// A new account.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct AccountCall {
    name: String,
    role: String,
    label: Option<String>,
    force: Option<String>,
    organisation: Option<String>,
    /// The province if it is left out.
    area: Option<Area>,
    unit_id: Option<Uuid>,
    supervisor: Option<String>,
}

/// What shall be changed; `null` removes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct AccountPatch {
    role: Option<String>,
    label: Option<String>,
    force: Option<String>,
    organisation: Option<String>,
    area: Option<Area>,
    unit_id: Option<Uuid>,
    supervisor: Option<String>,
    must_change: Option<bool>,
    disabled: Option<bool>,
}

impl From<Account> for AccountAnswer {
    fn from(account: Account) -> Self {
        let Account { name, label, role, force, organisation, area, unit_id, supervisor, .. } = account;
        let Account { has_password, must_change, is_external, created_at, disabled_at, .. } = account;
        Self {
            name,
            label,
            role,
            force,
            organisation,
            area,
            unit_id,
            supervisor,
            has_password,
            must_change,
            is_external,
            created_at,
            disabled_at,
        }
    }
}

/// All accounts.
#[utoipa::path(get, path = "/api/accounts", tag = "accounts", responses((status = 200, body = Accounts)))]
pub async fn list_accounts(reader: Reader) -> Answer {
    reader.actor().check(Deed::ManageAccounts)?;
    let accounts = reader.live()?.directory.ask(|system, _| system.accounts()).await?;
    json(&Accounts { accounts: accounts.into_iter().map(AccountAnswer::from).collect() })
}

/// Makes an account, and a link by which it chooses its password.
#[utoipa::path(
    post, path = "/api/accounts", tag = "accounts", request_body = AccountCall,
    responses(
        (status = 201, description = "The account and its link, told once", body = PasswordLink),
        (status = 422, description = "A name that is taken, a role, a force or an area that is not there"),
    )
)]
pub async fn add_account(writer: Writer) -> Answer {
    let reader = &writer.reader;
    reader.actor().check(Deed::ManageAccounts)?;
    let directory = &reader.live()?.directory;
    let mut fields = writer.fields()?;
    let name = fields.needed_text("name")?;
    check_name(&name)?;
    let mut new = NewAccount::new(&name, Role::Observer);
    let change = read_change(&mut fields, &reader.view()?)?;
    fields.finish()?;
    new.role = change.role.ok_or_else(|| {
        Problem::new(Code::MissingField, "Thiếu trường bắt buộc role.", "The required field role is missing.")
            .at("/role")
    })?;
    if !directory.has_accounts() && new.role != Role::Admin {
        return Err(Problem::new(
            Code::InvalidValue,
            "Tài khoản đầu tiên phải là quản trị: có tài khoản rồi thì không ai vào được mà không đăng nhập.",
            "The first account must be an administrator: once there is one, nobody comes in without signing in.",
        )
        .at("/role")
        .into());
    }
    new.label = change.label.flatten();
    new.force = change.force.flatten();
    new.organisation = change.organisation.flatten();
    new.area = change.area.unwrap_or_default();
    new.unit_id = change.unit_id.flatten();
    new.supervisor = change.supervisor.flatten();
    note_deed(reader, Kind::Account, &name, "")?;
    let secret = Secret::random();
    let hash = secret.hash();
    let made = directory.change(move |system, now| {
        let made = system.add_account(&new, now)?;
        system.put_password_link(&made.name, &hash, now)
    });
    Ok(with_status(link_answer(reader, made.await?, &secret)?, StatusCode::CREATED))
}

/// Changes an account.
///
/// It counts at once: disabling ends sessions and feeds and revokes tokens; another role, force or area ends feeds.
#[utoipa::path(
    patch, path = "/api/accounts/{name}", tag = "accounts", request_body = AccountPatch,
    params(("name" = String, Path, description = "Name of the account")),
    responses(
        (status = 200, body = AccountAnswer),
        (status = 403, description = "Nobody would be left to administer the server"),
        (status = 404, description = "There is no such account"),
    )
)]
pub async fn change_account(Path(name): Path<String>, writer: Writer) -> Answer {
    let reader = &writer.reader;
    reader.actor().check(Deed::ManageAccounts)?;
    let mut fields = writer.fields()?;
    let mut change = read_change(&mut fields, &reader.view()?)?;
    change.must_change = fields.boolean("must_change")?;
    change.disabled = fields.boolean("disabled")?;
    fields.finish()?;
    note_deed(reader, Kind::Account, "", "")?;
    let changed =
        reader.live()?.directory.change(move |system, now| system.change_account(&name, &change, now)).await?;
    json(&AccountAnswer::from(changed))
}

/// Takes an account's password, sessions and tokens away, and makes a link by which it chooses another password.
#[utoipa::path(
    post, path = "/api/accounts/{name}/reset", tag = "accounts",
    params(("name" = String, Path, description = "Name of the account")),
    responses(
        (status = 200, description = "The link, told once", body = PasswordLink),
        (status = 404, description = "There is no such account"),
    )
)]
pub async fn reset_account(Path(name): Path<String>, writer: Writer) -> Answer {
    let reader = &writer.reader;
    reader.actor().check(Deed::ManageAccounts)?;
    writer.fields()?.finish()?;
    note_deed(reader, Kind::Account, "", "")?;
    let secret = Secret::random();
    let hash = secret.hash();
    let directory = &reader.live()?.directory;
    let account = directory.change(move |system, now| system.put_password_link(&name, &hash, now)).await?;
    link_answer(reader, account, &secret)
}

fn link_answer(reader: &Reader, account: Account, secret: &Secret) -> Answer {
    let link = reader.link(&format!("/password?code={}", secret.reveal()));
    let expires_at = reader.live()?.directory.now().plus_s(PASSWORD_LINK_LIFE_S);
    json(&PasswordLink { account: account.into(), link, expires_at })
}

/// The members that a new account and a change have in common.
fn read_change(fields: &mut Fields, view: &View) -> Result<AccountChange, Refusal> {
    let label = fields.patched("label", Fields::text)?;
    if label.iter().flatten().any(|label| label.chars().count() > LABEL_CHARS_MAX) {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("Tên gọi dài quá {LABEL_CHARS_MAX} ký tự."),
            format!("The label is longer than {LABEL_CHARS_MAX} characters."),
        )
        .at("/label")
        .into());
    }
    let unit_id = fields.patched("unit_id", Fields::uuid)?;
    if let Some(id) = unit_id.flatten()
        && view.item(Collection::Units, id).is_none()
    {
        return Err(unknown(format!("Không có đơn vị {id}."), format!("There is no unit {id}."), "/unit_id").into());
    }
    Ok(AccountChange {
        label,
        role: fields.word("role", Role::parse)?,
        force: fields.patched("force", |fields, name| fields.word(name, Force::parse))?,
        organisation: fields.patched("organisation", Fields::text)?,
        area: area(fields, view)?,
        unit_id,
        supervisor: fields.patched("supervisor", Fields::text)?,
        must_change: None,
        disabled: None,
    })
}

/// An area, if there: its communes and border sectors must be in the picture.
///
/// # Errors
/// `invalid_value`, `unknown_reference`.
pub fn area(fields: &mut Fields, view: &View) -> Result<Option<Area>, Problem> {
    let Some(value) = fields.take("area") else { return Ok(None) };
    let place = fields.place("area");
    let area: Area = serde_json::from_value(value).map_err(|_| {
        Problem::new(
            Code::InvalidValue,
            "area: cần \"province\" hoặc {\"parts\": {\"communes\": [mã xã], \"sectors\": [id]}}.",
            "area: expected \"province\" or {\"parts\": {\"communes\": [codes], \"sectors\": [ids]}}.",
        )
        .at(&place)
    })?;
    check_area(&area, view).map_err(|problem| problem.at(&place))?;
    Ok(Some(area))
}

/// Refuses an area with a commune or a border sector that is not in the picture.
///
/// # Errors
/// `unknown_reference`.
pub fn check_area(area: &Area, view: &View) -> Result<(), Problem> {
    let Area::Parts { communes, sectors } = area else { return Ok(()) };
    let unknown = |vi: String, en: String| Err(Problem::new(Code::UnknownReference, vi, en));
    let known = commune_names(view);
    if let Some(code) = communes.iter().find(|code| !known.iter().any(|(known, _)| known == *code)) {
        return unknown(format!("Không có xã mã {code:?}."), format!("There is no commune {code:?}."));
    }
    if let Some(id) = sectors.iter().find(|id| view.item(Collection::BorderSectors, **id).is_none()) {
        return unknown(format!("Không có đoạn biên giới {id}."), format!("There is no border sector {id}."));
    }
    Ok(())
}

/// Codes and names of the communes.
#[must_use]
pub fn commune_names(view: &View) -> Vec<(String, String)> {
    let named = view
        .all(Collection::AdminUnits)
        .filter_map(|unit| Some((unit.text("code")?.into_owned(), unit.text("name").unwrap_or_default().into_owned())));
    named.collect()
}

fn unknown(vi: String, en: String, at: &str) -> Problem {
    Problem::new(Code::UnknownReference, vi, en).at(at)
}
