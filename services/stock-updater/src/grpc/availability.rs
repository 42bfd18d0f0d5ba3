//! Availability: whether so many of each item could be reserved now.

use std::collections::HashMap;

use domain::{ItemId, LocationId, Refusal, Sku};
use ledger::locations::LocationView;
use ledger::{Called, Kept};
use platform::auth::Caller;
use proto::inventory::{
    AvailabilityCheckItem, CheckInventoryAvailabilityRequest, InventoryAvailabilityResponse, ItemAvailability,
};
use tonic::Status;

use super::messages::{int32, word};
use super::{Answered, answered, fields};
use crate::App;
use crate::error::Error;

/// The status of what nobody keeps.
const NOT_FOUND: &str = "NOT_FOUND";

pub(super) async fn check(
    app: &App,
    caller: &Caller,
    body: CheckInventoryAvailabilityRequest,
) -> Answered<InventoryAvailabilityResponse> {
    match body.items.len() {
        0 => return Err(Error::from(Refusal::NoLines).into()),
        lines if lines > domain::MAX_LINES => {
            return Err(Error::from(Refusal::TooManyLines { lines }).into());
        }
        _ => {}
    }
    let called = body.items.iter().map(called).collect::<Result<Vec<_>, _>>()?;
    let kept = app.reader.kept_all(&called, caller.owner_scope()).await.map_err(Error::from)?;
    let warehouses = app.warehouses().await?;
    let lines: Vec<_> = body.items.into_iter().zip(kept).collect();
    // An item in several lines is wanted as often: it is there for all of them or for none.
    let mut wanted: HashMap<ItemId, i64> = HashMap::new();
    for (line, kept) in &lines {
        if let Some(kept) = kept {
            *wanted.entry(kept.id).or_default() += i64::from(line.quantity);
        }
    }
    let items = lines.into_iter().map(|(line, kept)| {
        let Some(kept) = kept else { return Ok(told(line, 0, false, NOT_FOUND)) };
        let available = promisable(&kept, &warehouses);
        let enough = kept.active && wanted.get(&kept.id).is_some_and(|wanted| *wanted <= available);
        Ok(told(line, int32("available_quantity", available)?, enough, word(kept.standing())))
    });
    let items = items.collect::<Result<Vec<_>, Status>>()?;
    let all_available = items.iter().all(|item| item.is_available);
    answered(InventoryAvailabilityResponse { items, all_available }, None, false)
}

/// What a line names. Without the form of a name it names nothing, as with one that nobody has.
fn called(line: &AvailabilityCheckItem) -> Result<Called, Status> {
    fields::quantity("items.quantity", line.quantity)?;
    if line.product_id.is_empty() && line.sku.is_empty() {
        return Err(fields::invalid("items", "name each item by product_id or sku"));
    }
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let (product, sku) = (given(&line.product_id), given(&line.sku));
    let variant = line.variant_id.as_ref().and_then(given);
    let sound = |name: &String| Sku::try_from(name.clone()).is_ok();
    if [&product, &variant, &sku].into_iter().flatten().any(|name| !sound(name)) {
        return Ok(Called::Names { product: None, variant: None, sku: None });
    }
    Ok(Called::Names { product, variant, sku })
}

/// What a reservation could take: nothing is promised from a closed warehouse.
fn promisable(kept: &Kept, warehouses: &[LocationView]) -> i64 {
    let open = |location: LocationId| {
        warehouses.iter().any(|warehouse| warehouse.id == location.0 && warehouse.active)
    };
    kept.levels.iter().filter(|level| open(level.location)).map(|level| level.available).sum()
}

fn told(line: AvailabilityCheckItem, available: i32, enough: bool, status: &str) -> ItemAvailability {
    ItemAvailability {
        product_id: line.product_id,
        variant_id: line.variant_id,
        sku: line.sku,
        requested_quantity: line.quantity,
        available_quantity: available,
        is_available: enough,
        status: status.to_owned(),
    }
}
