//! "5 km tây bắc Pa Tần", "cách Pa Tần 5 km về phía tây bắc", "5 km NW of Pa Tan".

use super::{Reading, number};
use crate::domain::fold::fold;

/// Farthest that is read as a distance from a named place, metres.
const DISTANCE_M_MAX: f64 = 300_000.0;
/// Compass words, longest first: folded words and degrees clockwise from north.
const DIRECTIONS: &[(&[&str], f64)] = &[
    (&["dong", "bac"], 45.0),
    (&["dong", "nam"], 135.0),
    (&["tay", "nam"], 225.0),
    (&["tay", "bac"], 315.0),
    (&["bac"], 0.0),
    (&["dong"], 90.0),
    (&["nam"], 180.0),
    (&["tay"], 270.0),
    (&["north", "east"], 45.0),
    (&["south", "east"], 135.0),
    (&["south", "west"], 225.0),
    (&["north", "west"], 315.0),
    (&["northeast"], 45.0),
    (&["southeast"], 135.0),
    (&["southwest"], 225.0),
    (&["northwest"], 315.0),
    (&["north"], 0.0),
    (&["east"], 90.0),
    (&["south"], 180.0),
    (&["west"], 270.0),
    (&["ne"], 45.0),
    (&["se"], 135.0),
    (&["sw"], 225.0),
    (&["nw"], 315.0),
    (&["n"], 0.0),
    (&["e"], 90.0),
    (&["s"], 180.0),
    (&["w"], 270.0),
];
/// Words with marks that fold into compass words and are parts of names.
const NOT_DIRECTIONS: &[&str] = &["nậm", "năm", "nấm", "bạc", "bậc", "đống", "động", "đồng"];
const FILLERS: &[&str] = &["ve", "phia", "huong", "khoang", "chung", "cua", "of", "from", "tu", "to", "the", "about"];

/// A word as typed and folded.
struct Word<'a> {
    typed: &'a str,
    folded: String,
}

/// A distance from a named place, or `None`.
pub(super) fn read(text: &str) -> Option<Reading> {
    let split = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '-' | '–' | '+') && !text.contains("km+");
    let words: Vec<Word<'_>> = tokens(text, split)
        .into_iter()
        .map(|typed| Word { typed, folded: fold(typed) })
        .filter(|word| !word.folded.is_empty())
        .collect();
    let (at, end, distance_m) = (0..words.len()).find_map(|at| {
        let (metres, length) = quantity(&words[at..])?;
        Some((at, at + length, metres))
    })?;
    if distance_m > DISTANCE_M_MAX {
        return None;
    }
    let before = trim(&words[..at]);
    let after = trim(&words[end..]);
    let starts_away = words.first().is_some_and(|word| word.folded == "cach");
    let (bearing_deg, name) = match (before, after) {
        // "5 km tây bắc Pa Tần"
        ([], after) => {
            let (degrees, length) = direction(after)?;
            (Some(degrees), trim(&after[length..]))
        }
        // "Tây Bắc Pa Tần 5 km"
        (before, []) if !starts_away => {
            let (degrees, length) = direction(before)?;
            (Some(degrees), trim(&before[length..]))
        }
        // "cách Pa Tần 5 km"
        (before, []) => (None, before),
        // "(cách) Pa Tần 5 km về phía tây bắc"
        (before, after) => {
            let (degrees, length) = direction(after)?;
            if length < after.len() {
                return None;
            }
            (Some(degrees), before)
        }
    };
    let name = name.iter().map(|word| word.typed).collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(Reading::Away { from: name, bearing_deg, distance_m })
}

/// Words, with a number parted from the unit written against it: `5km` is `5`, `km`.
fn tokens(text: &str, split: impl Fn(char) -> bool) -> Vec<&str> {
    let mut out = Vec::new();
    let decimal = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    // A comma inside a number is a decimal comma.
    let bytes = text.as_bytes();
    let in_number =
        |at: usize| at > 0 && bytes[at - 1].is_ascii_digit() && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
    let mut start = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if !split(c) || (c == ',' && in_number(at)) {
            continue;
        }
        let part = &text[start..at];
        let digits = part.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ','))).unwrap_or(part.len());
        if decimal(part) && digits < part.len() {
            out.extend([&part[..digits], &part[digits..]]);
        } else if !part.is_empty() {
            out.push(part);
        }
        start = at + c.len_utf8().min(text.len().saturating_sub(at));
    }
    out
}

/// Without filling words at either end and without "cách" before a name.
fn trim<'a, 'b>(words: &'a [Word<'b>]) -> &'a [Word<'b>] {
    let filler = |word: &Word<'_>| FILLERS.contains(&word.folded.as_str()) || word.folded == "cach";
    let start = words.iter().position(|word| !filler(word)).unwrap_or(words.len());
    let end = words.iter().rposition(|word| !filler(word)).map_or(start, |last| last + 1);
    &words[start..end]
}

/// Metres told at the beginning of the words, and how many words they take.
fn quantity(words: &[Word<'_>]) -> Option<(f64, usize)> {
    let amount = number(words.first()?.typed)?;
    match words.get(1)?.folded.as_str() {
        "km" | "cay" | "kilomet" => {
            let extra = usize::from(words.get(2).is_some_and(|word| word.folded == "so" && words[1].folded == "cay"));
            Some((amount * 1_000.0, 2 + extra))
        }
        "m" | "met" | "metres" | "meters" => Some((amount, 2)),
        _ => None,
    }
}

/// Degrees told at the beginning of the words, and how many words they take.
fn direction(words: &[Word<'_>]) -> Option<(f64, usize)> {
    let is = |word: &Word<'_>, asked: &str| {
        word.folded == asked && !NOT_DIRECTIONS.contains(&word.typed.to_lowercase().as_str())
    };
    DIRECTIONS.iter().find_map(|(names, degrees)| {
        let fits = words.len() >= names.len() && names.iter().zip(words).all(|(name, word)| is(word, name));
        fits.then_some((*degrees, names.len()))
    })
}
