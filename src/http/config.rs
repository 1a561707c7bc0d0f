//! What `trucban serve` is told: on its command line, and by the configuration file.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde::Deserialize;

use super::app::Settings;
use super::directory::Entry;
use super::limits::Limits;
use super::oidc::{OidcConfig, OidcSection};
use super::tls::CertificateSource;
use crate::domain::accountability::Timers;
use crate::domain::border_rules::BorderRules;
use crate::domain::warning_rules::WarningRules;
use crate::report::sheet::Letterhead;
use crate::store::audit::BULK_IDS_AN_HOUR_MAX;
use crate::store::postgis::Database;

/// Where the server listens if nothing else is said.
const LISTEN: &str = "127.0.0.1:8080";
/// Where the data lies if nothing else is said.
const DATA: &str = "data";

/// What `serve` can be told.
#[derive(Args, Clone, Debug, Default)]
pub struct ServeOptions {
    /// Folder of the data; made if absent [default: data]
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Keeps the records in PostgreSQL with PostGIS, which other nodes may share with their accounts and tips; the audit
    /// stays in the folder. sslmode=require encrypts, sslmode=verify-full&sslrootcert=FILE also asks who answers
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    pub database: Option<Database>,
    /// Brings the database up to this version first, as a role that owns it (else: trucban migrate)
    #[arg(
        long,
        env = "TRUCBAN_MIGRATE_AS",
        value_name = "postgres://…",
        hide_env_values = true,
        requires = "database"
    )]
    pub migrate_as: Option<Database>,
    /// Address and port; port 0 takes a free one; other than loopback needs --tls or --behind-proxy [default:
    /// 127.0.0.1:8080]
    #[arg(long, env = "TRUCBAN_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// TOML file with the same settings and more; the command line goes before it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Invented units, households and incidents, and actors to sign in as with one click
    #[arg(long)]
    pub demo: bool,
    /// With --demo: units stand still and no incident comes in by itself
    #[arg(long, requires = "demo")]
    pub no_simulation: bool,
    /// With --demo, in a new folder: plays the night of 7-8 June 2025 again by a clock of its own; Enter plays the next step
    #[arg(long, requires = "demo")]
    pub replay: bool,
    /// With --replay: the next step is played after so many seconds, without Enter
    #[arg(long, requires = "replay", value_name = "SECONDS")]
    pub replay_pause: Option<u64>,
    /// With --replay: time stands between the steps, so that two that are played are the same
    #[arg(long, requires = "replay")]
    pub replay_still: bool,
    /// Whoever reaches this machine is its administrator: for trials on one machine, on loopback, while there is no
    /// account
    #[arg(long, conflicts_with = "demo")]
    pub no_accounts: bool,
    /// Speaks HTTPS alone: with a certificate of these files, read again whenever they change; or "self", with one of an
    /// authority made in the data folder, which telephones install
    #[arg(long, value_name = "CERT.pem,KEY.pem|self")]
    pub tls: Option<CertificateSource>,
    /// A name or address under which browsers reach the server, besides the one it listens on; may be said again
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,
    /// A proxy in front encrypts, and says in X-Forwarded-For and X-Forwarded-Proto where requests come from; nobody
    /// else may reach the port
    #[arg(long)]
    pub behind_proxy: bool,
    /// How warnings go out and in which words, instead of what is shipped: a folder with rules.json and a file a language
    #[arg(long, value_name = "FOLDER")]
    pub warnings: Option<PathBuf>,
    /// How levels of border sectors are proposed, instead of what is shipped: a JSON file
    #[arg(long, value_name = "FILE.json")]
    pub border_levels: Option<PathBuf>,
    /// The room is in an exercise: what it warns of says so
    #[arg(long, conflicts_with = "demo")]
    pub exercise: bool,
    /// The machine's clock is right although the store was last written more than a day after it
    #[arg(long)]
    pub trust_clock: bool,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    data: Option<PathBuf>,
    /// As `--database`.
    database: Option<String>,
    listen: Option<SocketAddr>,
    #[serde(default)]
    demo: bool,
    #[serde(default)]
    behind_proxy: bool,
    /// Further names under which browsers reach this server; the first is the one that links name.
    #[serde(default)]
    hosts: Vec<String>,
    tls: Option<CertificateSource>,
    #[serde(default)]
    limits: Limits,
    /// How long is waited for an order to be acknowledged, a request to be answered, a unit to be heard of.
    #[serde(default)]
    timers: Timers,
    /// Anybody may give a tip on the page `/tip`, which is not there otherwise.
    #[serde(default)]
    public_tips: bool,
    /// A provider by which one may come in too (OpenID Connect).
    oidc: Option<OidcSection>,
    /// As `--warnings`.
    warnings: Option<PathBuf>,
    /// As `--border-levels`.
    border_levels: Option<PathBuf>,
    /// As `--exercise`.
    #[serde(default)]
    exercise: bool,
    #[serde(default)]
    audit: AuditSection,
    /// What stands above and below reports that are signed.
    #[serde(default)]
    letterhead: Letterhead,
}

