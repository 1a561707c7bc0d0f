//! People of a household by group, read off its fields once: an exposure adds up many thousands of households, and would
//! otherwise read the text of each.

use crate::domain::household::MEMBERS_MAX;

/// How many are in each group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Members {
    pub all: u8,
    pub children: u8,
    pub elderly: u8,
    pub pregnant_or_nursing: u8,
    pub disabled: u8,
    pub gravely_ill: u8,
    pub needs_carry: bool,
}

const _: () = assert!(MEMBERS_MAX <= u8::MAX as i64, "a household's people are counted in a byte");

impl Members {
    /// Of names and raw JSON values; what is not told is none.
    pub fn of<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut members = Self::default();
        for (name, raw) in fields {
            let group = match name {
                "member_count" => &mut members.all,
                "children" => &mut members.children,
                "elderly" => &mut members.elderly,
                "pregnant_or_nursing" => &mut members.pregnant_or_nursing,
                "disabled" => &mut members.disabled,
                "gravely_ill" => &mut members.gravely_ill,
                "needs_carry" => {
                    members.needs_carry = raw == "true";
                    continue;
                }
                _ => continue,
            };
            *group = raw.parse().unwrap_or(0);
        }
        members
    }
}
