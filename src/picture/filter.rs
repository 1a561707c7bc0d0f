//! Which records a question wants: property filters, words, times; made ready once, asked of many records.

use super::{ItemsQuery, PropertyFilter, Shown, words};
use crate::domain::schema::{self, FieldKind};
use crate::domain::{Collection, Timestamp};

/// The conditions on one collection.
pub(super) struct Wanted {
    filters: Vec<Filter>,
    words: Vec<String>,
    datetime: Option<(Option<Timestamp>, Option<Timestamp>)>,
}

struct Filter {
    name: String,
    any_of: Vec<Value>,
    /// What the record's text must hold if it matches: a plain search for it is many times faster than the walk
    /// through the members, and says no to most.
    needle: String,
}

/// A value made ready to be held against raw JSON.
enum Value {
    /// The raw text is this.
    Raw(String),
    Number(f64),
    Time(Timestamp),
    /// A list that holds this text.
    Member(String),
    /// The field does not exist or cannot have this value.
    Never,
}

impl Wanted {
    /// The filters and words of a question, for one collection.
    pub fn new(collection: Collection, filters: &[PropertyFilter], q: Option<&str>) -> Self {
        let filters = filters.iter().map(|filter| Filter::new(collection, filter)).collect();
        let folded = q.map(words::fold).unwrap_or_default();
        Self { filters, words: folded.split_whitespace().map(|word| format!(" {word}")).collect(), datetime: None }
    }

    /// All conditions of a list but its box.
    pub fn items(query: &ItemsQuery) -> Self {
        Self { datetime: query.datetime, ..Self::new(query.collection, &query.filters, query.q.as_deref()) }
    }

    /// Whether everything is wanted.
    pub fn is_anything(&self) -> bool {
        self.filters.is_empty() && self.words.is_empty() && self.datetime.is_none()
    }

    /// Whether the record meets all conditions, as far as the actor sees it.
    pub fn accepts(&self, shown: &Shown<'_>) -> bool {
        self.filters.iter().all(|filter| filter.accepts(shown))
            && self.datetime.is_none_or(|asked| touches(asked, time_of(shown)))
            && (self.words.is_empty() || self.has_words(shown))
    }

    /// Whether every word begins some word of the record's texts.
    fn has_words(&self, shown: &Shown<'_>) -> bool {
        let mut text = String::with_capacity(256);
        for (_, raw) in shown.fields() {
            match raw.as_bytes().first() {
                Some(b'"') => {
                    text.push(' ');
                    match super::feature::text_of(raw) {
                        Some(value) => words::fold_into(&value, &mut text),
                        None => words::fold_into(raw, &mut text),
                    }
                }
                Some(b'[') => {
                    text.push(' ');
                    words::fold_into(raw, &mut text);
                }
                _ => {}
            }
        }
        self.words.iter().all(|word| text.contains(word))
    }
}

impl Filter {
    fn new(collection: Collection, filter: &PropertyFilter) -> Self {
        let any_of: Vec<Value> = filter.any_of.iter().map(|text| Value::new(collection, &filter.name, text)).collect();
        let needle = match any_of.as_slice() {
            [Value::Raw(raw)] => format!("\"{}\":{raw}", filter.name),
            _ => format!("\"{}\":", filter.name),
        };
        Self { name: filter.name.clone(), any_of, needle }
    }

    fn accepts(&self, shown: &Shown<'_>) -> bool {
        if !shown.texts().any(|text| text.contains(&self.needle)) {
            return false;
        }
        shown.raw(&self.name).is_some_and(|raw| self.any_of.iter().any(|value| value.is(raw)))
    }
}

impl Value {
    fn new(collection: Collection, name: &str, text: &str) -> Self {
        let Some(field) = schema::find(collection, name) else { return Self::Never };
        let quoted = || serde_json::Value::from(text).to_string();
        match field.kind {
            FieldKind::Integer(..) | FieldKind::Real(..) => text.trim().parse().map_or(Self::Never, Self::Number),
            FieldKind::Boolean => match text {
                "true" | "false" => Self::Raw(text.to_owned()),
                _ => Self::Never,
            },
            FieldKind::Time => Timestamp::parse(text).map_or(Self::Never, Self::Time),
            FieldKind::Choices(_) | FieldKind::Texts(_) | FieldKind::References => Self::Member(text.to_owned()),
            FieldKind::Reference => Self::Raw(format!("\"{}\"", text.to_ascii_lowercase())),
            FieldKind::Text(_) | FieldKind::Date | FieldKind::Choice(_) => Self::Raw(quoted()),
            FieldKind::Json(_) => Self::Raw(text.to_owned()),
        }
    }

    fn is(&self, raw: &str) -> bool {
        match self {
            Self::Raw(text) => raw == text,
            Self::Number(number) => raw.parse() == Ok(*number),
            Self::Time(at) => time(raw) == Some(*at),
            Self::Member(text) => {
                serde_json::from_str::<Vec<String>>(raw).is_ok_and(|list| list.iter().any(|item| item == text))
            }
            Self::Never => false,
        }
    }
}

fn time(raw: &str) -> Option<Timestamp> {
    Timestamp::parse(raw.trim_matches('"')).ok()
}

/// Milliseconds of a day less one.
const TO_THE_END_OF_DAY_MS: i64 = 86_400_000 - 1;

/// When a record is true: incidents from their occurrence (else the report) to their close; zones and closures while valid,
/// until ended; administrative units from the first to the last day of validity in the province's time; log entries when
/// they occurred; all others when they were recorded. An open side is `None`.
fn time_of(shown: &Shown<'_>) -> (Option<Timestamp>, Option<Timestamp>) {
    let at = |name: &str| shown.raw(name).and_then(time);
    let recorded = Some(shown.recorded_at());
    match shown.collection() {
        Collection::Incidents => (at("occurred_at").or_else(|| at("reported_at")).or(recorded), at("closed_at")),
        Collection::RiskZones | Collection::RoadClosures => {
            let ends = [at("valid_to"), at("ended_at")];
            (at("valid_from").or(recorded), ends.into_iter().flatten().min())
        }
        Collection::AdminUnits => {
            let day = |name: &str| {
                let date = shown.text(name)?;
                Timestamp::parse(&format!("{date}T00:00:00+07:00")).ok()
            };
            let last = day("valid_to").map(|start| Timestamp::from_ms(start.as_ms() + TO_THE_END_OF_DAY_MS));
            (day("valid_from"), last)
        }
        Collection::DutyLog => {
            let occurred = at("occurred_at").or(recorded);
            (occurred, occurred)
        }
        _ => (recorded, recorded),
    }
}

/// Whether two spans of time share an instant; ends count.
fn touches(a: (Option<Timestamp>, Option<Timestamp>), b: (Option<Timestamp>, Option<Timestamp>)) -> bool {
    let before = |end: Option<Timestamp>, start: Option<Timestamp>| matches!((end, start), (Some(e), Some(s)) if e < s);
    !before(a.1, b.0) && !before(b.1, a.0)
}
