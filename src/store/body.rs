//! The text of a change in the journal: `{"geometry":…,"personal":…,"properties":{…}}`, canonical, the same in every
//! engine. `personal` is null, or the reference and salted hash of values that lie in a side table.

use geo_types::{Coord, Geometry, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// The format that is written now; [`parse`] brings older ones up to it.
pub(crate) const FORMAT: i64 = 1;

/// Where the personal values of a record lie, and what they hash to with their salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PersonalRef {
    pub reference: i64,
    pub hash: [u8; 32],
}

/// A record as the journal holds it.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    pub geometry: Option<Geometry<f64>>,
    pub personal: Option<PersonalRef>,
    pub properties: &'a str,
}

/// SHA-256 of salt and canonical text; without the salt, which is erased with the text, nobody can guess it back.
pub(crate) fn personal_hash(salt: &[u8], canonical: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(canonical.as_bytes()).finalize().into()
}

/// The body of a record; `geometry` is JSON text, `properties` canonical JSON text.
pub(crate) fn write(geometry: &str, personal: Option<&PersonalRef>, properties: &str) -> String {
    let mut out = String::with_capacity(geometry.len() + properties.len() + 160);
    out.push_str("{\"geometry\":");
    out.push_str(geometry);
    out.push_str(",\"personal\":");
    match personal {
        None => out.push_str("null"),
        Some(personal) => {
            out.push_str("{\"hash\":\"");
            for byte in personal.hash {
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            out.push_str("\",\"ref\":");
            out.push_str(&personal.reference.to_string());
            out.push('}');
        }
    }
    out.push_str(",\"properties\":");
    out.push_str(properties);
    out.push('}');
    out
}

const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

#[derive(Deserialize)]
struct RawBody<'a> {
    #[serde(borrow)]
    geometry: Option<RawGeometry<'a>>,
    #[serde(borrow)]
    personal: Option<RawPersonal<'a>>,
    #[serde(borrow)]
    properties: &'a RawValue,
}

#[derive(Deserialize)]
struct RawPersonal<'a> {
    hash: &'a str,
    r#ref: i64,
}

#[derive(Deserialize)]
struct RawGeometry<'a> {
    #[serde(borrow)]
    coordinates: &'a RawValue,
    r#type: &'a str,
}

/// Reads a body of any known format.
///
/// # Errors
/// What is wrong with it, in words for `check` and the log.
pub(crate) fn parse(format: i64, text: &str) -> Result<Body<'_>, String> {
    if format != FORMAT {
        return Err(format!("journal format {format} is not known to this version"));
    }
    let raw: RawBody<'_> = serde_json::from_str(text).map_err(|error| format!("unreadable body: {error}"))?;
    let personal = raw.personal.map(|personal| {
        let hash = parse_hash(personal.hash).ok_or("unreadable personal hash")?;
        Ok::<_, String>(PersonalRef { reference: personal.r#ref, hash })
    });
    Ok(Body {
        geometry: raw.geometry.map(|geometry| geometry.read()).transpose()?,
        personal: personal.transpose()?,
        properties: raw.properties.get(),
    })
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(hash)
}

type Position = [f64; 2];

impl RawGeometry<'_> {
    fn read(&self) -> Result<Geometry<f64>, String> {
        fn coordinates<T: DeserializeOwned>(raw: &RawValue) -> Result<T, String> {
            serde_json::from_str(raw.get()).map_err(|error| format!("unreadable coordinates: {error}"))
        }
        let raw = self.coordinates;
        Ok(match self.r#type {
            "Point" => Geometry::Point(Point(coord(coordinates(raw)?))),
            "MultiPoint" => Geometry::MultiPoint(MultiPoint(
                coordinates::<Vec<Position>>(raw)?.into_iter().map(|position| Point(coord(position))).collect(),
            )),
            "LineString" => Geometry::LineString(line(coordinates(raw)?)),
            "MultiLineString" => Geometry::MultiLineString(MultiLineString(
                coordinates::<Vec<Vec<Position>>>(raw)?.into_iter().map(line).collect(),
            )),
            "Polygon" => Geometry::Polygon(polygon(coordinates(raw)?)),
            "MultiPolygon" => Geometry::MultiPolygon(MultiPolygon(
                coordinates::<Vec<Vec<Vec<Position>>>>(raw)?.into_iter().map(polygon).collect(),
            )),
            other => return Err(format!("geometry type {other:?} is not stored")),
        })
    }
}

