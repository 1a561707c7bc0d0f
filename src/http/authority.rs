//! `/ca.crt`: the certificate of the folder's own authority, for whoever shall believe it. Telephones get it without TLS
//! too (`tls/listener.rs`): they need it before they can speak TLS with us.

use axum::extract::State;
use axum::http::header;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::AUTHORITY_PATH;
use super::answer::{json_bytes, with_header};
use super::app::App;
use super::error::{Answer, Refusal};
use super::qr::svg_of;
use super::tls::AuthorityCertificate;
use crate::domain::{Code, Problem};

/// What a telephone must install before it reaches a server whose certificate is of its own authority.
#[derive(Serialize, ToSchema)]
pub struct AuthorityOffer {
    /// Where it is fetched, in clear: what is fetched is public, and compared by its fingerprint.
    url: String,
    /// The same as a QR code, an SVG picture.
    qr_svg: String,
    /// SHA-256 of the certificate, `AB:CD:…`, as telephones show it.
    fingerprint: String,
}

impl AuthorityOffer {
    /// The offer of a server that is reached at this host (and port).
    ///
    /// # Errors
    /// As [`svg_of`].
    pub fn at(host: &str, authority: &AuthorityCertificate) -> Result<Self, Refusal> {
        let url = format!("http://{host}{AUTHORITY_PATH}");
        Ok(Self { qr_svg: svg_of(&url)?, url, fingerprint: authority.fingerprint.clone() })
    }
}

/// The certificate that telephones install, DER.
#[utoipa::path(
    get, path = "/ca.crt", tag = "accounts",
    responses(
        (status = 200, description = "The certificate", content_type = "application/x-x509-ca-cert"),
        (status = 404, description = "The server has no authority of its own"),
    )
)]
pub async fn read_authority(State(app): State<App>) -> Answer {
    let Some(authority) = &app.settings().authority else {
        return Err(Problem::new(
            Code::NotFound,
            "Máy chủ này không có cơ quan cấp chứng chỉ riêng.",
            "This server has no authority of its own.",
        )
        .into());
    };
    let answer: Response = json_bytes(authority.der.clone());
    Ok(with_header(answer, header::CONTENT_TYPE, "application/x-x509-ca-cert"))
}
