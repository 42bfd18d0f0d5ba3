//! Where caches and locks are: in the process, in Redis, in a cluster.

use platform::cache::CacheConfig;
use testkit::servers::RedisCluster;
use testkit::{Backend, Stage};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Redis,
    Cluster,
}

/// A place that no other test has, and how to get there.
pub(crate) struct Place {
    pub(crate) config: CacheConfig,
    _stage: Stage,
    _cluster: Option<RedisCluster>,
}

impl Place {
    pub(crate) async fn of(kind: Kind) -> Place {
        let backend = if kind == Kind::Redis { Backend::Real } else { Backend::Embedded };
        let stage = Stage::new(backend).await;
        let mut config = crate::cache_config(&stage);
        let cluster = (kind == Kind::Cluster).then(|| RedisCluster::start().unwrap());
        if let Some(cluster) = &cluster {
            config.url = cluster.url().into();
        }
        Place { config, _stage: stage, _cluster: cluster }
    }
}
