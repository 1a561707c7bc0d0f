//! TLS: which certificate the server shows, and how that stays a good one without a restart.
//!
//! `files.rs` reads a certificate that somebody else issues, `authority.rs` issues one by an authority of the data
//! folder's own, `listener.rs` shakes hands. A private key goes into rustls and nowhere else.

mod authority;
mod files;
mod listener;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::app::now;
use authority::Authority;
use files::Files;

pub use authority::{AUTHORITY_FILE, AuthorityCertificate};
pub use listener::TlsListener;

/// How often it is looked whether there is a newer certificate.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// What is spoken over TLS.
const PROTOCOL: &[u8] = b"http/1.1";

/// Where the server's certificate comes from: `self`, or `CERT.pem,KEY.pem`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum CertificateSource {
    /// An authority of the data folder's own.
    Own,
    /// Files that somebody else writes.
    Files { chain: PathBuf, key: PathBuf },
}

impl FromStr for CertificateSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(',') {
            None if text == "self" => Ok(Self::Own),
            Some((chain, key)) if !chain.is_empty() && !key.is_empty() => {
                Ok(Self::Files { chain: chain.into(), key: key.into() })
            }
            _ => Err(format!("{text:?} is neither \"self\" nor \"CERT.pem,KEY.pem\"")),
        }
    }
}

impl TryFrom<String> for CertificateSource {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// What a server shows to whoever shakes hands with it.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    authority: Option<Arc<AuthorityCertificate>>,
}

/// Looks for newer certificates.
pub struct Keeper {
    source: Source,
    shown: Arc<Shown>,
}

enum Source {
    Own(Box<Authority>),
    Files(Files),
}

/// The certificate of the moment. Connections that were made with an earlier one go on.
#[derive(Debug)]
struct Shown(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// Reads or issues the certificate for `names` (host names and addresses). Blocks.
    ///
    /// # Errors
    /// Files that cannot be read or do not belong together; an authority that does not hold for a name.
    pub fn open(from: &CertificateSource, folder: &Path, names: &[String]) -> anyhow::Result<(Self, Keeper)> {
        let mut source = match from {
            CertificateSource::Own => Source::Own(Box::new(Authority::open(folder, names, now())?)),
            CertificateSource::Files { chain, key } => Source::Files(Files::of(chain, key)),
        };
        let first = source.newer()?.context("there is no certificate")?;
        let shown = Arc::new(Shown(ArcSwap::from_pointee(first)));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Shown>::clone(&shown));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        let authority = match &source {
            Source::Own(authority) => Some(Arc::new(authority.certificate())),
            Source::Files(_) => None,
        };
        Ok((Self { config: Arc::new(config), authority }, Keeper { source, shown }))
    }

    /// What telephones install, if the certificate is of the folder's own authority.
    #[must_use]
    pub fn authority(&self) -> Option<Arc<AuthorityCertificate>> {
        self.authority.clone()
    }
}

impl Keeper {
    /// Shows newer certificates until the server stops. One that is no good is logged, and the present one stays.
    pub async fn keep(mut self, stopping: CancellationToken) {
        let mut tick = tokio::time::interval(LOOK_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = None;
        while stopping.run_until_cancelled(tick.tick()).await.is_some() {
            let looking = tokio::task::spawn_blocking(move || {
                let found = self.source.newer();
                (self, found)
            });
            let Ok((keeper, found)) = looking.await else {
                tracing::error!("looking for a newer certificate failed; the present one stays until a restart");
                return;
            };
            self = keeper;
            told = match found {
                Ok(None) => told,
                Ok(Some(newer)) => {
                    self.shown.0.store(Arc::new(newer));
                    tracing::info!("a new certificate is shown from now on");
                    None
                }
                Err(error) => {
                    let said = format!("{error:#}");
                    if told.as_ref() != Some(&said) {
                        tracing::error!(error = said, "the new certificate is no good; the present one stays");
                    }
                    Some(said)
                }
            };
        }
    }
}

impl Source {
    /// The certificate to show, if it is another than at the last call.
    fn newer(&mut self) -> anyhow::Result<Option<CertifiedKey>> {
        match self {
            Self::Own(authority) => authority.newer(now()),
            Self::Files(files) => files.newer(),
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_self_or_two_files() {
        assert_eq!("self".parse(), Ok(CertificateSource::Own));
        let files = CertificateSource::Files { chain: "a.pem".into(), key: "b.pem".into() };
        assert_eq!("a.pem,b.pem".parse(), Ok(files));
        for wrong in ["", "a.pem", "a.pem,", ",b.pem", "Self"] {
            assert!(wrong.parse::<CertificateSource>().is_err(), "{wrong}");
        }
    }
}
