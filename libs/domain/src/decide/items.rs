//! What becomes of an item itself: it is begun, and its attributes change.

use crate::{Attributes, Change, Event, Item, ItemPatch, MAX_UNITS, NewItem, Refusal, Stock};

pub(super) fn create(stock: &Stock, new: &NewItem) -> Result<Vec<Event>, Refusal> {
    let NewItem { identity, attributes } = new;
    within_bounds(attributes)?;
    for other in stock.items.values().map(|item| &item.identity) {
        let same_product = other.product_id == identity.product_id;
        // A name stands for one thing: an item can be asked for by its SKU and by its product.
        if other.id == identity.id
            || other.sku == identity.sku
            || (other.product_id == identity.sku && !same_product)
        {
            return Err(Refusal::SkuTaken { sku: identity.sku.to_string() });
        }
        if (same_product && other.variant_id == identity.variant_id)
            || (other.sku == identity.product_id && !same_product)
        {
            return Err(Refusal::ProductTaken { product_id: identity.product_id.to_string() });
        }
    }
    let change = Change::Created(Box::new((identity.clone(), attributes.clone())));
    Ok(vec![Event { item: identity.id, change }])
}

pub(super) fn update(item: &Item, patch: &ItemPatch) -> Result<Vec<Event>, Refusal> {
    let now = &item.attributes;
    let next = Attributes {
        name: patch.name.clone().unwrap_or_else(|| now.name.clone()),
        supplier: patch.supplier.clone().unwrap_or_else(|| now.supplier.clone()),
        reorder_point: patch.reorder_point.unwrap_or(now.reorder_point),
        reorder_quantity: patch.reorder_quantity.unwrap_or(now.reorder_quantity),
        active: patch.active.unwrap_or(now.active),
    };
    within_bounds(&next)?;
    if next == *now {
        return Ok(vec![]);
    }
    Ok(vec![Event { item: item.identity.id, change: Change::Updated(Box::new(next)) }])
}

fn within_bounds(attributes: &Attributes) -> Result<(), Refusal> {
    for (field, value) in
        [("reorder_point", attributes.reorder_point), ("reorder_quantity", attributes.reorder_quantity)]
    {
        if !(0..=MAX_UNITS).contains(&value) {
            return Err(Refusal::ReorderOutOfRange { field: field.to_owned(), value });
        }
    }
    Ok(())
}
