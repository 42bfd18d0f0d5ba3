//! Databases, and what is done once in them.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::post;
use platform::db;
use platform::http::IdempotencyKey;
use platform::idempotency::{self, Answer, Scope};
use platform::problem::Problem;
use rstest::rstest;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, FromQueryResult, Statement,
};
use sea_orm_migration::async_trait::async_trait;
use sea_orm_migration::prelude::*;
use testkit::{Backend, Stage};

use crate::{Running, defaults, problem, service};

pub(crate) async fn connect(stage: &Stage) -> DatabaseConnection {
    db::connect(&stage.stock_url, &defaults().section("database").unwrap()).await.unwrap()
}

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Keys)]
    }
}

struct Keys;

impl MigrationName for Keys {
    fn name(&self) -> &str {
        "m1_keys"
    }
}

#[async_trait]
impl MigrationTrait for Keys {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        idempotency::create_table(manager).await?;
        manager
            .get_connection()
            .execute_unprepared("CREATE TABLE effects (who text NOT NULL)")
            .await
            .map(|_| ())
    }
}

async fn migrated(stage: &Stage) -> DatabaseConnection {
    let db = connect(stage).await;
    db::migrate::<Migrator>(&db).await.unwrap();
    db
}

async fn count(db: &DatabaseConnection, table: &str) -> i64 {
    #[derive(FromQueryResult)]
    struct Count {
        n: i64,
    }
    let sql = format!("SELECT count(*) AS n FROM {table}");
    let statement = Statement::from_string(db.get_database_backend(), sql);
    Count::find_by_statement(statement).one(db).await.unwrap().unwrap().n
}

