//! The demo's actors: accounts like any other, but anybody may come in as one of them with one click, and their tokens
//! lie in a file for programs. Their forces let each other see their units.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::directory::Directory;
use crate::domain::access::{Area, Grant};
use crate::domain::{Actor, Collection, Force, Role, Timestamp};
use crate::picture::{PictureHandle, Shown, View};
use crate::store::StoreError;
use crate::store::system::{Bearer, NewAccount, NewToken, Secret, System, TokenKind};
use crate::store::tips::TipStore;

/// The file of the data folder that holds the demo's tokens, for programs.
pub const DEMO_TOKENS_FILE: &str = "demo-tokens.json";
/// What opens the tips of a demo; they are invented, and everybody may read it on the handler's page.
pub const DEMO_TIPS_PASSPHRASE: &str = "minh hoạ tin báo";
/// For how long the demo's forces share: longer than any demo lives.
const SHARING_S: i64 = 10 * 365 * 24 * 3_600;
/// Forces that let all others see their units in the demo.
const SHARING: [Force; 3] = [Force::Police, Force::Military, Force::BorderGuard];
/// One of the demo's actors.
struct DemoActor {
    name: &'static str,
    role: Role,
    force: Option<Force>,
    label_vi: &'static str,
    label_en: &'static str,
}

const fn actor(
    name: &'static str,
    role: Role,
    force: Option<Force>,
    label_vi: &'static str,
    label_en: &'static str,
) -> DemoActor {
    DemoActor { name, role, force, label_vi, label_en }
}

/// In the order of the start page.
const ACTORS: [DemoActor; 10] = [
    actor("duty_officer", Role::DutyOfficer, Some(Force::Police), "Trực ban tỉnh", "Duty officer"),
    actor(
        "relief_officer",
        Role::DutyOfficer,
        Some(Force::Police),
        "Trực ban tỉnh, ca sau",
        "Duty officer, next shift",
    ),
    actor("border_officer", Role::DutyOfficer, Some(Force::BorderGuard), "Trực ban biên phòng", "Border guard duty"),
    actor("planner", Role::Planner, Some(Force::Civil), "Cán bộ kế hoạch", "Planner"),
    actor("commander", Role::Commander, None, "Chỉ huy", "Commander"),
    actor("field_unit", Role::FieldUnit, None, "Tổ hiện trường", "Field unit"),
    actor("local_authority", Role::LocalAuthority, Some(Force::Civil), "Cán bộ xã", "Commune officer"),
    actor("tip_handler", Role::TipHandler, None, "Cán bộ xử lý tin báo", "Tip handler"),
    actor("observer", Role::Observer, None, "Quan sát viên", "Observer"),
    actor("admin", Role::Admin, None, "Quản trị", "Administrator"),
];

/// An actor as `/api/session` lists it.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Listed {
    pub name: &'static str,
    pub label_vi: &'static str,
    pub label_en: &'static str,
    pub role: Role,
}

/// The demo actors that may come in, for the start page.
#[must_use]
pub fn listed(directory: &Directory) -> Vec<Listed> {
    let listed = |DemoActor { name, role, label_vi, label_en, .. }| Listed { name, label_vi, label_en, role };
    ACTORS.into_iter().filter(|actor| directory.account(actor.name).is_some()).map(listed).collect()
}

/// The labels of a demo actor, Vietnamese and English.
#[must_use]
pub fn labels(name: &str) -> Option<(&'static str, &'static str)> {
    ACTORS.iter().find(|actor| actor.name == name).map(|actor| (actor.label_vi, actor.label_en))
}

/// What the demo's records decide about its actors.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// The unit that the field actor speaks for, and its force: the first of the border guard by its code, else the
    /// first.
    pub field_unit: Option<(Uuid, Option<Force>)>,
    /// The commune of the commune's officer: the one with most households.
    commune: Option<String>,
}

impl Cast {
    /// Read off the picture.
    #[must_use]
    pub fn of(picture: &PictureHandle, now: Timestamp) -> Self {
        let view = View::new(picture.load(), Arc::new(Actor::system()), now);
        let force = |unit: &Shown<'_>| unit.text("force").and_then(|force| Force::parse(&force));
        let rank = |unit: &Shown<'_>| {
            (force(unit) != Some(Force::BorderGuard), unit.text("code").map(std::borrow::Cow::into_owned), unit.id())
        };
        let field_unit = view.all(Collection::Units).min_by_key(rank).map(|unit| (unit.id(), force(&unit)));
        let mut households: BTreeMap<String, usize> = BTreeMap::new();
        for household in view.all(Collection::Households) {
            if let Some(commune) = household.text("admin_unit") {
                *households.entry(commune.into_owned()).or_default() += 1;
            }
        }
        let commune = households.into_iter().max_by_key(|(_, count)| *count).map(|(commune, _)| commune);
        Self { field_unit, commune }
    }
}

