//! Programs in Python that ask the server. `make test` installs them (`tests/tools.sh`).

use std::path::{Path, PathBuf};

/// A program of the tests' Python environment; says so if it is not there.
pub fn program(name: &str) -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let program = target.join("venv/bin").join(name);
    if program.exists() {
        return Some(program);
    }
    println!("SKIPPED: {} is not there, it was not tried; `make test-tools` installs it", program.display());
    None
}
