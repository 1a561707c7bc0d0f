//! The report as a workbook: the figures as numbers, and a sheet with the rows behind every one of them.

use rust_xlsxwriter::{
    Color, DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Url, Workbook, Worksheet, XlsxError,
};

use super::Fault;
use super::sheet::{Entry, KIND, Sheet};
use super::sources::{Source, Sources};
use super::words;
use crate::domain::Timestamp;

/// Names of the sheets.
pub const FIGURES_SHEET: &str = "Báo cáo";
pub const ROWS_SHEET: &str = "Dòng số liệu";
/// Columns of the rows.
const ROW_COLUMNS: [(&str, f64); 8] = [
    ("Nội dung", 46.0),
    ("Mã số liệu", 20.0),
    ("Loại bản ghi", 20.0),
    ("Mã bản ghi", 38.0),
    ("Lúc (giờ Việt Nam)", 19.0),
    ("Lực lượng", 14.0),
    ("Tính vào", 12.0),
    ("Diễn giải", 50.0),
];
/// Whole figures as they are, others with their decimals.
const NUMBER: &str = "#,##0.###";
const WHOLE: &str = "#,##0";
const A4: u8 = 9;
const DAY_MS: f64 = 86_400_000.0;
/// The province is seven hours ahead.
const OFFSET_MS: f64 = 7.0 * 3_600_000.0;
/// 1970-01-01 as workbooks count days.
const EPOCH_DAYS: f64 = 25_569.0;

/// How cells look.
struct Looks {
    title: Format,
    soft: Format,
    head: Format,
    block: Format,
    text: Format,
    unit: Format,
    moment: Format,
    whole: Format,
    number: Format,
    signed: Format,
    percent: Format,
    link: Format,
    mark: Format,
}

impl Looks {
    fn new() -> Self {
        let cell = || Format::new().set_border(FormatBorder::Thin).set_align(FormatAlign::Top);
        Self {
            title: Format::new().set_bold().set_font_size(14),
            soft: Format::new().set_italic(),
            head: cell().set_bold().set_text_wrap().set_align(FormatAlign::Center),
            block: cell().set_bold().set_background_color(Color::RGB(0xE8_E8_E8)),
            text: cell().set_text_wrap(),
            unit: cell().set_align(FormatAlign::Center),
            moment: cell().set_num_format("dd/mm/yyyy hh:mm"),
            whole: cell().set_num_format(WHOLE),
            number: cell().set_num_format(NUMBER),
            signed: cell().set_num_format("+#,##0.###;−#,##0.###;0"),
            percent: cell().set_num_format("+#,##0.0;−#,##0.0;0.0").set_align(FormatAlign::Right),
            link: cell().set_text_wrap().set_font_color(Color::Blue),
            mark: Format::new().set_bold().set_font_color(Color::RGB(0xB0_00_00)),
        }
    }

    fn of(&self, value: f64) -> &Format {
        if value.fract() == 0.0 { &self.whole } else { &self.number }
    }
}

impl From<XlsxError> for Fault {
    fn from(error: XlsxError) -> Self {
        Self(error.to_string())
    }
}

/// Writes the workbook. The same sheet and rows give the same bytes.
///
/// # Errors
/// [`Fault`] if a value does not fit a cell.
pub fn write(sheet: &Sheet, sources: &Sources) -> Result<Vec<u8>, Fault> {
    let looks = Looks::new();
    let mut book = Workbook::new();
    let made = ExcelDateTime::from_timestamp(sheet.about.as_of.as_ms() / 1_000)?;
    let about = DocProperties::new()
        .set_title(sheet.subject())
        .set_author(&sheet.about.letterhead.issuer)
        .set_comment(sheet.as_of())
        .set_creation_datetime(&made);
    book.set_properties(&about);
    let mut rows = Worksheet::new();
    let first_rows = write_rows(rows.set_name(ROWS_SHEET)?, &looks, sheet, sources)?;
    let mut figures = Worksheet::new();
    write_figures(figures.set_name(FIGURES_SHEET)?, &looks, sheet, &first_rows)?;
    book.push_worksheet(figures);
    book.push_worksheet(rows);
    Ok(book.save_to_buffer()?)
}

