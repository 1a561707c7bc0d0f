//! What stands for records that an actor may not see one by one: whole communes for households, border sectors (else
//! communes) for units of other forces. Made from the picture when first asked for, and kept until what it is made
//! from changes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use uuid::Uuid;

use super::members::Members;
use super::packed::Bbox;
use super::run::bbox_of;
use super::{Feature, Picture};
use crate::domain::access::{Facts, Sight};
use crate::domain::change::Seq;
use crate::domain::{Actor, Collection, Force, Timestamp};

/// Counts shown to somebody without need are rounded up to the next multiple of this.
const ROUNDED_TO: i64 = 10;

/// One commune or border sector in the place of the records in it.
#[derive(Debug)]
pub(super) struct Reduced {
    pub feature: Arc<Feature>,
    pub bbox: Option<Bbox>,
    commune: Option<Box<str>>,
    sector: Option<Uuid>,
    force: Option<Force>,
}

/// Those of one collection, by id.
pub(super) type ReducedList = Arc<[Reduced]>;

/// Kept with the versions of the layers that it was made from.
#[derive(Debug, Default)]
pub(super) struct ReducedCache {
    households: ArcSwapOption<([Seq; 2], ReducedList)>,
    units: ArcSwapOption<([Seq; 4], ReducedList)>,
}

/// The next multiple of ten: nobody counts single houses with it.
fn rounded_up(count: i64) -> i64 {
    (count + ROUNDED_TO - 1) / ROUNDED_TO * ROUNDED_TO
}

impl Reduced {
    /// Whether this actor sees it in the place of single records.
    pub fn is_for(&self, actor: &Actor, collection: Collection, own_commune: Option<&str>, now: Timestamp) -> bool {
        let facts = Facts {
            commune: self.commune.as_deref(),
            sector: self.sector,
            force: self.force,
            is_own: own_commune.is_some() && own_commune == self.commune.as_deref(),
            ..Facts::default()
        };
        actor.sight(collection, &facts, now) == Sight::Reduced
    }

    /// Whether a record with these facts is one of those it stands for.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        self.commune.as_deref() == facts.commune && self.sector == facts.sector && self.force == facts.force
    }
}

impl ReducedCache {
    /// What stands for the records of `collection` in this picture; empty for collections that are never reduced.
    pub fn of(&self, picture: &Picture, collection: Collection) -> ReducedList {
        let version = |collection: Collection| picture.layer(collection).version();
        match collection {
            Collection::Households => {
                kept(&self.households, [version(Collection::Households), version(Collection::AdminUnits)], || {
                    communes(picture)
                })
            }
            // Where units are now changes every second and is no part of it: their records are.
            Collection::Units => kept(
                &self.units,
                [
                    picture.unit_records,
                    version(Collection::Stations),
                    version(Collection::BorderSectors),
                    version(Collection::AdminUnits),
                ],
                || sectors(picture),
            ),
            _ => Arc::default(),
        }
    }
}

fn kept<const N: usize>(
    slot: &ArcSwapOption<([Seq; N], ReducedList)>,
    versions: [Seq; N],
    make: impl FnOnce() -> Vec<Reduced>,
) -> ReducedList {
    if let Some(known) = &*slot.load()
        && known.0 == versions
    {
        return Arc::clone(&known.1);
    }
    let mut made = make();
    made.sort_by_key(|reduced| reduced.feature.id);
    let made: ReducedList = made.into();
    slot.store(Some(Arc::new((versions, Arc::clone(&made)))));
    made
}

/// Communes and wards in force, by code.
fn communes_in_force(picture: &Picture) -> BTreeMap<String, &Arc<Feature>> {
    let in_force = |unit: &&Arc<Feature>| {
        !unit.is_ended()
            && unit.raw("valid_to").is_none()
            && matches!(unit.text("kind").as_deref(), Some("commune" | "ward"))
    };
    picture
        .layer(Collection::AdminUnits)
        .iter()
        .filter(in_force)
        .filter_map(|unit| Some((unit.text("code")?.into_owned(), unit)))
        .collect()
}

fn name_of(ground: &Feature) -> String {
    let name = ground.text("full_name").or_else(|| ground.text("name"));
    serde_json::Value::from(name.unwrap_or_default()).to_string()
}

