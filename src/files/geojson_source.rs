//! GeoJSON: a FeatureCollection, a Feature, or features one after the other, read feature by feature.
//!
//! The file is never held whole: a scanner finds where each feature begins and ends and on which line, and only that
//! text is parsed. So a refused feature can be named by its line, and a file may be larger than the memory.

use std::io::{BufRead, BufReader, Read};

use serde_json::{Map, Value};

use super::source::{
    COLUMNS_MAX, ROW_BYTES_MAX, RawGeometry, RowContent, Source, SourceRow, broken_utf8, row_too_long,
};
use crate::domain::{Code, Problem};

/// The features of a GeoJSON file.
pub(super) struct GeoJsonSource<'a> {
    scan: Scanner<Box<dyn BufRead + 'a>>,
    columns: Vec<String>,
    epsg: Option<u32>,
    place: Place,
}

/// Where the scanner stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between documents.
    Outside,
    /// Inside the `features` list of a collection.
    Features,
    /// Among the members of a collection, after its list.
    Members,
}

impl<'a> GeoJsonSource<'a> {
    pub fn new(file: impl Read + 'a) -> Self {
        let scan = Scanner { input: Box::new(BufReader::with_capacity(256 * 1024, file)) as _, line: 1 };
        Self { scan, columns: Vec::new(), epsg: None, place: Place::Outside }
    }

    fn column(&mut self, name: String) -> Option<usize> {
        if let Some(at) = self.columns.iter().position(|known| *known == name) {
            return Some(at);
        }
        (self.columns.len() < COLUMNS_MAX).then(|| {
            self.columns.push(name);
            self.columns.len() - 1
        })
    }

    /// Reads members of a collection until its `features` list opens or the object ends.
    fn enter_members(&mut self) -> Result<(), Problem> {
        loop {
            match self.scan.token()? {
                Some(b'}') => {
                    self.scan.skip(1);
                    self.place = Place::Outside;
                    return Ok(());
                }
                Some(b',') => self.scan.skip(1),
                Some(b'"') => {
                    let name = self.scan.value()?;
                    if self.scan.token()? != Some(b':') {
                        return Err(self.scan.broken("expected `:`"));
                    }
                    self.scan.skip(1);
                    if name == b"\"features\"" && self.scan.token()? == Some(b'[') {
                        self.scan.skip(1);
                        self.place = Place::Features;
                        return Ok(());
                    }
                    let value = self.scan.value()?;
                    if name == b"\"crs\"" {
                        self.epsg = named_epsg(&value).or(self.epsg);
                    }
                }
                _ => return Err(self.scan.broken("expected a member or `}`")),
            }
        }
    }

    fn content(&mut self, text: &[u8]) -> Result<RowContent, Problem> {
        let text = std::str::from_utf8(text).map_err(|_| broken_utf8())?;
        let invalid = |error: &dyn std::fmt::Display| {
            Problem::new(Code::InvalidJson, format!("JSON hỏng: {error}"), format!("broken JSON: {error}"))
        };
        let value: Value = serde_json::from_str(text).map_err(|error| invalid(&error))?;
        let Value::Object(mut feature) = value else { return Err(not_a_feature()) };
        if feature.get("type").and_then(Value::as_str) != Some("Feature") {
            return Err(not_a_feature());
        }
        let geometry = match feature.remove("geometry") {
            None | Some(Value::Null) => None,
            Some(value) => Some(RawGeometry::GeoJson(value)),
        };
        let properties = match feature.remove("properties") {
            Some(Value::Object(map)) => map,
            None | Some(Value::Null) => Map::new(),
            Some(_) => {
                return Err(Problem::new(
                    Code::InvalidValue,
                    "properties phải là đối tượng",
                    "properties must be an object",
                )
                .at("properties"));
            }
        };
        let mut values = Vec::with_capacity(properties.len());
        for (name, value) in properties {
            let column = self.column(name).ok_or_else(|| {
                Problem::new(
                    Code::LimitExceeded,
                    format!("nhiều hơn {COLUMNS_MAX} thuộc tính khác nhau"),
                    format!("more than {COLUMNS_MAX} different properties"),
                )
            })?;
            values.push((column, value));
        }
        Ok(RowContent { id: feature.remove("id").filter(|id| !id.is_null()), geometry, values })
    }
}

