//! The relay: publishes what the outbox holds and deletes what the bus took.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement, TransactionTrait,
    sea_query::{LockBehavior, LockType},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    bus::{Bus, Message},
    measure,
    outbox::table,
};

/// Rows a round, and so messages in flight. More gains nothing: 256 already fill a broker's pipe.
const BATCH_MAX: usize = 500;

/// How long a commit that woke nobody (another process made it) waits at most.
const POLL_EVERY: Duration = Duration::from_millis(500);

/// The longest pause between attempts while the bus or the database is down.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// How often the outbox is measured: counting rows is not free.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// Publishes the rows of one outbox. On PostgreSQL any number of replicas may run; on SQLite one.
pub struct Relay {
    name: &'static str,
    db: DatabaseConnection,
    bus: Arc<dyn Bus>,
    wake: Arc<Notify>,
}

/// How a round ended.
#[derive(Debug)]
enum Round {
    /// A full batch went out: there may be more.
    More,
    /// Everything that was there went out.
    Drained,
    /// Something stayed behind.
    Held(String),
}

impl Relay {
    /// A relay over the outbox in `db`. `name` is its label in metrics; notify `wake` after each commit.
    pub fn new(name: &'static str, db: DatabaseConnection, bus: Arc<dyn Bus>, wake: Arc<Notify>) -> Self {
        Self { name, db, bus, wake }
    }

    /// Publishes until `stop` fires; the round that is under way is finished. What is left stays in the outbox.
    pub async fn run(self, stop: CancellationToken) {
        let mut backoff = Backoff::up_to(BACKOFF_MAX);
        let mut held = false;
        let mut measured: Option<Instant> = None;
        while !stop.is_cancelled() {
            if measured.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
                self.measure().await;
                measured = Some(Instant::now());
            }
            let round = self.round().await.unwrap_or_else(|error| Round::Held(error.to_string()));
            if let Round::Held(reason) = round {
                if !held {
                    tracing::warn!(outbox = self.name, reason, "events stay in the outbox for now");
                }
                held = true;
                // Not woken by commits: they would turn the pause into a busy loop.
                let _ = tokio::time::timeout(backoff.pause(), stop.cancelled()).await;
                continue;
            }
            if held {
                tracing::info!(outbox = self.name, "events leave the outbox again");
            }
            held = false;
            backoff.reset();
            if matches!(round, Round::Drained) {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(POLL_EVERY) => {}
                }
            }
        }
    }

    async fn round(&self) -> Result<Round, DbErr> {
        if self.db.get_database_backend() == DbBackend::Postgres {
            // The lock keeps other replicas off these rows. A relay that dies lets go of them.
            let tx = self.db.begin().await?;
            let rows =
                oldest().lock_with_behavior(LockType::Update, LockBehavior::SkipLocked).all(&tx).await?;
            let round = self.publish(rows, &tx).await?;
            tx.commit().await?;
            Ok(round)
        } else {
            // A transaction held while publishing would keep the writer out of the whole database.
            let rows = oldest().all(&self.db).await?;
            self.publish(rows, &self.db).await
        }
    }

    async fn publish<C: ConnectionTrait>(&self, rows: Vec<table::Model>, db: &C) -> Result<Round, DbErr> {
        if rows.is_empty() {
            return Ok(Round::Drained);
        }
        let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
        let results = self.bus.publish(rows.into_iter().map(Message::from).collect()).await;
        let taken: Vec<i64> =
            seqs.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(&seq, _)| seq).collect();
        if !taken.is_empty() {
            table::Entity::delete_many().filter(table::Column::Seq.is_in(taken)).exec(db).await?;
        }
        Ok(match results.into_iter().find_map(Result::err) {
            Some(error) => Round::Held(error.to_string()),
            None if seqs.len() == BATCH_MAX => Round::More,
            None => Round::Drained,
        })
    }

    async fn measure(&self) {
        let backend = self.db.get_database_backend();
        let oldest = match backend {
            DbBackend::Postgres => "extract(epoch FROM now() - min(created_at))::float8",
            _ => "(julianday('now') - julianday(min(created_at))) * 86400.0",
        };
        let sql = format!("SELECT count(*) AS pending, {oldest} AS oldest FROM outbox");
        let row = self.db.query_one_raw(Statement::from_string(backend, sql)).await;
        let measured = row.and_then(|row| {
            let row = row.ok_or_else(|| DbErr::RecordNotFound("outbox".to_owned()))?;
            Ok((row.try_get::<i64>("", "pending")?, row.try_get::<Option<f64>>("", "oldest")?))
        });
        match measured {
            Ok((pending, oldest)) => measure::outbox(self.name, pending, oldest.unwrap_or_default().max(0.0)),
            Err(error) => tracing::debug!(%error, outbox = self.name, "the outbox could not be measured"),
        }
    }
}

/// The oldest rows. By `seq`, although commits are not in its order: whatever is late is simply found later,
/// for nothing is remembered but the rows themselves.
fn oldest() -> sea_orm::Select<table::Entity> {
    table::Entity::find().order_by_asc(table::Column::Seq).limit(BATCH_MAX as u64)
}
