//! The report of a disaster as it would be sent at a moment, beside the one that was sent before; and who has to send one.
//!
//! The province adds up the damage that its communes sent last, and says which have sent nothing. What was sent is read as
//! it was frozen: nothing of it is counted again.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::disaster_counts::{CountedRow, Counts, FIGURES, Figure, Scope, Unit, commune_in_force};
use crate::domain::change::Seq;
use crate::domain::disaster::Reporter;
use crate::domain::disaster_damage::{self as damage, Damage, GROUPS, LOSS};
use crate::domain::number::rounded;
use crate::domain::report_deadline::{Kind, Level, SentReport, Span};
use crate::domain::{Collection, Timestamp};
use crate::picture::{Feature, Shown, View};

/// Rows of a figure that a draft names, at most; it says how many there are.
const ROWS_MAX: usize = 100;
/// Rows of a figure of which a sent report keeps in words what they are, at most: roads, gauges, warnings.
const TOLD_MAX: usize = 40;

/// An event as its reports need it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DisasterEventTold)]
pub struct EventTold {
    pub id: Uuid,
    #[schema(required)]
    pub code: Option<String>,
    pub name: String,
    pub hazard: String,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Null while it goes on.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
    /// Codes of the communes that it touches; all of the province if empty.
    pub communes: BTreeSet<String>,
    pub version: u32,
}

/// A report that was sent, as it was frozen.
#[derive(Clone, Debug)]
pub struct Sent {
    pub id: Uuid,
    pub reporter: Reporter,
    pub kind: Kind,
    pub number: i64,
    pub data_at: Timestamp,
    pub sent_at: Timestamp,
    pub corrects: Option<Uuid>,
    pub damage: Damage,
    figures: BTreeMap<String, Option<f64>>,
}

/// What is told of a report that was sent, without its figures.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DisasterReportTold)]
pub struct SentTold {
    pub id: Uuid,
    pub kind: Kind,
    pub number: i64,
    #[schema(value_type = String, format = DateTime)]
    pub data_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
}

/// A record that a figure counts and that the reader may see.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DisasterFigureRow)]
pub struct RowTold {
    pub collection: Collection,
    pub id: Uuid,
    /// Its code, title or name.
    #[schema(required)]
    pub label: Option<String>,
    /// What it adds.
    #[serde(serialize_with = "crate::domain::number::plain")]
    pub value: f64,
    /// Since when it is so, or when it happened.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
}

/// One figure of a draft.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DisasterFigure)]
pub struct FigureTold {
    pub id: &'static str,
    pub unit: Unit,
    pub title_vi: &'static str,
    pub title_en: &'static str,
    /// Null where nothing was measured.
    #[schema(required)]
    pub value: Option<f64>,
    /// In the report before; null where there is none, or it did not know.
    #[schema(required)]
    pub previous: Option<f64>,
    /// `value` less `previous`; null where one of them is.
    #[schema(required)]
    pub difference: Option<f64>,
    /// The first of the rows that it counts, of those that the reader may see. Households are counted, never named.
    pub rows: Vec<RowTold>,
    /// How many it counts.
    pub rows_in_all: usize,
    /// How many of the first ones the reader may not see.
    pub rows_hidden: usize,
}

/// One item of damage in a draft.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DamageItem {
    pub id: &'static str,
    /// Null for the loss in millions of đồng.
    #[schema(required)]
    pub unit: Option<damage::Unit>,
    pub title_vi: &'static str,
    pub title_en: &'static str,
    /// The province's: the sum of what its communes sent last; a commune's is not entered yet, and is what it sent last.
    #[schema(required)]
    pub value: Option<f64>,
    #[schema(required)]
    pub previous: Option<f64>,
    #[schema(required)]
    pub difference: Option<f64>,
}

/// One group of damage in a draft.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DamageGroup {
    pub id: &'static str,
    pub title_vi: &'static str,
    pub title_en: &'static str,
    pub items: Vec<DamageItem>,
    /// What was remarked in the report before.
    #[schema(required)]
    pub note: Option<String>,
}

