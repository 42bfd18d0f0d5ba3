//! The cache in Redis.
//!
//! A key holds the version, as digits of fixed width, and right after it the value: one `GET` reads both,
//! and versions compare as text.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use deadpool_redis::{Config, Pool, PoolConfig, Runtime, Timeouts};
use redis::{FromRedisValue, Script, ScriptInvocation};
use secrecy::ExposeSecret;

use super::{Cache, CacheConfig, CacheError, Versioned};
use crate::config::ConfigError;
use crate::hosting::install_tls;

/// Digits of the largest version.
pub(super) const VERSION_DIGITS: usize = 19;

/// Keys looked at by one step of clearing: short enough not to hold up others' commands.
const SCAN_BATCH: usize = 500;

/// [`Versioned::replaces`], where it is atomic. ARGV: version digits, value, milliseconds.
const PUT: &str = r"
local held = redis.call('GET', KEYS[1])
if held then
  local version = string.sub(held, 1, #ARGV[1])
  if version > ARGV[1] then return 0 end
  if version == ARGV[1] and #ARGV[2] == 0 and #held > #ARGV[1] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
return 1";

pub(super) struct Redis {
    pool: Pool,
    limit: Duration,
    prefix: String,
    put: Script,
}

impl Redis {
    pub(super) fn new(config: &CacheConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            pool: pool(config)?,
            limit: Duration::from_millis(config.timeout_ms),
            prefix: format!("{}c:", config.prefix),
            put: Script::new(PUT),
        })
    }

    async fn clear_all(&self) -> Result<(), CacheError> {
        let mut connection = self.pool.get().await.map_err(unreachable)?;
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{}*", self.prefix)).arg("COUNT").arg(SCAN_BATCH);
            let step = scan.query_async::<(u64, Vec<String>)>(&mut connection);
            let (next, keys) = within(self.limit, step).await?;
            if !keys.is_empty() {
                let mut unlink = redis::cmd("UNLINK");
                unlink.arg(keys);
                within(self.limit, unlink.query_async::<()>(&mut connection)).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }
}

#[async_trait]
impl Cache for Redis {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, CacheError> {
        let work = async {
            let mut connection = self.pool.get().await.map_err(unreachable)?;
            let mut get = redis::cmd("GET");
            get.arg(format!("{}{key}", self.prefix));
            get.query_async::<Option<Vec<u8>>>(&mut connection).await.map_err(unreachable)
        };
        bounded(self.limit, work).await?.map(decode).transpose()
    }

    async fn put(&self, key: &str, value: Versioned, ttl: Duration) -> Result<bool, CacheError> {
        let mut put = self.put.key(format!("{}{key}", self.prefix));
        put.arg(format!("{:0VERSION_DIGITS$}", value.version.max(0)))
            .arg(value.bytes.as_ref())
            .arg(milliseconds(ttl));
        run(&self.pool, self.limit, &put).await
    }

    async fn clear(&self) -> Result<(), CacheError> {
        self.clear_all().await
    }

    fn shared(&self) -> bool {
        true
    }
}

fn decode(held: Vec<u8>) -> Result<Versioned, CacheError> {
    let (digits, _) = held.split_at_checked(VERSION_DIGITS).ok_or(CacheError::Foreign)?;
    let version = str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    let version = version.ok_or(CacheError::Foreign)?;
    Ok(Versioned { version, bytes: Bytes::from(held).slice(VERSION_DIGITS..) })
}

/// A pool for the configured server. It connects when it is first used.
pub(crate) fn pool(config: &CacheConfig) -> Result<Pool, ConfigError> {
    let url = config.url.expose_secret();
    if !url.starts_with("redis://") && !url.starts_with("rediss://") {
        return Err(ConfigError::new("cache.url", "must be memory:, redis:// or rediss://"));
    }
    // It goes into a pattern when keys are cleared, where other characters have a meaning.
    if config.prefix.contains(|c: char| !(c.is_ascii_alphanumeric() || "._:-".contains(c))) {
        return Err(ConfigError::new("cache.prefix", "may have letters, digits and . _ : - only"));
    }
    install_tls();
    let limit = Some(Duration::from_millis(config.timeout_ms));
    let mut settings = Config::from_url(url);
    settings.pool = Some(PoolConfig {
        max_size: config.max_connections,
        timeouts: Timeouts { wait: limit, create: limit, recycle: limit },
        ..PoolConfig::default()
    });
    // The error is not shown: it may hold the URL, and that a password.
    settings
        .create_pool(Some(Runtime::Tokio1))
        .map_err(|_| ConfigError::new("cache.url", "is not a Redis address"))
}

/// Runs a script within the limit.
pub(crate) async fn run<T: FromRedisValue>(
    pool: &Pool,
    limit: Duration,
    script: &ScriptInvocation<'_>,
) -> Result<T, CacheError> {
    let work = async {
        let mut connection = pool.get().await.map_err(unreachable)?;
        script.invoke_async(&mut connection).await.map_err(unreachable)
    };
    bounded(limit, work).await
}

/// A time to live, as Redis takes it: at least one, for it refuses none.
pub(crate) fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX >> 1).max(1)
}

async fn within<T>(
    limit: Duration,
    work: impl Future<Output = redis::RedisResult<T>>,
) -> Result<T, CacheError> {
    bounded(limit, async { work.await.map_err(unreachable) }).await
}

async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, CacheError>>,
) -> Result<T, CacheError> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(CacheError::Unreachable(format!("no answer within {limit:?}"))),
    }
}

fn unreachable(error: impl std::fmt::Display) -> CacheError {
    CacheError::Unreachable(error.to_string())
}
