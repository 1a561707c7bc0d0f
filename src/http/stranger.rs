//! A call of somebody who has not come in yet: to sign in, to redeem a link or a code. Whoever shows them our page must
//! be us, and that is all that is asked of them here.

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::actor::{check_same_origin, parse_small_json};
use super::app::{App, Live};
use super::error::Refusal;
use super::fields::Fields;
use super::peer::{Peer, peer_of};
use crate::domain::Problem;

/// Somebody without credentials, calling from a page of ours or from no page.
pub struct Stranger {
    pub app: App,
    pub peer: Peer,
    pub headers: HeaderMap,
}

impl FromRequestParts<App> for Stranger {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        check_same_origin(&parts.method, &parts.headers, false)?;
        Ok(Self { app: app.clone(), peer: peer_of(parts), headers: parts.headers.clone() })
    }
}

impl Stranger {
    /// The members of the call's body.
    ///
    /// # Errors
    /// As a [`super::actor::Writer`]'s body.
    pub async fn fields(&self, body: Body) -> Result<Fields, Problem> {
        Fields::of(parse_small_json(&self.headers, body).await?)
    }

    /// The live parts.
    ///
    /// # Errors
    /// `not_ready` while the data is being loaded.
    pub fn live(&self) -> Result<&Live, Refusal> {
        self.app.live()
    }
}
