//! Change to reader: 200 subscribers, each with the box of one commune, while 1,000 fixes a second come in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use uuid::Uuid;

use crate::load::{self, Connection};
use crate::nearby::batch;
use crate::process::Process;
use crate::report::Report;
use crate::world::{self, Folder};

/// Subscribers at once.
const SUBSCRIBERS: u64 = 200;
/// Incidents reported, one after the other; each lies in every subscriber's reach by its own box.
const CHANGES: u64 = 300;
/// Half the side of a subscriber's box, degrees: about a commune.
const HALF_BOX_DEG: f64 = 0.09;

/// The box of a subscriber's commune.
fn commune(number: u64) -> String {
    let (lon, lat) = world::centre(number % 38);
    format!("{},{},{},{}", lon - HALF_BOX_DEG, lat - HALF_BOX_DEG, lon + HALF_BOX_DEG, lat + HALF_BOX_DEG)
}

/// Reads one feed and sends the moment at which each wanted title came.
pub async fn subscriber(addr: SocketAddr, query: String, seen: UnboundedSender<(u64, Instant)>) {
    let mut stream = tokio::net::TcpStream::connect(addr).await.expect("a connection");
    let request = format!("GET /api/feed?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut buffer = vec![0; 1 << 16];
    let mut tail = String::new();
    while let Ok(read) = stream.read(&mut buffer).await
        && read > 0
    {
        let now = Instant::now();
        tail.push_str(&String::from_utf8_lossy(&buffer[..read]));
        while let Some(at) = tail.find("change-") {
            let rest = &tail[at + "change-".len()..];
            let Some(end) = rest.find('!') else { break };
            if let Ok(n) = rest[..end].parse() {
                let _ = seen.send((n, now));
            }
            tail.drain(..at + "change-".len() + end);
        }
        let keep = tail.len().saturating_sub(64);
        if !tail[keep.min(tail.len())..].is_empty() && tail.is_char_boundary(keep) {
            tail.drain(..keep);
        }
    }
}

/// Posts 1,000 fixes each second until told to stop.
pub async fn fixes_at_1000_a_second(addr: SocketAddr, units: Vec<Uuid>, stop: Arc<AtomicBool>) {
    let mut connection = Connection::open(addr).await.expect("a connection");
    let mut rng = world::generator(50);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        tick.tick().await;
        let (status, _) =
            connection.exchange(&load::post("/api/fixes", &batch(&units, sent, &mut rng))).await.expect("an answer");
        assert_eq!(status, 200, "fixes are taken");
        sent += 1_000;
    }
}

/// Reports incidents one after the other; milliseconds from each call to each subscriber's reading of it, sorted.
pub async fn report_changes(
    addr: SocketAddr,
    changes: u64,
    arrivals: &mut UnboundedReceiver<(u64, Instant)>,
) -> Vec<f64> {
    let mut connection = Connection::open(addr).await.expect("a connection");
    let mut sent_at = Vec::new();
    for n in 0..changes {
        let (lon, lat) = world::centre(n % 38);
        let body = format!(r#"{{"kind":"landslide","title":"change-{n}!","place":{{"lon":{lon},"lat":{lat}}}}}"#);
        sent_at.push(Instant::now());
        let (status, _) = connection.exchange(&load::post("/api/incidents", &body)).await.expect("an answer");
        assert_eq!(status, 201, "the incident is taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut delays = Vec::new();
    while let Ok((n, at)) = arrivals.try_recv() {
        delays.push(at.duration_since(sent_at[n as usize]).as_secs_f64() * 1e3);
    }
    delays.sort_by(f64::total_cmp);
    delays
}

/// Measures the delay from the commit's answer being asked for to the event being read, over all subscribers.
pub fn measure(report: &mut Report) {
    let folder = Folder::new("fanout");
    let units = world::fill(&folder.path, 1);
    let server = Process::server(&folder.path);
    let addr = server.addr;
    let stop = Arc::new(AtomicBool::new(false));
    let mover = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || load::one_thread().block_on(fixes_at_1000_a_second(addr, units, stop)))
    };
    let delays = load::one_thread().block_on(async move {
        let (seen, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..SUBSCRIBERS {
            let query = format!("collections=incidents,units&bbox={}", commune(number));
            tokio::spawn(subscriber(addr, query, seen.clone()));
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        report_changes(addr, CHANGES, &mut arrivals).await
    });
    stop.store(true, Ordering::Relaxed);
    mover.join().expect("the mover ends");
    let expected: u64 = (0..CHANGES).map(|n| (0..SUBSCRIBERS).filter(|s| s % 38 == n % 38).count() as u64).sum();
    let p99 = delays.get(delays.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(f64::NAN);
    let p50 = delays.get(delays.len() / 2).copied().unwrap_or(f64::NAN);
    report.compared(
        &format!("change to reader, {SUBSCRIBERS} subscribers, 1,000 fixes/s"),
        &format!("p50 {p50:.1} ms, p99 {p99:.1} ms; {} deliveries (at least {expected} due)", delays.len()),
        "limit 100 ms",
        p99 / 100.0,
        "< 1",
    );
}
