//! Events as bytes of a server-sent event stream.

use std::io::Write;

use bytes::Bytes;
use geo_types::Geometry;
use uuid::Uuid;

use super::freshness::Stale;
use crate::domain::change::Seq;
use crate::domain::{Collection, Timestamp};
use crate::picture::Shown;

/// One whole event.
pub type Frame = Bytes;

fn frame(seq: Seq, event: &str, size: usize, data: impl FnOnce(&mut Vec<u8>)) -> Frame {
    let mut out = Vec::with_capacity(size + 64);
    // Writing into memory does not fail.
    let _ = write!(out, "id: {seq}\nevent: {event}\ndata: ");
    data(&mut out);
    out.extend_from_slice(b"\n\n");
    out.into()
}

/// A record as it is now.
pub fn change(seq: Seq, shown: &Shown<'_>) -> Frame {
    frame(seq, "change", 1_024, |out| {
        let _ = write!(out, r#"{{"seq":{seq},"collection":"{}","feature":"#, shown.collection());
        shown.write_geojson(&[], out);
        out.push(b'}');
    })
}

/// A record that left the filter, the box or the right, or ended.
pub fn gone(seq: Seq, collection: Collection, id: Uuid) -> Frame {
    frame(seq, "gone", 128, |out| {
        let _ = write!(out, r#"{{"seq":{seq},"collection":"{collection}","id":"{id}"}}"#);
    })
}

/// "Read again": events were lost, or the stream ends.
pub fn reset(seq: Seq, reason: &str) -> Frame {
    frame(seq, "reset", 128, |out| {
        let _ = write!(out, r#"{{"reason":"{reason}","seq":{seq}}}"#);
    })
}

/// The server's time and the newest seq, so that a page can tell silence from a broken link; and since when what it
/// shows is old although the link is not.
pub fn tick(seq: Seq, now: Timestamp, stale: Option<Stale>) -> Frame {
    frame(seq, "tick", 192, |out| {
        let _ = write!(out, r#"{{"server_time":"{now}","seq":{seq},"stale":"#);
        let _ = serde_json::to_writer(&mut *out, &stale);
        out.push(b'}');
    })
}

/// Positions of units, each given by [`position`].
pub fn positions<'a>(seq: Seq, units: impl Iterator<Item = &'a [u8]>) -> Option<Frame> {
    let mut units = units.peekable();
    units.peek()?;
    Some(frame(seq, "positions", 1_024, |out| {
        let _ = write!(out, r#"{{"seq":{seq},"units":["#);
        for (at, unit) in units.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(unit);
        }
        out.extend_from_slice(b"]}");
    }))
}

/// One unit of a `positions` event; nothing for a unit that stands nowhere.
pub fn position(unit: &Shown<'_>) -> Option<Vec<u8>> {
    let Some(Geometry::Point(point)) = unit.geometry() else { return None };
    let mut out = Vec::with_capacity(256);
    let _ = write!(out, r#"{{"id":"{}","lon":{},"lat":{}"#, unit.id(), point.x(), point.y());
    for (member, field) in [
        ("fix_at", "fix_at"),
        ("fix_source", "fix_source"),
        ("accuracy_m", "fix_accuracy_m"),
        ("speed_mps", "speed_mps"),
        ("course_deg", "course_deg"),
    ] {
        if let Some(raw) = unit.raw(field) {
            let _ = write!(out, r#","{member}":{raw}"#);
        }
    }
    out.push(b'}');
    Some(out)
}
