//! Answers that take long, worked out once for everybody who asks at about the same time.

use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

use crate::error::Error;

/// An answer is used so many times as long as it took, if that is longer than it would be otherwise: making it takes no
/// more than a tenth of the time.
const TIMES_ITS_COST: u32 = 10;

/// The answers of late, by what was asked.
pub(crate) struct Brief<K, V> {
    kept: Cache<K, Kept<V>>,
    ttl: Duration,
}

/// An answer, and how long it is used.
struct Kept<V> {
    answer: Arc<V>,
    lasts: Duration,
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Kept<V> {
        Kept { answer: Arc::clone(&self.answer), lasts: self.lasts }
    }
}

struct AsLongAsItLasts;

impl<K, V> Expiry<K, Kept<V>> for AsLongAsItLasts {
    fn expire_after_create(&self, _: &K, kept: &Kept<V>, _: Instant) -> Option<Duration> {
        Some(kept.lasts)
    }
}

impl<K, V> Brief<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// At most so many answers, each used for `ttl` or longer; one that is not kept only costs its making.
    pub(crate) fn new(most: u64, ttl: Duration) -> Brief<K, V> {
        Brief { kept: Cache::builder().max_capacity(most).expire_after(AsLongAsItLasts).build(), ttl }
    }

    /// The answer to a question, made by one of those who ask.
    pub(crate) async fn of(
        &self,
        asked: K,
        make: impl Future<Output = Result<V, Error>>,
    ) -> Result<Arc<V>, Error> {
        let make = async {
            let began = Instant::now();
            let answer = Arc::new(make.await?);
            Ok::<_, Error>(Kept { answer, lasts: self.ttl.max(began.elapsed() * TIMES_ITS_COST) })
        };
        Ok(self.kept.try_get_with(asked, make).await?.answer)
    }
}
