//! What runs besides requests and events: scheduled syncs, the workers that do them, the sender of orders, and the
//! sweep that finds what events missed.
//!
//! Every replica runs all of them; what one takes it claims in the database. **Invariants.** A failure is logged and
//! the job goes on. What runs at once is bounded.

use crate::App;
use crate::store::entities::run::RunCause;
use crate::store::entities::supplier;
use crate::store::{self, orders, runs, seen};
use crate::{restock, sender, suppliers, sync};
use anyhow::Context;
use chrono::TimeDelta;
use platform::{db, telemetry};
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

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
    for supplier in store::suppliers::scheduled(&app.db).await? {
        if let Err(error) = queue_ticks(app, &supplier).await {
            tracing::warn!(supplier = supplier.id, "its schedule could not be followed: {error:#}");
        }
    }
    Ok(())
}

/// Claims the tick and queues its run in one transaction: of many replicas one does, and a run is never lost
/// between the two.
async fn queue_ticks(app: &App, supplier: &supplier::Model) -> anyhow::Result<()> {
    let now = store::now();
    let schedule = suppliers::schedule(supplier)?.context("no schedule")?;
    let after = supplier.scheduled_from.unwrap_or(supplier.created_at);
    let Some(due) = schedule.due(after, now) else { return Ok(()) };
    let tx = db::begin(&app.db).await?;
    if store::suppliers::claim_tick(&tx, &supplier.id, due).await? {
        runs::queue(&tx, &supplier.id, RunCause::Schedule, false, now).await?;
    }
    tx.commit().await?;
    app.syncs_wake.notify_one();
    Ok(())
}

/// Does the queued syncs, several at a time: a supplier that hangs holds one place, not the queue.
pub(crate) async fn syncs(app: App, stop: CancellationToken) {
    let poll = Duration::from_millis(app.settings.poll_interval_ms);
    let lease = TimeDelta::from_std(app.settings.run_limit() * 2).unwrap_or(TimeDelta::MAX);
    let mut working = JoinSet::new();
    while !stop.is_cancelled() {
        if working.len() < app.settings.concurrent_syncs {
            let now = store::now();
            match runs::claim(&app.db, now, now + lease).await {
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

/// Sends the orders that are due: a lane a supplier, several suppliers at a time.
pub(crate) async fn orders(app: App, stop: CancellationToken) {
    let poll = Duration::from_millis(app.settings.poll_interval_ms);
    let mut lanes = JoinSet::new();
    let mut busy = HashMap::new();
    while !stop.is_cancelled() {
        let free = app.settings.concurrent_order_lanes.saturating_sub(lanes.len());
        let except: Vec<String> = busy.values().cloned().collect();
        match orders::suppliers_due(&app.db, store::now(), &except, free as u64).await {
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
    let mut after = None;
    loop {
        let page = seen::short(&app.db, after, SWEEP_PAGE).await?;
        for item_id in &page {
            sweep_item(app, *item_id).await?;
        }
        match page.last() {
            Some(last) if page.len() as u64 == SWEEP_PAGE => after = Some(*last),
            _ => return Ok(()),
        }
    }
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

/// Seals anew, under the present key, what is sealed under the previous one.
pub(crate) async fn reseal(app: &App) -> anyhow::Result<()> {
    for supplier in store::suppliers::with_credential(&app.db).await? {
        let Some(sealed) = supplier.credential.filter(|sealed| !app.sealer.is_present(sealed)) else {
            continue;
        };
        let resealed =
            app.sealer.open(&supplier.id, &sealed).and_then(|open| app.sealer.seal(&supplier.id, &open));
        match resealed {
            Ok(resealed) => store::suppliers::reseal(&app.db, &supplier.id, &sealed, &resealed).await?,
            // Its syncs and orders will say the same; the others must not suffer for it.
            Err(error) => tracing::error!(%error, supplier = supplier.id, "a credential cannot be opened"),
        }
    }
    Ok(())
}
