//! The way to Redis: one server or a cluster, as the URL's scheme says.
//!
//! Connections are few and shared: each carries any number of commands at once, so many that are asked together go out
//! together. **Invariants.** Nothing waits longer than the limit. Once Redis failed it is left alone for a moment, and
//! then one caller tries: an outage costs the limit once a moment, not once a question.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deadpool_redis::{Config, PoolConfig, Runtime, Timeouts, cluster};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, FromRedisValue, Pipeline, RedisFuture, ScriptInvocation, Value};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use super::{CacheConfig, CacheError};
use crate::config::ConfigError;
use crate::hosting::install_tls;

/// Schemes of a single server, which the client knows.
const SINGLE: [&str; 2] = ["redis", "rediss"];

/// Schemes of a cluster, and those by which the client knows its nodes.
const CLUSTER: [(&str, &str); 2] = [("redis-cluster", "redis"), ("rediss-cluster", "rediss")];

/// A way to the configured Redis. It connects when it is first used.
pub(crate) struct Link {
    pool: Pool,
    /// Connections in use, or where one will be.
    shared: Vec<Mutex<Option<Shared>>>,
    turn: AtomicUsize,
    limit: Duration,
    outage: Outage,
}

enum Pool {
    Single(deadpool_redis::Pool),
    Cluster(cluster::Pool),
}

/// A connection of the pool that many use.
#[derive(Clone)]
enum Shared {
    Single(Arc<deadpool_redis::Connection>),
    Cluster(Arc<cluster::Connection>),
}

/// One's share of a connection.
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(crate) fn new(config: &CacheConfig) -> Result<Link, ConfigError> {
        // It goes into a pattern when keys are cleared, where other characters have a meaning.
        if config.prefix.contains(|c: char| !(c.is_ascii_alphanumeric() || "._:-".contains(c))) {
            return Err(ConfigError::new("cache.prefix", "may have letters, digits and . _ : - only"));
        }
        install_tls();
        let connections = config.max_connections.max(1);
        Ok(Link {
            pool: Pool::new(config, connections)?,
            shared: (0..connections).map(|_| Mutex::default()).collect(),
            turn: AtomicUsize::new(0),
            limit: Duration::from_millis(config.timeout_ms),
            outage: Outage::new(Duration::from_millis(config.down_pause_ms)),
        })
    }

    /// Runs a script within the limit.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, CacheError> {
        self.ask(async |mut connection| script.invoke_async(&mut connection).await).await
    }

    /// Asks within the limit.
    pub(super) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(Connection) -> redis::RedisResult<T>,
    ) -> Result<T, CacheError> {
        if !self.outage.may_try() {
            return Err(CacheError::Unreachable("it failed a moment ago".to_owned()));
        }
        let slot = &self.shared[self.turn.fetch_add(1, Ordering::Relaxed) % self.shared.len()];
        let asked = tokio::time::timeout(self.limit, async {
            let connection = self.connection(slot).await?;
            Ok::<_, CacheError>(question(connection).await)
        });
        let failure = match asked.await {
            Ok(Ok(Ok(answer))) => {
                self.outage.over();
                return Ok(answer);
            }
            // The server's own word: it is there, and does not take this one.
            Ok(Ok(Err(error))) if error.code().is_some() => return Err(unreachable(error)),
            Ok(Ok(Err(error))) => unreachable(error),
            Ok(Err(failure)) => failure,
            Err(_) => CacheError::Unreachable(format!("no answer within {:?}", self.limit)),
        };
        self.outage.began();
        // The next one connects anew. Not waited for: whoever has it is about to find out too.
        if let Ok(mut slot) = slot.try_lock() {
            *slot = None;
        }
        Err(failure)
    }

    /// One's share of the connection in `slot`, which is made by the first who needs it.
    async fn connection(&self, slot: &Mutex<Option<Shared>>) -> Result<Connection, CacheError> {
        let mut slot = slot.lock().await;
        let shared = match &*slot {
            Some(shared) => shared.clone(),
            None => slot.insert(self.pool.get().await?).clone(),
        };
        Ok(match shared {
            Shared::Single(shared) => Connection::Single(MultiplexedConnection::clone(&shared)),
            Shared::Cluster(shared) => Connection::Cluster(ClusterConnection::clone(&shared)),
        })
    }
}

