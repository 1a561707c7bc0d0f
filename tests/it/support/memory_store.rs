//! A store without a disk: the journal in a list. It gives out seqs and versions and checks expected versions; it
//! gives no human codes, keeps no idempotency keys, and nothing of it lasts.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::sync::watch;
use trucban::domain::attachment::FileHash;
use trucban::domain::change::{Seq, canonical_json};
use trucban::domain::{Change, Collection, Event, Fix, FixBatch, Record, Timestamp};
use trucban::store::{
    Append, Appended, AppendedMany, FixesAppended, Put, Snapshot, Staging, Store, StoreError, StoreFuture,
};
use uuid::Uuid;

pub struct MemoryStore {
    state: Mutex<State>,
    durable: watch::Sender<Seq>,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    records: BTreeMap<(usize, Uuid), (Record, Seq)>,
    fixes: HashMap<Uuid, (Fix, Seq)>,
    seq: Seq,
}

/// A put of one record, properties given as JSON.
pub fn put(collection: Collection, id: Uuid, geometry: Option<geo_types::Geometry>, properties: Value) -> Put {
    let Value::Object(properties) = properties else { panic!("properties are an object") };
    Put { collection, id, valid_at: None, geometry, properties, personal: Map::new() }
}

impl MemoryStore {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), durable: watch::Sender::new(0) })
    }

    /// Makes these puts one append; its last seq.
    pub fn put(&self, puts: Vec<Put>) -> Seq {
        self.take(Append { idempotency: None, actor: "test".into(), exercise_id: None, expects: Vec::new(), puts })
            .expect("an append that expects nothing")
            .seq()
    }

    /// Makes these fixes one group; its seq.
    pub fn fix(&self, fixes: Vec<Fix>) -> Seq {
        let mut state = self.state.lock().unwrap();
        state.seq += 1;
        let seq = state.seq;
        for fix in &fixes {
            if state.fixes.get(&fix.unit_id).is_none_or(|(known, _)| known.at < fix.at) {
                state.fixes.insert(fix.unit_id, (fix.clone(), seq));
            }
        }
        let recorded_at = Timestamp::from_ms(1_800_000_000_000 + seq as i64);
        state.events.push(Event::Fixes(FixBatch { seq, recorded_at, fixes: fixes.into() }));
        drop(state);
        self.durable.send_replace(seq);
        seq
    }

    fn changes(&self) -> Vec<Change> {
        let state = self.state.lock().unwrap();
        let change = |event: &Event| match event {
            Event::Change(change) => Some(change.clone()),
            Event::Fixes(_) => None,
        };
        state.events.iter().filter_map(change).collect()
    }

    fn take(&self, call: Append) -> Result<Appended, StoreError> {
        let mut state = self.state.lock().unwrap();
        for expect in &call.expects {
            let present = state.records.get(&(expect.collection.index(), expect.id)).map_or(0, |(r, _)| r.version);
            if present != expect.version {
                let (collection, id, expected) = (expect.collection, expect.id, expect.version);
                return Err(StoreError::Conflict { collection, id, expected, present });
            }
        }
        let request_id = Uuid::from_u128(u128::from(state.seq) + 1);
        let mut changes = Vec::new();
        for put in call.puts {
            state.seq += 1;
            let seq = state.seq;
            let key = (put.collection.index(), put.id);
            let record = Record {
                id: put.id,
                version: state.records.get(&key).map_or(0, |(record, _)| record.version) + 1,
                recorded_at: Timestamp::from_ms(1_800_000_000_000 + seq as i64),
                geometry: put.geometry,
                properties: canonical_json(&put.properties),
                personal: (!put.personal.is_empty()).then(|| canonical_json(&put.personal)),
            };
            state.records.insert(key, (record.clone(), seq));
            changes.push(Change {
                seq,
                request_id,
                actor: Arc::clone(&call.actor),
                valid_at: put.valid_at.unwrap_or(record.recorded_at),
                exercise_id: call.exercise_id,
                collection: put.collection,
                record: Arc::new(record),
            });
        }
        state.events.extend(changes.iter().cloned().map(Event::Change));
        let seq = state.seq;
        drop(state);
        self.durable.send_replace(seq);
        Ok(Appended { changes, replayed: false })
    }
}

fn now<T: Send + 'static>(value: T) -> StoreFuture<'static, T> {
    Box::pin(std::future::ready(value))
}

