//! One group as one statement: calls and batches of fixes go to `write_group` as arrays, its rows become the answers.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_postgres::{Client, Row, Statement};
use uuid::Uuid;

use super::arrays::{FixArrays, Parameter, PutArrays};
use super::prepare::{Frame, Prepared, timestamp};
use super::read::seq;
use crate::domain::change::Seq;
use crate::domain::{Change, Fix};
use crate::store::{Appended, Expect, FixesAppended, Idempotency, StoreError, body};

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// An `Append` on its way.
pub(super) struct Call {
    pub idempotency: Option<Idempotency>,
    pub frame: Frame,
    pub expects: Vec<Expect>,
    pub puts: Vec<Prepared>,
    pub asked_at: Instant,
    pub answer: Answer<Written>,
}

/// What became of a call.
pub(super) enum Written {
    New(Appended),
    /// The first and last seq of the first time; 0 if it changed nothing.
    Before(Seq, Seq),
}

/// Fixes on their way.
pub(super) struct Batch {
    pub fixes: Arc<[Fix]>,
    pub asked_at: Instant,
    pub answer: Answer<FixesAppended>,
}

/// What the writer is asked for.
pub(super) enum Job {
    Call(Call),
    Batch(Batch),
}

/// Members that go in one transaction.
#[derive(Default)]
pub(super) struct Group {
    pub calls: Vec<Call>,
    pub batches: Vec<Batch>,
}

/// How the arrays of `write_group_once` are bound.
pub(super) const WRITE_GROUP: &str = "SELECT what, call, item, a, b, code, at FROM write_group_once(\
     $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, \
     $26, ROW($27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37)::fix_arrays, $38, $39)";

impl Group {
    pub fn push(&mut self, job: Job) {
        match job {
            Job::Call(call) => self.calls.push(call),
            Job::Batch(batch) => self.batches.push(batch),
        }
    }

    pub fn len(&self) -> usize {
        self.calls.len() + self.batches.len()
    }

    /// Groups of one member each.
    pub fn apart(self) -> impl Iterator<Item = Self> {
        let calls = self.calls.into_iter().map(|call| Self { calls: vec![call], ..Self::default() });
        calls.chain(self.batches.into_iter().map(|batch| Self { batches: vec![batch], ..Self::default() }))
    }

    pub fn refuse(self, error: &StoreError) {
        // A caller that has gone away does not want its answer.
        for call in self.calls {
            let _ = call.answer.send(Err(error.clone()));
        }
        for batch in self.batches {
            let _ = batch.answer.send(Err(error.clone()));
        }
    }

    /// When the first of its members was asked for.
    pub fn asked_at(&self) -> Instant {
        let calls = self.calls.iter().map(|call| call.asked_at);
        calls.chain(self.batches.iter().map(|batch| batch.asked_at)).min().unwrap_or_else(Instant::now)
    }

    /// Runs the group as the writer's group of this number; durable when the rows come.
    pub async fn run(
        &self,
        client: &Client,
        statement: &Statement,
        writer: Uuid,
        number: i64,
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let calls = CallArrays::of(&self.calls);
        let mut puts = PutArrays::default();
        self.calls.iter().flat_map(|call| &call.puts).for_each(|put| puts.push(put));
        let fixes = FixArrays::of(self.batches.iter().map(|batch| &*batch.fixes));
        let parameters = [
            &calls.parameters()[..],
            &puts.record(),
            &puts.code(),
            &puts.personal(),
            &[&(body::FORMAT as i32), &fixes.batch_fixes],
            &fixes.fixes(),
            &[&writer, &number],
        ]
        .concat();
        client.query(statement, &parameters).await
    }

    /// Answers by what the journal holds of it, up to `newest`; what is left changed nothing and may be asked anew.
    pub fn settle(self, newest: Seq, changes: Vec<Change>) -> Option<Self> {
        // The batches have the last seqs, in their order.
        let first_batch = newest + 1 - self.batches.len() as Seq;
        for (at, batch) in self.batches.into_iter().enumerate() {
            let _ = batch.answer.send(Ok(FixesAppended { seq: first_batch + at as Seq }));
        }
        let mut of_call: HashMap<Uuid, Vec<Change>> = HashMap::new();
        for change in changes {
            of_call.entry(change.request_id).or_default().push(change);
        }
        let mut rest = Self::default();
        for call in self.calls {
            match of_call.remove(&call.frame.request_id) {
                Some(changes) => {
                    let _ = call.answer.send(Ok(Written::New(Appended { changes, replayed: false })));
                }
                None => rest.calls.push(call),
            }
        }
        (rest.len() > 0).then_some(rest)
    }

