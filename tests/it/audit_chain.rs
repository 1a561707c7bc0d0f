//! The chain of the audit: what finds a changed byte, what several processes make of it, what leaves it as a file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use rand::RngExt;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::Value;
use trucban::domain::access::DataClass;
use trucban::domain::{Actor, Collection, Role, Timestamp};
use trucban::store::audit::{Audit, BULK_IDS_AN_HOUR_MAX, Event, Kind, Verified, verify};
use uuid::Uuid;

use crate::store_support::Folder;

pub fn database(folder: &Path) -> Connection {
    Connection::open(folder.join("audit.db")).unwrap()
}

/// A folder whose audit has so many rows of every kind.
fn written(rows: usize) -> Folder {
    let folder = Folder::new();
    let audit = Audit::open(folder.path()).unwrap();
    for n in 0..rows {
        audit.event(event(n, vec![Uuid::now_v7(); n % 3])).unwrap();
    }
    audit.close();
    folder
}

pub fn event(n: usize, ids: Vec<Uuid>) -> Event {
    let actor = Arc::new(Actor::new(&format!("Trực ban {n}"), Role::DutyOfficer, None));
    let at = Timestamp::from_ms(1_800_000_000_000 + n as i64);
    let event = Event::new(if n.is_multiple_of(2) { Kind::Read } else { Kind::SignIn }, &actor, at, "GET /api/nearby");
    let event = Event { purpose: "sơ tán".to_owned(), ids, ..event };
    if n.is_multiple_of(2) { event.about(Collection::Households, DataClass::Personal, 3) } else { event }
}

pub fn trucban(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trucban")).args(arguments).arg("--data").arg(folder).output().unwrap()
}

#[test]
fn any_byte_changed_in_any_column_is_found_and_its_row_named() {
    let folder = written(60);
    let Verified { rows, head, fault } = verify(folder.path()).unwrap();
    assert_eq!((rows, fault), (60, None));
    let conn = database(folder.path());
    let columns = "seq at_ms node actor role kind class collection count ids place purpose prev_hash hash";
    let mut random = rand::rng();
    for column in columns.split(' ') {
        for _ in 0..12 {
            let seq: i64 = random.random_range(1..=60);
            let read = format!("SELECT {column} FROM rows WHERE seq = ?1");
            let was: Cell = conn.query_row(&read, [seq], |row| row.get(0)).unwrap();
            let mut flip = |bytes: &mut Vec<u8>| match bytes.len() {
                0 => bytes.push(b'x'),
                length => bytes[random.random_range(0..length)] ^= 1 << random.random_range(0..7),
            };
            let now = match &was {
                Cell::Null => Cell::Text("x".to_owned()),
                // Some flips are no valid UTF-8; SQLite keeps them as they are.
                Cell::Text(text) => {
                    let mut bytes = text.clone().into_bytes();
                    flip(&mut bytes);
                    Cell::Blob(bytes)
                }
                Cell::Blob(bytes) => {
                    let mut bytes = bytes.clone();
                    flip(&mut bytes);
                    Cell::Blob(bytes)
                }
                // A seq that is another row's cannot be written; one beyond all can.
                Cell::Integer(number) if column == "seq" => Cell::Integer(number + 1_000),
                Cell::Integer(number) => Cell::Integer(number ^ (1 << random.random_range(0..40))),
                Cell::Real(_) => unreachable!(),
            };
            let is_text = matches!(was, Cell::Text(_) | Cell::Null);
            let value = if is_text { "CAST(?2 AS TEXT)" } else { "?2" };
            let write = format!("UPDATE rows SET {column} = {value} WHERE seq = ?1");
            assert_eq!(conn.execute(&write, (seq, &now)).unwrap(), 1);
            let found = verify(folder.path()).unwrap().fault.unwrap_or_else(|| panic!("{column} of {seq}: {now:?}"));
            assert_eq!(found.seq, seq, "{column}: {was:?} → {now:?}: {found:?}");
            let back = if column == "seq" { seq + 1_000 } else { seq };
            let undo = format!("UPDATE rows SET {column} = ?2 WHERE seq = ?1");
            conn.execute(&undo, (back, &was)).unwrap();
        }
    }
    assert_eq!(verify(folder.path()).unwrap(), Verified { rows: 60, head, fault: None }, "all was put back");
}

