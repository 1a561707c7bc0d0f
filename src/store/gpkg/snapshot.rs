//! One consistent moment of the store: a read transaction on its own connection. A record's text is written straight
//! from its columns, since a million of them pass here before the first answer.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use uuid::Uuid;

use super::tables::{self, Table};
use super::{blob, fixes, folder, read};
use crate::domain::change::Seq;
use crate::domain::schema::{Field, FieldKind};
use crate::domain::{Collection, Fix, Record, Timestamp};
use crate::store::{Snapshot, StoreError, body};

/// See [`Snapshot`].
pub(super) struct GpkgSnapshot {
    conn: Connection,
    tables: Vec<Table>,
    hidden_from: Seq,
    seq: Seq,
}

impl GpkgSnapshot {
    /// Opens the moment; it ends when the snapshot is dropped, with its connection.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let conn = folder::open_reader(file)?;
        conn.execute_batch("BEGIN")?;
        let hidden_from = read::hidden_from(&conn)?;
        let seq = read::newest_seq(&conn, hidden_from)?;
        Ok(Self { conn, tables: tables::all(), hidden_from, seq })
    }
}

impl Snapshot for GpkgSnapshot {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn records(&mut self, collection: Collection, sink: &mut dyn FnMut(Record, Seq)) -> Result<(), StoreError> {
        // A file that an earlier version wrote has no table of what that version did not know: there is nothing of it.
        if !self.conn.table_exists(None, collection.as_str())? {
            return Ok(());
        }
        let table = &self.tables[collection.index()];
        let mut statement = self.conn.prepare(&table.select)?;
        let mut rows = statement.query([self.hidden_from.cast_signed()])?;
        let mut reader = RecordReader::new(&table.sorted);
        while let Some(row) = rows.next()? {
            let (record, seq) = reader.read(row)?;
            sink(record, seq);
        }
        Ok(())
    }

    fn newest_fixes(&mut self) -> Result<Vec<(Fix, Seq)>, StoreError> {
        Ok(fixes::newest(&self.conn, self.hidden_from)?.into_newest().map(|placed| (placed.fix, placed.seq)).collect())
    }
}

/// Reads rows of [`Table::select`].
pub(super) struct RecordReader<'a> {
    fields: Vec<Column<'a>>,
    /// The last time read, as text and value: rows of one import share it.
    last_time: (String, Timestamp),
    text: Vec<u8>,
}

struct Column<'a> {
    field: &'a Field,
    /// `"name":`
    key: String,
}

/// Where the fields begin in [`Table::select`].
const FIRST_FIELD: usize = 6;

impl<'a> RecordReader<'a> {
    pub fn new(sorted: &[&'a Field]) -> Self {
        let fields = sorted.iter().map(|field| Column { field, key: format!("\"{}\":", field.name) }).collect();
        Self { fields, last_time: (String::new(), Timestamp::from_ms(0)), text: Vec::with_capacity(1024) }
    }

    /// The record of a row, and the seq that made it.
    pub fn read(&mut self, row: &Row<'_>) -> Result<(Record, Seq), StoreError> {
        let id_text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        let damaged = |what: &str| StoreError::Damaged(format!("record {id_text}: {what}"));
        let geometry = match row.get_ref(0)? {
            ValueRef::Blob(bytes) => Some(blob::decode(bytes).map_err(|why| damaged(&why))?),
            _ => None,
        };
        let properties = self.properties(row).map_err(|why| damaged(&why))?;
        let personal = row.get_ref(5)?.as_str_or_null().map_err(rusqlite::Error::from)?.map(Box::from);
        let record = Record {
            id: Uuid::parse_str(id_text).map_err(|_| damaged("unreadable id"))?,
            version: row.get(2)?,
            recorded_at: self.time(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?,
            geometry,
            properties,
            personal,
        };
        Ok((record, row.get::<_, i64>(3)?.cast_unsigned()))
    }

    fn time(&mut self, text: &str) -> Result<Timestamp, StoreError> {
        if self.last_time.0 != text {
            self.last_time = (text.to_owned(), read::time(text)?);
        }
        Ok(self.last_time.1)
    }

    fn properties(&mut self, row: &Row<'_>) -> Result<Box<str>, String> {
        let text = &mut self.text;
        text.clear();
        text.push(b'{');
        for (at, column) in self.fields.iter().enumerate() {
            let value = row.get_ref(at + FIRST_FIELD).map_err(|error| error.to_string())?;
            if value == ValueRef::Null {
                continue;
            }
            if text.len() > 1 {
                text.push(b',');
            }
            text.extend_from_slice(column.key.as_bytes());
            write_value(text, column.field, value)?;
        }
        text.push(b'}');
        std::str::from_utf8(text).map(Box::from).map_err(|error| error.to_string())
    }
}

fn write_value(out: &mut Vec<u8>, field: &Field, value: ValueRef<'_>) -> Result<(), String> {
    match (field.kind, value) {
        (FieldKind::Boolean, ValueRef::Integer(flag)) => {
            out.extend_from_slice(if flag == 0 { b"false" } else { b"true" });
        }
        (FieldKind::Integer(..), ValueRef::Integer(number)) => {
            // Writing to a Vec cannot fail.
            let _ = serde_json::to_writer(out, &number);
        }
        (FieldKind::Real(..), ValueRef::Real(number)) => body::number(out, number),
        (
            FieldKind::Choices(_) | FieldKind::References | FieldKind::Texts(_) | FieldKind::Json(_),
            ValueRef::Text(json),
        ) => out.extend_from_slice(json),
        (
            FieldKind::Text(_) | FieldKind::Choice(_) | FieldKind::Reference | FieldKind::Time | FieldKind::Date,
            ValueRef::Text(text),
        ) => write_text(out, text)?,
        (_, other) => return Err(format!("column {} holds {:?}", field.name, other.data_type())),
    }
    Ok(())
}

fn write_text(out: &mut Vec<u8>, text: &[u8]) -> Result<(), String> {
    if text.iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let _ = serde_json::to_writer(out, text);
    } else {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    }
    Ok(())
}
