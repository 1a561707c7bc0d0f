//! What the forces account for each quarter: figures counted from the records, each with the rows it was counted from, and
//! the same as documents; and the reports that are sent while a disaster goes on.
//!
//! Invariants: no figure is entered; each is a rule over records ([`figures::FIGURES`]), so whoever doubts one opens its
//! rows and adds them up. Once a report is closed its figures stay what they were ([`account`]). A document shows the
//! figures of one [`sheet::Sheet`], whatever its format, and no clock is read: the same sheet gives the same bytes.

pub mod account;
pub mod beside;
pub mod disaster;
pub mod disaster_counts;
pub mod disaster_due;
pub mod docx;
pub mod figures;
pub mod part;
pub mod pdf;
pub mod quarter;
pub mod sheet;
pub mod sources;
pub mod statistics;
pub mod words;
pub mod xlsx;

use utoipa::ToSchema;

/// Formats of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Format {
    /// What is gone over and signed.
    Docx,
    /// The figures as numbers, with the rows behind them.
    Xlsx,
    Pdf,
}

/// Why a document could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document cannot be written: {0}")]
pub struct Fault(pub String);

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Docx, Self::Xlsx, Self::Pdf];

    /// Its name, and the ending of its files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Docx => "docx",
            Self::Xlsx => "xlsx",
            Self::Pdf => "pdf",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pdf => "application/pdf",
        }
    }

    /// Writes the document. `sources` are the rows that it may show, which a workbook holds alone.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn write(self, sheet: &sheet::Sheet, sources: &sources::Sources) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Docx => docx::write(sheet),
            Self::Xlsx => xlsx::write(sheet, sources),
            Self::Pdf => pdf::write(sheet),
        }
    }
}
