//! How often something may be asked: devices and large pages are counted, people who ask who is nearest are not.

use std::num::NonZeroU32;

use reqwest::{Response, StatusCode};
use serde_json::json;
use trucban::http::Limits;

use crate::http_support::{Caller, PASSWORD, Server, done, problem};

const NEARBY: &str = "/api/nearby?lon=103&lat=22&radius_m=5000&limit=10";

async fn device(server: &Server) -> Caller {
    let call = json!({"label": "x", "account": "field_unit"});
    let given = done(server.actor("admin").post("/api/devices", call).await, StatusCode::CREATED).await;
    let call = json!({"code": given["code"]});
    let enrolled = done(server.anybody().post("/api/devices/enrol", call).await, StatusCode::CREATED).await;
    server.anybody().with_token(enrolled["token"].as_str().unwrap())
}

fn retry_after_s(response: &Response) -> u64 {
    response.headers()["retry-after"].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_runs_wild_is_told_when_to_come_again_and_nobody_else_is() {
    let per_minute = NonZeroU32::new(6).unwrap();
    let server = Server::limited(Limits { device_requests_per_minute: per_minute, ..Limits::default() }).await;
    let (wild, calm) = (device(&server).await, device(&server).await);
    for _ in 0..6 {
        wild.read(NEARBY).await;
    }
    let refused = wild.get(NEARBY).await;
    let wait_s = retry_after_s(&refused);
    assert!((1..=10).contains(&wait_s), "one comes back every ten seconds: {wait_s}");
    let told = problem(refused, 429, "too_many_requests").await;
    assert_eq!(told["retry_after_s"], wait_s);
    problem(wild.post("/api/incidents", json!({})).await, 429, "too_many_requests").await;
    calm.read(NEARBY).await;
    let officer = server.actor("duty_officer");
    for _ in 0..300 {
        officer.read(NEARBY).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_pages_have_a_budget_and_small_ones_have_none() {
    let per_minute = NonZeroU32::new(2).unwrap();
    let server = Server::limited(Limits { large_pages_per_minute: per_minute, ..Limits::default() }).await;
    let planner = server.actor("planner");
    let page = |limit: u32| format!("/api/collections/households/items?limit={limit}");
    for _ in 0..2 {
        planner.read(&page(10_000)).await;
    }
    let refused = planner.get(&page(1_001)).await;
    assert!((1..=30).contains(&retry_after_s(&refused)));
    problem(refused, 429, "too_many_requests").await;
    for _ in 0..20 {
        planner.read(&page(1_000)).await;
    }
    server.actor("duty_officer").read(&page(10_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_says_how_many_sign_ins_may_fail() {
    let server = Server::limited(Limits { sign_in_failures: 2, ..Limits::default() }).await;
    let try_it = |password: &'static str| {
        let anybody = server.anybody();
        async move { anybody.post("/api/session", json!({"name": "nobody", "password": password})).await }
    };
    for _ in 0..2 {
        problem(try_it("sai").await, 401, "wrong_credentials").await;
    }
    let refused = try_it(PASSWORD).await;
    assert_eq!(retry_after_s(&refused), 5);
    problem(refused, 429, "too_many_attempts").await;
}

#[test]
fn limits_are_read_from_the_configuration_and_nothing_else_is() {
    let read = |text: &str| toml::from_str::<Limits>(text);
    let limits = read("device_requests_per_minute = 60\nsign_in_wait_s_max = 10").unwrap();
    assert_eq!((limits.device_requests_per_minute.get(), limits.sign_in_wait_s_max), (60, 10));
    assert_eq!(limits.large_pages_per_minute, Limits::default().large_pages_per_minute);
    for wrong in ["device_requests_per_minute = 0", "large_pages_per_minute = -1", "requests = 5"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
