//! The live feed: who hears what, who resumes, who is cut off.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::error::Elapsed;
use trucban::domain::Collection;

use crate::http_support::{Caller, Server, done, id, version};
use crate::store_support::put;

/// One event as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub seq: u64,
    pub event: String,
    pub data: Value,
}

/// Somebody who listens.
pub struct Listener {
    bytes: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    rest: Vec<u8>,
}

impl Listener {
    pub async fn open(caller: &Caller, query: &str, after: Option<u64>) -> Self {
        let mut request = caller.ask(Method::GET, &format!("/api/feed?{query}"));
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Self::of(response)
    }

    /// Of an answer that streams.
    pub fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { bytes: Box::pin(response.bytes_stream()), rest: Vec::new() }
    }

    /// The next event; `None` when the stream has ended or was cut.
    pub async fn next(&mut self) -> Option<Heard> {
        self.next_within(Duration::from_secs(15)).await.expect("an event")?.ok()
    }

    /// As [`Self::next`] of a stream that may break; `Err` if nothing comes for so long.
    pub async fn next_within(&mut self, wait: Duration) -> Result<Option<reqwest::Result<Heard>>, Elapsed> {
        loop {
            if let Some(at) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
                let whole = String::from_utf8(self.rest.drain(..at + 2).collect()).unwrap();
                let field = |name: &str| whole.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
                return Ok(Some(Ok(Heard {
                    seq: field("id: ").parse().unwrap(),
                    event: field("event: "),
                    data: serde_json::from_str(&field("data: ")).unwrap(),
                })));
            }
            match tokio::time::timeout(wait, self.bytes.next()).await? {
                Some(Ok(chunk)) => self.rest.extend_from_slice(&chunk),
                Some(Err(broken)) => return Ok(Some(Err(broken))),
                None => return Ok(None),
            }
        }
    }

    /// The next event of this name.
    pub async fn wait(&mut self, event: &str) -> Heard {
        loop {
            let heard = self.next().await.expect("the stream goes on");
            if heard.event == event {
                return heard;
            }
        }
    }
}