/// A feature that stands for others; its version and time are those of the ground under it, so that they tell
/// nothing of the records.
fn feature(id: Uuid, ground: Option<&Feature>, properties: String) -> Arc<Feature> {
    Arc::new(Feature {
        id,
        version: ground.map_or(0, |ground| ground.version),
        ended: false,
        seq: ground.map_or(0, |ground| ground.seq),
        recorded_at: ground.map_or(Timestamp::from_ms(0), |ground| ground.recorded_at),
        geometry: ground.and_then(|ground| ground.geometry.clone()),
        properties: properties.into(),
        personal: None,
        names: None,
        members: Members::default(),
    })
}

/// Households as communes: the id is the commune's own.
fn communes(picture: &Picture) -> Vec<Reduced> {
    let known = communes_in_force(picture);
    let held = picture.layer(Collection::Households).held();
    held.into_iter()
        .filter(|(_, held)| held.households > 0)
        .map(|(commune, held)| {
            let ground = commune.as_deref().and_then(|code| known.get(code)).map(|unit| &***unit);
            let (households, people) = (rounded_up(held.households), rounded_up(held.people));
            let mut properties = String::from("{");
            if let Some(code) = &commune {
                // Writing into a string does not fail.
                let _ = write!(properties, r#""admin_unit":{},"#, serde_json::Value::from(&**code));
            }
            let _ = write!(properties, r#""households_at_most":{households},"#);
            if let Some(ground) = ground {
                let _ = write!(properties, r#""name":{},"#, name_of(ground));
            }
            let _ = write!(properties, r#""people_at_most":{people},"precision":"commune"}}"#);
            let id = ground.map_or(Uuid::nil(), |ground| ground.id);
            let feature = feature(id, ground, properties);
            Reduced {
                bbox: feature.geometry.as_ref().and_then(bbox_of),
                feature,
                commune: commune.map(Into::into),
                sector: None,
                force: None,
            }
        })
        .collect()
}

/// Where a unit counts for those who may not see where it is: the border sector of its post, else the commune of its
/// post. Not where it is now: that is what is hidden.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Home {
    sector: Option<Uuid>,
    commune: Option<String>,
    force: Option<Force>,
}

/// The border sectors by the post that guards each.
pub(super) fn sector_of_station(picture: &Picture, station: Uuid) -> Option<Uuid> {
    let wanted = station.to_string();
    let guards = |sector: &&Arc<Feature>| !sector.is_ended() && sector.text("station_id").as_deref() == Some(&wanted);
    picture.layer(Collection::BorderSectors).iter().find(guards).map(|sector| sector.id)
}

fn sectors(picture: &Picture) -> Vec<Reduced> {
    let known = communes_in_force(picture);
    let mut counts: BTreeMap<Home, i64> = BTreeMap::new();
    for unit in picture.layer(Collection::Units).iter().filter(|unit| !unit.is_ended()) {
        let force = unit.text("force").and_then(|name| Force::parse(&name));
        let station = unit.text("station_id").and_then(|id| Uuid::parse_str(&id).ok());
        let sector = station.and_then(|id| sector_of_station(picture, id));
        let commune = station.and_then(|id| picture.layer(Collection::Stations).get(id)?.text("admin_unit"));
        let home = Home { sector, commune: commune.map(std::borrow::Cow::into_owned), force };
        *counts.entry(home).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(home, count)| {
            let sector = home.sector.and_then(|id| picture.layer(Collection::BorderSectors).get(id));
            let commune = home.commune.as_deref().and_then(|code| known.get(code)).copied();
            let ground = sector.or(commune).map(|ground| &**ground);
            let (at, precision) = match (sector, commune) {
                (Some(sector), _) => (format!(r#""sector_id":"{}","#, sector.id), "sector"),
                (None, Some(_)) => (String::new(), "commune"),
                (None, None) => (String::new(), "province"),
            };
            let code =
                home.commune.as_deref().map(|code| format!(r#""admin_unit":{},"#, serde_json::Value::from(code)));
            let force = home.force.map(|force| format!(r#""force":"{}","#, force.as_str())).unwrap_or_default();
            let name = ground.map(|ground| format!(r#""name":{},"#, name_of(ground))).unwrap_or_default();
            let properties = format!(
                r#"{{{}{force}{name}"precision":"{precision}",{at}"unit_count":{count}}}"#,
                code.unwrap_or_default()
            );
            let key = format!("units/{:?}/{:?}/{:?}", home.force, home.sector, home.commune);
            let feature = feature(Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes()), ground, properties);
            Reduced {
                bbox: feature.geometry.as_ref().and_then(bbox_of),
                feature,
                commune: home.commune.map(Into::into),
                sector: home.sector,
                force: home.force,
            }
        })
        .collect()
}
