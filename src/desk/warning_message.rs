//! What a warning says, from its record: the words of each language, and the message of CAP 1.2 as it goes out.

use std::sync::Arc;

use geo_types::{Geometry, MultiPolygon};
use serde_json::{Value, json};

use super::alarms::shortened;
use super::scene::Working;
use crate::domain::cap::{self, Info, Message};
use crate::domain::warning::Type;
use crate::domain::warning_rules::WarningRules;
use crate::domain::warning_texts::{Facts, Wording, Words, texts};
use crate::domain::{Code, Problem, Timestamp};

/// By which rules the room warns, and whether for real.
pub(super) struct Room {
    pub rules: Arc<WarningRules>,
    pub status: &'static str,
}

/// Each language that is ready, with its words for this message.
fn wordings<'r>(record: &Working, room: &'r Room, now: Timestamp) -> Vec<(&'r str, &'r Words, Wording)> {
    let word = |name: &str| record.text(name).unwrap_or_default();
    let to = record.time("expires_at").unwrap_or(now).told_text();
    let from = now.told_text();
    let facts = Facts {
        sort: record.text("type").and_then(Type::parse).unwrap_or(Type::Alert),
        status: word("status"),
        kind: word("kind"),
        level: record.integer("level").unwrap_or(0),
        response: word("response"),
        zone: word("zone_name"),
        from: &from,
        to: &to,
        reason: word("reason"),
    };
    let ready = room.rules.languages.iter().filter_map(|language| Some((language, language.words.as_ref()?)));
    ready.filter_map(|(language, words)| Some((language.code.as_str(), words, words.word(&facts)?))).collect()
}

/// Puts the words into the record, as they are at `now`.
pub(super) fn fill(record: &mut Working, room: &Room, now: Timestamp) {
    let all = wordings(record, room, now);
    let infos: Vec<Value> = (all.iter())
        .map(|(language, words, wording)| {
            json!({
                "language": language, "event": wording.event, "headline": wording.headline,
                "description": wording.description, "instruction": wording.instruction,
                "sender_name": words.sender, "area": record.text("zone_name"),
            })
        })
        .collect();
    let of = |code: &str| all.iter().find(|(language, ..)| *language == code).map(|(.., wording)| wording);
    let copied: Vec<Value> = room.rules.languages.iter().map(|language| texts(language, of(&language.code))).collect();
    if let Some((.., first)) = all.first() {
        let headline = shortened(&first.headline);
        record.set("name", headline);
    }
    record.set("infos", infos);
    record.set("texts", copied);
}

/// Writes the message down as it goes out at `now`.
///
/// # Errors
/// `internal` if XML cannot be written, which memory does not refuse.
pub(super) fn send(record: &mut Working, room: &Room, now: Timestamp) -> Result<(), Problem> {
    fill(record, room, now);
    record.set_time("sent_at", now);
    let area = match record.geometry.clone() {
        Some(Geometry::Polygon(polygon)) => MultiPolygon(vec![polygon]),
        Some(Geometry::MultiPolygon(parts)) => parts,
        _ => MultiPolygon(Vec::new()),
    };
    let all = wordings(record, room, now);
    let word = |name: &str| record.text(name).unwrap_or_default();
    let sort = record.text("type").and_then(Type::parse).unwrap_or(Type::Alert);
    let first = all.first();
    let note = first.and_then(|(.., wording)| wording.note.clone());
    let reason = (sort == Type::Cancel).then(|| word("reason").to_owned());
    let note = note.into_iter().chain(reason).collect::<Vec<_>>().join(" ");
    let restriction = first.filter(|_| word("scope") == "Restricted").map(|(_, words, _)| words.restriction.as_str());
    let level = record.integer("level").map(|level| level.to_string()).unwrap_or_default();
    let infos = all.iter().map(|(language, words, wording)| Info {
        language,
        category: room.rules.category(word("kind")),
        event: &wording.event,
        response: word("response"),
        urgency: word("urgency"),
        severity: word("severity"),
        certainty: word("certainty"),
        expires: record.time("expires_at").unwrap_or(now),
        sender_name: &words.sender,
        headline: &wording.headline,
        description: &wording.description,
        instruction: &wording.instruction,
        contact: &words.contact,
        parameters: vec![("risk_level", level.clone()), ("zone", word("zone_code").to_owned())],
        area: word("zone_name"),
    });
    let message = Message {
        identifier: word("identifier"),
        sender: word("sender"),
        sent: now,
        status: match word("status") {
            "exercise" => "Exercise",
            "test" => "Test",
            _ => "Actual",
        },
        msg_type: sort.cap(),
        scope: word("scope"),
        restriction,
        note: Some(note.as_str()),
        references: word("refers_to"),
        infos: infos.collect(),
        area: &area,
    };
    let xml = cap::write(&message).map_err(|error| {
        Problem::new(Code::Internal, "không viết được tin CAP", format!("the message cannot be written: {error}"))
    })?;
    record.set("cap", xml);
    Ok(())
}
