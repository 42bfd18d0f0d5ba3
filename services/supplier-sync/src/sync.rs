//! Syncing a supplier's catalog: one run, from the queue to the events.
//!
//! [`request`] queues; a worker [claims](store::runs::claim) and [runs](run()): fetch → read → diff → apply. What changed
//! is applied in one transaction with the end of the run and its events, or nothing is. A feed that looks wrong is held:
//! nothing is applied until somebody [approves](approve) of just that.

use crate::App;
use crate::adapters::adapter;
use crate::diff::{Brake, Changes, Product, Rules, diff};
use crate::error::Error;
use crate::store;
use crate::store::entities::run::{self, RunCause, RunState};
use crate::store::entities::supplier;
use crate::store::runs::{End, Outcome, Queued, Wanted};
use crate::suppliers;
use chrono::{DateTime, Utc};
use events::outbox::{self, Entry};
use events::{CatalogProduct, CatalogUpdated, Event};
use platform::{db, telemetry};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use std::time::Instant;
use uuid::Uuid;

/// Products an event, so that it stays far below a broker's and a reader's limits.
const PRODUCTS_PER_EVENT: usize = 200;
/// Events a parcel of the outbox, which is packed and unpacked as a whole: a few megabytes.
const EVENTS_PER_PARCEL: usize = 50;
/// Why rows were refused, for so many of them: enough to see what is wrong with a feed.
const REFUSALS_KEPT: usize = 10;
/// A lease is renewed so many times as often as it runs out: one renewal that is lost costs nothing.
const RENEWALS_PER_LEASE: u32 = 3;

/// Queues a run for a supplier that can be asked; a run that is open already is the answer. The caller wakes the
/// workers once it has committed.
///
/// An open run cannot be told to override the brake any more: that is refused, not forgotten.
pub(crate) async fn request<C: ConnectionTrait>(
    tx: &C,
    supplier_id: &str,
    override_brake: bool,
) -> Result<(Uuid, bool), Error> {
    askable(tx, supplier_id).await?;
    let wanted = Wanted { override_brake, ..Wanted::because_of(RunCause::Request) };
    match store::runs::queue(tx, supplier_id, &wanted, db::now(tx).await?).await? {
        Queued::New(id) => Ok((id, true)),
        Queued::Open(open) if override_brake && !open.override_brake => Err(Error::SyncOpen(open.id)),
        Queued::Open(open) => Ok((open.id, false)),
    }
}

/// Queues a run for each active supplier that can be asked; says how many there are.
pub(crate) async fn request_all<C: ConnectionTrait>(tx: &C, limit: u64) -> Result<usize, Error> {
    let active = store::suppliers::list(tx, Some(true), None, limit).await?;
    let askable = active.iter().filter(|supplier| supplier.adapter.is_some() && supplier.base_url.is_some());
    let wanted = Wanted::because_of(RunCause::Request);
    let now = db::now(tx).await?;
    let mut count = 0;
    for supplier in askable {
        store::runs::queue(tx, &supplier.id, &wanted, now).await?;
        count += 1;
    }
    Ok(count)
}

/// Lets the supplier's next run do what the brake held this one from, if the feed still says just that; answers the run
/// that will. The caller wakes the workers once it has committed.
pub(crate) async fn approve(tx: &DatabaseTransaction, id: Uuid) -> Result<(Uuid, String), Error> {
    let held = store::runs::lock(tx, id).await?.ok_or(Error::RunUnknown(id))?;
    let digest =
        held.held_digest.clone().filter(|_| held.state == RunState::Held).ok_or(Error::RunNotHeld)?;
    askable(tx, &held.supplier_id).await?;
    if store::runs::is_superseded(tx, &held).await? {
        return Err(Error::RunSuperseded);
    }
    let now = db::now(tx).await?;
    let wanted = Wanted { approved_digest: Some(digest.clone()), ..Wanted::because_of(RunCause::Approval) };
    let next = match store::runs::queue(tx, &held.supplier_id, &wanted, now).await? {
        Queued::New(id) => id,
        // It has not looked at the feed yet, and may be told.
        Queued::Open(open) => match store::runs::let_pass(tx, open.id, &digest).await? {
            true => open.id,
            false => return Err(Error::SyncOpen(open.id)),
        },
    };
    store::runs::approved(tx, id, now).await?;
    Ok((next, held.supplier_id))
}

async fn askable<C: ConnectionTrait>(tx: &C, supplier_id: &str) -> Result<(), Error> {
    let supplier = suppliers::find(tx, supplier_id).await?;
    if !supplier.active {
        return Err(Error::SupplierInactive(supplier.id));
    }
    if supplier.adapter.is_none() || supplier.base_url.is_none() {
        return Err(Error::SupplierIncomplete(supplier.id));
    }
    Ok(())
}

