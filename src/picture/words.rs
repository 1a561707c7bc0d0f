//! Vietnamese words without diacritics, as the search compares them.

pub(super) use crate::domain::fold::{fold, fold_into};
