//! An exercise (diễn tập): a rehearsal in a room of its own, with what is to happen in it (its injects) and what was
//! judged of it. Its record lies in its own journal, beside everything that was done in it; none of it is in the real one.
//! The record holds what was given; the script with what is still to come is only for whoever leads, and lies beside it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::access::FORCES;
use super::ground::{EXTRA, NAME_CHARS, NOTE, TEXT_CHARS};
use super::schema::FieldKind::{Choice, Choices, Json, Text, Time};
use super::schema::{Field, server, verb};
use super::{Code, Problem, Timestamp, incident};

/// An exercise runs, then it is over: what was done in it is read and judged, and nothing more is done.
pub const STATES: &[&str] = &["running", "ended"];

/// What was found of an objective, or of what was expected after an inject.
pub const RESULTS: &[&str] = &["met", "partly", "not_met"];

/// Most injects of one exercise, and most objectives.
pub const INJECTS_MAX: usize = 200;
pub const OBJECTIVES_MAX: usize = 20;
/// Latest inject: exercises of several days are several exercises.
pub const AFTER_S_MAX: i64 = 3 * 24 * 3_600;
/// Longest title, text or remark of one of them, characters.
pub const LINE_CHARS_MAX: usize = 500;
/// Least and most millimetres of one reading are those of a gauge; its interval, minutes.
const RAIN_MM_MAX: f64 = 500.0;
const RAIN_MINUTES: std::ops::RangeInclusive<u16> = 1..=60;

pub(super) const FIELDS: &[Field] = &[
    server("code", Text(20), "Code of the exercise, such as DT-2026-01; also where its room is found."),
    server("title", Text(NAME_CHARS), "What is rehearsed."),
    server("place_text", Text(NAME_CHARS), "Where, in words."),
    server("forces", Choices(FORCES), "Forces that take part."),
    verb("state", Choice(STATES), "Whether it runs."),
    server("started_at", Time, "When it began."),
    server("started_by", Text(NAME_CHARS), "Who began it."),
    verb("ended_by", Text(NAME_CHARS), "Who ended it."),
    verb("objectives", Json(40_000), "What it is to show, as [{text, result, remark, judged_by, judged_at}]."),
    verb("injects", Json(400_000), "What was given, and what was judged of the answer, in the order of the script."),
    verb("lessons", Text(TEXT_CHARS), "What is to be done better."),
    verb("finished_at", Time, "When it was ended."),
    NOTE,
    EXTRA,
];

/// What was judged of an objective or of an inject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// `met`, `partly` or `not_met`.
    pub result: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    #[serde(default)]
    pub by: String,
    /// RFC 3339.
    #[serde(default)]
    pub at: String,
}

/// What the exercise is to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    pub text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
}

/// Something that comes to the duty room at its time. One that carries nothing is read out by whoever leads the exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    /// Seconds after the beginning.
    pub after_s: i64,
    /// What happens, in words.
    pub title: String,
    /// What the room is expected to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// A call that comes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Call>,
    /// A reading of a gauge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rain: Option<Reading>,
}

/// An inject that was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InjectGiven)]
pub struct Given {
    /// Its place in the script, from 0.
    pub n: usize,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// RFC 3339.
    pub given_at: String,
    /// Who gave it; absent where its time had come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_by: Option<String>,
    /// The incident that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<Uuid>,
    /// Why the room did not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
}

