//! Records of a file, checked one by one already: durable and visible by one commit.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::scene::force_word;
use super::write::{may, problem_of};
use crate::domain::access::Deed;
use crate::domain::change::Seq;
use crate::domain::{Actor, Collection, Problem, Timestamp};
use crate::store::{Append, Expect, Put, Store};

/// Records up to which one ordinary append is used; more are staged beside other writes, which then need not wait.
const APPEND_PUTS_MAX: usize = 500;

/// Takes all of `puts` or none; a command that holds the folder has no picture to wait for. `expects` are the versions
/// on which the puts rest. The seq that shows them; 0 if there is nothing to take.
///
/// # Errors
/// `forbidden`, `version_conflict`, `disk_full` and the other problems of the store.
pub async fn take_file(store: &dyn Store, actor: &Actor, expects: Vec<Expect>, puts: Vec<Put>) -> Result<Seq, Problem> {
    may(actor, Deed::EditGround)?;
    if puts.is_empty() {
        return Ok(0);
    }
    let mut call =
        Append { idempotency: None, actor: actor.name.as_str().into(), exercise_id: None, expects, puts: Vec::new() };
    if puts.len() <= APPEND_PUTS_MAX {
        call.puts = puts;
        return store.append(call).await.map(|appended| appended.seq()).map_err(problem_of);
    }
    let appended = store.append_many(call, Box::new(puts.into_iter())).await.map_err(problem_of)?;
    Ok(appended.last)
}

/// What the duty log keeps of an import.
#[derive(Clone, Debug)]
pub struct ImportRecord {
    pub id: Uuid,
    pub collection: Collection,
    /// Name of the file, without its folder.
    pub file: String,
    pub rows: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub refused: u64,
}

/// As [`take_file`], with an entry of the duty log in the same commit, before the records: whoever undoes the import finds
/// them behind it in the journal. Nothing is logged where nothing is taken.
///
/// # Errors
/// As [`take_file`].
pub async fn take_import(
    store: &dyn Store,
    actor: &Actor,
    now: Timestamp,
    import: &ImportRecord,
    expects: Vec<Expect>,
    puts: Vec<Put>,
) -> Result<Seq, Problem> {
    may(actor, Deed::EditGround)?;
    if puts.is_empty() {
        return Ok(0);
    }
    let ImportRecord { collection, file, created, updated, refused, .. } = import;
    let text = format!(
        "Nhập bảng {file:?} vào {}: {created} bản ghi mới, {updated} bản ghi đổi, {refused} dòng bị từ chối",
        collection.title().0
    );
    let entry = entry(actor, now, "imported", &text, facts(import));
    let expects = [vec![Expect { collection: Collection::DutyLog, id: import.id, version: 0 }], expects].concat();
    let entry = Put { id: import.id, ..entry };
    take_file(store, actor, expects, std::iter::once(entry).chain(puts).collect()).await
}

fn facts(import: &ImportRecord) -> Value {
    let ImportRecord { collection, file, rows, created, updated, unchanged, refused, .. } = import;
    json!({
        "collection": collection.as_str(), "file": file, "rows": rows, "created": created, "updated": updated,
        "unchanged": unchanged, "refused": refused,
    })
}

/// An entry of the duty log that many records are written with; no incident, unit or zone.
pub(super) fn entry(actor: &Actor, at: Timestamp, kind: &str, text: &str, facts: Value) -> Put {
    let mut properties = Map::new();
    properties.insert("kind".to_owned(), kind.into());
    properties.insert("text".to_owned(), text.into());
    properties.insert("occurred_at".to_owned(), at.to_string().into());
    properties.insert("author".to_owned(), actor.name.as_str().into());
    if let Some(force) = actor.force {
        properties.insert("author_force".to_owned(), force_word(force).into());
    }
    properties.insert("facts".to_owned(), facts);
    Put {
        collection: Collection::DutyLog,
        id: Uuid::now_v7(),
        valid_at: Some(at),
        geometry: None,
        properties,
        personal: Map::new(),
    }
}
