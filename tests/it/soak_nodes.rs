//! Three nodes on one database while everything between them fails by turns: nothing that was answered is lost or
//! happens twice, all nodes show the same in the end, and whoever listened, on whatever node, missed nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use reqwest::{Client, StatusCode};
use trucban::domain::Change;
use trucban::store::Store;
use trucban::store::postgis::{PgStore, check};

use crate::fault_proxy::Way;
use crate::http_feed::Listener;
use crate::http_support::client;
use crate::nodes_support::{Nodes, PATIENCE, caught_up};
use crate::soak_checks::{Journal, Picture};
use crate::soak_load::{Refused, Writer, writers};
use crate::soak_support::{Dice, rounds};

const NODES: usize = 3;
const WRITERS: usize = 20;
const LISTENERS: usize = 6;
/// How long there are faults in `make test` and in `make soak`, seconds.
const FAULTS_S: (usize, usize) = (40, 600);
/// Longest that one fault lasts, and longest that it is quiet after it, milliseconds.
const FAULT_MS: u64 = 4_000;
const QUIET_MS: u64 = 1_500;
/// After how long without a word a listener tries another node; a little more than the feed is ever silent.
const SILENCE: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn nodes_and_their_database_fail_by_turns_and_nothing_that_was_answered_is_lost() {
    let mut dice = Dice::thrown_for("faults of nodes and database");
    let mut rig = Rig { nodes: Nodes::start(NODES).await, done: BTreeMap::new() };
    let (bases, database) = (rig.nodes.bases(), rig.nodes.database());
    let mut writers = writers(&bases[0], WRITERS, &mut dice).await;
    let (writing_ends, listening_ends) = (AtomicBool::new(false), AtomicU64::new(u64::MAX));
    let refused = Refused::default();
    let mut listeners: Vec<Follower> = (0..LISTENERS).map(|_| Follower::new(dice.split())).collect();

    let faults_last = Duration::from_secs(rounds(FAULTS_S.0, FAULTS_S.1) as u64);
    let write = join_all(writers.iter_mut().map(|writer| writer.write_anywhere(&bases, &writing_ends, &refused)));
    let listen = join_all(listeners.iter_mut().map(|listener| listener.follow(&bases, &listening_ends)));
    let faults = async {
        let until = Instant::now() + faults_last;
        while Instant::now() < until {
            rig.fail(&mut dice).await;
            tokio::time::sleep(Duration::from_millis(dice.below(QUIET_MS))).await;
        }
        writing_ends.store(true, Ordering::SeqCst);
    };
    let written = async {
        join(write, faults).await;
        let newest = *PgStore::open_read(database).await.unwrap().durable_seq().borrow();
        listening_ends.store(newest, Ordering::SeqCst);
        newest
    };
    let ended = tokio::time::timeout(faults_last + PATIENCE, join(written, listen)).await;
    let Ok((newest, _)) = ended else {
        let stuck = writers.iter().filter_map(|writer| writer.pending.as_ref()).collect::<Vec<_>>();
        let heard = listeners.iter().map(|listener| listener.last).collect::<Vec<_>>();
        refused.say();
        panic!(
            "all is well for {PATIENCE:?} and still not answered: {stuck:?}; listeners are at {heard:?}; {}",
            rig.said()
        );
    };
    let told: usize = writers.iter().map(|writer| writer.told.len()).sum();
    println!("{told} writes answered; {}", rig.said());
    refused.say();
    println!(
        "feeds: {} resumed, {} read again",
        sum(&listeners, |l| l.connected.len()),
        sum(&listeners, |l| l.resets.len())
    );
    // Past all proxies.
    let store = PgStore::open_read(rig.nodes.database()).await.unwrap();
    rig.hold_against_each_other(&writers, &store, newest).await;
    rig.hold_against_feeds(&listeners, &store).await;
    assert!(told > 100, "the nodes were hardly written to");
}

fn sum(listeners: &[Follower], figure: impl Fn(&Follower) -> usize) -> usize {
    listeners.iter().map(figure).sum()
}

/// The nodes, and what was done to them and to their database.
struct Rig {
    nodes: Nodes,
    done: BTreeMap<&'static str, usize>,
}

impl Rig {
    /// One fault, from its begin to its end.
    async fn fail(&mut self, dice: &mut Dice) {
        let (node, lasts) = (dice.below(NODES as u64) as usize, Duration::from_millis(dice.below(FAULT_MS)));
        let way = match dice.below(5) {
            0 => Way::Cut,
            1 => Way::Silent,
            2 => Way::Slow(Duration::from_millis(dice.below(400))),
            3 => Way::AnswersLost,
            _ => Way::HalfClosed,
        };
        let nodes = &mut self.nodes;
        let what = match dice.below(8) {
            0 => {
                nodes.with_server(|database| database.restart("fast")).await;
                "the database was restarted"
            }
            1 => {
                nodes.with_server(|database| database.restart("immediate")).await;
                "the database crashed"
            }
            2 => {
                nodes.with_server(|database| database.signal("STOP")).await;
                tokio::time::sleep(lasts).await;
                nodes.with_server(|database| database.signal("CONT")).await;
                "the database stood still"
            }
            3 => {
                nodes.make_every_way(way);
                tokio::time::sleep(lasts).await;
                nodes.make_every_way(Way::Open);
                "no node had its way to the database"
            }
            4 => {
                nodes.kill(node).await;
                "a node was killed"
            }
            5 => {
                nodes.signal(node, "STOP");
                tokio::time::sleep(lasts).await;
                nodes.signal(node, "CONT");
                "a node stood still"
            }
            _ => {
                nodes.make_way(node, way);
                tokio::time::sleep(lasts).await;
                nodes.make_way(node, Way::Open);
                "a node had not its way to the database"
            }
        };
        *self.done.entry(what).or_default() += 1;
    }

