//! The words of a warning in one language: what CAP says, what a loudspeaker reads out, an SMS and a message to copy.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::warning::{STATUSES, TYPES, Type};
use super::warning_rules::RESPONSES;
use super::zone;

/// What a template may name.
const NAMES: [&str; 9] = ["status", "event", "level", "zone", "from", "to", "reason", "instruction", "sender"];
/// Responses that every language has words for; others may be added with a rule that uses them.
const RESPONSES_NEEDED: [&str; 5] = ["Monitor", "Prepare", "Evacuate", "AllClear", "None"];
/// Longest template, and longest code of a language.
const TEMPLATE_CHARS_MAX: usize = 2_000;
const CODE_CHARS_MAX: usize = 20;

/// A language.
#[derive(Debug)]
pub struct Language {
    /// As in RFC 5646 (`vi`, `hmn`).
    pub code: String,
    /// What it is called.
    pub name: String,
    /// What whoever copies a text should know.
    pub note: String,
    pub falls_back_to: Option<String>,
    /// None while it is a draft that awaits a speaker's review.
    pub words: Option<Words>,
}

/// The words of a language that is ready.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    #[serde(rename = "sender_name")]
    pub sender: String,
    pub restriction: String,
    #[serde(default)]
    pub contact: String,
    status: BTreeMap<String, String>,
    #[serde(rename = "note")]
    notes: BTreeMap<String, String>,
    kinds: BTreeMap<String, String>,
    instructions: BTreeMap<String, String>,
    messages: BTreeMap<String, Templates>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Templates {
    headline: String,
    description: String,
    loudspeaker: String,
    sms: String,
    messenger: String,
}

#[derive(Deserialize)]
struct Head {
    language: String,
    name: String,
    state: String,
    #[serde(default)]
    falls_back_to: Option<String>,
}

/// What a message tells, in no language.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    pub sort: Type,
    pub status: &'a str,
    pub kind: &'a str,
    pub level: i64,
    pub response: &'a str,
    pub zone: &'a str,
    /// From when on, and until when, as people are told.
    pub from: &'a str,
    pub to: &'a str,
    pub reason: &'a str,
}

/// A message in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    pub event: String,
    pub headline: String,
    pub description: String,
    pub instruction: String,
    /// What it is for, where it is not for real.
    pub note: Option<String>,
    pub loudspeaker: String,
    pub sms: String,
    pub messenger: String,
}

impl Language {
    /// Reads a language's file.
    ///
    /// # Errors
    /// What is wrong, in English, for whoever runs the server.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut value: Value = serde_json::from_str(text).map_err(|error| format!("a language: {error}"))?;
        let head: Head = serde_json::from_value(value.clone()).map_err(|error| format!("a language: {error}"))?;
        let Head { language: code, name, state, falls_back_to } = head;
        let is_tag = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if code.is_empty() || code.len() > CODE_CHARS_MAX || !code.chars().all(is_tag) {
            return Err(format!("{code:?} is not the code of a language"));
        }
        if state != "ready" {
            let note = value["note"].as_str().unwrap_or_default().to_owned();
            if state != "draft" || note.is_empty() {
                return Err(format!("{code}.json: state is ready, or draft with a note that says so"));
            }
            let falls_back_to = Some(falls_back_to.unwrap_or_else(|| super::warning_rules::FIRST_LANGUAGE.into()));
            return Ok(Self { code, name, note, falls_back_to, words: None });
        }
        if let Some(members) = value.as_object_mut() {
            members.retain(|name, _| {
                !["language", "name", "state", "falls_back_to", "reviewed_by"].contains(&name.as_str())
            });
        }
        let words: Words = serde_json::from_value(value).map_err(|error| format!("{code}.json: {error}"))?;
        words.check().map_err(|fault| format!("{code}.json: {fault}"))?;
        Ok(Self { code, name, note: String::new(), falls_back_to: None, words: Some(words) })
    }
}

