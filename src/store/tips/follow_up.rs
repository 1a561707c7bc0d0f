//! How an informant comes back: a code that finds the tip and a passphrase that opens its answers, both made here,
//! told once and never written. Digits and short words can be said over a bad line and noted by hand.

use std::sync::LazyLock;

use rand::RngExt;
use sha2::{Digest, Sha256};

use super::sealing::{self, Cost, KEY_BYTES, Salt};
use crate::domain::fold::fold;
use crate::store::StoreError;

/// Digits of a code, in groups of four: too many to find one by trying.
const CODE_DIGITS: usize = 12;
const GROUP_DIGITS: usize = 4;
/// Words of a passphrase: 2⁴⁸ of them, each guess as dear as a sign-in.
const PASSPHRASE_WORDS: usize = 6;

/// 256 Vietnamese words of one syllable, each unlike all others also without diacritics.
static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("words.txt").split_whitespace().collect());

/// What the informant is told, once.
#[derive(Clone, PartialEq, Eq)]
pub struct FollowUp {
    /// `4821-0937-5560`.
    pub code: String,
    /// `núi gạo sông ...`.
    pub passphrase: String,
}

/// What is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFollowUp {
    pub code: [u8; 32],
    pub salt: Salt,
    /// Answers are sealed to this.
    pub public: [u8; KEY_BYTES],
}

impl FollowUp {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        let mut rng = rand::rng();
        let digits: Vec<char> = (0..CODE_DIGITS).map(|_| char::from(b'0' + rng.random_range(0..10_u8))).collect();
        let code = digits.chunks(GROUP_DIGITS).map(|group| group.iter().collect()).collect::<Vec<String>>().join("-");
        let word = |_| WORDS[rng.random_range(0..WORDS.len())];
        Self { code, passphrase: (0..PASSPHRASE_WORDS).map(word).collect::<Vec<_>>().join(" ") }
    }

    /// What is kept of it. Takes as long as a sign-in.
    ///
    /// # Errors
    /// As [`sealing::key_of`].
    pub fn kept(&self) -> Result<KeptFollowUp, StoreError> {
        let salt = sealing::salt();
        let key = key_of(&self.passphrase, &salt)?;
        Ok(KeptFollowUp { code: hash_of_code(&self.code), salt, public: *key.public_key().as_bytes() })
    }
}

/// The digits of a code as it was said or typed.
#[must_use]
pub fn digits_of(code: &str) -> String {
    code.chars().filter(char::is_ascii_digit).take(CODE_DIGITS + 1).collect()
}

/// What a code is found by.
#[must_use]
pub fn hash_of_code(code: &str) -> [u8; 32] {
    Sha256::digest(digits_of(code).as_bytes()).into()
}

/// The informant's key; the passphrase may come without diacritics, in any case.
///
/// # Errors
/// As [`sealing::key_of`].
pub fn key_of(passphrase: &str, salt: &Salt) -> Result<crypto_box::SecretKey, StoreError> {
    sealing::key_of(&fold(passphrase), salt, Cost::Informant)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_words_are_told_apart_without_diacritics() {
        let plain: HashSet<String> = WORDS.iter().map(|word| fold(word)).collect();
        assert_eq!((WORDS.len(), plain.len()), (256, 256));
        assert!(WORDS.iter().all(|word| !word.contains(|c: char| !c.is_alphabetic())));
    }

    #[test]
    fn a_code_and_its_passphrase_are_known_again_however_they_are_written() {
        let one = FollowUp::random();
        assert_eq!((one.code.len(), digits_of(&one.code).len()), (14, CODE_DIGITS));
        assert_eq!(one.passphrase.split(' ').count(), PASSPHRASE_WORDS);
        assert!(one != FollowUp::random());
        let kept = one.kept().unwrap();
        assert_eq!(hash_of_code(&one.code.replace('-', " ")), kept.code);
        assert_ne!(hash_of_code(&format!("{}1", one.code)), kept.code);
        for typed in [one.passphrase.to_uppercase(), fold(&one.passphrase), one.passphrase.replace(' ', "  - ")] {
            assert_eq!(key_of(&typed, &kept.salt).unwrap().public_key().as_bytes(), &kept.public, "{typed}");
        }
        assert_ne!(key_of("một hai ba", &kept.salt).unwrap().public_key().as_bytes(), &kept.public);
    }
}
