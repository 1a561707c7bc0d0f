//! The levels of zones by rain and by bulletin, kept beside the level that a person set. Worked out again as rain, bulletins
//! and zones change, and as time goes on; written where something changed, so that the journal is their history.

use serde_json::{Value, json};
use uuid::Uuid;

use super::alarms::{about_zone, standing_about_zone};
use super::grids_held::{Grids, GridsAt};
use super::rain::series;
use super::scene::{Draft, Entry, Scene, Working};
use super::zone_rain::{ZoneRain, gist, observed_from};
use super::{Ask, Desk};
use crate::domain::rain::Reading;
use crate::domain::risk_level::{HAZARDS, REGION, command, id_of};
use crate::domain::{Actor, Collection, Problem, Timestamp, zone};
use crate::geometry::measure::nearest_within;
use crate::picture::{Feature, Picture};
use crate::risk::level::{Rule, Susceptibility, Table, highest, table_on};
use crate::risk::zone_level::{Computed, RainFacts, compute};

/// Gauges so near all count; the one with most rain decides, metres.
const GAUGES_NEAR_M: f64 = 10_000.0;
/// Where none is so near, the nearest one within this counts, metres. Rain of the mountains differs from valley to valley.
const GAUGE_MAX_M: f64 = 25_000.0;
/// Most corners of a zone that are asked for their commune.
const CORNERS_MAX: usize = 200;
/// A change of rain smaller than this is not written by itself, millimetres.
const RAIN_STEP_MM: f64 = 1.0;
/// The same of rain to come: that of a grid moves with the hours that count.
const FORECAST_STEP_MM: f64 = 5.0;

/// A gauge with what it measured.
struct Gauge {
    id: Uuid,
    lon: f64,
    lat: f64,
    readings: Vec<Reading>,
}

/// A bulletin in force.
struct Bulletin<'a> {
    feature: &'a Feature,
    communes: Vec<String>,
    zones: Vec<Uuid>,
    hazards: Vec<String>,
}

/// All that the levels of a moment are worked out from.
struct Weather<'a> {
    table: &'static Table,
    grids: GridsAt<'a>,
    gauges: Vec<Gauge>,
    bulletins: Vec<Bulletin<'a>>,
}

impl Desk {
    /// Works the levels of all live zones out again and writes those that changed. How many did.
    ///
    /// # Errors
    /// The problem of the store.
    pub async fn compute_levels(&self) -> Result<usize, Problem> {
        let ask = Ask::by(Actor::system());
        let picture = self.picture.load();
        let ground = self.ground.of(&picture);
        let scene = Scene { picture: &picture, ground: &ground, ask: &ask, now: self.now(), timers: &self.timers };
        if decide(&scene, &self.grids.of(&picture))?.puts.is_empty() {
            return Ok(0);
        }
        let written = self.write(&ask, |scene| {
            let draft = decide(scene, &self.grids.of(scene.picture))?;
            match draft.puts.first() {
                Some(_) => Ok(draft),
                None => any_zone(scene),
            }
        });
        let is_level = |change: &&crate::domain::Change| change.collection == Collection::RiskLevels;
        Ok(written.await?.changes.iter().filter(is_level).count())
    }
}

/// Another node was faster: there is nothing left to write.
fn any_zone(scene: &Scene<'_>) -> Result<Draft, Problem> {
    let zone = scene.picture.layer(Collection::RiskZones).iter().next().map_or(Uuid::nil(), |zone| zone.id);
    scene.already(Collection::RiskZones, zone)
}

fn decide(scene: &Scene<'_>, grids: &Grids) -> Result<Draft, Problem> {
    let mut draft = Draft::default();
    let Some(table) = table_on(&scene.now.local_text()[..10]) else { return Ok(draft) };
    let zones: Vec<&Feature> = scene
        .picture
        .layer(Collection::RiskZones)
        .iter()
        .filter(|zone| !zone.is_ended() && zone.text("state").is_some_and(|state| zone::LIVE.contains(&&*state)))
        .filter(|zone| zone.text("kind").is_some_and(|kind| HAZARDS.contains(&&*kind)))
        .map(|zone| &**zone)
        .collect();
    if zones.is_empty() {
        return Ok(draft);
    }
    let (gauges, bulletins) = (gauges(scene.picture, scene.now), bulletins(scene.picture, scene.now));
    let grids = grids.at(observed_from(scene.now), scene.now);
    let weather = Weather { table, grids, gauges, bulletins };
    for zone in zones {
        let id = id_of(zone.id);
        let before = match scene.feature(Collection::RiskLevels, id) {
            Some(feature) => Working::of(Collection::RiskLevels, feature),
            None => Working::new(Collection::RiskLevels, id),
        };
        let mut after = before.clone();
        weather.tell(scene, zone, &mut after)?;
        if is_news(&before, &after) {
            tell_change(scene, &mut draft, zone, &before, &after);
            draft.put(after, scene.now);
        }
    }
    Ok(draft)
}

