//! Where a unit is: its newest fix, else its post; and the fields that say so, spliced into its properties.

use geo_types::{Geometry, Point};

use super::Feature;
use super::feature::members;
use super::json;
use crate::domain::change::Seq;
use crate::domain::{Fix, FixSource};

/// The fields that the picture adds to a unit, sorted.
const FIX_FIELDS: [&str; 6] = ["course_deg", "fix_accuracy_m", "fix_at", "fix_heard_by", "fix_source", "speed_mps"];

/// The unit at its newest fix. `seq` is the batch that brought it.
pub(super) fn at_fix(unit: &Feature, fix: &Fix, seq: Seq) -> Feature {
    let source = match fix.source {
        FixSource::Gps => "gps",
        FixSource::Radio => "radio",
        FixSource::Post => "post",
    };
    let number = |value: Option<f64>| {
        value.map(|value| {
            let mut out = Vec::with_capacity(24);
            json::number(value, &mut out);
            out
        })
    };
    let mut at = Vec::with_capacity(32);
    json::instant(fix.at, &mut at);
    let heard_by = fix.heard_by.as_deref().map(|text| {
        let mut out = Vec::with_capacity(text.len() + 2);
        json::string(text, &mut out);
        out
    });
    let values = [
        number(fix.course_deg),
        number(fix.accuracy_m),
        (fix.source != FixSource::Post).then_some(at),
        heard_by,
        Some(format!("\"{source}\"").into_bytes()),
        number(fix.speed_mps),
    ];
    let properties = with_position(&unit.properties, values.each_ref().map(Option::as_deref));
    unit.moved(seq, Some(Point::new(fix.lon, fix.lat).into()), properties)
}

/// The unit at its post, where it counts while no fix is known. `seq` is that of the post's record.
pub(super) fn at_post(unit: &Feature, post: &Geometry<f64>, seq: Seq) -> Feature {
    let values = [None, None, None, None, Some(&b"\"post\""[..]), None];
    unit.moved(seq, Some(post.clone()), with_position(&unit.properties, values))
}

/// The unit while its post has no known place. `seq` is that of the post's record.
pub(super) fn nowhere(unit: &Feature, seq: Seq) -> Feature {
    let record = unit.record();
    unit.moved(seq, record.geometry, record.properties)
}

/// Properties without the fields that the picture added.
pub(super) fn without_position(properties: &str) -> Box<str> {
    with_position(properties, [None; 6])
}

/// Properties with these values (raw JSON) for [`FIX_FIELDS`], the keys in sorted order.
fn with_position(properties: &str, values: [Option<&[u8]>; 6]) -> Box<str> {
    let mut out = Vec::with_capacity(properties.len() + 160);
    out.push(b'{');
    let put = |name: &str, value: &[u8], out: &mut Vec<u8>| {
        if out.len() > 1 {
            out.push(b',');
        }
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(value);
    };
    let mut added = FIX_FIELDS.iter().zip(values).filter_map(|(name, value)| Some((*name, value?))).peekable();
    for (name, value) in members(properties) {
        while let Some((fix_name, fix_value)) = added.next_if(|(fix_name, _)| *fix_name < name) {
            put(fix_name, fix_value, &mut out);
        }
        if !FIX_FIELDS.contains(&name) {
            put(name, value.as_bytes(), &mut out);
        }
    }
    for (name, value) in added {
        put(name, value, &mut out);
    }
    out.push(b'}');
    // Parts of UTF-8 text between ASCII signs are UTF-8; the fallback is never taken.
    String::from_utf8(out).unwrap_or_else(|_| properties.to_owned()).into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_a_fix_come_and_go_in_sorted_order() {
        let plain = r#"{"code":"T1","name":"Tổ, \"một\"","status":"available"}"#;
        let values: [Option<&[u8]>; 6] = [Some(b"12.5"), None, None, None, Some(b"\"gps\""), Some(b"3")];
        let with = with_position(plain, values);
        assert_eq!(
            &*with,
            r#"{"code":"T1","course_deg":12.5,"fix_source":"gps","name":"Tổ, \"một\"","speed_mps":3,"status":"available"}"#
        );
        assert_eq!(&*without_position(&with), plain);
        assert_eq!(&*with_position("{}", values), r#"{"course_deg":12.5,"fix_source":"gps","speed_mps":3}"#);
        assert_eq!(&*without_position("{}"), "{}");
    }
}