fn coord([x, y]: Position) -> Coord<f64> {
    Coord { x, y }
}

fn line(positions: Vec<Position>) -> LineString<f64> {
    LineString(positions.into_iter().map(coord).collect())
}

fn polygon(rings: Vec<Vec<Position>>) -> Polygon<f64> {
    let mut rings = rings.into_iter().map(line);
    let exterior = rings.next().unwrap_or_else(|| LineString(Vec::new()));
    Polygon::new(exterior, rings.collect())
}

/// GeoJSON text of a geometry, members sorted, numbers in their shortest exact form; `null` for `None` and for the
/// kinds that no collection takes.
pub(crate) fn geometry_json(geometry: Option<&Geometry<f64>>) -> String {
    let mut out = Vec::with_capacity(64);
    match geometry {
        Some(Geometry::Point(point)) => {
            tagged(&mut out, "Point", |out| position(out, point.0));
        }
        Some(Geometry::MultiPoint(points)) => tagged(&mut out, "MultiPoint", |out| {
            list(out, points.0.iter(), |out, point| position(out, point.0));
        }),
        Some(Geometry::LineString(line)) => tagged(&mut out, "LineString", |out| positions(out, line)),
        Some(Geometry::MultiLineString(lines)) => tagged(&mut out, "MultiLineString", |out| {
            list(out, lines.0.iter(), positions);
        }),
        Some(Geometry::Polygon(polygon)) => tagged(&mut out, "Polygon", |out| rings(out, polygon)),
        Some(Geometry::MultiPolygon(polygons)) => tagged(&mut out, "MultiPolygon", |out| {
            list(out, polygons.0.iter(), rings);
        }),
        _ => out.extend_from_slice(b"null"),
    }
    String::from_utf8(out).expect("invariant: only ASCII was written")
}

fn tagged(out: &mut Vec<u8>, name: &str, coordinates: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"{\"coordinates\":");
    coordinates(out);
    out.extend_from_slice(b",\"type\":\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\"}");
}

fn list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

fn position(out: &mut Vec<u8>, at: Coord<f64>) {
    out.push(b'[');
    number(out, at.x);
    out.push(b',');
    number(out, at.y);
    out.push(b']');
}

fn positions(out: &mut Vec<u8>, line: &LineString<f64>) {
    list(out, line.0.iter(), |out, at| position(out, *at));
}

fn rings(out: &mut Vec<u8>, polygon: &Polygon<f64>) {
    list(out, std::iter::once(polygon.exterior()).chain(polygon.interiors()), positions);
}

/// A finite number as `serde_json` writes it, so that texts made here and there are the same.
pub(crate) fn number(out: &mut Vec<u8>, value: f64) {
    // Writing to a Vec cannot fail, and a number has no other way to fail.
    let _ = serde_json::to_writer(out, &value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_as_it_was() {
        let square = LineString::from(vec![(103.1, 22.0), (103.2, 22.0), (103.2, 22.1), (103.1, 22.0)]);
        let geometry = Geometry::MultiPolygon(MultiPolygon(vec![Polygon::new(square.clone(), vec![square])]));
        let personal = PersonalRef { reference: 7, hash: personal_hash(b"salt", "{}") };
        let text = write(&geometry_json(Some(&geometry)), Some(&personal), r#"{"name":"Bản \"A\""}"#);
        let body = parse(FORMAT, &text).unwrap();
        assert_eq!(body.geometry, Some(geometry));
        assert_eq!(body.personal, Some(personal));
        assert_eq!(body.properties, r#"{"name":"Bản \"A\""}"#);
        assert_eq!(write(&geometry_json(body.geometry.as_ref()), body.personal.as_ref(), body.properties), text);
    }

    #[test]
    fn a_newer_format_is_refused_and_not_guessed() {
        assert!(parse(FORMAT + 1, "{}").is_err());
    }
}
