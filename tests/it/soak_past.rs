//! The past against the present: while the simulation plays, the live picture is written down at random moments; afterwards
//! each of them is asked for again, as it was known and as it is known now, and must be the same.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::Value;
use tokio::time::sleep;
use trucban::http::DEMO_TOKENS_FILE;

use crate::http_support::{Caller, client, done};
use crate::serve_support::{launch, ready, serve_anywhere, stop};
use crate::soak_support::{Dice, rounds};
use crate::store_support::Folder;

/// What the simulation changes.
const COLLECTIONS: [&str; 6] = ["units", "incidents", "assignments", "alarms", "duty_log", "rain_days"];
/// Nothing may be under way around a moment, or it would be told of it and not be in it.
const STILL: Duration = Duration::from_millis(60);

/// A page, asked for again where too many were.
async fn page(admin: &Caller, asked: &str) -> Value {
    loop {
        let answer = admin.get(asked).await;
        if answer.status() != StatusCode::TOO_MANY_REQUESTS {
            return done(answer, StatusCode::OK).await;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// The live picture of one moment, if nothing happened meanwhile.
async fn written_down(admin: &Caller) -> Option<(String, Vec<Value>)> {
    let seq = async || admin.read("/api/session").await["seq"].clone();
    let before = seq().await;
    sleep(STILL).await;
    let mut pages = Vec::new();
    for collection in COLLECTIONS {
        pages.push(page(admin, &format!("/api/collections/{collection}/items?limit=10000")).await);
    }
    let at = pages[0]["timeStamp"].as_str().unwrap().to_owned();
    sleep(STILL).await;
    if seq().await != before {
        return None;
    }
    Some((at, pages.into_iter().map(|page| page["features"].clone()).collect()))
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_past_moments_are_what_was_live_then() {
    let (lasts_s, moments) = (rounds(20, 1_800), rounds(8, 100));
    let mut dice = Dice::thrown_for("past");
    let folder = Folder::new();
    let mut process = launch(serve_anywhere(&["--demo"], folder.path()));
    ready(&process).await;
    let tokens: Value = serde_json::from_slice(&std::fs::read(folder.path().join(DEMO_TOKENS_FILE)).unwrap()).unwrap();
    let admin = Caller::new(&process.base, client()).with_token(tokens["admin"].as_str().unwrap());

    let (began, mut kept) = (Instant::now(), Vec::new());
    let mean_ms = (lasts_s * 1_000 / moments) as u64;
    while kept.len() < moments {
        sleep(Duration::from_millis(dice.below(2 * mean_ms))).await;
        for _ in 0..50 {
            if let Some(moment) = written_down(&admin).await {
                kept.push(moment);
                break;
            }
        }
        assert!(began.elapsed().as_secs() < 4 * lasts_s as u64 + 60, "there is a still moment now and then");
    }
    let mut compared = 0;
    for (at, pages) in &kept {
        for asked in [format!("as_known_at={at}"), format!("at={at}"), format!("at={at}&as_known_at={at}")] {
            for (collection, live) in COLLECTIONS.iter().zip(pages) {
                let past = page(&admin, &format!("/api/collections/{collection}/items?limit=10000&{asked}")).await;
                let (live, past) = (live.as_array().unwrap(), past["features"].as_array().unwrap());
                let differs: Vec<_> = live.iter().zip(past).filter(|(live, past)| live != past).take(2).collect();
                assert!(differs.is_empty() && live.len() == past.len(), "{collection} {asked}: {differs:#?}");
                compared += live.len();
            }
        }
    }
    let played_s = began.elapsed().as_secs();
    println!("{} moments of {played_s} s, three ways, {compared} records compared", kept.len());
    stop(&mut process);
}
