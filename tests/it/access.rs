//! Who sees what: one picture, many readers. Marked households and units, and everything that a View answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use geo_types::{Geometry, LineString, Point, Polygon};
use serde_json::json;
use trucban::domain::access::{Area, Grant, GrantKind, Grantee};
use trucban::domain::{Actor, Collection, Force, Role, Timestamp};
use trucban::geometry::mercator::Tile;
use trucban::picture::{self, ItemsQuery, NearbyQuery, PictureHandle, View, WithinQuery};
use trucban::store::{Put, Store};
use trucban::tiles::{Tiles, tile_at};
use uuid::Uuid;

use crate::desk_support::NIGHT_MS;
use crate::support::memory_store::{MemoryStore, put};
use crate::support::random::Random;

/// Stands in every field of a household.
const MARK: &str = "BÍMẬT";
/// Stands where only those who may see a unit or an incident shall find it.
const INNER: &str = "NỘIBỘ";
const WEST: &str = "00001";
const EAST: &str = "00002";
const HOUSEHOLDS: u128 = 500;

fn now() -> Timestamp {
    Timestamp::from_ms(NIGHT_MS)
}

fn square(west: f64, south: f64, side: f64) -> Geometry<f64> {
    let corners =
        [(west, south), (west + side, south), (west + side, south + side), (west, south + side), (west, south)];
    Polygon::new(LineString::from(corners.to_vec()), Vec::new()).into()
}

fn record(collection: Collection, id: u128, geometry: Option<Geometry<f64>>, properties: serde_json::Value) -> Put {
    put(collection, Uuid::from_u128(id), geometry, properties)
}

/// Two communes side by side with 250 households each, a post and a unit of each force, three incidents.
async fn two_communes() -> (Arc<MemoryStore>, PictureHandle) {
    let store = MemoryStore::new();
    let mut puts = vec![
        record(Collection::AdminUnits, 1, Some(square(103.0, 22.0, 0.2)), commune(WEST)),
        record(Collection::AdminUnits, 2, Some(square(103.2, 22.0, 0.2)), commune(EAST)),
        record(
            Collection::Stations,
            10,
            Some(Point::new(103.1, 22.1).into()),
            json!({"name": "Đồn", "kind": "border_post", "admin_unit": WEST}),
        ),
    ];
    let mut rng = Random::new(7);
    for n in 0..HOUSEHOLDS {
        let (commune, west) = if n % 2 == 0 { (WEST, 103.0) } else { (EAST, 103.2) };
        let at = Point::new(west + 0.2 * rng.between(0.0, 1.0), 22.0 + 0.2 * rng.between(0.0, 1.0));
        let mut home = record(
            Collection::Households,
            1_000 + n,
            Some(at.into()),
            json!({"code": format!("{MARK}-{n:04}"), "hamlet": format!("{MARK} {n}"), "member_count": 3, "admin_unit": commune, "state": "registered"}),
        );
        home.personal = json!({"head_name": format!("{MARK} {n}"), "phone": MARK}).as_object().unwrap().clone();
        puts.push(home);
    }
    for (n, force) in ["police", "military", "border_guard"].into_iter().enumerate() {
        let properties = json!({"name": format!("Tổ {force}"), "code": force, "force": force, "kind": "patrol", "status": "available", "station_id": Uuid::from_u128(10), "radio": INNER});
        puts.push(record(Collection::Units, 20 + n as u128, None, properties));
    }
    let incident = |id: u128, kind: &str, lead: &str, commune: &str| {
        let properties = json!({"kind": kind, "state": "verified", "lead_force": lead, "admin_unit": commune, "title": format!("{INNER} {id}")});
        let mut incident = record(Collection::Incidents, id, Some(Point::new(103.1, 22.1).into()), properties);
        incident.personal = json!({"reporter_phone": INNER}).as_object().unwrap().clone();
        incident
    };
    puts.push(incident(30, "landslide", "police", WEST));
    puts.push(incident(31, "drug_crime", "police", WEST));
    puts.push(incident(32, "landslide", "military", EAST));
    store.put(puts);
    let handle = picture::start(Arc::clone(&store) as Arc<dyn Store>).await.unwrap();
    (store, handle)
}

fn commune(code: &str) -> serde_json::Value {
    json!({"code": code, "name": format!("Xã {code}"), "full_name": format!("Xã {code}"), "kind": "commune"})
}

fn somebody(role: Role, force: Option<Force>) -> Actor {
    Actor::new("somebody", role, force)
}

