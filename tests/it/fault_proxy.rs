//! A way to the database that can be made bad: cut, silent, slow, closed on one side, or losing what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Open,
    /// Every connection ends, and none is made.
    Cut,
    /// Nothing comes through in either direction, and nobody is told.
    Silent,
    /// Everything comes so much later.
    Slow(Duration),
    /// What goes to the database arrives, what it answers does not; in the end the connection breaks.
    AnswersLost,
    /// The database's side of each connection is closed, the other is not.
    HalfClosed,
}

/// Listens on loopback until it is dropped.
pub struct Proxy {
    pub port: u16,
    way: watch::Sender<Way>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = watch::Sender::new(Way::Open);
        let watched = way.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watched.borrow() != Way::Cut {
                    tokio::spawn(carry(client, target, watched.subscribe()));
                }
            }
        });
        Self { port, way, task }
    }

    pub fn make(&self, way: Way) {
        self.way.send_replace(way);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.way.send_replace(Way::Cut);
    }
}

async fn carry(client: TcpStream, target: SocketAddr, mut way: watch::Receiver<Way>) {
    // A silent way does not even let a connection be made.
    if way.wait_for(|way| *way != Way::Silent).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    for side in [&client, &server] {
        side.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = forward(from_client, to_server, way.clone(), false) => {}
        () = forward(from_server, to_client, way.clone(), true) => {}
        _ = way.wait_for(|way| *way == Way::Cut) => {}
    }
}

/// Carries one direction until it ends.
async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>, is_answer: bool) {
    let (mut bytes, mut is_torn) = (vec![0; 64 << 10], false);
    loop {
        let present = *way.borrow_and_update();
        let read = tokio::select! {
            changed = way.changed() => {
                // What follows lost bytes never comes on the same connection.
                if changed.is_err() || is_torn {
                    return;
                }
                if is_answer && *way.borrow() == Way::HalfClosed {
                    let _ = to.shutdown().await;
                    // The other direction stays, until the client gives it up.
                    return std::future::pending().await;
                }
                continue;
            }
            read = from.read(&mut bytes), if present != Way::Silent => read,
        };
        let Ok(read @ 1..) = read else { return };
        if let Way::Slow(later) = present {
            tokio::time::sleep(later).await;
        }
        if is_answer && present == Way::AnswersLost {
            is_torn = true;
            continue;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
