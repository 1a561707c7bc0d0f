//! Where the database is and how it is reached: the URL, TLS, timeouts, the pool.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::StoreError;

/// The schema that holds everything of ours.
pub(super) const SCHEMA: &str = "trucban";

/// Where PostgreSQL listens if nothing else is said.
const DEFAULT_PORT: u16 = 5432;
/// How long a host may take until it is reached.
const CONNECT_WAIT: Duration = Duration::from_secs(1);
/// As long as that where others are named beside: a machine that is off leaves time to ask the next one before whoever
/// waits for a write is told.
const CONNECT_WAIT_EACH: Duration = Duration::from_millis(300);
/// What was sent and is not acknowledged for so long ends the connection: the machine behind it is gone.
const UNACKNOWLEDGED_WAIT: Duration = Duration::from_secs(3);
/// Connections of the pool: readers of the journal, histories, upkeep.
const POOL_MAX: usize = 8;
/// How long a reader waits for a connection of the pool.
const POOL_WAIT: Duration = Duration::from_secs(5);

/// A connection's bytes where TLS was agreed on.
type Encrypted = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// How a session behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Session {
    /// Short statements: no lock is waited for longer than a second, no statement runs for half a minute.
    Serving,
    /// Snapshots, imports, checks, migrations: long ones.
    Long,
}

impl Session {
    fn options(self) -> String {
        let (statement_ms, lock_ms, idle_ms) = match self {
            Self::Serving => (30_000, 1_000, 60_000),
            Self::Long => (0, 10_000, 600_000),
        };
        format!(
            "-c search_path={SCHEMA},public -c statement_timeout={statement_ms} -c lock_timeout={lock_ms} \
             -c idle_in_transaction_session_timeout={idle_ms} -c timezone=UTC -c client_min_messages=warning"
        )
    }
}

/// A database named by `postgres://user:password@host:port/name?sslmode=…`. Beside what `tokio-postgres` knows, the
/// query may say `sslmode=verify-full` and `sslrootcert=FILE`; `require` alone encrypts and asks nobody who is at the
/// other end, as with the other clients of PostgreSQL.
#[derive(Clone)]
pub struct Database {
    config: Config,
    tls: MakeRustlsConnect,
}

/// Never shows the password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate().map(|(at, host)| {
            // One port is that of all hosts.
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        });
        let hosts = hosts.collect::<Vec<_>>().join(",");
        write!(f, "postgres://{hosts}/{}", self.config.get_dbname().unwrap_or_default())
    }
}

/// Why a text names no database.
#[derive(Debug, thiserror::Error)]
pub enum NotADatabase {
    #[error("not a URL of the form postgres://user@host/name: {0}")]
    Url(tokio_postgres::Error),
    #[error("sslmode={0} is none of disable, prefer, require, verify-full")]
    SslMode(String),
    #[error("sslmode=verify-full needs sslrootcert=FILE, the authority that signed the database's certificate")]
    NoAuthority,
    #[error("cannot read the authority's certificate {path}: {why}")]
    Authority { path: PathBuf, why: String },
}

