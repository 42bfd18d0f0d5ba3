//! The outbox and its relay: no event without a commit, no commit without its events.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use events::{
    CatalogUpdated, Envelope, Event, Subscription, Verdict,
    outbox::{Entry, Parcel, Relay, enqueue},
};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, TransactionTrait};
use testkit::{Backend, eventually, proxy::Proxy};
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    inbox::{database, empty_database},
    stand::{LIMIT, Recorder, Stand},
};

/// An event that only stock-updater consumes.
fn entry(supplier: &str) -> Entry {
    let at = DateTime::from_timestamp(1_767_614_400, 0).unwrap();
    let event = Event::SupplierCatalogUpdated(CatalogUpdated {
        supplier_id: supplier.to_owned(),
        supplier_name: None,
        products_updated: vec![],
        products: vec![],
        sync_run_id: Uuid::now_v7(),
        timestamp: at,
    });
    Entry::new("/onhand/supplier-sync", event, at, Some("00-trace-01".to_owned()))
}

fn entries(count: usize) -> Vec<Entry> {
    (0..count).map(|n| entry(&n.to_string())).collect()
}

fn ids(entries: &[Entry]) -> BTreeSet<String> {
    entries.iter().map(|entry| entry.id.to_string()).collect()
}

async fn commit(db: &DatabaseConnection, entries: Vec<Entry>) {
    let tx = db.begin().await.unwrap();
    enqueue(&tx, entries).await.unwrap();
    tx.commit().await.unwrap();
}

/// Many transactions of 20 events each.
async fn commit_apart(db: &DatabaseConnection, entries: &[Entry]) {
    for some in entries.chunks(20) {
        commit(db, some.to_vec()).await;
    }
}

async fn left(db: &DatabaseConnection) -> i64 {
    let count = Statement::from_string(
        db.get_database_backend(),
        "SELECT CAST(coalesce(sum(messages), 0) AS bigint) AS n FROM outbox",
    );
    db.query_one_raw(count).await.unwrap().unwrap().try_get("", "n").unwrap()
}

async fn is_empty(db: &DatabaseConnection) {
    eventually("the outbox is empty", LIMIT, async || (left(db).await == 0).then_some(())).await;
}

