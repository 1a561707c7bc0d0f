//! Photos over a bad link: throttled, cut again and again, resumed; and many at once over a good one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::attachments_support::{WORDS, holds, photo, said_by};
use crate::http_support::{Caller, Server, id};
use crate::soak_support::rounds;

/// Bytes that are let through at once.
const PORTION: usize = 16 * 1_024;

/// A way to the server that carries so many bits a second up, and breaks every connection when it is told.
struct BadLink {
    address: SocketAddr,
    carried: Arc<AtomicU64>,
    cuts: watch::Sender<u32>,
}

impl BadLink {
    async fn before(target: String, bits_per_s: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (carried, cuts) = (Arc::new(AtomicU64::new(0)), watch::Sender::new(0));
        let (count, told) = (Arc::clone(&carried), cuts.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&target).await else { return };
                let (count, mut told) = (Arc::clone(&count), told.subscribe());
                tokio::spawn(async move {
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    let up = async {
                        let mut portion = vec![0; PORTION];
                        while let Ok(bytes @ 1..) = from_client.read(&mut portion).await {
                            let pause = Duration::from_micros(bytes as u64 * 8 * 1_000_000 / bits_per_s);
                            tokio::time::sleep(pause).await;
                            if to_server.write_all(&portion[..bytes]).await.is_err() {
                                return;
                            }
                            count.fetch_add(bytes as u64, Ordering::Relaxed);
                        }
                    };
                    let down = tokio::io::copy(&mut from_server, &mut to_client);
                    tokio::select! {
                        () = up => {}
                        _ = down => {}
                        _ = told.changed() => {}
                    }
                });
            }
        });
        Self { address, carried, cuts }
    }

    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

/// Sends one photo as a telephone does: asks how far it has come, goes on, as often as it takes. How often it went on.
async fn send(caller: &Caller, incident: &str, key: &str, whole: &[u8]) -> u32 {
    let told = [("incident_id", incident), ("id", key), ("filetype", "image/jpeg"), ("filename", "a.jpg")];
    let location = loop {
        let begun = begin(caller, whole.len(), &told).await;
        if let Some(location) = begun {
            break location;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let mut resumed = 0;
    loop {
        let head = caller.ask(Method::HEAD, &location).send().await;
        if let Ok(head) = head
            && head.status() == StatusCode::OK
        {
            let offset: usize = head.headers()["upload-offset"].to_str().unwrap().parse().unwrap();
            if offset == whole.len() {
                return resumed;
            }
            resumed += u32::from(offset > 0);
            let patch = caller.ask(Method::PATCH, &location).header("upload-offset", offset);
            let patch = patch.header("content-type", "application/offset+octet-stream");
            let sent = patch.body(whole[offset..].to_vec()).timeout(Duration::from_secs(600)).send().await;
            if sent.is_ok_and(|answer| answer.status() == StatusCode::NO_CONTENT) {
                return resumed;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn begin(caller: &Caller, length: usize, told: &[(&str, &str)]) -> Option<String> {
    use base64::Engine;
    let told: Vec<String> =
        told.iter().map(|(k, v)| format!("{k} {}", base64::prelude::BASE64_STANDARD.encode(v))).collect();
    let request = caller.ask(Method::POST, "/api/uploads").header("upload-length", length);
    let answer = request.header("upload-metadata", told.join(",")).send().await.ok()?;
    (answer.status() == StatusCode::CREATED).then(|| answer.headers()["location"].to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_photos_over_a_link_that_is_cut_five_times_arrive_once_each() {
    let (count, bytes, bits_per_s) = (rounds(4, 20), rounds(1_000_000, 8_000_000), 8_000_000_u64);
    let server = Server::demo().await;
    let (field, officer) = (server.actor("field_unit"), server.actor("duty_officer"));
    let incident = id(&field.report("landslide", 103.2, 22.4).await).to_owned();
    let link = BadLink::before(field.host().to_owned(), bits_per_s).await;
    let far = Caller::new(&format!("http://{}", link.address), crate::http_support::client())
        .with_token(field.token().unwrap());
    let (carried, total) = (Arc::clone(&link.carried), (count * bytes) as u64);
    let cutting = tokio::spawn(async move {
        for nth in 1..=5 {
            while carried.load(Ordering::Relaxed) < total * nth / 6 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            link.cut();
        }
        link
    });
    let began = Instant::now();
    let mut resumed = 0;
    for n in 0..count {
        let key = uuid::Uuid::from_u128(n as u128 + 1).to_string();
        resumed += send(&far, &incident, &key, &photo(bytes, n as u64)).await;
    }
    let took = began.elapsed();
    let link = cutting.await.unwrap();
    let carried = link.carried.load(Ordering::Relaxed);
    let listed = officer.attachments_of(&incident).await;
    assert_eq!(listed.len(), count, "each arrived, and none twice");
    for attachment in &listed {
        let content = officer.content(id(attachment)).await;
        assert_eq!(said_by(&content), ["Orientation"]);
        assert!(!holds(&content, WORDS.as_bytes()));
    }
    let again = carried.saturating_sub(total);
    println!(
        "{count} photos of {bytes} bytes at {} Mbit/s, 5 cuts: {:.1} s (at least {:.1} s), went on {resumed} times, \
         {again} bytes sent beside the photos",
        bits_per_s / 1_000_000,
        took.as_secs_f64(),
        (total * 8) as f64 / bits_per_s as f64,
    );
    assert!(resumed >= 3, "what had come was not sent anew: {resumed}");
    // What was on its way at a cut is sent again, and nothing else.
    assert!(again < total / 10, "{again} bytes were sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_many_photos_over_a_good_link_arrive_once_each() {
    let (count, bytes) = (rounds(8, 200), rounds(1_000_000, 8_000_000));
    let server = Server::demo().await;
    let (field, officer) = (server.actor("field_unit"), server.actor("duty_officer"));
    let incident = id(&field.report("landslide", 103.2, 22.4).await).to_owned();
    let began = Instant::now();
    let mut sending = Vec::new();
    for lane in 0..4 {
        let (field, incident) = (field.clone(), incident.clone());
        sending.push(tokio::spawn(async move {
            for n in (lane..count).step_by(4) {
                let key = uuid::Uuid::from_u128(n as u128 + 1).to_string();
                send(&field, &incident, &key, &photo(bytes, n as u64)).await;
            }
        }));
    }
    for lane in sending {
        lane.await.unwrap();
    }
    let took = began.elapsed();
    let listed = officer.attachments_of(&incident).await;
    println!(
        "{count} photos of {bytes} bytes on loopback by 4 at once: {:.1} s, {:.1} MB/s",
        took.as_secs_f64(),
        (count * bytes) as f64 / 1e6 / took.as_secs_f64()
    );
    let page = officer.read(&format!("/api/collections/attachments/items?incident_id={incident}&limit=1000")).await;
    assert_eq!(page["numberMatched"], count, "{}", listed.len());
    let sample = page["features"].as_array().unwrap().iter().step_by(count / 8);
    for attachment in sample {
        assert_eq!(said_by(&officer.content(id(attachment)).await), ["Orientation"]);
    }
}
