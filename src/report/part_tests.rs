//! Tests of [`super`]: that areas, what has no place and what is withheld add up to the province.

use std::convert::Infallible;
use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::domain::{Record, Role, access};
use crate::report::quarter::QuarterReport;

/// The units that the program carries.
pub fn shipped() -> &'static Areas {
    static AREAS: OnceLock<Areas> = OnceLock::new();
    AREAS.get_or_init(read)
}

fn read() -> Areas {
    let text = include_str!("../../geodata/ground/admin_units.geojson");
    let file: Value = serde_json::from_str(text).unwrap();
    // Without their areas: records of these tests have no position.
    Areas::of(
        file["features"].as_array().unwrap().iter().map(|one| (one["properties"].as_object().unwrap().clone(), None)),
    )
}

/// Records that are held in memory.
struct Held(Vec<(Collection, Feature)>);

impl Records for Held {
    type Fault = Infallible;

    fn each(&mut self, collection: Collection, sink: &mut dyn FnMut(&Feature)) -> Result<(), Infallible> {
        self.0.iter().filter(|(of, _)| *of == collection).for_each(|(_, feature)| sink(feature));
        Ok(())
    }
}

fn feature(collection: Collection, n: u128, properties: &Value) -> (Collection, Feature) {
    let record = Record {
        id: Uuid::from_u128(n),
        version: 1,
        recorded_at: Timestamp::from_ms(0),
        geometry: None,
        properties: properties.to_string().into(),
        personal: None,
    };
    (collection, Feature::new(collection, record, 1))
}

/// Whether the record says that its reader may see it.
fn sees(feature: &Feature) -> bool {
    feature.text("title").is_none_or(|title| title != "hidden")
}

/// Value, previous, a year before, unplaced and withheld of each figure.
fn figures(held: &mut Held, quarter: Quarter, part: &Part<'_>) -> Vec<[f64; 5]> {
    let mut shares = |_: Collection, feature: &Feature, at| part.share(feature, at, || sees(feature));
    let Ok(report) = QuarterReport::count_part(quarter, held, &mut shares);
    let told = |line: &crate::report::quarter::Line| {
        [line.value, line.previous, line.year_before, line.unplaced, line.withheld]
    };
    report.lines.iter().map(told).collect()
}

fn part<'a>(areas: &'a Areas, area: Option<&str>, force: Option<Force>) -> Part<'a> {
    Wish { area: area.map(str::to_owned), force }.part(areas).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn areas_of_a_level_and_what_has_no_place_and_what_is_withheld_are_the_province(
        rows in prop::collection::vec((0_usize..3, 0_usize..5, 0_usize..8, -460_i64..95, 1_u32..9, any::<bool>()), 0..40),
        force in 0_usize..5,
    ) {
        let areas = shipped();
        // Its quarters lie on both sides of July 2025.
        let quarter = Quarter::parse("2025Q3").unwrap();
        let mut held = Held(rows.iter().enumerate().map(|(n, (which, force, area, day, count, is_seen))| {
            let at = quarter.start().plus_s(day * 86_400).to_string();
            let codes = [Some("03466"), Some("03388"), Some("03503"), Some("03412"), Some("03586"), Some("99999"), Some(""), None];
            let mut all = json!({"title": (if *is_seen { "seen" } else { "hidden" })});
            let more = match which {
                0 => json!({"kind": "flood", "lead_force": (access::FORCES.get(*force)), "reported_at": at, "admin_unit": (codes[*area])}),
                1 => json!({"kind": "drugs", "force": (access::FORCES.get(*force)), "occurred_at": at, "handed_over_at": at, "persons": count, "commune_code": (codes[*area])}),
                _ => json!({"counted": "tips", "force": (access::FORCES.get(*force)), "occurred_at": at, "count": count, "commune_code": (codes[*area])}),
            };
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            feature([Collection::Incidents, Collection::Cases, Collection::Tallies][*which], n as u128, &all)
        }).collect());
        let force = access::FORCES.get(force).and_then(|name| Force::parse(name));
        let whole = figures(&mut held, quarter, &part(areas, None, force));
        let unknown = figures(&mut held, quarter, &part(areas, Some(UNKNOWN), force));
        for level in [Level::Commune, Level::District] {
            let codes: Vec<String> = areas.at_level(level).map(|unit| unit.code.clone()).collect();
            let parts: Vec<Vec<[f64; 5]>> =
                codes.iter().map(|code| figures(&mut held, quarter, &part(areas, Some(code), force))).collect();
            for (n, whole) in whole.iter().enumerate() {
                let sum = |column: usize| parts.iter().map(|one| one[n][column]).sum::<f64>() + unknown[n][column];
                prop_assert_eq!(sum(0) + unknown[n][4], whole[0], "{:?} {}", level, n);
                // Every part says the same of what is in no area.
                for one in &parts {
                    prop_assert_eq!((one[n][3], one[n][4]), (unknown[n][0], unknown[n][4]));
                }
                for column in [1, 2] {
                    prop_assert!(sum(column) <= whole[column]);
                }
            }
        }
    }
}

