//! The legal level of disaster risk by rain and susceptibility: Decision 18/2021/QĐ-TTg, Art. 46, and the rules of Art. 4
//! on several hazards at once. The table is data with validity dates (`geodata/rules/landslide_level.json`).
//!
//! A case that the table does not name is a gap: it has no level, the cells beside it are told, and a forecaster decides.
//! Nothing is interpolated.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::domain::{Code, Problem};

/// The highest level there is (Art. 4).
pub const LEVEL_MAX: u8 = 5;

/// How readily a slope slides ("nguy cơ").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Susceptibility {
    Low,
    Medium,
    High,
    VeryHigh,
}

impl Susceptibility {
    /// In the order of the table's columns.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::VeryHigh];

    /// Its word in calls.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::VeryHigh => "very_high",
        }
    }

    /// Its word in the decision.
    #[must_use]
    pub const fn title_vi(self) -> &'static str {
        match self {
            Self::Low => "thấp",
            Self::Medium => "trung bình",
            Self::High => "cao",
            Self::VeryHigh => "rất cao",
        }
    }

    /// The susceptibility called `word`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }

    /// Of the class 1–4 of a zone.
    #[must_use]
    pub fn from_class(class: u8) -> Option<Self> {
        Self::ALL.get(usize::from(class).checked_sub(1)?).copied()
    }
}

/// What the table is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// 1–4; Lai Châu lies in region 1.
    pub region: u8,
    /// Rain forecast or observed in 24 hours, millimetres.
    pub rain_24h_mm: f64,
    /// Days of rain before it.
    pub rain_days: u32,
    pub susceptibility: Susceptibility,
}

/// What the table says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assessment {
    /// `None` where the table has a dash, where it does not name the case, and without rain.
    pub level: Option<u8>,
    /// The table does not name the case: a forecaster decides.
    pub gap: bool,
    pub rule: Rule,
    /// In a gap, the cells beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<Cell>,
}

/// By which rule, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// The version of the table, region, row and column: `QD-18-2021-TTg/46/1/a/high`; a gap and a day without rain have
    /// no row.
    pub id: String,
    pub source: String,
    pub vi: String,
    pub en: String,
}

/// One cell of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Of the row: `a`, `b` or `c`.
    pub row: String,
    pub level: Option<u8>,
    pub vi: String,
    pub en: String,
}

#[derive(Debug, Deserialize)]
struct Tables {
    versions: Vec<Table>,
}

/// One version of the table.
#[derive(Debug, Deserialize)]
pub struct Table {
    pub id: String,
    pub source: String,
    /// First day, `YYYY-MM-DD`.
    pub valid_from: String,
    /// Last day, `YYYY-MM-DD`; `None` while it is in force.
    pub valid_to: Option<String>,
    pub hazards: Vec<String>,
    rows: Vec<Row>,
    regions: Vec<Region>,
}

#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    rain_24h_mm: RainRange,
    rain_days: DayRange,
}

#[derive(Debug, Deserialize)]
struct RainRange {
    from: f64,
    from_included: bool,
    /// Included.
    to: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct DayRange {
    from: u32,
    /// Included.
    to: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Region {
    region: u8,
    /// By row, in the order of [`Susceptibility::ALL`].
    levels: std::collections::BTreeMap<String, [Option<u8>; 4]>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../geodata/rules/landslide_level.json")).expect("the shipped table is whole")
});

impl RainRange {
    fn holds(&self, mm: f64) -> bool {
        let above = if self.from_included { mm >= self.from } else { mm > self.from };
        above && self.to.is_none_or(|to| mm <= to)
    }

    fn words(&self) -> (String, String) {
        match (self.from_included, self.to) {
            (_, None) => (format!("trên {} mm", self.from), format!("more than {} mm", self.from)),
            (true, Some(to)) => (format!("{}–{to} mm", self.from), format!("{}–{to} mm", self.from)),
            (false, Some(to)) => (format!("trên {}–{to} mm", self.from), format!("more than {}–{to} mm", self.from)),
        }
    }
}

impl DayRange {
    fn holds(&self, days: u32) -> bool {
        days >= self.from && self.to.is_none_or(|to| days <= to)
    }

