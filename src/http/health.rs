//! `/health/live`, `/health/ready`, `/metrics`: for the machine room.

use axum::extract::State;
use axum::http::header;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{json, json_bytes, with_header};
use super::app::App;
use super::error::{Answer, starting};
use crate::domain::{Code, Problem};
use crate::feed::Stale;
use crate::store::clock;

/// Changes that the picture may be behind the store and still count as ready.
const SEQ_LAG_MAX: u64 = 10_000;

/// The server can answer.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    /// `ready`; or `stale`: it answers from memory, and says in every page since when what it shows is old.
    status: &'static str,
    /// What the picture holds.
    seq: u64,
    /// Durable changes that the picture does not hold yet.
    seq_lag: u64,
    /// Since when what is shown is not what the store holds.
    #[schema(required)]
    stale: Option<Stale>,
    /// For how long nothing was heard of what other nodes revoked, seconds; none where accounts are not shared.
    #[schema(required)]
    rights_age_s: Option<u64>,
    /// By how many seconds the machine's clock was set back; all ages go on by the time before. Absent where it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_set_back_s: Option<u64>,
}

/// Whether the process runs.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "It runs")))]
pub async fn live() -> Response {
    json_bytes(r#"{"status":"live"}"#)
}

/// Whether it can answer truthfully: the picture is loaded and not far behind the store, and whose rights still hold is
/// known. A server that has lost its database answers 200 for a while, with `status` "stale": it goes on showing what it
/// knows, and says that it is old.
#[utoipa::path(
    get, path = "/health/ready", tag = "health",
    responses((status = 200, body = Ready), (status = 503, description = "Not yet, with the reason"))
)]
pub async fn ready(State(app): State<App>) -> Answer {
    let live = app.live().map_err(|_| starting().with("reason", "loading"))?;
    if app.stopping().is_cancelled() {
        return Err(Problem::new(Code::StoreUnavailable, "Máy chủ đang dừng.", "The server is stopping.")
            .with("reason", "stopping")
            .into());
    }
    let seq = live.seq();
    let seq_lag = live.store.durable_seq().borrow().saturating_sub(seq);
    if seq_lag > SEQ_LAG_MAX {
        return Err(Problem::new(
            Code::StoreUnavailable,
            format!("Bức tranh chậm hơn nhật ký {seq_lag} thay đổi."),
            format!("The picture is {seq_lag} changes behind the journal."),
        )
        .with("reason", "lagging")
        .with("seq_lag", seq_lag)
        .into());
    }
    live.directory.check_heard()?;
    let stale = live.feed.stale();
    let rights_age_s = live.directory.unheard_for().map(|unheard| unheard.as_secs());
    let clock_set_back_s = clock::set_back().map(|by| by.as_secs());
    let status = if stale.is_some() { "stale" } else { "ready" };
    json(&Ready { status, seq, seq_lag, stale, rights_age_s, clock_set_back_s })
}

/// Figures in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, content_type = "text/plain")))]
pub async fn figures(State(app): State<App>) -> Response {
    if let Ok(live) = app.live() {
        let seq = live.seq();
        metrics::gauge!("trucban_picture_seq").set(seq as f64);
        metrics::gauge!("trucban_clock_set_back_seconds").set(clock::set_back().unwrap_or_default().as_secs_f64());
        metrics::gauge!("trucban_stale").set(f64::from(u8::from(live.feed.stale().is_some())));
        metrics::gauge!("trucban_seq_lag").set(live.store.durable_seq().borrow().saturating_sub(seq) as f64);
    }
    let response = json_bytes(app.metrics().render());
    with_header(response, header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")
}
