//! A node that leaves the others.

use std::path::Path;

use super::folder::Lock;
use super::{StoreError, replica, system, tips};

/// Makes the accounts and tips of a folder its own again, as they were when its node last heard the others; which files
/// were shared. Nothing is told to the others: they keep nothing of a node. The folder must not be in use.
///
/// # Errors
/// `folder_locked` naming the holder, or what the system said.
pub fn leave(dir: &Path) -> Result<Vec<&'static str>, StoreError> {
    let _lock = Lock::take(dir)?;
    let mut left = Vec::new();
    for shape in [system::SHAPE, tips::SHAPE] {
        if dir.join(shape.file).is_file() && replica::leave(dir, shape)? {
            left.push(shape.file);
        }
    }
    Ok(left)
}
