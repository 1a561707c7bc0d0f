//! `trucban serve --tls`: with an authority of the folder's own, and with files of somebody else.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use reqwest::{Certificate, Client, StatusCode};
use serde_json::{Value, json};

use crate::http_support::{Caller, PASSWORD, client, client_builder, code_of, done};
use crate::serve_support::{Process, launch, ready_for, serve_anywhere, stop};
use crate::store_support::Folder;

/// Longest that anything is waited for; only against a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client that believes these certificates alone.
fn believing(pem: &[u8]) -> Client {
    client_builder().tls_certs_only([Certificate::from_pem(pem).unwrap()]).build().unwrap()
}

fn authority(folder: &Folder) -> Vec<u8> {
    fs::read(folder.path().join("tls/ca.pem")).unwrap()
}

fn address(process: &Process) -> &str {
    process.base.strip_prefix("https://").unwrap()
}

/// What a server answers to bytes that are no TLS.
fn in_clear(process: &Process, request: &str) -> Vec<u8> {
    let mut connection = TcpStream::connect(address(process)).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    answer
}

async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let begin = Instant::now();
    while !holds().await {
        assert!(begin.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_of_the_folder_is_made_once_and_its_certificate_is_believed() {
    let folder = Folder::new();
    let mut process = launch(serve_anywhere(&["--demo", "--tls", "self"], folder.path()));
    assert!(process.base.starts_with("https://"), "{}", process.base);
    let pem = authority(&folder);
    let believer = believing(&pem);
    ready_for(&process, &believer).await;
    let mode = fs::metadata(folder.path().join("tls/authority.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(client().get(&process.base).send().await.is_err(), "who does not believe it does not connect");

    let fetched = believer.get(format!("{}/ca.crt", process.base)).send().await.unwrap();
    assert_eq!(fetched.headers()["content-type"], "application/x-x509-ca-cert");
    let der = fetched.bytes().await.unwrap();
    assert_eq!(believing_der(&der).get(&process.base).send().await.unwrap().status(), StatusCode::OK);
    let plain = in_clear(&process, "GET /ca.crt HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(plain.starts_with(b"HTTP/1.1 200 OK\r\n") && plain.ends_with(&der), "a telephone gets it before it has it");

    let tokens: Value = serde_json::from_slice(&fs::read(folder.path().join("demo-tokens.json")).unwrap()).unwrap();
    let officer = Caller::new(&process.base, believer.clone()).with_token(tokens["admin"].as_str().unwrap());
    let call = json!({"label": "x", "account": "field_unit"});
    let given = done(officer.post("/api/devices", call).await, StatusCode::CREATED).await;
    let offer = &given["authority"];
    assert!(given["url"].as_str().unwrap().starts_with("https://"), "{given}");
    assert_eq!(offer["url"], format!("http://{}/ca.crt", address(&process)));
    assert!(offer["qr_svg"].as_str().unwrap().starts_with("<?xml"), "{offer}");
    assert_eq!(offer["fingerprint"].as_str().unwrap().len(), 32 * 3 - 1);

    for (program, mut command) in peers(&process, &folder) {
        match command.output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                assert!(output.status.success() && said.contains("VERIFIED"), "{program}: {said}");
            }
            Err(_) => println!("SKIPPED: {program} is not installed and was not tried"),
        }
    }

    let log = stop(&mut process);
    assert!(log.contains("an authority for certificates was made") && !log.contains("ERROR"), "{log}");
    let again = launch(serve_anywhere(&["--demo", "--tls", "self"], folder.path()));
    ready_for(&again, &believer).await;
    assert_eq!(authority(&folder), pem, "telephones need not install it again");
}

fn believing_der(der: &[u8]) -> Client {
    client_builder().tls_certs_only([Certificate::from_der(der).unwrap()]).build().unwrap()
}

/// Other programs that connect and say VERIFIED.
fn peers(process: &Process, folder: &Folder) -> Vec<(&'static str, Command)> {
    let (address, ca) = (address(process).to_owned(), folder.path().join("tls/ca.pem"));
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--noproxy", "*", "--output", "/dev/null", "--write-out"]);
    curl.args(["VERIFIED %{http_code}", "--cacert"]).arg(&ca).arg(format!("https://{address}/health/live"));
    let mut openssl = Command::new("sh");
    let script = "openssl s_client -connect \"$1\" -CAfile \"$2\" -verify_ip 127.0.0.1 -verify_return_error \
                  </dev/null 2>&1 | sed 's/^Verify return code: 0 (ok)/VERIFIED/; s/^Verification: OK/VERIFIED/'";
    openssl.args(["-c", script, "sh", &address]).arg(&ca);
    let mut python = Command::new("python3");
    let script = "import socket, ssl, sys\n\
                  host, port = sys.argv[1].split(':')\n\
                  context = ssl.create_default_context(cafile=sys.argv[2])\n\
                  with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host) as it:\n    \
                      print('VERIFIED', it.version())";
    python.args(["-c", script, &address]).arg(&ca);
    vec![("curl", curl), ("openssl", openssl), ("python3", python)]
}

/// A certificate that is its own authority, and its key, as files.
struct Pair {
    chain: String,
    key: String,
}

impl Pair {
    fn new() -> Self {
        let CertifiedKey::<KeyPair> { cert, signing_key } =
            generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        Self { chain: cert.pem(), key: signing_key.serialize_pem() }
    }

    async fn is_shown_by(&self, process: &Process) -> bool {
        believing(self.chain.as_bytes()).get(format!("{}/health/live", process.base)).send().await.is_ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_files_are_read_again_without_a_restart_and_bad_ones_change_nothing() {
    let folder = Folder::new();
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    let (first, second) = (Pair::new(), Pair::new());
    fs::write(at("cert.pem"), &first.chain).unwrap();
    fs::write(at("key.pem"), &first.key).unwrap();
    let files = format!("{},{}", at("cert.pem").display(), at("key.pem").display());
    let config = at("trucban.toml");
    fs::write(&config, format!("tls = {files:?}\n")).unwrap();
    let mut command = serve_anywhere(&["--demo", "--config", config.to_str().unwrap()], &at("data"));
    command.stderr(File::create(at("log")).unwrap());
    let process = launch(command);
    assert!(first.is_shown_by(&process).await && !second.is_shown_by(&process).await);
    assert_eq!(in_clear(&process, "GET /ca.crt HTTP/1.1\r\n\r\n")[..12], *b"HTTP/1.1 400");

    for (bad, word) in [("nothing at all", "no certificate"), (&*second.chain, "are no pair")] {
        fs::write(at("cert.pem"), bad).unwrap();
        until(word, || async { fs::read_to_string(at("log")).unwrap().contains(word) }).await;
        assert!(first.is_shown_by(&process).await, "the old one stays");
    }
    fs::write(at("key.pem"), &second.key).unwrap();
    until("the new certificate", || second.is_shown_by(&process)).await;
    assert!(!first.is_shown_by(&process).await);
    let log = fs::read_to_string(at("log")).unwrap();
    assert_eq!(log.matches("is no good").count(), 2, "each is told once: {log}");
    assert!(!log.contains("PRIVATE KEY"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_speaks_in_clear_or_says_nothing_is_answered_or_cut_and_holds_nobody_up() {
    let folder = Folder::new();
    let process = launch(serve_anywhere(&["--demo", "--tls", "self"], folder.path()));
    let mut silent: Vec<TcpStream> = (0..50).map(|_| TcpStream::connect(address(&process)).unwrap()).collect();
    for half in &mut silent[..25] {
        half.write_all(&[0x16, 3, 1]).unwrap();
    }
    let believer = believing(&authority(&folder));
    ready_for(&process, &believer).await;
    for request in [
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET /ca.crtificate HTTP/1.1\r\n\r\n",
        "POST /api/session HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer abc\r\n\r\n",
    ] {
        let answer = String::from_utf8(in_clear(&process, request)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"), "{answer}");
        assert!(answer.contains("mã hoá") && answer.contains("encrypted") && !answer.contains("abc"), "{answer}");
    }
    for mut one in silent {
        one.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(one.read(&mut [0; 64]), Ok(0) | Err(_)), "a handshake that does not come is given up");
    }
    assert_eq!(believer.get(format!("{}/health/live", process.base)).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_to_come_encrypted_and_keep_a_cookie_of_this_host_alone() {
    let folder = Folder::new();
    let process = launch(serve_anywhere(&["--demo", "--tls", "self", "--host", "truc.laichau"], folder.path()));
    let port: u16 = address(&process).rsplit(':').next().unwrap().parse().unwrap();
    let ca = Certificate::from_pem(&authority(&folder)).unwrap();
    let by_name = client_builder().tls_certs_only([ca]).resolve("truc.laichau", ([127, 0, 0, 1], port).into());
    let by_name = by_name.build().unwrap();
    ready_for(&process, &by_name).await;
    let base = format!("https://truc.laichau:{port}");
    for path in ["/duty", "/api/session", "/api/collections", "/nowhere", "/icon.svg"] {
        let answer = by_name.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000", "{path}");
    }
    let loopback = by_name.get(format!("{}/duty", process.base)).send().await.unwrap();
    assert!(!loopback.headers().contains_key("strict-transport-security"), "nothing is remembered of this machine");
    let browser = Caller::new(&base, by_name);
    let came_in = browser.post("/api/session", json!({"actor": "duty_officer"})).await;
    let cookie = came_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-trucban_session=") && cookie.contains("; Secure"), "{cookie}");
    let browser = browser.browser_after(&came_in);
    assert_eq!(browser.read("/api").await["links"][0]["href"], format!("{base}/api"));
    browser.read("/api/collections").await;
    let plain_name = format!("trucban_session={}", browser.secret());
    let refused = Caller::new(&base, believing_named(&folder, port)).ask(reqwest::Method::GET, "/api/collections");
    let refused = refused.header("cookie", plain_name).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "a cookie under the other name is nobody's");
}

fn believing_named(folder: &Folder, port: u16) -> Client {
    let ca = Certificate::from_pem(&authority(folder)).unwrap();
    let named = client_builder().tls_certs_only([ca]).resolve("truc.laichau", ([127, 0, 0, 1], port).into());
    named.build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_goes_through_a_server_that_speaks_https() {
    let folder = Folder::new();
    let process = launch(serve_anywhere(&["--demo", "--tls", "self"], folder.path()));
    ready_for(&process, &believing(&authority(&folder))).await;
    let file = folder.path().join("stations.geojson");
    let station = json!({"type": "Feature", "geometry": {"type": "Point", "coordinates": [103.1, 22.3]},
                         "properties": {"name": "Đồn thử", "kind": "border_post", "force": "border_guard"}});
    fs::write(&file, json!({"type": "FeatureCollection", "features": [station]}).to_string()).unwrap();
    let mut import = Command::new(env!("CARGO_BIN_EXE_trucban"));
    import.arg("import").arg(&file).args(["--collection", "stations", "--dry-run", "--data"]).arg(folder.path());
    let output = import.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(said.contains("rows: 1"), "{said}");
}

/// All that a server printed and logged, both apart.
fn heard(folder: &Path) -> (String, String) {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    (read("printed"), read("log"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_link_is_printed_once_and_no_secret_comes_into_the_log() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let mut command = serve_anywhere(&["--tls", "self"], &data);
    command.env("TRUCBAN_LOG", "trace").stderr(File::create(folder.path().join("log")).unwrap());
    command.stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let process = Process { child, base: first.strip_prefix("listening on ").unwrap().to_owned() };
    let second = lines.next().unwrap();
    fs::write(folder.path().join("printed"), format!("{first}\n{second}\n")).unwrap();
    let link = fs::read_to_string(data.join("setup-link.txt")).unwrap();
    assert!(second.ends_with(link.trim()) && link.starts_with(&process.base), "{second}");

    let believer = believing(&fs::read(data.join("tls/ca.pem")).unwrap());
    ready_for(&process, &believer).await;
    let anybody = Caller::new(&process.base, believer);
    let setup = code_of(&link);
    let call = json!({"code": setup, "name": "chief", "password": PASSWORD});
    done(anybody.post("/api/setup", call).await, StatusCode::CREATED).await;
    let chief = anybody.sign_in("chief", PASSWORD).await;
    let made = done(chief.post("/api/me/tokens", json!({"label": "x"})).await, StatusCode::CREATED).await;
    let token = made["token"].as_str().unwrap();
    anybody.with_token(token).read("/api/collections").await;
    let guard = json!({"name": "guard", "role": "field_unit"});
    let guard = done(chief.post("/api/accounts", guard).await, StatusCode::CREATED).await;
    let code =
        done(chief.post("/api/devices", json!({"label": "x", "account": "guard"})).await, StatusCode::CREATED).await;
    let enrolled =
        done(anybody.post("/api/devices/enrol", json!({"code": code["code"]})).await, StatusCode::CREATED).await;
    let device = enrolled["token"].as_str().unwrap();
    anybody.with_token(device).read("/api/collections").await;
    let guess = "mật khẩu đoán mò của kẻ lạ";
    anybody.post("/api/session", json!({"name": "chief", "password": guess})).await;
    let key = fs::read_to_string(data.join("tls/authority.pem")).unwrap();
    drop(process);

    let (printed, log) = heard(folder.path());
    assert!(log.contains("TRACE"), "the log was written in full");
    let password_link = code_of(guard["link"].as_str().unwrap());
    for secret in [
        &setup,
        PASSWORD,
        guess,
        chief.secret(),
        token,
        code["code"].as_str().unwrap(),
        device,
        &password_link,
        "argon2id",
        "PRIVATE KEY",
        key.lines().nth(1).unwrap(),
    ] {
        assert!(!secret.is_empty() && !log.contains(secret), "{secret} stands in the log");
    }
    assert_eq!(printed.matches(&setup).count(), 1);
}
