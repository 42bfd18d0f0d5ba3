//! The sweeper: records the end of holds whose time is up.
//!
//! Nobody waits for it. A hold that is over binds nothing, recorded or not; the sweeper makes the books say so,
//! and lets those who listen know.

use std::time::Duration;

use domain::{Command, HoldId};
use platform::hosting::Task;
use platform::telemetry;
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tracing::Instrument;
use uuid::Uuid;

use crate::request::{By, Request};
use crate::tables::hold;
use crate::writer::Writer;

/// How often holds are looked over.
const PERIOD: Duration = Duration::from_secs(1);
/// Holds ended in one round: a fraction of a lane's queue, so that the sweeper never crowds out callers.
const ROUND: u64 = 200;

/// The task that sweeps.
pub fn task(db: DatabaseConnection, writer: Writer) -> Task {
    Task::new("hold sweeper", move |stop| async move {
        while stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
            match sweep(&db, &writer).await {
                Ok(0) => {}
                Ok(ended) => tracing::debug!(ended, "holds expired"),
                Err(error) => tracing::warn!(%error, "overdue holds could not be read"),
            }
        }
    })
}

/// Ends the holds that are over, the oldest first, at most a round of them. Says how many there were.
async fn sweep(db: &DatabaseConnection, writer: &Writer) -> Result<usize, DbErr> {
    let due: Vec<Uuid> = hold::Entity::find()
        .select_only()
        .column(hold::Column::Id)
        .filter(hold::Column::Status.eq("open"))
        .filter(hold::Column::ExpiresAt.lte(crate::time::now()))
        .order_by_asc(hold::Column::ExpiresAt)
        .limit(ROUND)
        .into_tuple()
        .all(db)
        .await?;
    let expire = due.iter().map(|id| {
        let command = Command::Expire { hold: HoldId(*id) };
        writer.submit(Request::new(command, By::job("sweeper")))
    });
    if due.is_empty() {
        return Ok(0);
    }
    // Refused: it ended another way meanwhile, or the database's clock says that it is not over yet.
    Ok(futures::future::join_all(expire).instrument(telemetry::job("hold sweep")).await.len())
}
