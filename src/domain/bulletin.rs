//! A warning bulletin of the hydromet service (Decision 18/2021 Art. 15.6), typed in as it came: its level is the one
//! that counts.

use super::ground::{EXTRA, NAME_CHARS, NOTE, SOURCE, TEXT_CHARS};
use super::schema::FieldKind::{Choices, Integer, Real, Reference, References, Text, Texts, Time};
use super::schema::{Field, client, required, server};

/// Hazards of which a bulletin may warn; the words of zones.
pub const HAZARDS: &[&str] = &["landslide", "flash_flood", "flood", "subsidence"];

pub(super) const FIELDS: &[Field] = &[
    required("title", Text(NAME_CHARS), "Title with its number."),
    required("issuer", Text(NAME_CHARS), "Who issued it (Đài KTTV tỉnh Lai Châu)."),
    client("signer", Text(NAME_CHARS), "Who signed it."),
    required("issued_at", Time, "When it was issued."),
    client("valid_from", Time, "From when it holds; when it was issued if not said."),
    required("valid_to", Time, "Until when it holds."),
    client("hazards", Choices(HAZARDS), "Of what it warns; landslides and flash floods if not said."),
    client("level", Integer(1, 5), "Disaster risk level; absent if it names none."),
    client("commune_codes", Texts(20), "Communes that it names (codes of admin_units); the whole province if none."),
    client("zone_ids", References, "Zones that it names."),
    client("rain_past_mm", Real(0.0, 2_000.0), "Rain of the last six hours as it says, millimetres."),
    client("rain_24h_min_mm", Real(0.0, 2_000.0), "Rain to come in 24 hours, least, millimetres."),
    client("rain_24h_max_mm", Real(0.0, 2_000.0), "Rain to come in 24 hours, most, millimetres."),
    client("text", Text(TEXT_CHARS), "Its text."),
    client("replaces_id", Reference, "The bulletin whose place it takes."),
    server("typed_by", Text(NAME_CHARS), "Who typed it in."),
    SOURCE,
    NOTE,
    server("ended_at", Time, "When it was superseded or withdrawn."),
    EXTRA,
];
