//! What runs besides requests and events: scheduled syncs, the workers that do them, the sender of orders, and the
//! sweep that finds what events missed.
//!
//! Every replica runs all of them; what one takes it claims in the database. **Invariants.** A failure is logged and
//! the job goes on. What runs at once is bounded.

use crate::App;
use crate::store::entities::order::OrderState;
use crate::store::entities::run::RunCause;
use crate::store::entities::supplier;
use crate::store::{self, orders, policies, runs, seen};
use crate::{restock, sender, suppliers, sync};
use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use platform::{db, telemetry};
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

/// Suppliers whose schedules are looked at at once: a few statements each.
const SCHEDULES_AT_ONCE: usize = 8;
/// Batches of old syncs deleted at a time; what is left goes the next time.
const PURGE_BATCHES: usize = 100;
/// Suppliers that have a metric each.
const SUPPLIERS_SHOWN: u64 = 1_000;
/// Items a page of the sweep.
const SWEEP_PAGE: u64 = 200;

/// Queues the syncs whose time has come. What wakes it only wakes it: what is due is computed from each supplier's
/// schedule, and claimed.
pub(crate) async fn schedules(app: App) {
    if let Err(error) = queue_due(&app).await {
        tracing::warn!(%error, "scheduled syncs could not be looked for");
    }
}

async fn queue_due(app: &App) -> anyhow::Result<()> {
    let now = db::now(&app.db).await?;
    let due = store::suppliers::scheduled(&app.db).await?.into_iter().map(|supplier| async move {
        if let Err(error) = queue_tick(app, &supplier, now).await {
            tracing::warn!(supplier = supplier.id, "its schedule could not be followed: {error:#}");
        }
    });
    // One whose rows somebody holds keeps the others waiting no longer.
    futures::stream::iter(due).buffer_unordered(SCHEDULES_AT_ONCE).collect::<Vec<()>>().await;
    Ok(())
}

/// Claims the tick and queues its run in one transaction: of many replicas one does, and a run is never lost
/// between the two. While the run before is open the tick waits.
async fn queue_tick(app: &App, supplier: &supplier::Model, now: DateTime<Utc>) -> anyhow::Result<()> {
    let schedule = suppliers::schedule(supplier)?.context("no schedule")?;
    let after = supplier.scheduled_from.unwrap_or(supplier.created_at);
    let Some(due) = schedule.due_after_waiting(after, supplier.waiting_tick, now) else { return Ok(()) };
    if runs::open(&app.db, &supplier.id).await?.is_some() {
        if supplier.waiting_tick != Some(due) {
            store::suppliers::let_wait(&app.db, &supplier.id, due).await?;
            ticked("waiting");
        }
        return Ok(());
    }
    let tx = db::begin(&app.db).await?;
    let wanted = runs::Wanted { due_at: Some(due), ..runs::Wanted::because_of(RunCause::Schedule) };
    let claimed = store::suppliers::claim_tick(&tx, &supplier.id, due).await?
        && runs::insert(&tx, &supplier.id, &wanted, db::now(&tx).await?).await?.is_some();
    if !claimed {
        // Another replica has it, or a run was opened meanwhile: the next look sees which.
        return Ok(tx.rollback().await?);
    }
    tx.commit().await?;
    ticked("queued");
    app.syncs_wake.notify_one();
    Ok(())
}

fn ticked(outcome: &'static str) {
    metrics::counter!("supplier_sync_ticks_total", "outcome" => outcome).increment(1);
}

