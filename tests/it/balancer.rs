//! The balancer of docs/examples/haproxy.cfg before two nodes on one database: a node dies and nobody notices, a feed
//! goes on where it was, and one reads through it what one has just written.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http_feed::Listener;
use crate::http_support::{Caller, client, client_builder, done, id};
use crate::postgres_support::TestDatabase;
use crate::runbook;
use crate::serve_support::{Process, launch, ready, serve};
use crate::store_support::Folder;

/// Longest that something may take; only against a test that hangs.
const AT_MOST: Duration = Duration::from_secs(60);
/// The name that the balancer's certificate is for.
const NAME: &str = "localhost";
const SHELTERS: &str = "/api/collections/shelters/items";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

struct Balancer {
    child: Child,
    base: String,
    /// Where it is asked in clear.
    plain: String,
    certificate: String,
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Balancer {
    /// The example with other addresses; `None`, loudly, where it is not installed.
    fn before(nodes: [u16; 2], folder: &Path) -> Option<Self> {
        let (plain, encrypted) = (free_port(), free_port());
        let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let pem = folder.join("trucban.pem");
        std::fs::write(&pem, cert.pem() + &signing_key.serialize_pem()).unwrap();
        let mut text = runbook::example("haproxy.cfg");
        if !rustix::process::getuid().is_root() {
            text = text.replace("    user haproxy\n    group haproxy\n", "");
        }
        for (there, here) in [
            ("bind :80\n", format!("bind 127.0.0.1:{plain}\n")),
            ("bind :443 ", format!("bind 127.0.0.1:{encrypted} ")),
            ("/etc/haproxy/trucban.pem", pem.display().to_string()),
            ("10.0.0.21:8080", format!("127.0.0.1:{}", nodes[0])),
            ("10.0.0.22:8080", format!("127.0.0.1:{}", nodes[1])),
            ("Host trucban.example", "Host 127.0.0.1".to_owned()),
        ] {
            assert_eq!(text.matches(there).count(), 1, "{there}");
            text = text.replace(there, &here);
        }
        let file = folder.join("haproxy.cfg");
        std::fs::write(&file, text).unwrap();
        let log = std::fs::File::create(folder.join("haproxy.log")).unwrap();
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        match command.spawn() {
            Ok(child) => Some(Self {
                child,
                base: format!("https://{NAME}:{encrypted}"),
                plain: format!("http://127.0.0.1:{plain}/"),
                certificate: cert.pem(),
            }),
            Err(error) => {
                println!("SKIPPED: haproxy is not installed ({error}): apt-get install haproxy");
                None
            }
        }
    }

    fn client(&self) -> reqwest::Client {
        let certificate = reqwest::Certificate::from_pem(self.certificate.as_bytes()).unwrap();
        client_builder().tls_certs_only([certificate]).build().unwrap()
    }

    fn caller(&self) -> Caller {
        Caller::new(&self.base, self.client())
    }
}

fn node(database: &TestDatabase, folder: &Path, port: u16) -> Process {
    let listen = format!("127.0.0.1:{port}");
    let arguments = ["--no-accounts", "--behind-proxy", "--database", &database.url(), "--listen", &listen];
    let mut command = serve(&arguments, folder);
    command.stderr(Stdio::null());
    launch(command)
}

fn shelter(name: &str) -> Value {
    let geometry = json!({"type": "Point", "coordinates": [103.1, 22.4]});
    json!({"geometry": geometry, "properties": {"name": name, "capacity": 9}})
}

/// Writes as the pages do: a write without an answer is sent again under its key.
async fn new_shelter(caller: &Caller, name: &str) -> Value {
    let (key, patience) = (Uuid::now_v7().to_string(), Instant::now() + AT_MOST);
    loop {
        let call = caller.ask(Method::POST, SHELTERS).header("idempotency-key", &key).json(&shelter(name));
        match call.send().await {
            Ok(answer) if !answer.status().is_server_error() => return done(answer, StatusCode::CREATED).await,
            _ => assert!(Instant::now() < patience, "{name} is not taken"),
        }
    }
}

/// Reads through the balancer, each time on a connection of its own, until it is stopped; what did not work.
async fn read(balancer: Arc<Balancer>, stopping: Arc<AtomicBool>) -> (usize, Vec<String>) {
    let (mut answered, mut failed) = (0, Vec::new());
    while !stopping.load(Ordering::SeqCst) {
        let url = format!("{}{SHELTERS}?limit=5", balancer.base);
        match balancer.client().get(url).send().await {
            Ok(answer) if answer.status() == StatusCode::OK => answered += 1,
            Ok(answer) => failed.push(answer.status().to_string()),
            Err(error) => failed.push(format!("{error:?}")),
        }
    }
    (answered, failed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_dies_behind_the_balancer_and_reads_feeds_and_writes_go_on() {
    let (database, folder) = (TestDatabase::new(), Folder::new());
    let ports = [free_port(), free_port()];
    let start = |at: usize| node(&database, &folder.path().join(format!("node-{at}")), ports[at]);
    let [mut a, b] = [start(0), start(1)];
    ready(&a).await;
    ready(&b).await;
    let Some(balancer) = Balancer::before(ports, folder.path()) else { return };
    let balancer = Arc::new(balancer);
    let patience = Instant::now() + AT_MOST;
    let plain = client_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    while plain.get(&balancer.plain).send().await.is_err() {
        let log = || std::fs::read_to_string(folder.path().join("haproxy.log")).unwrap();
        assert!(Instant::now() < patience, "{}", log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let caller = balancer.caller();
    let plain = plain.get(&balancer.plain).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::PERMANENT_REDIRECT, "nothing goes in clear");
    assert_eq!(caller.get("/metrics").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(caller.get("/health/ready").await.status(), StatusCode::OK);

    let mut feeds = [
        Listener::open(&caller, "collections=shelters", None).await,
        Listener::open(&caller, "collections=shelters", None).await,
    ];
    let mut last = [0, 0];
    let first = new_shelter(&caller, "Trường 1").await;
    for (feed, last) in feeds.iter_mut().zip(&mut last) {
        let heard = feed.wait("change").await;
        assert_eq!(heard.data["feature"]["id"], first["id"]);
        *last = heard.seq;
    }

    let stopping = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4).map(|_| tokio::spawn(read(Arc::clone(&balancer), Arc::clone(&stopping)))).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    a.child.kill().unwrap();
    a.child.wait().unwrap();
    // What is written now is heard by whom the dead node served when they come back with what they heard last.
    let second = new_shelter(&caller, "Trường 2").await;
    let mut resumed = 0;
    for (feed, last) in feeds.iter_mut().zip(last) {
        let heard = loop {
            match feed.next().await {
                Some(heard) if heard.event == "change" => break heard,
                Some(_) => {}
                None => {
                    resumed += 1;
                    *feed = Listener::open(&caller, "collections=shelters", Some(last)).await;
                }
            }
        };
        assert_eq!(heard.data["feature"]["id"], second["id"], "the first is not told again, the second not left out");
    }
    assert_eq!(resumed, 1, "each node had one of two feeds");

    // One reads through the balancer what one has just written, whichever node is asked.
    let again = start(0);
    ready(&again).await;
    let direct = client();
    for number in 3..30 {
        let written = caller.post(SHELTERS, shelter(&format!("Trường {number}"))).await;
        let seq = written.headers()["seq"].clone();
        let path = format!("{SHELTERS}/{}", id(&done(written, StatusCode::CREATED).await));
        let through = balancer.client();
        for (client, base) in [(&through, &balancer.base), (&direct, &again.base), (&direct, &b.base)] {
            let asked = client.get(format!("{base}{path}")).header("min-seq", seq.clone());
            assert_eq!(asked.send().await.unwrap().status(), StatusCode::OK, "{path} on {base}");
        }
    }
    stopping.store(true, Ordering::SeqCst);
    let mut answered = 0;
    for reader in readers {
        let (count, failed) = reader.await.unwrap();
        assert_eq!(failed, Vec::<String>::new(), "after {count}");
        answered += count;
    }
    println!("{answered} reads, none failed");
}
