//! CSV: delimiter found by looking, UTF-8 with or without a byte order mark, quoted line breaks, line numbers kept.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use serde_json::Value;

use super::source::{ROW_BYTES_MAX, RowContent, Source, SourceRow, broken_utf8, named_columns, row_too_long};
use crate::domain::{Code, Problem};

/// Bytes looked at to find the delimiter.
const SNIFF_BYTES: u64 = 64 * 1024;
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Place of the tab in [`DELIMITERS`].
const TAB: usize = 2;

/// The rows of a CSV file.
pub(super) struct CsvSource<'a> {
    reader: csv::Reader<Watched<Box<dyn Read + 'a>>>,
    columns: Vec<String>,
    record: csv::ByteRecord,
    watch: Rc<RefCell<Watch>>,
}

/// Looks at the bytes on their way to the parser: counts lines, and stops a record that swallows the rest of the file
/// (a quote that is never closed).
struct Watched<R> {
    inner: R,
    watch: Rc<RefCell<Watch>>,
}

#[derive(Default)]
struct Watch {
    /// Bytes that the present record may still take.
    left: usize,
    /// Bytes read so far.
    bytes: u64,
    /// Places of line breaks not yet passed, and whether each is a line feed.
    breaks: VecDeque<(u64, bool)>,
    /// Line of the byte after the last break passed, counted from 1.
    line: u64,
}

impl Watch {
    fn see(&mut self, bytes: &[u8]) {
        let breaks = bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, b'\r' | b'\n'));
        self.breaks.extend(breaks.map(|(at, byte)| (self.bytes + at as u64, *byte == b'\n')));
        self.bytes += bytes.len() as u64;
        self.left = self.left.saturating_sub(bytes.len());
    }

    /// The line on which the record begins that the parser found at `start`, blank lines before it passed over. (The
    /// parser's own count stops at carriage returns and ignores blank lines.)
    fn line_at(&mut self, mut start: u64) -> u64 {
        while let Some((at, feed)) = self.breaks.front().copied().filter(|(at, _)| *at <= start) {
            self.line += u64::from(feed);
            start += u64::from(at == start);
            self.breaks.pop_front();
        }
        self.line
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut watch = self.watch.borrow_mut();
        if watch.left == 0 {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let read = self.inner.read(buffer)?;
        watch.see(&buffer[..read]);
        Ok(read)
    }
}

impl<'a> CsvSource<'a> {
    /// Reads the header.
    pub fn new(file: impl Read + 'a) -> Result<Self, Problem> {
        let mut file = BufReader::new(file);
        let mut head = Vec::new();
        file.by_ref().take(SNIFF_BYTES).read_to_end(&mut head).map_err(|error| broken_file(&error))?;
        let bom = if head.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let delimiter = delimiter(&head[bom..]);
        let whole: Box<dyn Read + 'a> = Box::new(io::Cursor::new(head.split_off(bom)).chain(file));
        let watch = Rc::new(RefCell::new(Watch { left: ROW_BYTES_MAX, line: 1, ..Watch::default() }));
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .has_headers(false)
            .from_reader(Watched { inner: whole, watch: Rc::clone(&watch) });
        let mut record = csv::ByteRecord::new();
        if !reader.read_byte_record(&mut record).map_err(|error| csv_problem(&error))? {
            return Err(Problem::new(
                Code::InvalidValue,
                "tệp trống: thiếu dòng tiêu đề",
                "the file is empty: the header is missing",
            )
            .at("line 1"));
        }
        let columns = columns(&record)?;
        Ok(Self { reader, columns, record, watch })
    }
}

impl Source for CsvSource<'_> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn epsg(&self) -> Option<u32> {
        None
    }

    fn has_positions_in_columns(&self) -> bool {
        true
    }

    fn next_row(&mut self) -> Result<Option<SourceRow>, Problem> {
        loop {
            self.watch.borrow_mut().left = ROW_BYTES_MAX;
            if !self.reader.read_byte_record(&mut self.record).map_err(|error| csv_problem(&error))? {
                return Ok(None);
            }
            let start = self.record.position().map_or(0, csv::Position::byte);
            let line = self.watch.borrow_mut().line_at(start);
            // A line of delimiters alone is how spreadsheets end a table.
            if self.record.iter().all(|cell| cell.trim_ascii().is_empty()) {
                continue;
            }
            return Ok(Some(SourceRow { line, content: self.content() }));
        }
    }
}

