//! The report as a document: what stands on it, whatever it is written as. The layout is that of Decree 30/2020/NĐ-CP,
//! appendix I: motto at the right, office at the left, number, place and day, kind and subject, signature and receivers.
//!
//! Invariants: pure, and no clock; the same report and the same heading give the same sheet, and every format writes the
//! figures of this one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::beside::{Rehearsed, Tasks};
use super::figures::{Block, Unit};
use super::quarter::{Line, QuarterReport};
use super::words;
use crate::domain::change::Seq;
use crate::domain::quarter::Quarter;
use crate::domain::{Force, Timestamp};

/// The name of the state, and the motto under it.
pub const STATE_NAME: &str = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM";
pub const MOTTO: &str = "Độc lập - Tự do - Hạnh phúc";
/// What kind of document it is.
pub const KIND: &str = "BÁO CÁO";
/// Stands on whatever is made of invented records.
pub const DEMO: &str = "SỐ LIỆU MINH HỌA (DEMO)";
/// Columns before those of the forces.
pub const COLUMNS: [&str; 7] = ["Nội dung", "ĐVT", "Quý này", "Quý trước", "Tăng, giảm", "%", "Cùng kỳ năm trước"];
/// Forces that have a column in every report; any other one has it where it counts for something.
const IN_EVERY_REPORT: [Force; 3] = [Force::Police, Force::Military, Force::BorderGuard];
const NUMERALS: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// What an office writes above and below its reports.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Letterhead {
    /// The office above the one that issues; no line if empty.
    pub above: String,
    /// The office that issues.
    pub issuer: String,
    /// What follows `BC-` in the number; dots to be filled in if empty.
    pub abbreviation: String,
    /// Where it is signed.
    pub place: String,
    /// In which office the signer signs.
    pub signer: String,
    /// Who receives it, one a line.
    pub recipients: Vec<String>,
}

impl Default for Letterhead {
    fn default() -> Self {
        Self {
            above: String::new(),
            // The name of the province stays on one line.
            issuer: "ỦY BAN NHÂN DÂN TỈNH\u{a0}LAI\u{a0}CHÂU".to_owned(),
            abbreviation: String::new(),
            place: "Lai Châu".to_owned(),
            signer: "QUYỀN HẠN, CHỨC VỤ CỦA NGƯỜI KÝ".to_owned(),
            recipients: ["Công an, Quân sự, Biên phòng tỉnh", "Lưu: VT"].map(str::to_owned).to_vec(),
        }
    }
}

/// Degree of secrecy that is stamped on a document (Law on the Protection of State Secrets 2018, article 8). Whoever issues
/// it decides; nothing in the figures does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Classification {
    Confidential,
    Secret,
    TopSecret,
}

impl Classification {
    /// All, from the lowest.
    pub const ALL: [Self; 3] = [Self::Confidential, Self::Secret, Self::TopSecret];

    /// Its name in addresses and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confidential => "confidential",
            Self::Secret => "secret",
            Self::TopSecret => "top_secret",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }

    /// As it is stamped.
    #[must_use]
    pub const fn stamp(self) -> &'static str {
        match self {
            Self::Confidential => "MẬT",
            Self::Secret => "TỐI MẬT",
            Self::TopSecret => "TUYỆT MẬT",
        }
    }
}

/// A figure of a closed report that is another one by now.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// The figure in words.
    pub title: String,
    pub was: f64,
    pub is: f64,
    /// Why, and by whom.
    pub why: String,
    pub at: Timestamp,
}

