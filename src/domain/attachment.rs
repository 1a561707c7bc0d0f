//! An attachment: a photo that hangs on an incident, or on an entry of the duty log. The record says what it is and by whom
//! it came; its bytes lie by the hash of their content, so that the same photo lies once. What its EXIF told of a place is
//! offered to whoever sent it and stands nowhere.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::access::FORCES;
use super::ground::NAME_CHARS;
use super::photo::{MEDIA_TYPES, PHOTO_BYTES_MAX, SIDE_PX_MAX};
use super::schema::FieldKind::{Choice, Integer, Reference, Text, Time};
use super::schema::{Field, verb};

/// Attachments of one incident, those of its entries among them, that were not withdrawn.
pub const ATTACHMENTS_MAX: usize = 200;
/// Withdrawn ones of the same content on the same record, after which it is not taken again.
pub const AGAIN_MAX: usize = 20;
/// Bytes that hang on nothing are kept so long, seconds: whoever sent them may be about to say on what.
pub const ORPHAN_KEEP_S: i64 = 86_400;
/// Bytes of a withdrawn attachment are kept so long, seconds: it may have been withdrawn in error.
pub const WITHDRAWN_KEEP_S: i64 = 30 * 86_400;
/// Earliest moment at which a camera is believed to have taken a photo, milliseconds: 2000-01-01. Before, its clock was
/// not set.
pub const TAKEN_MS_MIN: i64 = 946_684_800_000;

pub(super) const FIELDS: &[Field] = &[
    verb("incident_id", Reference, "The incident it hangs on."),
    verb("log_entry_id", Reference, "The entry of the duty log that it hangs on."),
    verb("name", Text(NAME_CHARS), "Name of the file as it was sent, without folders."),
    verb("media_type", Choice(MEDIA_TYPES), "What it is, by its content."),
    verb("size_bytes", Integer(0, PHOTO_BYTES_MAX as i64 + 1_024), "Bytes as they are kept, without EXIF."),
    verb("sha256", Text(64), "SHA-256 of the bytes as they are kept, hexadecimal."),
    verb("width", Integer(1, SIDE_PX_MAX as i64), "Pixels, before it is turned by its orientation."),
    verb("height", Integer(1, SIDE_PX_MAX as i64), "Pixels, before it is turned by its orientation."),
    verb("taken_at", Time, "When it was taken, as its camera says."),
    verb("added_by", Text(NAME_CHARS), "Who sent it."),
    verb("added_by_force", Choice(FORCES), "Their force."),
    verb(
        "withdrawn_at",
        Time,
        "When it was withdrawn, because it was attached in error; its content is not shown then.",
    ),
    verb("withdrawn_by", Text(NAME_CHARS), "Who withdrew it."),
    verb("withdrawn_reason", Text(1_000), "Why."),
];

/// SHA-256 of the content of a file: where its bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileHash([u8; 32]);

impl FileHash {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From its 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From 64 hexadecimal digits, small ones.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 || digits.iter().any(|digit| !matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The record of this content on this record, of which `again` were withdrawn before: however often and by whichever node it
/// is sent, it is one.
#[must_use]
pub fn id_of(on: Uuid, hash: &FileHash, again: usize) -> Uuid {
    Uuid::new_v5(&on, format!("{hash}/{again}").as_bytes())
}

/// A name as it is kept: without folders, signs that hide, and what is too long; its ending stays.
#[must_use]
pub fn kept_name(told: &str, ending: &str) -> String {
    let name = told.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_hiding = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let name: String = name.chars().filter(|c| !is_hiding(*c)).take(NAME_CHARS).collect();
    let name = name.trim().trim_start_matches('.');
    if name.is_empty() { format!("photo.{ending}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = FileHash::of(b"abc");
        let text = hash.to_string();
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(FileHash::parse(&text), Some(hash));
        for wrong in ["", "ba78", &text.to_uppercase(), &format!("+{}", &text[1..]), &text.replace('b', "../")] {
            assert_eq!(FileHash::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_lose_folders_and_what_hides() {
        assert_eq!(kept_name("C:\\ảnh\\sạt lở.jpg", "jpg"), "sạt lở.jpg");
        assert_eq!(kept_name("../../etc/passwd", "jpg"), "passwd");
        assert_eq!(kept_name("a\u{202e}gpj.exe\n", "jpg"), "agpj.exe");
        assert_eq!(kept_name("…/", "png"), "photo.png");
        assert_eq!(kept_name("..", "png"), "photo.png");
        assert_eq!(kept_name(&"ả".repeat(999), "png").chars().count(), NAME_CHARS);
    }
}
