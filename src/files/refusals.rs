//! Rows that were not taken: each with its line, its field and why.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::source::unreadable;
use crate::domain::Problem;

/// Refused rows kept in memory; the report file holds all.
pub const REFUSALS_KEPT_MAX: usize = 1_000;

/// One row that was not taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Line of the file, counted from 1; in a GeoPackage the row's number.
    pub line: u64,
    pub problem: Problem,
}

/// All refused rows of one import.
#[derive(Debug, Default)]
pub struct Refusals {
    pub count: u64,
    /// The first [`REFUSALS_KEPT_MAX`].
    pub kept: Vec<Refusal>,
    report: Option<(PathBuf, BufWriter<File>)>,
}

impl Refusals {
    /// With a report file that gets every refused row as CSV.
    ///
    /// # Errors
    /// [`Problem`] if the file cannot be made.
    pub(super) fn reported_to(path: Option<&Path>) -> Result<Self, Problem> {
        let Some(path) = path else { return Ok(Self::default()) };
        let open = || {
            let mut file = BufWriter::new(File::create(path)?);
            file.write_all(b"line,field,code,reason_vi,reason_en\n")?;
            Ok(file)
        };
        let file = open().map_err(|error: io::Error| unreadable(&path.display().to_string(), &error))?;
        Ok(Self { report: Some((path.to_owned(), file)), ..Self::default() })
    }

    pub(super) fn add(&mut self, refusal: Refusal) -> Result<(), Problem> {
        self.count += 1;
        if let Some((path, file)) = &mut self.report {
            let problem = &refusal.problem;
            let mut row = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
            let written = row
                .write_record([
                    refusal.line.to_string().as_str(),
                    problem.at.as_deref().unwrap_or_default(),
                    problem.code.as_str(),
                    &problem.detail_vi,
                    &problem.detail_en,
                ])
                .map_err(io::Error::other)
                .and_then(|()| row.into_inner().map_err(|error| io::Error::other(error.to_string())))
                .and_then(|bytes| file.write_all(&bytes));
            written.map_err(|error| unreadable(&path.display().to_string(), &error))?;
        }
        if self.kept.len() < REFUSALS_KEPT_MAX {
            self.kept.push(refusal);
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> Result<(), Problem> {
        // Faults found on the second look came after those of the first.
        self.kept.sort_by_key(|refusal| refusal.line);
        match &mut self.report {
            Some((path, file)) => file.flush().map_err(|error| unreadable(&path.display().to_string(), &error)),
            None => Ok(()),
        }
    }
}
