//! The order of the feed where commits are not in the order of their transactions' numbers.

use domain::ItemId;
use rstest::rstest;
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use std::time::Duration;
use testkit::Backend;

use crate::listener::{Listener, Said, Wire};
use crate::stand::{Stand, open_with};

const QUIET: Duration = Duration::from_millis(500);

/// A transaction that has its number.
async fn numbered(stand: &Stand) -> DatabaseTransaction {
    let open = stand.db.begin().await.unwrap();
    open.execute_unprepared("SELECT pg_current_xact_id()").await.unwrap();
    open
}

/// Records the item's version in an open transaction, as a lane would whose commit takes long.
async fn records(open: &DatabaseTransaction, item: ItemId, version: i64) {
    let row = format!(
        "INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place, to_place,
             to_warehouse_id, created_by, role, command_id, recorded_at)
         SELECT '{item}', {version}, 'increased', 1, 'adjustment', 'available', id, 'anna', 'admin',
             gen_random_uuid(), clock_timestamp() FROM warehouses WHERE code = 'main'"
    );
    open.execute_unprepared(&row).await.unwrap();
}

async fn listening(stand: &Stand) -> Listener {
    let mut listener = Listener::new(Wire::Events, "");
    listener.connect(&stand.server()).await;
    assert!(matches!(listener.next().await, Some(Said::Beat)));
    listener
}

#[tokio::test]
async fn a_late_commit_is_never_skipped() {
    let stand = open_with(Backend::Real, &[("feed.heartbeat_ms", "50")]).await;
    let (tea, mug) = (stand.item("TEA", 9).await, stand.item("MUG", 9).await);
    let mut listener = listening(&stand).await;
    let late = numbered(&stand).await;
    records(&late, tea, 3).await;
    let sold = stand.sell(mug, 1).await;
    assert!(listener.hears_nothing(QUIET).await, "nothing is told that something may come before");
    let resumed = listener.last.clone();
    late.commit().await.unwrap();
    listener.hears("MUG", sold).await;
    assert_eq!(listener.heard["TEA"], [3]);

    let replica = stand.mortal().await;
    let server = crate::listener::Server { url: replica.url.clone(), calls_url: replica.calls_url.clone() };
    let mut other = Listener::new(Wire::Events, "");
    other.last = resumed;
    other.connect(&server).await;
    other.hears("MUG", sold).await;
    assert_eq!((other.heard["TEA"].as_slice(), other.heard["MUG"].as_slice()), (&[3][..], &[sold][..]));
}

#[rstest]
#[case::at_once(false)]
#[case::resumed_in_between(true)]
#[tokio::test]
async fn an_items_versions_are_in_order_although_the_later_has_the_lower_number(#[case] resumes: bool) {
    let stand = open_with(Backend::Real, &[("feed.heartbeat_ms", "50")]).await;
    let (tea, mug) = (stand.item("TEA", 9).await, stand.item("MUG", 9).await);
    let mut listener = listening(&stand).await;
    // It has its number, and waits for its turn at the item.
    let waits = numbered(&stand).await;
    assert_eq!(stand.sell(tea, 1).await, 3);
    records(&waits, tea, 4).await;
    let sold = stand.sell(mug, 1).await;
    waits.commit().await.unwrap();
    if resumes {
        listener.hears("TEA", 3).await;
        listener.cut();
        let replica = stand.mortal().await;
        let server =
            crate::listener::Server { url: replica.url.clone(), calls_url: replica.calls_url.clone() };
        listener.connect(&server).await;
        listener.hears("MUG", sold).await;
    } else {
        listener.hears("MUG", sold).await;
    }
    assert_eq!(listener.heard["TEA"], [3, 4]);
    assert_eq!(listener.heard["MUG"], [sold]);
}