impl Weather<'_> {
    /// Fills in the levels of a zone as they are now.
    fn tell(&self, scene: &Scene<'_>, zone: &Feature, record: &mut Working) -> Result<(), Problem> {
        record.set("zone_id", zone.id.to_string());
        let covering = self.covering(scene, zone);
        issued(record, &covering);
        let forecast_mm = covering.iter().filter_map(|bulletin| number(bulletin.feature, "rain_24h_max_mm"));
        let forecast_mm = forecast_mm.reduce(f64::max);
        let susceptibility = number(zone, "susceptibility").and_then(|class| Susceptibility::from_class(class as u8));
        let Some(susceptibility) = susceptibility else {
            // Nobody has said how readily this slope slides: the table cannot be asked.
            for name in
                ["computed_level", "computed_gap", "computed_stale", "computed_rule", "neighbours", "computed_at"]
            {
                record.remove(name);
            }
            return Ok(());
        };
        let near = self.near(zone).into_iter().map(|gauge| (gauge.id, RainFacts::of(&gauge.readings, scene.now, None)));
        let rain = ZoneRain::of(near.collect(), &self.grids, zone, scene.now, forecast_mm);
        let rule: Option<Rule> = record.properties.get("computed_rule").and_then(rule_of);
        let before =
            record.integer("computed_level").and_then(|level| Some((u8::try_from(level).ok()?, rule.as_ref()?)));
        let computed = compute(self.table, REGION, susceptibility, &rain.facts, before)?;
        computed_as(record, &computed, scene.now);
        rained(record, &rain.facts);
        record.set_references("gauge_ids", &rain.gauges);
        record.set_references("silent_gauge_ids", &rain.silent);
        record.set("rain_grids", if rain.grids.is_empty() { Value::Null } else { Value::Array(rain.grids) });
        Ok(())
    }

    /// The gauges that count for a zone.
    fn near(&self, zone: &Feature) -> Vec<&Gauge> {
        let Some(area) = &zone.geometry else { return Vec::new() };
        let away =
            |gauge: &Gauge| nearest_within(area, gauge.lon, gauge.lat, GAUGE_MAX_M).map(|found| found.distance_m);
        let mut within: Vec<(f64, &Gauge)> =
            self.gauges.iter().filter_map(|gauge| Some((away(gauge)?, gauge))).collect();
        within.sort_by(|a, b| a.0.total_cmp(&b.0));
        let near = within.iter().filter(|(distance_m, _)| *distance_m <= GAUGES_NEAR_M).count().max(1);
        within.into_iter().take(near).map(|(_, gauge)| gauge).collect()
    }

    /// The bulletins in force that speak of a zone.
    fn covering<'w>(&'w self, scene: &Scene<'_>, zone: &Feature) -> Vec<&'w Bulletin<'w>> {
        if self.bulletins.is_empty() {
            return Vec::new();
        }
        let kind = zone.text("kind").unwrap_or_default();
        let communes = communes(scene, zone);
        let names = |bulletin: &&Bulletin<'_>| {
            let hazard = bulletin.hazards.is_empty() || bulletin.hazards.iter().any(|hazard| *hazard == kind);
            let everywhere = bulletin.communes.is_empty() && bulletin.zones.is_empty();
            let here = || bulletin.communes.iter().any(|code| communes.contains(code));
            hazard && (everywhere || bulletin.zones.contains(&zone.id) || here())
        };
        self.bulletins.iter().filter(names).collect()
    }
}

