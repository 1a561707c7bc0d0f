//! What rigs hold against each other at the end: what was answered, what is in the journal, what a reader is shown.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use trucban::domain::{Change, Event, Timestamp};
use trucban::store::Store;
use uuid::Uuid;

use crate::http_support::{client, id, version};
use crate::soak_load::{Call, Told};

/// Everything that became durable.
pub struct Journal {
    pub calls: HashMap<Uuid, Vec<Change>>,
    fixes: HashSet<(Uuid, Timestamp)>,
    /// Fixes that stand there more than once.
    pub fixes_again: usize,
}

impl Journal {
    pub async fn of(store: &dyn Store) -> Self {
        let mut journal = Self { calls: HashMap::new(), fixes: HashSet::new(), fixes_again: 0 };
        for event in store.changes_after(0, usize::MAX).await.unwrap() {
            match event {
                Event::Change(change) => journal.calls.entry(change.request_id).or_default().push(change),
                Event::Fixes(batch) => {
                    let again = batch.fixes.iter().filter(|fix| !journal.fixes.insert((fix.unit_id, fix.at)));
                    journal.fixes_again += again.count();
                }
            }
        }
        journal
    }

    /// Whether the call happened; never in part.
    pub fn has_whole(&self, call: &Call) -> bool {
        let fixes = call.fixes();
        if !fixes.is_empty() {
            let there = fixes.iter().filter(|fix| self.fixes.contains(fix)).count();
            assert!([0, fixes.len()].contains(&there), "{there} of {} fixes: {call:?}", fixes.len());
            return there > 0;
        }
        let Some(changes) = self.calls.get(&call.key) else { return false };
        for collection in call.writes {
            assert!(changes.iter().any(|change| change.collection == *collection), "{collection} lacks {call:?}");
        }
        assert!(changes.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq), "torn apart: {call:?}");
        true
    }

    /// An answered call is there with the records that its answer showed.
    pub fn holds(&self, told: &Told) {
        assert!(self.has_whole(&told.call), "lost: {:?}", told.call);
        for (id, version) in told.records() {
            let found = self.calls[&told.call.key]
                .iter()
                .any(|change| change.record.id.to_string() == id && u64::from(change.record.version) == version);
            assert!(found, "{id} at version {version} is lost: {:?}", told.call);
        }
    }
}

/// What a reader is shown.
pub struct Picture {
    pub records: HashMap<String, Value>,
    /// Entries of the log by incident.
    entries: HashMap<String, Vec<Value>>,
}

impl Picture {
    pub async fn read(base: &str) -> Self {
        let mut picture = Self { records: HashMap::new(), entries: HashMap::new() };
        for collection in [
            "incidents",
            "units",
            "shelters",
            "duty_log",
            "assignments",
            "alarms",
            "advices",
            "zone_visits",
            "patrols",
            "warnings",
            "rain_grids",
            "attachments",
            "deployments",
            "cases",
            "tallies",
            "exercises",
            "shifts",
            "quarter_reports",
            "sector_assessments",
            "areas_of_concern",
            "information_requests",
            "briefings",
            "decisions",
            "event_plans",
            "disaster_events",
            "disaster_reports",
        ] {
            let mut next = Some(format!("{base}/api/collections/{collection}/items?ended=true&limit=10000"));
            while let Some(path) = next {
                let page: Value = client().get(path).send().await.unwrap().json().await.unwrap();
                for feature in page["features"].as_array().unwrap() {
                    if let Some(incident) =
                        feature["properties"]["incident_id"].as_str().filter(|_| collection == "duty_log")
                    {
                        picture.entries.entry(incident.to_owned()).or_default().push(feature.clone());
                    }
                    picture.records.insert(id(feature).to_owned(), feature.clone());
                }
                let links = page["links"].as_array().unwrap();
                next = links.iter().find(|l| l["rel"] == "next").map(|l| l["href"].as_str().unwrap().to_owned());
            }
        }
        picture
    }

    /// An assignment stands on the incident and on the unit.
    pub fn agrees_with_itself(&self) {
        let lists = |feature: &Value, other: &str| {
            feature["properties"]["unit_ids"].as_array().is_some_and(|ids| ids.iter().any(|id| id == other))
        };
        for (id, feature) in &self.records {
            for unit in feature["properties"]["unit_ids"].as_array().into_iter().flatten() {
                let unit = &self.records[unit.as_str().unwrap()];
                assert_eq!(unit["properties"]["incident_id"], id.as_str(), "assigned on one side: {feature} {unit}");
            }
            // A unit.
            if feature["properties"]["status"].is_string()
                && let Some(incident) = feature["properties"]["incident_id"].as_str()
            {
                assert!(lists(&self.records[incident], id), "assigned on one side: {feature}");
            }
        }
    }

    /// The records of an answered call are shown as the journal has them; an incident with an entry for each of its
    /// versions, a unit where it was put.
    pub fn holds(&self, told: &Told, journal: &Journal) {
        for change in journal.calls.get(&told.call.key).into_iter().flatten() {
            let id = change.record.id.to_string();
            let shown = &self.records[&id];
            assert!(version(shown) >= u64::from(change.record.version), "older than told: {shown}");
            match change.collection.as_str() {
                "incidents" => {
                    let entries = self.entries.get(&id).map_or(0, Vec::len);
                    assert!(entries as u64 >= version(shown), "{entries} entries: {shown}");
                }
                "units" => assert!(shown["geometry"].is_object(), "made and not placed: {shown}"),
                _ => {}
            }
        }
    }
}
