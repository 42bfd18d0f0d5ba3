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
    bus::Bus,
    measure,
    outbox::{Parcel, table},
};

/// Messages in flight. More gains nothing: 256 already fill a broker's pipe.
const IN_FLIGHT_MAX: usize = 500;

/// Parcels a round looks at; it takes as many of them as have [`IN_FLIGHT_MAX`] messages together, and one at least.
const PARCELS_MAX: u64 = 500;

/// How long a commit that woke nobody (another process made it) waits at most.
const POLL_EVERY: Duration = Duration::from_millis(500);

/// The longest pause between attempts while the bus or the database is down.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// How often the outbox is measured: counting rows is not free.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// Parcels that are counted at most: after a long outage of the broker nobody needs to know it more exactly.
const MEASURED_MAX: u64 = 100_000;

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
    /// There may be more.
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
        measure::relaying(self.name);
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
            // The lock keeps other replicas off these parcels. A relay that dies lets go of them.
            let tx = self.db.begin().await?;
            let sizes = oldest().lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
            let round = self.publish(sizes.into_tuple().all(&tx).await?, &tx).await?;
            tx.commit().await?;
            Ok(round)
        } else {
            // A transaction held while publishing would keep the writer out of the whole database.
            self.publish(oldest().into_tuple().all(&self.db).await?, &self.db).await
        }
    }

    async fn publish<C: ConnectionTrait>(&self, sizes: Vec<(i64, i64)>, db: &C) -> Result<Round, DbErr> {
        let some = together(&sizes);
        if some.is_empty() {
            return Ok(Round::Drained);
        }
        let all = some.len() == sizes.len() && (sizes.len() as u64) < PARCELS_MAX;
        let parcels = table::Entity::find()
            .filter(table::Column::Seq.is_in(some))
            .order_by_asc(table::Column::Seq)
            .all(db)
            .await?;
        let (taken, held) = self.send(parcels).await;
        if !taken.is_empty() {
            table::Entity::delete_many().filter(table::Column::Seq.is_in(taken)).exec(db).await?;
        }
        Ok(match held {
            Some(reason) => Round::Held(reason),
            None if all => Round::Drained,
            None => Round::More,
        })
    }

    /// Publishes parcels. Says which the bus took whole, and why another stays; one of which a part was taken is
    /// published again.
    async fn send(&self, parcels: Vec<table::Model>) -> (Vec<i64>, Option<String>) {
        let (mut messages, mut ends, mut held) = (vec![], vec![], None);
        for parcel in parcels {
            match Parcel::unpack(&parcel.packed) {
                Ok(some) => {
                    let made = some.first().and_then(measure::made_at);
                    messages.extend(some);
                    ends.push((parcel.seq, messages.len(), made));
                }
                Err(damaged) => held = Some(format!("outbox row {} is damaged: {damaged}", parcel.seq)),
            }
        }
        let mut results = Vec::with_capacity(messages.len());
        let mut messages = messages.into_iter().peekable();
        while messages.peek().is_some() {
            results.extend(self.bus.publish(messages.by_ref().take(IN_FLIGHT_MAX).collect()).await);
        }
        let (mut taken, mut start) = (vec![], 0);
        for (seq, end, made) in ends {
            match results[start..end].iter().find_map(|result| result.as_ref().err()) {
                None => {
                    measure::left_outbox(self.name, made);
                    taken.push(seq);
                }
                Some(error) => held = Some(error.to_string()),
            }
            start = end;
        }
        (taken, held)
    }

    async fn measure(&self) {
        let backend = self.db.get_database_backend();
        let oldest = match backend {
            DbBackend::Postgres => "extract(epoch FROM now() - min(created_at))::float8",
            _ => "(julianday('now') - julianday(min(created_at))) * 86400.0",
        };
        let sql = format!(
            "SELECT CAST(coalesce(sum(messages), 0) AS bigint) AS pending, {oldest} AS oldest FROM \
             (SELECT messages, created_at FROM outbox ORDER BY seq LIMIT {MEASURED_MAX}) AS first"
        );
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

/// The oldest parcels, each with the number of its messages. By `seq`, although commits are not in its order:
/// whatever is late is simply found later, for nothing is remembered but the parcels themselves.
fn oldest() -> sea_orm::Select<table::Entity> {
    table::Entity::find()
        .select_only()
        .columns([table::Column::Seq, table::Column::Messages])
        .order_by_asc(table::Column::Seq)
        .limit(PARCELS_MAX)
}

/// As many of the first parcels as have [`IN_FLIGHT_MAX`] messages together, and one at least.
fn together(sizes: &[(i64, i64)]) -> Vec<i64> {
    let most = i64::try_from(IN_FLIGHT_MAX).unwrap_or(i64::MAX);
    let mut before = 0;
    let fits = |&&(_, size): &&(i64, i64)| {
        let fits = before < most;
        before += size;
        fits
    };
    sizes.iter().take_while(fits).map(|&(seq, _)| seq).collect()
}