/// `first_rows` says where the rows of a figure begin, in the order of the figures.
fn write_figures(out: &mut Worksheet, looks: &Looks, sheet: &Sheet, first_rows: &[Option<u32>]) -> Result<(), Fault> {
    out.set_landscape().set_paper_size(A4).set_print_fit_to_pages(1, 0).set_footer("&CTrang &P/&N");
    out.write_string(0, 0, &sheet.about.letterhead.issuer)?;
    out.write_string_with_format(1, 0, format!("{KIND}: {}", sheet.subject()), &looks.title)?;
    out.write_string_with_format(2, 0, sheet.as_of(), &looks.soft)?;
    let printed = sheet.printed();
    let marks = printed.classification.into_iter().map(str::to_owned).chain(printed.marks);
    out.write_string_with_format(3, 0, marks.collect::<Vec<_>>().join(" · "), &looks.mark)?;
    let head = 4;
    for (at, title) in (0..).zip(sheet.columns()) {
        out.write_string_with_format(head, at, title, &looks.head)?;
        out.set_column_width(at, if at == 0 { 50.0 } else { 12.0 })?;
    }
    out.set_freeze_panes(head + 1, 1)?.set_repeat_rows(head, head)?;
    let last_column = u16::try_from(sheet.columns().len() - 1).unwrap_or(u16::MAX);
    let mut row = head + 1;
    let mut first_rows = first_rows.iter();
    for section in &sheet.sections {
        out.merge_range(row, 0, row, last_column, &section.title(), &looks.block)?;
        row += 1;
        for entry in &section.entries {
            write_entry(out, looks, row, entry, first_rows.next().copied().flatten())?;
            row += 1;
        }
    }
    row += 1;
    for words in printed.tables {
        out.merge_range(row, 0, row, last_column, &words.title, &looks.block)?;
        row += 1;
        for (cells, look) in std::iter::once((words.columns.map(str::to_owned), &looks.head))
            .chain(words.rows.into_iter().map(|cells| (cells, &looks.text)))
        {
            for (at, cell) in (0..).zip(&cells) {
                out.write_string_with_format(row, at, cell, look)?;
            }
            row += 1;
        }
        if let Some(note) = words.note {
            out.write_string_with_format(row, 0, note, &looks.soft)?;
            row += 1;
        }
        row += 1;
    }
    for [figure, was, is, why, at] in printed.corrections {
        out.write_string_with_format(row, 0, format!("Điều chỉnh: {figure}: {was} → {is} ({why}; {at})"), &looks.mark)?;
        row += 1;
    }
    for note in sheet.notes() {
        out.write_string_with_format(row, 0, note, &looks.soft)?;
        row += 1;
    }
    Ok(())
}

fn write_entry(
    out: &mut Worksheet,
    looks: &Looks,
    row: u32,
    entry: &Entry,
    first_row: Option<u32>,
) -> Result<(), Fault> {
    match first_row {
        // A workbook counts rows from one.
        Some(first) => {
            let place = Url::new(format!("internal:'{ROWS_SHEET}'!A{}", first + 1)).set_text(entry.title);
            out.write_url_with_format(row, 0, place, &looks.link)?
        }
        None => out.write_string_with_format(row, 0, entry.title, &looks.text)?,
    };
    out.write_string_with_format(row, 1, words::unit(entry.unit), &looks.unit)?;
    out.write_number_with_format(row, 2, entry.value, looks.of(entry.value))?;
    out.write_number_with_format(row, 3, entry.previous, looks.of(entry.previous))?;
    out.write_number_with_format(row, 4, entry.delta, &looks.signed)?;
    match entry.delta_percent {
        Some(percent) => out.write_number_with_format(row, 5, percent, &looks.percent)?,
        None => out.write_string_with_format(row, 5, words::NOT_COUNTED, &looks.percent)?,
    };
    out.write_number_with_format(row, 6, entry.year_before, looks.of(entry.year_before))?;
    for (at, sum) in (7..).zip(&entry.by_force) {
        out.write_number_with_format(row, at, *sum, looks.of(*sum))?;
    }
    Ok(())
}