impl Database {
    /// Whether a text is meant as the URL of a database and not as a path.
    #[must_use]
    pub fn is_url(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    pub(super) fn config(&self, session: Session) -> Config {
        let mut config = self.config.clone();
        config.options(session.options());
        config
    }

    /// One connection, to be driven by the caller.
    pub(in crate::store) async fn connect(
        &self,
        session: Session,
    ) -> Result<(Client, Connection<Socket, Encrypted>), StoreError> {
        let connecting = self.config(session).connect(self.tls.clone()).await;
        connecting.map_err(|error| match StoreError::from(error) {
            StoreError::Unavailable(why) => StoreError::Unavailable(format!("{self}: {why}")),
            other => other,
        })
    }

    /// One connection, driven by a task that ends with it.
    pub(super) async fn client(&self, session: Session) -> Result<Client, StoreError> {
        let (client, connection) = self.connect(session).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the database ended");
            }
        });
        Ok(client)
    }

    pub(super) fn pool(&self) -> Result<Pool, StoreError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(self.config(Session::Serving), self.tls.clone(), recycling);
        Pool::builder(manager)
            .max_size(POOL_MAX)
            .wait_timeout(Some(POOL_WAIT))
            .create_timeout(Some(POOL_WAIT))
            .recycle_timeout(Some(POOL_WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

impl FromStr for Database {
    type Err = NotADatabase;

    fn from_str(text: &str) -> Result<Self, NotADatabase> {
        let (url, mut mode, mut authority) = (text.split('?').next().unwrap_or_default(), SslMode::Prefer, None);
        let (mut verify, mut kept) = (false, Vec::new());
        for part in text.split_once('?').map_or("", |(_, query)| query).split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("sslmode", "disable")) => mode = SslMode::Disable,
                Some(("sslmode", "prefer")) => mode = SslMode::Prefer,
                Some(("sslmode", "require")) => mode = SslMode::Require,
                Some(("sslmode", "verify-full")) => (mode, verify) = (SslMode::Require, true),
                Some(("sslmode", other)) => return Err(NotADatabase::SslMode(other.to_owned())),
                Some(("sslrootcert", path)) => authority = Some(PathBuf::from(path)),
                _ => kept.push(part),
            }
        }
        let plain = if kept.is_empty() { url.to_owned() } else { format!("{url}?{}", kept.join("&")) };
        let mut config: Config = plain.parse().map_err(NotADatabase::Url)?;
        let connect_wait = if config.get_hosts().len() > 1 { CONNECT_WAIT_EACH } else { CONNECT_WAIT };
        config
            .ssl_mode(mode)
            .application_name("trucban")
            .connect_timeout(connect_wait)
            .tcp_user_timeout(UNACKNOWLEDGED_WAIT)
            .keepalives_idle(Duration::from_secs(10));
        let tls = match (verify, authority) {
            (true, None) => return Err(NotADatabase::NoAuthority),
            // As libpq: an authority that is named is asked, also where the mode does not demand it.
            (_, Some(path)) => trusting(&path)?,
            (false, None) => trusting_anybody(),
        };
        Ok(Self { config, tls: MakeRustlsConnect::new(tls) })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("invariant: ring has cipher suites for the default versions")
}

fn trusting(path: &Path) -> Result<ClientConfig, NotADatabase> {
    let unreadable = |why: String| NotADatabase::Authority { path: path.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unreadable("no certificate in it".to_owned()));
    }
    Ok(builder().with_root_certificates(roots).with_no_client_auth())
}

fn trusting_anybody() -> ClientConfig {
    builder().dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider()))).with_no_client_auth()
}

/// `sslmode=require`: nobody reads along, but who answers is not asked.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_the_database_is_and_how_it_is_reached() {
        let database: Database = "postgres://duty:secret@db.example:5433/trucban?sslmode=require".parse().unwrap();
        assert_eq!(database.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(database.config.get_ports(), [5433]);
        assert!(!format!("{database:?} {database}").contains("secret"));
        assert_eq!(database.to_string(), "postgres://db.example:5433/trucban");
        let several: Database = "postgres://a:5433,b:5434,c/trucban".parse().unwrap();
        assert_eq!(several.to_string(), "postgres://a:5433,b:5434,c:5432/trucban");
        let one: Database = "postgres://a/trucban".parse().unwrap();
        assert_eq!(one.to_string(), "postgres://a:5432/trucban");
    }

    #[test]
    fn a_url_that_promises_more_than_is_kept_is_refused() {
        for (url, why) in [
            ("postgres://db/trucban?sslmode=verify-full", "sslrootcert"),
            ("postgres://db/trucban?sslmode=verify-ca", "verify-ca"),
            ("postgres://db/trucban?sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem"),
            ("postgres://db/trucban?nonsense=1", "postgres://user@host/name"),
        ] {
            let refused = url.parse::<Database>().unwrap_err().to_string();
            assert!(refused.contains(why), "{url}: {refused}");
        }
    }
}