/// A report of an incident that somebody calls in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InjectCall)]
pub struct Call {
    /// Kind of the incident.
    pub kind: String,
    /// Degrees, WGS 84.
    pub lon: f64,
    pub lat: f64,
    /// 1 to 4; what kind and words say if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<u8>,
    /// What the caller says; the inject's title if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Rain of the interval that ends when the inject is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InjectRain)]
pub struct Reading {
    /// Code of the gauge.
    pub gauge: String,
    pub mm: f64,
    pub minutes: u16,
}

impl Inject {
    /// When it is due.
    #[must_use]
    pub fn due(&self, started_at: Timestamp) -> Timestamp {
        started_at.plus_s(self.after_s)
    }
}

/// Reads a script: its injects in the order of their times.
///
/// # Errors
/// `invalid_value` or `limit_exceeded` at the place in the list.
pub fn script(value: &Value) -> Result<Vec<Inject>, Problem> {
    let list = items(value, "injects", INJECTS_MAX)?;
    let mut injects = Vec::with_capacity(list.len());
    for (n, value) in list.iter().enumerate() {
        let at = |field: &str| format!("/injects/{n}{field}");
        let inject: Inject = serde_json::from_value(value.clone())
            .map_err(|error| wrong(&at(""), "không đọc được tình huống", &format!("cannot be read: {error}")))?;
        if !(0..=AFTER_S_MAX).contains(&inject.after_s) {
            return Err(wrong(
                &at("/after_s"),
                &format!("cần từ 0 đến {AFTER_S_MAX} giây"),
                &format!("expected 0 to {AFTER_S_MAX} seconds"),
            ));
        }
        line(&inject.title, &at("/title"))?;
        inject.expected.as_deref().map_or(Ok(()), |text| line(text, &at("/expected")))?;
        if let Some(call) = &inject.report {
            check_call(call, &at("/report"))?;
        }
        if let Some(reading) = &inject.rain {
            check_reading(reading, &at("/rain"))?;
        }
        injects.push(inject);
    }
    injects.sort_by_key(|inject| inject.after_s);
    Ok(injects)
}

/// Reads objectives: their texts, not judged yet.
///
/// # Errors
/// As [`script`].
pub fn objectives(value: &Value) -> Result<Vec<Objective>, Problem> {
    let list = items(value, "objectives", OBJECTIVES_MAX)?;
    let read = |(n, value): (usize, &Value)| {
        let at = format!("/objectives/{n}");
        let text = value.as_str().ok_or_else(|| wrong(&at, "cần một dòng chữ", "expected a text"))?;
        line(text, &at)?;
        Ok(Objective { text: text.trim().to_owned(), judged: None })
    };
    list.iter().enumerate().map(read).collect()
}

fn check_call(call: &Call, at: &str) -> Result<(), Problem> {
    if !incident::KINDS.contains(&call.kind.as_str()) {
        return Err(wrong(&format!("{at}/kind"), "không có loại vụ việc này", "there is no such kind of incident")
            .with("allowed", incident::KINDS));
    }
    let is_on_earth = (-180.0..=180.0).contains(&call.lon) && (-90.0..=90.0).contains(&call.lat);
    if !is_on_earth {
        return Err(wrong(&format!("{at}/lon"), "không phải toạ độ", "these are no coordinates"));
    }
    if call.severity.is_some_and(|severity| !(1..=4).contains(&severity)) {
        return Err(wrong(&format!("{at}/severity"), "cần từ 1 đến 4", "expected 1 to 4"));
    }
    call.text.as_deref().map_or(Ok(()), |text| line(text, &format!("{at}/text")))
}

fn check_reading(reading: &Reading, at: &str) -> Result<(), Problem> {
    line(&reading.gauge, &format!("{at}/gauge"))?;
    if !(0.0..=RAIN_MM_MAX).contains(&reading.mm) {
        let allowed = format!("0–{RAIN_MM_MAX} mm");
        return Err(wrong(&format!("{at}/mm"), &format!("cần {allowed}"), &format!("expected {allowed}")));
    }
    if !RAIN_MINUTES.contains(&reading.minutes) {
        return Err(wrong(&format!("{at}/minutes"), "cần từ 1 đến 60 phút", "expected 1 to 60 minutes"));
    }
    Ok(())
}

fn items<'a>(value: &'a Value, name: &str, max: usize) -> Result<&'a [Value], Problem> {
    let at = format!("/{name}");
    let list = value.as_array().ok_or_else(|| wrong(&at, "cần một danh sách", "expected a list"))?;
    if list.len() > max {
        return Err(Problem::new(
            Code::LimitExceeded,
            format!("nhiều hơn {max} mục"),
            format!("more than {max} entries"),
        )
        .at(&at));
    }
    Ok(list)
}

