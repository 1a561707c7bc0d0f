//! The load generator: one thread, a closed loop over keep-alive connections, HTTP/1.1 written by hand.
//!
//! One thread and no HTTP library, so that it takes as little as possible of the cores it shares with the server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What one run of load gave.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub requests: usize,
    pub seconds: f64,
    /// Sorted, milliseconds.
    pub latencies_ms: Vec<f64>,
    pub bytes_a_answer: usize,
    pub failures: usize,
}

impl Outcome {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// The latency that this share (0–1) of the requests did not pass, milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let last = self.latencies_ms.len().saturating_sub(1);
        self.latencies_ms.get((last as f64 * share) as usize).copied().unwrap_or(f64::NAN)
    }
}

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(addr: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    /// On a connection that is open.
    pub fn over(stream: TcpStream) -> Self {
        Self { stream, buffer: vec![0; 1 << 16] }
    }

    /// Sends one request and reads the whole answer; gives status and body length.
    pub async fn exchange(&mut self, request: &[u8]) -> std::io::Result<(u16, usize)> {
        self.stream.write_all(request).await?;
        let (mut filled, mut whole) = (0, None);
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if whole.is_none()
                && let Some(head) = find(&self.buffer[..filled], b"\r\n\r\n")
            {
                let length = content_length(&self.buffer[..head]);
                whole = Some((head + 4, length));
            }
            if let Some((start, length)) = whole
                && filled >= start + length
            {
                let status = std::str::from_utf8(&self.buffer[9..12]).ok().and_then(|s| s.parse().ok()).unwrap_or(0);
                return Ok((status, length));
            }
        }
    }

    /// The body of the last answer of `length` bytes.
    pub fn body(&self, length: usize) -> &[u8] {
        let start = find(&self.buffer, b"\r\n\r\n").map_or(0, |head| head + 4);
        &self.buffer[start..start + length]
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn content_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).unwrap_or_default();
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}

/// A GET request for `path`.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

/// A POST of JSON to `path`.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Runs `connections` closed loops, shared out among the servers, for `warm_up` and then `measure`; `request` makes the
/// n-th request.
pub async fn run(
    servers: &[SocketAddr],
    connections: usize,
    warm_up: Duration,
    measure: Duration,
    request: impl Fn(u64) -> Vec<u8> + Copy + 'static,
) -> Outcome {
    let begin = Instant::now() + warm_up;
    let end = begin + measure;
    let local = tokio::task::LocalSet::new();
    let tasks: Vec<_> = (0..connections as u64)
        .map(|number| {
            let addr = servers[number as usize % servers.len()];
            local.spawn_local(async move {
                let mut latencies = Vec::new();
                let (mut failures, mut bytes) = (0, 0);
                let mut connection = Connection::open(addr).await.expect("a connection to the measured server");
                let mut turn = 0;
                loop {
                    let bytes_out = request(turn * connections as u64 + number);
                    let sent = Instant::now();
                    if sent >= end {
                        return (latencies, failures, bytes);
                    }
                    let answer = connection.exchange(&bytes_out).await;
                    if sent >= begin {
                        match answer {
                            Ok((200, length)) => {
                                latencies.push(sent.elapsed().as_secs_f64() * 1e3);
                                bytes += length;
                            }
                            _ => failures += 1,
                        }
                    }
                    turn += 1;
                }
            })
        })
        .collect();
    let mut outcome = Outcome {
        requests: 0,
        seconds: measure.as_secs_f64(),
        latencies_ms: Vec::new(),
        bytes_a_answer: 0,
        failures: 0,
    };
    local
        .run_until(async {
            for task in tasks {
                let (latencies, failures, bytes) = task.await.expect("a load task");
                outcome.requests += latencies.len();
                outcome.latencies_ms.extend(latencies);
                outcome.failures += failures;
                outcome.bytes_a_answer += bytes;
            }
        })
        .await;
    outcome.bytes_a_answer /= outcome.requests.max(1);
    outcome.latencies_ms.sort_by(f64::total_cmp);
    outcome
}

/// A runtime of one thread for the generator.
pub fn one_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