/// What a sheet needs to know beside the figures.
#[derive(Clone, Debug)]
pub struct About {
    pub letterhead: Letterhead,
    pub classification: Option<Classification>,
    /// Of when the figures are.
    pub as_of: Timestamp,
    /// The last change of the journal that is in them.
    pub seq: Seq,
    /// Whether the records are invented.
    pub is_demo: bool,
    /// How far the report is on its way, in words.
    pub state: Option<String>,
    pub corrections: Vec<Correction>,
    /// Whose figures these are, in words; all of the province's if `None`.
    pub part: Option<String>,
    /// How the figures of that area were found, one sentence a line.
    pub part_notes: Vec<String>,
    /// The only force that has a column, if these are its figures.
    pub force: Option<Force>,
    /// What is to be done in the next quarter.
    pub tasks: Tasks,
    /// Exercises that ended in the quarter.
    pub exercises: Vec<Rehearsed>,
}

/// One figure on the sheet.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub id: &'static str,
    pub title: &'static str,
    pub unit: Unit,
    pub value: f64,
    pub previous: f64,
    pub delta: f64,
    pub delta_percent: Option<f64>,
    pub year_before: f64,
    /// In the order of [`Sheet::forces`].
    pub by_force: Vec<f64>,
}

/// Figures of one part.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// `I`, `II` …
    pub numeral: &'static str,
    pub block: Block,
    pub entries: Vec<Entry>,
}

/// The report as a document.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub quarter: Quarter,
    pub about: About,
    /// The forces that have a column.
    pub forces: Vec<Force>,
    pub sections: Vec<Section>,
}

/// The texts of a sheet, for the formats that are read by people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Printed {
    pub state_name: &'static str,
    pub motto: &'static str,
    pub above: String,
    pub issuer: String,
    pub number: String,
    pub place_and_day: String,
    pub classification: Option<&'static str>,
    pub kind: &'static str,
    pub subject: String,
    /// `SỐ LIỆU MINH HỌA (DEMO)`, how far the report is.
    pub marks: Vec<String>,
    pub lead: String,
    pub columns: Vec<String>,
    pub sections: Vec<PrintedSection>,
    /// Exercises of the quarter and tasks of the next; none where there is nothing to tell.
    pub tables: Vec<PrintedTable>,
    /// Figure, was, is, why, when.
    pub corrections: Vec<[String; 5]>,
    pub notes: Vec<String>,
    pub as_of: String,
    pub signer: String,
    pub recipients: Vec<String>,
    /// Stands at the foot of every page.
    pub foot: String,
}

/// The texts of a table of words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrintedTable {
    pub title: String,
    pub columns: [&'static str; 4],
    pub rows: Vec<[String; 4]>,
    /// What is said under it.
    pub note: Option<String>,
}

