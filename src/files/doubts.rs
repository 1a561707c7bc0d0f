//! Rows that are taken and still look wrong to a person: what may be the same thing twice, a commune that is another
//! one than that of the place. Nothing is decided here; whoever imports is told, row by row.

use std::collections::HashMap;

use geo_types::Geometry;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::rows::Row;
use super::words::{self, fold};
use crate::domain::{Actor, Collection, Timestamp};
use crate::geometry::ground::Ground;
use crate::geometry::measure::distance_m;
use crate::store::{Snapshot, StoreError};

/// Doubts kept in memory; the others are counted.
pub const DOUBTS_KEPT_MAX: usize = 1_000;
/// Two households whose heads have the same name are held for one up to this distance, metres: further apart than two
/// readings of one house, nearer than most neighbours.
const SAME_HOUSE_M: f64 = 50.0;
/// The same for whatever else has a name.
const SAME_PLACE_M: f64 = 200.0;
/// Records of one name that a row is compared with: a list in which a name stands more often says nothing by it.
const NAMESAKES_MAX: usize = 50;

/// One thing that looks wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// Line of the file.
    pub line: u64,
    /// `same_in_file`, `same_in_store` or `other_commune`.
    pub kind: &'static str,
    /// The line that this one may double.
    pub other_line: Option<u64>,
    /// The record that it may double.
    pub other_id: Option<Uuid>,
    pub detail_vi: String,
    pub detail_en: String,
}

/// All that looks wrong in one import.
#[derive(Debug, Default)]
pub struct Doubts {
    pub count: u64,
    /// The first [`DOUBTS_KEPT_MAX`].
    pub kept: Vec<Doubt>,
}

impl Doubts {
    fn add(&mut self, doubt: Doubt) {
        self.count += 1;
        if self.kept.len() < DOUBTS_KEPT_MAX {
            self.kept.push(doubt);
        }
    }

    /// In the order of the file.
    pub(super) fn finish(&mut self) {
        self.kept.sort_by_key(|doubt| doubt.line);
    }
}

/// What is compared of a row or record.
struct Likeness {
    /// Folded.
    name: String,
    at: Option<[f64; 2]>,
    telephone: Option<String>,
}

/// The rows of one file by name, each to be compared with its namesakes in the file and in the store.
pub(super) struct Namesakes {
    collection: Collection,
    rows: Vec<(u64, Likeness)>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Namesakes {
    /// Takes the rows in; rows without a name are like nothing.
    pub fn of(collection: Collection, rows: &[Row]) -> Self {
        let mut own = Self { collection, rows: Vec::new(), by_name: HashMap::new() };
        if !is_compared(collection) {
            return own;
        }
        for row in rows {
            let Some(likeness) = likeness(collection, &row.properties, row.geometry.as_ref()) else { continue };
            own.by_name.entry(likeness.name.clone()).or_default().push(own.rows.len());
            own.rows.push((row.line, likeness));
        }
        own
    }

    /// Tells which of the rows that `taken` knows are like an earlier one of them.
    pub fn in_file(&self, taken: &HashMap<u64, Uuid>, doubts: &mut Doubts) {
        let (vi, en) = self.nearness();
        for (at, (line, own)) in self.rows.iter().enumerate() {
            let namesakes = self.by_name.get(&own.name).map(Vec::as_slice).unwrap_or_default();
            let earlier =
                namesakes.iter().take_while(|other| **other < at).take(NAMESAKES_MAX).map(|at| &self.rows[*at]);
            let mut like = earlier.filter(|(other, likeness)| taken.contains_key(other) && self.alike(own, likeness));
            if let Some((other, _)) = like.next().filter(|_| taken.contains_key(line)) {
                doubts.add(Doubt {
                    line: *line,
                    kind: "same_in_file",
                    other_line: Some(*other),
                    other_id: None,
                    detail_vi: format!("có thể trùng với dòng {other}: cùng tên, {vi}"),
                    detail_en: format!("may double line {other}: the same name, {en}"),
                });
            }
        }
    }

    /// Tells which of the rows are like a record that none of the rows stands for, and that `reader` may see as it is: a
    /// sheet with a name and a place shall be no way of asking who lives there.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn in_store(
        &self,
        snapshot: &mut dyn Snapshot,
        taken: &HashMap<u64, Uuid>,
        (reader, now): (&Actor, Timestamp),
        doubts: &mut Doubts,
    ) -> Result<(), StoreError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let stood_for: std::collections::HashSet<Uuid> = taken.values().copied().collect();
        let (vi, en) = self.nearness();
        snapshot.records(self.collection, &mut |record, _| {
            if stood_for.contains(&record.id) {
                return;
            }
            let mut all = record.properties_map();
            if all.contains_key("ended_at") || !reader.sees_as_it_is(self.collection, &all, now) {
                return;
            }
            all.extend(record.personal_map());
            let Some(other) = likeness(self.collection, &all, record.geometry.as_ref()) else { return };
            let namesakes = self.by_name.get(&other.name).map(Vec::as_slice).unwrap_or_default();
            for (line, own) in namesakes.iter().take(NAMESAKES_MAX).map(|at| &self.rows[*at]) {
                if taken.contains_key(line) && self.alike(own, &other) {
                    let label =
                        all.get("code").and_then(Value::as_str).map_or_else(|| record.id.to_string(), str::to_owned);
                    doubts.add(Doubt {
                        line: *line,
                        kind: "same_in_store",
                        other_line: None,
                        other_id: Some(record.id),
                        detail_vi: format!("có thể đã có trong hệ thống ({label}): cùng tên, {vi}"),
                        detail_en: format!("may be known already ({label}): the same name, {en}"),
                    });
                }
            }
        })
    }

    fn alike(&self, one: &Likeness, other: &Likeness) -> bool {
        match (one.at, other.at) {
            (Some(a), Some(b)) => distance_m(a[0], a[1], b[0], b[1]) <= self.near_m(),
            _ if self.collection == Collection::Households => false,
            _ => one.telephone == other.telephone,
        }
    }

    fn near_m(&self) -> f64 {
        if self.collection == Collection::Households { SAME_HOUSE_M } else { SAME_PLACE_M }
    }

    fn nearness(&self) -> (String, String) {
        match self.collection {
            Collection::Units | Collection::Contacts => {
                ("không khác điện thoại hay vị trí".to_owned(), "no other telephone or place".to_owned())
            }
            _ => (format!("cách nhau dưới {} m", self.near_m()), format!("less than {} m apart", self.near_m())),
        }
    }
}