async fn new_shelter(caller: &Caller, lon: f64) -> Value {
    let body = json!({"geometry": {"type": "Point", "coordinates": [lon, 22.4]}, "properties": {"name": "Trường", "capacity": 9}});
    done(caller.post("/api/collections/shelters/items", body).await, StatusCode::CREATED).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_heard_by_whom_it_concerns_and_a_record_that_leaves_is_gone() {
    let server = Server::real().await;
    let admin = server.anybody();
    let mut all = Listener::open(&admin, "collections=shelters", None).await;
    let mut west = Listener::open(&admin, "collections=shelters&bbox=102,22,103,23", None).await;
    let tick = all.next().await.unwrap();
    assert_eq!(tick.event, "tick");
    assert!(tick.data["server_time"].is_string() && tick.data["seq"] == tick.seq);

    let east = new_shelter(&admin, 103.5).await;
    let heard = all.wait("change").await;
    assert_eq!((&heard.data["collection"], &heard.data["feature"]["id"]), (&json!("shelters"), &east["id"]));
    assert_eq!(heard.data["seq"], heard.seq);
    let own = new_shelter(&admin, 102.5).await;
    let heard = west.wait("change").await;
    assert_eq!(heard.data["feature"]["id"], own["id"], "the one outside the box is not heard");

    let path = format!("/api/collections/shelters/items/{}", id(&own));
    let moved = json!({"geometry": {"type": "Point", "coordinates": [103.5, 22.4]}});
    done(admin.write(Method::PATCH, &path, version(&own), moved).await, StatusCode::OK).await;
    let gone = west.wait("gone").await;
    assert_eq!((&gone.data["collection"], &gone.data["id"]), (&json!("shelters"), &own["id"]));

    let path = format!("/api/collections/shelters/items/{}", id(&east));
    done(admin.write(Method::DELETE, &path, version(&east), json!({})).await, StatusCode::OK).await;
    let gone = all.wait("gone").await;
    assert_eq!(gone.data["id"], east["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_come_newest_per_unit_and_a_unit_that_leaves_the_box_is_gone() {
    let server = Server::real().await;
    let admin = server.anybody();
    let unit = json!({"properties": {"name": "Tổ 1", "force": "police", "kind": "patrol"}});
    let unit = done(admin.post("/api/collections/units/items", unit).await, StatusCode::CREATED).await;
    let base = jiff::Timestamp::now().as_millisecond() - 60_000;
    let send = |lon: f64, after_ms: i64| {
        let at = jiff::Timestamp::from_millisecond(base + after_ms).unwrap().to_string();
        let body = json!({"fixes": [{"unit_id": unit["id"], "lon": lon, "lat": 22.4, "at": at, "accuracy_m": 8.0}]});
        let admin = admin.clone();
        async move { done(admin.post("/api/fixes", body).await, StatusCode::OK).await }
    };
    send(102.5, 0).await;
    let mut all = Listener::open(&admin, "", None).await;
    let mut west = Listener::open(&admin, "collections=units&bbox=102,22,103,23", None).await;
    west.wait("tick").await;
    for step in 1..=20 {
        send(102.5 + f64::from(step) / 100.0, i64::from(step) * 100).await;
    }
    let mut events = 0;
    let last = loop {
        let heard = west.wait("positions").await;
        events += 1;
        let unit = heard.data["units"][0].clone();
        if unit["lon"] == 102.7 {
            break unit;
        }
    };
    assert!(events <= 8, "twenty fixes were told in {events} events");
    assert_eq!((&last["fix_source"], &last["accuracy_m"]), (&json!("gps"), &json!(8)));
    send(103.4, 30_000).await;
    assert_eq!(west.wait("gone").await.data["id"], unit["id"]);
    send(102.6, 31_000).await;
    let back = west.wait("change").await;
    assert_eq!(back.data["feature"]["geometry"]["coordinates"], json!([102.6, 22.4]));
    assert_eq!(all.wait("positions").await.data["units"][0]["id"], unit["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_hears_what_was_missed_or_is_told_to_read_again() {
    let server = Server::real().await;
    let admin = server.anybody();
    let first = new_shelter(&admin, 102.5).await;
    let second = new_shelter(&admin, 102.6).await;
    let seen = admin.read("/api/session").await["seq"].as_u64().unwrap();
    let path = format!("/api/collections/shelters/items/{}", id(&first));
    done(admin.write(Method::DELETE, &path, 1, json!({})).await, StatusCode::OK).await;
    let path = format!("/api/collections/shelters/items/{}", id(&second));
    for capacity in 1..=3 {
        let body = json!({"properties": {"capacity": capacity}});
        done(admin.write(Method::PATCH, &path, capacity, body).await, StatusCode::OK).await;
    }
    let mut back = Listener::open(&admin, "collections=shelters", Some(seen)).await;
    let gone = back.next().await.unwrap();
    assert_eq!((gone.event.as_str(), &gone.data["id"]), ("gone", &first["id"]));
    let change = back.next().await.unwrap();
    assert_eq!(change.data["feature"]["properties"]["capacity"], 3, "each record once, as it is now");
    assert!(change.seq > gone.seq && gone.seq > seen);
    assert_eq!(back.next().await.unwrap().event, "tick");

    let mut up_to_date = Listener::open(&admin, "collections=shelters", Some(change.seq)).await;
    assert_eq!(up_to_date.next().await.unwrap().event, "tick");
    let mut from_elsewhere = Listener::open(&admin, "", Some(change.seq + 1_000_000_000)).await;
    assert_eq!(from_elsewhere.next().await.unwrap().data["reason"], "unknown_event");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_cut_off_with_the_reason_and_slows_nobody() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::real().await;
    let admin = server.anybody();
    let host = server.base.strip_prefix("http://").unwrap();
    let mut slow = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET /api/feed?collections=shelters HTTP/1.1\r\nHost: {host}\r\n\r\n");
    slow.write_all(request.as_bytes()).await.unwrap();
    let mut quick = Listener::open(&admin, "collections=shelters", None).await;
    let shelters: Vec<uuid::Uuid> = (0..100).map(|_| uuid::Uuid::now_v7()).collect();
    let note = "x".repeat(3_900);
    let mut delays = Vec::new();
    // The kernel takes some megabytes before the server notices that nobody reads.
    for round in 0..30 {
        let started = std::time::Instant::now();
        let properties = json!({"name": "Nhà văn hoá", "kind": "culture_house", "note": note, "occupied": round});
        let puts = shelters.iter().map(|id| put(Collection::Shelters, *id, properties.clone())).collect();
        server.store.append(crate::store_support::call(puts)).await.unwrap();
        for _ in &shelters {
            assert_eq!(quick.wait("change").await.data["feature"]["properties"]["occupied"], round);
        }
        delays.push(started.elapsed());
    }
    delays.sort();
    assert!(delays[delays.len() / 2] < Duration::from_secs(1), "the slow reader slowed the quick one: {delays:?}");
    let mut read = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(20), slow.read_to_end(&mut read)).await;
    let text = String::from_utf8_lossy(&read);
    let tail: String = text.chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
    assert!(reading.is_ok() || text.contains("too_slow"), "the slow reader was not cut off: {tail}");
    assert!(tail.contains("too_slow"), "{tail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_tells_readers_to_read_again() {
    let server = Server::real().await;
    let admin = server.anybody();
    let mut listener = Listener::open(&admin, "collections=households", None).await;
    let mut others = Listener::open(&admin, "collections=shelters", None).await;
    listener.wait("tick").await;
    others.wait("tick").await;
    let puts = (0..2_000).map(|_| crate::store_support::household(uuid::Uuid::now_v7(), 4)).collect();
    server.store.append(crate::store_support::call(puts)).await.unwrap();
    assert_eq!(listener.wait("reset").await.data["reason"], "many_changes");
    let shelter = new_shelter(&admin, 102.5).await;
    // A heartbeat may come between; a reset may not.
    let mut heard = others.next().await.unwrap();
    while heard.event == "tick" {
        heard = others.next().await.unwrap();
    }
    assert_eq!(heard.data["feature"]["id"], shelter["id"]);
}