/// The texts of a part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrintedSection {
    pub title: String,
    /// Cells in the order of the columns.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// The sheet of a report.
    #[must_use]
    pub fn of(report: &QuarterReport, about: About) -> Self {
        let counts = |force: &Force| {
            IN_EVERY_REPORT.contains(force) || report.lines.iter().any(|line| by_force(&line.by_force, *force) != 0.0)
        };
        let has_column = |force: &Force| about.force.map_or_else(|| counts(force), |only| only == *force);
        let forces: Vec<Force> = Force::ALL.into_iter().filter(has_column).collect();
        let mut sections: Vec<Section> = Vec::new();
        for line in &report.lines {
            let entry = entry(line, &forces);
            match sections.iter_mut().find(|section| section.block == line.block) {
                Some(section) => section.entries.push(entry),
                None => {
                    let numeral = NUMERALS.get(sections.len()).copied().unwrap_or_default();
                    sections.push(Section { numeral, block: line.block, entries: vec![entry] });
                }
            }
        }
        Self { quarter: report.quarter, about, forces, sections }
    }

    /// The name of a file that holds it, without its ending.
    #[must_use]
    pub fn file_stem(&self) -> String {
        format!("bao-cao-{}", self.quarter)
    }

    /// What the report is about: `Kết quả phối hợp … Quý III năm 2024`, the quarter on one line.
    #[must_use]
    pub fn subject(&self) -> String {
        let quarter = self.quarter.title_vi().replace(' ', "\u{a0}");
        let part = self.about.part.as_ref().map_or(String::new(), |part| format!(" – {}", part.replace(' ', "\u{a0}")));
        format!("Kết quả phối hợp giữa Công an, Quân sự và Bộ đội Biên phòng {quarter}{part}")
    }

    /// Of when the figures are: `Số liệu đến 09:14 ngày 23/11/2026; nhật ký đến số 1204.`
    #[must_use]
    pub fn as_of(&self) -> String {
        let told = self.about.as_of.told_text();
        let (time, day) = told.split_once(' ').unwrap_or((&told, ""));
        format!("Số liệu đến {time} ngày {day}; nhật ký đến số {}.", self.about.seq)
    }

    /// The heads of the columns.
    #[must_use]
    pub fn columns(&self) -> Vec<&'static str> {
        COLUMNS.into_iter().chain(self.forces.iter().map(|force| words::force(*force))).collect()
    }

    /// How figures are counted, one rule a line.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let (previous, before) = (self.quarter.previous().title_vi(), self.quarter.year_before().title_vi());
        let mut notes = vec![format!(
            "Quý trước là {previous}; cùng kỳ năm trước là {before}. Tăng, giảm và % so với quý trước; quý trước bằng 0 thì % ghi “{}”.",
            words::NOT_COUNTED
        )];
        notes.extend(
            [
                "Lượt người, lượt phương tiện: cộng số người, số phương tiện của từng lần điều động; một người đi ba lần là ba lượt. Lần điều động kéo dài qua cuối quý tính vào quý bắt đầu đi.",
                "Vụ việc tính theo lúc tiếp nhận, không tính tin không có thật và vụ đã gộp vào vụ khác. Hộ di dời tính khi rời nhà, mỗi quý một lần cho đến khi về.",
                "Vụ ma tuý tính khi bàn giao; vụ khác tính khi phát hiện.",
                "Cột của từng lực lượng cộng lại có thể nhỏ hơn tổng: việc không ghi lực lượng nào chỉ có trong tổng.",
            ]
            .map(str::to_owned),
        );
        notes.extend(self.about.part_notes.iter().cloned());
        notes
    }

    /// Its texts.
    #[must_use]
    pub fn printed(&self) -> Printed {
        let Letterhead { above, issuer, abbreviation, place, signer, recipients } = self.about.letterhead.clone();
        let year = self.about.as_of.local_year_quarter().0;
        let abbreviation = if abbreviation.is_empty() { "…".to_owned() } else { abbreviation };
        let demo = self.about.is_demo.then(|| DEMO.to_owned());
        let foot = [Some(self.quarter.title_vi()), self.about.part.clone(), Some(self.as_of()), demo.clone()];
        Printed {
            state_name: STATE_NAME,
            motto: MOTTO,
            above,
            issuer,
            number: format!("Số: …/BC-{abbreviation}"),
            place_and_day: format!("{place}, ngày … tháng … năm {year}"),
            classification: self.about.classification.map(Classification::stamp),
            kind: KIND,
            subject: self.subject(),
            marks: demo.into_iter().chain(self.about.state.clone()).collect(),
            lead: self.lead(),
            columns: self.columns().into_iter().map(str::to_owned).collect(),
            sections: self.sections.iter().map(Section::printed).collect(),
            tables: self.tables(),
            corrections: self.about.corrections.iter().map(Correction::printed).collect(),
            notes: self.notes(),
            as_of: self.as_of(),
            signer,
            recipients,
            foot: foot
                .into_iter()
                .flatten()
                .map(|part| part.trim_end_matches('.').to_owned())
                .collect::<Vec<_>>()
                .join(" · "),
        }
    }

    /// The tables of words behind the figures.
    #[must_use]
    pub fn tables(&self) -> Vec<PrintedTable> {
        let mut tables = Vec::new();
        let mut numerals = NUMERALS.iter().skip(self.sections.len());
        let mut titled = |title: &str| format!("{}. {title}", numerals.next().copied().unwrap_or_default());
        if !self.about.exercises.is_empty() {
            tables.push(PrintedTable {
                title: titled("Diễn tập"),
                columns: ["Cuộc diễn tập", "Nơi, lực lượng", "Mục tiêu và đánh giá", "Bài học kinh nghiệm"],
                rows: self.about.exercises.iter().map(words::rehearsed).collect(),
                note: None,
            });
        }
        let Tasks { tasks, hidden } = &self.about.tasks;
        if tasks.len() + hidden > 0 {
            let note = format!("Ngoài ra có {hidden} việc mà người lập bản này không được xem.");
            tables.push(PrintedTable {
                title: titled("Nhiệm vụ quý tiếp theo"),
                columns: ["Việc phải làm", "Lực lượng chủ trì", "Người chịu trách nhiệm", "Hạn"],
                rows: tasks.iter().map(|task| words::task(task, self.about.as_of)).collect(),
                note: (*hidden > 0).then_some(note),
            });
        }
        tables
    }

    fn lead(&self) -> String {
        let last = self.quarter.next().start().plus_s(-1);
        let day = |at: Timestamp| at.told_text().split_once(' ').map_or(String::new(), |(_, day)| day.to_owned());
        format!(
            "Từ ngày {} đến hết ngày {}, kết quả phối hợp giữa các lực lượng trên địa bàn như sau:",
            day(self.quarter.start()),
            day(last)
        )
    }
}