/// Makes what a demo needs and is not there yet: accounts, tokens, grants. What was changed since stays.
///
/// # Errors
/// What the system said; the token file cannot be written.
pub fn settle(system: &System, folder: &Path, cast: &Cast, now: Timestamp) -> Result<(), StoreError> {
    let file = folder.join(DEMO_TOKENS_FILE);
    let known = read_tokens(&file);
    let mut tokens = Map::new();
    for actor in &ACTORS {
        if system.account(actor.name)?.is_none() {
            let made = system.add_account(&account_of(actor, cast), now);
            // Another node that starts at this moment may have been faster.
            if !matches!(made, Err(StoreError::Refused(_)) if system.account(actor.name)?.is_some()) {
                made?;
            }
        }
        tokens.insert(actor.name.to_owned(), token_of(system, actor.name, known.get(actor.name), now)?.into());
    }
    write_tokens(&file, tokens)?;
    for (of, to) in SHARING.into_iter().flat_map(|of| Force::ALL.into_iter().map(move |to| (of, to))) {
        if of != to {
            share_units(system, of, to, now)?;
        }
    }
    Ok(())
}

/// Makes the key of a demo's tips if there is none.
///
/// # Errors
/// What the system said.
pub fn give_tips_key(tips: &TipStore) -> Result<(), StoreError> {
    if tips.key()?.is_none() {
        let made = tips.make_key(&[("tip_handler".to_owned(), DEMO_TIPS_PASSPHRASE.to_owned())], false);
        if !matches!(made, Err(StoreError::Refused(_)) if tips.key()?.is_some()) {
            made?;
        }
    }
    Ok(())
}

fn account_of(actor: &DemoActor, cast: &Cast) -> NewAccount {
    let mut account = NewAccount::new(actor.name, actor.role);
    account.label = Some(actor.label_vi.to_owned());
    account.force = actor.force;
    match actor.role {
        Role::FieldUnit => {
            account.unit_id = cast.field_unit.map(|(id, _)| id);
            account.force = cast.field_unit.and_then(|(_, force)| force);
        }
        Role::LocalAuthority => account.area = Area::communes(cast.commune.iter().map(String::as_str)),
        _ => {}
    }
    account
}

/// The token of an earlier start if it still counts, so that programs stay signed in over a restart; else a new one.
fn token_of(system: &System, name: &str, known: Option<&String>, now: Timestamp) -> Result<String, StoreError> {
    if let Some(token) = known
        && let Some(kept) = system.token_of(&Secret::hash_of(token))?
        && kept.bearer == Bearer::Account(name.to_owned())
    {
        return Ok(token.clone());
    }
    let secret = Secret::random();
    let new = NewToken {
        hash: secret.hash(),
        kind: TokenKind::Program,
        label: DEMO_TOKENS_FILE.to_owned(),
        bearer: Bearer::Account(name.to_owned()),
        created_by: name.to_owned(),
    };
    system.add_token(&new, now)?;
    Ok(secret.reveal().to_owned())
}

fn share_units(system: &System, of: Force, to: Force, now: Timestamp) -> Result<(), StoreError> {
    let grant = Grant::of_units(of, to, "quy chế phối hợp (minh hoạ)", now, now.plus_s(SHARING_S));
    if system.grant(grant.id)?.is_some() {
        return Ok(());
    }
    system.add_grant(&grant, now)
}

fn read_tokens(file: &Path) -> HashMap<String, String> {
    fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Writes the file beside its place and moves it there, so that a program never reads half of it.
fn write_tokens(file: &Path, tokens: Map<String, Value>) -> std::io::Result<()> {
    let beside = file.with_extension("json.tmp");
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    out.set_permissions(fs::Permissions::from_mode(0o600))?;
    out.write_all(format!("{}\n", Value::Object(tokens)).as_bytes())?;
    out.sync_all()?;
    fs::rename(&beside, file)
}