/// How a worker's run came out.
enum Ended {
    Succeeded,
    Held,
    /// Another worker took it over meanwhile: nothing was written.
    Lost,
}

/// Does one claimed run, and records how it ended.
pub(crate) async fn run(app: App, run: run::Model) {
    let began = Instant::now();
    let worked = match store::runs::is_hopeless(&run) {
        true => Err("its workers died over it again and again".to_owned()),
        false => tokio::select! {
            worked = tokio::time::timeout(app.settings.run_limit(), attempt(&app, &run)) => {
                worked.unwrap_or_else(|_| Err("it took too long".to_owned()))
            }
            never = keep(&app, &run) => never,
        },
    };
    let ended = match worked {
        Ok(ended) => ended.word(),
        Err(why) => failed(&app, &run, why).await,
    };
    metrics::counter!("supplier_sync_runs_total", "outcome" => ended).increment(1);
    metrics::histogram!("supplier_sync_seconds", "outcome" => ended).record(began.elapsed().as_secs_f64());
}

impl Ended {
    fn word(&self) -> &'static str {
        match self {
            Ended::Succeeded => "succeeded",
            Ended::Held => "held",
            Ended::Lost => "lost",
        }
    }
}

/// Renews the claim while the run lasts; ends with it. A claim that is lost is not renewed, and what was still to be
/// written is refused by the fence.
async fn keep(app: &App, run: &run::Model) -> Result<Ended, String> {
    let lease = app.settings.run_lease();
    let pause = lease.to_std().unwrap_or_default() / RENEWALS_PER_LEASE;
    loop {
        tokio::time::sleep(pause).await;
        match store::runs::renew(&app.db, run, lease).await {
            Ok(true) => {}
            Ok(false) => return std::future::pending().await,
            Err(error) => tracing::warn!(%error, run = %run.id, "the claim on a sync could not be renewed"),
        }
    }
}

async fn failed(app: &App, run: &run::Model, why: String) -> &'static str {
    tracing::warn!(supplier = run.supplier_id, run = %run.id, why, "a sync failed; its catalog stays as it was");
    let outcome = Outcome { error: Some(why), ..Outcome::default() };
    match end(app, run, &outcome, End::Failed).await {
        Ok(true) => "failed",
        Ok(false) => lost(run).word(),
        Err(error) => {
            // Its lease runs out, and another worker ends it.
            tracing::error!(%error, run = %run.id, "the end of a sync could not be recorded");
            "failed"
        }
    }
}

async fn end(app: &App, run: &run::Model, outcome: &Outcome, how: End<'_>) -> Result<bool, sea_orm::DbErr> {
    let now = db::now(&app.db).await?;
    store::runs::end(&app.db, run, outcome, how, now).await
}

fn lost(run: &run::Model) -> Ended {
    tracing::warn!(supplier = run.supplier_id, run = %run.id, fence = run.fence,
        "another worker took a sync over; what this one found is dropped");
    Ended::Lost
}

async fn attempt(app: &App, run: &run::Model) -> Result<Ended, String> {
    let text = |error: Error| error.to_string();
    let supplier = suppliers::find(&app.db, &run.supplier_id).await.map_err(text)?;
    let peer = match supplier.active {
        true => suppliers::peer(app, &supplier).map_err(text)?,
        false => return Err("the supplier was switched off before its turn came".to_owned()),
    };
    let body = app.fetcher.catalog(&peer).await.map_err(|e| e.to_string())?;
    // Reading takes several times a feed's size: so many at a time do.
    let _turn = app.readings.acquire().await.map_err(|e| e.to_string())?;
    let changes = changes(app, &supplier, body).await?;
    match brake(run, &changes) {
        Some((why, digest)) => {
            tracing::warn!(supplier = run.supplier_id, run = %run.id, why, "a feed looks wrong and is held");
            let outcome = Outcome { error: Some(why), ..outcome(&changes) };
            let held = end(app, run, &outcome, End::Held(&digest)).await.map_err(|e| e.to_string())?;
            Ok(if held { Ended::Held } else { lost(run) })
        }
        None => apply(app, run, &supplier.name, &changes).await.map_err(text),
    }
}

