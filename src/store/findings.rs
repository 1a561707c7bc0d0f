//! What `check` finds, told without end only where there is little of it.

use std::collections::HashMap;

use super::Finding;

/// Findings of one kind that are told one by one; the rest is counted.
const TOLD_MAX: usize = 20;

/// Findings by kind, each kind told so many times.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    counts: HashMap<&'static str, usize>,
}

impl Findings {
    pub fn add(&mut self, kind: &'static str, what: impl FnOnce() -> String) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count <= TOLD_MAX {
            self.list.push(Finding { what: format!("{kind}: {}", what()) });
        }
    }

    pub fn into_list(mut self) -> Vec<Finding> {
        let mut more: Vec<_> = self.counts.iter().filter(|(_, count)| **count > TOLD_MAX).collect();
        more.sort();
        for (kind, count) in more {
            self.list.push(Finding { what: format!("{kind}: {} more", count - TOLD_MAX) });
        }
        self.list
    }
}
