//! Boxes that everybody can close and one passphrase opens: X25519 sealed boxes (libsodium's `crypto_box_seal`).
//!
//! There is one primitive. A passphrase becomes a key pair by argon2id, so whatever is for a person is sealed to the
//! public half of theirs; the holders' private key is itself such a message. Neither passphrase nor private key is ever
//! written.

use argon2::{Algorithm, Argon2, Params, Version};
use crypto_box::aead::OsRng;
use crypto_box::{PublicKey, SecretKey};
use rand::RngExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// Bytes of a key, public or private.
pub const KEY_BYTES: usize = 32;
/// Random bytes beside a passphrase.
const SALT_BYTES: usize = 16;
/// What is sealed is filled up to a multiple of this, so that its length tells nothing of it.
const PADDED_BYTES: usize = 1_024;

/// Random bytes beside a passphrase; the same passphrase makes another key with another salt.
pub type Salt = [u8; SALT_BYTES];

/// What a guess at a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// As a sign-in: 19 MiB, twice over. For the random words that an informant is given.
    Informant,
    /// 64 MiB, three times over. For the passphrase that a holder chose, behind which everything lies.
    Holder,
}

/// A new salt.
#[must_use]
pub fn salt() -> Salt {
    rand::rng().random()
}

/// A new key pair's private half, which gives the public one.
#[must_use]
pub fn new_key() -> SecretKey {
    SecretKey::generate(&mut OsRng)
}

/// The key that a passphrase makes. Takes some tens of milliseconds, or some hundreds for a holder's.
///
/// # Errors
/// `Unavailable` when there is no memory for it.
pub fn key_of(passphrase: &str, salt: &Salt, cost: Cost) -> Result<SecretKey, StoreError> {
    let params = match cost {
        Cost::Informant => Params::DEFAULT,
        Cost::Holder => Params::new(64 * 1_024, 3, 1, Some(KEY_BYTES)).expect("within argon2's limits"),
    };
    let mut bytes = [0; KEY_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut bytes)
        .map_err(|error| StoreError::Unavailable(format!("a passphrase cannot be hashed: {error}")))?;
    Ok(SecretKey::from_bytes(bytes))
}

/// Closes a value for whoever has the private half.
///
/// # Errors
/// `Unavailable` when it cannot be sealed.
pub fn seal(to: &[u8; KEY_BYTES], value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    let mut text = serde_json::to_vec(value).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    // JSON may end in spaces.
    text.resize(text.len().next_multiple_of(PADDED_BYTES), b' ');
    seal_bytes(to, &text)
}

/// Closes bytes as they are.
///
/// # Errors
/// As [`seal`].
pub fn seal_bytes(to: &[u8; KEY_BYTES], bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    let sealed = PublicKey::from(*to).seal(&mut OsRng, bytes);
    sealed.map_err(|_| StoreError::Unavailable("a tip cannot be sealed".to_owned()))
}

/// Opens what [`seal`] closed; `None` with another key.
#[must_use]
pub fn open<T: DeserializeOwned>(key: &SecretKey, sealed: &[u8]) -> Option<T> {
    serde_json::from_slice(&key.unseal(sealed).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_opens_what_was_sealed_to_its_key_and_no_other_does() {
        let salt = salt();
        let key = key_of("núi cao sông dài", &salt, Cost::Informant).unwrap();
        let sealed = seal(key.public_key().as_bytes(), &"GIÀNG A PÁO").unwrap();
        assert_eq!(open::<String>(&key, &sealed).as_deref(), Some("GIÀNG A PÁO"));
        for (passphrase, salt) in [("núi cao sông dai", salt), ("núi cao sông dài", super::salt())] {
            let other = key_of(passphrase, &salt, Cost::Informant).unwrap();
            assert_eq!(open::<String>(&other, &sealed), None);
        }
        let mut touched = sealed;
        touched[40] ^= 1;
        assert_eq!(open::<String>(&key, &touched), None);
        assert_eq!(open::<String>(&key, &[]), None);
    }

    #[test]
    fn the_length_of_a_box_tells_nothing_of_a_short_text() {
        let key = new_key();
        let lengths: Vec<usize> = ["", "một câu", &"dài ".repeat(150)]
            .iter()
            .map(|t| seal(key.public_key().as_bytes(), t).unwrap().len())
            .collect();
        assert_eq!(lengths[0], lengths[1]);
        assert_eq!(lengths[0], lengths[2]);
    }
}
