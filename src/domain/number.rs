//! Numbers as answers and records write them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// A whole number without its point: most figures count heads.
///
/// # Errors
/// Those of the serializer.
pub fn plain<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}

/// A number as [`plain`] writes it, or null.
///
/// # Errors
/// Those of the serializer.
pub fn plain_or_null<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => plain(number, serializer),
        None => serializer.serialize_none(),
    }
}

/// Numbers by name, each as [`plain`] writes it.
///
/// # Errors
/// Those of the serializer.
pub fn plain_by_name<S: Serializer>(sums: &BTreeMap<&'static str, f64>, serializer: S) -> Result<S::Ok, S::Error> {
    struct Plain(f64);
    impl Serialize for Plain {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            plain(&self.0, serializer)
        }
    }
    serializer.collect_map(sums.iter().map(|(name, sum)| (name, Plain(*sum))))
}

/// Decimals that are kept of a sum: weights come to the hundredth of a gram.
const DECIMALS: f64 = 1_000.0;

/// A sum without the dust of its binary digits.
#[must_use]
pub fn rounded(sum: f64) -> f64 {
    // The sum of nothing is −0.0, which stays so unless something is added.
    (sum * DECIMALS).round() / DECIMALS + 0.0
}