impl Source for GeoJsonSource<'_> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn epsg(&self) -> Option<u32> {
        self.epsg
    }

    fn has_positions_in_columns(&self) -> bool {
        false
    }

    fn next_row(&mut self) -> Result<Option<SourceRow>, Problem> {
        loop {
            match (self.place, self.scan.token()?) {
                (Place::Outside, None) => return Ok(None),
                (Place::Outside, Some(b'{')) => {
                    let line = self.scan.line;
                    // A collection is entered, so that its features come one by one; a feature is taken whole.
                    if self.scan.starts_a_collection()? {
                        self.scan.skip(1);
                        self.enter_members()?;
                    } else {
                        let text = self.scan.value()?;
                        return Ok(Some(SourceRow { line, content: self.content(&text) }));
                    }
                }
                (Place::Features, Some(b']')) => {
                    self.scan.skip(1);
                    self.place = Place::Members;
                }
                (Place::Features, Some(b',')) => self.scan.skip(1),
                (Place::Features, Some(_)) => {
                    let line = self.scan.line;
                    let text = self.scan.value()?;
                    return Ok(Some(SourceRow { line, content: self.content(&text) }));
                }
                (Place::Members, Some(_)) => self.enter_members()?,
                (Place::Features | Place::Members, None) => return Err(self.scan.broken("the file ends too early")),
                (Place::Outside, Some(_)) => return Err(self.scan.broken("expected a JSON object")),
            }
        }
    }
}

fn not_a_feature() -> Problem {
    Problem::new(Code::InvalidValue, "không phải Feature của GeoJSON", "it is not a GeoJSON Feature").at("type")
}

/// The code in `urn:ogc:def:crs:EPSG::9205` or `EPSG:9205`; `None` for WGS 84 and anything that names no code.
fn named_epsg(crs: &[u8]) -> Option<u32> {
    let crs: Value = serde_json::from_slice(crs).ok()?;
    let name = crs.pointer("/properties/name")?.as_str()?;
    if !name.to_ascii_uppercase().contains("EPSG") {
        return None;
    }
    name.rsplit(':').next()?.parse().ok().filter(|code| *code != 4326)
}

/// Finds the ends of JSON values without parsing them, and counts lines.
struct Scanner<R> {
    input: R,
    line: u64,
}

impl<R: BufRead> Scanner<R> {
    /// The next byte that is not white space, a byte order mark or a record separator; not taken.
    fn token(&mut self) -> Result<Option<u8>, Problem> {
        loop {
            let buffer = self.input.fill_buf().map_err(|error| unreadable(self.line, &error))?;
            let Some(first) = buffer.first().copied() else { return Ok(None) };
            if !(first.is_ascii_whitespace() || matches!(first, 0xEF | 0xBB | 0xBF | 0x1E)) {
                return Ok(Some(first));
            }
            self.line += u64::from(first == b'\n');
            self.skip(1);
        }
    }

    /// Takes bytes that were looked at.
    fn skip(&mut self, bytes: usize) {
        self.input.consume(bytes);
    }

    /// Whether the object that begins here is a collection: its text up to the first brace or bracket after the
    /// opening one, or its beginning, speaks of `FeatureCollection` or `features`.
    fn starts_a_collection(&mut self) -> Result<bool, Problem> {
        let buffer = self.input.fill_buf().map_err(|error| unreadable(self.line, &error))?;
        let mut depth = 0_usize;
        let mut at = 0;
        // Members of the outermost object alone are looked at; a property called `features` says nothing.
        while at < buffer.len() {
            match buffer[at] {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'"' => {
                    let end = end_of_string(buffer, at);
                    let text = &buffer[at + 1..end.saturating_sub(1).max(at + 1)];
                    if depth == 1 && (text == b"FeatureCollection" || text == b"features") {
                        return Ok(true);
                    }
                    if depth == 1 && text == b"Feature" {
                        return Ok(false);
                    }
                    at = end;
                    continue;
                }
                _ => {}
            }
            if depth == 0 {
                return Ok(false);
            }
            at += 1;
        }
        Ok(false)
    }

