//! The commands of docs/OPERATIONS.md, as the tests run them: what the runbook says is what was tried.

use std::path::PathBuf;
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file under docs/examples.
pub fn example(name: &str) -> String {
    std::fs::read_to_string(root().join("docs/examples").join(name)).unwrap()
}

fn runbook() -> String {
    std::fs::read_to_string(root().join("docs/OPERATIONS.md")).unwrap()
}

/// The names of all blocks, sorted.
pub fn block_names() -> Vec<String> {
    let mut names: Vec<_> =
        runbook().lines().filter_map(|line| line.strip_prefix("```sh ")).map(str::to_owned).collect();
    names.sort_unstable();
    names
}

/// The commands of the block that begins with ```` ```sh NAME ````.
pub fn block(name: &str) -> String {
    let runbook = runbook();
    let fence = format!("\n```sh {name}\n");
    let (_, behind) = runbook.split_once(&fence).unwrap_or_else(|| panic!("the runbook has no block {name}"));
    assert!(!behind.contains(&fence), "two blocks {name}");
    behind.split_once("\n```").unwrap().0.to_owned()
}

/// Runs a block; `environment` sets what the reader has typed before.
pub fn run(name: &str, mut shell: Command, environment: &[(&str, String)]) -> Output {
    let variables = environment.iter().map(|(name, value)| (*name, value.as_str()));
    shell.args(["sh", "-euc", &block(name)]).envs(variables).output().unwrap()
}

/// As [`run`], of a block that must work; what it printed.
pub fn done(name: &str, shell: Command, environment: &[(&str, String)]) -> String {
    let output = run(name, shell, environment);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{name}: {said}");
    said
}
