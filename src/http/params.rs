//! Query strings: parsed once, every name asked for by the handler, whatever is left over refused.
//!
//! Nothing is copied unless it is percent-encoded, since `nearby` passes here on its way.

use std::borrow::Cow;

use uuid::Uuid;

use super::app::now;
use crate::domain::moment::Moment;
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::geometry::validate::check_position;
use crate::picture::PropertyFilter;

/// Longest query string that is read, bytes.
const QUERY_BYTES_MAX: usize = 8_192;
/// Most words one property filter takes.
const FILTER_WORDS_MAX: usize = 100;
/// The one coordinate reference system: WGS 84, lon/lat.
pub const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";

/// Start and end of a time, either open.
pub type Interval = (Option<Timestamp>, Option<Timestamp>);

/// The parameters of one request.
#[derive(Debug)]
pub struct Params<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// `invalid_parameter`, with what is wrong.
pub fn invalid(name: &str, vi: impl std::fmt::Display, en: impl std::fmt::Display) -> Problem {
    Problem::new(Code::InvalidParameter, format!("Tham số {name}: {vi}."), format!("Parameter {name}: {en}.")).at(name)
}

impl<'a> Params<'a> {
    /// Reads a raw query string.
    ///
    /// # Errors
    /// `invalid_encoding` if a text is not UTF-8 when decoded, `limit_exceeded` if the string is too long.
    pub fn parse(query: Option<&'a str>) -> Result<Self, Problem> {
        let query = query.unwrap_or_default();
        if query.len() > QUERY_BYTES_MAX {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("Chuỗi tham số dài quá {QUERY_BYTES_MAX} byte."),
                format!("The query string is longer than {QUERY_BYTES_MAX} bytes."),
            ));
        }
        let mut pairs = Vec::with_capacity(8);
        let mut rest = query;
        while !rest.is_empty() {
            let (pair, after) = cut(rest, b'&');
            rest = after;
            if !pair.is_empty() {
                let (name, value) = cut(pair, b'=');
                pairs.push((decode(name)?, decode(value)?));
            }
        }
        Ok(Self { pairs })
    }

    /// Takes the parameter out; `None` if it is absent or empty.
    ///
    /// # Errors
    /// `invalid_parameter` if it is there twice.
    pub fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
        Ok(self.value(name)?.filter(|value| !value.is_empty()))
    }

    /// Takes the parameter out, which may be empty.
    fn value(&mut self, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
        let Some(at) = self.pairs.iter().position(|(n, _)| n == name) else { return Ok(None) };
        let (_, value) = self.pairs.swap_remove(at);
        if self.pairs.iter().any(|(n, _)| n == name) {
            return Err(invalid(name, "được gửi hai lần", "is there twice"));
        }
        Ok(Some(value))
    }

    /// Takes every value of a parameter that may stand there many times.
    #[must_use]
    pub fn texts(&mut self, name: &str) -> Vec<Cow<'a, str>> {
        let (taken, left) = std::mem::take(&mut self.pairs).into_iter().partition(|(n, _)| n == name);
        self.pairs = left;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// `invalid_parameter`, `limit_exceeded` above [`super::SEARCH_CHARS_MAX`] characters.
    pub fn needed_text(&mut self, name: &str) -> Result<Cow<'a, str>, Problem> {
        let text = self.text(name)?.ok_or_else(|| invalid(name, "bắt buộc phải có", "is required"))?;
        check_length(name, &text)?;
        Ok(text)
    }

    /// A finite number within the range, both ends included.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub fn number(&mut self, name: &str, min: f64, max: f64) -> Result<Option<f64>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = parse_number(name, &text)?;
        if number < min || number > max {
            return Err(invalid(
                name,
                format_args!("{number} ngoài khoảng {min}–{max}"),
                format_args!("{number} is outside {min}..{max}"),
            ));
        }
        Ok(Some(number))
    }

    /// A whole number from `min` on.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub fn integer(&mut self, name: &str, min: usize) -> Result<Option<usize>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse().ok().filter(|n| *n >= min).map(Some).ok_or_else(|| {
            invalid(name, format_args!("cần số nguyên từ {min}"), format_args!("expected a whole number from {min} on"))
        })
    }

    /// A whole number from 1 to `max`.
    ///
    /// # Errors
    /// `invalid_parameter`, or `limit_exceeded` above `max`.
    pub fn count(&mut self, name: &str, max: usize) -> Result<Option<usize>, Problem> {
        let count = self.integer(name, 1)?;
        if count.is_some_and(|n| n > max) {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("Tham số {name} lớn nhất là {max}."),
                format!("Parameter {name} is at most {max}."),
            )
            .at(name)
            .with("limit", max));
        }
        Ok(count)
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(invalid(name, "cần true hoặc false", "expected true or false")),
        }
    }

    /// A record id. An empty one is refused: whoever asks for one record must not be answered with all of them.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub fn uuid(&mut self, name: &str) -> Result<Option<Uuid>, Problem> {
        let Some(text) = self.value(name)? else { return Ok(None) };
        Uuid::try_parse(&text).map(Some).map_err(|_| invalid(name, "cần UUID", "expected a UUID"))
    }

    /// `a,b` of collections; `None` if the parameter is absent.
    ///
    /// # Errors
    /// `unknown_collection`.
    pub fn collections(&mut self) -> Result<Option<Vec<Collection>>, Problem> {
        let Some(text) = self.text("collections")? else { return Ok(None) };
        let mut list = Vec::with_capacity(4);
        for name in text.split(',') {
            let collection = Collection::parse(name).ok_or_else(|| unknown_collection(name).at("collections"))?;
            if !list.contains(&collection) {
                list.push(collection);
            }
        }
        Ok(Some(list))
    }

    /// `lon` and `lat`, both needed, in degrees.
    ///
    /// # Errors
    /// `invalid_parameter`, `coordinate_out_of_range`, `coordinates_swapped`.
    pub fn lon_lat(&mut self) -> Result<(f64, f64), Problem> {
        let mut needed = |name| -> Result<f64, Problem> {
            let text = self.text(name)?.ok_or_else(|| invalid(name, "bắt buộc phải có", "is required"))?;
            parse_number(name, &text)
        };
        let (lon, lat) = (needed("lon")?, needed("lat")?);
        check_position(lon, lat, "lat")?;
        Ok((lon, lat))
    }

    /// `name=lon,lat`, needed, in degrees.
    ///
    /// # Errors
    /// `invalid_parameter`, `coordinate_out_of_range`, `coordinates_swapped`.
    pub fn position(&mut self, name: &str) -> Result<(f64, f64), Problem> {
        let text = self.text(name)?.ok_or_else(|| invalid(name, "bắt buộc phải có", "is required"))?;
        let Some((lon, lat)) = text.split_once(',') else {
            return Err(invalid(name, "cần lon,lat", "expected lon,lat"));
        };
        let (lon, lat) = (parse_number(name, lon.trim())?, parse_number(name, lat.trim())?);
        check_position(lon, lat, name)?;
        Ok((lon, lat))
    }

    /// `bbox=min_lon,min_lat,max_lon,max_lat` (or with heights, which are left out). The west edge may be greater
    /// than the east edge: the box then crosses the date line.
    ///
    /// # Errors
    /// `invalid_parameter`, `coordinate_out_of_range`, `coordinates_swapped`.
    pub fn bbox(&mut self) -> Result<Option<[f64; 4]>, Problem> {
        let Some(text) = self.text("bbox")? else { return Ok(None) };
        let numbers = text.split(',').map(|part| parse_number("bbox", part.trim())).collect::<Result<Vec<_>, _>>()?;
        let bbox = match numbers[..] {
            [west, south, east, north] | [west, south, _, east, north, _] => [west, south, east, north],
            _ => return Err(invalid("bbox", "cần 4 hoặc 6 số", "expected 4 or 6 numbers")),
        };
        check_position(bbox[0], bbox[1], "bbox")?;
        check_position(bbox[2], bbox[3], "bbox")?;
        if bbox[1] > bbox[3] {
            return Err(invalid("bbox", "vĩ độ nam lớn hơn vĩ độ bắc", "south is greater than north"));
        }
        Ok(Some(bbox))
    }

    /// `datetime=T`, `A/B`, `A/..` or `../B`; a date stands for its whole day in UTC.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub fn datetime(&mut self) -> Result<Option<Interval>, Problem> {
        let Some(text) = self.text("datetime")? else { return Ok(None) };
        let fault = || {
            invalid(
                "datetime",
                "cần thời điểm RFC 3339 hoặc khoảng A/B, A/.., ../B",
                "expected an RFC 3339 time or an interval A/B, A/.., ../B",
            )
        };
        let end = |part: &str, last: bool| match part {
            "" | ".." => Ok(None),
            part => instant(part, last).map(Some).ok_or_else(fault),
        };
        let interval = match text.split_once('/') {
            None => (end(&text, false)?, end(&text, true)?),
            Some((from, to)) => (end(from, false)?, end(to, true)?),
        };
        match interval {
            (None, None) if !text.contains('/') => Err(fault()),
            (Some(from), Some(to)) if from > to => Err(fault()),
            interval => Ok(Some(interval)),
        }
    }

    /// One moment.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let fault = || invalid(name, "cần thời điểm RFC 3339", "expected an RFC 3339 time");
        instant(&text, false).map(Some).ok_or_else(fault)
    }

    /// The moment that is asked for by `at` and `as_known_at`; `None` for the present.
    ///
    /// # Errors
    /// `invalid_parameter`; `future_time` as [`Moment::asked`].
    pub fn moment(&mut self) -> Result<Option<Moment>, Problem> {
        let (at, known_at) = (self.time("at")?, self.time("as_known_at")?);
        Moment::asked(at, known_at, now())
    }

    /// The name of one collection.
    ///
    /// # Errors
    /// `unknown_collection`.
    pub fn collection(&mut self, name: &str) -> Result<Option<Collection>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        Collection::parse(&text).map(Some).ok_or_else(|| unknown_collection(&text).at(name))
    }

    /// Takes and checks the parameters that name a coordinate system or a format: only ours are had.
    ///
    /// # Errors
    /// `invalid_parameter`, `not_acceptable`.
    pub fn crs_and_format(&mut self) -> Result<(), Problem> {
        for name in ["crs", "bbox-crs"] {
            if self.text(name)?.is_some_and(|crs| crs != CRS84) {
                return Err(invalid(name, format_args!("chỉ có {CRS84}"), format_args!("only {CRS84} is served")));
            }
        }
        match self.text("f")?.as_deref() {
            None | Some("json" | "geojson" | "application/json" | "application/geo+json") => Ok(()),
            Some(_) => {
                Err(Problem::new(Code::NotAcceptable, "Chỉ trả lời bằng JSON.", "Answers are JSON only.").at("f"))
            }
        }
    }

    /// All that is left as property filters (`state=reported,verified`), each a field of one of `collections`.
    ///
    /// # Errors
    /// `unknown_parameter`, `limit_exceeded`.
    pub fn filters(self, collections: &[Collection]) -> Result<Vec<PropertyFilter>, Problem> {
        let mut filters = Vec::new();
        for (name, value) in self.pairs {
            let is_field = collections.iter().any(|c| crate::domain::schema::find(*c, &name).is_some());
            if !is_field {
                return Err(unknown_parameter(&name));
            }
            let any_of: Vec<String> = value.split(',').map(str::to_owned).collect();
            if any_of.len() > FILTER_WORDS_MAX {
                return Err(Problem::new(
                    Code::LimitExceeded,
                    format!("Tham số {name} có nhiều hơn {FILTER_WORDS_MAX} giá trị."),
                    format!("Parameter {name} has more than {FILTER_WORDS_MAX} values."),
                )
                .at(&name));
            }
            filters.push(PropertyFilter { name: name.into_owned(), any_of });
        }
        Ok(filters)
    }

    /// Refuses what is left.
    ///
    /// # Errors
    /// `unknown_parameter`.
    pub fn finish(self) -> Result<(), Problem> {
        self.pairs.first().map_or(Ok(()), |(name, _)| Err(unknown_parameter(name)))
    }
}

