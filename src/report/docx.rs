//! The report as DOCX, which is gone over and signed: A4 upright, Times New Roman, the layout of Decree 30/2020/NĐ-CP,
//! appendix I.

use std::io::Cursor;

use docx_rs::{
    AlignmentType, BorderType, Docx, Footer, Header, LineSpacing, LineSpacingType, PageMargin, PageNum, Paragraph, Run,
    RunFonts, Table, TableAlignmentType, TableBorders, TableCell, TableCellMargins, TableLayoutType, TableRow,
    TextBorder, VAlignType, WidthType,
};

use super::Fault;
use super::sheet::{Printed, PrintedTable, Sheet};

/// The face that the decree asks for; every office has it.
const FACE: &str = "Times New Roman";
/// Sizes are in half points.
const POINT: usize = 2;
/// Lengths are in twentieths of a point; so many to a millimetre.
const MM: f64 = 1_440.0 / 25.4;
/// Width and height of A4.
const A4: (u32, u32) = (11_906, 16_838);
/// Margins: the decree allows 20 to 25 at top and bottom, 30 to 35 left, 15 to 20 right.
const MARGINS_MM: (f64, f64, f64, f64) = (20.0, 15.0, 20.0, 30.0);
/// What is left of the width.
const TEXT_WIDTH_MM: f64 = 165.0;
/// Widths of the columns after the first, which takes the rest: unit, five figures; then each force.
const COLUMNS_MM: [f64; 6] = [14.0, 13.0, 13.0, 13.0, 18.5, 14.5];
const FORCE_MM: f64 = 12.0;
/// Points of the figures, and of their heads.
const FIGURE_PT: usize = 10;
const HEAD_PT: usize = 9;
const STAMP_COLOUR: &str = "B00000";

/// Writes the document. The same sheet gives the same bytes.
///
/// # Errors
/// [`Fault`] if the archive cannot be written.
pub fn write(sheet: &Sheet) -> Result<Vec<u8>, Fault> {
    let printed = sheet.printed();
    let made = sheet.about.as_of.cap_text();
    let (top, right, bottom, left) = MARGINS_MM;
    let margin = PageMargin::new().top(twips(top)).right(twips(right)).bottom(twips(bottom)).left(twips(left));
    let mut document = Docx::new()
        .created_at(&made)
        .updated_at(&made)
        .page_size(A4.0, A4.1)
        .page_margin(margin.header(twips(10.0)).footer(twips(10.0)).gutter(0))
        .default_fonts(RunFonts::new().ascii(FACE).hi_ansi(FACE).cs(FACE).east_asia(FACE))
        .default_size(13 * POINT)
        .header(header(&printed))
        // The first page has no number: a head of its own, with nothing in it.
        .first_header(Header::new().add_paragraph(line("", 13)))
        .footer(footer(&printed))
        .first_footer(footer(&printed))
        .add_table(heading(&printed))
        .add_paragraph(line("", 6));
    for paragraph in title(&printed) {
        document = document.add_paragraph(paragraph);
    }
    let lead = line(&printed.lead, 13).align(AlignmentType::Both).line_spacing(spacing(6, 6));
    document =
        document.add_paragraph(lead.indent(None, Some(docx_rs::SpecialIndentType::FirstLine(twips(10.0))), None, None));
    for section in &printed.sections {
        document = document
            .add_paragraph(bold(&section.title, 13).line_spacing(spacing(12, 3)).keep_next(true))
            .add_table(figures(&printed.columns, &section.rows));
    }
    for words in &printed.tables {
        document = document
            .add_paragraph(bold(&words.title, 13).line_spacing(spacing(12, 3)).keep_next(true))
            .add_table(table_of_words(words));
        if let Some(note) = &words.note {
            document = document.add_paragraph(line(note, 11).line_spacing(spacing(3, 0)));
        }
    }
    if !printed.corrections.is_empty() {
        document = document
            .add_paragraph(
                bold("Số liệu điều chỉnh sau khi khóa báo cáo", 13).line_spacing(spacing(12, 3)).keep_next(true),
            )
            .add_table(corrections(&printed.corrections));
    }
    document = document.add_paragraph(bold("Cách đếm. ĐVT: đơn vị tính.", 11).line_spacing(spacing(12, 2)));
    for note in &printed.notes {
        let note = line(&format!("– {note}"), 11).align(AlignmentType::Both).line_spacing(spacing(0, 2));
        document = document.add_paragraph(note);
    }
    document = document
        .add_paragraph(bold(&printed.as_of, 11).line_spacing(spacing(2, 14)))
        .add_table(signature(&printed))
        // A table at the end needs a paragraph behind it; a small one, or it may begin a page of its own.
        .add_paragraph(line("", 1));
    let mut bytes = Cursor::new(Vec::new());
    document.build().pack(&mut bytes).map_err(|error| Fault(error.to_string()))?;
    Ok(bytes.into_inner())
}

