//! Replicas of the accounts over a log in memory that can be cut off, lose answers and be tampered with.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{Append, Entry, LogError, SharedLog};
use crate::domain::{Code, Force, Role, Timestamp};
use crate::store::StoreError;
use crate::store::system::{Account, AccountChange, NewAccount, NewSession, Organisation, System};

/// Longest that a test waits for what must come; only against one that hangs.
const PATIENCE: Duration = Duration::from_secs(20);
const NOW: Timestamp = Timestamp::from_ms(1_790_000_000_000);

#[derive(Default)]
struct MemoryLog {
    kept: Mutex<Kept>,
    rung: Condvar,
    is_away: AtomicBool,
    /// The next entry is taken, and nobody hears of it.
    loses_answer: AtomicBool,
}

#[derive(Default)]
struct Kept {
    entries: Vec<Entry>,
    snapshot: Option<Entry>,
}

impl MemoryLog {
    fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn reach(&self) -> Result<(), LogError> {
        let away = || LogError::Away(StoreError::Unavailable("cut off".to_owned()));
        if self.is_away.load(Ordering::SeqCst) { Err(away()) } else { Ok(()) }
    }

    fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    fn positions(&self) -> Vec<u64> {
        self.kept.lock().unwrap().entries.iter().map(|entry| entry.position).collect()
    }

    fn tamper(&self, with: impl FnOnce(&mut Kept)) {
        with(&mut self.kept.lock().unwrap());
    }
}

impl SharedLog for MemoryLog {
    fn append(&self, entry: &Entry, _: Duration) -> Result<Append, LogError> {
        self.reach()?;
        let mut kept = self.kept.lock().unwrap();
        if kept.entries.last().is_none_or(|last| last.position + 1 != entry.position) {
            return Ok(Append::Behind);
        }
        kept.entries.push(entry.clone());
        self.rung.notify_all();
        if self.loses_answer.swap(false, Ordering::SeqCst) {
            return Err(LogError::Unknown(StoreError::Unavailable("the answer is lost".to_owned())));
        }
        Ok(Append::Accepted)
    }

    fn entries(&self, from: u64, limit: usize, _: Duration) -> Result<Vec<Entry>, LogError> {
        self.reach()?;
        let kept = self.kept.lock().unwrap();
        Ok(kept.entries.iter().filter(|entry| entry.position >= from).take(limit).cloned().collect())
    }

    fn snapshot(&self, _: Duration) -> Result<Option<Entry>, LogError> {
        self.reach()?;
        Ok(self.kept.lock().unwrap().snapshot.clone())
    }

    fn put_snapshot(&self, snapshot: &Entry, _: Duration) -> Result<bool, LogError> {
        self.reach()?;
        let mut kept = self.kept.lock().unwrap();
        if kept.snapshot.as_ref().is_some_and(|known| known.position >= snapshot.position) {
            return Ok(false);
        }
        kept.entries.retain(|entry| entry.position > snapshot.position);
        kept.entries.insert(0, Entry { changes: String::new(), ..snapshot.clone() });
        kept.snapshot = Some(snapshot.clone());
        Ok(true)
    }

    fn news(&self, seen: u64, wait: Duration) -> u64 {
        let newest = |kept: &Kept| kept.entries.last().map_or(0, |entry| entry.position);
        let kept = self.kept.lock().unwrap();
        newest(&self.rung.wait_timeout_while(kept, wait, |kept| newest(kept) == seen).unwrap().0)
    }
}

/// A folder of one node, removed at its end.
struct Node(PathBuf);