fn of_west(role: Role, force: Force) -> Actor {
    Actor { area: Area::communes([WEST]), ..somebody(role, Some(force)) }
}

fn items(view: &View, collection: Collection, bbox: Option<[f64; 4]>) -> Vec<Uuid> {
    let query = ItemsQuery {
        collection,
        bbox,
        datetime: None,
        filters: Vec::new(),
        q: None,
        ended: false,
        limit: 10_000,
        offset: 0,
    };
    let page = view.items(&query);
    assert_eq!(page.matched, page.shown.len(), "the count is that of what is shown");
    page.shown.iter().map(|shown| shown.id()).collect()
}

fn everywhere() -> Geometry<f64> {
    square(102.5, 21.5, 2.0)
}

/// Everything that a View answers about a collection, as bytes.
fn all_answers(view: &View, collection: Collection) -> Vec<u8> {
    let mut out = Vec::new();
    for shown in view.all(collection).chain(view.in_bbox(collection, [102.0, 21.0, 105.0, 24.0])) {
        shown.write_geojson(&[], &mut out);
        out.extend(shown.members().flat_map(|(name, raw)| [name.as_bytes(), raw.as_bytes()].concat()));
    }
    let near = NearbyQuery {
        lon: 103.1,
        lat: 22.1,
        radius_m: Some(60_000.0),
        limit: 1_000,
        collections: vec![collection],
        filters: Vec::new(),
        q: None,
    };
    view.nearby(&near).iter().for_each(|near| near.write_geojson(&mut out));
    let within =
        WithinQuery { geometry: everywhere(), buffer_m: 0.0, collections: vec![collection], filters: Vec::new() };
    view.within(&within).iter().for_each(|shown| shown.write_geojson(&[], &mut out));
    out.extend(format!("{:?}", view.exposure(&everywhere())).into_bytes());
    for text in [MARK, "BÍMẬT-0001", "bi mat", "Tổ police"] {
        out.extend(format!("{:?}", view.search(text, 50)).into_bytes());
    }
    let tiles = Tiles::default();
    for (zoom, x, y) in [(6, 50, 27), (10, 804, 447), (10, 805, 447), (10, 806, 447), (12, 3_220, 1_790)] {
        let tile: Tile = tile_at(zoom, x, y).unwrap();
        out.extend_from_slice(&tiles.get(view, collection, tile).unwrap().plain());
    }
    out
}

fn holds_a_mark(bytes: &[u8]) -> bool {
    let mark = MARK.as_bytes();
    bytes.windows(mark.len()).any(|window| window == mark)
}

#[tokio::test]
async fn whoever_has_no_need_sees_communes_and_no_household() {
    let (_store, handle) = two_communes().await;
    for role in [Role::Commander, Role::Admin, Role::Observer, Role::FieldUnit] {
        let view = handle.view(&somebody(role, Some(Force::Police)), now());
        assert_eq!(items(&view, Collection::Households, None), [1, 2].map(Uuid::from_u128), "{role:?}");
        assert!(!holds_a_mark(&all_answers(&view, Collection::Households)), "{role:?}");
        let west = view.item(Collection::Households, Uuid::from_u128(1)).unwrap();
        assert_eq!(west.number("households_at_most"), Some(250.0));
        assert_eq!(west.number("people_at_most"), Some(750.0));
        assert_eq!(west.text("precision").as_deref(), Some("commune"));
        assert!(view.item(Collection::Households, Uuid::from_u128(1_000)).is_none());
    }
}

#[tokio::test]
async fn whoever_has_need_sees_exact_figures_in_the_own_area_and_communes_elsewhere() {
    let (_store, handle) = two_communes().await;
    for role in [Role::DutyOfficer, Role::Planner, Role::LocalAuthority] {
        let view = handle.view(&of_west(role, Force::Civil), now());
        let seen = items(&view, Collection::Households, None);
        assert_eq!(seen.len(), 251, "{role:?}: 250 of the own commune, and the other commune as one");
        assert_eq!(view.count(Collection::Households), 251);
        assert_eq!(seen.last(), Some(&Uuid::from_u128(2)));
        let exposure = view.exposure(&everywhere());
        assert_eq!((exposure.households, exposure.people), (250 + 250, 750 + 750));
        assert_eq!(exposure.household_ids.len(), 250);
        assert_eq!(exposure.whole_communes.len(), 1);
        let inside = view.exposure(&square(103.0, 22.0, 0.1));
        assert!(inside.whole_communes.is_empty(), "what lies in the own commune alone is counted exactly");
        let province = handle.view(&somebody(role, Some(Force::Civil)), now());
        assert_eq!(items(&province, Collection::Households, None).len(), 500);
    }
}