/// Collections of which people keep lists by name.
pub(super) const fn is_compared(collection: Collection) -> bool {
    matches!(
        collection,
        Collection::Households
            | Collection::Units
            | Collection::Shelters
            | Collection::Contacts
            | Collection::Places
            | Collection::Stations
    )
}

fn likeness(collection: Collection, all: &Map<String, Value>, geometry: Option<&Geometry<f64>>) -> Option<Likeness> {
    let text = |name: &str| all.get(name).and_then(Value::as_str);
    let name = fold(text(if collection == Collection::Households { "head_name" } else { "name" })?);
    let name = match text("kind") {
        Some(kind) => format!("{name}|{kind}"),
        None => name,
    };
    let at = match geometry {
        Some(Geometry::Point(point)) if collection != Collection::Units => Some([point.x(), point.y()]),
        _ => None,
    };
    // That of the function, which everybody sees; not a person's own.
    let telephone = text("duty_phone");
    let telephone = telephone.map(|text| text.chars().filter(char::is_ascii_digit).collect());
    (!name.is_empty()).then_some(Likeness { name, at, telephone })
}

/// Tells where a list names another commune than the one in which its place lies. Columns such as `Xã` have no field,
/// since the commune follows from the place.
pub(super) fn other_commune(row: &Row, ground: &Ground, doubts: &mut Doubts) {
    let Some(Value::Object(extra)) = row.properties.get("extra") else { return };
    let told = extra.iter().find(|(name, _)| words::is_commune(name)).and_then(|(_, value)| value.as_str());
    let (Some(told), Some(Geometry::Point(point))) = (told, &row.geometry) else { return };
    let there = ground.commune_at(point.x(), point.y());
    let bare = |name: &str| {
        let folded = fold(name);
        ["xa_", "phuong_"].iter().find_map(|kind| folded.strip_prefix(kind).map(str::to_owned)).unwrap_or(folded)
    };
    if there.is_some_and(|commune| bare(&commune.full_name) == bare(told)) {
        return;
    }
    let (vi, en) = match there {
        Some(commune) => (commune.full_name.clone(), commune.full_name.clone()),
        None => ("ngoài tỉnh".to_owned(), "outside the province".to_owned()),
    };
    let told = super::values::shortened(told);
    doubts.add(Doubt {
        line: row.line,
        kind: "other_commune",
        other_line: None,
        other_id: None,
        detail_vi: format!("bảng ghi xã {told:?}, vị trí lại ở {vi}"),
        detail_en: format!("the list says commune {told:?}, the position lies in {en}"),
    });
}
