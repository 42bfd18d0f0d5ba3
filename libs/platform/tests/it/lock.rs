//! Locks, the same in Redis, in a cluster of them and in the process.

use std::sync::Arc;
use std::time::Duration;

use platform::lock::{self, Lock};
use rstest::rstest;
use testkit::eventually;

use crate::LIMIT;
use crate::places::{Kind, Place};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

async fn lock(kind: Kind) -> (Place, Arc<dyn Lock>) {
    let place = Place::of(kind).await;
    let lock = lock::connect(&place.config).unwrap();
    (place, lock)
}

#[rstest]
#[tokio::test]
async fn of_many_who_try_at_once_one_gets_it(#[values(Kind::Memory, Kind::Redis, Kind::Cluster)] kind: Kind) {
    let (_place, lock) = lock(kind).await;
    let tries = futures::future::try_join_all((0..50).map(|_| lock.acquire("a", LONG))).await.unwrap();
    assert_eq!(tries.iter().flatten().count(), 1);
    assert!(lock.acquire("b", LONG).await.unwrap().is_some(), "another name is another lock");
}

#[rstest]
#[tokio::test]
async fn what_is_given_back_can_be_had_with_a_higher_fence(
    #[values(Kind::Memory, Kind::Redis, Kind::Cluster)] kind: Kind,
) {
    let (_place, lock) = lock(kind).await;
    let first = lock.acquire("a", LONG).await.unwrap().unwrap();
    lock.release(&first).await.unwrap();
    let second = lock.acquire("a", LONG).await.unwrap().unwrap();
    assert!(second.fence > first.fence);
}

#[rstest]
#[tokio::test]
async fn a_lease_runs_out_and_its_holder_cannot_give_back_the_next(
    #[values(Kind::Memory, Kind::Redis, Kind::Cluster)] kind: Kind,
) {
    let (_place, lock) = lock(kind).await;
    let first = lock.acquire("a", SHORT).await.unwrap().unwrap();
    let second =
        eventually("the lease runs out", LIMIT, async || lock.acquire("a", LONG).await.unwrap()).await;
    assert!(second.fence > first.fence);
    lock.release(&first).await.unwrap();
    assert_eq!(lock.acquire("a", LONG).await.unwrap(), None, "the second still has it");
}