#[tokio::test]
async fn nearby_of_a_commune_officer_is_what_a_scan_of_the_visible_gives() {
    let (_store, handle) = two_communes().await;
    let officer = handle.view(&of_west(Role::DutyOfficer, Force::Police), now());
    let all = handle.view(&Actor::system(), now());
    let ask = |view: &View, lon: f64, lat: f64| -> Vec<(Uuid, f64)> {
        let query = NearbyQuery {
            lon,
            lat,
            radius_m: Some(9_000.0),
            limit: 10,
            collections: vec![Collection::Households],
            filters: Vec::new(),
            q: None,
        };
        view.nearby(&query).iter().map(|near| (near.shown.id(), near.distance_m)).collect()
    };
    let scan = |lon: f64, lat: f64| -> Vec<(Uuid, f64)> {
        let query = NearbyQuery {
            lon,
            lat,
            radius_m: Some(9_000.0),
            limit: 10_000,
            collections: vec![Collection::Households],
            filters: Vec::new(),
            q: None,
        };
        let near = all.nearby(&query);
        let own = near.iter().filter(|near| near.shown.text("admin_unit").as_deref() == Some(WEST));
        let mut found: Vec<(Uuid, f64)> = own.map(|near| (near.shown.id(), near.distance_m)).collect();
        let east = Some(trucban::geometry::measure::nearest_on(&square(103.2, 22.0, 0.2), lon, lat));
        found.extend(
            east.filter(|nearest| nearest.distance_m <= 9_000.0)
                .map(|nearest| (Uuid::from_u128(2), nearest.distance_m)),
        );
        found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        found.truncate(10);
        found
    };
    let mut rng = Random::new(11);
    for _ in 0..200 {
        let (lon, lat) = (103.0 + 0.4 * rng.between(0.0, 1.0), 22.0 + 0.2 * rng.between(0.0, 1.0));
        assert_eq!(ask(&officer, lon, lat), scan(lon, lat), "{lon} {lat}");
    }
}

#[tokio::test]
async fn nested_areas_tell_no_house_from_its_neighbour() {
    let (_store, handle) = two_communes().await;
    let stranger = handle.view(&somebody(Role::Observer, None), now());
    let mut rng = Random::new(23);
    for _ in 0..10_000 {
        // Both within one commune: whatever lies between the two changes nothing.
        let (lon, lat, side) = (
            103.01 + 0.1 * rng.between(0.0, 1.0),
            22.01 + 0.1 * rng.between(0.0, 1.0),
            0.001 + 0.05 * rng.between(0.0, 1.0),
        );
        let (outer, inner) = (square(lon, lat, side), square(lon + side / 4.0, lat + side / 4.0, side / 2.0));
        let (outer, inner) = (stranger.exposure(&outer), stranger.exposure(&inner));
        assert_eq!(
            (outer.households, outer.people, outer.household_ids),
            (inner.households, inner.people, inner.household_ids)
        );
    }
}

#[tokio::test]
async fn units_of_another_force_are_seen_by_sector_until_shared_and_again_after() {
    let (_store, handle) = two_communes().await;
    let police = somebody(Role::DutyOfficer, Some(Force::Police));
    let view = handle.view(&police, now());
    let records: Vec<Uuid> = view.all(Collection::Units).filter(|s| s.is_record()).map(|shown| shown.id()).collect();
    assert_eq!(records, [Uuid::from_u128(20)]);
    let reduced: Vec<_> = view.all(Collection::Units).filter(|shown| !shown.is_record()).collect();
    assert_eq!(reduced.len(), 2, "military and border guard, each by the commune of its post");
    assert!(
        reduced
            .iter()
            .all(|shown| shown.text("precision").as_deref() == Some("commune") && shown.raw("radio").is_none())
    );

    let fields: BTreeSet<String> = ["name", "geometry"].map(str::to_owned).into();
    let grant = Grant {
        id: Uuid::from_u128(99),
        kind: GrantKind::Sharing,
        of_force: Some(Force::Military),
        to: Grantee::Force(Force::Police),
        collection: Collection::Units,
        fields,
        area: Area::Province,
        reason: "diễn tập".into(),
        granted_by: "x".into(),
        valid_from: Timestamp::from_ms(NIGHT_MS),
        valid_to: Timestamp::from_ms(NIGHT_MS + 1_000),
    };
    let shared = Actor { grants: [grant].into(), ..police };
    let during = handle.view(&shared, now());
    let unit = during.item(Collection::Units, Uuid::from_u128(21)).unwrap();
    assert_eq!(unit.text("name").as_deref(), Some("Tổ military"));
    assert!(unit.raw("radio").is_none() && unit.raw("status").is_none(), "what the grant does not name is hidden");
    assert!(
        !String::from_utf8_lossy(&{
            let mut out = Vec::new();
            unit.write_geojson(&[], &mut out);
            out
        })
        .contains(INNER)
    );
    assert!(during.item(Collection::Units, Uuid::from_u128(22)).is_none(), "the border guard shared nothing");
    let after = handle.view(&shared, Timestamp::from_ms(NIGHT_MS + 1_000));
    assert!(after.item(Collection::Units, Uuid::from_u128(21)).is_none(), "the window is tested at each access");
    assert_ne!(during.lens(), after.lens());
    assert_eq!(after.lens(), view.lens());
}