/// Whether a commune's damage is known to the province.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DisasterCommune)]
pub struct CommuneTold {
    pub code: String,
    pub name: String,
    /// The report that counts; null where it has sent none.
    #[schema(required)]
    pub report: Option<SentTold>,
}

/// A report as it would be sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = DisasterDraft)]
pub struct Draft {
    pub event: EventTold,
    pub level: Level,
    /// Null for the province.
    #[schema(required)]
    pub commune_code: Option<String>,
    /// Whose report it is, in words.
    pub reporter: String,
    /// Of when the figures are.
    #[schema(value_type = String, format = DateTime)]
    pub data_at: Timestamp,
    /// The same as a report says it: `số liệu đến 14:05 27/11/2026`.
    pub data_at_vi: String,
    /// The report that it is compared with.
    #[schema(required)]
    pub previous: Option<SentTold>,
    pub figures: Vec<FigureTold>,
    pub damage: Vec<DamageGroup>,
    /// The province's: its communes, those that have sent nothing first.
    pub communes: Vec<CommuneTold>,
    /// How many of them have sent nothing.
    pub communes_silent: usize,
    /// Whether the reader may send it.
    pub may_send: bool,
    #[serde(rename = "timeStamp")]
    #[schema(value_type = String, format = DateTime)]
    pub time_stamp: Timestamp,
    pub seq: Seq,
}

impl EventTold {
    /// Off its record; `None` for one that does not say when it began.
    #[must_use]
    pub fn of(event: &Feature) -> Option<Self> {
        let text = |name: &str| event.text(name).map(std::borrow::Cow::into_owned);
        let time = |name: &str| Timestamp::parse(&text(name)?).ok();
        let communes = event.value("communes").and_then(|list| serde_json::from_value(list).ok());
        Some(Self {
            id: event.id,
            code: text("code"),
            name: text("name").unwrap_or_default(),
            hazard: text("hazard").unwrap_or_default(),
            started_at: time("started_at")?,
            finished_at: time("finished_at"),
            communes: communes.unwrap_or_default(),
            version: event.version,
        })
    }

    /// How long it goes on.
    #[must_use]
    pub fn span(&self) -> Span {
        Span { started_at: self.started_at, finished_at: self.finished_at }
    }

    /// Whether a commune with this code reports of it.
    #[must_use]
    pub fn touches(&self, commune: &str) -> bool {
        self.communes.is_empty() || self.communes.contains(commune)
    }

    /// The reports that were sent of it, in the order in which they were sent; those of `only`, if said.
    #[must_use]
    pub fn sent(&self, view: &View, only: Option<&Reporter>) -> Vec<Sent> {
        let own = format!("\"{}\"", self.id);
        let mut all = Vec::new();
        view.each_counted(Collection::DisasterReports, &mut |report| {
            if report.raw("event_id") == Some(own.as_str()) {
                all.extend(Sent::of(report).filter(|sent| only.is_none_or(|only| *only == sent.reporter)));
            }
        });
        all.sort_by_key(|sent| (sent.sent_at, sent.number));
        all
    }
}

impl Sent {
    fn of(report: &Feature) -> Option<Self> {
        let text = |name: &str| report.text(name).map(std::borrow::Cow::into_owned);
        let time = |name: &str| Timestamp::parse(&text(name)?).ok();
        let reporter = match Level::parse(&text("level")?)? {
            Level::Commune => Reporter::Commune(text("admin_unit")?),
            _ => Reporter::Province,
        };
        let figures = report.value("figures");
        let figures = figures.as_ref().and_then(Value::as_array).into_iter().flatten();
        let damage = report.value("damage").and_then(|damage| Damage::read(&damage, "").ok());
        Some(Self {
            id: report.id,
            reporter,
            kind: Kind::parse(&text("kind")?)?,
            number: report.number("number").unwrap_or(0.0) as i64,
            data_at: time("data_at")?,
            sent_at: time("sent_at")?,
            corrects: text("corrects_id").and_then(|id| Uuid::parse_str(&id).ok()),
            damage: damage.unwrap_or_default(),
            figures: figures.filter_map(|one| Some((one["id"].as_str()?.to_owned(), one["value"].as_f64()))).collect(),
        })
    }

