//! Nearby over 10⁶ households for readers who see less than all, beside one who sees all; and while somebody guesses
//! passwords.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use trucban::domain::access::Area;
use trucban::domain::{Force, Role, Timestamp};
use trucban::store::system::{Bearer, NewAccount, NewToken, Secret, System, TokenKind};

use crate::load;
use crate::nearby::{line, loaded};
use crate::process::Process;
use crate::report::Report;
use crate::world::{self, COMMUNES, Folder};

/// Wrong sign-ins a second.
const GUESSES_A_SECOND: u64 = 200;

fn now() -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
}

/// An account and a token of it, which lives as long as the program.
fn account(system: &System, name: &str, role: Role, area: Area) -> &'static str {
    let mut new = NewAccount::new(name, role);
    (new.force, new.area) = (Some(Force::Civil), area);
    system.add_account(&new, now()).expect("an account");
    let secret = Secret::random();
    let token = NewToken {
        hash: secret.hash(),
        kind: TokenKind::Program,
        label: "bench".to_owned(),
        bearer: Bearer::Account(name.to_owned()),
        created_by: name.to_owned(),
    };
    system.add_token(&token, now()).expect("a token");
    secret.reveal().to_owned().leak()
}

fn request_of(token: &'static str) -> impl Fn(u64) -> Vec<u8> + Copy + 'static {
    move |n| {
        let (lon, lat) = world::centre(n);
        let query = format!("lon={lon}&lat={lat}&radius_m=5000&limit=10&collections=households");
        format!("GET /api/nearby?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n")
            .into_bytes()
    }
}

fn accounts(folder: &Path) -> [&'static str; 3] {
    let system = System::open(folder).expect("the accounts");
    let chief = NewAccount::new("chief", Role::Admin);
    system.add_account(&chief, now()).expect("the first account");
    let half: BTreeSet<String> = (0..COMMUNES.0)
        .flat_map(|column| (0..COMMUNES.1).map(move |row| (column, row)))
        .filter(|(column, row)| (column + row) % 2 == 0)
        .map(|(column, row)| world::commune(column, row))
        .collect();
    [
        account(&system, "all", Role::DutyOfficer, Area::Province),
        account(&system, "half", Role::LocalAuthority, Area::communes(half)),
        account(&system, "none", Role::Observer, Area::Province),
    ]
}

/// Signs in with wrong passwords at a steady rate, each from another address of this machine and under another name,
/// until told to stop; gives how many were answered a second, and how many of those were judged.
fn guessing(addr: SocketAddr, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<(f64, f64)> {
    std::thread::spawn(move || {
        load::one_thread().block_on(async move {
            let begin = Instant::now();
            let mut tick = tokio::time::interval(Duration::from_millis(1_000 / GUESSES_A_SECOND));
            let mut tries = Vec::new();
            let mut n = 0_u32;
            while !stop.load(Ordering::Relaxed) {
                tick.tick().await;
                n += 1;
                tries.push(tokio::spawn(guess(addr, n)));
            }
            let seconds = begin.elapsed().as_secs_f64();
            let mut judged = 0;
            for one in tries.drain(..) {
                judged += u32::from(one.await.ok() == Some(401));
            }
            (f64::from(n) / seconds, f64::from(judged) / seconds)
        })
    })
}

async fn guess(addr: SocketAddr, n: u32) -> u16 {
    let [_, a, b, c] = (n + 256).to_be_bytes();
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, a, b, c.max(1)], 0))).expect("an address of this machine");
    let stream = socket.connect(addr).await.expect("a connection");
    let mut connection = load::Connection::over(stream);
    let name = if n.is_multiple_of(2) { "half".to_owned() } else { format!("nobody-{n}") };
    let body = format!(r#"{{"name":"{name}","password":"wrong password {n}"}}"#);
    connection.exchange(&load::post("/api/session", &body)).await.map_or(0, |(status, _)| status)
}

/// Measures the three readers in one run, then the first again under guesses.
pub fn measure(report: &mut Report) {
    let folder = Folder::new("lenses");
    world::fill(&folder.path, 1_000_000);
    let [all, half, none] = accounts(&folder.path);
    let server = Process::server_with_accounts(&folder.path);
    let (whole, whole_cpu) = loaded(&server, request_of(all));
    let beside = line(&whole, whole_cpu);
    for (what, token) in [("a commune officer who sees half", half), ("a stranger who sees communes", none)] {
        let (less, cpu) = loaded(&server, request_of(token));
        let name = format!("nearby, 10⁶, {what}: server CPU");
        report.compared(&name, &line(&less, cpu), &beside, cpu / whole_cpu, "≤ 1.25");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let guesser = guessing(server.addr, Arc::clone(&stop));
    let (under, cpu) = loaded(&server, request_of(all));
    stop.store(true, Ordering::Relaxed);
    let (rate, judged) = guesser.join().expect("the guesser ends");
    report.compared(
        &format!("nearby p99 under {rate:.0} wrong sign-ins/s ({judged:.0} judged)"),
        &line(&under, cpu),
        &beside,
        under.quantile_ms(0.99) / whole.quantile_ms(0.99),
        "≤ 2",
    );
}
