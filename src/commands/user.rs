//! `trucban user`: accounts from the command line. It works on `system.db` itself, also beside a running server, which
//! knows of each change within two seconds.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::access::Area;
use trucban::domain::account::{check_name, check_password};
use trucban::domain::{Actor, Collection, Force, Role};
use trucban::store::Store;
use trucban::store::audit::{Event, Kind};
use trucban::store::gpkg::GpkgStore;
use trucban::store::postgis::Database;
use trucban::store::replica::PostgresLogs;
use trucban::store::system::{
    Account, AccountChange, Bearer, NewAccount, NewToken, Secret, System, TokenKind, hash_password,
};
use uuid::Uuid;

use super::{blocking, finish, role, store_told, told};

/// Longest line with a password that is read, bytes.
const PASSWORD_BYTES_MAX: u64 = 4_096;
/// Where a link points to when no server has used the folder yet.
const DEFAULT_BASE: &str = "http://127.0.0.1:8080";

/// Accounts: who may come in, and as what.
#[derive(Args, Clone, Debug)]
pub struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum UserCommand {
    /// Makes an account; asks for its password, or prints a link that works once
    Add(AddArgs),
    /// Lists the accounts
    List(FolderArgs),
    /// Shuts an account out; ends its sessions and revokes its tokens
    Disable(NameArgs),
    /// Lets a disabled account in again
    Enable(NameArgs),
    /// Takes the password away, and prints a link that works once and lets the account choose another
    Reset(LinkArgs),
    /// Makes a token of an account, for a program, and prints it
    Token(TokenArgs),
}

#[derive(Args, Clone, Debug)]
struct FolderArgs {
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The database through which the folder shares its accounts with other nodes
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    database: Option<Database>,
}

#[derive(Args, Clone, Debug)]
struct NameArgs {
    /// The account
    name: String,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Args, Clone, Debug)]
struct LinkArgs {
    /// The account
    name: String,
    #[command(flatten)]
    link: LinkTo,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Args, Clone, Debug)]
