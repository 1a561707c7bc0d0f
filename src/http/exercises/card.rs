//! What stands at the door of an exercise's room: a file beside its records that says what is rehearsed there, and what is
//! still to happen. The records themselves are inside.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::exercise::Inject;
use crate::domain::{Force, Timestamp};

const FILE: &str = "exercise.json";

/// An exercise, as it is listed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ExerciseCard)]
pub struct Card {
    pub id: Uuid,
    /// `DT-2026-01`; its room is at `/exercises/DT-2026-01/`.
    pub code: String,
    pub title: String,
    #[schema(required)]
    pub place_text: Option<String>,
    pub forces: Vec<Force>,
    #[schema(value_type = String, format = "date-time")]
    pub started_at: Timestamp,
    /// Absent while it runs.
    #[schema(value_type = Option<String>, format = "date-time", required)]
    pub finished_at: Option<Timestamp>,
}

/// The file: the card, and the script for whoever leads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CardFile {
    pub card: Card,
    pub script: Vec<Inject>,
}

impl CardFile {
    /// Reads the file of a folder; `None` where there is none.
    pub fn read(folder: &Path) -> io::Result<Option<Self>> {
        match fs::read(folder.join(FILE)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let beside = folder.join(format!(".{FILE}"));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(beside, folder.join(FILE))
    }
}