impl Node {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("trucban-replica-{}", Uuid::now_v7())))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn open(&self, log: &Arc<MemoryLog>) -> System {
        self.try_open(log).unwrap()
    }

    fn try_open(&self, log: &Arc<MemoryLog>) -> Result<System, StoreError> {
        System::open_shared(&self.0, Arc::clone(log) as Arc<dyn SharedLog>)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn add(system: &System, name: &str) -> Result<Account, StoreError> {
    system.add_account(&NewAccount::new(name, Role::Admin), NOW)
}

fn names(system: &System) -> Vec<String> {
    system.accounts().unwrap().into_iter().map(|account| account.name).collect()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_one_node_changes_is_there_on_the_others() {
    let (log, nodes) = (MemoryLog::new(), [Node::new(), Node::new(), Node::new()]);
    let [a, b, c] = nodes.each_ref().map(|node| node.open(&log));
    let revision = b.revision().unwrap();
    add(&a, "lan").unwrap();
    let session = NewSession { hash: [7; 32], account: "lan".to_owned(), agent: "Firefox".to_owned() };
    let session = b.add_session(session, NOW).unwrap();
    until("the session is on all nodes", || {
        [&a, &b, &c].iter().all(|node| node.sessions_of("lan").unwrap() == [session.clone()])
    });
    assert!(b.revision().unwrap() > revision, "whoever watches the revision hears of it");
    let change = AccountChange { disabled: Some(true), ..AccountChange::default() };
    add(&b, "minh").unwrap();
    c.change_account("lan", &change, NOW).unwrap();
    until("the session has ended everywhere", || {
        [&a, &b, &c].iter().all(|node| node.sessions_of("lan").unwrap().is_empty() && names(node) == ["lan", "minh"])
    });
    assert_eq!(log.positions(), [0, 1, 2, 3, 4]);
}

#[test]
fn checks_inside_a_change_hold_for_all_nodes_at_once() {
    let (log, nodes) = (MemoryLog::new(), [Node::new(), Node::new(), Node::new()]);
    let systems = nodes.each_ref().map(|node| node.open(&log));
    let together = Barrier::new(systems.len());
    let won: usize = std::thread::scope(|scope| {
        let race = |system| {
            let together = &together;
            scope.spawn(move || {
                let mut won = 0;
                for n in 0..10 {
                    together.wait();
                    match add(system, &format!("ten.{n}")) {
                        Ok(_) => won += 1,
                        Err(StoreError::Refused(problem)) => assert_eq!(problem.code, Code::InvalidValue),
                        Err(other) => panic!("{other}"),
                    }
                }
                won
            })
        };
        systems.each_ref().map(race).into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(won, 10, "each name is taken once");
    for system in &systems {
        system.catch_up().unwrap();
        assert_eq!(names(system).len(), 10);
    }
    assert_eq!(log.positions(), (0..=10).collect::<Vec<_>>());
}

#[test]
fn a_node_that_comes_later_takes_over_everything_also_after_a_snapshot() {
    let (log, nodes) = (MemoryLog::new(), [Node::new(), Node::new(), Node::new()]);
    // The first node was alone, and had accounts.
    let alone = System::open(nodes[0].path()).unwrap();
    add(&alone, "lan").unwrap();
    drop(alone);
    let first = nodes[0].open(&log);
    let asleep = nodes[1].open(&log);
    assert_eq!(names(&asleep), ["lan"]);
    drop(asleep);
    let brigade = Organisation {
        id: "doi-1".to_owned(),
        name: "Đội 1".to_owned(),
        force: Force::Police,
        parent: Some("cong-an-tinh".to_owned()),
        valid_from: "2026-01-01".to_owned(),
        valid_to: None,
    };
    first.put_organisation(&brigade).unwrap();
    let new = NewAccount { supervisor: Some("lan".to_owned()), ..NewAccount::new("an", Role::DutyOfficer) };
    first.add_account(&new, NOW).unwrap();
    first.replica.compact().unwrap();
    assert_eq!(log.positions(), [2], "entries give way to the snapshot");
    add(&first, "minh").unwrap();
    for node in &nodes[1..] {
        let system = node.open(&log);
        assert_eq!(names(&system), ["an", "lan", "minh"]);
        assert_eq!(system.organisations().unwrap(), first.organisations().unwrap());
    }
    let last = nodes[2].open(&log);
    add(&last, "son").unwrap();
    first.catch_up().unwrap();
    assert_eq!(names(&first), names(&last));
}

#[test]
fn a_lost_answer_is_found_in_the_log() {
    let (log, nodes) = (MemoryLog::new(), [Node::new(), Node::new()]);
    let [a, b] = nodes.each_ref().map(|node| node.open(&log));
    log.loses_answer.store(true, Ordering::SeqCst);
    assert_eq!(add(&a, "lan").unwrap().name, "lan");
    assert_eq!(names(&a), ["lan"]);
    b.catch_up().unwrap();
    assert_eq!(names(&b), ["lan"]);
    assert_eq!(log.positions(), [0, 1]);
}

#[test]
fn a_node_that_died_after_the_log_took_its_change_finds_it_there() {
    let (log, nodes) = (MemoryLog::new(), [Node::new(), Node::new()]);
    let [a, b] = nodes.each_ref().map(|node| node.open(&log));
    add(&a, "lan").unwrap();
    b.catch_up().unwrap();
    drop(a);
    // As after a crash: the file is as before the change, and the log has it.
    let file = rusqlite::Connection::open(nodes[0].path().join("system.db")).unwrap();
    file.execute_batch("DELETE FROM accounts").unwrap();
    let first = log.kept.lock().unwrap().entries[0].nonce.to_string();
    file.execute("UPDATE replica SET position = 0, nonce = ?1", [first]).unwrap();
    drop(file);
    let a = nodes[0].open(&log);
    assert_eq!(names(&a), ["lan"]);
    add(&a, "minh").unwrap();
    b.catch_up().unwrap();
    assert_eq!(names(&b), ["lan", "minh"]);
}

#[test]
fn while_the_log_is_away_reads_go_on_and_changes_are_refused() {
    let (log, nodes) = (MemoryLog::new(), [Node::new(), Node::new()]);
    let [a, b] = nodes.each_ref().map(|node| node.open(&log));
    add(&a, "lan").unwrap();
    log.set_away(true);
    assert!(matches!(add(&a, "minh"), Err(StoreError::Unavailable(_))));
    assert!(matches!(a.revoke_token(Uuid::nil(), NOW), Err(StoreError::Unavailable(_))));
    assert!(matches!(a.catch_up(), Err(StoreError::Unavailable(_))));
    assert_eq!(names(&a), ["lan"]);
    until("nothing is heard", || a.unheard_for().unwrap() > Duration::from_millis(50));
    log.set_away(false);
    until("changes are taken again", || add(&a, "minh").is_ok());
    until("the other node has it", || names(&b) == ["lan", "minh"]);
}

#[test]
fn a_replica_that_parted_from_the_log_stops() {
    let (log, nodes) = (MemoryLog::new(), [Node::new(), Node::new()]);
    let [a, b] = nodes.each_ref().map(|node| node.open(&log));
    add(&a, "lan").unwrap();
    b.catch_up().unwrap();
    // Somebody wrote into the file itself.
    let file = rusqlite::Connection::open(nodes[1].path().join("system.db")).unwrap();
    file.execute_batch("UPDATE accounts SET role = 'observer'").unwrap();
    let change = AccountChange { label: Some(Some("Lan".to_owned())), ..AccountChange::default() };
    a.change_account("lan", &change, NOW).unwrap();
    let stopped = b.catch_up().unwrap_err();
    assert!(matches!(&stopped, StoreError::Damaged(why) if why.contains("not as its writer saw it")), "{stopped}");
    assert!(add(&b, "minh").is_err(), "nothing is decided on what differs");
}

#[test]
fn a_log_of_another_database_and_one_that_was_set_back_are_told() {
    let (log, other, node) = (MemoryLog::new(), MemoryLog::new(), Node::new());
    let elsewhere = Node::new();
    add(&elsewhere.open(&other), "lan").unwrap();
    add(&node.open(&log), "minh").unwrap();
    assert!(matches!(node.try_open(&other), Err(StoreError::Damaged(_))));
    log.tamper(|kept| {
        kept.entries.pop();
    });
    assert!(matches!(node.try_open(&log), Err(StoreError::Damaged(_))));
}

#[test]
fn a_change_of_a_newer_version_stops_an_older_node() {
    let (log, nodes) = (MemoryLog::new(), [Node::new(), Node::new()]);
    let [a, b] = nodes.each_ref().map(|node| node.open(&log));
    log.set_away(true);
    log.tamper(|kept| {
        kept.entries.push(Entry { position: 1, nonce: Uuid::new_v4(), schema: 9_000, changes: "[]".to_owned() });
    });
    log.set_away(false);
    for system in [&a, &b] {
        let stopped = system.catch_up().unwrap_err();
        assert!(matches!(&stopped, StoreError::Unavailable(why) if why.contains("upgrade")), "{stopped}");
    }
}

#[test]
fn a_shared_folder_is_not_opened_alone_and_one_with_accounts_does_not_lose_them() {
    let (log, nodes) = (MemoryLog::new(), [Node::new(), Node::new()]);
    add(&nodes[0].open(&log), "lan").unwrap();
    let alone = System::open(nodes[0].path()).err().unwrap();
    assert!(alone.to_string().contains("--database"), "{alone}");
    add(&System::open(nodes[1].path()).unwrap(), "minh").unwrap();
    let refused = nodes[1].try_open(&log).err().unwrap();
    assert!(refused.to_string().contains("move it away"), "{refused}");
    assert_eq!(names(&System::open(nodes[1].path()).unwrap()), ["minh"]);
}
