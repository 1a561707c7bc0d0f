//! Another engine beside ours: OSRM with our speeds on the same extract. Asked by `tests/peers/roads_osrm.py`, where
//! `TRUCBAN_ROADS_PEER` names a Python that has the package `osrm-bindings`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use trucban::roads::profile::{Class, Surface, level_kmh};
use trucban::roads::{Profile, Snap};

/// Positions `[lon, lat]` asked for one by one, and for a table.
pub struct Question<'a> {
    pub pairs: &'a [[[f64; 2]; 2]],
    pub sources: &'a [[f64; 2]],
    pub targets: &'a [[f64; 2]],
}

/// What the other engine says.
pub struct PeerAnswer {
    /// Seconds; `None` where it knows no way.
    pub pairs_s: Vec<Option<f64>>,
    /// Milliseconds of the whole table: contracted beforehand, and partitioned.
    pub table_ch_ms: f64,
    pub table_mld_ms: f64,
}

/// Asks the other engine for a profile; `None`, with a word, where it is not at hand. `folder` gets its files.
pub fn ask_peer(folder: &Path, extract: &Path, profile: Profile, question: &Question<'_>) -> Option<PeerAnswer> {
    let Some(python) = std::env::var_os("TRUCBAN_ROADS_PEER").map(PathBuf::from) else {
        println!("SKIPPED: TRUCBAN_ROADS_PEER names no Python with osrm-bindings");
        return None;
    };
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    std::fs::copy(peers.join("roads.lua"), folder.join("roads.lua")).unwrap();
    std::fs::write(folder.join("speeds.lua"), speeds(profile)).unwrap();
    let mut asked = Command::new(python)
        .arg(peers.join("roads_osrm.py"))
        .args([folder, extract])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let body = json!({"pairs": question.pairs, "table": {"sources": question.sources, "targets": question.targets}});
    asked.stdin.take().unwrap().write_all(body.to_string().as_bytes()).unwrap();
    let output = asked.wait_with_output().unwrap();
    assert!(output.status.success(), "the other engine failed");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let table_ms = |kind: &str| answer["table_ms"][kind].as_f64().unwrap();
    Some(PeerAnswer {
        pairs_s: answer["pairs_s"].as_array().unwrap().iter().map(Value::as_f64).collect(),
        table_ch_ms: table_ms("ch"),
        table_mld_ms: table_ms("mld"),
    })
}

/// Our speeds of a profile as a table in Lua: km/h by class and surface, as the class has it and where a tag opens the way.
fn speeds(profile: Profile) -> String {
    let surfaces = |class: Class, open: Option<bool>| {
        (0..).map_while(Surface::from_number).fold(String::new(), |mut row, surface| {
            if let Some(kmh) = level_kmh(profile, class, surface, open) {
                let _ = write!(row, "{} = {kmh}, ", surface.as_str());
            }
            row
        })
    };
    let rows = (0..).map_while(Class::from_number).fold(String::new(), |mut rows, class| {
        let (plain, opened) = (surfaces(class, None), surfaces(class, Some(true)));
        let _ = writeln!(rows, "  {} = {{ plain = {{ {plain}}}, opened = {{ {opened}}} }},", class.as_str());
        rows
    });
    format!("return {{ profile = \"{}\", speeds = {{\n{rows}}} }}\n", profile.as_str())
}

/// The positions of places.
pub fn positions(places: &[Snap]) -> Vec<[f64; 2]> {
    places.iter().map(|place| place.position).collect()
}
