//! Coming in by name and password, and by codes that work once. What makes guessing dear stands here: attempts that
//! wait longer and longer ([`Lockout`]), and a check that costs as much for a name that nobody has.

use super::directory::Directory;
use super::error::{Refusal, internal};
use super::hashing::Hashing;
use super::limits::Limits;
use super::lockout::Lockout;
use super::peer::Peer;
use crate::domain::account::{PASSWORD_CHARS_MAX, folded_name};
use crate::domain::{Code, Problem};
use crate::store::StoreError;
use crate::store::system::{NewSession, Secret, hash_password, is_password_of, waste_a_check};

/// Longest name that is looked up, characters.
const NAME_CHARS_MAX: usize = 100;
/// Longest description of a browser that is kept, characters.
const AGENT_CHARS_MAX: usize = 200;

/// What sign-ins share.
#[derive(Debug)]
pub struct SignIn {
    lockout: Lockout,
    hashing: Hashing,
}

impl SignIn {
    /// Attempts as often as the limits let them.
    #[must_use]
    pub fn within(limits: &Limits) -> Self {
        Self { lockout: Lockout::within(limits), hashing: Hashing::default() }
    }

    /// Checks a name and a password; the account's name as it stands in the journal.
    ///
    /// # Errors
    /// `wrong_credentials`, `too_many_attempts`, `too_busy`.
    pub async fn check(
        &self,
        directory: &Directory,
        peer: Peer,
        name: &str,
        password: String,
    ) -> Result<String, Refusal> {
        if name.chars().count() > NAME_CHARS_MAX || password.chars().count() > PASSWORD_CHARS_MAX {
            return Err(wrong_credentials().into());
        }
        let attempt = self.lockout.begin(peer.counted_address(), &folded_name(name), directory.now())?;
        let asked = name.to_owned();
        let known = directory.ask(move |system, _| system.password_of(&asked)).await?;
        let checked = self
            .hashing
            .run(move || match known {
                Some((name, phc)) => is_password_of(&password, &phc).then_some(name),
                None => {
                    waste_a_check(&password);
                    None
                }
            })
            .await;
        match checked {
            Ok(Some(name)) => {
                self.lockout.succeeded(attempt, directory.now());
                Ok(name)
            }
            Ok(None) => Err(wrong_credentials().into()),
            Err(problem) => {
                self.lockout.not_judged(attempt);
                Err(problem.into())
            }
        }
    }

    /// Tries a code that works once. All codes of one sort count as one name.
    ///
    /// # Errors
    /// `too_many_attempts`, and the problem of the trial.
    pub async fn try_code<T>(
        &self,
        directory: &Directory,
        peer: Peer,
        sort: &str,
        trial: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let attempt = self.lockout.begin(peer.counted_address(), sort, directory.now())?;
        let outcome = trial.await;
        match &outcome {
            Ok(_) => self.lockout.succeeded(attempt, directory.now()),
            Err(refusal) if matches!(refusal.problem().code, Code::CodeNotValid | Code::SignInFailed) => {}
            Err(_) => self.lockout.not_judged(attempt),
        }
        outcome
    }

    /// Does a piece of work that hashes a passphrase, when its turn comes.
    ///
    /// # Errors
    /// `too_busy`.
    pub async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        Ok(self.hashing.run(work).await?)
    }

    /// The hash of a password that was chosen.
    ///
    /// # Errors
    /// `too_busy`.
    pub async fn hash_of(&self, password: String) -> Result<String, Refusal> {
        let hashed = self.hashing.run(move || hash_password(&password)).await?;
        hashed.map_err(|error: StoreError| {
            tracing::error!(%error, "a password cannot be hashed");
            Refusal::from(internal())
        })
    }
}

/// Begins a session of an account; the secret of its cookie.
///
/// # Errors
/// The problem of `system.db`.
pub async fn begin_session(directory: &Directory, account: &str, agent: &str) -> Result<Secret, Refusal> {
    let secret = Secret::random();
    let agent = agent.chars().take(AGENT_CHARS_MAX).collect();
    let new = NewSession { hash: secret.hash(), account: account.to_owned(), agent };
    directory.change(move |system, now| system.add_session(new, now)).await?;
    Ok(secret)
}

fn wrong_credentials() -> Problem {
    Problem::new(
        Code::WrongCredentials,
        "Tên tài khoản hoặc mật khẩu không đúng.",
        "The account name or the password is wrong.",
    )
}
