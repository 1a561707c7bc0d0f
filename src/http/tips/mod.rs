//! Tips (tin báo): `intake.rs` takes them in and lets the informant come back, `desk.rs` is the handler's side,
//! `unsealing.rs` opens what is sealed, `told.rs` tells the account of the forces how many there were. Nothing of a tip is in the picture, so no other route can show any.

pub mod desk;
pub mod intake;
mod told;
pub mod unsealing;

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::Writer;
use super::app::{App, Live};
use super::error::{Answer, Refusal, internal};
use super::fields::Fields;
use super::limits::Limits;
use super::lockout::Lockout;
use super::params::id_named;
use super::peer::Peer;
use crate::desk::{Desk, store_problem};
use crate::domain::access::Deed;
use crate::domain::tip::{Coarse, Half};
use crate::domain::{Actor, Code, Collection, Problem, Timestamp};
use crate::picture::View;
use crate::store::StoreError;
use crate::store::tips::{Author, Message, TipStore};

/// What the routes of tips share.
pub struct Tips {
    store: Arc<TipStore>,
    /// Guesses at codes and passphrases. Apart from that of sign-ins: an informant and the duty room may sit behind one
    /// address.
    guesses: Lockout,
    /// Tips that came in by the public page; each counts as a failure, so that one who sends many waits.
    sent: Lockout,
    /// Held while a tip is promoted: the incident is made first, and shall be made once.
    promoting: tokio::sync::Mutex<()>,
}

/// A handler's call about one tip.
pub struct HandlersCall {
    id: Uuid,
    writer: Writer,
}

impl FromRequest<App> for HandlersCall {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let path = Path::<String>::from_request_parts(&mut parts, app).await;
        let writer = Writer::from_request(Request::from_parts(parts, body), app).await?;
        writer.reader.actor().check(Deed::HandleTips)?;
        let Path(id) = path.map_err(|_| internal())?;
        Ok(Self { id: id_named(&id)?, writer })
    }
}

impl HandlersCall {
    fn actor(&self) -> &Actor {
        self.writer.reader.actor()
    }

    fn live(&self) -> Result<&Live, Refusal> {
        self.writer.reader.live()
    }
}

/// A message as it is answered.
#[derive(Serialize, ToSchema)]
pub struct MessageAnswer {
    author: Author,
    sent: Coarse,
    text: String,
}

impl From<Message> for MessageAnswer {
    fn from(Message { author, sent, text }: Message) -> Self {
        Self { author, sent, text }
    }
}

impl Tips {
    /// Over the tips of a folder; guesses and tips of the public wait as sign-ins do.
    #[must_use]
    pub fn new(store: Arc<TipStore>, limits: &Limits) -> Self {
        let (guesses, sent) = (Lockout::within(limits), Lockout::within(limits));
        Self { store, guesses, sent, promoting: tokio::sync::Mutex::default() }
    }

    /// Tells the account of the forces what the tips of each month come to, until `stopping` is cancelled.
    pub fn keep_told(&self, desk: Desk, leads: watch::Receiver<bool>, stopping: CancellationToken) -> JoinHandle<()> {
        tokio::spawn(told::keep(desk, Arc::clone(&self.store), leads, stopping))
    }

    /// Asks or changes `tips.db` beside the async threads.
    async fn ask<T, F>(&self, question: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&TipStore) -> Result<T, StoreError> + Send + 'static,
    {
        let store = Arc::clone(&self.store);
        let asked = tokio::task::spawn_blocking(move || question(&store)).await;
        Ok(asked.map_err(|_| internal())?.map_err(store_problem)?)
    }