/// The rows that can be read, cell by cell, up to the first that cannot; none if the file cannot be read at all.
fn readable(folder: &Path) -> Option<Vec<Vec<Cell>>> {
    let conn = database(folder);
    let mut statement = conn.prepare("SELECT * FROM rows NOT INDEXED ORDER BY seq").ok()?;
    let columns = statement.column_count();
    let mut rows = statement.query(()).ok()?;
    let mut read = Vec::new();
    while let Ok(Some(row)) = rows.next() {
        match (0..columns).map(|at| row.get(at)).collect() {
            Ok(cells) => read.push(cells),
            Err(_) => break,
        }
    }
    Some(read)
}

#[test]
fn a_byte_of_the_file_that_makes_it_say_something_else_is_found_and_the_first_such_row_named() {
    let folder = written(12);
    let was = readable(folder.path()).unwrap();
    let file = std::fs::read(folder.path().join("audit.db")).unwrap();
    assert!(!folder.path().join("audit.db-wal").exists(), "all is in the one file");
    let beside = Folder::new();
    let (mut random, mut named) = (rand::rng(), std::collections::BTreeSet::new());
    let mut told = 0;
    // Zeroes are mostly room that is not used.
    for at in (0..file.len()).filter(|at| file[*at] != 0 || at % 97 == 0) {
        let mut changed = file.clone();
        changed[at] ^= 1 << random.random_range(0..8);
        for name in ["audit.db-wal", "audit.db-shm"] {
            let _ = std::fs::remove_file(beside.path().join(name));
        }
        std::fs::write(beside.path().join("audit.db"), &changed).unwrap();
        let found = verify(beside.path());
        let is = readable(beside.path());
        match found.map(|verified| verified.fault) {
            Ok(None) => assert_eq!(is.as_ref(), Some(&was), "byte {at} changed what is told"),
            Ok(Some(fault)) => {
                told += 1;
                let is = is.unwrap_or_default();
                let differs = (0..was.len()).find(|row| is.get(*row) != was.get(*row));
                let differs = differs.or_else(|| (is.len() > was.len()).then_some(was.len()));
                if let Some(row) = differs {
                    assert_eq!(fault.seq, row as i64 + 1, "byte {at}: {fault:?}");
                    named.insert(fault.seq);
                }
            }
            // What is no database any more, or not this one.
            Err(_) => told += 1,
        }
    }
    assert!(named.len() >= was.len() && told > 2_000, "{told}: {named:?}");
}

#[test]
fn a_row_taken_out_or_put_in_is_named_by_the_command() {
    let folder = written(20);
    let whole = trucban(&["audit", "verify"], folder.path());
    assert!(whole.status.success() && String::from_utf8_lossy(&whole.stdout).contains("20 "), "{whole:?}");
    let conn = database(folder.path());
    conn.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM rows; DELETE FROM rows WHERE seq = 11").unwrap();
    let cut = trucban(&["audit", "verify"], folder.path());
    assert_eq!(cut.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&cut.stdout).contains("row 11"), "{cut:?}");
    conn.execute_batch("DELETE FROM rows WHERE seq >= 11").unwrap();
    assert_eq!(verify(folder.path()).unwrap().fault.unwrap().seq, 11, "nor may the end be cut off");
    let audit = Audit::open(folder.path()).unwrap();
    audit.event(event(1, Vec::new())).unwrap();
    audit.close();
    assert_eq!(verify(folder.path()).unwrap().fault.unwrap().seq, 11, "nor does it heal when more is written");
    conn.execute_batch("DELETE FROM rows; INSERT INTO rows SELECT * FROM kept WHERE seq <> 11").unwrap();
    conn.execute_batch("UPDATE rows SET seq = seq - 1 WHERE seq > 11").unwrap();
    assert_eq!(verify(folder.path()).unwrap().fault.unwrap().seq, 11, "nor does it help to number them anew");
    conn.execute_batch("DELETE FROM rows; INSERT INTO rows SELECT * FROM kept").unwrap();
    conn.execute_batch("INSERT INTO rows SELECT 21, at_ms, node, actor, role, kind, class, collection, count, ids, place, purpose, prev_hash, hash FROM rows WHERE seq = 20").unwrap();
    assert_eq!(verify(folder.path()).unwrap().fault.unwrap().seq, 21);
    std::fs::write(folder.path().join("audit.db"), b"no database").unwrap();
    for beside in ["audit.db-wal", "audit.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(beside));
    }
    assert_eq!(trucban(&["audit", "verify"], folder.path()).status.code(), Some(2));
    assert_eq!(trucban(&["audit", "verify"], Path::new("/nowhere")).status.code(), Some(2));
}

