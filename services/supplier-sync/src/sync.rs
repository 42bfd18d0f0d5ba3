//! Syncing a supplier's catalog: one run, from the queue to the events.
//!
//! [`request`] queues; a worker [claims](store::runs::claim) and [runs](run()): fetch → read → diff → apply. What changed
//! is applied in one transaction with the end of the run and its events, or nothing is.

use crate::App;
use crate::adapters::adapter;
use crate::diff::{Changes, Product, Rules, diff};
use crate::error::Error;
use crate::store;
use crate::store::entities::run::{self, RunCause};
use crate::store::runs::Outcome;
use crate::suppliers;
use chrono::{DateTime, Utc};
use events::outbox::{self, Entry};
use events::{CatalogProduct, CatalogUpdated, Event};
use platform::{db, telemetry};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Products an event, so that it stays far below a broker's and a reader's limits.
const PRODUCTS_PER_EVENT: usize = 200;

/// Queues a run for a supplier that can be asked; a run that is open already is the answer. The caller wakes the
/// workers once it has committed.
pub(crate) async fn request<C: ConnectionTrait>(
    tx: &C,
    supplier_id: &str,
    override_brake: bool,
) -> Result<(Uuid, bool), Error> {
    let supplier = suppliers::find(tx, supplier_id).await?;
    if !supplier.active {
        return Err(Error::SupplierInactive(supplier.id));
    }
    if supplier.adapter.is_none() || supplier.base_url.is_none() {
        return Err(Error::SupplierIncomplete(supplier.id));
    }
    Ok(store::runs::queue(tx, supplier_id, RunCause::Request, override_brake, store::now()).await?)
}

/// Queues a run for each active supplier that can be asked; says how many there are.
pub(crate) async fn request_all<C: ConnectionTrait>(tx: &C, limit: u64) -> Result<usize, Error> {
    let active = store::suppliers::list(tx, Some(true), None, limit).await?;
    let askable = active.iter().filter(|supplier| supplier.adapter.is_some() && supplier.base_url.is_some());
    let mut count = 0;
    for supplier in askable {
        store::runs::queue(tx, &supplier.id, RunCause::Request, false, store::now()).await?;
        count += 1;
    }
    Ok(count)
}

/// Does one claimed run, and records how it ended.
pub(crate) async fn run(app: App, run: run::Model) {
    let worked = match store::runs::is_hopeless(&run) {
        true => Err("its workers died over it again and again".to_owned()),
        false => match tokio::time::timeout(app.settings.run_limit(), attempt(&app, &run)).await {
            Ok(worked) => worked,
            Err(_) => Err("it took too long".to_owned()),
        },
    };
    let outcome = if worked.is_ok() { "succeeded" } else { "failed" };
    metrics::counter!("supplier_sync_runs_total", "outcome" => outcome).increment(1);
    if let Err(why) = worked {
        tracing::warn!(supplier = run.supplier_id, run = %run.id, why, "a sync failed; its catalog stays as it was");
        let outcome = Outcome { error: Some(why), ..Outcome::default() };
        if let Err(error) = store::runs::finish(&app.db, &run, &outcome, true, store::now()).await {
            // Its lease runs out, and another worker ends it.
            tracing::error!(%error, run = %run.id, "the end of a sync could not be recorded");
        }
    }
}

async fn attempt(app: &App, run: &run::Model) -> Result<(), String> {
    let text = |error: Error| error.to_string();
    let supplier = suppliers::find(&app.db, &run.supplier_id).await.map_err(text)?;
    let Some(kind) = supplier.adapter.filter(|_| supplier.active) else {
        return Err("the supplier was switched off before its turn came".to_owned());
    };
    let peer = suppliers::peer(app, &supplier).map_err(text)?;
    let body = app.fetcher.catalog(&peer).await.map_err(|e| e.to_string())?;
    // A feed of many megabytes takes longer to read than others may wait for this thread.
    let feed =
        tokio::task::spawn_blocking(move || adapter(kind).read(&body)).await.map_err(|e| e.to_string())??;
    let known = store::catalog::known(&app.db, &supplier.id).await.map_err(|e| e.to_string())?;
    let rules = Rules {
        sku_prefix: &supplier.sku_prefix,
        brake_share: app.settings.brake_share,
        max_rows: app.settings.max_feed_rows,
        override_brake: run.override_brake,
        now: store::now(),
    };
    let changes = diff(&known, feed, &rules).map_err(|brake| brake.to_string())?;
    apply(app, run, &supplier.name, &changes).await.map_err(text)
}

/// Rows, run and events in one transaction. The run's fence comes first: a worker that was taken for dead finds
/// that out before it writes anything.
async fn apply(app: &App, run: &run::Model, name: &str, changes: &Changes) -> Result<(), Error> {
    let now = store::now();
    let outcome = Outcome {
        added: changes.added.len(),
        updated: changes.updated.len(),
        deactivated: changes.deactivated.len(),
        unchanged: changes.unchanged,
        refused: changes.refused.len(),
        error: changes
            .refused
            .first()
            .map(|row| format!("{} rows refused; the first: {}", changes.refused.len(), row.why)),
    };
    let tx = db::begin(&app.db).await?;
    if !store::runs::finish(&tx, run, &outcome, false, now).await? {
        tx.rollback().await?;
        return Err(Error::invalid("run", "another worker took it over"));
    }
    store::catalog::apply(&tx, &run.supplier_id, changes, now).await?;
    outbox::enqueue(&tx, announcements(run, name, changes, now)).await?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok(())
}

/// What is listed first, then what is not any more.
fn announcements(run: &run::Model, name: &str, changes: &Changes, now: DateTime<Utc>) -> Vec<Entry> {
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
    changed
        .chunks(PRODUCTS_PER_EVENT)
        .map(|products| Event::SupplierCatalogUpdated(event(products)))
        .map(|event| Entry::new(crate::SOURCE, event, now, telemetry::current_traceparent()))
        .collect()
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