/// Does the queued syncs, several at a time: a supplier that hangs holds one place, not the queue.
pub(crate) async fn syncs(app: App, stop: CancellationToken) {
    let poll = Duration::from_millis(app.settings.poll_interval_ms);
    let lease = app.settings.run_lease();
    let mut working = JoinSet::new();
    while !stop.is_cancelled() {
        if working.len() < app.settings.concurrent_syncs {
            match runs::claim(&app.db, &app.worker, lease).await {
                Ok(Some(run)) => {
                    working.spawn(sync::run(app.clone(), run).instrument(telemetry::job("catalog sync")));
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "syncs could not be looked for"),
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.syncs_wake.notified() => {}
            Some(ended) = working.join_next() => report(ended.err()),
            () = tokio::time::sleep(poll) => {}
        }
    }
    while let Some(ended) = working.join_next().await {
        report(ended.err());
    }
}

/// Deletes what ended long ago, in batches.
pub(crate) async fn purge(app: App) {
    if let Err(error) = purge_runs(&app).await {
        tracing::warn!(%error, "old syncs could not be deleted");
    }
}

async fn purge_runs(app: &App) -> Result<(), sea_orm::DbErr> {
    let before = db::now(&app.db).await? - TimeDelta::days(i64::from(app.settings.runs_kept_days));
    for _ in 0..PURGE_BATCHES {
        if runs::purge(&app.db, before).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// Shows how old catalogs are, and what is open.
pub(crate) async fn show(app: App) {
    if let Err(error) = show_syncs(&app).await {
        tracing::warn!(%error, "the age of catalogs could not be looked up");
    }
}

async fn show_syncs(app: &App) -> Result<(), sea_orm::DbErr> {
    let now = db::now(&app.db).await?;
    for (supplier, since) in runs::fresh_since(&app.db, SUPPLIERS_SHOWN).await? {
        let age = (now - since).as_seconds_f64();
        metrics::gauge!("supplier_catalog_age_seconds", "supplier" => supplier).set(age);
    }
    for (state, count) in runs::count_open(&app.db).await? {
        metrics::gauge!("supplier_syncs_open", "state" => state.word()).set(count as f64);
    }
    Ok(())
}

/// Sends the orders that are due: a lane a supplier, several suppliers at a time.
pub(crate) async fn orders(app: App, stop: CancellationToken) {
    let poll = Duration::from_millis(app.settings.poll_interval_ms);
    let mut lanes = JoinSet::new();
    let mut busy = HashMap::new();
    while !stop.is_cancelled() {
        let free = app.settings.concurrent_order_lanes.saturating_sub(lanes.len());
        let except: Vec<String> = busy.values().cloned().collect();
        match due(&app, &except, free as u64).await {
            Ok(due) => {
                for supplier_id in due {
                    let lane = lanes.spawn(sender::lane(app.clone(), supplier_id.clone()));
                    busy.insert(lane.id(), supplier_id);
                }
            }
            Err(error) => tracing::warn!(%error, "orders to send could not be looked for"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.orders_wake.notified() => {}
            Some(ended) = lanes.join_next_with_id() => {
                busy.remove(&ended.as_ref().map_or_else(tokio::task::JoinError::id, |(id, ())| *id));
                report(ended.err());
            }
            () = tokio::time::sleep(poll) => {}
        }
    }
    while let Some(ended) = lanes.join_next().await {
        report(ended.err());
    }
}

async fn due(app: &App, except: &[String], free: u64) -> Result<Vec<String>, sea_orm::DbErr> {
    orders::suppliers_due(&app.db, db::now(&app.db).await?, except, free).await
}

fn report(error: Option<tokio::task::JoinError>) {
    if let Some(error) = error {
        tracing::error!(%error, "work of a job failed; it is taken up again");
    }
}

/// Plans what events missed: an item that was short while its supplier was inactive, paused or not set up.
pub(crate) async fn sweep(app: App) {
    if let Err(error) = sweep_once(&app).await {
        tracing::warn!(%error, "the sweep for short items was cut short");
    }
}

async fn sweep_once(app: &App) -> Result<(), sea_orm::DbErr> {
    let forgotten = orders::follow_up_forgotten(&app.db, db::now(&app.db).await?).await?;
    if forgotten > 0 {
        tracing::info!(
            orders = forgotten,
            "orders that nobody would have asked about any more are asked about again"
        );
        app.wake_for_order();
    }
    let mut after = None;
    loop {
        let page = seen::short(&app.db, after, SWEEP_PAGE).await?;
        after = sweep_page(app, &page).await?;
        if after.is_none() {
            break;
        }
    }
    loop {
        let page = policies::short(&app.db, after, SWEEP_PAGE).await?;
        after = sweep_page(app, &page).await?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Where the next page begins; none when this was the last.
async fn sweep_page(app: &App, page: &[Uuid]) -> Result<Option<Uuid>, sea_orm::DbErr> {
    for item_id in page {
        sweep_item(app, *item_id).await?;
    }
    Ok(page.last().copied().filter(|_| page.len() as u64 == SWEEP_PAGE))
}

async fn sweep_item(app: &App, item_id: Uuid) -> Result<(), sea_orm::DbErr> {
    let tx = db::begin(&app.db).await?;
    let order = match seen::lock(&tx, item_id).await? {
        Some(item) => restock::consider(app, &tx, &item, store::now()).await?,
        None => None,
    };
    tx.commit().await?;
    if let Some(order) = order {
        app.wake_for_order();
        tracing::info!(order = %order.id, sku = order.sku, quantity = order.quantity, "the sweep planned an order");
    }
    Ok(())
}

/// Counts the orders that are open, for whoever watches them.
pub(crate) async fn gauges(app: App) {
    if let Err(error) = count_orders(&app).await {
        tracing::warn!(%error, "open orders could not be counted");
    }
}

async fn count_orders(app: &App) -> Result<(), sea_orm::DbErr> {
    let counted: HashMap<_, _> = orders::open_by_state(&app.db).await?.into_iter().collect();
    for state in OrderState::OPEN {
        let count = counted.get(&state).copied().unwrap_or(0);
        metrics::gauge!("restock_orders_open", "state" => state.word()).set(count as f64);
    }
    let overdue = orders::overdue(&app.db, None, db::now(&app.db).await?).await?;
    metrics::gauge!("restock_orders_overdue").set(overdue as f64);
    metrics::gauge!("restock_orders_in_doubt").set(orders::in_doubt(&app.db).await? as f64);
    Ok(())
}
