//! How an item is restocked: what stock says of it (reorder point and quantity), and a policy of its own over that.

use super::consider;
use crate::App;
use crate::error::Error;
use crate::store::entities::{order, policy, seen};
use crate::store::{self, policies};
use chrono::{DateTime, SubsecRound, Utc};
use domain::MAX_UNITS;
use domain::restock::{Amount, Policy};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest lead time, in days: three years.
const MAX_LEAD_TIME_DAYS: i32 = 1_095;
/// The longest name of an item, in characters: a SKU's.
const MAX_NAME: usize = 100;

/// What an item's policy is to be. What is left out is as stock, or the supplier, says.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NewPolicy {
    /// Order when available, incoming and in transit together are at or below this.
    reorder_point: Option<i64>,
    /// How many to order then; 0 never orders.
    reorder_quantity: Option<i64>,
    /// Instead of a quantity: order what is missing up to this level. Above the reorder point.
    order_up_to: Option<i64>,
    /// The most to order at once.
    maximum_order: Option<i64>,
    /// Order nothing before this.
    snoozed_until: Option<DateTime<Utc>>,
    /// Whom to order from before all others.
    preferred_supplier_id: Option<String>,
    /// How long delivery takes, whatever the supplier's lead time.
    lead_time_days: Option<i32>,
}

/// How an item is restocked.
#[derive(Serialize, ToSchema)]
pub(crate) struct RestockPolicy {
    item_id: Uuid,
    sku: String,
    /// The policy's, or the item's own.
    reorder_point: i64,
    /// The policy's, or the item's own; null when it is ordered up to a level.
    reorder_quantity: Option<i64>,
    order_up_to: Option<i64>,
    maximum_order: Option<i64>,
    snoozed_until: Option<DateTime<Utc>>,
    preferred_supplier_id: Option<String>,
    lead_time_days: Option<i32>,
    /// Counts the changes; 0: it never had a policy of its own.
    pub(crate) version: i64,
    updated_at: Option<DateTime<Utc>>,
}

/// The rules by which an item is restocked.
pub(super) fn effective(item: &seen::Model, own: Option<&policy::Model>) -> Policy {
    let fixed = own.and_then(|own| own.reorder_quantity).unwrap_or(item.reorder_quantity);
    let up_to = own.and_then(|own| own.order_up_to);
    Policy {
        reorder_point: own.and_then(|own| own.reorder_point).unwrap_or(item.reorder_point),
        amount: up_to.map_or(Amount::Fixed(fixed), Amount::UpTo),
        maximum: own.and_then(|own| own.maximum_order),
        snoozed_until: own.and_then(|own| own.snoozed_until),
    }
}

/// The item that a name stands for, as events told it.
pub(crate) async fn find_item<C: ConnectionTrait>(db: &C, name: &str) -> Result<seen::Model, Error> {
    let unknown = || Error::ItemUnknown(name.chars().take(MAX_NAME).collect());
    // PostgreSQL has no text with a NUL in it.
    if name.contains('\0') {
        return Err(unknown());
    }
    let mut found = store::seen::named(db, name).await?;
    match found.len() {
        0 => Err(unknown()),
        1 => Ok(found.remove(0)),
        _ => Err(Error::ItemAmbiguous(name.to_owned())),
    }
}

/// How an item is restocked.
pub(crate) async fn policy_of<C: ConnectionTrait>(
    db: &C,
    item: &seen::Model,
) -> Result<RestockPolicy, DbErr> {
    Ok(shown(item, policies::find(db, item.item_id).await?))
}

fn shown(item: &seen::Model, own: Option<policy::Model>) -> RestockPolicy {
    let effective = effective(item, own.as_ref());
    let (reorder_quantity, order_up_to) = match effective.amount {
        Amount::Fixed(quantity) => (Some(quantity), None),
        Amount::UpTo(level) => (None, Some(level)),
    };
    RestockPolicy {
        item_id: item.item_id,
        sku: item.sku.clone(),
        reorder_point: effective.reorder_point,
        reorder_quantity,
        order_up_to,
        maximum_order: effective.maximum,
        snoozed_until: effective.snoozed_until,
        version: own.as_ref().map_or(0, |own| own.version),
        updated_at: own.as_ref().map(|own| own.updated_at),
        lead_time_days: own.as_ref().and_then(|own| own.lead_time_days),
        preferred_supplier_id: own.and_then(|own| own.preferred_supplier_id),
    }
}

