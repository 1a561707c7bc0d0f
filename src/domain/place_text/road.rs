//! Kilometre posts: `QL12 Km46+300`, `km 46.3 quốc lộ 12`.

use super::Reading;
use crate::domain::fold::fold;

/// Metres by which a post told in whole kilometres may be off.
const WHOLE_KM_ACCURACY_M: f64 = 500.0;
/// Metres by which a post told in hundreds of metres may be off.
const PLUS_ACCURACY_M: f64 = 50.0;
/// Words around a kilometre post that name no road.
const FILLERS: &[&str] =
    &["cot", "moc", "ly", "trinh", "tren", "tai", "duong", "on", "at", "thuoc", "gan", "khoang", "so"];

/// A text with "km" right before a number.
pub(super) fn read(text: &str) -> Option<Reading> {
    let lower: Vec<char> = text.to_lowercase().chars().collect();
    let start = (0..lower.len()).find(|&at| starts_post(&lower, at))?;
    let mut at = skip(&lower, start + 2, |c| c.is_whitespace() || matches!(c, '.' | ':'));
    let (kilometres, after) = digits(&lower, at, true)?;
    let mut road_km: f64 = kilometres.replace(',', ".").parse().ok()?;
    let fine = kilometres.contains(['.', ',']);
    at = after;
    let plus = skip(&lower, at, char::is_whitespace);
    let mut plused = false;
    if lower.get(plus) == Some(&'+')
        && let Some((metres, after)) = digits(&lower, skip(&lower, plus + 1, char::is_whitespace), false)
    {
        road_km += metres.parse::<f64>().ok().filter(|m| *m < 10_000.0)? / 1_000.0;
        plused = true;
        at = after;
        if lower.get(at) == Some(&'m') && !lower.get(at + 1).is_some_and(|c| c.is_alphanumeric()) {
            at += 1;
        }
    }
    let rest: String = lower[..start].iter().chain([&' ']).chain(&lower[at..]).collect();
    let accuracy_m = if plused || fine { PLUS_ACCURACY_M } else { WHOLE_KM_ACCURACY_M };
    Some(Reading::RoadKm { road_ref: road_ref(&rest)?, road_km, accuracy_m })
}

/// `Some(None)`: no road is named; `None`: the words around the post are no road.
fn road_ref(rest: &str) -> Option<Option<String>> {
    let folded = fold(rest);
    // The kind of road is two words in full and one sign in short: Quốc lộ 12 is QL12.
    let short = folded.replace("quoc lo", "ql").replace("duong tinh", "dt").replace("tinh lo", "dt");
    let words: Vec<&str> = short.split(' ').filter(|word| !word.is_empty() && !FILLERS.contains(word)).collect();
    if words.is_empty() {
        return Some(None);
    }
    let joined = words.concat().to_ascii_uppercase();
    let joined = joined.strip_prefix("TL").map_or(joined.clone(), |rest| format!("DT{rest}"));
    joined.chars().any(|c| c.is_ascii_digit()).then_some(Some(joined))
}

fn starts_post(lower: &[char], at: usize) -> bool {
    let word_start = at == 0 || !lower[at - 1].is_alphanumeric();
    if !(word_start && lower[at] == 'k' && lower.get(at + 1) == Some(&'m')) {
        return false;
    }
    let next = skip(lower, at + 2, |c| c.is_whitespace() || matches!(c, '.' | ':'));
    lower.get(next).is_some_and(char::is_ascii_digit)
}

fn skip(chars: &[char], from: usize, over: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|&at| !over(chars[at])).unwrap_or(chars.len())
}

/// Digits from `at`, with one decimal sign if `decimal`; and where they end.
fn digits(chars: &[char], at: usize, decimal: bool) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut end = at;
    while let Some(&c) = chars.get(end) {
        let sign = decimal
            && matches!(c, '.' | ',')
            && !out.is_empty()
            && !out.contains(['.', ','])
            && chars.get(end + 1).is_some_and(char::is_ascii_digit);
        if !c.is_ascii_digit() && !sign {
            break;
        }
        out.push(c);
        end += 1;
    }
    (!out.is_empty() && out.len() <= 12).then_some((out, end))
}