async fn effect(tx: &DatabaseTransaction) -> Result<Answer, String> {
    tx.execute_unprepared("INSERT INTO effects VALUES ('x')").await.map_err(|error| error.to_string())?;
    Ok(Answer { status: 201, body: r#"{"id": 1}"#.to_owned() })
}

fn scope(actor: &str, key: Option<&str>, body: &str) -> Scope {
    let fingerprint = idempotency::fingerprint("POST /effects", body.as_bytes());
    Scope { actor: actor.to_owned(), key: key.map(str::to_owned), fingerprint }
}

#[rstest]
#[tokio::test]
async fn replicas_that_start_together_migrate_once(#[values(Backend::Real)] backend: Backend) {
    let stage = Stage::new(backend).await;
    let replicas = futures::future::join_all((0..4).map(|_| connect(&stage))).await;
    let all = futures::future::join_all(replicas.iter().map(db::migrate::<Migrator>)).await;
    all.into_iter().for_each(Result::unwrap);
    assert_eq!(count(&replicas[0], "effects").await, 0);
}

#[tokio::test]
async fn sqlite_is_durable_and_its_folder_is_made() {
    let stage = Stage::new(Backend::Embedded).await;
    let url = format!("sqlite:{}/new/folder/x.db", stage.folder.display());
    let db = db::connect(&url, &defaults().section("database").unwrap()).await.unwrap();
    for (pragma, expected) in [("synchronous", "2"), ("journal_mode", "wal"), ("foreign_keys", "1")] {
        let row =
            db.query_one_raw(Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {pragma}"))).await;
        let row = row.unwrap().unwrap();
        let value = row
            .try_get_by_index::<String>(0)
            .or_else(|_| row.try_get_by_index::<i64>(0).map(|n| n.to_string()));
        assert_eq!(value.unwrap(), expected, "{pragma}");
    }
}

#[rstest]
#[case("mysql://localhost/x")]
#[case("postgres://localhost:port/x")]
#[tokio::test]
async fn a_url_that_will_not_do_is_refused(#[case] url: &str) {
    let refused = db::connect(url, &defaults().section("database").unwrap()).await;
    assert!(matches!(refused, Err(db::Error::Url(_))));
}

#[rstest]
#[tokio::test]
async fn a_statement_of_postgresql_is_bounded(#[values(Backend::Real)] backend: Backend) {
    let stage = Stage::new(backend).await;
    let config = defaults().set("database.statement_timeout_ms", 50);
    let db = db::connect(&stage.stock_url, &config.section("database").unwrap()).await.unwrap();
    let error = db.execute_unprepared("SELECT pg_sleep(30)").await.unwrap_err().to_string();
    assert!(error.contains("statement timeout"), "{error}");
}

#[rstest]
#[tokio::test]
async fn what_comes_twice_is_done_once(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stage = Stage::new(backend).await;
    let db = migrated(&stage).await;
    let first = idempotency::once(&db, scope("ann", Some("k"), "a"), effect).await.unwrap();
    let second = idempotency::once(&db, scope("ann", Some("k"), "a"), effect).await.unwrap();
    assert_eq!((first.replayed, second.replayed), (false, true));
    assert_eq!(first.answer, second.answer);
    assert_eq!(count(&db, "effects").await, 1);

    let other_body = idempotency::once(&db, scope("ann", Some("k"), "b"), effect).await.unwrap_err();
    assert!(matches!(other_body, idempotency::Error::Reused));
    assert!(!idempotency::once(&db, scope("bob", Some("k"), "b"), effect).await.unwrap().replayed);
    for _ in 0..2 {
        assert!(!idempotency::once(&db, scope("ann", None, "a"), effect).await.unwrap().replayed);
    }
    assert_eq!(count(&db, "effects").await, 4);
}

#[rstest]
#[tokio::test]
async fn what_comes_many_times_at_once_is_done_once(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stage = Stage::new(backend).await;
    let db = migrated(&stage).await;
    let asked = (0..20).map(|_| idempotency::once(&db, scope("ann", Some("k"), "a"), effect));
    let answers = futures::future::try_join_all(asked).await.unwrap();
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert_eq!(count(&db, "effects").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_refusal_changes_nothing_and_frees_the_key(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stage = Stage::new(backend).await;
    let db = migrated(&stage).await;
    let refused = idempotency::once(&db, scope("ann", Some("k"), "a"), async |tx: &DatabaseTransaction| {
        effect(tx).await?;
        Err("no".to_owned())
    });
    assert!(matches!(refused.await.unwrap_err(), idempotency::Error::Refused(no) if no == "no"));
    assert_eq!((count(&db, "effects").await, count(&db, "idempotency_keys").await), (0, 0));
    assert!(!idempotency::once(&db, scope("ann", Some("k"), "a"), effect).await.unwrap().replayed);
}

#[rstest]
#[tokio::test]
async fn old_keys_are_deleted_and_young_ones_kept(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stage = Stage::new(backend).await;
    let db = migrated(&stage).await;
    for actor in ["ann", "system:restock"] {
        idempotency::once(&db, scope(actor, Some("k"), "a"), effect).await.unwrap();
    }
    let hours = chrono::Duration::hours;
    let retention = idempotency::Retention { callers: hours(48), long_kept: Some("system:restock") };
    let purged =
        async |later| idempotency::purge(&db, retention, chrono::Utc::now() + hours(later)).await.unwrap();
    assert_eq!(purged(47).await, 0);
    assert_eq!(purged(49).await, 1, "a caller's key");
    assert_eq!(purged(24 * 399).await, 0, "an order may stay open for long");
    assert_eq!(purged(24 * 401).await, 1, "but not for ever");
}

#[tokio::test]
async fn over_http_a_replay_says_so_and_is_the_same_byte_for_byte() {
    let stage = Stage::new(Backend::Embedded).await;
    let db = migrated(&stage).await;
    let done = std::sync::Arc::new(AtomicUsize::new(0));
    let counter = done.clone();
    let create = async move |IdempotencyKey(key): IdempotencyKey, body: String| {
        let fingerprint = idempotency::fingerprint("POST /effects", body.as_bytes());
        let scope = Scope { actor: "ann".to_owned(), key, fingerprint };
        idempotency::once(&db, scope, async |tx: &DatabaseTransaction| {
            counter.fetch_add(1, Ordering::SeqCst);
            effect(tx).await
        })
        .await
        .map_err(|error| error.into_problem(|_| Problem::internal()))
    };
    let running = Running::start(defaults(), service(Router::new().route("/effects", post(create)))).await;
    let ask = async |body: &'static str| {
        running.post("/effects").header("idempotency-key", "k").body(body).send().await.unwrap()
    };
    let (first, second) = (ask("a").await, ask("a").await);
    assert_eq!(
        (first.status(), second.status()),
        (reqwest::StatusCode::CREATED, reqwest::StatusCode::CREATED)
    );
    assert!(!first.headers().contains_key("idempotent-replayed"));
    assert_eq!(second.headers()["idempotent-replayed"], "true");
    assert_eq!(first.bytes().await.unwrap(), second.bytes().await.unwrap());
    assert_eq!(problem(ask("b").await).await.1, "idempotency-key-reused");
    assert_eq!(done.load(Ordering::SeqCst), 1);
}
