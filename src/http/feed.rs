//! `/api/feed`: the live feed as server-sent events.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures_util::StreamExt;

use super::actor::Reader;
use super::app::App;
use super::audit::note_feed;
use super::error::Answer;
use super::params::Params;
use crate::domain::access::class_of;
use crate::domain::change::Seq;
use crate::domain::{Code, Collection, Problem};
use crate::feed::Filter;
use axum::extract::State;

/// The live feed.
///
/// Server-sent events: `change` {seq, collection, feature}, `gone` {seq, collection, id}, `positions` {seq, units},
/// `reset` {reason, seq} (read again; after `rights_changed` the stream ends), `tick` {server_time, seq, stale} at once, every 10 s, and
/// whenever `stale` begins or ends: {since, reason} while the server does not hear its store (`store_unheard`) or does not
/// follow it (`behind`). The id of an event is a seq; `Last-Event-ID` resumes after it.
#[utoipa::path(
    get, path = "/api/feed", tag = "feed",
    params(
        ("collections" = Option<String>, Query, description = "a,b; all if not said"),
        ("bbox" = Option<Vec<f64>>, Query, style = Form, explode = false, description = "west,south,east,north in degrees"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that the subscriber got"),
    ),
    responses((status = 200, description = "The events", content_type = "text/event-stream"))
)]
pub async fn subscribe(State(app): State<App>, reader: Reader, headers: HeaderMap) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let collections = params.collections()?;
    let bbox = params.bbox()?;
    params.finish()?;
    let after = last_event(&headers)?;
    let filter = Filter::new(collections.as_deref(), bbox);
    let wanted = [Collection::Units, Collection::Households].into_iter().filter(|one| filter.wants(*one));
    note_feed(reader.live()?, reader.actor(), wanted.map(|one| (one, class_of(one))), bbox)?;
    let stream = reader.live()?.feed.subscribe(reader.actor().clone(), filter, after).await?;
    let stream = stream.until(rights_changed(app.clone(), &reader));
    // A stopping server waits for its answers to end; this one would go on for ever.
    let stopping = app.stopping().clone();
    let events = stream.map(Ok::<_, std::convert::Infallible>).take_until(stopping.cancelled_owned());
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A proxy that gathers the answer before it passes it on would make the feed useless.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Ends when what the subscriber may see is no longer what it was; the newest seq then.
fn rights_changed(app: App, reader: &Reader) -> impl Future<Output = Seq> + Send + use<> {
    let credential = reader.credential();
    async move {
        let Ok(live) = app.live() else { return 0 };
        live.directory.rights_changed(credential).await;
        live.seq()
    }
}

fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let text = value.to_str().unwrap_or("?").trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        Problem::new(Code::InvalidParameter, "Last-Event-ID phải là số thứ tự.", "Last-Event-ID must be a seq.")
            .at("Last-Event-ID")
    })
}