/// The collection that a path names.
///
/// # Errors
/// `unknown_collection`.
pub fn collection_named(name: &str) -> Result<Collection, Problem> {
    Collection::parse(name).ok_or_else(|| unknown_collection(name))
}

/// The record id that a path names; a text that is no UUID names nothing.
///
/// # Errors
/// `not_found`.
pub fn id_named(text: &str) -> Result<Uuid, Problem> {
    Uuid::try_parse(text).map_err(|_| no_record(text))
}

/// There is no such record, or the reader may not know of it.
#[must_use]
pub fn no_record(id: impl std::fmt::Display) -> Problem {
    Problem::new(Code::NotFound, format!("Không có bản ghi {id}."), format!("There is no record {id}."))
}

/// Refuses a text longer than [`super::SEARCH_CHARS_MAX`] characters.
///
/// # Errors
/// `limit_exceeded`.
pub fn check_length(name: &str, text: &str) -> Result<(), Problem> {
    let max = super::SEARCH_CHARS_MAX;
    if text.chars().count() <= max {
        return Ok(());
    }
    Err(Problem::new(
        Code::LimitExceeded,
        format!("Tham số {name} dài quá {max} ký tự."),
        format!("Parameter {name} is longer than {max} characters."),
    )
    .at(name)
    .with("limit", max))
}

