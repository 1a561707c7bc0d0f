//! The headers that keep browsers from making of an answer what it is not, on whatever is answered.

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::http_support::{Caller, Server};

/// Pages and files beside the API.
const PAGES: [&str; 9] =
    ["/", "/duty", "/field", "/enrol", "/setup", "/icon.svg", "/api/docs", "/api/docs/reader.js", "/nowhere"];

fn said<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

fn check(what: &str, response: &Response) {
    let headers = response.headers();
    let (media, policy) = (said(headers, "content-type"), said(headers, "content-security-policy"));
    assert_eq!(said(headers, "x-content-type-options"), "nosniff", "{what}");
    assert_eq!(said(headers, "cross-origin-resource-policy"), "same-origin", "{what}");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    if media.starts_with("text/html") {
        assert_eq!(said(headers, "referrer-policy"), "no-referrer", "{what}");
        assert_eq!(said(headers, "cross-origin-opener-policy"), "same-origin", "{what}");
        assert!(said(headers, "permissions-policy").contains("geolocation=(self)"), "{what}");
    } else if !media.starts_with("text/javascript") {
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'", "{what}: {media}");
    }
    assert_eq!(said(headers, "strict-transport-security"), "", "{what}: not without TLS");
    assert_eq!(said(headers, "access-control-allow-origin"), "", "{what}: no other site reads it");
    assert_eq!(said(headers, "server"), "", "{what}");
}

/// Every route of the document with something in the place of its parameters.
fn routes() -> Vec<(Method, String)> {
    let document = trucban::http::openapi_document();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let mut filled = String::new();
        for part in path.split_inclusive('}') {
            let (before, name) = part.split_once('{').unwrap_or((part, ""));
            filled.push_str(before);
            filled.push_str(match name {
                "" => "",
                "collection}" => "stations",
                _ => "0",
            });
        }
        for method in item.as_object().unwrap().keys() {
            if let Ok(method) = method.to_uppercase().parse::<Method>()
                && ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str())
            {
                routes.push((method, filled.clone()));
            }
        }
    }
    routes
}

async fn ask(caller: &Caller, method: &Method, path: &str) -> Response {
    let request = caller.ask(method.clone(), path);
    let request = if *method == Method::GET { request } else { request.json(&json!({"nothing": Value::Null})) };
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_with_the_safety_headers_whoever_asks() {
    let server = Server::demo().await;
    let routes = routes();
    assert!(routes.len() > 50, "{}", routes.len());
    for caller in [server.anybody(), server.actor("duty_officer"), server.actor("admin")] {
        for (method, path) in &routes {
            let response = ask(&caller, method, path).await;
            check(&format!("{method} {path} → {}", response.status()), &response);
        }
        for path in PAGES {
            check(path, &caller.get(path).await);
        }
    }
    let foreign = server.anybody().ask(Method::GET, "/duty").header("host", "evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    check("another host", &foreign);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_its_word_decides_on_secure_cookies_and_strict_transport() {
    let server = Server::behind_proxy().await;
    let chief = server.first_admin().await;
    assert_eq!(chief.read("/api/session").await["actor"]["name"], "chief");
    let call = |proto: &'static str| {
        let call = server.anybody().ask(Method::POST, "/api/session").header("x-forwarded-proto", proto);
        call.json(&json!({"name": "chief", "password": crate::http_support::PASSWORD})).send()
    };
    let (plain, secure) = (call("http").await.unwrap(), call("https").await.unwrap());
    let cookie = |response: &Response| said(response.headers(), "set-cookie").to_owned();
    assert!(cookie(&plain).starts_with("trucban_session=") && !cookie(&plain).contains("Secure"), "{}", cookie(&plain));
    let given = cookie(&secure);
    assert!(given.starts_with("__Host-trucban_session=") && given.contains("; Secure"), "{given}");
    assert!(given.contains("; Path=/;") && given.contains("HttpOnly") && given.contains("SameSite=Strict"), "{given}");
    assert!(!given.to_lowercase().contains("domain"), "{given}");
    // A cookie that came in clear may be somebody else's work: under TLS it does not count, nor the other way round.
    for (response, proto, lets_in) in
        [(&secure, "https", true), (&secure, "http", false), (&plain, "http", true), (&plain, "https", false)]
    {
        let browser = server.anybody().browser_after(response);
        let asked = browser.ask(Method::GET, "/api/session").header("x-forwarded-proto", proto).send().await.unwrap();
        let session: Value = asked.json().await.unwrap();
        assert_eq!(session["actor"].is_object(), lets_in, "{proto}: {session}");
    }
}
