//! Excel workbooks (.xlsx): one sheet, its cells as text like those of a CSV file, its own row numbers kept.
//!
//! A workbook is a zip of XML, so what it holds is known only when it is unpacked: everything is counted against a
//! limit before the parser sees it, and again while cells are taken.

use std::fs::File;
use std::io::{self, Read};

use calamine::{DataRef, ExcelDateTime, Reader as _, Sheet, SheetType, SheetVisible, Xlsx, XlsxError};
use serde_json::Value;
use zip::ZipArchive;
use zip::result::ZipError;

use super::source::{COLUMNS_MAX, RowContent, Source, SourceRow, named_columns};
use super::values;
use crate::domain::{Code, Problem};

/// Parts of one workbook; real ones have some dozens.
const PARTS_MAX: usize = 5_000;
/// Most bytes of XML that a workbook may unpack to: room for some 200,000 households with twenty columns.
const UNPACKED_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Rows of a sheet: as many as the longest list of the province, many times over.
const ROWS_MAX: usize = 300_000;
/// Cells of a sheet that say something.
const CELLS_MAX: usize = 6_000_000;
/// Bytes of text in all cells: a long text that a thousand cells share counts a thousand times.
const TEXT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Rows above the header, with the title of the list and whose it is, that are passed over.
const TITLE_ROWS_MAX: usize = 20;

/// The rows of one sheet.
pub(super) struct XlsxSource {
    columns: Vec<String>,
    rows: std::vec::IntoIter<SheetRow>,
}

/// One row that says something.
struct SheetRow {
    /// Counted from 1, as the program that wrote it shows it.
    line: u64,
    /// Column, counted from 0, and what stands there.
    cells: Vec<(usize, Cell)>,
}

enum Cell {
    Text(String),
    /// What a formula that cannot be computed shows (`#N/A`).
    Fault(String),
}

impl XlsxSource {
    /// Reads the sheet called `sheet`, else the first one that is shown.
    ///
    /// # Errors
    /// `unsupported_media_type` for a workbook that is broken or has a password, `limit_exceeded`, `invalid_parameter`
    /// with the sheets there are, `invalid_value` without a header.
    pub fn open(file: File, sheet: Option<&str>) -> Result<Self, Problem> {
        check_size(&file)?;
        let mut workbook = Xlsx::new(io::BufReader::new(file)).map_err(|error| broken(&error))?;
        let name = sheet_named(workbook.sheets_metadata(), sheet)?;
        let mut rows = rows(&mut workbook, &name)?;
        let at = header_at(&rows);
        if at >= rows.len() {
            return Err(Problem::new(
                Code::InvalidValue,
                format!("trang tính {name:?} trống: thiếu dòng tiêu đề"),
                format!("the sheet {name:?} is empty: the header is missing"),
            ));
        }
        let header = rows.drain(..=at).next_back();
        let columns = header.map_or_else(|| Ok(Vec::new()), |row| columns(&row))?;
        Ok(Self { columns, rows: rows.into_iter() })
    }
}

impl Source for XlsxSource {
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
        Ok(self.rows.next().map(|row| SourceRow { line: row.line, content: content(row, &self.columns) }))
    }
}

fn content(row: SheetRow, columns: &[String]) -> Result<RowContent, Problem> {
    let mut cells = Vec::with_capacity(row.cells.len());
    for (column, cell) in row.cells {
        let Some(name) = columns.get(column) else {
            return Err(Problem::new(
                Code::InvalidValue,
                format!("ô ở cột thứ {} nằm ngoài tiêu đề ({} cột)", column + 1, columns.len()),
                format!("a cell in column {} lies beside the header ({} columns)", column + 1, columns.len()),
            ));
        };
        match cell {
            Cell::Text(text) => cells.extend(values::cell_text(&text).map(|text| (column, Value::from(text)))),
            Cell::Fault(what) => {
                return Err(Problem::new(
                    Code::InvalidValue,
                    format!("công thức của ô báo lỗi {what}"),
                    format!("the formula of the cell shows {what}"),
                )
                .at(name));
            }
        }
    }
    Ok(RowContent { id: None, geometry: None, values: cells })
}

