//! The locks in Redis, each on one server, in a cluster on one node: no Redlock.

use std::time::Duration;

use async_trait::async_trait;
use redis::Script;

use super::{Lease, Lock, LockError};
use crate::cache::{CacheConfig, Link, milliseconds};
use crate::config::ConfigError;

/// The fence is the server's clock in microseconds, or one more than the last: it rises even when the
/// server has lost everything. As text, because Lua's numbers print in short. ARGV: milliseconds.
const ACQUIRE: &str = r"
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local fence = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if fence <= last then fence = last + 1 end
local text = string.format('%.0f', fence)
redis.call('SET', KEYS[2], text, 'PX', 86400000)
redis.call('SET', KEYS[1], text, 'PX', ARGV[1])
return text";

/// ARGV: the fence of the lease that is given back.
const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0";

pub(super) struct Redis {
    link: Link,
    prefix: String,
    acquire: Script,
    release: Script,
}

impl Redis {
    pub(super) fn new(config: &CacheConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            link: Link::new(config)?,
            prefix: config.prefix.clone(),
            acquire: Script::new(ACQUIRE),
            release: Script::new(RELEASE),
        })
    }

    /// The braces keep a lock and its fence on one node of a cluster.
    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}{kind}:{{{name}}}", self.prefix)
    }
}

#[async_trait]
impl Lock for Redis {
    async fn acquire(&self, name: &str, lease: Duration) -> Result<Option<Lease>, LockError> {
        let mut script = self.acquire.key(self.key("lock", name));
        script.key(self.key("fence", name)).arg(milliseconds(lease));
        let fence: i64 = self.link.run(&script).await.map_err(unreachable)?;
        Ok((fence > 0).then(|| Lease { name: name.to_owned(), fence }))
    }

    async fn release(&self, lease: &Lease) -> Result<(), LockError> {
        let mut script = self.release.key(self.key("lock", &lease.name));
        script.arg(lease.fence);
        self.link.run::<i64>(&script).await.map(|_| ()).map_err(unreachable)
    }
}

fn unreachable(error: impl std::fmt::Display) -> LockError {
    LockError(error.to_string())
}