    /// Takes one JSON value and returns its text.
    fn value(&mut self) -> Result<Vec<u8>, Problem> {
        self.token()?;
        let start = self.line;
        let mut text = Vec::new();
        let mut depth = 0_usize;
        let mut quoted = false;
        let mut escaped = false;
        loop {
            let buffer = self.input.fill_buf().map_err(|error| unreadable(self.line, &error))?;
            if buffer.is_empty() {
                self.line = start;
                return Err(self.broken("the file ends inside a value"));
            }
            let mut taken = 0;
            let mut done = false;
            for byte in buffer {
                let begun = taken > 0 || !text.is_empty();
                let plain = depth == 0 && !quoted;
                if begun && plain && matches!(byte, b',' | b'}' | b']' | b':' | b'\n' | b' ') {
                    done = true;
                    break;
                }
                taken += 1;
                self.line += u64::from(*byte == b'\n');
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if quoted => escaped = true,
                    b'"' => {
                        quoted = !quoted;
                        done = !quoted && depth == 0;
                    }
                    _ if quoted => {}
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth = depth.saturating_sub(1);
                        done = depth == 0;
                    }
                    _ => {}
                }
                if done {
                    break;
                }
            }
            text.extend_from_slice(&buffer[..taken]);
            self.skip(taken);
            if done {
                return Ok(text);
            }
            if text.len() > ROW_BYTES_MAX {
                return Err(row_too_long().at(&format!("line {start}")));
            }
        }
    }

    fn broken(&self, why: &str) -> Problem {
        Problem::new(Code::InvalidJson, format!("JSON hỏng: {why}"), format!("broken JSON: {why}"))
            .at(&format!("line {}", self.line))
    }
}

/// Index just after the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn unreadable(line: u64, error: &std::io::Error) -> Problem {
    Problem::new(Code::NotFound, format!("không đọc được tệp: {error}"), format!("the file cannot be read: {error}"))
        .at(&format!("line {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line of a row, and how many values it has.
    type Found = (u64, Result<usize, Code>);

    fn rows(text: &str) -> Result<Vec<Found>, Problem> {
        let mut source = GeoJsonSource::new(text.as_bytes());
        let mut rows = Vec::new();
        while let Some(row) = source.next_row()? {
            rows.push((row.line, row.content.map(|c| c.values.len()).map_err(|p| p.code)));
        }
        Ok(rows)
    }

    const FEATURE: &str = r#"{"type":"Feature","geometry":null,"properties":{"a":"},{\"","b":1}}"#;

    #[test]
    fn all_three_shapes_give_their_features_with_their_lines() {
        let collection =
            format!("{{\n\"type\": \"FeatureCollection\",\n\"features\": [\n{FEATURE},\n\n{FEATURE}]\n}}\n");
        assert_eq!(rows(&collection).unwrap(), [(4, Ok(2)), (6, Ok(2))]);
        let reversed = format!("{{\"features\":[{FEATURE}],\"name\":\"x\",\"type\":\"FeatureCollection\"}}");
        assert_eq!(rows(&reversed).unwrap(), [(1, Ok(2))]);
        assert_eq!(rows(FEATURE).unwrap(), [(1, Ok(2))]);
        assert_eq!(rows(&format!("{FEATURE}\n\u{1e}{FEATURE}\n")).unwrap(), [(1, Ok(2)), (2, Ok(2))]);
        assert_eq!(rows(r#"{"type":"FeatureCollection","features":[]}"#).unwrap(), []);
    }

    #[test]
    fn a_broken_feature_is_refused_and_the_next_one_read() {
        let text =
            format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{{\"type\":\"Feature\",}},\n7,\n{FEATURE}]}}");
        assert_eq!(rows(&text).unwrap(), [(2, Err(Code::InvalidJson)), (3, Err(Code::InvalidValue)), (4, Ok(2))]);
    }

    #[test]
    fn a_file_cut_short_is_refused_as_a_whole() {
        let text = format!("{{\"type\":\"FeatureCollection\",\"features\":[{FEATURE},{{\"type\":\"Fea");
        assert!(rows(&text).is_err());
        assert!(rows("[1,2]").is_err());
        assert!(rows("hello").is_err());
    }

    #[test]
    fn a_named_reference_system_is_seen() {
        let crs = br#"{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::9205"}}"#;
        assert_eq!(named_epsg(crs), Some(9205));
        assert_eq!(named_epsg(br#"{"properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}}"#), None);
    }
}
