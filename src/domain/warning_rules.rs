//! How warnings go out, as data: who sends, which level is how severe, when two people must agree, and the words of each
//! language. The files of `geodata/rules/warnings/` are shipped; a folder of one's own replaces them as a whole.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::warning::Type;
use super::warning_texts::Language;
use super::zone;

/// Categories of CAP 1.2.
const CATEGORIES: [&str; 12] =
    ["Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"];
const SEVERITIES: [&str; 5] = ["Extreme", "Severe", "Moderate", "Minor", "Unknown"];
const URGENCIES: [&str; 5] = ["Immediate", "Expected", "Future", "Past", "Unknown"];
const CERTAINTIES: [&str; 5] = ["Observed", "Likely", "Possible", "Unlikely", "Unknown"];
/// Response types of CAP 1.2.
pub(super) const RESPONSES: [&str; 9] =
    ["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"];
/// Scopes that need no addresses.
const SCOPES: [&str; 2] = ["Restricted", "Public"];
/// The language without which there is no message, and the one that drafts fall back to.
pub const FIRST_LANGUAGE: &str = "vi";
/// Most languages, and most vertices of a message.
const LANGUAGES_MAX: usize = 12;
const VERTICES_MAX: usize = 1_000;

/// Rules and words of one room.
#[derive(Debug)]
pub struct WarningRules {
    pub file: RulesFile,
    /// Vietnamese first, then by code.
    pub languages: Vec<Language>,
}

/// `rules.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesFile {
    #[expect(dead_code, reason = "for whoever reads the file")]
    about: String,
    /// `sender` of CAP 1.2: names the room in the whole world, so a domain name that it holds.
    pub sender: String,
    pub scope: String,
    /// Most vertices of all polygons of a message, closing ones counted.
    pub vertices_max: usize,
    /// One person alone releases up to this level.
    pub two_people_above_level: i64,
    /// Category of CAP 1.2 of each hazard.
    kinds: BTreeMap<String, String>,
    levels: Vec<LevelRule>,
    cancel: OverRule,
    all_clear: OverRule,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelRule {
    level: i64,
    severity: String,
    urgency: String,
    certainty: String,
    response: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OverRule {
    urgency: String,
    certainty: String,
    response: String,
}

/// How grave a message says it is, in the words of CAP 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grading<'a> {
    pub severity: &'a str,
    pub urgency: &'a str,
    pub certainty: &'a str,
    pub response: &'a str,
}

impl WarningRules {
    /// The shipped ones.
    #[must_use]
    pub fn shipped() -> Arc<Self> {
        static SHIPPED: LazyLock<Arc<WarningRules>> = LazyLock::new(|| {
            let languages = [
                include_str!("../../geodata/rules/warnings/vi.json"),
                include_str!("../../geodata/rules/warnings/en.json"),
                include_str!("../../geodata/rules/warnings/hmn.json"),
                include_str!("../../geodata/rules/warnings/tai.json"),
            ];
            let read = WarningRules::read(include_str!("../../geodata/rules/warnings/rules.json"), &languages);
            Arc::new(read.expect("the shipped rules of warnings are whole"))
        });
        Arc::clone(&SHIPPED)
    }

    /// Reads `rules.json` and the files of the languages.
    ///
    /// # Errors
    /// What is wrong, in English, for whoever runs the server.
    pub fn read(rules: &str, languages: &[impl AsRef<str>]) -> Result<Self, String> {
        let file: RulesFile = serde_json::from_str(rules).map_err(|error| format!("rules.json: {error}"))?;
        file.check()?;
        let mut read = Vec::new();
        for text in languages {
            read.push(Language::read(text.as_ref())?);
        }
        read.sort_by(|a, b| (a.code != FIRST_LANGUAGE, &a.code).cmp(&(b.code != FIRST_LANGUAGE, &b.code)));
        let twice = read.windows(2).find(|pair| pair[0].code == pair[1].code);
        match (read.first(), twice) {
            (_, Some(pair)) => Err(format!("the language {} comes twice", pair[0].code)),
            (Some(first), _)
                if first.code == FIRST_LANGUAGE && first.words.is_some() && read.len() <= LANGUAGES_MAX =>
            {
                Ok(Self { file, languages: read })
            }
            _ => Err(format!(
                "{FIRST_LANGUAGE}.json must be there and ready, and there are {LANGUAGES_MAX} languages at most"
            )),
        }
    }

    /// The category of a hazard.
    #[must_use]
    pub fn category(&self, kind: &str) -> &str {
        self.file.kinds.get(kind).map_or("Other", String::as_str)
    }

