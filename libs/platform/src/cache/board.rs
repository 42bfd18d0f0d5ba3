//! A board in Redis: plain texts under plain keys, for other programs to read.
//!
//! **Invariants.** A text gives way only to one of a rank as high. Texts do not expire. A key that is one of our own
//! is never written, whoever thought of it.

use redis::Script;
use secrecy::ExposeSecret;

use super::link::Link;
use super::redis::VERSION_DIGITS;
use super::{CacheConfig, CacheError};
use crate::config::ConfigError;

/// What our own keys begin with after the prefix: the cache's, the locks', and the ranks of this.
const OURS: [&str; 4] = ["c:", "lock:", "fence:", "rank:"];

/// KEYS: the text's, its rank's. ARGV: the rank, which compares as text; the text, or nothing.
const SHOW: &str = r"
local held = redis.call('GET', KEYS[2])
if held and held > ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1";

/// How much a text counts against another under its key: the higher class, then the higher version, stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// 0 to 9.
    pub class: u8,
    /// 0 or more.
    pub version: i64,
}

/// Texts that other programs read.
pub struct Board {
    link: Link,
    prefix: String,
    show: Script,
}

impl Board {
    /// The one beside the configured cache; none when that is in this process, where no other program looks.
    pub fn connect(config: &CacheConfig) -> Result<Option<Self>, ConfigError> {
        if config.url.expose_secret() == "memory:" {
            return Ok(None);
        }
        Ok(Some(Self { link: Link::new(config)?, prefix: config.prefix.clone(), show: Script::new(SHOW) }))
    }

    /// Shows `text` under `key`, as it is and without prefix, or nothing if it is empty; says whether it does.
    pub async fn show(&self, key: &str, rank: Rank, text: &str) -> Result<bool, CacheError> {
        if self.is_ours(key) {
            return Ok(false);
        }
        let (class, version) = (rank.class.min(9), rank.version.max(0));
        let mut show = self.show.key(key);
        // The braces keep both on one node of a cluster.
        show.key(format!("{}rank:{{{key}}}", self.prefix));
        show.arg(format!("{class}{version:0VERSION_DIGITS$}")).arg(text);
        self.link.run(&show).await
    }

    fn is_ours(&self, key: &str) -> bool {
        key.strip_prefix(&self.prefix).is_some_and(|rest| OURS.iter().any(|ours| rest.starts_with(ours)))
    }
}
