//! Who may come in: the demo's actors and their tokens. Accounts take this place later.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use rand::RngExt;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::access::Grant;
use crate::domain::{Actor, Force, Role, Timestamp};

/// The file of the data folder that holds the demo's tokens, for programs.
pub const DEMO_TOKENS_FILE: &str = "demo-tokens.json";
/// Random bytes of a token, written as hexadecimal digits.
const TOKEN_BYTES: usize = 32;

/// Somebody who can sign in.
#[derive(Debug)]
pub struct Account {
    pub actor: Arc<Actor>,
    pub label_vi: &'static str,
    pub label_en: &'static str,
    /// Present for demo actors only, whose tokens are no secret to whoever reads the data folder.
    token: Option<String>,
}

/// Who comes in with which token; fixed once the server is ready.
#[derive(Debug)]
pub struct SignIn {
    accounts: Vec<Arc<Account>>,
    by_token_hash: HashMap<[u8; 32], Arc<Account>>,
    /// Who acts when no credentials are sent: the administrator on loopback, nobody in a demo.
    without_credentials: Option<Arc<Account>>,
}

/// An account as `/api/session` lists it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Listed {
    pub name: String,
    pub label_vi: &'static str,
    pub label_en: &'static str,
    pub role: Role,
}

impl SignIn {
    /// Loopback without accounts: whoever reaches the server administers this machine.
    #[must_use]
    pub fn loopback_admin() -> Self {
        let admin = account("admin", Role::System, None, None, "Quản trị", "Administrator", None);
        Self { accounts: Vec::new(), by_token_hash: HashMap::new(), without_credentials: Some(admin) }
    }

    /// The demo's actors with the tokens of `folder`, which are made at the first start and kept.
    /// `field_unit` is the unit that the field actor speaks for, and its force.
    ///
    /// # Errors
    /// When the token file can neither be read nor written.
    pub fn demo(folder: &Path, field_unit: Option<(Uuid, Option<Force>)>) -> std::io::Result<Self> {
        let file = folder.join(DEMO_TOKENS_FILE);
        let mut known = read_tokens(&file);
        let mut token = |name: &str| known.remove(name).unwrap_or_else(new_token);
        let accounts = vec![
            account(
                "duty_officer",
                Role::DutyOfficer,
                Some(Force::Police),
                None,
                "Trực ban tỉnh",
                "Duty officer",
                Some(token("duty_officer")),
            ),
            account(
                "planner",
                Role::Planner,
                Some(Force::Civil),
                None,
                "Cán bộ kế hoạch",
                "Planner",
                Some(token("planner")),
            ),
            account(
                "field_unit",
                Role::FieldUnit,
                field_unit.and_then(|(_, force)| force),
                field_unit.map(|(id, _)| id),
                "Tổ hiện trường",
                "Field unit",
                Some(token("field_unit")),
            ),
            account("admin", Role::Admin, None, None, "Quản trị", "Administrator", Some(token("admin"))),
        ];
        write_tokens(&file, &accounts)?;
        let by_token_hash = accounts
            .iter()
            .filter_map(|account| Some((hash(account.token.as_deref()?), Arc::clone(account))))
            .collect();
        Ok(Self { accounts, by_token_hash, without_credentials: None })
    }

    /// Whose token this is.
    #[must_use]
    pub fn by_token(&self, token: &str) -> Option<&Arc<Account>> {
        if self.by_token_hash.is_empty() {
            return None;
        }
        self.by_token_hash.get(&hash(token))
    }

    /// Who acts when no credentials are sent.
    #[must_use]
    pub fn without_credentials(&self) -> Option<&Arc<Account>> {
        self.without_credentials.as_ref()
    }

    /// The token with which the demo actor `name` comes in.
    #[must_use]
    pub fn demo_token(&self, name: &str) -> Option<(&Arc<Account>, &str)> {
        let account = self.accounts.iter().find(|account| account.actor.name == name)?;
        Some((account, account.token.as_deref()?))
    }

    /// The demo actors, for the start page.
    #[must_use]
    pub fn demo_actors(&self) -> Vec<Listed> {
        self.accounts
            .iter()
            .map(|account| Listed {
                name: account.actor.name.clone(),
                label_vi: account.label_vi,
                label_en: account.label_en,
                role: account.actor.role,
            })
            .collect()
    }
}

fn account(
    name: &str,
    role: Role,
    force: Option<Force>,
    unit_id: Option<Uuid>,
    label_vi: &'static str,
    label_en: &'static str,
    token: Option<String>,
) -> Arc<Account> {
    let actor = Arc::new(Actor { unit_id, grants: shared_units(force), ..Actor::new(name, role, force) });
    Arc::new(Account { actor, label_vi, label_en, token })
}

/// The forces of the demo work as one: each sees the units of the others.
fn shared_units(force: Option<Force>) -> Arc<[Grant]> {
    let others = Force::ALL.into_iter().filter(|other| Some(*other) != force && *other != Force::Civil);
    let grant = |other: Force, to: Force| {
        let (from, to_end) = (Timestamp::from_ms(0), Timestamp::from_ms(i64::from(u32::MAX) * 1_000));
        Grant::of_units(other, to, "quy chế phối hợp (minh hoạ)", from, to_end)
    };
    force.into_iter().flat_map(|to| others.clone().map(move |other| grant(other, to))).collect()
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn new_token() -> String {
    let bytes: [u8; TOKEN_BYTES] = rand::rng().random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The tokens of an earlier start, so that browsers and programs stay signed in over a restart.
fn read_tokens(file: &Path) -> HashMap<String, String> {
    let known: HashMap<String, String> =
        fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    known.into_iter().filter(|(_, token)| token.len() == 2 * TOKEN_BYTES).collect()
}

/// Writes the file beside its place and moves it there, so that a program never reads half of it.
fn write_tokens(file: &Path, accounts: &[Arc<Account>]) -> std::io::Result<()> {
    let tokens: Map<String, Value> = accounts
        .iter()
        .filter_map(|account| Some((account.actor.name.clone(), Value::from(account.token.clone()?))))
        .collect();
    let beside = file.with_extension("json.tmp");
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    out.set_permissions(fs::Permissions::from_mode(0o600))?;
    out.write_all(format!("{}\n", Value::Object(tokens)).as_bytes())?;
    out.sync_all()?;
    fs::rename(&beside, file)
}
