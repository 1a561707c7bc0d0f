//! How secrets are made and kept.
//!
//! What a machine makes is random and long, so its SHA-256 gives nothing away and is found by one lookup. What a person
//! chooses is neither, so it is kept as argon2id, which makes each guess cost what a sign-in costs.

use std::fmt;
use std::sync::LazyLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use rand::RngExt;
use sha2::{Digest, Sha256};

use super::Hash;
use crate::store::StoreError;

/// Random bytes of a session, a token or a link, written as hexadecimal digits.
const SECRET_BYTES: usize = 32;
/// Letters of a code that a person types: those that are mistaken for one another are left out.
const CODE_LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Letters of such a code: 50 bits, which nobody tries out in the minutes that it lives.
const CODE_LENGTH: usize = 10;

/// A secret in clear. It is handed to whom it belongs and then forgotten; what is printed of it by mistake is nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A new one, 256 random bits as 64 hexadecimal digits.
    #[must_use]
    pub fn random() -> Self {
        let bytes: [u8; SECRET_BYTES] = rand::rng().random();
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// A new one that a person can type: `7KQ2M-9XW4B`.
    #[must_use]
    pub fn random_code() -> Self {
        let mut rng = rand::rng();
        let letter = |_| char::from(CODE_LETTERS[rng.random_range(0..CODE_LETTERS.len())]);
        let mut code: String = (0..CODE_LENGTH).map(letter).collect();
        code.insert(CODE_LENGTH / 2, '-');
        Self(code)
    }

    /// The secret, for whom it belongs to.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Self::hash_of(&self.0)
    }

    /// What is kept of a secret that came in.
    #[must_use]
    pub fn hash_of(text: &str) -> Hash {
        Sha256::digest(text.as_bytes()).into()
    }

    /// What is kept of a typed code: case, hyphens and spaces do not count, and letters that are left out stand for
    /// the digits they look like.
    #[must_use]
    pub fn hash_of_code(text: &str) -> Hash {
        let meant = |letter: char| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let mut code: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(meant).collect();
        if code.is_char_boundary(CODE_LENGTH / 2) {
            code.insert(CODE_LENGTH / 2, '-');
        }
        Self::hash_of(&code)
    }
}

/// The argon2id hash of a password, in PHC form. Takes some tens of milliseconds and 19 MiB.
///
/// # Errors
/// `Unavailable` when the system has no random bytes.
pub fn hash_password(password: &str) -> Result<String, StoreError> {
    let hash: PasswordHash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|error| StoreError::Unavailable(format!("a password cannot be hashed: {error}")))?;
    Ok(hash.to_string())
}

/// Whether this is the password behind a hash. Takes as long as [`hash_password`].
#[must_use]
pub fn is_password_of(password: &str, phc: &str) -> bool {
    PasswordHash::new(phc).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Takes as long as a check, so that the time of an answer does not tell whether an account exists.
pub fn waste_a_check(password: &str) {
    static NOBODYS: LazyLock<Option<String>> = LazyLock::new(|| hash_password("nobody's").ok());
    if let Some(phc) = &*NOBODYS {
        let _ = is_password_of(password, phc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_code_is_known_however_it_is_written() {
        let code = Secret("01AB7-K9XYZ".to_owned());
        for typed in ["01AB7-K9XYZ", "01ab7k9xyz", " OIab7 k9xyz", "oLAB7–K9XYZ".replace('–', "-").as_str()] {
            assert_eq!(Secret::hash_of_code(typed), code.hash(), "{typed}");
        }
        for other in ["", "01AB7", "01AB7-K9XYA", "Đ1AB7-K9XYZ", "ộộ-ộ"] {
            assert_ne!(Secret::hash_of_code(other), code.hash(), "{other}");
        }
        let made = Secret::random_code();
        assert_eq!(Secret::hash_of_code(made.reveal()), made.hash());
        assert_ne!(made, Secret::random_code());
    }

    #[test]
    fn a_password_is_known_again_and_its_hash_is_salted() {
        let [one, two] = [0, 1].map(|_| hash_password("mưa to trên đèo").unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        assert!(is_password_of("mưa to trên đèo", &one));
        assert!(!is_password_of("mưa to trên đẹo", &one) && !is_password_of("", &one));
        assert!(!is_password_of("mưa to trên đèo", "not a hash"));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::random();
        assert!(!format!("{secret:?} {:?}", Some(&secret)).contains(&secret.reveal()[..8]));
        assert_eq!(secret.reveal().len(), 64);
    }
}