#[test]
fn an_area_says_how_each_of_its_quarters_was_found() {
    let areas = shipped();
    let of = |code: &str, quarter: &str| {
        let told = part(areas, Some(code), None).told(Quarter::parse(quarter).unwrap()).unwrap();
        [told.basis, told.basis_previous, told.basis_year_before]
    };
    use Told::{AsOfDate, Mapped};
    assert_eq!(of("03466", "2025Q2"), [Mapped, Mapped, Mapped]);
    assert_eq!(of("03466", "2025Q3"), [AsOfDate, Mapped, Mapped]);
    assert_eq!(of("03466", "2026Q2"), [AsOfDate, AsOfDate, Mapped]);
    assert_eq!(of("03466", "2026Q3"), [AsOfDate, AsOfDate, AsOfDate]);
    assert_eq!(of("107", "2025Q2"), [AsOfDate, AsOfDate, AsOfDate]);
    assert_eq!(of("107", "2025Q3"), [Mapped, AsOfDate, AsOfDate]);
    let told = part(areas, Some("106"), Some(Force::Police)).told(Quarter::parse("2024Q3").unwrap()).unwrap();
    assert_eq!((told.valid_to.as_deref(), told.divided.len()), (Some("2025-06-30"), 2));
    assert_eq!(told.divided[0].districts, ["Huyện Phong Thổ", "Huyện Tam Đường"]);
    assert_eq!(part(areas, Some("106"), Some(Force::Police)).title_vi().unwrap(), "Huyện Tam Đường · Công an");
    assert!(part(areas, Some("12"), None).told(Quarter::parse("2024Q3").unwrap()).is_none());
}

#[test]
fn a_code_that_names_no_area_is_refused_where_it_stands() {
    let areas = shipped();
    // A former commune that no present one shares its code with is none to count for.
    for wrong in ["", "0", "03412", "Mường Tè", "03466 "] {
        let wish = Wish { area: Some(wrong.to_owned()), force: None };
        let problem = wish.part(areas).map(|_| ()).unwrap_err();
        assert_eq!((problem.code, problem.at.as_deref()), (Code::InvalidParameter, Some("area")), "{wrong}");
    }
}

#[test]
fn an_account_of_a_commune_reads_its_own_and_the_province() {
    let areas = shipped();
    let may = |communes: &[&str], code: Option<&str>| {
        let mut actor = Actor::new("a", Role::DutyOfficer, None);
        actor.area = access::Area::of_codes(communes.iter().copied());
        part(areas, code, None).check(&actor).is_ok()
    };
    assert!(may(&["03466"], Some("03466")) && may(&["03466"], None) && may(&["03466"], Some("12")));
    assert!(!may(&["03466"], Some("03388")) && !may(&["03466"], Some("107")) && !may(&["03466"], Some(UNKNOWN)));
    // A district is for whoever answers for all of it.
    let of_107 = ["03433", "03439", "03442", "03445", "03451", "03460", "03463", "03466"];
    assert!(may(&of_107, Some("107")) && !may(&of_107[1..], Some("107")));
    assert!(may(&[], Some("107")) && may(&[], Some(UNKNOWN)) && may(&[], Some("03388")));
    // Whoever answers for a border sector reads the province alone.
    assert!(!may(&["00000000-0000-7000-8000-000000000001"], Some("03466")));
}