/// From the second page on: its number in the middle of the top, the stamp at the right.
fn header(printed: &Printed) -> Header {
    let number = Paragraph::new().add_page_num(PageNum::new()).align(AlignmentType::Center);
    let header = Header::new().add_paragraph(number);
    match printed.classification {
        Some(stamp) => header.add_paragraph(bold(stamp, 10).align(AlignmentType::Right)),
        None => header,
    }
}

fn footer(printed: &Printed) -> Footer {
    Footer::new().add_paragraph(line(&printed.foot, 8).align(AlignmentType::Center))
}

/// Office and number at the left; state, motto, place and day at the right.
fn heading(printed: &Printed) -> Table {
    let mut left = TableCell::new();
    if !printed.above.is_empty() {
        left = left.add_paragraph(centred(line(&printed.above, 12)));
    }
    left = left
        .add_paragraph(centred(bold(&printed.issuer, 12)))
        .add_paragraph(centred(line("_______________", 6)))
        .add_paragraph(centred(line(&printed.number, 13)));
    if let Some(stamp) = printed.classification {
        let frame = TextBorder::new().border_type(BorderType::Single).size(12).space(2).color(STAMP_COLOUR);
        let run = run(&format!("\u{a0}{stamp}\u{a0}"), 13).bold().color(STAMP_COLOUR).text_border(frame);
        left = left.add_paragraph(centred(Paragraph::new().add_run(run)).line_spacing(spacing(4, 0)));
    }
    let right = TableCell::new()
        .add_paragraph(centred(bold(printed.state_name, 12)))
        .add_paragraph(centred(bold(printed.motto, 13)))
        .add_paragraph(centred(line("___________________________________", 6)))
        .add_paragraph(centred(Paragraph::new().add_run(run(&printed.place_and_day, 13).italic())));
    side_by_side([left, right])
}

fn title(printed: &Printed) -> Vec<Paragraph> {
    let mut title = vec![centred(bold(printed.kind, 14)), centred(bold(&printed.subject, 14))];
    title.push(centred(line("____________________", 6)));
    title.extend(printed.marks.iter().map(|mark| centred(bold(mark, 11))));
    title
}

fn figures(columns: &[String], rows: &[Vec<String>]) -> Table {
    let forces = columns.len().saturating_sub(1 + COLUMNS_MM.len());
    let beside: Vec<f64> = COLUMNS_MM.into_iter().chain(std::iter::repeat_n(FORCE_MM, forces)).collect();
    let first = TEXT_WIDTH_MM - beside.iter().sum::<f64>();
    let widths: Vec<f64> = std::iter::once(first).chain(beside).collect();
    let aligned = |at: usize| match at {
        0 => AlignmentType::Left,
        1 => AlignmentType::Center,
        _ => AlignmentType::Right,
    };
    let mut lines = vec![head(columns.iter().map(String::as_str), &widths)];
    for (n, row) in rows.iter().enumerate() {
        // A part is not torn over two pages.
        let holds = n + 1 < rows.len();
        let cells = row.iter().zip(&widths).enumerate().map(|(at, (text, width))| {
            let run = run(text, FIGURE_PT);
            let run = if at == 2 { run.bold() } else { run };
            let text = Paragraph::new().add_run(run).align(aligned(at)).keep_next(holds);
            cell(*width).add_paragraph(text)
        });
        lines.push(TableRow::new(cells.collect()).cant_split());
    }
    table(lines, &widths)
}

fn table_of_words(words: &PrintedTable) -> Table {
    let widths = [55.0, 35.0, 45.0, 30.0];
    let mut lines = vec![head(words.columns.into_iter(), &widths)];
    for row in &words.rows {
        let cells = row.iter().zip(widths).map(|(text, width)| cell(width).add_paragraph(line(text, FIGURE_PT)));
        lines.push(TableRow::new(cells.collect()).cant_split());
    }
    table(lines, &widths)
}