impl CsvSource<'_> {
    fn content(&self) -> Result<RowContent, Problem> {
        let (have, want) = (self.record.len(), self.columns.len());
        let surplus_is_empty = self.record.iter().skip(want).all(<[u8]>::is_empty);
        if have < want || !surplus_is_empty {
            return Err(Problem::new(
                Code::InvalidValue,
                format!("dòng có {have} ô, tiêu đề có {want} cột"),
                format!("the row has {have} cells, the header has {want} columns"),
            ));
        }
        let mut values = Vec::with_capacity(want);
        for (column, cell) in self.record.iter().take(want).enumerate() {
            let text = std::str::from_utf8(cell).map_err(|_| broken_utf8().at(&self.columns[column]))?;
            values.extend(super::values::cell_text(text).map(|text| (column, Value::from(text))));
        }
        Ok(RowContent { id: None, geometry: None, values })
    }
}

fn columns(header: &csv::ByteRecord) -> Result<Vec<String>, Problem> {
    let texts = header.iter().map(|cell| std::str::from_utf8(cell).map(str::trim));
    let texts = texts.collect::<Result<Vec<_>, _>>().map_err(|_| broken_utf8().at("line 1"))?;
    named_columns(texts.into_iter(), "line 1")
}

/// A tab if the header has one, since nobody types it into a cell; else what stands most often in the header, outside
/// quotes.
fn delimiter(head: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some(at) = DELIMITERS.iter().position(|d| d == byte) {
                    counts[at] += 1;
                }
            }
        }
    }
    if counts[TAB] > 0 {
        return DELIMITERS[TAB];
    }
    let most = counts.iter().copied().max().unwrap_or_default();
    // The first in the list wins a draw, so that a file of one column counts as comma separated.
    counts.iter().position(|count| *count == most).map_or(b',', |at| DELIMITERS[at])
}

fn csv_problem(error: &csv::Error) -> Problem {
    let too_long = matches!(error.kind(), csv::ErrorKind::Io(io) if io.kind() == io::ErrorKind::FileTooLarge);
    let problem = if too_long {
        row_too_long()
    } else {
        Problem::new(Code::InvalidValue, format!("CSV hỏng: {error}"), format!("broken CSV: {error}"))
    };
    match error.position() {
        Some(position) => problem.at(&format!("line {}", position.line())),
        None => problem,
    }
}

fn broken_file(error: &io::Error) -> Problem {
    Problem::new(Code::NotFound, format!("không đọc được tệp: {error}"), format!("the file cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Vec<(u64, Result<Vec<String>, Code>)> {
        let mut source = CsvSource::new(text).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = source.next_row().unwrap() {
            let content = row
                .content
                .map_err(|problem| problem.code)
                .map(|content| content.values.iter().map(|(at, v)| format!("{at}={}", v.as_str().unwrap())).collect());
            rows.push((row.line, content));
        }
        rows
    }

    #[test]
    fn lines_are_counted_through_quoted_breaks_blank_lines_and_a_byte_order_mark() {
        let found = rows(b"\xEF\xBB\xBFname;note\r\nA;\"one\r\ntwo\"\r\n\r\nB;x\r\n;\r\nC;y\r\n");
        let found: Vec<(u64, Vec<String>)> = found.into_iter().map(|(line, row)| (line, row.unwrap())).collect();
        let of = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        assert_eq!(found, [(2, of(&["0=A", "1=one\r\ntwo"])), (5, of(&["0=B", "1=x"])), (7, of(&["0=C", "1=y"]))]);
    }

    #[test]
    fn a_broken_row_is_refused_and_the_next_one_read() {
        let found = rows(b"name,note\nA,\xE1\xBA\nB\nC,1,2\nD,4,\n");
        assert_eq!(found[0], (2, Err(Code::InvalidEncoding)));
        assert_eq!(found[1], (3, Err(Code::InvalidValue)));
        assert_eq!(found[2], (4, Err(Code::InvalidValue)));
        assert_eq!(found[3].0, 5);
        assert!(found[3].1.is_ok());
    }

    #[test]
    fn the_delimiter_is_found() {
        assert_eq!(delimiter(b"a,b;c,d\n"), b',');
        assert_eq!(delimiter(b"\"a,b,c\";d\n1,2,3,4;5"), b';');
        assert_eq!(delimiter(b"a\tb\n"), b'\t');
        assert_eq!(delimiter(b"x, m\ty, m, n\n"), b'\t', "cells of a spreadsheet, pasted");
        assert_eq!(delimiter(b"name"), b',');
    }

    #[test]
    fn headers_that_repeat_or_are_missing_are_refused() {
        assert!(CsvSource::new(&b"a,b,a\n1,2,3\n"[..]).is_err());
        assert!(CsvSource::new(&b""[..]).is_err());
        assert_eq!(CsvSource::new(&b"a,,c\n"[..]).unwrap().columns(), ["a", "column_2", "c"]);
    }
}