    /// As the deadlines look at it.
    #[must_use]
    pub fn answers(&self) -> Option<SentReport> {
        self.corrects.is_none().then_some(SentReport { kind: self.kind, sent_at: self.sent_at })
    }

    /// Without its figures.
    #[must_use]
    pub fn told(&self) -> SentTold {
        let Self { id, kind, number, data_at, sent_at, .. } = *self;
        SentTold { id, kind, number, data_at, sent_at }
    }
}

/// Codes and names of the communes of today, in the order of their names.
#[must_use]
pub fn communes_of(view: &View) -> BTreeMap<String, String> {
    let mut communes = BTreeMap::new();
    view.each_counted(Collection::AdminUnits, &mut |one| communes.extend(commune_in_force(one)));
    communes
}

/// What was counted and compared, before a reader is shown it.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub event: EventTold,
    pub reporter: Reporter,
    pub data_at: Timestamp,
    pub counts: Counts,
    pub damage: Damage,
    previous: Option<Sent>,
    /// The province's: by commune the report that counts.
    communes: Vec<(String, String, Option<SentTold>)>,
    name: String,
}

impl Compiled {
    /// Counts what a report of this event would say with the figures of `data_at`.
    #[must_use]
    pub fn of(view: &View, event: EventTold, reporter: Reporter, data_at: Timestamp) -> Self {
        let scope = Scope {
            reporter: reporter.clone(),
            touched: event.communes.clone(),
            from: event.started_at,
            finished_at: event.finished_at,
            data_at,
        };
        let names = communes_of(view);
        let mut sent = event.sent(view, None);
        let previous = sent.iter().rfind(|sent| sent.reporter == reporter).cloned();
        let mut damage = previous.as_ref().map(|sent| sent.damage.clone()).unwrap_or_default();
        let mut communes = Vec::new();
        if reporter == Reporter::Province {
            // What a commune sends later than the moment is not of it.
            sent.retain(|sent| sent.data_at <= data_at);
            let last = |code: &str| sent.iter().rfind(|sent| sent.reporter.commune() == Some(code));
            damage = Damage { notes: damage.notes, ..Damage::default() };
            let reporting = sent.iter().filter_map(|sent| sent.reporter.commune());
            let asked = names.keys().map(String::as_str).filter(|code| event.touches(code));
            let codes: BTreeSet<String> = reporting.chain(asked).map(str::to_owned).collect();
            for code in codes {
                let report = last(&code);
                if let Some(report) = report {
                    damage.add(&report.damage);
                }
                let name = names.get(&code).cloned().unwrap_or_else(|| code.clone());
                communes.push((code, name, report.map(Sent::told)));
            }
            communes.sort_by(|a, b| (a.2.is_some(), &a.1).cmp(&(b.2.is_some(), &b.1)));
        }
        let name = match reporter.commune() {
            Some(code) => names.get(code).cloned().unwrap_or_else(|| code.to_owned()),
            None => "Tỉnh".to_owned(),
        };
        Self { counts: Counts::of(view, &scope), event, reporter, data_at, damage, previous, communes, name }
    }

    /// Whose report it is, in words.
    #[must_use]
    pub fn reporter_name(&self) -> &str {
        &self.name
    }

    /// The figures as a record keeps them.
    #[must_use]
    pub fn frozen_figures(&self) -> Value {
        let told = |row: &CountedRow| {
            let text = row.text.as_ref()?;
            Some(json!({"text": text.chars().take(160).collect::<String>(), "at": row.at, "value": row.value}))
        };
        let figure = |figure: &Figure| {
            let told: Vec<Value> = self.counts.rows(figure.id).iter().filter_map(told).take(TOLD_MAX).collect();
            match told.is_empty() {
                true => json!({"id": figure.id, "value": self.counts.value(figure)}),
                false => json!({"id": figure.id, "value": self.counts.value(figure), "told": told}),
            }
        };
        FIGURES.iter().map(figure).collect()
    }

