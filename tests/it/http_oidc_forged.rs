//! A provider that lies, or whose answers somebody changed: what is not believed, and that keys may change.

use reqwest::StatusCode;
use serde_json::json;

use crate::http_support::{Server, client, done, problem};
use crate::oidc_support::{Browser, ProviderProcess, section};

/// Faults of a token, and what is answered.
const FAULTS: [(&str, u16, &str); 18] = [
    ("unsigned", 401, "sign_in_failed"),
    ("wrong_key", 401, "sign_in_failed"),
    ("unknown_key", 401, "sign_in_failed"),
    ("shared_secret", 401, "sign_in_failed"),
    ("public_key_as_secret", 401, "sign_in_failed"),
    ("changed", 401, "sign_in_failed"),
    ("expired", 401, "sign_in_failed"),
    ("issuer", 401, "sign_in_failed"),
    ("audience", 401, "sign_in_failed"),
    ("two_audiences", 401, "sign_in_failed"),
    ("party", 401, "sign_in_failed"),
    ("nonce", 401, "sign_in_failed"),
    ("no_nonce", 401, "sign_in_failed"),
    ("access_token", 401, "sign_in_failed"),
    ("no_token", 401, "sign_in_failed"),
    ("no_group", 403, "no_role"),
    ("breaks", 503, "provider_unavailable"),
    ("endless", 503, "provider_unavailable"),
];

async fn lie(forger: &ProviderProcess, fault: &str) {
    let told = client().post(format!("{}/fault", forger.issuer)).body(fault.to_owned()).send();
    assert_eq!(told.await.unwrap().status(), StatusCode::OK);
}

async fn try_to_come_in(server: &Server, address: u8) -> reqwest::Response {
    let mut browser = Browser::at_address(server, address);
    let url = browser.begin().await;
    let back = browser.visit(url, None).await;
    browser.end(&back).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_with_a_fault_lets_anybody_in() {
    let forger = ProviderProcess::forger();
    let server = Server::with_provider(&section(&forger.issuer)).await;
    let admin = server.first_admin().await;
    for (address, (fault, status, code)) in (2..).zip(FAULTS) {
        lie(&forger, fault).await;
        let response = try_to_come_in(&server, address).await;
        assert!(response.headers().get("set-cookie").is_none(), "{fault}");
        let told = problem(response, status, code).await;
        assert!(!told.to_string().contains("JWT"), "{fault}: what the library said is for the log: {told}");
    }
    for fault in ["no_subject", "page"] {
        lie(&forger, fault).await;
        problem(try_to_come_in(&server, 80).await, 503, "provider_unavailable").await;
    }
    assert_eq!(admin.read("/api/accounts").await["accounts"].as_array().unwrap().len(), 1, "nobody came in");
    // Without a fault the same way leads in, or the test would show nothing.
    lie(&forger, "none").await;
    let session = done(try_to_come_in(&server, 90).await, StatusCode::OK).await;
    assert_eq!(session["actor"]["name"], "forger");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_changed_since_they_were_read_are_read_again() {
    let forger = ProviderProcess::forger();
    let server = Server::with_provider(&section(&forger.issuer)).await;
    server.first_admin().await;
    done(try_to_come_in(&server, 2).await, StatusCode::OK).await;
    lie(&forger, "rotated").await;
    done(try_to_come_in(&server, 2).await, StatusCode::OK).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_another_issuer_is_not_taken() {
    let forger = ProviderProcess::forger();
    let server = Server::with_provider(&section(&forger.issuer)).await;
    lie(&forger, "other_issuer").await;
    let begun = Browser::of(&server).call("/api/oidc/start", json!({})).await;
    problem(begun, 503, "provider_unavailable").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_codes_is_made_to_wait() {
    let forger = ProviderProcess::forger();
    let server = Server::with_provider(&section(&forger.issuer)).await;
    server.first_admin().await;
    lie(&forger, "nonce").await;
    for _ in 0..50 {
        let response = try_to_come_in(&server, 7).await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            problem(response, 429, "too_many_attempts").await;
            return;
        }
        problem(response, 401, "sign_in_failed").await;
    }
    panic!("fifty failures without a wait");
}