impl Pool {
    fn new(config: &CacheConfig, connections: usize) -> Result<Pool, ConfigError> {
        // Errors of the client are not shown: they may hold the URL, and that a password.
        let wrong = || ConfigError::new("cache.url", "is not a Redis address");
        let limit = Some(Duration::from_millis(config.timeout_ms));
        let timeouts = Timeouts { wait: limit, create: limit, recycle: limit };
        let settings = PoolConfig { max_size: connections, timeouts, ..PoolConfig::default() };
        let url = config.url.expose_secret();
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        if SINGLE.contains(&scheme) {
            let config = Config { pool: Some(settings), ..Config::from_url(url) };
            return config.create_pool(Some(Runtime::Tokio1)).map(Pool::Single).map_err(|_| wrong());
        }
        let Some((_, scheme)) = CLUSTER.iter().find(|(ours, _)| *ours == scheme) else {
            let schemes = "must be memory:, redis://, rediss://, redis-cluster:// or rediss-cluster://";
            return Err(ConfigError::new("cache.url", schemes));
        };
        let config =
            cluster::Config { pool: Some(settings), ..cluster::Config::from_urls(nodes(scheme, rest)) };
        config.create_pool(Some(Runtime::Tokio1)).map(Pool::Cluster).map_err(|_| wrong())
    }

    async fn get(&self) -> Result<Shared, CacheError> {
        Ok(match self {
            Pool::Single(pool) => Shared::Single(Arc::new(pool.get().await.map_err(unreachable)?)),
            Pool::Cluster(pool) => Shared::Cluster(Arc::new(pool.get().await.map_err(unreachable)?)),
        })
    }
}

/// The URL of each node of `user:password@host:port,host:port/`; the first part is for all of them.
fn nodes(scheme: &str, rest: &str) -> Vec<String> {
    let (user, hosts) = match rest.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), rest),
    };
    let hosts = hosts.trim_end_matches('/').split(',');
    hosts.map(|host| format!("{scheme}://{user}{host}/")).collect()
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Connection::Single(connection) => connection.req_packed_command(command),
            Connection::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Connection::Single(connection) => connection.req_packed_commands(commands, offset, count),
            Connection::Cluster(connection) => connection.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Connection::Single(connection) => connection.get_db(),
            Connection::Cluster(connection) => connection.get_db(),
        }
    }
}

/// When Redis, which failed, is to be tried again.
struct Outage {
    began: Instant,
    /// Milliseconds from then; 0 while there is no outage.
    try_at: AtomicU64,
    pause: u64,
}

impl Outage {
    fn new(pause: Duration) -> Outage {
        Outage { began: Instant::now(), try_at: AtomicU64::new(0), pause: pause.as_millis() as u64 }
    }

    /// Whether there is no outage, or it is this caller's turn to find out whether it is over.
    fn may_try(&self) -> bool {
        let (now, try_at) = (self.now(), self.try_at.load(Ordering::Relaxed));
        let (next, order) = (now + self.pause, Ordering::Relaxed);
        try_at == 0 || (now >= try_at && self.try_at.compare_exchange(try_at, next, order, order).is_ok())
    }

    fn began(&self) {
        self.try_at.store((self.now() + self.pause).max(1), Ordering::Relaxed);
    }

    fn over(&self) {
        if self.try_at.load(Ordering::Relaxed) != 0 {
            self.try_at.store(0, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}

pub(super) fn unreachable(error: impl std::fmt::Display) -> CacheError {
    CacheError::Unreachable(error.to_string())
}