/// The highest level of the bulletins that speak of the zone (Art. 46.4), by the newest of those that name it.
fn issued(record: &mut Working, covering: &[&Bulletin<'_>]) {
    let level = |bulletin: &Bulletin<'_>| number(bulletin.feature, "level").map(|level| level as u8);
    let top = highest(covering.iter().map(|bulletin| level(bulletin)));
    let names_it = covering.iter().filter(|bulletin| level(bulletin) == top && top.is_some());
    let by = names_it.max_by_key(|bulletin| bulletin.feature.text("issued_at").map(std::borrow::Cow::into_owned));
    let text =
        |name: &str| by.and_then(|by| by.feature.text(name)).map_or(Value::Null, |text| text.into_owned().into());
    record.set("issued_level", top.map_or(Value::Null, Value::from));
    record.set("issued_by", text("issuer"));
    record.set("issued_at", text("issued_at"));
    record.set("issued_to", text("valid_to"));
    record.set("bulletin_id", by.map_or(Value::Null, |by| by.feature.id.to_string().into()));
}

fn computed_as(record: &mut Working, computed: &Computed, now: Timestamp) {
    let Computed { level, gap, stale, rule, neighbours } = computed;
    let is_same = record.properties.get("computed_rule").and_then(|rule| rule["id"].as_str()) == Some(&rule.id)
        && record.integer("computed_level") == level.map(i64::from)
        && record.properties.get("computed_stale") == Some(&Value::Bool(*stale));
    if !is_same {
        record.set_time("computed_at", now);
    }
    record.set("computed_level", level.map_or(Value::Null, Value::from));
    record.set("computed_gap", *gap);
    record.set("computed_stale", *stale);
    record.set("computed_rule", json!(rule));
    record.set("neighbours", if neighbours.is_empty() { Value::Null } else { json!(neighbours) });
}

fn rained(record: &mut Working, rain: &RainFacts) {
    let tenth = |mm: f64| (mm * 10.0).round() / 10.0;
    record.set("rain_24h_mm", tenth(rain.observed_24h.mm));
    record.set("rain_24h_known", (rain.observed_24h.known_share.min(1.0) * 100.0).round() / 100.0);
    record.set("rain_forecast_24h_mm", rain.forecast_24h_mm.map_or(Value::Null, Value::from));
    record.set("rain_days", rain.rain_days);
    record.set("opinions", if rain.opinions.is_empty() { Value::Null } else { json!(rain.opinions) });
}

/// Whether more changed than a little rain.
fn is_news(before: &Working, after: &Working) -> bool {
    const SMALL: [&str; 6] =
        ["rain_24h_mm", "rain_24h_known", "rain_forecast_24h_mm", "opinions", "computed_at", "rain_grids"];
    let rest = |record: &Working| {
        let mut properties = record.properties.clone();
        properties.retain(|name, _| !SMALL.contains(&name.as_str()));
        properties
    };
    // What nobody says is another thing than none.
    let differs = |name: &str, by_mm: f64| match (before.number(name), after.number(name)) {
        (Some(before), Some(after)) => (before - after).abs() >= by_mm,
        (before, after) => before != after,
    };
    let of_grids = |record: &Working| record.properties.get("rain_grids").map(gist);
    rest(before) != rest(after)
        || of_grids(before) != of_grids(after)
        || differs("rain_24h_mm", RAIN_STEP_MM)
        || differs("rain_forecast_24h_mm", FORECAST_STEP_MM)
}

/// Logs a level that is another one than before, and calls somebody where it rose above what a person has set.
fn tell_change(scene: &Scene<'_>, draft: &mut Draft, zone: &Feature, before: &Working, after: &Working) {
    let levels = |record: &Working| ["computed_level", "issued_level"].map(|name| record.integer(name));
    let ([computed_before, issued_before], [computed, issued]) = (levels(before), levels(after));
    if (computed_before, issued_before) == (computed, issued) {
        return;
    }
    let name = zone.text("name").unwrap_or_default();
    let word = |level: Option<i64>| level.map_or_else(|| "không cấp".to_owned(), |level| format!("cấp {level}"));
    let mut told = Vec::new();
    if computed != computed_before {
        let why = after.properties.get("computed_rule").and_then(|rule| rule["vi"].as_str()).unwrap_or_default();
        told.push(format!("tính toán {} → {} ({why})", word(computed_before), word(computed)));
    }
    if issued != issued_before {
        let who = after.text("issued_by").unwrap_or("hết bản tin");
        told.push(format!("bản tin {} → {} ({who})", word(issued_before), word(issued)));
    }
    let text = format!("{name}: {}", told.join("; "));
    let facts = json!({"computed": computed, "issued": issued, "set": number(zone, "level")});
    draft.log(
        scene,
        scene.now,
        Entry { kind: "level_changed", text, facts, incident: None, unit: None, zone: Some(zone.id) },
    );
    let (now, then) = (computed.max(issued).unwrap_or(0), computed_before.max(issued_before).unwrap_or(0));
    let set = number(zone, "level").map_or(0, |level| level as i64);
    if now > then && now > set {
        raise(scene, draft, zone, now);
    }
}

/// Calls whoever is on duty, unless the same call stands.
fn raise(scene: &Scene<'_>, draft: &mut Draft, zone: &Feature, level: i64) {
    let who = u8::try_from(level).ok().and_then(command).map_or("", |(vi, _)| vi);
    let name = zone.text("name").unwrap_or_default();
    let mut alarm = about_zone("level_risen", zone.id, &format!("{name}: lên cấp {level}. {who}"), scene.now);
    if let Some(stands) = standing_about_zone(scene.picture, "level_risen", zone.id) {
        let told = alarm.properties;
        alarm = Working::of(Collection::Alarms, stands);
        alarm.properties.extend(told);
    }
    draft.put(alarm, scene.now);
}

fn gauges(picture: &Picture, now: Timestamp) -> Vec<Gauge> {
    let first = observed_from(now);
    let gauge = |feature: &Feature| {
        let geo_types::Geometry::Point(point) = feature.geometry.as_ref()? else { return None };
        let readings = series(picture, feature.id, first, now);
        Some(Gauge { id: feature.id, lon: point.x(), lat: point.y(), readings })
    };
    let open = picture.layer(Collection::RainGauges).iter().filter(|gauge| !gauge.is_ended());
    open.filter_map(|feature| gauge(feature)).collect()
}

fn bulletins(picture: &Picture, now: Timestamp) -> Vec<Bulletin<'_>> {
    let open = || picture.layer(Collection::Bulletins).iter().filter(|bulletin| !bulletin.is_ended());
    let replaced: Vec<String> =
        open().filter_map(|bulletin| bulletin.text("replaces_id").map(std::borrow::Cow::into_owned)).collect();
    let list = |feature: &Feature, name: &str| -> Vec<String> {
        feature.value(name).and_then(|list| serde_json::from_value(list).ok()).unwrap_or_default()
    };
    let in_force = |feature: &&std::sync::Arc<Feature>| {
        let time = |name: &str| feature.text(name).and_then(|at| Timestamp::parse(&at).ok());
        let from = time("valid_from").or_else(|| time("issued_at"));
        from.is_some_and(|from| from <= now)
            && time("valid_to").is_some_and(|to| now < to)
            && !replaced.contains(&feature.id.to_string())
    };
    open()
        .filter(in_force)
        .map(|feature| Bulletin {
            feature,
            communes: list(feature, "commune_codes"),
            zones: list(feature, "zone_ids").iter().filter_map(|id| Uuid::parse_str(id).ok()).collect(),
            hazards: list(feature, "hazards"),
        })
        .collect()
}

/// The communes in which a zone has corners.
fn communes(scene: &Scene<'_>, zone: &Feature) -> Vec<String> {
    use geo::CoordsIter;
    let Some(area) = &zone.geometry else { return Vec::new() };
    let step = area.coords_count().div_ceil(CORNERS_MAX).max(1);
    let mut codes: Vec<String> = area
        .coords_iter()
        .step_by(step)
        .filter_map(|corner| scene.ground.whereabouts(corner.x, corner.y).admin_unit)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn rule_of(stored: &Value) -> Option<Rule> {
    let text = |name: &str| stored[name].as_str().map(str::to_owned);
    Some(Rule { id: text("id")?, source: text("source")?, vi: text("vi")?, en: text("en")? })
}

fn number(feature: &Feature, name: &str) -> Option<f64> {
    feature.value(name)?.as_f64()
}
