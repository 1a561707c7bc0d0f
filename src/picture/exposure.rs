//! What an area holds: people, who among them needs help, forces, shelters, kilometres of road and border.

use geo_types::Geometry;

use super::filter::Wanted;
use super::reach::Reach;
use super::within::held;
use super::{Exposure, Shown, View, WholeCommune};
use crate::domain::Collection;
use crate::geometry::measure::PreparedArea;

/// See [`View::exposure`]. An area across the date line comes in two parts, as RFC 7946 asks.
pub(super) fn exposure(view: &View, area: &Geometry<f64>) -> Exposure {
    let reach = Reach::new(area, 0.0);
    let inside = |collection| held(view, collection, &reach, &Wanted::new(collection, &[], None));
    let mut sum = Exposure {
        units: inside(Collection::Units).iter().filter(|unit| unit.is_record()).count(),
        stations: inside(Collection::Stations).len(),
        ..Exposure::default()
    };
    for household in inside(Collection::Households) {
        let count = |name: &str| household.number(name).unwrap_or(0.0) as i64;
        if !household.is_record() {
            let commune = WholeCommune {
                id: household.id(),
                name: household.text("name").unwrap_or_default().into_owned(),
                households_at_most: count("households_at_most"),
                people_at_most: count("people_at_most"),
            };
            sum.households += usize::try_from(commune.households_at_most).unwrap_or(0);
            sum.people += commune.people_at_most;
            sum.whole_communes.push(commune);
            continue;
        }
        sum.households += 1;
        sum.people += count("member_count");
        sum.children += count("children");
        sum.elderly += count("elderly");
        sum.pregnant_or_nursing += count("pregnant_or_nursing");
        sum.disabled += count("disabled");
        sum.gravely_ill += count("gravely_ill");
        sum.needs_carry += usize::from(household.raw("needs_carry") == Some("true"));
        household.note_record();
        sum.household_ids.push(household.id());
    }
    for shelter in inside(Collection::Shelters) {
        sum.shelters += 1;
        sum.shelter_capacity += shelter.number("capacity").unwrap_or(0.0) as i64;
    }
    let prepared = PreparedArea::new(area);
    let km = |collection| {
        let lines = reach.boxes().iter().flat_map(|bbox| view.in_bbox(collection, *bbox));
        let mut lines: Vec<Shown<'_>> = lines.collect();
        lines.sort_unstable_by_key(Shown::id);
        lines.dedup_by_key(|shown| shown.id());
        let metres = lines.iter().filter_map(Shown::geometry).map(|line| prepared.length_inside_m(line)).sum::<f64>();
        metres / 1_000.0
    };
    sum.road_km = km(Collection::Roads);
    sum.border_km = km(Collection::BorderSectors);
    sum
}