#[tokio::test]
async fn lead_and_support_see_an_incident_at_once_and_closed_kinds_are_theirs_alone() {
    let (store, handle) = two_communes().await;
    let seen = |actor: &Actor| items(&handle.view(actor, now()), Collection::Incidents, None);
    let ids = |ids: &[u128]| ids.iter().map(|id| Uuid::from_u128(*id)).collect::<Vec<_>>();
    assert_eq!(seen(&somebody(Role::DutyOfficer, Some(Force::Police))), ids(&[30, 31, 32]));
    assert_eq!(seen(&somebody(Role::DutyOfficer, Some(Force::Military))), ids(&[30, 32]));
    assert_eq!(seen(&of_west(Role::DutyOfficer, Force::BorderGuard)), ids(&[30]));
    assert_eq!(
        seen(&of_west(Role::DutyOfficer, Force::Military)),
        ids(&[30, 32]),
        "its own force leads beyond its area"
    );
    assert_eq!(seen(&somebody(Role::Observer, None)), ids(&[]));

    let support = json!({"kind": "drug_crime", "state": "verified", "lead_force": "police", "support_forces": ["border_guard"], "admin_unit": WEST});
    let seq = store.put(vec![record(Collection::Incidents, 31, None, support)]);
    handle.wait_for(seq, std::time::Duration::from_secs(5)).await.unwrap();
    assert_eq!(seen(&somebody(Role::DutyOfficer, Some(Force::BorderGuard))), ids(&[30, 31, 32]));

    let planner = handle.view(&somebody(Role::Planner, Some(Force::Police)), now());
    assert!(planner.item(Collection::Incidents, Uuid::from_u128(30)).unwrap().raw("reporter_phone").is_none());
    let officer = handle.view(&somebody(Role::DutyOfficer, Some(Force::Police)), now());
    assert!(officer.item(Collection::Incidents, Uuid::from_u128(30)).unwrap().raw("reporter_phone").is_some());
}

#[tokio::test]
async fn a_unit_sees_the_households_where_its_task_is_and_no_others() {
    let (store, handle) = two_communes().await;
    let unit = Uuid::from_u128(20);
    let field = Actor { unit_id: Some(unit), ..somebody(Role::FieldUnit, Some(Force::Police)) };
    let before = handle.view(&field, now());
    assert_eq!(items(&before, Collection::Households, None).len(), 2);
    let tasked = json!({"name": "Tổ police", "code": "police", "force": "police", "kind": "patrol", "status": "dispatched", "incident_id": Uuid::from_u128(30)});
    let seq = store.put(vec![record(Collection::Units, 20, None, tasked)]);
    handle.wait_for(seq, std::time::Duration::from_secs(5)).await.unwrap();
    let during = handle.view(&field, now());
    assert_eq!(items(&during, Collection::Households, None).len(), 251);
    assert_ne!(before.lens(), during.lens(), "what is cached for the one is never given to the other");
}

#[tokio::test]
async fn tiles_of_two_lenses_never_mix() {
    let (_store, handle) = two_communes().await;
    let tiles = Tiles::default();
    let tile = tile_at(10, 805, 447).unwrap();
    let exact = handle.view(&somebody(Role::Planner, None), now());
    let stranger = handle.view(&somebody(Role::Observer, None), now());
    let (a, b) = (
        tiles.get(&exact, Collection::Households, tile).unwrap().plain(),
        tiles.get(&stranger, Collection::Households, tile).unwrap().plain(),
    );
    assert!(holds_a_mark(&a) && !holds_a_mark(&b));
    assert!(!holds_a_mark(&tiles.known(&stranger, Collection::Households, tile).unwrap().plain()));
}
