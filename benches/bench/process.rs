//! Child processes that are measured: the server, and the bare route beside it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A child that is stopped when dropped.
pub struct Process {
    child: Child,
    pub addr: SocketAddr,
    /// From spawning to the first right answer of `/health/ready`.
    pub ready_after: Duration,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(data: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trucban"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(options).env("RUST_LOG", "error");
    command
}

impl Process {
    fn spawn(mut command: Command, ready_path: &str) -> Self {
        let begin = Instant::now();
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a piped stdout")).lines();
        let first = lines.next().expect("a first line").expect("readable");
        let addr = first.trim().rsplit("//").next().and_then(|a| a.parse().ok()).expect("listening on http://ADDR");
        std::thread::spawn(move || lines.for_each(drop));
        let request = super::load::get(ready_path);
        super::load::one_thread().block_on(async {
            loop {
                if let Ok(mut connection) = super::load::Connection::open(addr).await
                    && matches!(connection.exchange(&request).await, Ok((200, _)))
                {
                    return;
                }
                assert!(begin.elapsed() < Duration::from_secs(120), "not ready after two minutes");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self { child, addr, ready_after: begin.elapsed() }
    }

    /// The real server on a data folder.
    pub fn server(data: &Path) -> Self {
        Self::spawn(serve(data, &["--no-accounts"]), "/health/ready")
    }

    /// A node of a database, with a folder of its own.
    pub fn node(data: &Path, database: &str) -> Self {
        Self::spawn(serve(data, &["--no-accounts", "--database", database]), "/health/ready")
    }

    /// The real server on a data folder with accounts.
    pub fn server_with_accounts(data: &Path) -> Self {
        Self::spawn(serve(data, &[]), "/health/ready")
    }

    /// A bare axum route that answers `body` bytes.
    pub fn bare_route(body: &[u8]) -> Self {
        let file = std::env::temp_dir().join(format!("trucban-bench-body-{}", std::process::id()));
        std::fs::write(&file, body).expect("a temporary file");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.env("TRUCBAN_BENCH_BARE", &file);
        Self::spawn(command, "/bare")
    }

    /// CPU seconds (user + system) used so far.
    pub fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("/proc of the child");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields[index].parse::<f64>().expect("a number of ticks");
        // utime and stime are fields 14 and 15 of the line; two stand before the closing bracket. 100 ticks a second.
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident memory, MiB.
    pub fn rss_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("/proc of the child");
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        kib.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of KiB") / 1024.0
    }
}

/// The ceiling: what axum gives on this machine for an answer of the same bytes.
pub fn serve_bare_route() {
    let file = std::env::var_os("TRUCBAN_BENCH_BARE").expect("the file of the answer");
    let body = bytes::Bytes::from(std::fs::read(file).expect("the answer's bytes"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let answer = move || {
            let body = body.clone();
            async move { ([(axum::http::header::CONTENT_TYPE, "application/geo+json")], body) }
        };
        let app = axum::Router::new().route("/bare", axum::routing::get(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("listening on http://{}", listener.local_addr().expect("an address"));
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream: &mut tokio::net::TcpStream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app).await.expect("the bare server runs");
    });
}
