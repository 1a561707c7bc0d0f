//! What an area holds: people, who among them needs help, forces, shelters, kilometres of road and border.

use geo_types::Geometry;

use super::filter::Wanted;
use super::members::Members;
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
    add_households(view, &reach, &mut sum);
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

/// The households one after the other as the index gives them: of many thousands neither a list is made, nor is one looked
/// at twice.
fn add_households(view: &View, reach: &Reach<'_>, sum: &mut Exposure) {
    let [bbox] = reach.boxes() else {
        // Beside the date line one may lie in two boxes.
        let found = held(view, Collection::Households, reach, &Wanted::new(Collection::Households, &[], None));
        return found.iter().for_each(|household| add(household, sum));
    };
    let near = view.in_bbox(Collection::Households, *bbox);
    near.filter(|household| household.geometry().is_some_and(|place| reach.holds(place)))
        .for_each(|household| add(&household, sum));
    sum.household_ids.sort_unstable();
    sum.whole_communes.sort_unstable_by_key(|commune| commune.id);
}

fn add(household: &Shown<'_>, sum: &mut Exposure) {
    if !household.is_record() {
        let count = |name: &str| household.number(name).unwrap_or(0.0) as i64;
        let commune = WholeCommune {
            id: household.id(),
            name: household.text("name").unwrap_or_default().into_owned(),
            households_at_most: count("households_at_most"),
            people_at_most: count("people_at_most"),
        };
        sum.households += usize::try_from(commune.households_at_most).unwrap_or(0);
        sum.people += commune.people_at_most;
        sum.whole_communes.push(commune);
        return;
    }
    sum.households += 1;
    let members = if household.only.is_none() { household.feature.members } else { Members::of(household.fields()) };
    sum.people += i64::from(members.all);
    sum.children += i64::from(members.children);
    sum.elderly += i64::from(members.elderly);
    sum.pregnant_or_nursing += i64::from(members.pregnant_or_nursing);
    sum.disabled += i64::from(members.disabled);
    sum.gravely_ill += i64::from(members.gravely_ill);
    sum.needs_carry += usize::from(members.needs_carry);
    household.note_record();
    sum.household_ids.push(household.id());
}
