//! Documents read back by other programs than those that wrote them: XML of a DOCX by its elements, a PDF by poppler.

use std::io::{Cursor, Read, Write};
use std::process::{Command, Stdio};

use quick_xml::events::Event;
use unicode_normalization::UnicodeNormalization;

/// One figure a row: its title and its numbers.
pub struct Cells {
    /// Heads of the columns of the forces.
    pub heads: Vec<String>,
    pub rows: Vec<(String, Vec<Option<f64>>)>,
}

/// A word of a page, points from its left and top.
pub struct Word {
    pub left: f64,
    pub top: f64,
    pub text: String,
}

/// A number as a Vietnamese office writes it; nothing for a share that is not counted.
fn number(text: &str) -> Option<f64> {
    if text == "không tính" {
        return None;
    }
    let plain = text.replace('.', "").replace(',', ".").replace('−', "-").replace('+', "");
    Some(plain.parse().unwrap_or_else(|_| panic!("{text:?} is no number")))
}

pub fn numbers(cells: &[String]) -> Vec<Option<f64>> {
    cells.iter().map(|cell| number(cell)).collect()
}

/// One file of a DOCX.
pub fn part(docx: &[u8], name: &str) -> String {
    let mut text = String::new();
    let mut archive = zip::ZipArchive::new(Cursor::new(docx)).unwrap();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// All text of a file of a DOCX, a line a paragraph.
pub fn docx_text(docx: &[u8], name: &str) -> String {
    let mut text = String::new();
    walk(&part(docx, name), |element, inside| match (element, inside) {
        ("w:t", Some(inside)) => text.push_str(inside),
        ("w:p", None) => text.push('\n'),
        _ => {}
    });
    // Where a line may not be broken is no matter here.
    text.nfc().map(|c| if c == '\u{a0}' { ' ' } else { c }).collect()
}

/// The tables of a DOCX: rows of cells.
pub fn docx_tables(docx: &[u8]) -> Vec<Vec<Vec<String>>> {
    let mut tables: Vec<Vec<Vec<String>>> = Vec::new();
    let xml = part(docx, "word/document.xml");
    let mut reader = quick_xml::Reader::from_str(&xml);
    let (mut is_text, mut in_cell) = (false, false);
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(start) => match start.name().as_ref() {
                "w:tbl" => tables.push(Vec::new()),
                "w:tr" => tables.last_mut().unwrap().push(Vec::new()),
                "w:tc" => {
                    tables.last_mut().unwrap().last_mut().unwrap().push(String::new());
                    in_cell = true;
                }
                name => is_text = name == "w:t",
            },
            Event::End(end) => {
                is_text &= end.name().as_ref() != "w:t";
                in_cell &= end.name().as_ref() != "w:tc";
            }
            Event::Text(text) if is_text && in_cell => {
                let cell = tables.last_mut().and_then(|table| table.last_mut()).and_then(|row| row.last_mut());
                if let Some(cell) = cell {
                    cell.push_str(&text);
                }
            }
            _ => {}
        }
    }
    tables
}

/// Tells the text inside every element, and its end.
fn walk(xml: &str, mut tell: impl FnMut(&str, Option<&str>)) {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut open: Vec<String> = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(start) => open.push(start.name().as_ref().to_owned()),
            Event::End(_) => tell(&open.pop().unwrap(), None),
            Event::Text(text) => {
                if let Some(element) = open.last() {
                    tell(element, Some(&text));
                }
            }
            _ => {}
        }
    }
}

fn pdftotext(pdf: &[u8], how: &[&str]) -> String {
    let mut child = Command::new("pdftotext")
        .args(how)
        .args(["-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(pdf).unwrap();
    let told = child.wait_with_output().unwrap();
    assert!(told.status.success());
    String::from_utf8(told.stdout).unwrap().nfc().collect()
}

/// All text of a PDF, a space between words.
pub fn pdf_text(pdf: &[u8]) -> String {
    pdftotext(pdf, &["-raw"]).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of each page.
pub fn pdf_words(pdf: &[u8]) -> Vec<Vec<Word>> {
    let mut pages = Vec::new();
    for line in pdftotext(pdf, &["-bbox"]).lines().map(str::trim) {
        if line.starts_with("<page ") {
            pages.push(Vec::new());
        } else if let Some(rest) = line.strip_prefix("<word ") {
            let (place, text) = rest.trim_end_matches("</word>").split_once('>').unwrap();
            let at = |name: &str| {
                let from = place.split_once(&format!("{name}=\"")).unwrap().1;
                from.split_once('"').unwrap().0.parse().unwrap()
            };
            pages.last_mut().unwrap().push(Word { left: at("xMin"), top: at("yMin"), text: text.to_owned() });
        }
    }
    pages
}

/// The tables of figures of a PDF. A cell is what lies within its column, from the top of its row to that of the next;
/// whatever begins at the very margin stands outside of the tables.
pub fn pdf_rows(pdf: &[u8]) -> Cells {
    const MM: f64 = 72.0 / 25.4;
    const LEFT: f64 = 30.0 * MM;
    const RIGHT: f64 = 195.0 * MM;
    // The foot of a page lies in its margin.
    const BOTTOM: f64 = 277.0 * MM;
    let (mut heads, mut rows) = (Vec::new(), Vec::new());
    for words in pdf_words(pdf) {
        let is_head = |word: &&Word| word.text == "ĐVT";
        // Heads are beside each other, and "ĐVT" stands in each table's once.
        for head in words.iter().filter(is_head).filter(|word| word.left > LEFT + 20.0 * MM) {
            let near = |word: &&Word| (word.top - head.top).abs() < 25.0;
            let forces = if words.iter().filter(near).any(|word| word.text == "kích") { 4 } else { 3 };
            heads = ["Công an", "Quân sự", "Biên phòng", "Xung kích xã"][..forces]
                .iter()
                .map(|&head| head.to_owned())
                .collect();
            let widths = [14.0, 13.0, 13.0, 13.0, 18.5, 14.5].into_iter().chain(std::iter::repeat_n(12.0, forces));
            let mut edges = vec![RIGHT];
            for width in widths.collect::<Vec<f64>>().into_iter().rev() {
                edges.insert(0, edges[0] - width * MM);
            }
            let column = |word: &Word| edges.iter().filter(|edge| word.left >= **edge).count();
            let end = words.iter().filter(|word| word.top > head.top && word.left < LEFT + 1.0);
            let end = end.map(|word| word.top).fold(BOTTOM, f64::min);
            let inside = || words.iter().filter(|word| word.top > head.top && word.top < end - 1.0);
            // The first figure of a row stands at its top.
            let is_value = |word: &&Word| column(word) == 2 && word.text.starts_with(|c: char| c.is_ascii_digit());
            let mut tops: Vec<f64> = inside().filter(is_value).map(|word| word.top).collect();
            // Words come in no useful order.
            tops.sort_by(f64::total_cmp);
            for (n, top) in tops.iter().enumerate() {
                let below = tops.get(n + 1).copied().unwrap_or(end);
                let cell = |at: usize| -> String {
                    let lies = |word: &&Word| column(word) == at && word.top > top - 3.0 && word.top < below - 3.0;
                    let mut words: Vec<&Word> = inside().filter(lies).collect();
                    words.sort_by(|a, b| a.top.total_cmp(&b.top).then(a.left.total_cmp(&b.left)));
                    words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
                };
                rows.push((cell(0), numbers(&(2..7 + forces).map(cell).collect::<Vec<_>>())));
            }
        }
    }
    Cells { heads, rows }
}