/// Writes the rows, and says for each figure where its own begin.
fn write_rows(out: &mut Worksheet, looks: &Looks, sheet: &Sheet, sources: &Sources) -> Result<Vec<Option<u32>>, Fault> {
    for (at, (title, width)) in (0..).zip(ROW_COLUMNS) {
        out.write_string_with_format(0, at, title, &looks.head)?;
        out.set_column_width(at, width)?;
    }
    out.set_landscape().set_paper_size(A4).set_print_fit_to_pages(1, 0).set_footer("&CTrang &P/&N");
    out.set_freeze_panes(1, 0)?.set_repeat_rows(0, 0)?;
    let mut row = 1;
    let mut first_rows = Vec::new();
    for entry in sheet.sections.iter().flat_map(|section| &section.entries) {
        let first = row;
        let own = sources.figures.iter().find(|figure| figure.id == entry.id);
        for source in own.iter().flat_map(|own| &own.shown) {
            write_row(out, looks, row, entry, source)?;
            row += 1;
        }
        if let Some(own) = own.filter(|own| own.hidden + own.left_out > 0) {
            out.write_string_with_format(row, 0, entry.title, &looks.text)?;
            out.write_string_with_format(row, 1, entry.id, &looks.text)?;
            for at in 2..6 {
                out.write_blank(row, at, &looks.text)?;
            }
            out.write_number_with_format(row, 6, own.other_value, looks.of(own.other_value))?;
            let told = [
                (own.hidden, "dòng nữa được đếm mà người lấy tệp không được xem"),
                (own.left_out, "dòng nữa được đếm mà tệp không đủ chỗ"),
            ];
            let told = told.into_iter().filter(|(rows, _)| *rows > 0);
            let told = told.map(|(rows, words)| format!("{} {words}", words::number(rows as f64)));
            out.write_string_with_format(row, 7, told.collect::<Vec<_>>().join("; "), &looks.text)?;
            row += 1;
        }
        first_rows.push((row > first).then_some(first));
    }
    out.autofilter(0, 0, row - 1, ROW_COLUMNS.len() as u16 - 1)?;
    Ok(first_rows)
}

fn write_row(out: &mut Worksheet, looks: &Looks, row: u32, entry: &Entry, source: &Source) -> Result<(), Fault> {
    out.write_string_with_format(row, 0, entry.title, &looks.text)?;
    out.write_string_with_format(row, 1, entry.id, &looks.text)?;
    out.write_string_with_format(row, 2, words::collection(source.collection), &looks.text)?;
    out.write_string_with_format(row, 3, source.id.to_string(), &looks.text)?;
    out.write_number_with_format(row, 4, days(source.at), &looks.moment)?;
    out.write_string_with_format(row, 5, source.force.map_or("", words::force), &looks.text)?;
    out.write_number_with_format(row, 6, source.value, looks.of(source.value))?;
    // Text is never read as a formula: it is written as text.
    out.write_string_with_format(row, 7, &source.told, &looks.text)?;
    Ok(())
}

/// Days since the end of 1899 by the province's clocks, as workbooks hold moments.
fn days(at: Timestamp) -> f64 {
    (at.as_ms() as f64 + OFFSET_MS) / DAY_MS + EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use super::super::sheet::tests::{about, report};
    use super::*;

    #[test]
    fn the_same_sheet_gives_the_same_workbook() {
        let (report, sources) = (report(), Sources::default());
        let sheet = Sheet::of(&report, about());
        let book = write(&sheet, &sources).unwrap();
        assert!(book.starts_with(b"PK") && book == write(&sheet, &sources).unwrap());
    }

    #[test]
    fn moments_are_days_of_the_province() {
        assert_eq!(days(Timestamp::parse("2024-06-30T17:00:00Z").unwrap()), 45_474.0);
        assert_eq!(days(Timestamp::parse("2024-07-01T05:00:00Z").unwrap()), 45_474.5);
    }
}