    /// The communes as a record keeps them.
    #[must_use]
    pub fn frozen_communes(&self) -> Value {
        let told = |(code, _, report): &(String, String, Option<SentTold>)| {
            let (id, data_at) = report.as_ref().map(|report| (report.id, report.data_at)).unzip();
            json!({"code": code, "report_id": id, "data_at": data_at})
        };
        self.communes.iter().map(told).collect()
    }

    /// The draft as the actor of `view` is shown it.
    #[must_use]
    pub fn draft(self, view: &View) -> Draft {
        let before = |id: &str| self.previous.as_ref().and_then(|sent| sent.figures.get(id).copied().flatten());
        let figures = FIGURES.iter().map(|figure| told(view, figure, &self.counts, before(figure.id))).collect();
        let was = self.previous.as_ref().map(|sent| &sent.damage);
        let damage = GROUPS.iter().map(|group| damage_told(group, &self.damage, was)).collect();
        let communes = self.communes.iter().cloned();
        let communes: Vec<CommuneTold> =
            communes.map(|(code, name, report)| CommuneTold { code, name, report }).collect();
        Draft {
            level: self.reporter.level(),
            commune_code: self.reporter.commune().map(str::to_owned),
            may_send: self.reporter.is_answered_by(view.actor()),
            reporter: self.name,
            data_at: self.data_at,
            data_at_vi: data_at_vi(self.data_at),
            previous: self.previous.as_ref().map(Sent::told),
            figures,
            damage,
            communes_silent: communes.iter().filter(|commune| commune.report.is_none()).count(),
            communes,
            event: self.event,
            time_stamp: view.now(),
            seq: view.seq(),
        }
    }
}

/// Of when figures are, as a report says it.
#[must_use]
pub fn data_at_vi(at: Timestamp) -> String {
    format!("số liệu đến {}", at.told_text())
}

fn told(view: &View, figure: &Figure, counts: &Counts, previous: Option<f64>) -> FigureTold {
    let rows = counts.rows(figure.id);
    // A household is somebody's home: its rows are counted and not gone through one by one.
    let named = rows.iter().filter(|row| row.collection != Collection::Households).take(ROWS_MAX);
    let seen = |row: &CountedRow| {
        let shown = view.item(row.collection, row.id).filter(Shown::is_record)?;
        let label = ["code", "title", "name", "task"].into_iter().find_map(|field| shown.text(field));
        Some(RowTold {
            collection: row.collection,
            id: row.id,
            label: label.map(std::borrow::Cow::into_owned),
            value: row.value,
            at: row.at,
        })
    };
    let looked_at = named.clone().count();
    let seen: Vec<RowTold> = named.filter_map(seen).collect();
    let value = counts.value(figure);
    FigureTold {
        id: figure.id,
        unit: figure.unit,
        title_vi: figure.title_vi,
        title_en: figure.title_en,
        value,
        previous,
        difference: difference(value, previous),
        rows_hidden: looked_at - seen.len(),
        rows: seen,
        rows_in_all: rows.len(),
    }
}

fn damage_told(group: &'static damage::Group, now: &Damage, was: Option<&Damage>) -> DamageGroup {
    let item = |id: &'static str, unit, title_vi, title_en| {
        let (value, previous) = (now.value(group.id, id), was.and_then(|was| was.value(group.id, id)));
        DamageItem { id, unit, title_vi, title_en, value, previous, difference: difference(value, previous) }
    };
    let mut items: Vec<DamageItem> =
        group.items.iter().map(|one| item(one.id, Some(one.unit), one.title_vi, one.title_en)).collect();
    items.push(item(LOSS, None, "Ước thiệt hại (triệu đồng)", "Estimated loss (million đồng)"));
    let note = now.notes.get(group.id).cloned();
    DamageGroup { id: group.id, title_vi: group.title_vi, title_en: group.title_en, items, note }
}

fn difference(value: Option<f64>, previous: Option<f64>) -> Option<f64> {
    value.zip(previous).map(|(value, previous)| rounded(value - previous))
}