/// Sets an item's policy, if it is still at the version that the caller read, and orders the item if it is short by
/// it. The caller wakes the sender for that order once it has committed.
pub(crate) async fn set_policy(
    app: &App,
    tx: &DatabaseTransaction,
    item_id: Uuid,
    version: Option<i64>,
    new: NewPolicy,
) -> Result<(RestockPolicy, Option<order::Model>), Error> {
    let (item, at) = locked(tx, item_id, version).await?;
    checked(tx, &item, &new).await?;
    let now = store::now();
    let policy = policy::Model {
        item_id,
        reorder_point: new.reorder_point,
        reorder_quantity: new.reorder_quantity,
        order_up_to: new.order_up_to,
        maximum_order: new.maximum_order,
        snoozed_until: new.snoozed_until.map(|until| until.trunc_subsecs(6)),
        preferred_supplier_id: new.preferred_supplier_id,
        lead_time_days: new.lead_time_days,
        version: at + 1,
        updated_at: now,
    };
    policies::set(tx, policy.clone()).await?;
    let order = consider(app, tx, &item, now).await?;
    Ok((shown(&item, Some(policy)), order))
}

/// Takes an item's own policy away, so that what stock says counts again.
pub(crate) async fn remove_policy(
    app: &App,
    tx: &DatabaseTransaction,
    item_id: Uuid,
    version: Option<i64>,
) -> Result<(RestockPolicy, Option<order::Model>), Error> {
    // An empty one is kept, for its version: what was read before must not match what is set after.
    set_policy(app, tx, item_id, version, NewPolicy::default()).await
}

async fn locked(
    tx: &DatabaseTransaction,
    item_id: Uuid,
    version: Option<i64>,
) -> Result<(seen::Model, i64), Error> {
    let item = store::seen::lock(tx, item_id).await?;
    let item = item.ok_or_else(|| Error::ItemUnknown(item_id.to_string()))?;
    let at = policies::find(tx, item_id).await?.map_or(0, |policy| policy.version);
    match version.is_some_and(|version| version != at) {
        true => Err(Error::VersionStale { now: at }),
        false => Ok((item, at)),
    }
}

async fn checked(tx: &DatabaseTransaction, item: &seen::Model, new: &NewPolicy) -> Result<(), Error> {
    let units = [
        ("reorder_point", new.reorder_point, 0),
        ("reorder_quantity", new.reorder_quantity, 0),
        ("order_up_to", new.order_up_to, 1),
        ("maximum_order", new.maximum_order, 1),
    ];
    for (field, units, least) in units {
        if units.is_some_and(|units| !(least..=MAX_UNITS).contains(&units)) {
            return Err(Error::invalid(field, format!("must be {least} to {MAX_UNITS}")));
        }
    }
    if new.order_up_to.is_some() && new.reorder_quantity.is_some() {
        return Err(Error::invalid("order_up_to", "is instead of reorder_quantity, not beside it"));
    }
    if new.order_up_to.is_some_and(|level| level <= new.reorder_point.unwrap_or(item.reorder_point)) {
        return Err(Error::invalid("order_up_to", "must be above the reorder point"));
    }
    if new.lead_time_days.is_some_and(|days| !(0..=MAX_LEAD_TIME_DAYS).contains(&days)) {
        return Err(Error::invalid("lead_time_days", format!("must be 0 to {MAX_LEAD_TIME_DAYS}")));
    }
    let year = new.snoozed_until.map(|until| chrono::Datelike::year(&until));
    if year.is_some_and(|year| !(1970..10_000).contains(&year)) {
        return Err(Error::invalid("snoozed_until", "must be in the years 1970 to 9999"));
    }
    if let Some(id) = &new.preferred_supplier_id
        && (id.contains('\0') || store::suppliers::find(tx, id).await?.is_none())
    {
        return Err(Error::invalid("preferred_supplier_id", "there is no such supplier"));
    }
    Ok(())
}
