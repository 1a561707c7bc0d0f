//! What EXIF says that is of use, and an EXIF that says nothing but how a photo is turned.

use exif::{Exif, In, Reader, Tag, Value};

use super::Said;
use crate::domain::Timestamp;

/// The province's clock, for cameras that name no zone.
const LOCAL_ZONE: &str = "+07:00";

/// What a TIFF block says; a broken one says nothing.
pub(super) fn read(tiff: &[u8]) -> Said {
    let Ok(exif) = Reader::new().read_raw(tiff.to_vec()) else { return Said::default() };
    Said { position: position(&exif), taken_at: taken_at(&exif), orientation: orientation(&exif) }
}

/// A TIFF block that says how the photo is turned and nothing else; `None` where it stands as it is.
pub(super) fn turned(said: &Said) -> Option<[u8; 26]> {
    let orientation = u8::try_from(said.orientation).ok().filter(|turn| (2..=8).contains(turn))?;
    let mut tiff = *b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0";
    tiff[18] = orientation;
    Some(tiff)
}

fn orientation(exif: &Exif) -> u16 {
    let value = exif.get_field(Tag::Orientation, In::PRIMARY).and_then(|field| field.value.get_uint(0));
    value.and_then(|turn| u16::try_from(turn).ok()).unwrap_or_default()
}

fn position(exif: &Exif) -> Option<[f64; 2]> {
    let degrees = |tag: Tag, side: Tag, negative: u8| {
        let Value::Rational(parts) = &exif.get_field(tag, In::PRIMARY)?.value else { return None };
        let [whole, minutes, seconds] = parts.get(..3)?.try_into().ok()?;
        let value = [whole, minutes, seconds].map(|part: exif::Rational| part.to_f64());
        let value = value[0] + value[1] / 60.0 + value[2] / 3_600.0;
        let Value::Ascii(side) = &exif.get_field(side, In::PRIMARY)?.value else { return None };
        let is_negative = side.first()?.first()?.to_ascii_uppercase() == negative;
        Some(if is_negative { -value } else { value })
    };
    let lon = degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, b'W')?;
    let lat = degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, b'S')?;
    // Cameras without a fix write zeros, or nothing divided by nothing.
    let is_place = lon.abs() <= 180.0 && lat.abs() <= 90.0 && (lon, lat) != (0.0, 0.0);
    is_place.then_some([lon, lat])
}

fn taken_at(exif: &Exif) -> Option<Timestamp> {
    let text = |tag: Tag| match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(texts) => String::from_utf8(texts.first()?.clone()).ok(),
        _ => None,
    };
    let told = text(Tag::DateTimeOriginal)?;
    let (date, time) = told.trim().split_once(' ')?;
    let at = |zone: &str| Timestamp::parse(&format!("{}T{time}{zone}", date.replace(':', "-"))).ok();
    let zone = text(Tag::OffsetTimeOriginal);
    zone.and_then(|zone| at(zone.trim())).or_else(|| at(LOCAL_ZONE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_a_turned_photo_says_that_and_nothing_else() {
        for turn in 2..=8 {
            let tiff = turned(&Said { orientation: turn, ..Said::default() }).unwrap();
            assert_eq!(read(&tiff), Said { orientation: turn, ..Said::default() });
            assert_eq!(Reader::new().read_raw(tiff.to_vec()).unwrap().fields().count(), 1);
        }
        for turn in [0, 1, 9, 300] {
            assert_eq!(turned(&Said { orientation: turn, ..Said::default() }), None);
        }
    }

    #[test]
    fn a_broken_block_says_nothing() {
        let whole = turned(&Said { orientation: 6, ..Said::default() }).unwrap();
        for length in 0..whole.len() {
            read(&whole[..length]);
        }
        assert_eq!(read(b"II*\0\xff\xff\xff\xff"), Said::default());
    }
}