/// What a feed changes. Reading and comparing many megabytes takes longer than others may wait for this thread.
async fn changes(app: &App, supplier: &supplier::Model, body: Vec<u8>) -> Result<Changes, String> {
    let kind = supplier.adapter.ok_or("the supplier lost its adapter before its turn came")?;
    let read = tokio::task::spawn_blocking(move || adapter(kind).read(&body));
    let feed = read.await.map_err(|e| e.to_string())??;
    let known = store::catalog::known(&app.db, &supplier.id).await.map_err(|e| e.to_string())?;
    let now = db::now(&app.db).await.map_err(|e| e.to_string())?;
    let (sku_prefix, settings) = (supplier.sku_prefix.clone(), &app.settings);
    let (brake_share, max_rows) = (settings.brake_share, settings.max_feed_rows);
    let compare = move || diff(&known, feed, &Rules { sku_prefix: &sku_prefix, brake_share, max_rows, now });
    let compared = tokio::task::spawn_blocking(compare).await.map_err(|e| e.to_string())?;
    compared.map_err(|unusable| unusable.to_string())
}

/// Why changes are held, with their digest; `None` when they may be applied.
///
/// What was approved passes, and only that. To override the brake is said before anybody saw the feed: it lets pass what
/// a feed may rightly be, which is not empty.
fn brake(run: &run::Model, changes: &Changes) -> Option<(String, String)> {
    if changes.brakes.is_empty() {
        return None;
    }
    let empty = changes.brakes.iter().any(|brake| matches!(brake, Brake::Empty(_)));
    let digest = changes.digest();
    if run.approved_digest.as_ref() == Some(&digest) || run.override_brake && !empty {
        return None;
    }
    let why: Vec<String> = changes.brakes.iter().map(Brake::to_string).collect();
    let approved = match &run.approved_digest {
        Some(_) => "the feed has changed since it was approved; ",
        None => "",
    };
    Some((format!("{approved}{}", why.join("; ")), digest))
}

fn outcome(changes: &Changes) -> Outcome {
    let refused = changes.refused.len();
    Outcome {
        counts: changes.counts(),
        error: changes.refused.first().map(|row| format!("{refused} rows refused; the first: {}", row.why)),
        refusals: changes.refused.iter().take(REFUSALS_KEPT).map(|row| row.why.clone()).collect(),
    }
}

/// Rows, run and events in one transaction. The run's fence comes first: a worker that was taken for dead finds
/// that out before it writes anything.
async fn apply(app: &App, run: &run::Model, name: &str, changes: &Changes) -> Result<Ended, Error> {
    let tx = db::begin(&app.db).await?;
    let now = db::now(&tx).await?;
    if !store::runs::end(&tx, run, &outcome(changes), End::Succeeded, now).await? {
        tx.rollback().await?;
        return Ok(lost(run));
    }
    store::catalog::apply(&tx, &run.supplier_id, changes, now).await?;
    announce(&tx, run, name, changes, now).await?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    count(changes);
    Ok(Ended::Succeeded)
}

fn count(changes: &Changes) {
    let counts = changes.counts();
    let by_change = [
        ("added", counts.added),
        ("updated", counts.updated),
        ("deactivated", counts.deactivated),
        ("unchanged", counts.unchanged),
        ("refused", counts.refused),
    ];
    for (change, rows) in by_change {
        metrics::counter!("supplier_sync_rows_total", "change" => change).increment(rows as u64);
    }
}

/// Tells what is listed first, then what is not any more.
async fn announce(
    tx: &DatabaseTransaction,
    run: &run::Model,
    name: &str,
    changes: &Changes,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let changed: Vec<&Product> =
        changes.added.iter().chain(&changes.updated).chain(&changes.delisted).collect();
    let event = |products: &[&Product]| CatalogUpdated {
        supplier_id: run.supplier_id.clone(),
        supplier_name: Some(name.to_owned()),
        products_updated: products.iter().map(|product| product.product_id.clone()).collect(),
        products: products.iter().map(|product| announced(product)).collect(),
        sync_run_id: run.id,
        timestamp: now,
    };
    for parcel in changed.chunks(PRODUCTS_PER_EVENT * EVENTS_PER_PARCEL) {
        let events = parcel.chunks(PRODUCTS_PER_EVENT).map(|some| Event::SupplierCatalogUpdated(event(some)));
        let entry = |event| Entry::new(crate::SOURCE, event, now, telemetry::current_traceparent());
        outbox::enqueue(tx, events.map(entry).collect()).await?;
    }
    Ok(())
}

fn announced(product: &Product) -> CatalogProduct {
    CatalogProduct {
        product_id: product.product_id.clone(),
        sku: product.to.sku.clone(),
        name: product.to.name.clone(),
        active: product.to.active,
        listing_changed: product.listing_changed,
    }
}
