//! The runbook's other commands, run as they stand there: back up, restore, restore at a time; and its examples.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use trucban::domain::Collection;
use trucban::store::gpkg::GpkgStore;
use trucban::store::postgis::PgStore;
use trucban::store::replica::PostgresLogs;
use trucban::store::system::System;
use trucban::store::tips::TipStore;
use trucban::store::{Store, StoreError};
use uuid::Uuid;

use crate::audit_chain::trucban;
use crate::http_support::{Caller, client};
use crate::postgres_support::{TestDatabase, programs};
use crate::runbook::{block_names, done, example};
use crate::serve_support::{launch, ready, serve, serve_anywhere, stop};
use crate::store_support::{Folder, household, put_one, records};

/// The blocks that `failover` runs; this file runs the others.
const OF_FAILOVER: [&str; 7] =
    ["replication-1", "replication-2", "replication-3", "standby-gone", "failover-1", "failover-2", "failover-3"];
const OF_THIS: [&str; 8] = [
    "backup-folder",
    "backup-database",
    "restore-folder",
    "restore-database",
    "restore-database-node",
    "restore-at",
    "restore-at-database",
    "restore-at-shared",
];

fn path() -> (&'static str, String) {
    let binary = Path::new(env!("CARGO_BIN_EXE_trucban")).parent().unwrap();
    ("PATH", format!("{}:{}:{}", programs().display(), binary.display(), std::env::var("PATH").unwrap()))
}

fn shell() -> Command {
    Command::new("env")
}

#[test]
fn every_block_of_the_runbook_is_run_by_a_test() {
    let mut run = [&OF_THIS[..], &OF_FAILOVER].concat();
    run.sort_unstable();
    assert_eq!(block_names(), run);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_backed_up_restored_and_restored_at_a_time_as_the_runbook_says() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("backup")).unwrap();
    let mut process = launch(serve_anywhere(&["--no-accounts"], &at("data")));
    ready(&process).await;
    let caller = Caller::new(&process.base, client());
    caller.report("flood", 103.1, 22.4).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let moment = jiff::Timestamp::now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    caller.report("fire", 103.1, 22.4).await;
    let typed = |new: &str| {
        let dir = |name: &str| at(name).display().to_string();
        [path(), ("DATA", dir("data")), ("BACKUP", dir("backup")), ("NEW_DATA", dir(new)), ("AT", moment.to_string())]
    };
    done("backup-folder", shell(), &typed("new"));
    done("restore-folder", shell(), &typed("new"));
    let said = done("restore-at", shell(), &typed("then"));
    stop(&mut process);
    assert!(said.contains("bỏ / left out: ") && said.contains("cp -a "), "{said}");
    let count = async |name: &str| {
        let store = GpkgStore::open_read(&at(name)).unwrap();
        records(&*store, Collection::Incidents).await.len()
    };
    let (now, new, then) = (count("data").await, count("new").await, count("then").await);
    assert_eq!((new, then), (now, now - 1));
    assert!(at("new").join("system.db").exists() && !at("then").join("system.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_backed_up_restored_and_restored_at_a_time_as_the_runbook_says() {
    let (database, folder, node) = (TestDatabase::new(), Folder::new(), Folder::new());
    let store = PgStore::open(database.database(), None, "").await.unwrap();
    put_one(&*store, household(Uuid::now_v7(), 4)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let moment = jiff::Timestamp::now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    put_one(&*store, household(Uuid::now_v7(), 4)).await.unwrap();
    add_account(&database, &node, "lan");
    drop(TipStore::open_shared(node.path(), PostgresLogs::start(database.database()).unwrap().tips()).unwrap());
    let typed = |new: &TestDatabase| {
        let backup = folder.path().display().to_string();
        let (moment, node) = (moment.to_string(), node.path().display().to_string());
        let urls = [("OWNER", database.url()), ("NEW_DATABASE", new.url())];
        [path(), urls[0].clone(), urls[1].clone(), ("BACKUP", backup), ("AT", moment), ("NODE_DATA", node)]
    };
    let (new, then) = (TestDatabase::bare(), TestDatabase::bare());
    done("backup-database", shell(), &typed(&new));
    add_account(&database, &node, "minh");
    done("restore-database", shell(), &typed(&new));
    let said = done("restore-at-database", shell(), &typed(&then));
    assert!(said.contains("not taken along: trucban.replica_*"), "{said}");
    store.close().await;
    for (database, count) in [(&new, 2), (&then, 1)] {
        let store = PgStore::open_read(database.database()).await.unwrap();
        assert_eq!(records(&*store, Collection::Households).await.len(), count);
        store.close().await;
    }

    // Accounts as they are now; the node goes on with what it has.
    done("restore-at-shared", shell(), &typed(&then));
    assert_eq!(accounts(&then, &node).unwrap(), ["lan", "minh"]);
    // Accounts as they were; a node that knows more does not go on by itself.
    assert_eq!(accounts(&new, &Folder::new()).unwrap(), ["lan"]);
    let newer = accounts(&new, &node).unwrap_err().to_string();
    assert!(newer.contains("another log than the database holds"), "{newer}");
    done("restore-database-node", shell(), &typed(&new));
    assert_eq!(accounts(&new, &node).unwrap(), ["lan"]);
}

/// As a node with this folder makes it.
fn add_account(database: &TestDatabase, node: &Folder, name: &str) {
    let done = trucban(&["user", "add", name, "--role", "admin", "--database", &database.url()], node.path());
    assert!(done.status.success(), "{done:?}");
}

/// The names of the accounts of a node with this folder.
fn accounts(database: &TestDatabase, node: &Folder) -> Result<Vec<String>, StoreError> {
    let logs = PostgresLogs::start(database.database())?;
    let system = System::open_shared(node.path(), logs.system())?;
    Ok(system.accounts()?.into_iter().map(|account| account.name).collect())
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let folder = Folder::new();
    let unit = folder.path().join("trucban.service");
    let text = example("trucban.service");
    assert_eq!(text.matches("/usr/local/bin/trucban").count(), 1);
    std::fs::write(&unit, text.replace("/usr/local/bin/trucban", env!("CARGO_BIN_EXE_trucban"))).unwrap();
    match Command::new("systemd-analyze").arg("verify").arg(&unit).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success() && !said.contains("trucban.service"), "{said}");
        }
        Err(error) => println!("SKIPPED: systemd-analyze is not installed ({error}): apt-get install systemd"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_configuration_serves() {
    let folder = Folder::new();
    let mut text = example("trucban.toml");
    for (there, here) in [
        ("/var/lib/trucban", folder.path().join("data").display().to_string()),
        ("0.0.0.0:443", "127.0.0.1:0".to_owned()),
        ("/etc/trucban/cert.pem,/etc/trucban/key.pem", "self".to_owned()),
    ] {
        assert_eq!(text.matches(there).count(), 1, "{there}");
        text = text.replace(there, &here);
    }
    let file = folder.path().join("trucban.toml");
    std::fs::write(&file, text).unwrap();
    let process = launch(serve(&["--config", &file.display().to_string()], &folder.path().join("data")));
    assert!(process.base.starts_with("https://"), "{}", process.base);
    assert!(folder.path().join("data").join("tls").exists(), "what the backup copies");
}