#[test]
fn several_processes_add_to_one_chain_at_once() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let audit = Audit::open(folder.path()).unwrap();
                for n in 0..15 {
                    audit.event(event(n, Vec::new())).unwrap();
                    audit.flush().unwrap();
                }
            });
        }
    });
    let walked = verify(folder.path()).unwrap();
    assert_eq!((walked.rows, walked.fault), (60, None));
}

#[test]
fn rows_are_exported_for_their_owner_alone() {
    let folder = written(10);
    for format in ["csv", "json"] {
        let file = folder.path().join(format!("audit.{format}"));
        let arguments = ["audit", "export", "--format", format, "--output", file.to_str().unwrap()];
        let span = ["--from", "2027-01-15T08:00:00.002Z", "--to", "2027-01-15T08:00:00.006Z"];
        let output = trucban(&[&arguments[..], &span[..]].concat(), folder.path());
        assert!(output.status.success(), "{output:?}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let actors: Vec<String> = if format == "csv" {
            csv::Reader::from_path(&file).unwrap().records().map(|row| row.unwrap()[3].to_owned()).collect()
        } else {
            let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            rows.iter().map(|row| row["actor"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(actors, ["Trực ban 2", "Trực ban 3", "Trực ban 4", "Trực ban 5"], "{format}");
    }
    let bad = trucban(&["audit", "export", "--from", "yesterday", "--output", "x"], folder.path());
    assert_eq!(bad.status.code(), Some(2));
}

#[test]
fn the_alarm_on_bulk_reading_comes_at_the_number_that_was_set() {
    let folder = Folder::new();
    let audit = Audit::open(folder.path()).unwrap();
    audit.alarm_above(2);
    let now = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    let read = |name: &str, people: usize| {
        let actor = Arc::new(Actor::new(name, Role::Planner, None));
        let event = Event::new(Kind::Read, &actor, now, "GET /api/nearby");
        let event = event.about(Collection::Households, DataClass::Personal, people as u64);
        audit.event(Event { ids: (0..people).map(|_| Uuid::now_v7()).collect(), ..event }).unwrap();
    };
    read("modest", 2);
    read("curious", 3);
    audit.close();
    let alarmed = "SELECT group_concat(actor) FROM rows WHERE kind = 'bulk_read'";
    let alarmed: String = database(folder.path()).query_row(alarmed, (), |row| row.get(0)).unwrap();
    assert_eq!(alarmed, "curious");
}

#[test]
fn bulk_reading_is_told_once_an_hour_also_over_a_restart() {
    let folder = Folder::new();
    let now = || Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    let people: Vec<Uuid> = (0..=BULK_IDS_AN_HOUR_MAX).map(|_| Uuid::now_v7()).collect();
    let actor = Arc::new(Actor::new("planner", Role::Planner, None));
    let read = |ids: &[Uuid]| {
        let audit = Audit::open(folder.path()).unwrap();
        let event = Event::new(Kind::Read, &actor, now(), "GET /api/nearby");
        let event = event.about(Collection::Households, DataClass::Personal, ids.len() as u64);
        audit.event(Event { ids: ids.to_vec(), ..event }).unwrap();
        audit.close();
        let conn = database(folder.path());
        let count = "SELECT count(*), coalesce(max(count), 0) FROM rows WHERE kind = 'bulk_read' AND actor = 'planner'";
        conn.query_row(count, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let half = BULK_IDS_AN_HOUR_MAX / 2;
    assert_eq!(read(&people[..half]), (0, 0));
    assert_eq!(read(&people[..half]), (0, 0));
    assert_eq!(read(&people[..half]), (0, 0), "the same people looked at again are no more people");
    assert_eq!(read(&people[half..BULK_IDS_AN_HOUR_MAX]), (0, 0), "at the limit");
    let passed: (i64, i64) = read(&people[BULK_IDS_AN_HOUR_MAX..]);
    assert_eq!(passed, (1, people.len() as i64));
    assert_eq!(read(&people), passed, "once an hour");
    assert_eq!(verify(folder.path()).unwrap().fault, None);
}
