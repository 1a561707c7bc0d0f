//! The level of a zone as it was computed from rain and as the hydromet service issued it, each with its source and time.
//! The level that a commander set stands in the zone itself. The three are never mixed.

use uuid::Uuid;

use super::ground::NAME_CHARS;
use super::schema::FieldKind::{Boolean, Integer, Json, Real, Reference, References, Text, Time};
use super::schema::{Field, verb};

/// Hazards of which the legal table speaks.
pub const HAZARDS: &[&str] = &["landslide", "flash_flood", "subsidence"];
/// Region of Decision 18/2021 in which the province lies.
pub const REGION: u8 = 1;

/// Who commands at a level (Decree 66/2021/NĐ-CP, Art. 7–9): from this level on, in Vietnamese and English.
pub const COMMAND: &[(u8, &str, &str)] = &[
    (1, "Chủ tịch UBND cấp xã chỉ huy", "the chair of the commune commands"),
    (2, "Chủ tịch UBND tỉnh chỉ huy", "the chair of the province commands"),
    (3, "Ban Chỉ đạo quốc gia chỉ đạo", "the national steering committee directs"),
    (4, "Thủ tướng Chính phủ chỉ đạo", "the Prime Minister directs"),
];

/// Who commands at `level`; `None` below 1.
#[must_use]
pub fn command(level: u8) -> Option<(&'static str, &'static str)> {
    COMMAND.iter().rev().find(|(from, ..)| level >= *from).map(|(_, vi, en)| (*vi, *en))
}

/// The level that counts of a zone: the highest of those that were computed, issued and set.
#[must_use]
pub fn effective(levels: [Option<i64>; 3]) -> Option<i64> {
    levels.into_iter().flatten().max()
}

/// The id of the record of a zone: the same on every node.
#[must_use]
pub fn id_of(zone: Uuid) -> Uuid {
    Uuid::new_v5(&zone, b"risk_level")
}

pub(super) const FIELDS: &[Field] = &[
    verb("zone_id", Reference, "The zone."),
    verb("computed_level", Integer(1, 5), "By the legal table; absent where it gives none."),
    verb("computed_gap", Boolean, "The table does not name the case: a forecaster decides."),
    verb("computed_stale", Boolean, "Rain is missing: the level is not lower than it was before."),
    verb("computed_rule", Json(2_000), "The rule that fired: {id, source, vi, en}."),
    verb("neighbours", Json(4_000), "In a gap, the cells beside it: [{row, level, vi, en}]."),
    verb("computed_at", Time, "When it was computed so."),
    verb("rain_24h_mm", Real(0.0, 1e6), "Rain that fell in the 24 hours before, at least."),
    verb("rain_24h_known", Real(0.0, 1.0), "Share of these hours of which the rain is known."),
    verb(
        "rain_forecast_24h_mm",
        Real(0.0, 2_000.0),
        "Rain to come in 24 hours: the greater of what the bulletin in force and forecast grids say.",
    ),
    verb("rain_days", Integer(0, 365), "Days of rain before, at least."),
    verb("gauge_ids", References, "The gauges that were asked; the first one decided, unless a grid did."),
    verb("silent_gauge_ids", References, "Gauges among them whose rain is not known."),
    verb(
        "rain_grids",
        Json(8_000),
        "The sources of grids that were asked: [{grid_id, kind, source, starts_at, ends_at, issued_at, mm, known, decides}]; grid_id is the newest.",
    ),
    verb("opinions", Json(8_000), "Second opinions: [{id, source, value, is_exceeded, vi, en}]. None counts."),
    verb("issued_level", Integer(1, 5), "By the bulletin in force."),
    verb("issued_by", Text(NAME_CHARS), "Who issued that bulletin."),
    verb("issued_at", Time, "When."),
    verb("issued_to", Time, "Until when it holds."),
    verb("bulletin_id", Reference, "The bulletin."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_commands_at_every_level() {
        assert_eq!(command(0), None);
        assert!(command(1).unwrap().0.contains("cấp xã"));
        assert!(command(2).unwrap().0.contains("tỉnh"));
        assert!(command(3).unwrap().1.contains("national"));
        assert_eq!(command(5), command(4));
    }
}
