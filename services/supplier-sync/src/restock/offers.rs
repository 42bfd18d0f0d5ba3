//! Whom to order an item from, and on which terms.

use crate::store::entities::{policy, product, seen, supplier};
use crate::store::{self, catalog, price_breaks};
use domain::restock::{Listing, Offer, Terms, choose};
use rust_decimal::Decimal;
use sea_orm::{ConnectionTrait, DbErr};
use std::collections::BTreeSet;
use std::str::FromStr;

/// The most catalog rows of one SKU that are looked at. A SKU that more suppliers list is rare, and one of those will
/// do.
const MAX_OFFERS: u64 = 100;

/// The supplier that is asked for an item, and how it sells it.
pub(crate) struct Choice {
    pub(crate) supplier: supplier::Model,
    pub(crate) supplier_sku: String,
    pub(crate) terms: Terms,
}

/// Whom to order an item from: its policy's supplier, else its own, else another; `None` when nobody can be asked.
pub(crate) async fn choice<C: ConnectionTrait>(
    db: &C,
    item: &seen::Model,
    policy: Option<&policy::Model>,
) -> Result<Option<Choice>, DbErr> {
    let products = catalog::of_sku(db, &item.sku, MAX_OFFERS).await?;
    let of_policy = policy.and_then(|policy| policy.preferred_supplier_id.as_deref());
    let preferred: Vec<&str> = of_policy.into_iter().chain(item.supplier_id.as_deref()).collect();
    let ids = products.iter().map(|product| product.supplier_id.as_str()).chain(preferred.iter().copied());
    let (mut suppliers, mut offers) = (Vec::new(), Vec::new());
    for id in ids.collect::<BTreeSet<&str>>() {
        let Some(supplier) = store::suppliers::find(db, id).await?.filter(is_askable) else { continue };
        offers.push(offer(id, best(&products, id))?);
        suppliers.push(supplier);
    }
    let Some(chosen) = choose(&offers, &preferred) else { return Ok(None) };
    let Some(supplier) = suppliers.into_iter().find(|one| one.id == chosen.supplier_id) else {
        return Ok(None);
    };
    let product = best(&products, &supplier.id);
    let own_sku = || item.sku.strip_prefix(&supplier.sku_prefix).unwrap_or(&item.sku).to_owned();
    let breaks = match product {
        Some(product) => price_breaks::of(db, &supplier.id, &product.product_id).await?,
        None => vec![],
    };
    Ok(Some(Choice {
        supplier_sku: product.map_or_else(own_sku, |product| product.supplier_sku.clone()),
        terms: Terms {
            // What a catalog says nothing of is sold singly.
            pack_size: product.map_or(1, |product| product.pack_size),
            minimum: product.map_or(1, |product| product.minimum_order),
            maximum: None,
            unit_cost: chosen.unit_cost,
            breaks,
        },
        supplier,
    }))
}

fn is_askable(supplier: &supplier::Model) -> bool {
    supplier.active && supplier.adapter.is_some() && supplier.base_url.is_some()
}

/// A supplier's product with the SKU: a listed one, for those come first.
fn best<'a>(products: &'a [product::Model], supplier_id: &str) -> Option<&'a product::Model> {
    products.iter().find(|product| product.supplier_id == supplier_id)
}

fn offer(supplier_id: &str, product: Option<&product::Model>) -> Result<Offer, DbErr> {
    let cost = |text: &String| {
        Decimal::from_str(text).map_err(|e| DbErr::Type(format!("catalog.cost {text:?}: {e}")))
    };
    Ok(Offer {
        supplier_id: supplier_id.to_owned(),
        listing: match product {
            None => Listing::Unknown,
            Some(product) if product.active => Listing::Listed,
            Some(_) => Listing::Delisted,
        },
        unit_cost: product.and_then(|product| product.cost.as_ref()).map(cost).transpose()?,
    })
}