impl Section {
    /// `III. Di dời dân`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}. {}", self.numeral, words::block(self.block))
    }

    fn printed(&self) -> PrintedSection {
        PrintedSection { title: self.title(), rows: self.entries.iter().map(Entry::cells).collect() }
    }
}

impl Entry {
    /// Its texts, in the order of the columns.
    #[must_use]
    pub fn cells(&self) -> Vec<String> {
        let figures = [
            words::number(self.value),
            words::number(self.previous),
            words::signed(self.delta),
            words::percent(self.delta_percent),
            words::number(self.year_before),
        ];
        let titles = [self.title.to_owned(), words::unit(self.unit).to_owned()];
        titles.into_iter().chain(figures).chain(self.by_force.iter().map(|sum| words::number(*sum))).collect()
    }
}

impl Correction {
    fn printed(&self) -> [String; 5] {
        let (was, is) = (words::number(self.was), words::number(self.is));
        [self.title.clone(), was, is, self.why.clone(), self.at.told_text()]
    }
}

fn entry(line: &Line, forces: &[Force]) -> Entry {
    Entry {
        id: line.id,
        title: line.title_vi,
        unit: line.unit,
        value: line.value,
        previous: line.previous,
        delta: line.delta,
        delta_percent: line.delta_percent,
        year_before: line.year_before,
        by_force: forces.iter().map(|force| by_force(&line.by_force, *force)).collect(),
    }
}

fn by_force(sums: &BTreeMap<&'static str, f64>, force: Force) -> f64 {
    sums.get(force.as_str()).copied().unwrap_or(0.0)
}