impl Words {
    fn check(&self) -> Result<(), String> {
        let lacks = |what: &str, map: &BTreeMap<String, String>, names: &[&str]| match names
            .iter()
            .find(|name| !map.contains_key(**name))
        {
            Some(name) => Err(format!("{what} has no {name}")),
            None => Ok(()),
        };
        lacks("status", &self.status, STATUSES)?;
        lacks("note", &self.notes, &STATUSES[1..])?;
        lacks("kinds", &self.kinds, zone::KINDS)?;
        lacks("instructions", &self.instructions, &RESPONSES_NEEDED)?;
        if let Some(odd) = self.instructions.keys().find(|name| !RESPONSES.contains(&name.as_str())) {
            return Err(format!("instructions: {odd} is no response type of CAP 1.2"));
        }
        for name in TYPES {
            let Some(templates) = self.messages.get(*name) else { return Err(format!("messages has no {name}")) };
            for template in templates.all() {
                check_template(template).map_err(|fault| format!("messages.{name}: {fault}"))?;
            }
        }
        Ok(())
    }

    /// The message in this language. A template's line of which nothing is left is left out.
    #[must_use]
    pub fn word(&self, facts: &Facts<'_>) -> Option<Wording> {
        let templates = self.messages.get(facts.sort.as_str())?;
        let of = |map: &BTreeMap<String, String>, name: &str| map.get(name).cloned().unwrap_or_default();
        let (event, instruction) = (of(&self.kinds, facts.kind), of(&self.instructions, facts.response));
        let (status, level) = (of(&self.status, facts.status), facts.level.to_string());
        let values = [
            status.as_str(),
            &event,
            &level,
            facts.zone,
            facts.from,
            facts.to,
            facts.reason,
            &instruction,
            &self.sender,
        ];
        let fill = |template: &str| fill(template, &values);
        let note = self.notes.get(facts.status).cloned();
        Some(Wording {
            headline: fill(&templates.headline),
            description: fill(&templates.description),
            loudspeaker: fill(&templates.loudspeaker),
            sms: fill(&templates.sms),
            messenger: fill(&templates.messenger),
            event,
            instruction,
            note,
        })
    }
}

impl Templates {
    fn all(&self) -> [&str; 5] {
        [&self.headline, &self.description, &self.loudspeaker, &self.sms, &self.messenger]
    }
}

fn check_template(template: &str) -> Result<(), String> {
    if template.trim().is_empty() || template.chars().count() > TEMPLATE_CHARS_MAX {
        return Err(format!("a text is empty or longer than {TEMPLATE_CHARS_MAX} characters"));
    }
    for part in template.split('{').skip(1) {
        let name = part.split_once('}').map_or(part, |(name, _)| name);
        if !part.contains('}') || !NAMES.contains(&name) {
            return Err(format!("{{{name}}} is not known; known are {}", NAMES.join(", ")));
        }
    }
    Ok(())
}