impl ConfigFile {
    /// The file, and its section about the provider, checked.
    fn read(path: &Path) -> anyhow::Result<(Self, Option<OidcConfig>)> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        let is_not_valid = || format!("the configuration {} is not valid", path.display());
        let mut file: Self = toml::from_str(&text).with_context(is_not_valid)?;
        let oidc = file.oidc.take().map(OidcConfig::check).transpose().with_context(is_not_valid)?;
        Ok((file, oidc))
    }
}

/// `[audit]` of the configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuditSection {
    /// Different people that an account may be shown within an hour before the supervisor hears of it.
    people_an_hour_max: usize,
}

impl Default for AuditSection {
    fn default() -> Self {
        Self { people_an_hour_max: BULK_IDS_AN_HOUR_MAX }
    }
}

/// A demo plays a night again.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    /// How long each step stands; until somebody presses Enter if `None`.
    pub pause: Option<Duration>,
    /// Time stands meanwhile.
    pub is_still: bool,
}

/// Command line and file together.
pub struct Config {
    pub data: PathBuf,
    pub database: Option<Database>,
    pub migrate_as: Option<Database>,
    pub listen: SocketAddr,
    pub settings: Settings,
    pub entry: Entry,
    pub simulation: bool,
    pub replay: Option<Replay>,
    pub tls: Option<CertificateSource>,
    pub limits: Limits,
    pub timers: Timers,
    /// How warnings go out.
    pub warnings: Arc<WarningRules>,
    /// How levels of border sectors are proposed.
    pub border_rules: Arc<BorderRules>,
    /// The room is in an exercise.
    pub exercise: bool,
    pub oidc: Option<OidcConfig>,
    /// Different people that an account may be shown within an hour before the supervisor hears of it.
    pub people_an_hour_max: usize,
    /// See [`ServeOptions::trust_clock`].
    pub trust_clock: bool,
}

