//! Guessing through the front door: waits that grow, that hit the guesser alone, and that tell nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use trucban::desk::{Clock, SystemClock};
use trucban::domain::Timestamp;

use crate::http_support::{Caller, PASSWORD, Server, problem};

/// The machine's clock, moved on by the test.
#[derive(Default)]
pub struct MovedClock {
    by_s: AtomicI64,
}

impl MovedClock {
    pub fn forward(&self, seconds: i64) {
        self.by_s.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_s(self.by_s.load(Ordering::Relaxed))
    }
}

async fn guess(caller: &Caller, name: &str) -> Response {
    caller.post("/api/session", json!({"name": name, "password": "ba con vịt xanh"})).await
}

/// Fails until it must wait; the wait, seconds.
async fn wait_after_failures(caller: &Caller, name: &str) -> i64 {
    for _ in 0..50 {
        let response = guess(caller, name).await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            let told: i64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            let body = problem(response, 429, "too_many_attempts").await;
            assert_eq!(body["retry_after_s"], told);
            return told;
        }
        problem(response, 401, "wrong_credentials").await;
    }
    panic!("fifty failures without a wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_waits_longer_and_the_right_password_ends_it() {
    let clock = Arc::new(MovedClock::default());
    let server = Server::with_accounts(Arc::<MovedClock>::clone(&clock)).await;
    server.first_admin().await;
    let anybody = server.anybody();
    let mut last = 0;
    for _ in 0..4 {
        let wait = wait_after_failures(&anybody, "chief").await;
        assert!(wait > last, "{wait} after {last}");
        last = wait;
        let right = || anybody.post("/api/session", json!({"name": "chief", "password": PASSWORD}));
        problem(right().await, 429, "too_many_attempts").await;
        clock.forward(wait);
    }
    anybody.sign_in("chief", PASSWORD).await;
    problem(guess(&anybody, "chief").await, 401, "wrong_credentials").await;
    anybody.sign_in("chief", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_shut_somebody_else_out() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let admin = server.first_admin().await;
    server.account(&admin, "an", json!({"role": "planner"})).await;
    let attacker = server.anybody().at_address(66);
    wait_after_failures(&attacker, "an").await;
    wait_after_failures(&attacker, "chief").await;
    server.anybody().sign_in("an", PASSWORD).await;
    server.anybody().sign_in("chief", PASSWORD).await;
    // From the attacker's own address too, whoever came in there before still does.
    let office = server.anybody().at_address(67);
    let colleague = office.sign_in("an", PASSWORD).await;
    for n in 0..40 {
        guess(&office, &format!("name-{n}")).await;
    }
    problem(guess(&office, "one-more").await, 429, "too_many_attempts").await;
    assert_eq!(colleague.get("/api/collections").await.status(), StatusCode::OK);
    office.sign_in("an", PASSWORD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_has_is_answered_as_a_wrong_password() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    server.first_admin().await;
    let anybody = server.anybody();
    let mut bodies = Vec::new();
    for name in ["chief", "nobody", "", "ch\u{0}ief"] {
        let response = guess(&anybody, name).await;
        assert!(response.headers().get("set-cookie").is_none());
        bodies.push(problem(response, 401, "wrong_credentials").await);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    let long = json!({"name": "x".repeat(10_000), "password": "y".repeat(100_000)});
    problem(anybody.post("/api/session", long).await, 401, "wrong_credentials").await;
    for body in [json!({"name": "chief"}), json!({"password": PASSWORD}), json!({})] {
        problem(anybody.post("/api/session", body).await, 422, "missing_field").await;
    }
    problem(anybody.post("/api/session", json!({"actor": "admin"})).await, 422, "invalid_value").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_is_idle_or_old() {
    let clock = Arc::new(MovedClock::default());
    let server = Server::with_accounts(Arc::<MovedClock>::clone(&clock)).await;
    let used = server.first_admin().await;
    let idle = server.anybody().sign_in("chief", PASSWORD).await;
    clock.forward(13 * 3_600);
    assert_eq!(used.get("/api/collections").await.status(), StatusCode::OK);
    clock.forward(3 * 3_600);
    assert_eq!(used.get("/api/collections").await.status(), StatusCode::OK);
    problem(idle.get("/api/collections").await, 401, "sign_in_required").await;
    for _ in 0..14 {
        clock.forward(12 * 3_600);
        used.get("/api/session").await;
    }
    problem(used.get("/api/collections").await, 401, "sign_in_required").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn very_many_at_once_are_told_to_wait_and_others_are_answered() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let admin = server.first_admin().await;
    let many = (0..60).map(|n| {
        let caller = server.anybody().at_address(100 + n);
        async move { guess(&caller, "chief").await }
    });
    let answers = futures_util::future::join_all(many).await;
    let busy = answers.iter().filter(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE).count();
    assert!(busy > 0, "the queue has an end");
    assert!(answers.iter().all(|answer| [401, 503].contains(&answer.status().as_u16())));
    let refused = answers.into_iter().find(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE).unwrap();
    assert!(refused.headers().get("retry-after").is_some());
    problem(refused, 503, "too_busy").await;
    assert_eq!(admin.get("/api/nearby?lon=103&lat=22").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    server.first_admin().await;
    let response = server.anybody().post("/api/session", json!({"name": "chief", "password": PASSWORD})).await;
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    for word in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "plain HTTP on loopback: {cookie}");
    let secret = cookie.split(['=', ';']).nth(1).unwrap();
    assert!(!response.text().await.unwrap().contains(secret), "the body does not tell it");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_the_address_and_the_scheme_are_those_it_tells() {
    let server = Server::behind_proxy().await;
    let admin = server.first_admin().await;
    let anybody = server.anybody();
    let call = |password: &str, from: &str| {
        let request = anybody.ask(Method::POST, "/api/session").header("x-forwarded-proto", "https");
        let request = request.header("x-forwarded-for", format!("1.2.3.4, {from}"));
        request.json(&json!({"name": "chief", "password": password})).send()
    };
    for _ in 0..5 {
        problem(call("ba con vịt xanh", "192.0.2.7").await.unwrap(), 401, "wrong_credentials").await;
    }
    problem(call(PASSWORD, "192.0.2.7").await.unwrap(), 429, "too_many_attempts").await;
    let signed = call(PASSWORD, "192.0.2.8").await.unwrap();
    assert!(signed.headers()["set-cookie"].to_str().unwrap().contains("; Secure"));
    let links = admin.ask(Method::GET, "/api").header("x-forwarded-proto", "https").send().await.unwrap();
    assert!(links.text().await.unwrap().contains("https://"));
}
