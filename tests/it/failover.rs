//! Two real database machines on loopback: the primary is killed under load, the standby promoted by the commands of
//! the runbook. Nothing that was acknowledged is lost, nothing is doubled, and nodes find their way by themselves.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use trucban::store::postgis::{self, Database};
use uuid::Uuid;

use crate::http_support::client;
use crate::postgres_support::programs;
use crate::runbook::{self, done};
use crate::serve_support::{Process, launch, ready, serve_anywhere};
use crate::store_support::Folder;

const WRITERS: usize = 8;
/// Acknowledged writes that each phase of the test waits for.
const WRITES_A_PHASE: usize = 60;
/// Longest that a phase may take; only against a test that hangs.
const PHASE_WAIT: Duration = Duration::from_secs(120);

/// Ends the servers of a folder and removes it when nobody holds its pipe any more.
const KEEPER: &str = r#"
trap '' INT TERM
cat >/dev/null
for pid in "$dir"/*/postmaster.pid; do [ ! -e "$pid" ] || kill -INT "$(head -n 1 "$pid")" 2>/dev/null; done
sleep 1
rm -rf "$dir"
"#;

/// Where both machines keep their data.
struct Machines {
    dir: PathBuf,
    _keeper: Child,
}

/// One database machine.
#[derive(Clone)]
struct Machine {
    data: PathBuf,
    port: u16,
}

/// A shell as the user that may run PostgreSQL.
fn as_postgres() -> Command {
    if rustix::process::getuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]);
        return command;
    }
    Command::new("env")
}

fn sh(script: &str, environment: &[(&str, String)]) -> String {
    let variables = environment.iter().map(|(name, value)| (*name, value.as_str()));
    let output = as_postgres().args(["sh", "-euc", script]).envs(variables).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{script}: {said}");
    said
}

impl Machines {
    fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("trucban-pair-{}", Uuid::now_v7().simple()));
        let keeper = Command::new("sh").args(["-c", KEEPER]).env("dir", &dir).stdin(Stdio::piped()).spawn().unwrap();
        sh("mkdir -m 700 \"$dir\"", &[("dir", dir.display().to_string())]);
        Self { dir, _keeper: keeper }
    }

    fn machine(&self, name: &str) -> Machine {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Machine { data: self.dir.join(name), port }
    }
}

/// What the engineer has typed before the commands of the runbook.
fn typed(primary: &Machine, standby: &Machine, database: &str) -> Vec<(&'static str, String)> {
    let start = format!("pg_ctl -w -t 60 -D {0} -l {0}.log -o -p{1} start", standby.data.display(), standby.port);
    let binary = Path::new(env!("CARGO_BIN_EXE_trucban")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    vec![
        ("PATH", format!("{}:{}:{path}", programs().display(), binary.display())),
        ("PGHOST", "127.0.0.1".to_owned()),
        ("PGUSER", "trucban".to_owned()),
        ("PRIMARY_HOST", "127.0.0.1".to_owned()),
        ("PRIMARY_PORT", primary.port.to_string()),
        ("STANDBY_HOST", "127.0.0.1".to_owned()),
        ("STANDBY_PORT", standby.port.to_string()),
        ("STANDBY_DATA", standby.data.display().to_string()),
        ("START_STANDBY", start),
        ("DATABASE", database.to_owned()),
    ]
}

impl Machine {
    /// A new cluster with the settings of the example, and a database of ours.
    fn found(&self) {
        let settings = runbook::example("postgresql/trucban.conf").replace("ssl = on", "ssl = off");
        let environment = [
            ("PATH", format!("{}:{}", programs().display(), std::env::var("PATH").unwrap())),
            ("data", self.data.display().to_string()),
            ("port", self.port.to_string()),
            ("settings", settings.replace("'*'", "'127.0.0.1'")),
        ];
        sh(
            "initdb -D \"$data\" -U trucban -A trust -E UTF8 --locale=C.UTF-8 --no-sync
             { printf '%s' \"$settings\"; printf \"\\nunix_socket_directories = ''\\nshared_buffers = 32MB\\n\"; } \
               >>\"$data/postgresql.conf\"
             pg_ctl -w -t 60 -D \"$data\" -l \"$data.log\" -o -p\"$port\" start
             psql -h 127.0.0.1 -p \"$port\" -U trucban -d postgres -c 'CREATE DATABASE trucban'",
            &environment,
        );
    }

    /// The power goes: no process of it ends in order.
    fn kill(&self) {
        let file = std::fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        let postmaster = file.lines().next().unwrap().to_owned();
        let script = "children=$(ps -o pid= --ppid \"$pid\"); kill -9 \"$pid\" $children";
        let killed = Command::new("sh").args(["-c", script]).env("pid", &postmaster).status().unwrap();
        assert!(killed.success());
    }
}

/// What was acknowledged: the id of the record for each key.
#[derive(Default)]
struct Told(HashMap<Uuid, String>);

/// Writes through the nodes in turn until it is stopped. A write without an answer is sent again under its key, to the
/// next node, until it has one.
async fn write(number: usize, nodes: Vec<String>, stopping: Arc<AtomicBool>, count: Arc<AtomicUsize>) -> Told {
    let (client, mut told, mut turn) = (client(), Told::default(), number);
    while !stopping.load(Ordering::SeqCst) {
        let key = Uuid::now_v7();
        let body = json!({"kind": "flood", "reporter_phone": key.to_string(), "place": {"lon": 103.1, "lat": 22.3}});
        let patience = Instant::now() + PHASE_WAIT;
        let answer: Value = loop {
            turn += 1;
            let url = format!("{}/api/incidents", nodes[turn % nodes.len()]);
            let sent = client.post(url).header("idempotency-key", key.to_string()).json(&body).send().await;
            match sent {
                Ok(answer) if answer.status() == StatusCode::CREATED => break answer.json().await.unwrap(),
                Ok(refused) => assert!(refused.status().is_server_error(), "{}", refused.text().await.unwrap()),
                Err(_) => {}
            }
            assert!(Instant::now() < patience, "no answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        told.0.insert(key, answer["incident"]["id"].as_str().unwrap().to_owned());
        count.fetch_add(1, Ordering::SeqCst);
    }
    told
}

async fn until_written(count: &AtomicUsize, more: usize) {
    let (enough, patience) = (count.load(Ordering::SeqCst) + more, Instant::now() + PHASE_WAIT);
    while count.load(Ordering::SeqCst) < enough {
        assert!(Instant::now() < patience, "{} of {enough} writes", count.load(Ordering::SeqCst));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a call said and the id that it got, of every incident of a node that was reported here.
async fn incidents(base: &str) -> Vec<(String, String)> {
    let (client, mut all) = (client(), Vec::new());
    let mut next = Some(format!("{base}/api/collections/incidents/items?limit=1000"));
    while let Some(url) = next {
        let page: Value = client.get(url).send().await.unwrap().json().await.unwrap();
        for item in page["features"].as_array().unwrap() {
            if let Some(said) = item["properties"]["reporter_phone"].as_str() {
                all.push((said.to_owned(), item["id"].as_str().unwrap().to_owned()));
            }
        }
        let links = page["links"].as_array().unwrap();
        next = links.iter().find(|link| link["rel"] == "next").map(|link| link["href"].as_str().unwrap().to_owned());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_primary_dies_the_standby_is_promoted_and_nothing_acknowledged_is_lost() {
    let machines = Machines::new();
    let (first, second) = (machines.machine("first"), machines.machine("second"));
    first.found();
    let url = format!(
        "postgres://trucban@127.0.0.1:{},127.0.0.1:{}/trucban?target_session_attrs=read-write",
        first.port, second.port
    );
    postgis::migrate(&url.parse::<Database>().unwrap()).await.unwrap();
    let before = typed(&first, &second, &url);
    done("replication-1", as_postgres(), &before);
    done("replication-2", as_postgres(), &before);
    let said = done("replication-3", as_postgres(), &before);
    assert!(said.contains("| sync"), "{said}");

    let folder = Folder::new();
    let node = |name: &str| -> Process {
        let mut command = serve_anywhere(&["--no-accounts", "--database", &url], &folder.path().join(name));
        command.stderr(std::fs::File::create(folder.path().join(format!("{name}.log"))).unwrap());
        launch(command)
    };
    let (a, b) = (node("a"), node("b"));
    ready(&a).await;
    ready(&b).await;
    let (stopping, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let nodes = vec![a.base.clone(), b.base.clone()];
            tokio::spawn(write(number, nodes, Arc::clone(&stopping), Arc::clone(&count)))
        })
        .collect();
    until_written(&count, WRITES_A_PHASE).await;
    assert!(!runbook::run("failover-1", as_postgres(), &before).status.success(), "the primary still answers");

    let died = Instant::now();
    first.kill();
    done("failover-1", as_postgres(), &before);
    // Reads go on from memory.
    for node in [&a, &b] {
        let answer = client().get(format!("{}/api/collections/incidents/items", node.base)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    done("failover-2", as_postgres(), &before);
    let promoted_ms = died.elapsed().as_millis();
    until_written(&count, WRITES_A_PHASE).await;
    println!("promoted {promoted_ms} ms after the kill, {WRITES_A_PHASE} more writes after {:?}", died.elapsed());
    let said = done("failover-3", as_postgres(), &before);
    assert!(said.contains("no difference found"), "{said}");

    // The old primary becomes the standby of the new one, and commits wait for both again.
    std::fs::remove_dir_all(&first.data).unwrap();
    let after = typed(&second, &first, &url);
    done("replication-2", as_postgres(), &after);
    let said = done("replication-3", as_postgres(), &after);
    assert!(said.contains("| sync"), "{said}");
    until_written(&count, WRITES_A_PHASE).await;

    // Without its standby nothing is acknowledged, until somebody says to go on alone.
    first.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let waiting = count.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(count.load(Ordering::SeqCst), waiting, "acknowledged by one machine alone");
    done("standby-gone", as_postgres(), &after);
    until_written(&count, WRITES_A_PHASE).await;

    stopping.store(true, Ordering::SeqCst);
    let mut told = Told::default();
    for writer in writers {
        told.0.extend(writer.await.unwrap().0);
    }
    let last = told.0.len();
    for node in [&a, &b] {
        let patience = Instant::now() + PHASE_WAIT;
        let found = loop {
            let found = incidents(&node.base).await;
            if found.len() >= last || Instant::now() > patience {
                break found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let known: HashMap<_, _> = found.iter().cloned().collect();
        assert_eq!((found.len(), known.len()), (last, last), "none is lost and none is there twice");
        for (key, id) in &told.0 {
            assert_eq!(known.get(&key.to_string()), Some(id), "{key}");
        }
    }
    assert_eq!(postgis::check(&url.parse().unwrap()).await.unwrap(), []);
    println!("{last} writes acknowledged, all of them there once");
}
