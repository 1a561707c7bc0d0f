//! Links that work once: the first administrator, and passwords that accounts choose by themselves.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use axum::body::Body;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{json, with_status};
use super::app::Live;
use super::error::{Answer, Refusal};
use super::stranger::Stranger;
use crate::domain::account::{check_name, check_password, folded_name};
use crate::domain::{Code, Problem, Role, Timestamp};
use crate::store::StoreError;
use crate::store::system::{NewAccount, Purpose, Secret, System};

/// The file of the data folder that holds the link which makes the first administrator.
const LINK_FILE: &str = "setup-link.txt";
/// What stands before the code in a link.
const CODE: &str = "?code=";

/// What a link led to.
#[derive(Serialize, ToSchema)]
pub struct SetUp {
    /// The account that may sign in now.
    name: String,
}

/// A code and what is chosen by it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct SetUpCall {
    /// The code of the link.
    code: String,
    /// Name of the first administrator; left out where the link is of an account.
    name: Option<String>,
    password: String,
}

/// Makes the first administrator, or sets the password of the account whose link it is.
#[utoipa::path(
    post, path = "/api/setup", tag = "accounts", request_body = SetUpCall,
    responses(
        (status = 201, description = "The account may sign in", body = SetUp),
        (status = 422, description = "The link is used or expired, the name or the password is not taken"),
        (status = 429, description = "Too many wrong codes"),
    )
)]
pub async fn set_up(stranger: Stranger, body: Body) -> Answer {
    let mut fields = stranger.fields(body).await?;
    let (code, name) = (fields.needed_text("code")?, fields.text("name")?);
    let password = fields.needed_text("password")?;
    fields.finish()?;
    let live = stranger.live()?;
    let trial = redeem(live, Secret::hash_of(&code), name, password);
    let name = live.sign_in.try_code(&live.directory, stranger.peer, "link", trial).await?;
    Ok(with_status(json(&SetUp { name })?, StatusCode::CREATED))
}

async fn redeem(live: &Live, link: [u8; 32], name: Option<String>, password: String) -> Result<String, Refusal> {
    let directory = &live.directory;
    // Looked at before anything is hashed, or strangers could keep the server busy with it.
    let purpose = directory.ask(move |system, now| system.purpose_of(&link, now)).await?;
    match purpose {
        Purpose::Setup => {
            let name = name.ok_or_else(|| {
                Problem::new(Code::MissingField, "Thiếu tên tài khoản.", "The account's name is missing.").at("/name")
            })?;
            check_name(&name)?;
            check_password(&password, &name)?;
            let mut admin = NewAccount::new(&name, Role::Admin);
            admin.password_hash = Some(live.sign_in.hash_of(password).await?);
            let made = directory.change(move |system, now| system.redeem_setup(&link, &admin, now)).await?;
            tracing::info!(account = made.name, "the first administrator was made by the set-up link");
            Ok(made.name)
        }
        Purpose::Password { account } => {
            if name.is_some_and(|name| folded_name(&name) != folded_name(&account)) {
                return Err(Problem::new(
                    Code::CodeNotValid,
                    "Liên kết này là của tài khoản khác.",
                    "This link belongs to another account.",
                )
                .at("/name")
                .into());
            }
            check_password(&password, &account)?;
            let phc = live.sign_in.hash_of(password).await?;
            let changed = directory.change(move |system, now| system.redeem_password(&link, &phc, now)).await?;
            tracing::info!(account = changed.name, "a password was chosen by a link");
            Ok(changed.name)
        }
    }
}

/// Gives out a new link that makes the first administrator: to the caller, and in a file for the owner of the data
/// folder, whose place is logged. `base` is where browsers reach the server.
///
/// # Errors
/// What the system said.
pub fn give_link(system: &System, folder: &Path, base: &str, now: Timestamp) -> Result<String, StoreError> {
    let secret = Secret::random();
    let file = folder.join(LINK_FILE);
    let earlier = fs::read_to_string(&file).ok();
    let earlier =
        earlier.as_deref().and_then(|link| link.trim().rsplit_once(CODE)).map(|(_, code)| Secret::hash_of(code));
    system.put_setup_link(&secret.hash(), earlier.as_ref(), now)?;
    let link = format!("{base}/setup{CODE}{}", secret.reveal());
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file)?;
    out.set_permissions(fs::Permissions::from_mode(0o600))?;
    writeln!(out, "{link}")?;
    out.sync_all()?;
    tracing::warn!(
        setup.file = %file.display(),
        "there is no account yet; make the first administrator by the link in the file, which works once"
    );
    Ok(link)
}

/// Removes the file of the link, which is void once there is an account.
pub fn remove_link_file(folder: &Path) {
    match fs::remove_file(folder.join(LINK_FILE)) {
        Ok(()) => tracing::info!("the set-up link is void: there is an account"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, "the file of the set-up link, which is void, cannot be removed"),
    }
}