/// Above a table stand its title and whose it is, each alone in its row: the header is the first row with several
/// cells.
fn header_at(rows: &[SheetRow]) -> usize {
    rows.iter().take(TITLE_ROWS_MAX).position(|row| row.cells.len() > 1).unwrap_or(0)
}

fn columns(header: &SheetRow) -> Result<Vec<String>, Problem> {
    let mut names = Vec::new();
    for (column, cell) in &header.cells {
        // A header that is cut off where the limit is: whoever counts the columns refuses it.
        names.resize((*column).min(COLUMNS_MAX), String::new());
        let (Cell::Text(text) | Cell::Fault(text)) = cell;
        names.push(values::cell_text(text).unwrap_or_default());
    }
    named_columns(names.iter().map(String::as_str), &format!("line {}", header.line))
}

fn sheet_named(sheets: &[Sheet], wanted: Option<&str>) -> Result<String, Problem> {
    let mut tables = sheets.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let found = match wanted {
        Some(name) => tables.find(|sheet| sheet.name == name),
        None => tables.find(|sheet| sheet.visible == SheetVisible::Visible),
    };
    found.map(|sheet| sheet.name.clone()).ok_or_else(|| {
        let names = sheets.iter().map(|sheet| sheet.name.as_str()).collect::<Vec<_>>().join(", ");
        Problem::new(
            Code::InvalidParameter,
            format!("tệp không có trang tính như vậy; có: {names}"),
            format!("the workbook has no such sheet; it has: {names}"),
        )
        .at("layer")
    })
}

/// All rows that say something. Cells come row by row; a workbook in which they do not was not written by a program
/// that people use.
fn rows(workbook: &mut Xlsx<io::BufReader<File>>, sheet: &str) -> Result<Vec<SheetRow>, Problem> {
    let mut reader = workbook.worksheet_cells_reader(sheet).map_err(|error| broken(&error))?;
    let mut rows: Vec<SheetRow> = Vec::new();
    let (mut cells, mut bytes) = (0, 0);
    while let Some(cell) = reader.next_cell().map_err(|error| broken(&error))? {
        let (row, column) = cell.get_position();
        let Some(taken) = taken(cell.get_value()) else { continue };
        let (Cell::Text(text) | Cell::Fault(text)) = &taken;
        cells += 1;
        bytes += text.len();
        let line = u64::from(row) + 1;
        let before = rows.last().map_or(0, |row| row.line);
        if line < before {
            return Err(out_of_order());
        }
        if line > before {
            rows.push(SheetRow { line, cells: Vec::new() });
        }
        if rows.len() > ROWS_MAX || cells > CELLS_MAX || bytes > TEXT_BYTES_MAX {
            return Err(too_large());
        }
        if let Some(last) = rows.last_mut() {
            if last.cells.last().is_some_and(|(known, _)| *known >= column as usize) {
                return Err(out_of_order());
            }
            last.cells.push((column as usize, taken));
        }
    }
    Ok(rows)
}

/// The cell as it would stand in a CSV file; `None` if it says nothing.
fn taken(value: &DataRef<'_>) -> Option<Cell> {
    let text = match value {
        DataRef::Empty => return None,
        DataRef::Error(error) => return Some(Cell::Fault(error.to_string())),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => plain(*number),
        DataRef::Bool(is_true) => is_true.to_string(),
        DataRef::DateTime(at) => moment(at),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
    };
    (!text.trim().is_empty()).then_some(Cell::Text(text))
}

/// A number as a person would write it: sheets hold 103.2 as 103.20000000000002 where it was computed.
fn plain(number: f64) -> String {
    // Fifteen digits are what a sheet shows and keeps.
    let rounded = format!("{number:.14e}").parse::<f64>().unwrap_or(number);
    rounded.to_string()
}

