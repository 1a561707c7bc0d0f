//! The alarm on bulk reading: how many different people somebody has looked at within an hour.

use std::collections::HashMap;

use rusqlite::Connection;
use uuid::Uuid;

use super::chain::ids_of;
use super::{Event, Kind, MINUTE_MS};
use crate::domain::Timestamp;
use crate::domain::access::DataClass;
use crate::store::StoreError;

/// Different personal records that one account is shown within an hour before the supervisor hears of it: the
/// evacuation of two communes stays below. Tiles do not count, since they carry no name, and a map that is moved over
/// the province would set it off.
pub const BULK_IDS_AN_HOUR_MAX: usize = 3_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What each actor was shown within the last hour.
#[derive(Default)]
pub(super) struct Bulk {
    actors: HashMap<String, Hour>,
}

#[derive(Default)]
struct Hour {
    /// When each record was shown last; hardly more than [`BULK_IDS_AN_HOUR_MAX`], since an alarm forgets them.
    seen_ms: HashMap<Uuid, i64>,
    /// When the supervisor was told; once an hour is enough.
    told_ms: Option<i64>,
}

impl Bulk {
    /// As it was before a restart, from the rows of the last hour.
    pub(super) fn load(conn: &Connection, now: Timestamp) -> Result<Self, StoreError> {
        let mut bulk = Self::default();
        let mut statement = conn.prepare(
            "SELECT actor, at_ms, kind, ids FROM rows WHERE at_ms > ?1
             AND (kind = 'bulk_read' OR (kind = 'read' AND class = 'personal')) ORDER BY seq",
        )?;
        let mut rows = statement.query([now.as_ms() - HOUR_MS])?;
        while let Some(row) = rows.next()? {
            let hour = bulk.actors.entry(row.get(0)?).or_default();
            let at_ms = row.get(1)?;
            if row.get::<_, String>(2)? == Kind::BulkRead.as_str() {
                *hour = Hour { told_ms: Some(at_ms), ..Hour::default() };
            } else {
                let ids = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
                hour.seen_ms.extend(ids_of(ids).map(|id| (id, at_ms)));
            }
        }
        Ok(bulk)
    }

    /// Takes in what was shown, and gives a row for each actor who passes `people_max`. The same events may be given
    /// again, after a commit that failed.
    pub(super) fn alarms(&mut self, events: &[Event], now: Timestamp, people_max: usize) -> Vec<Event> {
        let mut alarms: Vec<Event> = Vec::new();
        let since = now.as_ms() - HOUR_MS;
        let personal = |event: &&Event| event.kind == Kind::Read && event.class == Some(DataClass::Personal);
        for event in events.iter().filter(personal).filter(|event| !event.ids.is_empty()) {
            let name = &event.actor.name;
            if !self.actors.contains_key(name) {
                self.actors.insert(name.clone(), Hour::default());
            }
            let Some(hour) = self.actors.get_mut(name) else { continue };
            if hour.told_ms.is_some_and(|told| told > since) || alarms.iter().any(|alarm| alarm.actor.name == *name) {
                continue;
            }
            hour.seen_ms.extend(event.ids.iter().map(|id| (*id, event.at.as_ms())));
            if hour.seen_ms.len() > people_max {
                hour.seen_ms.retain(|_, at| *at > since);
            }
            if hour.seen_ms.len() > people_max {
                let count = hour.seen_ms.len() as u64;
                alarms.push(Event { at: now, kind: Kind::BulkRead, count, ids: Vec::new(), ..event.clone() });
            }
        }
        alarms
    }

    /// The alarms are durable: they are told, and counting begins anew.
    pub(super) fn told(&mut self, alarms: &[Event]) {
        for alarm in alarms {
            let name = &alarm.actor.name;
            tracing::warn!(audit.actor = name, audit.records = alarm.count, "bulk reading of personal records");
            metrics::counter!("trucban_audit_bulk_reads_total").increment(1);
            self.actors.insert(name.clone(), Hour { told_ms: Some(alarm.at.as_ms()), ..Hour::default() });
        }
    }
}