/// The template with its names replaced, once: what a value holds is not looked at again.
fn fill(template: &str, values: &[&str; 9]) -> String {
    let mut out = String::new();
    for (n, part) in template.split('{').enumerate() {
        let rest = match part.split_once('}') {
            Some((name, rest)) if n > 0 => {
                let place = NAMES.iter().position(|known| *known == name);
                out.push_str(place.map_or("", |place| values[place].trim_end_matches('\n')));
                rest
            }
            _ => part,
        };
        out.push_str(rest);
    }
    let lines = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The text without the marks of Vietnamese: what an SMS of 160 letters can hold.
#[must_use]
pub fn plain(text: &str) -> String {
    const FAMILIES: [(char, &str); 7] = [
        ('a', "àáảãạăằắẳẵặâầấẩẫậ"),
        ('d', "đ"),
        ('e', "èéẻẽẹêềếểễệ"),
        ('i', "ìíỉĩị"),
        ('o', "òóỏõọôồốổỗộơờớởỡợ"),
        ('u', "ùúủũụưừứửữự"),
        ('y', "ỳýỷỹỵ"),
    ];
    let base = |c: char| match c {
        '–' | '—' | '−' => Some('-'),
        '“' | '”' | '«' | '»' => Some('"'),
        '‘' | '’' => Some('\''),
        '…' => Some('.'),
        '\u{a0}' => Some(' '),
        '\u{300}'..='\u{36f}' | '\u{fe0f}' => None,
        _ if c.is_ascii() => Some(c),
        _ => {
            let small = c.to_lowercase().next().unwrap_or(c);
            let found = FAMILIES.iter().find(|(_, letters)| letters.contains(small)).map(|(base, _)| *base);
            match found {
                Some(base) if small != c => Some(base.to_ascii_uppercase()),
                Some(base) => Some(base),
                None => Some('?'),
            }
        }
    };
    text.chars().filter_map(base).collect()
}

/// How long an SMS is: characters as a telephone counts them, and parts that are paid for. GSM 03.38: 160 letters of the
/// basic alphabet, 153 in each of several parts; 70 and 67 UTF-16 units as soon as one letter is outside it.
#[must_use]
pub fn sms_length(text: &str) -> (usize, usize) {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
    const TWICE: &str = "^{}\\[~]|€";
    let width = |c: char| match c {
        _ if c.is_ascii_alphanumeric() || BASIC.contains(c) => Some(1),
        _ if TWICE.contains(c) => Some(2),
        _ => None,
    };
    let letters: Option<usize> = text.chars().map(width).sum();
    let (length, one, each) = match letters {
        Some(letters) => (letters, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    (length, if length <= one { 1 } else { length.div_ceil(each) })
}

/// What of a wording is copied, as it stands in a record.
#[must_use]
pub fn texts(language: &Language, wording: Option<&Wording>) -> Value {
    let sms = |text: &str| {
        let (length, parts) = sms_length(text);
        json!({"text": text, "length": length, "parts": parts})
    };
    match wording {
        Some(wording) => json!({
            "language": language.code, "name": language.name, "is_draft": false,
            "loudspeaker": wording.loudspeaker, "messenger": wording.messenger,
            "sms": sms(&wording.sms), "sms_plain": sms(&plain(&wording.sms)),
        }),
        None => json!({
            "language": language.code, "name": language.name, "is_draft": true,
            "falls_back_to": language.falls_back_to, "note": language.note,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::warning_rules::WarningRules;

    const FACTS: Facts<'static> = Facts {
        sort: Type::Alert,
        status: "actual",
        kind: "landslide",
        level: 3,
        response: "Evacuate",
        zone: "Bản {zone} Nậm Cười",
        from: "09:14 23/11/2026",
        to: "18:00 23/11/2026",
        reason: "",
    };

    #[test]
    fn a_text_has_every_name_filled_once_and_no_line_that_is_empty() {
        let rules = WarningRules::shipped();
        for language in rules.languages.iter().filter_map(|language| language.words.as_ref()) {
            for sort in [Type::Alert, Type::Update, Type::Cancel, Type::AllClear] {
                let wording = language.word(&Facts { sort, ..FACTS }).unwrap();
                for text in [&wording.headline, &wording.description, &wording.sms, &wording.messenger] {
                    assert!(text.contains("Bản {zone} Nậm Cười"), "what a name holds is left alone: {text}");
                    assert!(!text.contains("{event}") && !text.contains("  ") && !text.contains("\n\n"), "{text}");
                }
                let exercise = language.word(&Facts { sort, status: "exercise", ..FACTS }).unwrap();
                let mark = if language.sender.starts_with("Duty") { "EXERCISE" } else { "DIỄN TẬP" };
                for text in [&exercise.headline, &exercise.loudspeaker, &exercise.sms, &exercise.messenger] {
                    assert!(text.starts_with(mark), "{text}");
                }
                assert!(exercise.note.is_some() && wording.note.is_none());
            }
        }
    }

    #[test]
    fn an_sms_is_counted_as_a_telephone_counts_it() {
        assert_eq!(sms_length(&"a".repeat(160)), (160, 1));
        assert_eq!(sms_length(&"a".repeat(161)), (161, 2));
        assert_eq!(sms_length(&"a".repeat(307)), (307, 3));
        assert_eq!(sms_length(&"đ".repeat(70)), (70, 1));
        assert_eq!(sms_length(&"đ".repeat(71)), (71, 2));
        assert_eq!(sms_length("[a]"), (5, 1), "brackets count twice");
        assert_eq!(sms_length("⚠🌊"), (3, 1), "letters beyond the first plane are two units");
    }

    #[test]
    fn without_marks_a_text_is_ascii() {
        assert_eq!(plain("Sạt lở đất – ĐƯỜNG Ỷ Nậm Cười…"), "Sat lo dat - DUONG Y Nam Cuoi.");
        assert_eq!(plain("e\u{301}"), "e");
        assert!(plain("⚠️ Ω字").is_ascii());
    }
}