    fn said(&self) -> String {
        let times = |(what, times): (&&str, &usize)| format!("{what} {times} times");
        self.done.iter().map(times).collect::<Vec<_>>().join(", ")
    }

    /// What was answered is in the journal, once and whole, and every node shows it, all the same.
    async fn hold_against_each_other(&self, writers: &[Writer], store: &PgStore, newest: u64) {
        let journal = Journal::of(store).await;
        let told = || writers.iter().flat_map(|writer| &writer.told);
        told().for_each(|told| journal.holds(told));
        let mut shown: Vec<Picture> = Vec::new();
        for base in self.nodes.bases() {
            caught_up(&base, newest).await;
            let picture = Picture::read(&base).await;
            picture.agrees_with_itself();
            told().for_each(|told| picture.holds(told, &journal));
            if let Some(first) = shown.first() {
                assert_eq!(first.records.len(), picture.records.len());
                for (id, record) in &first.records {
                    assert_eq!(record, &picture.records[id], "two nodes differ");
                }
            }
            shown.push(picture);
        }
        let findings = check(&self.nodes.database()).await.unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        println!("{} fixes stand in the journal twice", journal.fixes_again);
    }

    /// Whoever listened has heard the last of every record, each record's changes in their order.
    async fn hold_against_feeds(&self, listeners: &[Follower], store: &PgStore) {
        let journal = Journal::of(store).await;
        let mut last: HashMap<String, &Change> = HashMap::new();
        for change in journal.calls.values().flatten() {
            let newest = last.entry(change.record.id.to_string()).or_insert(change);
            if newest.seq < change.seq {
                *newest = change;
            }
        }
        for listener in listeners {
            for (id, change) in last.iter().filter(|(_, change)| change.seq > listener.began) {
                let heard = listener.heard.get(id).copied();
                if heard.is_none() && change.record.property("ended_at").is_some_and(|at| !at.is_null()) {
                    // It came and went in one step of the node.
                    continue;
                }
                let heard = heard.unwrap_or_default().max(listener.read_again);
                assert!(
                    heard >= change.seq,
                    "heard up to {heard} of {:?}, connected at {:?}",
                    change,
                    listener.connected
                );
            }
        }
    }
}

/// Somebody who listens on one node and then on another.
struct Follower {
    client: Client,
    dice: Dice,
    began: u64,
    last: Option<u64>,
    /// The newest event of each record.
    heard: HashMap<String, u64>,
    /// Up to where it was told to read again.
    read_again: u64,
    /// Where each of its connections ended.
    connected: Vec<u64>,
    resets: Vec<String>,
}

impl Follower {
    fn new(dice: Dice) -> Self {
        Self {
            client: client(),
            dice,
            began: u64::MAX,
            last: None,
            heard: HashMap::new(),
            read_again: 0,
            connected: Vec::new(),
            resets: Vec::new(),
        }
    }

    async fn follow(&mut self, bases: &[String], until: &AtomicU64) {
        while self.last.is_none_or(|last| last < until.load(Ordering::SeqCst)) {
            let base = &bases[self.dice.below(bases.len() as u64) as usize];
            let mut asked = self.client.get(format!("{base}/api/feed"));
            if let Some(last) = self.last {
                asked = asked.header("last-event-id", last);
            }
            match asked.send().await {
                Ok(answer) if answer.status() == StatusCode::OK => self.listen(Listener::of(answer), until).await,
                Ok(answer) => assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(self.dice.below(500))).await;
        }
    }

    async fn listen(&mut self, mut feed: Listener, until: &AtomicU64) {
        self.connected.extend(self.last);
        let mut in_order: HashMap<String, u64> = HashMap::new();
        while let Ok(Some(Ok(event))) = feed.next_within(SILENCE).await {
            self.began = self.began.min(event.seq);
            match event.event.as_str() {
                "change" | "gone" => {
                    let record = if event.event == "gone" { &event.data } else { &event.data["feature"] };
                    let record = record["id"].as_str().unwrap().to_owned();
                    let before = in_order.insert(record.clone(), event.seq).unwrap_or_default();
                    assert!(before < event.seq, "{record} at {} came after {before}", event.seq);
                    let heard = self.heard.entry(record).or_default();
                    *heard = event.seq.max(*heard);
                }
                "reset" => {
                    self.read_again = self.read_again.max(event.seq);
                    self.resets.push(event.data["reason"].as_str().unwrap().to_owned());
                }
                _ => {}
            }
            self.last = self.last.max(Some(event.seq));
            if event.seq >= until.load(Ordering::SeqCst) {
                return;
            }
        }
    }
}
