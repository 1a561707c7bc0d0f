//! The search box: names and codes, with or without diacritics, old names too.

use geo::{BoundingRect, InteriorPoint};
use geo_types::Geometry;

use super::{Hit, Shown, View, words};
use crate::domain::Collection;

/// Longest text that is looked at, characters.
const TEXT_CHARS_MAX: usize = 200;
/// Words that are looked at, at most.
const WORDS_MAX: usize = 16;
/// Households whose code begins as typed that are looked at, at most.
const HOUSEHOLDS_MAX: usize = 100;
/// Fewest characters by which households are looked for.
const HOUSEHOLD_CODE_MIN: usize = 3;

/// The collections in the order in which equally good finds are shown; households follow, by code alone.
const SEARCHED: [Collection; 11] = [
    Collection::AdminUnits,
    Collection::Places,
    Collection::Stations,
    Collection::Incidents,
    Collection::RiskZones,
    Collection::Units,
    Collection::Shelters,
    Collection::Roads,
    Collection::Rivers,
    Collection::BorderSectors,
    Collection::Contacts,
];

/// How good a find is; less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// The whole name.
    Exact,
    /// The name begins so.
    Start,
    /// Words of the name begin so, in any order.
    Words,
    /// The name holds it somewhere.
    Inside,
}

/// See [`View::search`]. Walks the names of all collections but households and the duty log (about 0.1 µs a record).
pub(super) fn search(view: &View, text: &str, limit: usize) -> Vec<Hit> {
    let typed: String = text.trim().chars().take(TEXT_CHARS_MAX).collect();
    let asked = words::fold(&typed);
    if asked.is_empty() || limit == 0 {
        return Vec::new();
    }
    let parts: Vec<&str> = asked.split(' ').take(WORDS_MAX).collect();
    let mut found: Vec<(Fit, usize, usize, Shown<'_>)> = Vec::new();
    for (rank, collection) in SEARCHED.into_iter().enumerate() {
        for shown in view.all(collection) {
            // A grant that hides the name hides it here too.
            let named = shown.only.is_none_or(|only| only.contains("name"));
            let Some(names) = shown.feature.names.as_deref().filter(|_| named) else { continue };
            if let Some((fit, length)) = best_fit(names, &asked, &parts) {
                found.push((fit, rank, length, shown));
            }
        }
    }
    households(view, &typed, &mut found);
    found.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)).then_with(|| a.3.id().cmp(&b.3.id())));
    let mut hits: Vec<Hit> = Vec::new();
    for (.., shown) in found {
        if hits.len() >= limit {
            break;
        }
        let hit = hit(view, shown);
        // An old name and its successor, or a place under two names, is one line.
        if !hits.iter().any(|known| known.id == hit.id && known.title == hit.title) {
            shown.note_record();
            hits.push(hit);
        }
    }
    hits
}

/// How many records [`search`] looks at, at most.
pub(super) fn searched(view: &View) -> usize {
    view.held(&SEARCHED)
}

/// Households by the beginning of their code, as typed or in capitals: never by name.
fn households<'a>(view: &'a View, typed: &str, found: &mut Vec<(Fit, usize, usize, Shown<'a>)>) {
    if typed.chars().count() < HOUSEHOLD_CODE_MIN || !typed.chars().any(|c| c.is_ascii_digit()) {
        return;
    }
    let mut forms = vec![typed.to_owned()];
    if typed.to_uppercase() != typed {
        forms.push(typed.to_uppercase());
    }
    let layer = view.layer(Collection::Households);
    for form in &forms {
        let begun = layer.with_code(form).filter(|feature| !feature.is_ended()).take(HOUSEHOLDS_MAX);
        for shown in begun.filter_map(|feature| view.show(Collection::Households, feature)) {
            let code = shown.text("code").unwrap_or_default();
            let fit = if code == form.as_str() { Fit::Exact } else { Fit::Start };
            found.push((fit, SEARCHED.len(), code.len(), shown));
        }
    }
}

/// The best fit among the lines of `names`, and the length of that line.
fn best_fit(names: &str, asked: &str, parts: &[&str]) -> Option<(Fit, usize)> {
    names.split('\n').filter_map(|name| Some((fit(name, asked, parts)?, name.len()))).min()
}

fn fit(name: &str, asked: &str, parts: &[&str]) -> Option<Fit> {
    if name == asked {
        Some(Fit::Exact)
    } else if name.starts_with(asked) {
        Some(Fit::Start)
    } else if parts.iter().all(|part| name.split(' ').any(|word| word.starts_with(part))) {
        Some(Fit::Words)
    } else if name.contains(asked) {
        Some(Fit::Inside)
    } else {
        None
    }
}

