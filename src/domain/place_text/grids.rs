//! VN-2000 eastings and northings, and military grid references.

use super::{Reading, number};
use crate::domain::fold::fold;

/// Eastings of a zone with its false easting of 500 km, metres.
const EASTINGS_M: std::ops::Range<f64> = 100_000.0..900_000.0;
/// Northings of Vietnam with room around it, metres.
const NORTHINGS_M: std::ops::Range<f64> = 900_000.0..2_700_000.0;

/// A grid reference: zone, band, square, then an even number of digits.
pub(super) fn mgrs(text: &str) -> Option<Reading> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
    let compact = compact.strip_prefix("MGRS").unwrap_or(&compact).trim_start_matches(':');
    let zone = compact.chars().take_while(char::is_ascii_digit).count();
    let letters = compact.get(zone..zone + 3)?;
    let digits = &compact[zone + 3..];
    let shaped = (1..=2).contains(&zone)
        && letters.chars().all(|c| c.is_ascii_uppercase())
        && digits.len().is_multiple_of(2)
        && digits.len() <= 10
        && digits.chars().all(|c| c.is_ascii_digit());
    shaped.then(|| Reading::Mgrs(compact.to_owned()))
}

/// Two numbers of which one can only be a northing. Vietnamese sheets call the northing X and the easting Y, so the
/// sizes decide and not the letters.
pub(super) fn vn2000(text: &str) -> Option<Reading> {
    let mut epsg = None;
    let mut numbers = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ';' | ':' | '=')).filter(|w| !w.is_empty()) {
        let word = word.trim_matches(|c: char| matches!(c, ',' | '(' | ')'));
        match number(word) {
            Some(n) if epsg == Some(None) => epsg = Some(Some(n)),
            Some(n) => numbers.push(n),
            None if word.eq_ignore_ascii_case("epsg") => epsg = Some(None),
            None if is_label(&fold(word)) => {}
            None => return None,
        }
    }
    let [a, b] = numbers[..] else { return None };
    let (easting, northing) = if NORTHINGS_M.contains(&a) { (b, a) } else { (a, b) };
    let epsg = match epsg {
        Some(Some(code)) if code.fract() == 0.0 && (1_000.0..100_000.0).contains(&code) => Some(code as u32),
        Some(_) => return None,
        None => None,
    };
    (EASTINGS_M.contains(&easting) && NORTHINGS_M.contains(&northing)).then_some(Reading::Vn2000 {
        epsg,
        easting,
        northing,
    })
}

fn is_label(folded: &str) -> bool {
    matches!(folded, "" | "x" | "y" | "e" | "n" | "m" | "vn2000" | "vn 2000" | "toa" | "do" | "e m" | "n m")
}
