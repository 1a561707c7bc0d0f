//! Nodes of one database, as processes: each with a folder of its own and a way to the database that can be made bad.

use std::fs::File;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use trucban::store::postgis::Database;

use crate::fault_proxy::{Proxy, Way};
use crate::http_support::client;
use crate::postgres_support::Cluster;
use crate::serve_support::{Process, launch, ready, serve};
use crate::store_support::Folder;

/// Only against a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// See the module. The database is the tests' own, so that it may be stopped.
pub struct Nodes {
    cluster: Arc<Cluster>,
    folders: Vec<Folder>,
    ways: Vec<Proxy>,
    processes: Vec<Process>,
}

impl Nodes {
    /// Without accounts: whoever calls is the administrator.
    pub async fn start(count: usize) -> Self {
        let cluster = Arc::new(blocking(Cluster::start).await);
        let mut nodes = Self { cluster, folders: Vec::new(), ways: Vec::new(), processes: Vec::new() };
        for node in 0..count {
            nodes.ways.push(Proxy::before(([127, 0, 0, 1], nodes.cluster.port).into()).await);
            nodes.folders.push(Folder::new());
            nodes.processes.push(nodes.launch(node, "127.0.0.1:0").await);
        }
        nodes
    }

    async fn launch(&self, node: usize, listen: &str) -> Process {
        let (direct, way) = (self.cluster.port.to_string(), self.ways[node].port.to_string());
        let url = self.cluster.url(Cluster::only_database()).replace(&direct, &way);
        let folder = self.folders[node].path();
        let mut command = serve(&["--no-accounts", "--database", &url, "--listen", listen], &folder.join("data"));
        command.stderr(File::options().create(true).append(true).open(folder.join("log")).unwrap());
        let process = launch(command);
        ready(&process).await;
        process
    }

    pub fn bases(&self) -> Vec<String> {
        self.processes.iter().map(|node| node.base.clone()).collect()
    }

    /// The database, past all ways that can be bad.
    pub fn database(&self) -> Database {
        self.cluster.url(Cluster::only_database()).parse().unwrap()
    }

    pub fn make_way(&self, node: usize, way: Way) {
        self.ways[node].make(way);
    }

    pub fn make_every_way(&self, way: Way) {
        self.ways.iter().for_each(|to_database| to_database.make(way));
    }

    /// Does something to the server of the database.
    pub async fn with_server(&self, act: impl FnOnce(&Cluster) + Send + 'static) {
        let cluster = Arc::clone(&self.cluster);
        blocking(move || act(&cluster)).await;
    }

    /// Kills a node; it comes back under its address, with its folder.
    pub async fn kill(&mut self, node: usize) {
        let process = &mut self.processes[node];
        let address = process.base.strip_prefix("http://").unwrap().to_owned();
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        self.processes[node] = self.launch(node, &address).await;
    }

    /// Sends a signal (`STOP`, `CONT`) to a node.
    pub fn signal(&self, node: usize, name: &str) {
        let id = self.processes[node].child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }
}

impl Drop for Nodes {
    /// What went wrong inside, for whoever reads why a test failed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for folder in &self.folders {
                let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
                for line in log.lines().filter(|line| line.contains("ERROR") || line.contains("panicked")) {
                    println!("{line}");
                }
            }
        }
    }
}

/// On another thread, since everybody who calls the nodes shares the test's.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Waits until a node shows this change.
pub async fn caught_up(base: &str, seq: u64) {
    let patience = Instant::now() + PATIENCE;
    loop {
        let asked = client().get(format!("{base}/api/collections/units/items?limit=1")).header("min-seq", seq);
        let answer = asked.send().await.unwrap();
        if answer.status() == StatusCode::OK {
            return;
        }
        assert!(Instant::now() < patience, "{base} is behind: {}", answer.text().await.unwrap());
    }
}
