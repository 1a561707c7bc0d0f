//! `trucban serve`: listens, loads the data, serves, and stops in order.

use std::future::IntoFuture;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::serve::{Listener, ListenerExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::app::App;
use super::config::{Config, ServeOptions};
use super::figures::recorder;
use super::front::Fronts;
use super::router::front;
use super::start::{StartOptions, Started, start};
use super::tls::{Tls, TlsListener};
use crate::files::replay::Night;
use crate::store::clock;

/// How long connections may go on after a stop was asked for.
const DRAIN_WAIT: Duration = Duration::from_secs(10);
/// How long a peer may leave what was sent to it untaken.
const UNREAD_WAIT: Duration = Duration::from_secs(30);
/// How long work on threads of its own may go on after that.
const BLOCKING_WAIT: Duration = Duration::from_secs(1);
/// How often the figures are folded, so that their raw values do not pile up.
const FIGURES_UPKEEP: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// A configuration that is not valid, an address that is taken, a folder that cannot be opened.
pub fn serve(options: ServeOptions) -> anyhow::Result<()> {
    log_to_stderr();
    let config = Config::read(options)?;
    if config.trust_clock {
        clock::trust();
    }
    if let Some(replay) = config.replay {
        let start = Night::shipped().and_then(|night| night.start()).map_err(|problem| anyhow!(problem.detail_en))?;
        if replay.is_still { clock::stand_at(start) } else { clock::play_from(start) }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(run(config));
    // The store is closed: what an import still checks can no longer be written, and nobody waits for it.
    runtime.shutdown_timeout(BLOCKING_WAIT);
    served
}

async fn run(mut config: Config) -> anyhow::Result<()> {
    let stopping = CancellationToken::new();
    let tls = match config.tls.clone() {
        None => None,
        Some(from) => {
            let (folder, names) = (config.data.clone(), config.settings.hosts.clone());
            let (tls, keeper) = tokio::task::spawn_blocking(move || Tls::open(&from, &folder, &names)).await??;
            tokio::spawn(keeper.keep(stopping.clone()));
            config.settings.authority = tls.authority();
            Some(tls)
        }
    };
    let app = App::new(config.settings.clone(), recorder()?, stopping.clone());
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    tokio::spawn(keep_figures(app.clone()));
    let address = listener.local_addr()?;
    // The first line, for programs that started us and wait for the port.
    print_line(&format!("listening on {}://{address}", config.scheme()))?;
    let serving = match tls {
        None => tokio::spawn(accept(listener, app.clone(), stopping.clone())),
        Some(tls) => tokio::spawn(accept_tls(listener, tls, app.clone(), stopping.clone())),
    };

    let Config { entry, simulation, replay, limits, timers, oidc, warnings, border_rules, exercise, .. } = &config;
    let (limits, oidc) = (limits.clone(), oidc.clone());
    let (database, migrate_as) = (config.database.clone(), config.migrate_as.clone());
    let options = StartOptions {
        simulation: *simulation,
        replay: *replay,
        limits,
        timers: *timers,
        warnings: Arc::clone(warnings),
        border_rules: Arc::clone(border_rules),
        exercise: *exercise,
        oidc,
        database,
        migrate_as,
        base: config.base(address),
        ..StartOptions::new(*entry, address)
    };
    // Loading goes on beside the listener, so that `/health/ready` can say "not yet".
    let starting = start(&config.data, options, &app);
    let Started { live, tasks, setup_link } = tokio::select! {
        started = starting => started?,
        () = asked_to_stop() => return Ok(()),
    };
    if let Some(link) = setup_link {
        // On purpose, and here alone: logs are kept and sent on, and hold no secret. The link's file stands in if nobody
        // reads our standard output.
        let _ = print_line(&format!("the first administrator is made by this link, once: {link}"));
    }
    let (store, audit) = (Arc::clone(&live.store), live.audit.clone());
    audit.alarm_above(config.people_an_hour_max);
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
    app.shut_rooms().await;
    store.close().await;
    // Last: what was shown to the end is in it.
    tokio::task::spawn_blocking(move || audit.close()).await?;
    tracing::info!("stopped");
    Ok(())
}

/// A line on standard output, seen at once.
fn print_line(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Serves `listener` until `stopping`, then until the last answer under way is sent.
pub async fn accept(listener: TcpListener, app: App, stopping: CancellationToken) -> std::io::Result<()> {
    let fronts = Fronts { front: front(app), is_encrypted: false };
    axum::serve(tuned(listener), fronts).with_graceful_shutdown(stopping.cancelled_owned()).into_future().await
}

/// As [`accept`], over TLS alone.
pub async fn accept_tls(listener: TcpListener, tls: Tls, app: App, stopping: CancellationToken) -> std::io::Result<()> {
    let fronts = Fronts { front: front(app), is_encrypted: true };
    let listener = TlsListener::new(tuned(listener), &tls);
    axum::serve(listener, fronts).with_graceful_shutdown(stopping.cancelled_owned()).into_future().await
}

fn tuned(listener: TcpListener) -> impl Listener<Io = TcpStream, Addr = SocketAddr> {
    listener.tap_io(|connection| {
        // Answers are whole when they are written; waiting for more to send with them only adds delay. And whoever
        // takes nothing for a while holds memory for nothing: the kernel then cuts the connection.
        let tuned = connection
            .set_nodelay(true)
            .and_then(|()| socket2::SockRef::from(&*connection).set_tcp_user_timeout(Some(UNREAD_WAIT)));
        if let Err(error) = tuned {
            tracing::debug!(%error, "a connection was closed before it was served");
        }
    })
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