    fn words(&self) -> (String, String) {
        match self.to {
            Some(to) => (format!("đã mưa {}–{to} ngày", self.from), format!("after {}–{to} days of rain", self.from)),
            None => {
                let least = self.from - 1;
                (format!("đã mưa trên {least} ngày"), format!("after more than {least} days of rain"))
            }
        }
    }
}

impl Row {
    fn words(&self) -> (String, String) {
        let (rain, days) = (self.rain_24h_mm.words(), self.rain_days.words());
        (format!("mưa 24 giờ {}, {}", rain.0, days.0), format!("{} in 24 hours, {}", rain.1, days.1))
    }
}

/// The version of the table in force on a day (`YYYY-MM-DD`).
#[must_use]
pub fn table_on(day: &str) -> Option<&'static Table> {
    let in_force =
        |table: &&Table| table.valid_from.as_str() <= day && table.valid_to.as_deref().is_none_or(|last| day <= last);
    TABLES.versions.iter().find(in_force)
}

impl Table {
    /// The level of a case.
    ///
    /// # Errors
    /// `invalid_value` for a region that is none of the table's, and rain that is no finite number from 0 on.
    pub fn assess(&self, case: &Case) -> Result<Assessment, Problem> {
        let region = self.regions.iter().find(|region| region.region == case.region).ok_or_else(|| {
            let known: Vec<String> = self.regions.iter().map(|region| region.region.to_string()).collect();
            let known = known.join(", ");
            Problem::new(
                Code::InvalidValue,
                format!("khu vực {}: cần một trong {known}", case.region),
                format!("region {}: expected one of {known}", case.region),
            )
            .at("/region")
        })?;
        if !case.rain_24h_mm.is_finite() || case.rain_24h_mm < 0.0 {
            return Err(Problem::new(
                Code::InvalidValue,
                "lượng mưa 24 giờ phải là số từ 0 mm trở lên",
                "rain in 24 hours must be a number of millimetres from 0 on",
            )
            .at("/rain_24h_mm"));
        }
        let row =
            self.rows.iter().find(|row| row.rain_24h_mm.holds(case.rain_24h_mm) && row.rain_days.holds(case.rain_days));
        Ok(match row {
            Some(row) => self.in_row(region, row, case),
            None if case.rain_24h_mm == 0.0 => self.without_row(case, "no_rain", false, ("không mưa", "no rain")),
            None => {
                let words = ("ngoài bảng: dự báo viên quyết định", "outside the table: a forecaster decides");
                Assessment { neighbours: self.beside(region, case), ..self.without_row(case, "gap", true, words) }
            }
        })
    }

    fn in_row(&self, region: &Region, row: &Row, case: &Case) -> Assessment {
        let level = level_in(region, row, case.susceptibility);
        let ((vi, en), susceptibility) = (row.words(), case.susceptibility);
        let says = |word: &str, none: &str| level.map_or_else(|| none.to_owned(), |level| format!("{word} {level}"));
        Assessment {
            level,
            gap: false,
            rule: Rule {
                id: format!("{}/{}/{}/{}", self.id, region.region, row.id, susceptibility.as_str()),
                source: self.source.clone(),
                vi: format!(
                    "khu vực {}, {vi}, nguy cơ {}: {}",
                    region.region,
                    susceptibility.title_vi(),
                    says("cấp", "không có cấp")
                ),
                en: format!(
                    "region {}, {en}, {} susceptibility: {}",
                    region.region,
                    susceptibility.as_str().replace('_', " "),
                    says("level", "no level")
                ),
            },
            neighbours: Vec::new(),
        }
    }

    fn without_row(&self, case: &Case, id: &str, gap: bool, (vi, en): (&str, &str)) -> Assessment {
        let (region, mm, days) = (case.region, case.rain_24h_mm, case.rain_days);
        Assessment {
            level: None,
            gap,
            rule: Rule {
                id: format!("{}/{region}/{id}/{}", self.id, case.susceptibility.as_str()),
                source: self.source.clone(),
                vi: format!("khu vực {region}, mưa 24 giờ {mm} mm, đã mưa {days} ngày: {vi}"),
                en: format!("region {region}, {mm} mm in 24 hours after {days} days of rain: {en}"),
            },
            neighbours: Vec::new(),
        }
    }

