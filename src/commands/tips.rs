//! `trucban tips`: the key of tips, made by whoever holds the data folder and opened by the passphrases of the handler
//! and the deputy alone, who can change them here. It works on `tips.db` itself, also beside a running server.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use trucban::domain::Role;
use trucban::domain::account::check_password;
use trucban::store::postgis::Database;
use trucban::store::system::System;
use trucban::store::tips::{PublicKey, TipStore};

use super::user::{ask_once, ask_twice, known_folder, logs, password_line};
use super::{finish, store_told, told};

/// Tips: who can open what informants said.
#[derive(Args, Clone, Debug)]
pub struct TipsArgs {
    #[command(subcommand)]
    command: TipsCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum TipsCommand {
    /// Makes the key to which tips are sealed; each holder types a passphrase that is kept nowhere. Who loses both
    /// passphrases loses what was sealed
    Key(KeyArgs),
    /// Changes the passphrase of a holder, who types the present one and the next one; what was sealed stays as it is
    Passphrase(PassphraseArgs),
}

#[derive(Args, Clone, Debug)]
struct KeyArgs {
    /// The handler: an account with the role tip_handler
    #[arg(long, value_name = "NAME")]
    holder: String,
    /// A second account with that role, for when the first is away
    #[arg(long, value_name = "NAME")]
    deputy: Option<String>,
    /// Makes another key though there is one; what was sealed before is opened by the older key's holders
    #[arg(long)]
    replace: bool,
    /// Reads the passphrases from standard input, a line for each holder
    #[arg(long)]
    passphrase_stdin: bool,
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The database through which the folder shares its tips with other nodes
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    database: Option<Database>,
}

#[derive(Args, Clone, Debug)]
struct PassphraseArgs {
    /// Whose passphrase
    #[arg(long, value_name = "NAME")]
    holder: String,
    /// Reads the present passphrase and the next one from standard input, a line each
    #[arg(long)]
    passphrase_stdin: bool,
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The database through which the folder shares its tips with other nodes
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    database: Option<Database>,
}

/// `trucban tips`: 0 if it is done, 2 if not.
pub fn tips(args: &TipsArgs) -> ExitCode {
    match &args.command {
        TipsCommand::Key(args) => finish(key(args)),
        TipsCommand::Passphrase(args) => finish(passphrase(args)),
    }
}

pub(super) fn open_tips(data: &Path, database: Option<&Database>) -> anyhow::Result<TipStore> {
    match logs(database)? {
        Some(logs) => TipStore::open_shared(data, logs.tips()),
        None => TipStore::open(data),
    }
    .map_err(store_told)
}

fn key(args: &KeyArgs) -> anyhow::Result<ExitCode> {
    let system = known_folder(&args.data, args.database.as_ref())?;
    let accounts: Vec<String> = std::iter::once(&args.holder)
        .chain(&args.deputy)
        .map(|name| handler_named(&system, name))
        .collect::<anyhow::Result<_>>()?;
    let tips = open_tips(&args.data, args.database.as_ref())?;
    if !args.replace && tips.key().map_err(store_told)?.is_some() {
        bail!("there is a key for tips already; say --replace to make another");
    }
    let mut holders = Vec::new();
    for account in accounts {
        let passphrase = if args.passphrase_stdin { password_line()? } else { ask_for_passphrase(&account)? };
        check_password(&passphrase, &account).map_err(told)?;
        holders.push((account, passphrase));
    }
    let key = tips.make_key(&holders, args.replace).map_err(store_told)?;
    let names: Vec<&str> = holders.iter().map(|(account, _)| account.as_str()).collect();
    print_key(&key, &names.join(", "))?;
    Ok(ExitCode::SUCCESS)
}

fn passphrase(args: &PassphraseArgs) -> anyhow::Result<ExitCode> {
    let system = known_folder(&args.data, args.database.as_ref())?;
    // Whoever handles no tips any more still opens what was sealed to the key they held.
    let account = system.account(&args.holder).map_err(store_told)?;
    let account = account.ok_or_else(|| anyhow!("there is no account {:?}", args.holder))?.name;
    let (present, next) = if args.passphrase_stdin {
        (password_line()?, password_line()?)
    } else {
        let present = ask_once(&format!("câu mật khẩu hiện nay của {account} / present passphrase of {account}: "))?;
        (present.ok_or_else(|| no_terminal(&account))?, ask_for_passphrase(&account)?)
    };
    check_password(&next, &account).map_err(told)?;
    let tips = open_tips(&args.data, args.database.as_ref())?;
    for key in tips.change_passphrase(&account, &present, &next).map_err(store_told)? {
        print_key(&key, &account)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_key(key: &PublicKey, holders: &str) -> io::Result<()> {
    writeln!(io::stdout(), "khoá tin báo / key of tips: {} · {holders}", key.fingerprint())
}

/// The account's name as it stands in the list; it must be there and handle tips.
fn handler_named(system: &System, name: &str) -> anyhow::Result<String> {
    let account = system.account(name).map_err(store_told)?;
    let account = account.ok_or_else(|| anyhow!("there is no account {name:?}"))?;
    if account.role != Role::TipHandler || account.disabled_at.is_some() {
        bail!("{} does not handle tips: its role must be {}", account.name, Role::TipHandler.as_str());
    }
    Ok(account.name)
}

fn ask_for_passphrase(account: &str) -> anyhow::Result<String> {
    ask_twice(&format!("câu mật khẩu mới của {account} / new passphrase of {account}: "))?
        .ok_or_else(|| no_terminal(account))
}

fn no_terminal(account: &str) -> anyhow::Error {
    anyhow!("{account} needs a passphrase; say --passphrase-stdin where there is no terminal")
}