    /// As [`Tips::ask`], for what hashes a passphrase of somebody: in its turn, and guessing makes wait. `who` is what
    /// failures are counted by, beside the address.
    async fn ask_with_passphrase<T, F>(&self, live: &Live, peer: Peer, who: &str, question: F) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: FnOnce(&TipStore, Timestamp) -> Result<T, StoreError> + Send + 'static,
    {
        let now = live.directory.now();
        let attempt = self.guesses.begin(peer.counted_address(), who, now)?;
        let store = Arc::clone(&self.store);
        let asked = live.sign_in.in_turn(move || question(&store, now).map_err(store_problem)).await;
        match asked {
            Ok(Ok(answer)) => {
                self.guesses.succeeded(attempt, now);
                Ok(answer)
            }
            Ok(Err(problem)) if problem.code == Code::WrongPassphrase => Err(problem.into()),
            Ok(Err(problem)) => {
                self.guesses.not_judged(attempt);
                Err(problem.into())
            }
            Err(refusal) => {
                self.guesses.not_judged(attempt);
                Err(refusal)
            }
        }
    }
}

/// A text of at most so many characters, if it is there and not blank.
fn short_text(fields: &mut Fields, name: &str, chars_max: usize) -> Result<Option<String>, Problem> {
    let Some(text) = fields.text(name)? else { return Ok(None) };
    let text = text.trim();
    if text.chars().count() > chars_max {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("{name}: dài quá {chars_max} ký tự."),
            format!("{name}: longer than {chars_max} characters."),
        )
        .at(&fields.place(name)));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// As [`short_text`], where it must be there.
fn needed_short_text(fields: &mut Fields, name: &str, chars_max: usize) -> Result<String, Problem> {
    let place = fields.place(name);
    short_text(fields, name, chars_max)?.ok_or_else(|| {
        Problem::new(
            Code::MissingField,
            format!("Thiếu trường bắt buộc {name}."),
            format!("The required field {name} is missing."),
        )
        .at(&place)
    })
}

/// One of these words, if there.
fn one_of(fields: &mut Fields, name: &str, words: &[&str]) -> Result<Option<String>, Problem> {
    fields.word(name, |word| words.contains(&word).then(|| word.to_owned()))
}

/// The day, or half of it, in `<name>_on` and `<name>_half`; it must not lie in the future.
fn day(fields: &mut Fields, name: &str, now: Timestamp) -> Result<Option<Coarse>, Problem> {
    let (on, half) = (format!("{name}_on"), format!("{name}_half"));
    let half = fields.word(&half, Half::parse)?;
    let Some(day) = fields.word(&on, |text| Coarse::parse(text, half))? else {
        return if half.is_none() { Ok(None) } else { fields.needed(&on).map(|_| None) };
    };
    if day.begins_at() > now {
        return Err(Problem::new(
            Code::FutureTime,
            format!("{on}: ngày này chưa tới."),
            format!("{on}: that day has not come yet."),
        )
        .at(&fields.place(&on)));
    }
    Ok(Some(day))
}

/// Code of a commune or ward in force, if there.
fn commune(fields: &mut Fields, view: &View) -> Result<Option<String>, Problem> {
    let Some(code) = fields.text("commune_code")? else { return Ok(None) };
    if communes(view).iter().any(|commune| commune.code == code) {
        return Ok(Some(code));
    }
    Err(Problem::new(
        Code::UnknownReference,
        format!("Không có xã mã {code:?}."),
        format!("There is no commune {code:?}."),
    )
    .at(&fields.place("commune_code")))
}

/// A commune to choose.
#[derive(Serialize, ToSchema)]
pub struct Commune {
    code: String,
    name: String,
}

/// Communes and wards in force, by name.
fn communes(view: &View) -> Vec<Commune> {
    let named = |unit: crate::picture::Shown<'_>| {
        let in_force =
            matches!(unit.text("kind").as_deref(), Some("commune" | "ward")) && unit.text("valid_to").is_none();
        let name = unit.text("full_name").or_else(|| unit.text("name"))?.into_owned();
        in_force.then(|| unit.text("code")).flatten().map(|code| Commune { code: code.into_owned(), name })
    };
    let mut communes: Vec<Commune> = view.all(Collection::AdminUnits).filter_map(named).collect();
    communes.sort_by(|a, b| a.name.cmp(&b.name));
    communes
}

/// An answer that no cache keeps, not even the browser's: it is of an informant.
fn unkept(answer: Answer) -> Answer {
    answer.map(|answer| super::answer::with_header(answer, axum::http::header::CACHE_CONTROL, "no-store"))
}