fn hit(view: &View, shown: Shown<'_>) -> Hit {
    let text = |name: &str| shown.text(name).unwrap_or_default().into_owned();
    let first = |names: &[&str]| names.iter().map(|name| text(name)).find(|text| !text.is_empty()).unwrap_or_default();
    let collection = shown.collection();
    let title = match collection {
        Collection::AdminUnits => first(&["full_name", "name"]),
        Collection::Incidents => match (text("code"), first(&["title", "place_text"])) {
            (code, name) if name.is_empty() => code,
            (code, name) => format!("{code} {name}"),
        },
        Collection::Households => text("code"),
        _ => first(&["name", "code"]),
    };
    let mut subject = shown;
    let mut subtitle = subtitle(view, &shown);
    if let Some(successor) = successor(view, &shown) {
        subtitle = format!("{subtitle}, nay là {}", successor.text("full_name").unwrap_or_default());
        subject = successor;
    }
    let point = point_of(&shown).or_else(|| point_of(&subject));
    let extent = subject.geometry().filter(|geometry| !matches!(geometry, Geometry::Point(_)));
    let bbox = extent.and_then(BoundingRect::bounding_rect).map(|r| [r.min().x, r.min().y, r.max().x, r.max().y]);
    Hit { collection, id: subject.id(), title, subtitle, lon: point.map(|p| p[0]), lat: point.map(|p| p[1]), bbox }
}

/// The unit of today that took the place of a former commune or district.
fn successor<'a>(view: &'a View, shown: &Shown<'_>) -> Option<Shown<'a>> {
    if shown.collection() != Collection::AdminUnits {
        return None;
    }
    admin_unit(view, &shown.text("successor_code")?)
}

/// The administrative unit with this code that is in force, else one that was.
fn admin_unit<'a>(view: &'a View, code: &str) -> Option<Shown<'a>> {
    let with_code = || {
        view.layer(Collection::AdminUnits)
            .with_code(code)
            .filter(|unit| !unit.is_ended() && unit.text("code").as_deref() == Some(code))
    };
    let feature = with_code().find(|unit| unit.raw("valid_to").is_none()).or_else(|| with_code().next())?;
    view.show(Collection::AdminUnits, feature)
}

/// Label point, point, or a point inside: `[lon, lat]`.
fn point_of(shown: &Shown<'_>) -> Option<[f64; 2]> {
    if let (Some(lon), Some(lat)) = (shown.number("label_lon"), shown.number("label_lat")) {
        return Some([lon, lat]);
    }
    let point = shown.geometry()?.interior_point()?;
    Some([point.x(), point.y()])
}

/// Kind and whereabouts: "thôn bản, Xã Bum Nưa".
fn subtitle(view: &View, shown: &Shown<'_>) -> String {
    let kind = shown.text("kind").unwrap_or_default();
    let kind = match (shown.collection(), &*kind) {
        (Collection::AdminUnits, "province") => "tỉnh",
        (Collection::AdminUnits, "district") => "huyện cũ (đến 30/6/2025)",
        (Collection::AdminUnits, "commune") => "xã",
        (Collection::AdminUnits, "ward") => "phường",
        (Collection::AdminUnits, "former_commune") => "xã cũ (đến 30/6/2025)",
        (Collection::Places, "hamlet") => "thôn bản",
        (Collection::Places, "commune_seat") => "trung tâm xã",
        (Collection::Places, "province_seat") => "trung tâm tỉnh",
        (Collection::Places, "district_seat") => "trung tâm huyện cũ",
        (Collection::Places, "town") => "thị trấn",
        (Collection::Places, "junction") => "ngã ba",
        (Collection::Places, "bridge") => "cầu",
        (Collection::Places, "ford") => "ngầm",
        (Collection::Places, "suspension_bridge") => "cầu treo",
        (Collection::Places, "pass") => "đèo",
        (Collection::Places, "river_mouth") => "cửa sông",
        (Collection::Places, _) => "địa danh",
        (Collection::Stations, "border_post") => "đồn biên phòng",
        (Collection::Stations, "border_gate") => "cửa khẩu",
        (Collection::Stations, "border_opening") => "lối mở",
        (Collection::Stations, "border_marker") => "mốc giới",
        (Collection::Stations, "control_station") => "trạm kiểm soát",
        (Collection::Stations, "police_station") => "công an",
        (Collection::Stations, "military_post") => "quân sự",
        (Collection::Stations, "depot") => "kho",
        (Collection::Stations, "clinic") => "trạm y tế",
        (Collection::Stations, "school") => "trường học",
        (Collection::Incidents, _) => "vụ việc",
        (Collection::RiskZones, _) => "khu vực nguy hiểm",
        (Collection::Units, _) => "lực lượng",
        (Collection::Shelters, _) => "điểm sơ tán",
        (Collection::Roads, _) => "đường",
        (Collection::Rivers, _) => "sông suối",
        (Collection::BorderSectors, _) => "đoạn biên giới",
        (Collection::Households, _) => "hộ dân",
        (Collection::Contacts, _) => "danh bạ",
        _ => "",
    };
    let mut parts = vec![kind.to_owned()];
    if shown.collection() == Collection::Households {
        parts.extend(shown.text("hamlet").map(std::borrow::Cow::into_owned));
    }
    let commune = shown.text("admin_unit").or_else(|| shown.text("commune_code"));
    let commune = commune.and_then(|code| admin_unit(view, &code)).and_then(|unit| unit.text("full_name"));
    match (commune, shown.text("former_commune")) {
        (Some(now), Some(old)) => parts.push(format!("{now} (xã cũ {old})")),
        (Some(now), None) => parts.push(now.into_owned()),
        (None, Some(old)) => parts.push(format!("xã cũ {old}")),
        (None, None) => {}
    }
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}
