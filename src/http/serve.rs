//! `trucban serve`: reads the configuration, listens, loads the data, serves, and stops in order.

use std::future::IntoFuture;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::serve::ListenerExt;
use clap::Args;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::app::{App, Settings};
use super::directory::Entry;
use super::figures::recorder;
use super::front::Fronts;
use super::oidc::{OidcConfig, OidcSection};
use super::router::front;
use super::start::{StartOptions, Started, start};
use crate::store::audit::BULK_IDS_AN_HOUR_MAX;

/// How long connections may go on after a stop was asked for.
const DRAIN_WAIT: Duration = Duration::from_secs(10);
/// How long a peer may leave what was sent to it untaken.
const UNREAD_WAIT: Duration = Duration::from_secs(30);
/// How long work on threads of its own may go on after that.
const BLOCKING_WAIT: Duration = Duration::from_secs(1);
/// How often the figures are folded, so that their raw values do not pile up.
const FIGURES_UPKEEP: Duration = Duration::from_secs(5);
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
    /// Address and port; port 0 takes a free one; other than loopback needs TLS or --behind-proxy [default:
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
    /// Whoever reaches this machine is its administrator: for trials on one machine, on loopback, while there is no
    /// account
    #[arg(long, conflicts_with = "demo")]
    pub no_accounts: bool,
    /// A proxy in front encrypts, and says in X-Forwarded-For and X-Forwarded-Proto where requests come from; nobody
    /// else may reach the port
    #[arg(long)]
    pub behind_proxy: bool,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    #[serde(default)]
    demo: bool,
    #[serde(default)]
    behind_proxy: bool,
    /// Anybody may give a tip on the page `/tip`, which is not there otherwise.
    #[serde(default)]
    public_tips: bool,
    /// Further names under which browsers reach this server.
    #[serde(default)]
    hosts: Vec<String>,
    /// A provider by which one may come in too (OpenID Connect).
    oidc: Option<OidcSection>,
    #[serde(default)]
    audit: AuditConfig,
}

/// `[audit]` of the configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuditConfig {
    /// Different people that an account may be shown within an hour before the supervisor hears of it.
    people_an_hour_max: usize,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { people_an_hour_max: BULK_IDS_AN_HOUR_MAX }
    }
}

/// Command line and file together.
struct Config {
    data: PathBuf,
    listen: SocketAddr,
    settings: Settings,
    entry: Entry,
    simulation: bool,
    audit: AuditConfig,
    oidc: Option<OidcConfig>,
}

impl Config {
    fn read(options: ServeOptions) -> anyhow::Result<Self> {
        let file = match &options.config {
            None => ConfigFile::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read the configuration {}", path.display()))?;
                toml::from_str(&text).with_context(|| format!("the configuration {} is not valid", path.display()))?
            }
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
        let mut hosts = file.hosts;
        if !listen.ip().is_unspecified() {
            hosts.push(listen.ip().to_string());
        }
        if !(1..=BULK_IDS_AN_HOUR_MAX).contains(&file.audit.people_an_hour_max) {
            bail!("audit.people_an_hour_max is a number from 1 to {BULK_IDS_AN_HOUR_MAX}");
        }
        let behind_proxy = options.behind_proxy || file.behind_proxy;
        let config = Self {
            data: options.data.or(file.data).unwrap_or_else(|| PathBuf::from(DATA)),
            listen,
            settings: Settings { demo, hosts, behind_proxy, public_tips: file.public_tips },
            entry,
            simulation: !options.no_simulation,
            audit: file.audit,
            oidc: file.oidc.map(OidcConfig::check).transpose()?,
        };
        config.check_reach()?;
        Ok(config)
    }

    /// Refuses to be reached by others than this machine where they could listen in, or where nobody signs in.
    fn check_reach(&self) -> anyhow::Result<()> {
        let listen = self.listen;
        if listen.ip().is_loopback() {
            return Ok(());
        }
        if self.entry == Entry::Everybody {
            bail!(
                "{listen} is not a loopback address: with --no-accounts whoever reaches the server may do everything, \
                 so it listens on this machine alone (127.0.0.1 or [::1])"
            );
        }
        if !self.is_encrypted() {
            bail!(
                "{listen} is not a loopback address: passwords and positions would cross the network in clear; put a \
                 proxy with TLS in front and say --behind-proxy, or listen on this machine alone (127.0.0.1 or [::1])"
            );
        }
        Ok(())
    }