fn unknown_collection(name: &str) -> Problem {
    Problem::new(
        Code::UnknownCollection,
        format!("Không có lớp dữ liệu {name:?}."),
        format!("There is no collection {name:?}."),
    )
    .with("allowed", Collection::ALL.iter().map(|c| c.as_str()).collect::<Vec<_>>())
}

fn unknown_parameter(name: &str) -> Problem {
    Problem::new(
        Code::UnknownParameter,
        format!("Không có tham số {name:?} ở địa chỉ này."),
        format!("There is no parameter {name:?} here."),
    )
    .at(name)
}

fn parse_number(name: &str, text: &str) -> Result<f64, Problem> {
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| invalid(name, format_args!("{text:?} không phải số"), format_args!("{text:?} is not a number")))
}

/// An instant, or the first or last millisecond of a date in UTC.
fn instant(text: &str, last: bool) -> Option<Timestamp> {
    if text.len() == 10 {
        let start = Timestamp::parse(&format!("{text}T00:00:00Z")).ok()?;
        return Some(if last { Timestamp::from_ms(start.as_ms() + 86_400_000 - 1) } else { start });
    }
    Timestamp::parse(text).ok()
}

/// What stands before the first such ASCII byte and after it; all and nothing if it is not there. For a dozen letters
/// quicker than the searches of `str`.
fn cut(text: &str, separator: u8) -> (&str, &str) {
    let at = text.bytes().position(|byte| byte == separator).unwrap_or(text.len());
    (&text[..at], text.get(at + 1..).unwrap_or_default())
}