/// One line of a person: not empty and not too long.
fn line(text: &str, at: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(wrong(at, "không được để trống", "must not be empty"));
    }
    if text.chars().count() > LINE_CHARS_MAX {
        return Err(wrong(
            at,
            &format!("dài quá {LINE_CHARS_MAX} ký tự"),
            &format!("longer than {LINE_CHARS_MAX} characters"),
        ));
    }
    Ok(())
}

fn wrong(at: &str, vi: &str, en: &str) -> Problem {
    Problem::new(Code::InvalidValue, vi, en).at(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_script_is_read_in_the_order_of_its_times() {
        let read = script(&json!([
            {"after_s": 600, "title": "Mưa 60 mm trong một giờ", "rain": {"gauge": "MH-03601", "mm": 60.0, "minutes": 60}},
            {"after_s": 0, "title": "Dân báo sạt lở", "expected": "Xác minh trong 10 phút",
             "report": {"kind": "landslide", "lon": 103.1, "lat": 22.3, "severity": 3}},
        ]))
        .unwrap();
        assert_eq!(read.iter().map(|inject| inject.after_s).collect::<Vec<_>>(), [0, 600]);
        let again: Vec<Inject> = serde_json::from_value(json!(read)).unwrap();
        assert_eq!(again, read);
    }

    #[test]
    fn what_is_no_script_is_refused_where_it_is_wrong() {
        let call = |field: &str, value: Value| {
            let mut call = json!({"kind": "landslide", "lon": 103.1, "lat": 22.3});
            call[field] = value;
            json!([{"after_s": 0, "title": "a", "report": call}])
        };
        let rain = |mm: f64, minutes: i64| json!([{"after_s": 0, "title": "a", "rain": {"gauge": "x", "mm": mm, "minutes": minutes}}]);
        for (value, at) in [
            (json!("x"), "/injects"),
            (json!([{"title": "a"}]), "/injects/0"),
            (json!([{"after_s": -1, "title": "a"}]), "/injects/0/after_s"),
            (json!([{"after_s": AFTER_S_MAX + 1, "title": "a"}]), "/injects/0/after_s"),
            (json!([{"after_s": 0, "title": " "}]), "/injects/0/title"),
            (json!([{"after_s": 0, "title": "a".repeat(LINE_CHARS_MAX + 1)}]), "/injects/0/title"),
            (json!([{"after_s": 0, "title": "a", "given_at": "2026-01-01T00:00:00Z"}]), "/injects/0"),
            (json!([{"after_s": 0, "title": "a", "more": 1}]), "/injects/0"),
            (call("kind", json!("ufo")), "/injects/0/report/kind"),
            (call("lon", json!(1000.0)), "/injects/0/report/lon"),
            (call("severity", json!(9)), "/injects/0/report/severity"),
            (rain(-1.0, 60), "/injects/0/rain/mm"),
            (rain(1.0, 61), "/injects/0/rain/minutes"),
        ] {
            let problem = script(&value).unwrap_err();
            assert_eq!((problem.code, problem.at.as_deref()), (Code::InvalidValue, Some(at)), "{value}");
        }
        let many = vec![json!({"after_s": 0, "title": "a"}); INJECTS_MAX + 1];
        assert_eq!(script(&Value::from(many)).unwrap_err().code, Code::LimitExceeded);
    }

    #[test]
    fn objectives_are_lines() {
        assert_eq!(objectives(&json!([" Sơ tán trong 2 giờ "])).unwrap()[0].text, "Sơ tán trong 2 giờ");
        assert_eq!(objectives(&json!([1])).unwrap_err().at.as_deref(), Some("/objectives/0"));
        let many = vec![json!("a"); OBJECTIVES_MAX + 1];
        assert_eq!(objectives(&Value::from(many)).unwrap_err().code, Code::LimitExceeded);
    }
}