#[cfg(test)]
pub(super) mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::domain::Collection;
    use crate::picture::Feature;
    use crate::report::quarter::Records;

    /// A province where nothing happened.
    struct Nothing;

    impl Records for Nothing {
        type Fault = Infallible;

        fn each(&mut self, _: Collection, _: &mut dyn FnMut(&Feature)) -> Result<(), Infallible> {
            Ok(())
        }
    }

    pub fn about() -> About {
        About {
            letterhead: Letterhead::default(),
            classification: None,
            as_of: Timestamp::parse("2024-10-05T02:14:00Z").unwrap(),
            seq: 1_204,
            is_demo: false,
            state: None,
            corrections: Vec::new(),
            part: None,
            part_notes: Vec::new(),
            force: None,
            tasks: Tasks::default(),
            exercises: Vec::new(),
        }
    }

    /// Of 2024Q3, with figures that were put there by hand.
    pub fn report() -> QuarterReport {
        let Ok(mut report) = QuarterReport::count(Quarter::parse("2024Q3").unwrap(), &mut Nothing);
        let line = &mut report.lines[2];
        (line.value, line.previous, line.delta, line.delta_percent) = (1_458.0, 1_500.0, -42.0, Some(-2.8));
        line.by_force = BTreeMap::from([("military", 1_000.0), ("civil", 458.0)]);
        report
    }

    #[test]
    fn a_sheet_says_of_when_it_is_and_whose_it_is() {
        let sheet = Sheet::of(&report(), about());
        let printed = sheet.printed();
        assert_eq!(printed.as_of, "Số liệu đến 09:14 ngày 05/10/2024; nhật ký đến số 1204.");
        assert_eq!(printed.place_and_day, "Lai Châu, ngày … tháng … năm 2024");
        assert!(printed.subject.ends_with("Quý\u{a0}III\u{a0}năm\u{a0}2024"), "{}", printed.subject);
        assert!(printed.lead.starts_with("Từ ngày 01/07/2024 đến hết ngày 30/09/2024"), "{}", printed.lead);
        assert_eq!((printed.marks.len(), printed.classification), (0, None));
        assert_eq!(sheet.file_stem(), "bao-cao-2024Q3");

        let about = About {
            is_demo: true,
            classification: Some(Classification::Secret),
            state: Some("Bản đã duyệt".to_owned()),
            ..about()
        };
        let printed = Sheet::of(&report(), about).printed();
        assert_eq!(printed.marks, [DEMO, "Bản đã duyệt"]);
        assert_eq!(printed.classification, Some("TỐI MẬT"));
        assert!(printed.foot.contains(DEMO), "on every page: {}", printed.foot);
    }

    #[test]
    fn the_sheet_of_an_area_says_so_in_its_head_at_every_foot_and_in_the_name_of_its_column() {
        let about = About {
            part: Some("Xã Bum Nưa · Quân sự".to_owned()),
            part_notes: vec!["Địa bàn: Xã Bum Nưa.".to_owned()],
            force: Some(Force::Military),
            ..about()
        };
        let sheet = Sheet::of(&report(), about);
        let printed = sheet.printed();
        assert!(printed.subject.ends_with("– Xã\u{a0}Bum\u{a0}Nưa\u{a0}·\u{a0}Quân\u{a0}sự"), "{}", printed.subject);
        assert!(printed.foot.contains("Xã Bum Nưa · Quân sự"), "{}", printed.foot);
        assert_eq!(printed.notes.last().unwrap(), "Địa bàn: Xã Bum Nưa.");
        assert_eq!(sheet.columns()[7..], ["Quân sự"]);
    }

    #[test]
    fn every_figure_stands_in_its_part_with_all_its_columns() {
        let report = report();
        let sheet = Sheet::of(&report, about());
        let entries: Vec<&Entry> = sheet.sections.iter().flat_map(|section| &section.entries).collect();
        let ids: Vec<&str> = report.lines.iter().map(|line| line.id).collect();
        assert_eq!(entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), ids);
        assert!(entries.iter().all(|entry| entry.cells().len() == sheet.columns().len()));
        let titles: Vec<String> = sheet.sections.iter().map(Section::title).collect();
        assert_eq!((titles[0].as_str(), titles[2].as_str()), ("I. Vụ việc", "III. Di dời dân"));
        assert_eq!(
            entries[2].cells()[1..],
            ["lượt người", "1.458", "1.500", "−42", "−2,8", "0", "0", "1.000", "0", "458"]
        );
    }

    #[test]
    fn a_force_beyond_the_three_has_a_column_where_it_counts() {
        let mut report = report();
        assert_eq!(Sheet::of(&report, about()).columns().len(), 11);
        report.lines[2].by_force.clear();
        assert_eq!(Sheet::of(&report, about()).columns()[7..], ["Công an", "Quân sự", "Biên phòng"]);
    }
}
