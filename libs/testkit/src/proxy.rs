//! A TCP proxy on loopback that fails as networks do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One read's worth; a proxy for tests need not be fast.
const CHUNK: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Fair,
    Stalled,
    Cut,
}

/// What connections share: what becomes of bytes now, and whose reply is to be lost.
#[derive(Debug)]
struct Shared {
    weather: watch::Sender<Weather>,
    needle: Mutex<Option<Vec<u8>>>,
    /// Milliseconds that a reply is held back at most.
    delay: AtomicU64,
    counted: Mutex<Counted>,
}

/// What is looked for in requests, and in how many it was.
#[derive(Debug, Default)]
struct Counted {
    needle: Vec<u8>,
    requests: usize,
}

/// A proxy in front of one server. Connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of loopback, in front of the server that `url` names with host and port.
    ///
    /// # Errors
    ///
    /// When the URL names no port or there is nothing to listen on.
    #[expect(clippy::disallowed_methods, reason = "it ends with the proxy, which is for tests")]
    pub async fn before(url: &str) -> Result<Proxy> {
        let server = authority(url).context("a URL with host:port")?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (weather, _) = watch::channel(Weather::Fair);
        let shared = Arc::new(Shared {
            weather,
            needle: Mutex::new(None),
            delay: AtomicU64::new(0),
            counted: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&shared)));
        Ok(Proxy { address, shared, accepting })
    }

    /// The same URL, but through this proxy.
    ///
    /// # Panics
    ///
    /// When the URL has no host:port.
    #[must_use]
    pub fn url(&self, original: &str) -> String {
        let server = authority(original).expect("a URL with host:port");
        original.replacen(server, &self.address.to_string(), 1)
    }

    /// Closes every connection, and each new one at once, until [`Proxy::heal`].
    pub fn cut(&self) {
        self.shared.weather.send_replace(Weather::Cut);
    }

    /// Passes nothing on and closes nothing, as a network that swallows packets, until [`Proxy::heal`].
    pub fn stall(&self) {
        self.shared.weather.send_replace(Weather::Stalled);
    }

    /// Passes everything on again.
    pub fn heal(&self) {
        self.shared.weather.send_replace(Weather::Fair);
    }

    /// From now on holds back what the server says, each time for a while of its own, up to so many milliseconds.
    pub fn delay_up_to(&self, ms: u64) {
        self.shared.delay.store(ms, Ordering::Relaxed);
    }

    /// From now on counts the packets of requests that contain `needle`.
    pub fn count(&self, needle: &[u8]) {
        *self.shared.counted() = Counted { needle: needle.to_vec(), requests: 0 };
    }

    /// How many there were.
    #[must_use]
    pub fn counted(&self) -> usize {
        self.shared.counted().requests
    }

    /// Once: passes on the next request that contains `needle` within one packet, then swallows the
    /// server's reply to it and closes that connection.
    pub fn lose_reply_to(&self, needle: &[u8]) {
        *self.shared.needle.lock().unwrap_or_else(PoisonError::into_inner) = Some(needle.to_vec());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.weather.send_replace(Weather::Cut);
    }
}

#[expect(clippy::disallowed_methods, reason = "each ends with its connection or with the proxy")]
async fn accept(listener: TcpListener, server: String, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(relay(client, server.clone(), Arc::clone(&shared)));
    }
}

/// One connection, until either side closes it or the weather does.
async fn relay(client: TcpStream, server: String, shared: Arc<Shared>) {
    if !fair(&mut shared.weather.subscribe()).await {
        return;
    }
    let Ok(upstream) = TcpStream::connect(&server).await else { return };
    let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = upstream.into_split();
    let lost = watch::Sender::new(false);
    let mut losing = lost.subscribe();
    let requests = pump(from_client, to_server, &shared, false, |bytes| {
        shared.counted().see(bytes);
        if shared.is_needle_in(bytes) {
            lost.send_replace(true);
        }
        true
    });
    let replies = pump(from_server, to_client, &shared, true, |_| !*losing.borrow_and_update());
    tokio::select! {
        () = requests => {}
        () = replies => {}
    }
}

/// Passes bytes on in one direction while `pass` says so, replies not before their time.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
    holds_back: bool,
    mut pass: impl FnMut(&[u8]) -> bool,
) {
    let mut weather = shared.weather.subscribe();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            read = from.read(&mut chunk) => read,
            _ = weather.wait_for(|now| *now == Weather::Cut) => return,
        };
        let Ok(length @ 1..) = read else { return };
        if holds_back {
            shared.hold_back().await;
        }
        if !fair(&mut weather).await
            || !pass(&chunk[..length])
            || to.write_all(&chunk[..length]).await.is_err()
        {
            return;
        }
    }
}

/// Waits out a stall; false when the connection is to be cut.
async fn fair(weather: &mut watch::Receiver<Weather>) -> bool {
    weather.wait_for(|now| *now != Weather::Stalled).await.is_ok_and(|now| *now == Weather::Fair)
}

impl Counted {
    fn see(&mut self, bytes: &[u8]) {
        let is_looked_for = !self.needle.is_empty();
        if is_looked_for && bytes.windows(self.needle.len()).any(|part| part == self.needle) {
            self.requests += 1;
        }
    }
}

impl Shared {
    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn hold_back(&self) {
        let longest = self.delay.load(Ordering::Relaxed);
        if longest > 0 {
            tokio::time::sleep(Duration::from_millis(rand::random_range(0..=longest))).await;
        }
    }

    /// Whether these bytes hold what is looked for, which then is no more.
    fn is_needle_in(&self, bytes: &[u8]) -> bool {
        let mut needle = self.needle.lock().unwrap_or_else(PoisonError::into_inner);
        let found = needle
            .as_ref()
            .is_some_and(|wanted| bytes.windows(wanted.len().max(1)).any(|part| part == wanted));
        if found {
            *needle = None;
        }
        found
    }
}

/// The `host:port` of a URL.
fn authority(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?']).next()?;
    let server = authority.rsplit_once('@').map_or(authority, |parts| parts.1);
    server.contains(':').then_some(server)
}