    /// Gives every member its answer; the newest seq, 0 if nothing was written.
    pub fn answer(self, rows: &[Row]) -> Seq {
        let mut newest = 0;
        let mut of_call: HashMap<usize, Vec<&Row>> = HashMap::new();
        let mut of_batch: HashMap<usize, Seq> = HashMap::new();
        for row in rows {
            let (what, seq) = (row.get::<_, &str>(0), seq(row, 3));
            match what {
                "fixes" => {
                    of_batch.insert(index(row, 2), seq);
                    newest = newest.max(seq);
                }
                _ => {
                    if what == "put" {
                        newest = newest.max(seq);
                    }
                    of_call.entry(index(row, 1)).or_default().push(row);
                }
            }
        }
        let mut first_expect = 0;
        for (at, call) in self.calls.into_iter().enumerate() {
            let expects = call.expects.len();
            let (answer, written) = call.written(first_expect, &of_call.remove(&at).unwrap_or_default());
            first_expect += expects;
            // A caller that has gone away does not want its answer.
            let _ = answer.send(written);
        }
        for (at, batch) in self.batches.into_iter().enumerate() {
            let taken = of_batch.get(&at).map(|seq| FixesAppended { seq: *seq });
            let _ = batch.answer.send(taken.ok_or_else(|| StoreError::Damaged("a batch without an answer".to_owned())));
        }
        newest
    }
}

/// A group was committed the first time that it was sent: the seqs after `before` up to `newest` are its own.
pub(super) struct Done {
    pub before: Seq,
    pub newest: Seq,
}

impl Done {
    /// What the rows of the answer say.
    pub fn of(rows: &[Row]) -> Option<Self> {
        let row = rows.first().filter(|row| row.get::<_, &str>(0) == "done")?;
        Some(Self { before: seq(row, 3), newest: seq(row, 4) })
    }
}

/// A place in an array of ours, of a column that counts from 1.
fn index(row: &Row, column: usize) -> usize {
    usize::try_from(row.get::<_, i32>(column) - 1).unwrap_or(usize::MAX)
}

impl Call {
    fn written(self, first_expect: usize, rows: &[&Row]) -> (Answer<Written>, Result<Written, StoreError>) {
        let Self { frame, expects, puts, answer, .. } = self;
        let written = match rows.first().map(|row| (row.get::<_, &str>(0), *row)) {
            Some(("replayed", row)) => Ok(Written::Before(seq(row, 3), seq(row, 4))),
            Some(("mismatch", _)) => Err(StoreError::IdempotencyMismatch),
            Some(("conflict", row)) => {
                let present = u32::try_from(row.get::<_, i64>(3)).unwrap_or_default();
                match expects.get(index(row, 2).wrapping_sub(first_expect)) {
                    Some(&Expect { collection, id, version: expected }) => {
                        Err(StoreError::Conflict { collection, id, expected, present })
                    }
                    None => Err(StoreError::Damaged("a conflict about nothing".to_owned())),
                }
            }
            _ if rows.len() == puts.len() => {
                let changes = puts.into_iter().zip(rows).map(|(put, row)| {
                    let version = u32::try_from(row.get::<_, i64>(4)).unwrap_or_default();
                    put.into_change(&frame, seq(row, 3), version, timestamp(row.get(6)), row.get(5))
                });
                Ok(Written::New(Appended { changes: changes.collect(), replayed: false }))
            }
            _ => Err(StoreError::Damaged("a put without an answer".to_owned())),
        };
        (answer, written)
    }
}

#[derive(Default)]
struct CallArrays<'a> {
    key: Vec<Option<Uuid>>,
    hash: Vec<Option<&'a [u8]>>,
    request: Vec<Uuid>,
    actor: Vec<&'a str>,
    exercise: Vec<Option<Uuid>>,
    expects_until: Vec<i32>,
    puts_until: Vec<i32>,
    expect_collection: Vec<&'static str>,
    expect_id: Vec<Uuid>,
    expect_version: Vec<i32>,
}

impl<'a> CallArrays<'a> {
    fn of(calls: &'a [Call]) -> Self {
        let mut arrays = Self::default();
        let mut puts = 0;
        for call in calls {
            arrays.key.push(call.idempotency.map(|idempotency| idempotency.key));
            arrays.hash.push(call.idempotency.as_ref().map(|idempotency| idempotency.body_hash.as_slice()));
            arrays.request.push(call.frame.request_id);
            arrays.actor.push(&call.frame.actor);
            arrays.exercise.push(call.frame.exercise_id);
            for expect in &call.expects {
                arrays.expect_collection.push(expect.collection.as_str());
                arrays.expect_id.push(expect.id);
                arrays.expect_version.push(expect.version.cast_signed());
            }
            puts += call.puts.len();
            arrays.expects_until.push(arrays.expect_id.len() as i32);
            arrays.puts_until.push(puts as i32);
        }
        arrays
    }

    fn parameters(&self) -> [Parameter<'_>; 10] {
        [
            &self.key,
            &self.hash,
            &self.request,
            &self.actor,
            &self.exercise,
            &self.expects_until,
            &self.puts_until,
            &self.expect_collection,
            &self.expect_id,
            &self.expect_version,
        ]
    }
}