    /// Whether what crosses the network is encrypted.
    fn is_encrypted(&self) -> bool {
        self.settings.behind_proxy
    }

    /// Where browsers reach the server that got this address.
    fn base(&self, address: SocketAddr) -> String {
        match self.settings.hosts.first() {
            Some(host) if self.settings.behind_proxy => format!("https://{host}"),
            _ => format!("http://{address}"),
        }
    }
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A configuration that is not valid, an address that is taken, a folder that cannot be opened.
pub fn serve(options: ServeOptions) -> anyhow::Result<()> {
    log_to_stderr();
    let config = Config::read(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(run(config));
    // The store is closed: what an import still checks can no longer be written, and nobody waits for it.
    runtime.shutdown_timeout(BLOCKING_WAIT);
    served
}

async fn run(config: Config) -> anyhow::Result<()> {
    let stopping = CancellationToken::new();
    let app = App::new(config.settings.clone(), recorder()?, stopping.clone());
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    tokio::spawn(keep_figures(app.clone()));
    let address = listener.local_addr()?;
    announce(address)?;
    let serving = tokio::spawn(accept(listener, app.clone(), stopping.clone()));

    let (entry, simulation) = (config.entry, config.simulation);
    let (base, oidc) = (config.base(address), config.oidc.clone());
    let options = StartOptions { simulation, base, oidc, ..StartOptions::new(entry, address) };
    // Loading goes on beside the listener, so that `/health/ready` can say "not yet".
    let starting = start(&config.data, options, stopping.clone());
    let Started { live, tasks } = tokio::select! {
        started = starting => started?,
        () = asked_to_stop() => return Ok(()),
    };
    let (store, audit) = (Arc::clone(&live.store), live.audit.clone());
    audit.alarm_above(config.audit.people_an_hour_max);
    app.go_live(live);
    tracing::info!(data.folder = %config.data.display(), demo = config.settings.demo, "ready");

    asked_to_stop().await;
    tracing::info!("stopping: no new connections, finishing what is under way");
    stopping.cancel();
    let drained = tokio::time::timeout(DRAIN_WAIT, async {
        for task in tasks {
            let _ = task.await;
        }
        serving.await
    });
    if drained.await.is_err() {
        tracing::warn!(waited_s = DRAIN_WAIT.as_secs(), "some connections did not end and are cut");
    }
    store.close().await;
    // Last: what was shown to the end is in it.
    tokio::task::spawn_blocking(move || audit.close()).await?;
    tracing::info!("stopped");
    Ok(())
}

/// The first line on standard output, for programs that started us and wait for the port.
fn announce(address: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    out.flush()
}

/// Serves `listener` until `stopping`, then until the last answer under way is sent.
pub async fn accept(listener: TcpListener, app: App, stopping: CancellationToken) -> std::io::Result<()> {
    let listener = listener.tap_io(|connection| {
        // Answers are whole when they are written; waiting for more to send with them only adds delay. And whoever
        // takes nothing for a while holds memory for nothing: the kernel then cuts the connection.
        let tuned = connection
            .set_nodelay(true)
            .and_then(|()| socket2::SockRef::from(&*connection).set_tcp_user_timeout(Some(UNREAD_WAIT)));
        if let Err(error) = tuned {
            tracing::debug!(%error, "a connection was closed before it was served");
        }
    });
    axum::serve(listener, Fronts(front(app))).with_graceful_shutdown(stopping.cancelled_owned()).into_future().await
}

async fn keep_figures(app: App) {
    let mut tick = tokio::time::interval(FIGURES_UPKEEP);
    loop {
        tick.tick().await;
        app.metrics().run_upkeep();
    }
}

/// SIGTERM or SIGINT.
async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = interrupt.await;
        return;
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TRUCBAN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,memory_serve=warn"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
