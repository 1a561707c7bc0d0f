//! What a transaction did to the rows of the shared tables: recorded by triggers of the writing connection alone (they
//! are temporary), written as JSON, and done again elsewhere.
//!
//! A change is done again only where the row is as its writer saw it; all else is damage. Triggers of the schema write
//! to a replica's own tables alone, or their changes would be made twice.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value as Cell, ValueRef};
use rusqlite::{Connection, Transaction, params_from_iter};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::store::StoreError;

/// Known on the writing connection; the triggers call it with the table's number, the old and the new values.
const NOTE: &str = "note_row_change";
/// How a BLOB stands in JSON.
const HEX: &str = "hex";

/// A row by its columns: null, whole and real numbers, texts, and `{"hex": "…"}` for bytes.
type Row = Map<String, Value>;

/// One row that was added, changed or erased.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RowChange {
    table: String,
    /// The whole row as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old: Option<Row>,
    /// The whole row of one that was added, else what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new: Option<Row>,
}

impl RowChange {
    /// Whether a row went.
    pub fn erases(&self) -> bool {
        self.new.is_none()
    }
}

/// Records what the connection that it is installed on does to the shared tables.
pub(super) struct Recorder {
    file: &'static str,
    tables: Arc<[Table]>,
    /// Written by the triggers, on the thread that uses the connection; emptied by [`Recorder::take`].
    noted: Arc<Mutex<Vec<RowChange>>>,
}

struct Table {
    name: String,
    columns: Vec<String>,
}

impl Recorder {
    /// Records from now on what `conn` does to all tables but the replica's `own` ones.
    pub fn install(conn: &Connection, file: &'static str, own: &[&str]) -> Result<Self, StoreError> {
        let tables: Arc<[Table]> = shared_tables(conn, own)?.into();
        let noted = Arc::new(Mutex::new(Vec::new()));
        let (known, notes) = (Arc::clone(&tables), Arc::clone(&noted));
        conn.create_scalar_function(NOTE, -1, FunctionFlags::SQLITE_UTF8, move |context| {
            if let Some(change) = change_of(context, &known)? {
                notes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
            }
            Ok(rusqlite::types::Null)
        })?;
        for (number, table) in tables.iter().enumerate() {
            conn.execute_batch(&table.triggers(number))?;
        }
        Ok(Self { file, tables, noted })
    }