struct Relaying {
    wake: Arc<Notify>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn relay(stand: &Stand, db: &DatabaseConnection) -> Relaying {
    let (wake, stop) = (Arc::new(Notify::new()), stand.stop.child_token());
    let relay = Relay::new("test", db.clone(), Arc::clone(&stand.bus), Arc::clone(&wake));
    Relaying { wake, task: tokio::spawn(relay.run(stop.clone())), stop }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_published_and_what_is_rolled_back_is_not(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let db = database(&stand.stage).await;
    let consumer = stand.durable("stock-updater");
    let relaying = relay(&stand, &db);
    let tx = db.begin().await.unwrap();
    enqueue(&tx, entries(3)).await.unwrap();
    tx.rollback().await.unwrap();
    let committed = entry("abc");
    commit(&db, vec![committed.clone()]).await;
    relaying.wake.notify_one();
    is_empty(&db).await;
    let message = consumer.has(1).await.remove(0).message;
    assert_eq!(consumer.ids(), [committed.id.to_string()]);
    assert_eq!(message.routing_key, "supplier_catalog_updated");
    assert_eq!(message.traceparent.as_deref(), Some("00-trace-01"));
    assert_eq!(message.body, committed.body.to_json());
    assert_eq!(Envelope::parse(&message.body).unwrap().id, committed.id);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_woke_nobody_is_found_all_the_same(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let db = database(&stand.stage).await;
    let consumer = stand.durable("stock-updater");
    let _relaying = relay(&stand, &db);
    commit(&db, entries(1)).await;
    is_empty(&db).await;
    commit(&db, entries(1)).await;
    is_empty(&db).await;
    consumer.has(2).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn rows_stay_while_the_bus_is_down_and_leave_when_it_is_back(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    // In-process the bus is "down" for an event while its consumer has not come up.
    let stage = testkit::Stage::new(backend).await;
    let proxy = match backend {
        Backend::Embedded => None,
        Backend::Real => Some(Proxy::before(&stage.bus_url).await.unwrap()),
    };
    let url = proxy.as_ref().map_or(stage.bus_url.clone(), |proxy| proxy.url(&stage.bus_url));
    if let Some(proxy) = &proxy {
        proxy.cut();
    }
    let stand = Stand::on(stage, &url);
    let db = database(&stand.stage).await;
    let committed = entries(1200);
    let relaying = relay(&stand, &db);
    for some in committed.chunks(100) {
        commit(&db, some.to_vec()).await;
        relaying.wake.notify_one();
    }
    if backend == Backend::Real {
        eventually("it says so", LIMIT, async || stand.bus.health().err()).await;
    }
    assert_eq!(left(&db).await, 1200);
    let consumer = stand.durable("stock-updater");
    if let Some(proxy) = &proxy {
        proxy.heal();
    }
    is_empty(&db).await;
    consumer.has(1200).await;
    assert_eq!(BTreeSet::from_iter(consumer.ids()), ids(&committed));
    eventually("all is well again", LIMIT, async || stand.bus.health().ok()).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_stopped_in_the_middle_loses_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
    #[values(false, true)] killed: bool,
) {
    let stand = Stand::new(backend).await;
    let db = database(&stand.stage).await;
    let consumer = stand.durable("stock-updater");
    let committed = entries(5000);
    commit_apart(&db, &committed).await;
    for round in 1..=3 {
        let relaying = relay(&stand, &db);
        consumer.has(round * 700).await;
        if killed {
            relaying.task.abort();
        } else {
            relaying.stop.cancel();
            relaying.task.await.unwrap();
        }
    }
    let gone = 5000 - usize::try_from(left(&db).await).unwrap();
    let _relaying = relay(&stand, &db);
    is_empty(&db).await;
    eventually(&format!("all events, {gone} of them from the first relays"), LIMIT, async || {
        (BTreeSet::from_iter(consumer.ids()) == ids(&committed)).then_some(())
    })
    .await;
    if !killed {
        assert_eq!(consumer.deliveries().len(), 5000, "a round that is finished repeats nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn relays_of_replicas_share_the_rows() {
    let stand = Stand::new(Backend::Real).await;
    let db = database(&stand.stage).await;
    let consumer = stand.durable("stock-updater");
    let committed = entries(3000);
    commit_apart(&db, &committed).await;
    let _relaying = [relay(&stand, &db), relay(&stand, &db), relay(&stand, &db)];
    is_empty(&db).await;
    consumer.has(3000).await;
    assert_eq!(consumer.deliveries().len(), 3000, "each row went out once");
    assert_eq!(BTreeSet::from_iter(consumer.ids()), ids(&committed));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_event_is_parked_and_leaves_the_outbox(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let db = database(&stand.stage).await;
    let consumer = Recorder::new(|delivery| {
        let event = Envelope::parse(&delivery.message.body).map(|envelope| envelope.event);
        match event {
            Ok(Event::SupplierCatalogUpdated(catalog)) if catalog.supplier_id == "3" => {
                Verdict::Park("supplier 3 is unknown".to_owned())
            }
            Ok(_) => Verdict::Done,
            Err(error) => Verdict::Park(error.to_string()),
        }
    });
    stand.consume(Subscription::Durable("stock-updater"), consumer.clone());
    let committed = entries(10);
    commit(&db, committed.clone()).await;
    let _relaying = relay(&stand, &db);
    is_empty(&db).await;
    let parked = eventually("the dead letter", LIMIT, async || {
        stand.bus.parked("stock-updater", 10).await.ok().filter(|parked| !parked.is_empty())
    })
    .await;
    assert_eq!(parked[0].message.id, committed[3].id.to_string());
    consumer.has(10).await;
}

#[test]
fn an_entry_is_an_envelope_with_its_own_id() {
    let at: DateTime<Utc> = DateTime::from_timestamp(1_767_614_400, 0).unwrap();
    let (one, other) = (entry("abc"), entry("abc"));
    assert_eq!((one.body.id, one.body.time), (one.id, at));
    assert_eq!(one.body.source, "/onhand/supplier-sync");
    assert_eq!(one.id.get_version_num(), 7);
    assert_ne!(one.id, other.id);
}

#[test]
fn what_was_packed_is_unpacked_byte_for_byte() {
    let entries = entries(300);
    let parcel = Parcel::of(&entries);
    let messages = Parcel::unpack(&parcel.packed).unwrap();
    assert_eq!(parcel.count, 300);
    assert_eq!(messages.len(), 300);
    for (entry, message) in entries.iter().zip(&messages) {
        assert_eq!(message.id, entry.id.to_string());
        assert_eq!(message.routing_key, entry.routing_key);
        assert_eq!(message.traceparent, entry.traceparent);
        assert_eq!(message.body, entry.body.to_json());
    }
    let plain: usize = messages.iter().map(|message| message.body.len()).sum();
    assert!(parcel.packed.len() * 3 < plain, "{} of {plain} bytes", parcel.packed.len());
}

#[test]
fn a_damaged_parcel_is_an_error_and_no_messages() {
    let mut packed = Parcel::of(&entries(3)).packed;
    assert!(Parcel::unpack(&packed[..packed.len() - 1]).is_err());
    packed[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(Parcel::unpack(&packed).is_err());
    assert!(Parcel::unpack(&[]).is_err());
}

/// Rows of the table as it was before parcels.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_waited_before_parcels_came_is_published_after(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let db = empty_database(&stand.stage).await;
    let manager = sea_orm_migration::SchemaManager::new(&db);
    events::tables::create_outbox(&manager).await.unwrap();
    let committed = entries(700);
    for entry in &committed {
        let insert = "INSERT INTO outbox (id, routing_key, body, traceparent) VALUES ($1, $2, $3, $4)";
        let values = [
            entry.id.into(),
            entry.routing_key.clone().into(),
            entry.body.to_json().into(),
            entry.traceparent.clone().into(),
        ];
        let insert = Statement::from_sql_and_values(db.get_database_backend(), insert, values);
        db.execute_raw(insert).await.unwrap();
    }
    events::tables::outbox_in_parcels(&manager).await.unwrap();
    let consumer = stand.durable("stock-updater");
    let _relaying = relay(&stand, &db);
    is_empty(&db).await;
    consumer.has(700).await;
    assert_eq!(BTreeSet::from_iter(consumer.ids()), ids(&committed));
    assert_eq!(consumer.deliveries()[0].message.traceparent.as_deref(), Some("00-trace-01"));
}
