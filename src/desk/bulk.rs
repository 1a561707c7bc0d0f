//! Records of a file, checked one by one already: durable and visible by one commit.

use super::write::{may, problem_of};
use crate::domain::access::Deed;
use crate::domain::change::Seq;
use crate::domain::{Actor, Problem};
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
