//! Locks, the same in Redis and in the process.

use std::sync::Arc;
use std::time::Duration;

use platform::lock::{self, Lock};
use rstest::rstest;
use testkit::{Backend, Stage, eventually};

use crate::{LIMIT, cache_config};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

async fn lock(backend: Backend) -> (Stage, Arc<dyn Lock>) {
    let stage = Stage::new(backend).await;
    let lock = lock::connect(&cache_config(&stage)).unwrap();
    (stage, lock)
}

#[rstest]
#[tokio::test]
async fn of_many_who_try_at_once_one_gets_it(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let (_stage, lock) = lock(backend).await;
    let tries = futures::future::try_join_all((0..50).map(|_| lock.acquire("a", LONG))).await.unwrap();
    assert_eq!(tries.iter().flatten().count(), 1);
    assert!(lock.acquire("b", LONG).await.unwrap().is_some(), "another name is another lock");
}

#[rstest]
#[tokio::test]
async fn what_is_given_back_can_be_had_with_a_higher_fence(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (_stage, lock) = lock(backend).await;
    let first = lock.acquire("a", LONG).await.unwrap().unwrap();
    lock.release(&first).await.unwrap();
    let second = lock.acquire("a", LONG).await.unwrap().unwrap();
    assert!(second.fence > first.fence);
}

#[rstest]
#[tokio::test]
async fn a_lease_runs_out_and_its_holder_cannot_give_back_the_next(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let (_stage, lock) = lock(backend).await;
    let first = lock.acquire("a", SHORT).await.unwrap().unwrap();
    let second =
        eventually("the lease runs out", LIMIT, async || lock.acquire("a", LONG).await.unwrap()).await;
    assert!(second.fence > first.fence);
    lock.release(&first).await.unwrap();
    assert_eq!(lock.acquire("a", LONG).await.unwrap(), None, "the second still has it");
}
