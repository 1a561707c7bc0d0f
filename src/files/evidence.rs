//! What the values of one column say about how they are written: the order of dates, the decimal sign, the unit.

use super::times::{DateOrder, OrderEvidence};

/// From here on a number is no longitude or latitude, but metres of a projected system.
const METRES_MIN: f64 = 1_000.0;
/// Northings of Việt Nam in VN-2000 lie above, eastings below.
const NORTHING_MIN: f64 = 900_000.0;

/// Of the columns whose values are looked at, what all rows say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    pub dates: OrderEvidence,
    pub numbers: NumberEvidence,
}

/// How numbers of a column are written and how large they are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NumberEvidence {
    /// With a decimal point.
    points: u64,
    /// With one comma.
    commas: u64,
    /// Of these, what cannot be thousands, having other than three digits behind.
    decimal_commas: u64,
    /// All that can be read.
    read: u64,
    metres: u64,
    northings: u64,
}

impl Evidence {
    /// Takes in one value of the column.
    pub fn see(&mut self, text: &str) {
        self.dates.see(text);
        self.numbers.see(text.trim());
    }

    /// The order of the dates, if all that say something say the same.
    pub fn date_order(&self) -> Option<DateOrder> {
        self.dates.order()
    }
}

impl NumberEvidence {
    fn see(&mut self, text: &str) {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b',')) {
            return;
        }
        let fraction = digits.split_once(',').map(|(_, behind)| behind);
        match (fraction, digits.contains('.')) {
            (Some(behind), false) if !behind.contains(',') => {
                self.commas += 1;
                self.decimal_commas += u64::from(behind.len() != 3);
            }
            (None, true) => self.points += 1,
            _ => {}
        }
        if let Ok(number) = text.replace(',', ".").parse::<f64>() {
            self.read += 1;
            self.metres += u64::from(number.abs() >= METRES_MIN);
            self.northings += u64::from(number.abs() >= NORTHING_MIN);
        }
    }

    /// Whether every fraction is written with a comma, and at least one could be nothing else.
    pub fn has_decimal_commas(&self) -> bool {
        self.points == 0 && self.decimal_commas > 0
    }

    /// Whether most are metres.
    pub fn is_metres(&self) -> bool {
        self.metres * 2 > self.read
    }

    /// Whether most are northings.
    pub fn is_northing(&self) -> bool {
        self.northings * 2 > self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(texts: &[&str]) -> NumberEvidence {
        let mut evidence = Evidence::default();
        texts.iter().for_each(|text| evidence.see(text));
        evidence.numbers
    }

    #[test]
    fn a_decimal_comma_is_believed_only_if_nothing_speaks_against_it() {
        assert!(seen(&["103,25", "103,125", "104"]).has_decimal_commas());
        assert!(!seen(&["103,125", "542,000"]).has_decimal_commas(), "these may be thousands");
        assert!(!seen(&["103,25", "103.5"]).has_decimal_commas());
        assert!(!seen(&["", "ba", "1,234,567"]).has_decimal_commas());
    }

    #[test]
    fn metres_and_northings_are_told_by_their_size() {
        assert!(seen(&["2475000.5", "2480000,1", "103.2"]).is_northing());
        let easting = seen(&["542000", "541000"]);
        assert!(easting.is_metres() && !easting.is_northing());
        assert!(!seen(&["103.2", "22.4"]).is_metres());
        assert!(!seen(&[]).is_metres());
    }
}