/// A date as `2026-11-23`, with the time of day where it is not midnight.
fn moment(at: &ExcelDateTime) -> String {
    if at.is_duration() {
        return plain(at.as_f64());
    }
    let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
    match (hour, minute, second) {
        (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
    }
}

/// Refuses a workbook that unpacks to more than is taken, whatever its table of contents says of it.
fn check_size(file: &File) -> Result<(), Problem> {
    let mut archive = ZipArchive::new(file).map_err(|error| broken(&error.into()))?;
    if archive.len() > PARTS_MAX {
        return Err(too_large());
    }
    let mut left = UNPACKED_BYTES_MAX;
    for at in 0..archive.len() {
        let part = archive.by_index(at).map_err(|error| broken(&error.into()))?;
        let name = part.name().map_err(|error| broken(&error.into()))?.to_ascii_lowercase();
        // Pictures and the like are not read.
        if ![".xml", ".rels"].iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let unpacked =
            io::copy(&mut part.take(left + 1), &mut io::sink()).map_err(|error| broken(&XlsxError::from(error)))?;
        left = left.checked_sub(unpacked).ok_or_else(too_large)?;
    }
    Ok(())
}

fn too_large() -> Problem {
    let mib = UNPACKED_BYTES_MAX / (1024 * 1024);
    Problem::new(
        Code::LimitExceeded,
        format!("bảng tính quá lớn (nhiều hơn {ROWS_MAX} dòng hoặc {mib} MiB khi giải nén); hãy chia nhỏ hoặc lưu CSV"),
        format!(
            "the workbook is too large (more than {ROWS_MAX} rows, or {mib} MiB unpacked); split it or save it as CSV"
        ),
    )
}

fn out_of_order() -> Problem {
    Problem::new(
        Code::UnsupportedMediaType,
        "tệp .xlsx hỏng: các ô không theo thứ tự; hãy mở bằng Excel và lưu lại",
        "the .xlsx file is broken: its cells are out of order; open it in a spreadsheet and save it again",
    )
}

/// A workbook with a password, or in the format of before 2007: both come as the same container.
pub(super) fn locked_or_old() -> Problem {
    Problem::new(
        Code::UnsupportedMediaType,
        "tệp Excel có mật khẩu hoặc ở dạng cũ (.xls); hãy bỏ mật khẩu và lưu lại dạng .xlsx",
        "the Excel file has a password or is in the old format (.xls); take the password off and save it as .xlsx",
    )
}

fn broken(error: &XlsxError) -> Problem {
    match error {
        XlsxError::Password | XlsxError::Zip(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => {
            locked_or_old()
        }
        error => Problem::new(
            Code::UnsupportedMediaType,
            format!("tệp .xlsx hỏng, không đọc được ({error}); hãy mở bằng Excel và lưu lại"),
            format!(
                "the .xlsx file is broken and cannot be read ({error}); open it in a spreadsheet and save it again"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_read_as_a_person_would_write_them() {
        for (number, text) in
            [(3.0, "3"), (103.2, "103.2"), (0.1 + 0.2, "0.3"), (-2.5, "-2.5"), (542_000.5, "542000.5")]
        {
            assert_eq!(plain(number), text);
        }
        let at = |serial| moment(&ExcelDateTime::new(serial, calamine::ExcelDateTimeType::DateTime, false));
        assert_eq!(at(45_943.0), "2025-10-13");
        assert_eq!(at(45_943.5), "2025-10-13 12:00:00");
    }

    #[test]
    fn the_header_is_the_first_row_with_several_cells() {
        let row = |line, cells: usize| SheetRow {
            line,
            cells: (0..cells).map(|at| (at, Cell::Text(format!("c{at}")))).collect(),
        };
        assert_eq!(header_at(&[row(1, 1), row(2, 1), row(4, 3), row(5, 3)]), 2);
        assert_eq!(header_at(&[row(1, 1), row(2, 1)]), 0, "a table of one column");
    }
}
