//! `trucban serve` as its own process: what it prints, what it refuses, how it stops.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http_support::client;
use crate::serve_support::{launch, ready, refused, serve, serve_anywhere, stop};
use crate::store_support::Folder;

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_keeps_its_tokens_and_its_folder_stays_a_demo() {
    let folder = Folder::new();
    let mut process = launch(serve_anywhere(&["--demo"], folder.path()));
    ready(&process).await;
    let file = folder.path().join("demo-tokens.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let tokens: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let names: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "admin",
            "border_officer",
            "commander",
            "duty_officer",
            "field_unit",
            "local_authority",
            "observer",
            "planner",
            "relief_officer",
            "tip_handler"
        ]
    );
    let feed = client()
        .get(format!("{}/api/feed", process.base))
        .bearer_auth(tokens["planner"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    let started = Instant::now();
    let log = stop(&mut process);
    assert!(started.elapsed() < Duration::from_secs(8), "an open feed held the stop up");
    assert!(log.contains("stopped") && !log.contains("ERROR"), "{log}");
    drop(feed);

    let said = refused(serve(&["--no-accounts", "--listen", "127.0.0.1:0"], folder.path()));
    assert!(said.contains("--demo"), "{said}");
    let again = launch(serve_anywhere(&["--demo"], folder.path()));
    ready(&again).await;
    assert_eq!(serde_json::from_slice::<Value>(&std::fs::read(&file).unwrap()).unwrap(), tokens);
    let said = refused(serve(&["--demo", "--listen", "127.0.0.1:0"], folder.path()));
    assert!(said.contains(&again.base) || said.contains(&again.child.id().to_string()), "names the holder: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_folder_gets_the_ground_and_nothing_invented() {
    let folder = Folder::new();
    let process = launch(serve_anywhere(&["--no-accounts"], folder.path()));
    ready(&process).await;
    for (collection, holds) in [
        ("admin_units", true),
        ("roads", true),
        ("stations", true),
        ("units", false),
        ("households", false),
        ("risk_zones", false),
    ] {
        let page =
            client().get(format!("{}/api/collections/{collection}/items?limit=1", process.base)).send().await.unwrap();
        let page: Value = page.json().await.unwrap();
        assert_eq!(page["numberMatched"].as_u64().unwrap() > 0, holds, "{collection}");
    }
}

#[test]
fn other_addresses_and_unknown_settings_are_refused() {
    let folder = Folder::new();
    for (arguments, word) in [
        (&["--listen", "0.0.0.0:8080"][..], "--tls"),
        (&["--listen", "0.0.0.0:8080"], "--behind-proxy"),
        (&["--tls", "self", "--listen", "0.0.0.0:8080"], "--host"),
        (&["--no-accounts", "--tls", "self", "--host", "truc.laichau", "--listen", "0.0.0.0:8080"], "--no-accounts"),
        (&["--tls", "cert.pem"], "CERT.pem,KEY.pem"),
        (&["--tls", "/absent/cert.pem,/absent/key.pem"], "/absent/cert.pem"),
        (&["--demo", "--listen", "0.0.0.0:8080"], "--behind-proxy"),
        (&["--no-accounts", "--behind-proxy", "--listen", "0.0.0.0:8080"], "--no-accounts"),
        (&["--no-accounts", "--demo"], "--no-accounts"),
    ] {
        let said = refused(serve(arguments, folder.path()));
        assert!(said.contains(word), "{arguments:?}: {said}");
    }
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "colour = \"red\"\n").unwrap();
    let said = refused(serve(&["--config", config.to_str().unwrap()], folder.path()));
    assert!(said.contains("colour"), "{said}");
    for people in [0, 100_000] {
        std::fs::write(&config, format!("[audit]\npeople_an_hour_max = {people}\n")).unwrap();
        let said = refused(serve(&["--config", config.to_str().unwrap()], folder.path()));
        assert!(said.contains("audit.people_an_hour_max"), "{said}");
    }
}

#[test]
fn a_claims_map_that_names_what_is_not_there_is_refused_with_its_rule() {
    let folder = Folder::new();
    let config = folder.path().join("config.toml");
    let refused_with = |rule: &str| {
        let section = format!(
            "[oidc]\nname = \"Cổng tỉnh\"\nissuer = \"http://127.0.0.1:1\"\nclient_id = \"trucban\"\n\
             role_claim = \"groups\"\n[[oidc.map]]\nvalue = \"chi-huy\"\nrole = \"commander\"\n\
             [[oidc.map]]\nvalue = \"truc-xa\"\n{rule}\n"
        );
        std::fs::write(&config, section).unwrap();
        let data = folder.path().join("data");
        refused(serve(&["--config", config.to_str().unwrap(), "--listen", "127.0.0.1:0"], &data))
    };
    for (rule, words) in [
        ("role = \"duty_oficer\"", ["config.toml", "role", "\"duty_oficer\"", "duty_officer, planner"]),
        ("role = \"system\"", ["config.toml", "role", "\"system\"", "duty_officer, planner"]),
        ("role = \"planner\"\nforce = \"polis\"", ["config.toml", "force", "\"polis\"", "police, military"]),
        ("role = \"planner\"\nareas = [\"03388\", \"99999\"]", ["areas", "\"99999\"", "commune", "xã"]),
        ("role = \"planner\"\nareas = [\"\"]", ["areas", "\"\"", "commune", "xã"]),
        (
            "role = \"planner\"\nareas = [\"019a4b2c-0000-7000-8000-000000000001\"]",
            ["areas", "019a4b2c-0000-7000-8000-000000000001", "border sector", "biên giới"],
        ),
    ] {
        let said = refused_with(rule);
        for word in words.into_iter().chain(["[oidc] map \"truc-xa\""]) {
            assert!(said.contains(word), "{rule}: {word} is not in {said}");
        }
    }
}
