//! The rooms of `src/` import only from those above them, and doors read the picture through its View alone.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms in their order; a room imports from those before it.
const ROOMS: &[&str] = &[
    "domain", "geometry", "raster", "roads", "risk", "store", "picture", "tiles", "report", "desk", "feed", "watch",
    "files", "gateway", "http", "commands",
];

/// Rooms that are doors: ways in and out, which decide nothing.
const DOORS: &[&str] = &["files", "gateway", "http"];

/// What a door may name of the picture: the View, its questions and answers, and what makes one.
const OPEN_TO_DOORS: &[&str] = &[
    "View",
    "Shown",
    "ItemsQuery",
    "LogQuery",
    "ItemsPage",
    "NearbyQuery",
    "Near",
    "WithinQuery",
    "Along",
    "AlongQuery",
    "Exposure",
    "WholeCommune",
    "PropertyFilter",
    "PastPictures",
    "PictureHandle",
    "Hit",
    "Read",
    "ReadObserver",
    "start",
];

/// One import that breaks the order.
#[derive(Debug, PartialEq)]
struct Breach {
    file: PathBuf,
    line: usize,
    import: String,
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).expect("a folder of sources").flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// `crate::room::rest` for every path into the crate on this line, whether in a `use` or in the code.
fn crate_paths(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices("crate::").map(|(at, _)| &code[at + "crate::".len()..]).collect()
}

fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn breaches_in(file: &Path, room: &str, source: &str) -> Vec<Breach> {
    let rank = |name: &str| ROOMS.iter().position(|r| *r == name);
    let own = rank(room).expect("a room of the design");
    let mut breaches = Vec::new();
    for (number, line) in source.lines().enumerate() {
        for path in crate_paths(line) {
            let target = word(path);
            let above = rank(target).is_none_or(|other| other <= own);
            let picture_names = (DOORS.contains(&room) && target == "picture").then(|| names_after(path, "picture::"));
            let closed = picture_names.is_some_and(|names| names.iter().any(|n| !OPEN_TO_DOORS.contains(&n.as_str())));
            if !above || closed {
                breaches.push(Breach { file: file.to_owned(), line: number + 1, import: path.trim().to_owned() });
            }
        }
    }
    breaches
}

/// The names that `picture::{A, B as C}` or `picture::A` brings in.
fn names_after(path: &str, prefix: &str) -> Vec<String> {
    let Some(rest) = path.strip_prefix(prefix) else { return Vec::new() };
    match rest.strip_prefix('{') {
        Some(list) => list
            .split('}')
            .next()
            .unwrap_or_default()
            .split(',')
            .map(|item| word(item.trim()).to_owned())
            .filter(|name| !name.is_empty() && name != "self")
            .collect(),
        None => vec![word(rest).to_owned()],
    }
}

/// Joins `use` statements that span lines, so that a list of names is read whole.
fn one_statement_a_line(source: &str) -> String {
    let mut out = String::new();
    let mut open = false;
    for line in source.lines() {
        let starts = line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub use ");
        if open || starts {
            out.push_str(line.trim());
            open = !line.contains(';');
            out.push(if open { ' ' } else { '\n' });
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[test]
fn a_room_imports_only_from_the_rooms_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut breaches = Vec::new();
    for room in ROOMS.iter().filter(|room| src.join(room).is_dir()) {
        let mut files = Vec::new();
        rust_files(&src.join(room), &mut files);
        for file in files {
            let source = fs::read_to_string(&file).expect("a readable source");
            breaches.extend(breaches_in(&file, room, &one_statement_a_line(&source)));
        }
    }
    assert!(breaches.is_empty(), "imports against the order of rooms: {breaches:#?}");
}

#[test]
fn every_folder_of_src_is_a_room() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(src).expect("src").flatten().filter(|e| e.path().is_dir()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(ROOMS.contains(&name.as_str()), "src/{name} is not a room of the design");
    }
}

#[test]
fn a_broken_room_is_found() {
    let upward = "use crate::http::Router;\nfn f() { crate::desk::report(); }\n";
    assert_eq!(breaches_in(Path::new("store/mod.rs"), "store", upward).len(), 2);
    let raw = one_statement_a_line("use crate::picture::{\n    View,\n    Picture,\n};\n");
    assert_eq!(breaches_in(Path::new("http/tiles.rs"), "http", &raw).len(), 1);
    let fine = "use crate::picture::{View, Near};\nuse crate::domain::Actor;\n";
    assert!(breaches_in(Path::new("http/nearby.rs"), "http", fine).is_empty());
}
