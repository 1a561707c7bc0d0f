//! Longitude and latitude in decimal degrees, or degrees, minutes and seconds, with or without letters.

use super::Reading;
use crate::domain::place::check_lon_lat;
use crate::domain::{Code, Problem};

/// Metres of one degree of latitude.
const DEGREE_M: f64 = 111_200.0;
/// Nobody reads a receiver better than this, metres.
const ACCURACY_M_MIN: f64 = 1.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    /// Value and digits after the decimal sign.
    Number(f64, usize),
    Degree,
    Minute,
    Second,
    /// A letter or label: which axis, and the sign.
    Axis(Axis, f64),
    Break,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Axis {
    Lat,
    Lon,
}

/// One coordinate.
#[derive(Clone, Copy, Debug)]
struct Angle {
    degrees: f64,
    /// Half the last digit, degrees.
    half_digit: f64,
    axis: Option<Axis>,
}

/// The points that the text may be; empty if it is no coordinates at all.
pub(super) fn read(text: &str) -> Result<Vec<Reading>, Problem> {
    let Some(tokens) = tokens(text) else { return Ok(Vec::new()) };
    let Some((first, second)) = pair(&tokens)? else { return Ok(Vec::new()) };
    let accuracy_m = (first.half_digit.max(second.half_digit) * DEGREE_M).max(ACCURACY_M_MIN);
    let point = |lon: Angle, lat: Angle| {
        check_lon_lat(lon.degrees, lat.degrees, "/text")?;
        Ok(Reading::Point { lon: lon.degrees, lat: lat.degrees, accuracy_m })
    };
    match (first.axis, second.axis) {
        (Some(Axis::Lat), Some(Axis::Lon) | None) | (None, Some(Axis::Lon)) => Ok(vec![point(second, first)?]),
        (Some(Axis::Lon), Some(Axis::Lat) | None) | (None, Some(Axis::Lat)) => Ok(vec![point(first, second)?]),
        (Some(_), Some(_)) => Ok(Vec::new()),
        // Only a longitude is greater than 90; where both may be either, people say the latitude first.
        (None, None) if first.degrees.abs() > 90.0 => Ok(vec![point(first, second)?]),
        (None, None) if second.degrees.abs() > 90.0 => Ok(vec![point(second, first)?]),
        (None, None) => Ok(vec![point(second, first)?, point(first, second)?]),
    }
}

/// The two coordinates, or `None` if the tokens are not of that shape.
fn pair(tokens: &[Token]) -> Result<Option<(Angle, Angle)>, Problem> {
    let numbers = tokens.iter().filter(|t| matches!(t, Token::Number(..))).count();
    let marked = tokens.iter().any(|t| matches!(t, Token::Degree | Token::Minute | Token::Second));
    let Some(split) = split(tokens, numbers, marked) else { return Ok(None) };
    let (Some(first), Some(second)) = (angle(&tokens[..split])?, angle(&tokens[split..])?) else { return Ok(None) };
    // Bare whole numbers ("12 34") are not coordinates: a house number, a unit, a count.
    let bare = !marked && first.axis.is_none() && second.axis.is_none();
    if bare && numbers == 2 && (first.half_digit >= 0.5 || second.half_digit >= 0.5) {
        return Ok(None);
    }
    Ok(Some((first, second)))
}

/// Where the second coordinate begins.
fn split(tokens: &[Token], numbers: usize, marked: bool) -> Option<usize> {
    if !matches!(numbers, 2 | 4 | 6) {
        return None;
    }
    let nth_number = |n: usize| {
        tokens.iter().enumerate().filter(|(_, t)| matches!(t, Token::Number(..))).nth(n).map(|(index, _)| index)
    };
    let middle = if marked {
        let degrees: Vec<usize> = (0..tokens.len()).filter(|at| tokens[*at] == Token::Degree).collect();
        match degrees[..] {
            [_, second] if second > 0 => second - 1,
            _ => return None,
        }
    } else {
        nth_number(numbers / 2)?
    };
    // A letter or a label may stand before its number; if the first coordinate has its own already, it is the
    // second's.
    let axes_before: Vec<usize> = (0..middle).filter(|at| matches!(tokens[*at], Token::Axis(..))).collect();
    let leading = matches!(tokens.first(), Some(Token::Axis(..)));
    match axes_before[..] {
        [.., last] if leading && axes_before.len() == 2 => Some(last),
        _ => Some(middle),
    }
}