    /// What was recorded since the last time.
    pub fn take(&self) -> Vec<RowChange> {
        std::mem::take(&mut self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does changes again; refuses where a row is not as it was for their writer.
    pub fn apply(&self, transaction: &Transaction<'_>, changes: &[RowChange]) -> Result<(), StoreError> {
        for change in changes {
            self.apply_one(transaction, change)?;
        }
        self.take();
        Ok(())
    }

    /// All rows of the shared tables, as if each were added.
    pub fn dump(&self, conn: &Connection) -> Result<Vec<RowChange>, StoreError> {
        let mut all = Vec::new();
        for Table { name, columns } in self.tables.iter() {
            let mut statement = conn.prepare(&format!("SELECT {} FROM {}", listed(columns), quoted(name)))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let cell = |(n, column): (usize, &String)| Ok((column.clone(), to_json(row.get_ref(n)?)?));
                let new = columns.iter().enumerate().map(cell).collect::<rusqlite::Result<Row>>()?;
                all.push(RowChange { table: name.clone(), old: None, new: Some(new) });
            }
        }
        Ok(all)
    }

    /// Makes the shared tables hold a dump and nothing else.
    pub fn replace(&self, transaction: &Transaction<'_>, dump: &[RowChange]) -> Result<(), StoreError> {
        // Rows point at each other; all that they point at is there in the end.
        transaction.execute_batch("PRAGMA defer_foreign_keys = ON")?;
        for table in self.tables.iter() {
            transaction.execute(&format!("DELETE FROM {}", quoted(&table.name)), [])?;
        }
        self.apply(transaction, dump)
    }

    fn apply_one(&self, transaction: &Transaction<'_>, change: &RowChange) -> Result<(), StoreError> {
        let known = self.tables.iter().find(|table| table.name == change.table);
        let table = known.ok_or_else(|| self.damaged(change, "there is no such table"))?;
        let mut cells = Vec::new();
        let mut named = |row: &Row, each: &str, between: &str| -> Result<String, StoreError> {
            let mut sql = String::new();
            for (name, value) in row {
                if !table.columns.contains(name) {
                    return Err(self.damaged(change, "there is no such column"));
                }
                cells.push(from_json(value).ok_or_else(|| self.damaged(change, "a value cannot be read"))?);
                let place = if sql.is_empty() { "" } else { between };
                let _ = write!(sql, "{place}{}{each}", quoted(name));
            }
            Ok(sql)
        };
        let name = quoted(&table.name);
        let sql = match (&change.old, &change.new) {
            (None, Some(new)) => {
                let columns = named(new, "", ", ")?;
                let places = vec!["?"; new.len()].join(", ");
                format!("INSERT INTO {name} ({columns}) VALUES ({places})")
            }
            (Some(old), Some(new)) => {
                format!("UPDATE {name} SET {} WHERE {}", named(new, " = ?", ", ")?, named(old, " IS ?", " AND ")?)
            }
            (Some(old), None) => format!("DELETE FROM {name} WHERE {}", named(old, " IS ?", " AND ")?),
            (None, None) => return Err(self.damaged(change, "it says nothing")),
        };
        match transaction.prepare_cached(&sql)?.execute(params_from_iter(cells)) {
            Ok(1) => Ok(()),
            Ok(_) => Err(self.damaged(change, "the row is not as its writer saw it")),
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                Err(self.damaged(change, &error.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn damaged(&self, change: &RowChange, why: &str) -> StoreError {
        StoreError::Damaged(format!(
            "{}: a change of {} in the shared log does not fit: {why}",
            self.file, change.table
        ))
    }
}

impl Table {
    fn triggers(&self, number: usize) -> String {
        let (table, note) = (quoted(&self.name), NOTE);
        let values = |of: &str| self.columns.iter().map(|name| format!(", {of}.{}", quoted(name))).collect::<String>();
        let (old, new) = (values("OLD"), values("NEW"));
        format!(
            "CREATE TEMP TRIGGER noted_insert_{number} AFTER INSERT ON main.{table}
               BEGIN SELECT {note}({number}, 'new'{new}); END;
             CREATE TEMP TRIGGER noted_update_{number} AFTER UPDATE ON main.{table}
               BEGIN SELECT {note}({number}, 'both'{old}{new}); END;
             CREATE TEMP TRIGGER noted_delete_{number} AFTER DELETE ON main.{table}
               BEGIN SELECT {note}({number}, 'old'{old}); END;"
        )
    }
}

/// Tables by name, all but `own` ones and SQLite's.
fn shared_tables(conn: &Connection, own: &[&str]) -> Result<Vec<Table>, StoreError> {
    let names = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let mut names = conn.prepare(names)?;
    let names = names.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut columns = conn.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let mut tables = Vec::new();
    for name in names.into_iter().filter(|name| !own.contains(&name.as_str())) {
        let columns = columns.query_map([&name], |row| row.get(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        tables.push(Table { name, columns });
    }
    Ok(tables)
}

/// What a trigger tells; nothing for a row that was written as it was.
fn change_of(context: &Context<'_>, tables: &[Table]) -> rusqlite::Result<Option<RowChange>> {
    let (number, what): (i64, String) = (context.get(0)?, context.get(1)?);
    let table = usize::try_from(number).ok().and_then(|number| tables.get(number));
    let table = table.ok_or_else(|| rusqlite::Error::UserFunctionError("no table of this number".into()))?;
    let row = |from: usize| -> rusqlite::Result<Row> {
        let cell = |(n, name): (usize, &String)| Ok((name.clone(), to_json(context.get_raw(from + n))?));
        table.columns.iter().enumerate().map(cell).collect()
    };
    let (old, new) = match what.as_str() {
        "new" => (None, Some(row(2)?)),
        "old" => (Some(row(2)?), None),
        _ => {
            let (old, mut new) = (row(2)?, row(2 + table.columns.len())?);
            new.retain(|name, value| old.get(name) != Some(value));
            if new.is_empty() {
                return Ok(None);
            }
            (Some(old), Some(new))
        }
    };
    Ok(Some(RowChange { table: table.name.clone(), old, new }))
}

fn to_json(cell: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(_) => cell.as_str()?.into(),
        ValueRef::Blob(bytes) => {
            let mut hex = String::with_capacity(2 * bytes.len());
            for byte in bytes {
                let _ = write!(hex, "{byte:02x}");
            }
            json!({ HEX: hex })
        }
    })
}

fn from_json(value: &Value) -> Option<Cell> {
    Some(match value {
        Value::Null => Cell::Null,
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Cell::Integer(whole),
            None => Cell::Real(number.as_f64()?),
        },
        Value::String(text) => Cell::Text(text.clone()),
        Value::Object(bytes) => {
            let hex = bytes.get(HEX)?.as_str()?.as_bytes();
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
            Cell::Blob(hex.chunks(2).map(byte).collect::<Option<_>>()?)
        }
        Value::Bool(_) | Value::Array(_) => return None,
    })
}

fn listed(columns: &[String]) -> String {
    columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
