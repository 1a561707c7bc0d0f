//! Connections that have shaken hands. Many shake hands beside each other, each for a bounded time, so that one that
//! is slow holds nobody up.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{AuthorityCertificate, Tls};
use crate::http::AUTHORITY_PATH;

/// Handshakes at the same time; the next ones wait in the kernel's queue.
const HANDSHAKES_MAX: usize = 512;
/// Longest that one may take.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// The first byte of a TLS connection: a record of the handshake.
const HANDSHAKE_RECORD: u8 = 0x16;
/// Most that is read of a request which came without TLS, bytes.
const PLAIN_BYTES_MAX: usize = 8 << 10;

/// Yields the connections of `tcp` that have shaken hands.
pub struct TlsListener<L> {
    tcp: L,
    hands: Hands,
    shaking: JoinSet<Option<(TlsStream<TcpStream>, SocketAddr)>>,
}

/// What a handshake needs.
#[derive(Clone)]
struct Hands {
    acceptor: TlsAcceptor,
    authority: Option<Arc<AuthorityCertificate>>,
}

impl<L> TlsListener<L> {
    /// `tcp` behind TLS.
    pub fn new(tcp: L, tls: &Tls) -> Self {
        let hands = Hands { acceptor: TlsAcceptor::from(Arc::clone(&tls.config)), authority: tls.authority() };
        Self { tcp, hands, shaking: JoinSet::new() }
    }
}

impl<L: Listener<Io = TcpStream, Addr = SocketAddr>> Listener for TlsListener<L> {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                Some(shaken) = self.shaking.join_next() => {
                    if let Ok(Some(connection)) = shaken {
                        return connection;
                    }
                }
                (connection, peer) = self.tcp.accept(), if self.shaking.len() < HANDSHAKES_MAX => {
                    let hands = self.hands.clone();
                    self.shaking.spawn(async move {
                        match tokio::time::timeout(HANDSHAKE_WAIT, hands.shake(connection)).await {
                            Ok(Ok(Some(connection))) => return Some((connection, peer)),
                            Ok(Ok(None)) => tracing::debug!(%peer, "somebody spoke without TLS"),
                            Ok(Err(error)) => tracing::debug!(%peer, %error, "a handshake failed"),
                            Err(_) => tracing::debug!(%peer, "a handshake took too long"),
                        }
                        None
                    });
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

impl Hands {
    /// The connection once it is encrypted; `None` for one that did not want to be, and got its answer.
    async fn shake(&self, mut connection: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        let mut first = [0];
        if connection.peek(&mut first).await? == 1 && first[0] != HANDSHAKE_RECORD {
            return self.answer_plain(&mut connection).await.map(|()| None);
        }
        self.acceptor.accept(connection).await.map(Some)
    }

    /// Answers HTTP without TLS: with the authority, which a telephone must have before it can speak TLS with us, else
    /// with a word of what is missing. Nobody is sent on to HTTPS: a program that sends its token in clear shall hear
    /// of it, not go on.
    async fn answer_plain(&self, connection: &mut TcpStream) -> io::Result<()> {
        let mut asked = Vec::with_capacity(1_024);
        while asked.len() < PLAIN_BYTES_MAX && !asked.windows(4).any(|end| end == b"\r\n\r\n") {
            if connection.read_buf(&mut asked).await? == 0 {
                break;
            }
        }
        let wants_authority = asked.strip_prefix(b"GET ").and_then(|rest| rest.strip_prefix(AUTHORITY_PATH.as_bytes()));
        let wants_authority = wants_authority.is_some_and(|rest| rest.first() == Some(&b' '));
        let (status, media, body) = match &self.authority {
            Some(authority) if wants_authority => ("200 OK", "application/x-x509-ca-cert", &authority.der[..]),
            _ => ("400 Bad Request", "text/plain; charset=utf-8", WANTS_TLS.as_bytes()),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {media}\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
             x-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).await?;
        connection.write_all(body).await?;
        connection.shutdown().await
    }
}

/// What somebody reads who asked without TLS.
const WANTS_TLS: &str = "Cổng này chỉ nhận kết nối mã hoá: hãy mở địa chỉ bắt đầu bằng https://\n\
                         This port takes encrypted connections alone: open the address that begins with https://\n";