/// Percent-decoding with `+` as a space; borrowed where nothing is encoded.
fn decode(text: &str) -> Result<Cow<'_, str>, Problem> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Ok(Cow::Borrowed(text));
    }
    let fault = || {
        Problem::new(
            Code::InvalidEncoding,
            "Tham số không phải UTF-8 sau khi giải mã %.",
            "A parameter is not UTF-8 after percent-decoding.",
        )
    };
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = text.get(at + 1..at + 3).ok_or_else(fault)?;
                out.push(u8::from_str_radix(digits, 16).map_err(|_| fault())?);
                at += 2;
            }
            byte => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| fault())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params<'_> {
        Params::parse(Some(query)).unwrap()
    }

    #[test]
    fn a_text_is_decoded_and_a_broken_one_refused() {
        assert_eq!(params("q=S%C3%ACn+H%E1%BB%93").text("q").unwrap().unwrap(), "Sìn Hồ");
        assert_eq!(Params::parse(Some("q=%FF")).unwrap_err().code, Code::InvalidEncoding);
        assert_eq!(Params::parse(Some("q=%C")).unwrap_err().code, Code::InvalidEncoding);
    }

    #[test]
    fn numbers_must_be_finite_and_in_range() {
        assert_eq!(params("x=NaN").number("x", 0.0, 1.0).unwrap_err().code, Code::InvalidParameter);
        assert_eq!(params("x=1e999").number("x", 0.0, 1.0).unwrap_err().code, Code::InvalidParameter);
        assert_eq!(params("x=0.5").number("x", 0.0, 1.0).unwrap(), Some(0.5));
        assert!(params("x=1.5").number("x", 0.0, 1.0).is_err());
        assert!(params("x=0.5&x=0.6").number("x", 0.0, 1.0).is_err());
    }

    #[test]
    fn an_empty_id_is_no_id_while_an_empty_number_is_not_there() {
        assert_eq!(params("zone=").uuid("zone").unwrap_err().code, Code::InvalidParameter);
        assert_eq!(params("").uuid("zone").unwrap(), None);
        assert_eq!(params("x=").number("x", 0.0, 1.0).unwrap(), None);
    }

    #[test]
    fn swapped_coordinates_are_named_so() {
        assert_eq!(params("lon=22.3&lat=103.2").lon_lat().unwrap_err().code, Code::CoordinatesSwapped);
        assert_eq!(params("lon=300&lat=22").lon_lat().unwrap_err().code, Code::CoordinateOutOfRange);
        assert_eq!(params("lon=103.2&lat=22.3").lon_lat().unwrap(), (103.2, 22.3));
    }

    #[test]
    fn an_interval_may_be_open_and_a_date_is_its_whole_day() {
        let day = params("datetime=2026-11-23").datetime().unwrap().unwrap();
        assert_eq!(day.1.unwrap().as_ms() - day.0.unwrap().as_ms(), 86_399_999);
        let open = params("datetime=../2026-11-23T00:00:00Z").datetime().unwrap().unwrap();
        assert!(open.0.is_none() && open.1.is_some());
        assert!(params("datetime=11/23/2026").datetime().is_err());
        assert!(params("datetime=2026-11-24/2026-11-23").datetime().is_err());
    }

    #[test]
    fn a_leftover_is_a_filter_only_if_it_is_a_field() {
        let filters = params("state=reported,verified").filters(&[Collection::Incidents]).unwrap();
        assert_eq!(filters[0].any_of, ["reported", "verified"]);
        assert_eq!(params("colour=red").filters(&[Collection::Incidents]).unwrap_err().code, Code::UnknownParameter);
    }
}
