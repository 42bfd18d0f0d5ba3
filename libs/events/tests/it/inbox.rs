//! The inbox: a message that arrives twice has one effect.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use events::{Delivery, Handler, Subscription, Verdict, inbox, tables};
use rstest::rstest;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait,
};
use sea_orm_migration::SchemaManager;
use testkit::{Backend, Stage};
use tokio_util::sync::CancellationToken;

use crate::stand::{LIMIT, Stand, message};

/// The stage's stock database, with both tables.
pub(crate) async fn database(stage: &Stage) -> DatabaseConnection {
    let db = empty_database(stage).await;
    let manager = SchemaManager::new(&db);
    tables::create_outbox(&manager).await.unwrap();
    tables::outbox_in_parcels(&manager).await.unwrap();
    tables::create_inbox(&manager).await.unwrap();
    db
}

pub(crate) async fn empty_database(stage: &Stage) -> DatabaseConnection {
    let url = match stage.backend {
        Backend::Embedded => format!("{}?mode=rwc", stage.stock_url),
        Backend::Real => stage.stock_url.clone(),
    };
    let mut options = ConnectOptions::new(url);
    options.max_connections(8).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_new_once_per_consumer(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stage = Stage::new(backend).await;
    let db = database(&stage).await;
    assert!(inbox::first_time(&db, "updater", "m1").await.unwrap());
    assert!(!inbox::first_time(&db, "updater", "m1").await.unwrap());
    assert!(inbox::first_time(&db, "checker", "m1").await.unwrap());
    assert!(inbox::first_time(&db, "updater", "m2").await.unwrap());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_id_whose_effect_was_rolled_back_is_still_new(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stage = Stage::new(backend).await;
    let db = database(&stage).await;
    let tx = db.begin().await.unwrap();
    assert!(inbox::first_time(&tx, "updater", "m1").await.unwrap());
    tx.rollback().await.unwrap();
    assert!(inbox::first_time(&db, "updater", "m1").await.unwrap());
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn only_old_ids_are_forgotten(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stage = Stage::new(backend).await;
    let db = database(&stage).await;
    let old = match backend {
        Backend::Embedded => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
             INSERT INTO inbox SELECT 'updater', 'old ' || i, datetime('now', '-31 days') FROM n"
        }
        Backend::Real => {
            "INSERT INTO inbox SELECT 'updater', 'old ' || i, now() - interval '31 days' \
             FROM generate_series(1, 2500) AS i"
        }
    };
    db.execute_unprepared(old).await.unwrap();
    inbox::first_time(&db, "updater", "new").await.unwrap();
    let stop = CancellationToken::new();
    let tidying = tokio::spawn(inbox::keep_tidy(db.clone(), stop.clone()));
    testkit::eventually("old rows are gone", LIMIT, async || {
        let count = Statement::from_string(db.get_database_backend(), "SELECT count(*) AS n FROM inbox");
        let count: i64 = db.query_one_raw(count).await.unwrap().unwrap().try_get("", "n").unwrap();
        (count == 1).then_some(())
    })
    .await;
    stop.cancel();
    tidying.await.unwrap();
    assert!(!inbox::first_time(&db, "updater", "new").await.unwrap());
}

struct Counter {
    db: DatabaseConnection,
    effects: AtomicUsize,
    deliveries: AtomicUsize,
}

#[async_trait]
impl Handler for Counter {
    async fn handle(&self, delivery: &Delivery) -> Verdict {
        let tx = self.db.begin().await.unwrap();
        if inbox::first_time(&tx, "counter", &delivery.message.id).await.unwrap() {
            self.effects.fetch_add(1, Ordering::SeqCst);
        }
        tx.commit().await.unwrap();
        self.deliveries.fetch_add(1, Ordering::SeqCst);
        Verdict::Done
    }

    fn key(&self, delivery: &Delivery) -> Option<String> {
        // SQLite takes one writer at a time; that two arrive together is PostgreSQL's to sort out.
        (self.db.get_database_backend() == DbBackend::Sqlite).then(|| delivery.message.kind().to_owned())
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_published_twice_has_one_effect(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = Stand::new(backend).await;
    let db = database(&stand.stage).await;
    let counter = Arc::new(Counter { db, effects: AtomicUsize::new(0), deliveries: AtomicUsize::new(0) });
    stand.consume(Subscription::Durable("stock-updater"), counter.clone());
    stand.publish(message("0", "product-sold")).await;
    let twice: Vec<_> = (0..40).map(|n| message(&(n % 20).to_string(), "product-sold")).collect();
    assert!(stand.bus.publish(twice).await.iter().all(Result::is_ok));
    testkit::eventually("all are delivered", LIMIT, async || {
        (counter.deliveries.load(Ordering::SeqCst) == 41).then_some(())
    })
    .await;
    assert_eq!(counter.effects.load(Ordering::SeqCst), 20);
}