impl Store for MemoryStore {
    fn append(&self, call: Append) -> StoreFuture<'_, Result<Appended, StoreError>> {
        now(self.take(call))
    }

    fn append_many(
        &self,
        mut head: Append,
        puts: Box<dyn Iterator<Item = Put> + Send>,
    ) -> StoreFuture<'_, Result<AppendedMany, StoreError>> {
        head.puts.extend(puts);
        now(self.take(head).map(|appended| AppendedMany {
            first: appended.changes.first().map_or(0, |change| change.seq),
            last: appended.seq(),
            count: appended.changes.len(),
            replayed: false,
        }))
    }

    fn append_fixes(&self, fixes: Arc<[Fix]>) -> StoreFuture<'_, Result<FixesAppended, StoreError>> {
        now(Ok(FixesAppended { seq: self.fix(fixes.to_vec()) }))
    }

    fn changes_between(
        &self,
        after: Seq,
        through: Seq,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Event>, StoreError>> {
        let state = self.state.lock().unwrap();
        let first = state.events.partition_point(|event| event.seq() <= after);
        let wanted = state.events[first..].iter().take_while(|event| event.seq() <= through);
        now(Ok(wanted.take(limit).cloned().collect()))
    }

    fn tell_staging(&self, _: Arc<dyn Staging>) {}

    fn durable_seq(&self) -> watch::Receiver<Seq> {
        self.durable.subscribe()
    }

    fn leads(&self) -> watch::Receiver<bool> {
        watch::channel(true).1
    }

    fn snapshot(&self) -> StoreFuture<'_, Result<Box<dyn Snapshot>, StoreError>> {
        let state = self.state.lock().unwrap();
        let records = state.records.iter().map(|((at, _), (record, seq))| (*at, record.clone(), *seq)).collect();
        let fixes = state.fixes.values().cloned().collect();
        let snapshot: Box<dyn Snapshot> = Box::new(MemorySnapshot { seq: state.seq, records, fixes });
        now(Ok(snapshot))
    }

    fn history(&self, collection: Collection, id: Uuid) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        let state = self.state.lock().unwrap();
        let of_record = |event: &Event| match event {
            Event::Change(change) if change.collection == collection && change.record.id == id => Some(change.clone()),
            _ => None,
        };
        now(Ok(state.events.iter().filter_map(of_record).collect()))
    }

    fn seq_at(&self, at: Timestamp) -> StoreFuture<'_, Result<Seq, StoreError>> {
        now(Ok(self
            .changes()
            .iter()
            .filter(|change| change.record.recorded_at <= at)
            .map(|c| c.seq)
            .max()
            .unwrap_or(0)))
    }

    fn known_at(&self, seq: Seq, records: Vec<(Collection, Uuid)>) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        let changes = self.changes();
        let newest = |(collection, id): &(Collection, Uuid)| {
            let mut of_record = changes.iter().filter(|c| c.collection == *collection && c.record.id == *id);
            of_record.rfind(|change| change.seq <= seq).cloned()
        };
        now(Ok(records.iter().filter_map(newest).collect()))
    }

    fn told_late(
        &self,
        valid_by: Timestamp,
        after: Seq,
        through: Seq,
    ) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        let is_late = |change: &Change| change.valid_at <= valid_by && change.valid_at < change.record.recorded_at;
        let changes = self.changes().into_iter().filter(|change| change.seq > after && change.seq <= through);
        now(Ok(changes.filter(is_late).collect()))
    }

    fn fixes_known_at(&self, seq: Seq, taken_by: Timestamp) -> StoreFuture<'_, Result<Vec<(Fix, Seq)>, StoreError>> {
        let state = self.state.lock().unwrap();
        let mut newest: std::collections::HashMap<Uuid, (Fix, Seq)> = std::collections::HashMap::new();
        for event in state.events.iter().filter(|event| event.seq() <= seq) {
            let Event::Fixes(batch) = event else { continue };
            for fix in batch.fixes.iter().filter(|fix| fix.at <= taken_by) {
                if newest.get(&fix.unit_id).is_none_or(|(known, _)| known.at < fix.at) {
                    newest.insert(fix.unit_id, (fix.clone(), batch.seq));
                }
            }
        }
        now(Ok(newest.into_values().collect()))
    }

    fn meta(&self, _key: &'static str) -> StoreFuture<'_, Result<Option<String>, StoreError>> {
        now(Ok(None))
    }

    fn set_meta(&self, _key: &'static str, _value: String) -> StoreFuture<'_, Result<(), StoreError>> {
        now(Ok(()))
    }

    fn keep_file(&self, _: FileHash, _: Bytes) -> StoreFuture<'_, Result<(), StoreError>> {
        now(Ok(()))
    }

    fn file_part(&self, _: FileHash, _: u64, _: usize) -> StoreFuture<'_, Result<Option<Bytes>, StoreError>> {
        now(Ok(None))
    }

    fn drop_orphan_files(&self, _: Timestamp) -> StoreFuture<'_, Result<usize, StoreError>> {
        now(Ok(0))
    }

    fn backup(&self, _to: PathBuf) -> StoreFuture<'_, Result<(), StoreError>> {
        now(Err(StoreError::Unavailable("a store in memory has no backup".to_owned())))
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        now(())
    }
}

struct MemorySnapshot {
    seq: Seq,
    records: Vec<(usize, Record, Seq)>,
    fixes: Vec<(Fix, Seq)>,
}

impl Snapshot for MemorySnapshot {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn records(&mut self, collection: Collection, sink: &mut dyn FnMut(Record, Seq)) -> Result<(), StoreError> {
        for (_, record, seq) in self.records.iter().filter(|(at, ..)| *at == collection.index()) {
            sink(record.clone(), *seq);
        }
        Ok(())
    }

    fn newest_fixes(&mut self) -> Result<Vec<(Fix, Seq)>, StoreError> {
        Ok(self.fixes.clone())
    }
}
