//! The cache in Redis, one server or a cluster.
//!
//! A key holds the version, as digits of fixed width, and right after it the value: one `GET` reads both,
//! and versions compare as text. A script touches one key, and so one node.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, FromRedisValue, RedisResult, Script, Value};

use super::link::{Connection, Link};
use super::{Cache, CacheConfig, CacheError, Versioned};
use crate::config::ConfigError;

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
    link: Link,
    prefix: String,
    put: Script,
}

impl Redis {
    pub(super) fn new(config: &CacheConfig) -> Result<Self, ConfigError> {
        Ok(Self { link: Link::new(config)?, prefix: format!("{}c:", config.prefix), put: Script::new(PUT) })
    }

    /// Unlinks what one step of scanning finds on a node; where the next one begins, 0 when there is none.
    async fn clear_some(&self, node: Option<&Node>, cursor: u64) -> Result<u64, CacheError> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{}*", self.prefix)).arg("COUNT").arg(SCAN_BATCH);
        let work = async |mut connection| {
            let (next, keys): (u64, Vec<String>) = match (&mut connection, node) {
                (Connection::Cluster(connection), Some(node)) => node.ask(connection, scan).await?,
                _ => scan.query_async(&mut connection).await?,
            };
            if !keys.is_empty() {
                // In a cluster the client sends each node its own.
                redis::cmd("UNLINK").arg(keys).query_async::<()>(&mut connection).await?;
            }
            Ok(next)
        };
        self.link.ask(work).await
    }
}

#[async_trait]
impl Cache for Redis {
    async fn get(&self, key: &str) -> Result<Option<Versioned>, CacheError> {
        let mut get = redis::cmd("GET");
        get.arg(format!("{}{key}", self.prefix));
        let held = self.link.ask(async |mut connection| get.query_async(&mut connection).await).await?;
        Option::<Vec<u8>>::map(held, decode).transpose()
    }

    async fn put(&self, key: &str, value: Versioned, ttl: Duration) -> Result<bool, CacheError> {
        let mut put = self.put.key(format!("{}{key}", self.prefix));
        put.arg(format!("{:0VERSION_DIGITS$}", value.version.max(0)))
            .arg(value.bytes.as_ref())
            .arg(milliseconds(ttl));
        self.link.run(&put).await
    }

    async fn clear(&self) -> Result<(), CacheError> {
        let nodes = self.link.ask(async |connection| nodes(connection).await).await?;
        for node in nodes {
            let mut cursor = 0;
            loop {
                cursor = self.clear_some(node.as_ref(), cursor).await?;
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// A node of a cluster that owns keys.
struct Node {
    host: String,
    port: u16,
}

impl Node {
    async fn ask<T: FromRedisValue>(&self, cluster: &mut ClusterConnection, command: Cmd) -> RedisResult<T> {
        let address = SingleNodeRoutingInfo::ByAddress { host: self.host.clone(), port: self.port };
        let answer = cluster.route_command(command, RoutingInfo::SingleNode(address)).await?;
        Ok(T::from_redis_value(answer)?)
    }
}

/// The nodes that own keys; of a single server, itself without an address.
async fn nodes(connection: Connection) -> RedisResult<Vec<Option<Node>>> {
    let Connection::Cluster(mut connection) = connection else { return Ok(vec![None]) };
    // From, to, the owner, and others that copy it.
    let ranges: Vec<Vec<Value>> = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
    let mut nodes: Vec<(String, u16)> = Vec::new();
    for owner in ranges.into_iter().filter_map(|range| range.into_iter().nth(2)) {
        let address: Vec<Value> = FromRedisValue::from_redis_value(owner)?;
        let [host, port, ..] = &address[..] else { continue };
        nodes
            .push((FromRedisValue::from_redis_value_ref(host)?, FromRedisValue::from_redis_value_ref(port)?));
    }
    nodes.sort_unstable();
    nodes.dedup();
    Ok(nodes.into_iter().map(|(host, port)| Some(Node { host, port })).collect())
}

fn decode(held: Vec<u8>) -> Result<Versioned, CacheError> {
    let (digits, _) = held.split_at_checked(VERSION_DIGITS).ok_or(CacheError::Foreign)?;
    let version = str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    let version = version.ok_or(CacheError::Foreign)?;
    Ok(Versioned { version, bytes: Bytes::from(held).slice(VERSION_DIGITS..) })
}

/// A time to live, as Redis takes it: at least one, for it refuses none.
pub(crate) fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX >> 1).max(1)
}