fn corrections(rows: &[[String; 5]]) -> Table {
    let widths = [50.0, 20.0, 20.0, 46.0, 29.0];
    let mut lines = vec![head(["Nội dung", "Đã báo cáo", "Nay là", "Lý do", "Lúc"].into_iter(), &widths)];
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().map(|(at, (text, width))| {
            let aligned = if matches!(at, 1 | 2) { AlignmentType::Right } else { AlignmentType::Left };
            cell(width).add_paragraph(line(text, FIGURE_PT).align(aligned))
        });
        lines.push(TableRow::new(cells.collect()).cant_split());
    }
    table(lines, &widths)
}

fn head<'a>(titles: impl Iterator<Item = &'a str>, widths: &[f64]) -> TableRow {
    let cells = titles.zip(widths).map(|(title, width)| {
        let title = centred(bold(title, HEAD_PT)).keep_next(true);
        cell(*width).add_paragraph(title).vertical_align(VAlignType::Center)
    });
    TableRow::new(cells.collect()).cant_split()
}

fn signature(printed: &Printed) -> Table {
    let receivers = Paragraph::new().add_run(run("Nơi nhận:", 12).bold().italic());
    let mut left = TableCell::new().add_paragraph(receivers);
    for (n, one) in printed.recipients.iter().enumerate() {
        let end = if n + 1 == printed.recipients.len() { "." } else { ";" };
        left = left.add_paragraph(line(&format!("- {one}{end}"), 11));
    }
    let signed = Paragraph::new().add_run(run("(Chữ ký, dấu của cơ quan)", 11).italic());
    let right = TableCell::new()
        .add_paragraph(centred(bold(&printed.signer, 13)).keep_next(true))
        .add_paragraph(centred(signed).keep_next(true).line_spacing(spacing(0, 64)))
        .add_paragraph(centred(bold("(Họ và tên)", 13)));
    side_by_side([left, right])
}

/// Two cells without a frame.
fn side_by_side(cells: [TableCell; 2]) -> Table {
    let widths = [72.0, TEXT_WIDTH_MM - 72.0];
    let grid: Vec<usize> = widths.iter().map(|width| twips(*width) as usize).collect();
    let cells = cells.into_iter().zip(&grid).map(|(cell, width)| cell.width(*width, WidthType::Dxa));
    Table::without_borders(vec![TableRow::new(cells.collect()).cant_split()])
        .layout(TableLayoutType::Fixed)
        .width(grid.iter().sum(), WidthType::Dxa)
        .set_grid(grid)
        .margins(TableCellMargins::new().margin(0, 0, 0, 0))
}

fn table(rows: Vec<TableRow>, widths: &[f64]) -> Table {
    let grid: Vec<usize> = widths.iter().map(|width| twips(*width) as usize).collect();
    Table::new(rows)
        .set_borders(TableBorders::new())
        .layout(TableLayoutType::Fixed)
        .align(TableAlignmentType::Center)
        .width(grid.iter().sum(), WidthType::Dxa)
        .set_grid(grid)
        .margins(TableCellMargins::new().margin(30, 55, 30, 55))
}

fn cell(width_mm: f64) -> TableCell {
    TableCell::new().width(twips(width_mm) as usize, WidthType::Dxa)
}

fn run(text: &str, points: usize) -> Run {
    Run::new().add_text(text).size(points * POINT)
}

fn line(text: &str, points: usize) -> Paragraph {
    Paragraph::new().add_run(run(text, points)).line_spacing(spacing(0, 0))
}

fn bold(text: &str, points: usize) -> Paragraph {
    Paragraph::new().add_run(run(text, points).bold()).line_spacing(spacing(0, 0))
}

fn centred(paragraph: Paragraph) -> Paragraph {
    paragraph.align(AlignmentType::Center)
}

/// Single spacing, with so many points before and after.
fn spacing(before: u32, after: u32) -> LineSpacing {
    LineSpacing::new().line_rule(LineSpacingType::Auto).line(240).before(before * 20).after(after * 20)
}

fn twips(mm: f64) -> i32 {
    (mm * MM).round() as i32
}

#[cfg(test)]
mod tests {
    use super::super::sheet::tests::{about, report};
    use super::*;

    #[test]
    fn the_same_sheet_gives_the_same_document() {
        let sheet = Sheet::of(&report(), about());
        let document = write(&sheet).unwrap();
        assert!(document.starts_with(b"PK") && document == write(&sheet).unwrap());
    }
}
