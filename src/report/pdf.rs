//! The report as PDF, set by Typst from a template of the program (`quarter.typ`). Fonts come with the program; the
//! template reaches no network, no file and no clock.

use std::sync::LazyLock;

use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_kit::fonts::{FontStore, embedded};
use typst_layout::PagedDocument;
use typst_pdf::PdfOptions;

use super::Fault;
use super::sheet::Sheet;

/// The template.
const TEMPLATE: &str = include_str!("quarter.typ");
/// Names under which the template and its data stand for Typst; no such files are anywhere.
const TEMPLATE_NAME: &str = "quarter.typ";
const DATA_NAME: &str = "report.json";

/// Typst's own library and fonts, made once.
static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));
static FONTS: LazyLock<FontStore> = LazyLock::new(|| {
    let mut fonts = FontStore::new();
    fonts.extend(embedded());
    fonts
});

/// All that one sheet is made from.
struct Paper {
    template: Source,
    data_id: FileId,
    data: Bytes,
}

/// Sets the sheet. The same sheet gives the same bytes.
///
/// # Errors
/// [`Fault`] if the template cannot be set, which no sheet of ours makes happen.
pub fn write(sheet: &Sheet) -> Result<Vec<u8>, Fault> {
    let (template_id, data_id) = (named(TEMPLATE_NAME)?, named(DATA_NAME)?);
    let data = serde_json::to_vec(&sheet.printed()).map_err(|error| Fault(error.to_string()))?;
    let template = Source::new(template_id, TEMPLATE.to_owned());
    let paper = Paper { template, data_id, data: Bytes::new(data) };
    let set = typst::compile::<PagedDocument>(&paper).output;
    let options = PdfOptions { ident: Smart::Custom(sheet.file_stem()), ..PdfOptions::default() };
    let written = set.and_then(|document| typst_pdf::pdf(&document, &options));
    // What Typst remembers would grow with every report.
    typst::comemo::evict(0);
    written.map_err(|told| told_by(&told))
}

fn named(name: &str) -> Result<FileId, Fault> {
    let path = VirtualPath::new(name).map_err(|error| Fault(format!("{name}: {error:?}")))?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

fn told_by(diagnostics: &[SourceDiagnostic]) -> Fault {
    Fault(diagnostics.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; "))
}

impl World for Paper {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        FONTS.book()
    }

    fn main(&self) -> FileId {
        self.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.template.id() { Ok(self.template.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.data_id { Ok(self.data.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.font(index)
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::sheet::tests::{about, report};
    use super::*;

    #[test]
    fn the_same_sheet_gives_the_same_pdf() {
        let sheet = Sheet::of(&report(), about());
        let pdf = write(&sheet).unwrap();
        assert!(pdf.starts_with(b"%PDF-"));
        assert!(pdf == write(&sheet).unwrap());
    }
}