impl Config {
    /// Reads the file, and puts both together.
    ///
    /// # Errors
    /// A file that is not valid; settings that exclude each other, or let others in than they should.
    pub fn read(options: ServeOptions) -> anyhow::Result<Self> {
        let (file, oidc) = match &options.config {
            None => Default::default(),
            Some(path) => ConfigFile::read(path)?,
        };
        let listen = match options.listen.or(file.listen) {
            Some(address) => address,
            None => LISTEN.parse()?,
        };
        let demo = options.demo || file.demo;
        let entry = match (demo, options.no_accounts) {
            (true, true) => bail!("--no-accounts and a demo exclude each other"),
            (true, false) => Entry::Demo,
            (false, true) => Entry::Everybody,
            (false, false) => Entry::Accounts,
        };
        let mut hosts = options.hosts;
        hosts.extend(file.hosts);
        if !listen.ip().is_unspecified() {
            hosts.push(listen.ip().to_string());
        }
        let people_an_hour_max = file.audit.people_an_hour_max;
        if !(1..=BULK_IDS_AN_HOUR_MAX).contains(&people_an_hour_max) {
            bail!("audit.people_an_hour_max is a number from 1 to {BULK_IDS_AN_HOUR_MAX}");
        }
        if !file.timers.are_limits() {
            bail!("ack_s, request_s and accountability_retry_s of [timers] are seconds, from 1 to a day");
        }
        let behind_proxy = options.behind_proxy || file.behind_proxy;
        let database = match (options.database, file.database) {
            (Some(database), _) => Some(database),
            (None, Some(url)) => Some(url.parse().context("database of the configuration file")?),
            (None, None) => None,
        };
        let warnings = match options.warnings.or(file.warnings) {
            Some(folder) => read_warnings(&folder)?,
            None => WarningRules::shipped(),
        };
        let border_rules = match options.border_levels.or(file.border_levels) {
            Some(path) => read_border_rules(&path)?,
            None => BorderRules::shipped(),
        };
        let config = Self {
            warnings,
            border_rules,
            exercise: options.exercise || file.exercise,
            database,
            migrate_as: options.migrate_as,
            data: options.data.or(file.data).unwrap_or_else(|| PathBuf::from(DATA)),
            listen,
            settings: Settings {
                demo,
                hosts,
                behind_proxy,
                public_tips: file.public_tips,
                letterhead: file.letterhead,
                ..Settings::default()
            },
            entry,
            simulation: !options.no_simulation && !options.replay,
            replay: options.replay.then(|| Replay {
                pause: options.replay_pause.map(Duration::from_secs),
                is_still: options.replay_still,
            }),
            trust_clock: options.trust_clock,
            tls: options.tls.or(file.tls),
            limits: file.limits,
            timers: file.timers,
            oidc,
            people_an_hour_max,
        };
        config.check_reach()?;
        Ok(config)
    }

    /// Refuses to be reached by others than this machine where they could listen in, or where nobody signs in.
    fn check_reach(&self) -> anyhow::Result<()> {
        let listen = self.listen;
        if self.tls.is_some() && self.settings.hosts.is_empty() {
            bail!("{listen} is every address of this machine: say by which names browsers reach it (--host NAME)");
        }
        if listen.ip().is_loopback() {
            return Ok(());
        }
        if self.entry == Entry::Everybody {
            bail!(
                "{listen} is not a loopback address: with --no-accounts whoever reaches the server may do everything, \
                 so it listens on this machine alone (127.0.0.1 or [::1])"
            );
        }
        if self.tls.is_none() && !self.settings.behind_proxy {
            bail!(
                "{listen} is not a loopback address: passwords and positions would cross the network in clear; say \
                 --tls CERT.pem,KEY.pem or --tls self, put a proxy with TLS in front and say --behind-proxy, or listen \
                 on this machine alone (127.0.0.1 or [::1])"
            );
        }
        Ok(())
    }

    /// The scheme that the server speaks itself.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Where browsers reach the server that got this address.
    #[must_use]
    pub fn base(&self, address: SocketAddr) -> String {
        match self.settings.hosts.first() {
            Some(host) if self.settings.behind_proxy => format!("https://{}", bracketed(host)),
            Some(host) if self.tls.is_some() => format!("https://{}:{}", bracketed(host), address.port()),
            _ => format!("{}://{address}", self.scheme()),
        }
    }
}

/// The rules of warnings and the languages of a folder.
fn read_warnings(folder: &Path) -> anyhow::Result<Arc<WarningRules>> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("cannot read the rules of warnings {}", path.display()))
    };
    let rules = read(&folder.join("rules.json"))?;
    let files = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut languages = Vec::new();
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|ext| ext == "json") && path.file_name() != Some("rules.json".as_ref()) {
            languages.push(read(&path)?);
        }
    }
    let read = WarningRules::read(&rules, &languages);
    read.map(Arc::new).map_err(|fault| anyhow!("the rules of warnings in {}: {fault}", folder.display()))
}

/// The rules of a file.
fn read_border_rules(path: &Path) -> anyhow::Result<Arc<BorderRules>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    BorderRules::read(&text)
        .map(Arc::new)
        .map_err(|fault| anyhow!("the rules of border levels in {}: {fault}", path.display()))
}

/// A host as it stands in an address.
fn bracketed(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}