    /// The cells beside a case that is named by none: the rows of its rain and of its days, where there are such, else
    /// the row that begins next above its rain.
    fn beside(&self, region: &Region, case: &Case) -> Vec<Cell> {
        let by_rain = self.rows.iter().position(|row| row.rain_24h_mm.holds(case.rain_24h_mm));
        let next_above = self.rows.iter().position(|row| row.rain_24h_mm.from >= case.rain_24h_mm);
        let of_rain = by_rain.or(next_above);
        // Of the rows of so many days, the one nearest to the row of the rain.
        let of_days = (0..self.rows.len())
            .filter(|n| self.rows[*n].rain_days.holds(case.rain_days))
            .min_by_key(|n| of_rain.map_or(*n, |rain| rain.abs_diff(*n)));
        let mut beside: Vec<usize> = of_rain.into_iter().chain(of_days).collect();
        beside.sort_unstable();
        beside.dedup();
        beside
            .into_iter()
            .map(|n| {
                let (row, (vi, en)) = (&self.rows[n], self.rows[n].words());
                Cell { row: row.id.clone(), level: level_in(region, row, case.susceptibility), vi, en }
            })
            .collect()
    }
}

fn level_in(region: &Region, row: &Row, susceptibility: Susceptibility) -> Option<u8> {
    region.levels.get(&row.id).and_then(|levels| levels[susceptibility as usize])
}

/// The level of a warned area with several levels: the highest (Art. 46.4). `None` where there is none.
#[must_use]
pub fn highest(levels: impl IntoIterator<Item = Option<u8>>) -> Option<u8> {
    levels.into_iter().flatten().max()
}

