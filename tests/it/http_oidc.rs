//! Coming in by a real provider of OpenID Connect: what an account becomes, what it may, who is turned away.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http_feed::Listener;
use crate::http_support::{PASSWORD, Server, client, done, problem};
use crate::oidc_support::{Browser, ProviderProcess, comes_in, section};

async fn server_with_admin(provider: &ProviderProcess) -> (Server, crate::http_support::Caller) {
    let server = Server::with_provider(&section(&provider.issuer)).await;
    let admin = server.first_admin().await;
    (server, admin)
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_comes_in_with_the_rights_that_the_claims_give() {
    let provider = ProviderProcess::real();
    let (server, admin) = server_with_admin(&provider).await;
    assert_eq!(server.anybody().read("/api/session").await["provider"], json!({"name": "Cổng tỉnh"}));
    let (an, session) = comes_in(&server, "an").await;
    let actor = &session["actor"];
    assert_eq!(
        (&actor["name"], &actor["role"], &actor["force"]),
        (&json!("an"), &json!("duty_officer"), &json!("police"))
    );
    assert_eq!(actor["area"]["parts"]["communes"], json!(["03388"]));
    assert_eq!((&actor["label_vi"], &actor["is_external"]), (&json!("Lò Văn An"), &json!(true)));
    an.read("/api/collections").await;
    problem(an.get("/api/accounts").await, 403, "forbidden").await;

    // The same person is the same account; another one of the same name is not.
    comes_in(&server, "an").await;
    let (_, chi) = comes_in(&server, "chi").await;
    assert_eq!((&chi["actor"]["name"], &chi["actor"]["role"]), (&json!("an-2"), &json!("planner")));
    let listed = admin.read("/api/accounts").await;
    let listed = listed["accounts"].as_array().unwrap();
    let external: Vec<&Value> = listed.iter().filter(|account| account["is_external"] == true).collect();
    assert_eq!(external.iter().map(|a| &a["name"]).collect::<Vec<_>>(), ["an", "an-2"]);
    assert!(external.iter().all(|account| account["has_password"] == false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_the_provider_has_no_password_of_ours() {
    let provider = ProviderProcess::real();
    let (server, admin) = server_with_admin(&provider).await;
    let (an, _) = comes_in(&server, "an").await;
    problem(admin.post("/api/accounts/an/reset", json!({})).await, 403, "forbidden").await;
    let must_change = admin.ask(Method::PATCH, "/api/accounts/an").json(&json!({"must_change": true}));
    problem(must_change.send().await.unwrap(), 403, "forbidden").await;
    let call = json!({"current": "whatever it was before", "password": PASSWORD});
    problem(an.ask(Method::PUT, "/api/me/password").json(&call).send().await.unwrap(), 401, "wrong_credentials").await;
    let local = server.anybody().post("/api/session", json!({"name": "an", "password": PASSWORD})).await;
    problem(local, 401, "wrong_credentials").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sign_in_gives_the_rights_anew_and_ends_what_was_open_under_others() {
    let provider = ProviderProcess::real();
    let (server, admin) = server_with_admin(&provider).await;
    let (an, _) = comes_in(&server, "an").await;
    let patch = json!({"role": "commander", "area": "province"});
    let patched = admin.ask(Method::PATCH, "/api/accounts/an").json(&patch).send().await.unwrap();
    assert_eq!(patched.status(), StatusCode::OK);
    let mut feed = Listener::open(&an, "", None).await;
    let (_, session) = comes_in(&server, "an").await;
    assert_eq!(session["actor"]["role"], "duty_officer");
    while feed.next().await.is_some() {}
    assert_eq!(an.read("/api/session").await["actor"]["role"], "duty_officer", "the earlier browser too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_account_stays_out_and_comes_in_when_it_is_enabled() {
    let provider = ProviderProcess::real();
    let (server, admin) = server_with_admin(&provider).await;
    let (an, _) = comes_in(&server, "an").await;
    for (disabled, status) in [(true, StatusCode::FORBIDDEN), (false, StatusCode::OK)] {
        let patch = admin.ask(Method::PATCH, "/api/accounts/an").json(&json!({"disabled": disabled}));
        assert_eq!(patch.send().await.unwrap().status(), StatusCode::OK);
        problem(an.get("/api/collections").await, 401, "sign_in_required").await;
        let response = Browser::of(&server).sign_in("an").await;
        assert_eq!(response.status(), status);
        if disabled {
            assert!(response.headers().get("set-cookie").is_none());
            problem(response, 403, "account_disabled").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_role_is_told_whom_to_ask_and_gets_no_account() {
    let provider = ProviderProcess::real();
    let (server, admin) = server_with_admin(&provider).await;
    for login in ["guest", "nobody"] {
        let refused = problem(Browser::of(&server).sign_in(login).await, 403, "no_role").await;
        for detail in ["detail_vi", "detail_en"] {
            assert!(refused[detail].as_str().unwrap().contains("phòng công nghệ thông tin"), "{refused}");
        }
    }
    assert_eq!(admin.read("/api/accounts").await["accounts"].as_array().unwrap().len(), 1);
    let mut browser = Browser::of(&server);
    let url = browser.begin().await;
    let cancelled = browser.visit(url, None).await;
    problem(browser.end(&cancelled).await, 403, "sign_in_refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_account_is_an_administrator_whichever_way_it_comes() {
    let provider = ProviderProcess::real();
    let server = Server::with_provider(&section(&provider.issuer)).await;
    problem(Browser::of(&server).sign_in("an").await, 403, "forbidden").await;
    assert!(server.folder().join("setup-link.txt").exists());
    let (binh, _) = comes_in(&server, "binh").await;
    assert_eq!(binh.read("/api/accounts").await["accounts"].as_array().unwrap().len(), 1);
    assert!(!server.folder().join("setup-link.txt").exists());
    comes_in(&server, "an").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_ends_once_in_the_browser_that_began_it() {
    let provider = ProviderProcess::real();
    let (server, _) = server_with_admin(&provider).await;
    let mut browser = Browser::of(&server);
    let url = browser.begin().await;
    for word in ["response_type=code", "code_challenge_method=S256", "nonce=", "state="] {
        assert!(url.as_str().contains(word), "{url}");
    }
    let cookies = browser.cookies();
    let mut back = browser.visit(url, Some("an")).await;

    // Somebody else's browser: no cookie, or that of a sign-in of its own.
    let mut other = Browser::at_address(&server, 9);
    problem(other.end(&back).await, 401, "sign_in_failed").await;
    let other_url = other.begin().await;
    problem(other.end(&back).await, 401, "sign_in_failed").await;
    // The code of one sign-in in another: the provider does not take it without the secret of PKCE.
    let mut mixed = other.visit(other_url, Some("chi")).await;
    mixed.insert("code".to_owned(), back["code"].clone());
    problem(other.end(&mixed).await, 401, "sign_in_failed").await;

    for (name, wrong) in [("state", ""), ("state", "0000"), ("iss", "https://id.somewhere.example"), ("code", "")] {
        let mut changed = back.clone();
        changed.insert(name.to_owned(), wrong.to_owned());
        let mut stranger = Browser::at_address(&server, 10);
        stranger.set_cookies(if name == "code" { [].into() } else { cookies.clone() });
        problem(stranger.end(&changed).await, 401, "sign_in_failed").await;
    }
    // A code that was shown to the provider is used up, so a whole sign-in comes anew.
    let url = browser.begin().await;
    let cookies = browser.cookies();
    back = browser.visit(url, None).await;
    assert!(back.contains_key("code"), "still signed in there: {back:?}");
    let ended = browser.end(&back).await;
    let kept: Vec<_> = ended.headers().get_all("set-cookie").iter().map(|c| c.to_str().unwrap().to_owned()).collect();
    assert!(kept[0].starts_with("trucban_session=") && kept[1].starts_with("trucban_oidc=;"), "{kept:?}");
    done(ended, StatusCode::OK).await;
    problem(browser.end(&back).await, 401, "sign_in_failed").await;
    browser.set_cookies(cookies);
    problem(browser.end(&back).await, 401, "sign_in_failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_site_can_neither_begin_nor_end_a_sign_in() {
    let provider = ProviderProcess::real();
    let (server, _) = server_with_admin(&provider).await;
    for path in ["/api/oidc/start", "/api/oidc/finish"] {
        let call = server.anybody().ask(Method::POST, path).header("sec-fetch-site", "cross-site");
        problem(call.json(&json!({"state": "x"})).send().await.unwrap(), 403, "forbidden").await;
    }
    let without = Server::with_accounts(std::sync::Arc::new(trucban::desk::SystemClock)).await;
    without.first_admin().await;
    assert_eq!(without.anybody().read("/api/session").await["provider"], Value::Null);
    for path in ["/api/oidc/start", "/api/oidc/finish"] {
        problem(without.anybody().post(path, json!({"state": "x"})).await, 404, "not_found").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_leads_to_the_sign_out_of_the_provider() {
    let provider = ProviderProcess::real();
    let (server, admin) = server_with_admin(&provider).await;
    let (an, _) = comes_in(&server, "an").await;
    let out = done(an.ask(Method::DELETE, "/api/session").send().await.unwrap(), StatusCode::OK).await;
    let url = out["sign_out_url"].as_str().unwrap();
    assert!(url.starts_with(&provider.issuer) && url.contains("client_id=trucban"), "{url}");
    let page = client().get(url).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK, "the provider takes it");
    problem(an.get("/api/collections").await, 401, "sign_in_required").await;
    let out = done(admin.ask(Method::DELETE, "/api/session").send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(out["sign_out_url"], Value::Null, "an account of ours signs out here alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_provider_the_server_starts_and_its_own_accounts_come_in() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Server::with_provider(&section(&format!("http://127.0.0.1:{port}"))).await;
    let admin = server.first_admin().await;
    let mut browser = Browser::of(&server);
    let away = problem(browser.call("/api/oidc/start", json!({})).await, 503, "provider_unavailable").await;
    assert!(away["detail_vi"].as_str().unwrap().contains("Cổng tỉnh"));
    admin.read("/api/collections").await;
    server.anybody().sign_in("chief", PASSWORD).await;

    let provider = ProviderProcess::real_at(port);
    let mut begun = browser.call("/api/oidc/start", json!({})).await;
    for _ in 0..100 {
        if begun.status() == StatusCode::OK {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        begun = browser.call("/api/oidc/start", json!({})).await;
    }
    done(begun, StatusCode::OK).await;
    let url = browser.begin().await;
    let back = browser.visit(url, Some("an")).await;
    drop(provider);
    problem(browser.end(&back).await, 503, "provider_unavailable").await;
    admin.read("/api/collections").await;
}