    /// How grave a message of this type is at this level; `None` for a level that there is not.
    #[must_use]
    pub fn grading(&self, sort: Type, level: i64) -> Option<Grading<'_>> {
        let rule = self.file.levels.iter().find(|rule| rule.level == level)?;
        let over = match sort {
            Type::Alert | Type::Update => None,
            Type::Cancel => Some(&self.file.cancel),
            Type::AllClear => Some(&self.file.all_clear),
        };
        Some(match over {
            None => Grading {
                severity: &rule.severity,
                urgency: &rule.urgency,
                certainty: &rule.certainty,
                response: &rule.response,
            },
            // What is over is not grave any more, whatever it was.
            Some(over) => Grading {
                severity: "Minor",
                urgency: &over.urgency,
                certainty: &over.certainty,
                response: &over.response,
            },
        })
    }
}

impl RulesFile {
    fn check(&self) -> Result<(), String> {
        if self.sender.is_empty()
            || self.sender.len() > 200
            || self.sender.contains(|c: char| c.is_whitespace() || c.is_control() || ",<&".contains(c))
        {
            return Err("rules.json: sender is a name without spaces, commas, < and &".into());
        }
        one_of("scope", &self.scope, &SCOPES)?;
        if !(5..=VERTICES_MAX).contains(&self.vertices_max) {
            return Err(format!("rules.json: vertices_max is a number from 5 to {VERTICES_MAX}"));
        }
        if !(0..=5).contains(&self.two_people_above_level) {
            return Err("rules.json: two_people_above_level is a number from 0 to 5".into());
        }
        for kind in zone::KINDS {
            one_of(kind, self.kinds.get(*kind).map_or("", String::as_str), &CATEGORIES)?;
        }
        if self.levels.iter().map(|rule| rule.level).ne(1..=5) {
            return Err("rules.json: levels are 1 to 5, each once and in order".into());
        }
        for rule in &self.levels {
            one_of("severity", &rule.severity, &SEVERITIES)?;
            one_of("urgency", &rule.urgency, &URGENCIES)?;
            one_of("certainty", &rule.certainty, &CERTAINTIES)?;
            one_of("response", &rule.response, &RESPONSES)?;
        }
        for rule in [&self.cancel, &self.all_clear] {
            one_of("urgency", &rule.urgency, &URGENCIES)?;
            one_of("certainty", &rule.certainty, &CERTAINTIES)?;
            one_of("response", &rule.response, &RESPONSES)?;
        }
        Ok(())
    }
}

fn one_of(name: &str, word: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&word) {
        return Ok(());
    }
    Err(format!("rules.json: {name} {word:?} is not one of {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = include_str!("../../geodata/rules/warnings/rules.json");
    const VI: &str = include_str!("../../geodata/rules/warnings/vi.json");

    #[test]
    fn levels_are_as_severe_as_the_table_says() {
        let rules = WarningRules::shipped();
        let severity = |level| rules.grading(Type::Alert, level).map(|grading| grading.severity.to_owned());
        let all: Vec<_> = (1..=5).filter_map(severity).collect();
        assert_eq!(all, ["Minor", "Moderate", "Severe", "Extreme", "Extreme"]);
        assert_eq!(severity(0).or(severity(6)), None);
        assert_eq!(rules.grading(Type::AllClear, 4).unwrap().response, "AllClear");
        assert_eq!(rules.file.scope, "Restricted");
    }

    #[test]
    fn minority_languages_say_that_they_are_drafts_and_fall_back_to_vietnamese() {
        let rules = WarningRules::shipped();
        let codes: Vec<&str> = rules.languages.iter().map(|language| language.code.as_str()).collect();
        assert_eq!(codes, ["vi", "en", "hmn", "tai"]);
        for language in &rules.languages[2..] {
            assert!(language.words.is_none(), "{}", language.code);
            assert!(language.note.contains("BẢN NHÁP") && language.note.contains("DRAFT"), "{}", language.note);
        }
    }

    #[test]
    fn rules_that_are_not_whole_say_what_is_wrong() {
        let fails = |rules: &str, languages: &[&str]| WarningRules::read(rules, languages).unwrap_err();
        assert!(fails("{}", &[VI]).contains("rules.json"));
        assert!(fails(&RULES.replace("\"Severe\"", "\"Grave\""), &[VI]).contains("Grave"));
        assert!(fails(&RULES.replace(".example", ".example,x"), &[VI]).contains("sender"));
        assert!(fails(&RULES.replace("\"Restricted\"", "\"Private\""), &[VI]).contains("scope"));
        assert!(fails(RULES, &[]).contains("vi.json"));
        assert!(fails(RULES, &[VI, VI]).contains("twice"));
        assert!(fails(RULES, &[&VI.replace("{zone}", "{where}")]).contains("{where}"));
        assert!(fails(RULES, &[&VI.replace("\"Evacuate\"", "\"Run\"")]).contains("Evacuate"));
    }
}