fn angle(tokens: &[Token]) -> Result<Option<Angle>, Problem> {
    let mut parts: Vec<(f64, usize)> = Vec::new();
    let mut axis = None;
    let mut sign = 1.0;
    for token in tokens {
        match token {
            Token::Number(value, decimals) => parts.push((*value, *decimals)),
            Token::Axis(..) if axis.is_some() => return Ok(None),
            Token::Axis(which, toward) => {
                axis = Some(*which);
                sign = *toward;
            }
            _ => {}
        }
    }
    if parts.is_empty() || parts.len() > 3 {
        return Ok(None);
    }
    let whole = parts[..parts.len() - 1].iter().all(|(value, decimals)| *decimals == 0 && value.fract() == 0.0);
    if !whole {
        return Ok(None);
    }
    if parts[1..].iter().any(|(value, _)| !(0.0..60.0).contains(value)) {
        return Err(Problem::new(
            Code::CoordinateOutOfRange,
            "phút và giây phải từ 0 đến dưới 60",
            "minutes and seconds lie between 0 and 60",
        )
        .at("/text"));
    }
    let negative = parts[0].0.is_sign_negative();
    let size = parts.iter().zip([1.0, 60.0, 3_600.0]).map(|((value, _), unit)| value.abs() / unit).sum::<f64>();
    let unit = [1.0, 60.0, 3_600.0][parts.len() - 1];
    let decimals = i32::try_from(parts[parts.len() - 1].1).unwrap_or(0);
    Ok(Some(Angle {
        degrees: if negative { -size } else { size } * sign,
        half_digit: 0.5 * 10_f64.powi(-decimals) / unit,
        axis,
    }))
}

/// The tokens, or `None` if a word in the text belongs to no coordinate.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let decimal_commas = !text.contains('.') && commas_in_numbers(text) == 2;
    let chars: Vec<char> = text.chars().collect();
    let vietnamese = text.chars().any(|c| matches!(c, 'Đ' | 'đ' | 'B' | 'b'));
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        let signed = matches!(c, '-' | '−' | '+') && chars.get(at + 1).is_some_and(char::is_ascii_digit);
        if c.is_ascii_digit() || signed {
            let end = (at + 1..chars.len())
                .find(|&i| !(chars[i].is_ascii_digit() || chars[i] == '.' || (chars[i] == ',' && decimal_commas)))
                .unwrap_or(chars.len());
            let text: String = chars[at..end].iter().collect::<String>().replace(',', ".").replace('−', "-");
            let text = text.trim_end_matches('.');
            let decimals = text.split_once('.').map_or(0, |(_, after)| after.len());
            tokens.push(Token::Number(text.parse().ok()?, decimals));
            at = end;
            continue;
        }
        if c.is_alphabetic() {
            let end = (at..chars.len()).find(|&i| !chars[i].is_alphabetic()).unwrap_or(chars.len());
            let word: String = chars[at..end].iter().collect::<String>().to_lowercase();
            tokens.extend(axis(&word, vietnamese)?);
            at = end;
            continue;
        }
        let double_minute = matches!(c, '\'' | '′' | '’') && chars.get(at + 1) == Some(&c);
        tokens.push(match c {
            '°' | 'º' => Token::Degree,
            '"' | '″' | '”' => Token::Second,
            '\'' | '′' | '’' if double_minute => Token::Second,
            '\'' | '′' | '’' => Token::Minute,
            ',' | ';' | '/' | ':' | '=' | '(' | ')' => Token::Break,
            c if c.is_whitespace() => Token::Break,
            _ => return None,
        });
        at += if double_minute { 2 } else { 1 };
    }
    tokens.retain(|token| *token != Token::Break);
    Some(tokens)
}

/// The axis that a letter or label names; an empty answer for a word that only says "coordinates".
fn axis(word: &str, vietnamese: bool) -> Option<Option<Token>> {
    let token = |axis, sign| Some(Some(Token::Axis(axis, sign)));
    match word {
        "lat" | "latitude" => token(Axis::Lat, 1.0),
        "lon" | "lng" | "long" | "longitude" => token(Axis::Lon, 1.0),
        "b" => token(Axis::Lat, 1.0),
        "đ" | "e" => token(Axis::Lon, 1.0),
        // N is north, but Nam (south) where the other letters are Vietnamese.
        "n" if vietnamese => token(Axis::Lat, -1.0),
        "n" => token(Axis::Lat, 1.0),
        "s" => token(Axis::Lat, -1.0),
        "w" | "t" => token(Axis::Lon, -1.0),
        "wgs" | "toạ" | "tọa" | "độ" => Some(None),
        _ => None,
    }
}

/// Commas with a digit on either side.
fn commas_in_numbers(text: &str) -> usize {
    let bytes = text.as_bytes();
    (1..bytes.len().saturating_sub(1))
        .filter(|&at| bytes[at] == b',' && bytes[at - 1].is_ascii_digit() && bytes[at + 1].is_ascii_digit())
        .count()
}