struct LinkTo {
    /// Where browsers reach the server, for the link; that of the running server if not given
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(Args, Clone, Debug)]
struct AddArgs {
    /// Its name: letters, digits, dots, hyphens, underscores
    name: String,
    /// duty_officer, planner, field_unit, commander, local_authority, admin, observer, tip_handler
    #[arg(long, value_parser = role)]
    role: Role,
    /// police, military, border_guard, civil; an account of the joint duty room has none
    #[arg(long, value_parser = force)]
    force: Option<Force>,
    /// What it answers for: codes of communes and ids of border sectors, with commas; the province if not given
    #[arg(long, value_delimiter = ',', value_name = "CODE")]
    area: Vec<String>,
    /// The unit that a field actor speaks for
    #[arg(long, value_name = "ID")]
    unit: Option<Uuid>,
    /// How people call it
    #[arg(long)]
    label: Option<String>,
    /// Id of its organisation (cong-an-tinh, bo-chqs-tinh …)
    #[arg(long, value_name = "ID")]
    organisation: Option<String>,
    /// The account that hears of what this one looks at in an emergency
    #[arg(long, value_name = "NAME")]
    supervisor: Option<String>,
    /// Reads the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    link: LinkTo,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Args, Clone, Debug)]
struct TokenArgs {
    /// The account
    name: String,
    /// What the token is for
    #[arg(long, default_value = "trucban user token")]
    label: String,
    #[command(flatten)]
    folder: FolderArgs,
}

fn force(name: &str) -> Result<Force, String> {
    Force::parse(name).ok_or_else(|| format!("{name:?} is no force"))
}

/// `trucban user`: 0 if it is done, 2 if not.
pub fn user(args: &UserArgs) -> ExitCode {
    finish(match &args.command {
        UserCommand::Add(args) => add(args),
        UserCommand::List(args) => list(args),
        UserCommand::Disable(args) => set_disabled(args, true),
        UserCommand::Enable(args) => set_disabled(args, false),
        UserCommand::Reset(args) => reset(args),
        UserCommand::Token(args) => token(args),
    })
}

fn add(args: &AddArgs) -> anyhow::Result<ExitCode> {
    check_name(&args.name).map_err(told)?;
    let data = &args.folder.data;
    let (area, unit) = (area_of(&args.area)?, args.unit);
    check_ground(data, &area, unit)?;
    let password = if args.password_stdin { Some(password_line()?) } else { ask_for_password()? };
    let mut account = NewAccount::new(&args.name, args.role);
    account.force = args.force;
    account.area = area;
    account.unit_id = unit;
    account.label.clone_from(&args.label);
    account.organisation.clone_from(&args.organisation);
    account.supervisor.clone_from(&args.supervisor);
    if let Some(password) = &password {
        check_password(password, &args.name).map_err(told)?;
        account.password_hash = Some(hash_password(password).map_err(store_told)?);
    }
    let system = open_system(data, args.folder.database.as_ref())?;
    note(data, "add", &args.name)?;
    let made = system.add_account(&account, SystemClock.now()).map_err(store_told)?;
    writeln!(io::stdout(), "{}: {}", made.name, describe(&made))?;
    if password.is_none() {
        print_link(&system, data, &made.name, &args.link)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &FolderArgs) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for account in known_folder(&args.data, args.database.as_ref())?.accounts().map_err(store_told)? {
        writeln!(out, "{}: {}", account.name, describe(&account))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn set_disabled(args: &NameArgs, disabled: bool) -> anyhow::Result<ExitCode> {
    let change = AccountChange { disabled: Some(disabled), ..AccountChange::default() };
    let system = known_folder(&args.folder.data, args.folder.database.as_ref())?;
    note(&args.folder.data, if disabled { "disable" } else { "enable" }, &args.name)?;
    let account = system.change_account(&args.name, &change, SystemClock.now()).map_err(store_told)?;
    writeln!(io::stdout(), "{}: {}", account.name, describe(&account))?;
    Ok(ExitCode::SUCCESS)
}

fn reset(args: &LinkArgs) -> anyhow::Result<ExitCode> {
    let system = known_folder(&args.folder.data, args.folder.database.as_ref())?;
    note(&args.folder.data, "reset", &args.name)?;
    print_link(&system, &args.folder.data, &args.name, &args.link)?;
    Ok(ExitCode::SUCCESS)
}

fn token(args: &TokenArgs) -> anyhow::Result<ExitCode> {
    let system = known_folder(&args.folder.data, args.folder.database.as_ref())?;
    let account = system.account(&args.name).map_err(store_told)?;
    let account = account.ok_or_else(|| anyhow!("there is no account {:?}", args.name))?;
    if account.disabled_at.is_some() {
        bail!("the account {} is disabled", account.name);
    }
    note(&args.folder.data, "token", &account.name)?;
    let secret = Secret::random();
    let new = NewToken {
        hash: secret.hash(),
        kind: TokenKind::Program,
        label: args.label.clone(),
        bearer: Bearer::Account(account.name.clone()),
        created_by: account.name,
    };
    system.add_token(&new, SystemClock.now()).map_err(store_told)?;
    writeln!(io::stdout(), "{}", secret.reveal())?;
    Ok(ExitCode::SUCCESS)
}

/// Makes durable in the audit of the folder what is about to be done to an account.
fn note(data: &Path, deed: &str, name: &str) -> anyhow::Result<()> {
    let event =
        Event::new(Kind::Account, &Arc::new(Actor::system()), SystemClock.now(), format!("trucban user {deed} {name}"));
    super::audit::note(data, [event])
}

/// The accounts of a folder that is there: a mistyped one shall not be made.
pub(super) fn known_folder(data: &Path, database: Option<&Database>) -> anyhow::Result<System> {
    if !data.is_dir() {
        bail!("there is no data folder {}", data.display());
    }
    open_system(data, database)
}

fn open_system(data: &Path, database: Option<&Database>) -> anyhow::Result<System> {
    match logs(database)? {
        Some(logs) => System::open_shared(data, logs.system()),
        None => System::open(data),
    }
    .map_err(store_told)
}

/// What a folder shares with other nodes goes through their database.
pub(super) fn logs(database: Option<&Database>) -> anyhow::Result<Option<PostgresLogs>> {
    database.cloned().map(PostgresLogs::start).transpose().map_err(store_told)
}

fn area_of(codes: &[String]) -> anyhow::Result<Area> {
    let area = Area::of_codes(codes.iter().map(|code| code.trim()).filter(|code| !["", "province"].contains(code)));
    if area == Area::Province && codes.iter().any(|code| code.trim() != "province") {
        bail!("--area names nothing: give codes of communes or ids of border sectors, or leave it out");
    }
    Ok(area)
}

/// Refuses an area or a unit that the folder does not hold; a folder that holds nothing yet is believed.
fn check_ground(data: &Path, area: &Area, unit: Option<Uuid>) -> anyhow::Result<()> {
    if !data.join("trucban.gpkg").exists() {
        return Ok(());
    }
    let (communes, sectors) = match area {
        Area::Province => Default::default(),
        Area::Parts { communes, sectors } => (communes.clone(), sectors.clone()),
    };
    blocking(async {
        let store: Arc<dyn Store> = GpkgStore::open_read(data).map_err(store_told)?;
        let mut snapshot = store.snapshot().await.map_err(store_told)?;
        let (mut communes, mut sectors, mut unit) = (communes, sectors, unit);
        let mut code = |record: trucban::domain::Record, _| {
            let properties: serde_json::Value = serde_json::from_str(&record.properties).unwrap_or_default();
            communes.remove(properties["code"].as_str().unwrap_or_default());
        };
        snapshot.records(Collection::AdminUnits, &mut code).map_err(store_told)?;
        snapshot
            .records(Collection::BorderSectors, &mut |record, _| {
                sectors.remove(&record.id);
            })
            .map_err(store_told)?;
        snapshot
            .records(Collection::Units, &mut |record, _| {
                unit.take_if(|id| *id == record.id);
            })
            .map_err(store_told)?;
        let missing =
            communes.into_iter().chain(sectors.iter().map(Uuid::to_string)).chain(unit.map(|id| id.to_string()));
        match missing.collect::<Vec<_>>() {
            missing if missing.is_empty() => Ok(()),
            missing => bail!("not in this folder: {}", missing.join(", ")),
        }
    })
}

pub(super) fn password_line() -> anyhow::Result<String> {
    let mut line = String::new();
    io::Read::take(io::stdin().lock(), PASSWORD_BYTES_MAX).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn ask_for_password() -> anyhow::Result<Option<String>> {
    ask_twice("mật khẩu (trống: tạo liên kết) / password (empty: make a link): ")
}

/// Asks on the terminal; nothing where there is no terminal, or where nothing is typed.
pub(super) fn ask_once(prompt: &str) -> anyhow::Result<Option<String>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    Ok(Some(rpassword::prompt_password(prompt)?).filter(|typed| !typed.is_empty()))
}

/// As [`ask_once`], and once more to be sure.
pub(super) fn ask_twice(prompt: &str) -> anyhow::Result<Option<String>> {
    let Some(first) = ask_once(prompt)? else { return Ok(None) };
    if rpassword::prompt_password("nhập lại / again: ")? != first {
        bail!("the two passwords differ");
    }
    Ok(Some(first))
}

fn print_link(system: &System, data: &Path, name: &str, to: &LinkTo) -> anyhow::Result<()> {
    let secret = Secret::random();
    system.put_password_link(name, &secret.hash(), SystemClock.now()).map_err(store_told)?;
    let base = to.url.clone().or_else(|| served_at(data)).unwrap_or_else(|| DEFAULT_BASE.to_owned());
    writeln!(io::stdout(), "{}/password?code={}", base.trim_end_matches('/'), secret.reveal())?;
    Ok(())
}

/// Where the server that holds the folder, or held it last, is reached; it writes so into its lock.
fn served_at(data: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data.join("lock")).ok()?;
    text.split_whitespace().find(|word| word.starts_with("http")).map(str::to_owned)
}

fn describe(account: &Account) -> String {
    let mut parts = vec![account.role.as_str().to_owned()];
    parts.extend(account.force.map(|force| force.as_str().to_owned()));
    match &account.area {
        Area::Province => parts.push("province".to_owned()),
        Area::Parts { communes, sectors } => {
            parts.extend(communes.iter().cloned().chain(sectors.iter().map(Uuid::to_string)));
        }
    }
    parts.extend(account.unit_id.map(|id| format!("unit {id}")));
    if account.disabled_at.is_some() {
        parts.push("đã khoá / disabled".to_owned());
    } else if account.is_external {
        parts.push("OpenID".to_owned());
    } else if !account.has_password {
        parts.push("chưa có mật khẩu / no password".to_owned());
    }
    parts.join(" · ")
}