/// The level raised by Art. 4: by 1 where hazards come together or after one another, by up to 2 (`grave_loss`) at the
/// risk of grave loss; at most 5. What has no level is not raised.
#[must_use]
pub fn raised(level: Option<u8>, has_several_hazards: bool, grave_loss: u8) -> Option<u8> {
    level.map(|level| (level + u8::from(has_several_hazards) + grave_loss.min(2)).min(LEVEL_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decision 18/2021/QĐ-TTg, Art. 46, written down once more beside the data: region, then rows a, b, c.
    const ARTICLE_46: [(u8, [[u8; 4]; 3]); 4] = [
        (1, [[1, 1, 2, 3], [1, 2, 3, 3], [2, 2, 3, 3]]),
        (2, [[0, 1, 2, 3], [1, 2, 3, 3], [2, 2, 3, 3]]),
        (3, [[0, 0, 1, 2], [0, 1, 2, 3], [1, 2, 2, 3]]),
        (4, [[0, 0, 1, 1], [0, 0, 1, 2], [0, 1, 2, 2]]),
    ];

    fn assess(region: u8, rain_24h_mm: f64, rain_days: u32, susceptibility: Susceptibility) -> Assessment {
        let table = table_on("2026-11-23").unwrap();
        table.assess(&Case { region, rain_24h_mm, rain_days, susceptibility }).unwrap()
    }

    #[test]
    fn every_cell_of_article_46_says_what_the_article_says() {
        // Of each row: rain at both ends and within, days at both ends.
        let rows: [(&[f64], &[u32]); 3] =
            [(&[100.0, 150.0, 200.0], &[1, 2]), (&[200.1, 300.0, 400.0], &[3, 9]), (&[400.1, 900.0], &[3, 9])];
        for (region, levels) in ARTICLE_46 {
            for ((rains, days), of_row) in rows.iter().zip(levels) {
                for (susceptibility, level) in Susceptibility::ALL.into_iter().zip(of_row) {
                    for (rain, day) in rains.iter().flat_map(|rain| days.iter().map(move |day| (*rain, *day))) {
                        let said = assess(region, rain, day, susceptibility);
                        let case = format!("region {region}, {rain} mm, {day} days, {susceptibility:?}: {said:?}");
                        assert_eq!((said.level.unwrap_or(0), said.gap), (level, false), "{case}");
                        assert!(said.neighbours.is_empty(), "{case}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_case_that_the_article_does_not_name_is_a_gap_with_the_cells_beside_it() {
        use Susceptibility::{High, Low, VeryHigh};
        let beside = |said: &Assessment| -> Vec<(String, Option<u8>)> {
            assert_eq!((said.level, said.gap), (None, true), "{said:?}");
            said.neighbours.iter().map(|cell| (cell.row.clone(), cell.level)).collect()
        };
        let cells = |cells: &[(&str, u8)]| -> Vec<(String, Option<u8>)> {
            cells.iter().map(|(row, level)| ((*row).to_owned(), Some(*level))).collect()
        };
        // The rain of the first row after the days of the second, and the other way round.
        assert_eq!(beside(&assess(1, 150.0, 3, High)), cells(&[("a", 2), ("b", 3)]));
        assert_eq!(beside(&assess(1, 250.0, 1, High)), cells(&[("a", 2), ("b", 3)]));
        assert_eq!(beside(&assess(1, 450.0, 2, Low)), cells(&[("a", 1), ("c", 2)]));
        // Less rain than the table begins with, and rain on dry ground.
        assert_eq!(beside(&assess(1, 90.0, 2, VeryHigh)), cells(&[("a", 3)]));
        assert_eq!(beside(&assess(1, 99.9, 5, VeryHigh)), cells(&[("a", 3), ("b", 3)]));
        assert_eq!(beside(&assess(1, 150.0, 0, Low)), cells(&[("a", 1)]));
        assert_eq!(assess(4, 150.0, 3, Low).neighbours[0].level, None, "a dash beside a gap stays a dash");
    }

    #[test]
    fn a_dash_and_a_day_without_rain_have_no_level_and_are_no_gap() {
        let dash = assess(3, 150.0, 1, Susceptibility::Low);
        assert_eq!((dash.level, dash.gap, dash.rule.id.as_str()), (None, false, "QD-18-2021-TTg/46/3/a/low"));
        let dry = assess(1, 0.0, 0, Susceptibility::VeryHigh);
        assert_eq!((dry.level, dry.gap), (None, false));
    }

    #[test]
    fn the_rule_is_told_in_words() {
        let said = assess(1, 150.0, 2, Susceptibility::High);
        assert_eq!(said.rule.vi, "khu vực 1, mưa 24 giờ 100–200 mm, đã mưa 1–2 ngày, nguy cơ cao: cấp 2");
        assert_eq!(
            said.rule.en,
            "region 1, 100–200 mm in 24 hours, after 1–2 days of rain, high susceptibility: level 2"
        );
        let said = assess(1, 300.0, 3, Susceptibility::High);
        assert_eq!(said.rule.vi, "khu vực 1, mưa 24 giờ trên 200–400 mm, đã mưa trên 2 ngày, nguy cơ cao: cấp 3");
    }

    #[test]
    fn several_levels_give_the_highest_and_article_4_raises_it_to_five_at_most() {
        assert_eq!(highest([Some(1), None, Some(3), Some(2)]), Some(3));
        assert_eq!(highest([None, None]), None);
        for (level, several, grave, expected) in [
            (1, false, 0, 1),
            (1, true, 0, 2),
            (1, false, 1, 2),
            (1, false, 2, 3),
            (3, true, 2, 5),
            (3, true, 1, 5),
            (4, true, 2, 5),
            (2, false, 9, 4),
        ] {
            assert_eq!(raised(Some(level), several, grave), Some(expected), "{level} {several} {grave}");
        }
        assert_eq!(raised(None, true, 2), None);
    }

    #[test]
    fn there_was_no_table_before_the_decision() {
        assert!(table_on("2021-06-30").is_none());
        assert!(table_on("2021-07-01").is_some());
    }

    #[test]
    fn what_is_no_case_is_refused_with_its_place() {
        let table = table_on("2026-11-23").unwrap();
        let case = Case { region: 1, rain_24h_mm: 150.0, rain_days: 2, susceptibility: Susceptibility::High };
        for (case, place) in [
            (Case { region: 5, ..case }, "/region"),
            (Case { rain_24h_mm: -1.0, ..case }, "/rain_24h_mm"),
            (Case { rain_24h_mm: f64::NAN, ..case }, "/rain_24h_mm"),
        ] {
            assert_eq!(table.assess(&case).unwrap_err().at.as_deref(), Some(place));
        }
    }
}
