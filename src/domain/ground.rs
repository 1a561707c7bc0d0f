//! The reference ground: border sectors, stations, administrative units, places, roads, rivers.

use super::access::FORCES;
use super::schema::FieldKind::{Boolean, Choice, Date, Json, Real, Reference, Text, Texts, Time};
use super::schema::{Field, client, required, server};

/// Most metres that a stated accuracy may have: a report that is off by more is "somewhere in the province".
pub(super) const ACCURACY_M_MAX: f64 = 200_000.0;
/// Longest name.
pub(super) const NAME_CHARS: usize = 200;
/// Longest free text.
pub(super) const TEXT_CHARS: usize = 4_000;
/// Longest value of unknown columns kept from an import.
pub(super) const EXTRA_CHARS: usize = 16_000;

pub(super) const ACCURACY: Field =
    client("accuracy_m", Real(0.0, ACCURACY_M_MAX), "How far off the position may be, metres.");
pub(super) const SOURCE: Field = client("source", Text(500), "Where the record comes from.");
pub(super) const NOTE: Field = client("note", Text(TEXT_CHARS), "Free remark.");
pub(super) const EXTRA: Field =
    client("extra", Json(EXTRA_CHARS), "Columns of an imported file that have no field of their own, kept as given.");
pub(super) const ENDED_AT: Field =
    server("ended_at", Time, "When the record was ended; an ended record is no longer listed.");
pub(super) const IN_ADMIN_UNIT: Field =
    server("admin_unit", Text(20), "Code of the commune that holds the position; absent outside the province.");

pub(super) const BORDER_SECTOR: &[Field] = &[
    required("name", Text(NAME_CHARS), "Name of the sector."),
    client("from_km", Real(0.0, 10_000.0), "Chainage where it begins, calibrated kilometres (ISO 19148)."),
    client("to_km", Real(0.0, 10_000.0), "Chainage where it ends, calibrated kilometres."),
    client("length_km", Real(0.0, 10_000.0), "Length measured on the shipped line, kilometres."),
    client("basis", Text(500), "What the division rests on."),
    client("station_id", Reference, "The border post in charge."),
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

/// Kinds of station.
pub const STATION_KINDS: &[&str] = &[
    "border_post",
    "border_gate",
    "border_opening",
    "border_marker",
    "control_station",
    "police_station",
    "military_post",
    "depot",
    "clinic",
    "school",
];

pub(super) const STATION: &[Field] = &[
    required("name", Text(NAME_CHARS), "Name of the post, gate or marker."),
    required("kind", Choice(STATION_KINDS), "What it is."),
    client("force", Choice(FORCES), "The force that runs it."),
    client("marker", Text(20), "Number of a border marker."),
    client("chainage_km", Real(0.0, 10_000.0), "Calibrated kilometre of the border line beside it."),
    client("managed_km", Real(0.0, 1_000.0), "Border line in its charge as reported, kilometres."),
    client("elevation_m", Real(-500.0, 9_000.0), "Height above sea level, metres."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

/// Kinds of administrative unit; `district` and `former_commune` ended on 2025-06-30.
pub const ADMIN_UNIT_KINDS: &[&str] = &["province", "district", "commune", "ward", "former_commune"];

pub(super) const ADMIN_UNIT: &[Field] = &[
    required("code", Text(20), "Official code."),
    required("name", Text(NAME_CHARS), "Name without the kind."),
    client("full_name", Text(NAME_CHARS), "Name with the kind (Xã Bum Nưa)."),
    client("name_en", Text(NAME_CHARS), "Name without diacritics."),
    required("kind", Choice(ADMIN_UNIT_KINDS), "Level."),
    client("parent_code", Text(20), "Code of the unit above."),
    client("successor_code", Text(20), "Code of the unit that took its place."),
    client("former_units", Text(TEXT_CHARS), "Units it was made from on 2025-07-01, separated by semicolons."),
    client("former_district", Text(NAME_CHARS), "District that held it until 2025-06-30."),
    client("province", Text(NAME_CHARS), "Province."),
    client("area_km2", Real(0.0, 1e8), "Official area, square kilometres."),
    client("label_lon", Real(-180.0, 180.0), "Longitude of the label point, degrees."),
    client("label_lat", Real(-90.0, 90.0), "Latitude of the label point, degrees."),
    client("valid_from", Date, "First day of validity."),
    client("valid_to", Date, "Last day of validity; absent while in force."),
    client("approximate", Boolean, "The drawn area is not the legal boundary."),
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

/// Kinds of place.
pub const PLACE_KINDS: &[&str] = &[
    "hamlet",
    "commune_seat",
    "province_seat",
    "district_seat",
    "town",
    "junction",
    "bridge",
    "ford",
    "suspension_bridge",
    "pass",
    "river_mouth",
    "landmark",
];

pub(super) const PLACE: &[Field] = &[
    required("name", Text(NAME_CHARS), "Name in Vietnamese letters."),
    required("kind", Choice(PLACE_KINDS), "What it is."),
    client("aliases", Texts(NAME_CHARS), "Other names: old, local, misspelt."),
    client("former_commune", Text(NAME_CHARS), "Commune that held it until 2025-06-30."),
    client("told_by", Text(NAME_CHARS), "Who said where it is, for a place that is on no map."),
    IN_ADMIN_UNIT,
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

/// Classes of road.
pub const ROAD_CLASSES: &[&str] = &["national", "provincial", "district", "commune", "border_patrol", "track"];

pub(super) const ROAD: &[Field] = &[
    required("name", Text(NAME_CHARS), "Name (Quốc lộ 12)."),
    client("kind", Choice(&["road", "track", "ferry"]), "What it is."),
    client("road_ref", Text(20), "Short sign (QL12), the one used with kilometre posts."),
    client("class", Choice(ROAD_CLASSES), "Class of the road."),
    client("km_from", Real(0.0, 10_000.0), "Kilometre post at the first vertex."),
    client("km_to", Real(0.0, 10_000.0), "Kilometre post at the last vertex."),
    client(
        "km_posts",
        Json(EXTRA_CHARS),
        "Known kilometre posts as [[km, lon, lat], …] along the line; linear between them.",
    ),
    client("surface", Choice(&["paved", "unpaved", "unknown"]), "Surface."),
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];

pub(super) const RIVER: &[Field] = &[
    required("name", Text(NAME_CHARS), "Name (Sông Đà)."),
    client("kind", Choice(&["river", "stream", "lake"]), "What it is."),
    ACCURACY,
    SOURCE,
    NOTE,
    ENDED_AT,
    EXTRA,
];
