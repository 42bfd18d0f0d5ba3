//! The table `catalog`.

use super::entities::product::{ActiveModel, Column, Entity, Model};
use crate::diff::{Changes, Known, Product};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    Set,
};
use std::collections::HashMap;
use std::str::FromStr;

/// Rows read at once.
const ROWS_PER_PAGE: u64 = 5_000;
/// Rows a statement: twelve values each stay far below SQLite's 32,766 parameters.
const ROWS_PER_STATEMENT: usize = 500;
/// A product that nobody has said anything about is sold singly.
const DEFAULT_PACK_SIZE: i64 = 1;
const DEFAULT_MINIMUM_ORDER: i64 = 1;

/// A supplier's whole catalog by product id, as [`crate::diff`] wants it. Bounded by the largest feed that was
/// taken; read by the page, so that there is never a second copy of all of it.
pub(crate) async fn known<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
) -> Result<HashMap<String, Known>, DbErr> {
    let mut known = HashMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = list(db, supplier_id, None, after.as_deref(), ROWS_PER_PAGE).await?;
        let full = page.len() as u64 == ROWS_PER_PAGE;
        after = page.last().filter(|_| full).map(|last| last.product_id.clone());
        for row in page {
            known.insert(row.product_id.clone(), known_row(row)?);
        }
        if after.is_none() {
            return Ok(known);
        }
    }
}

fn known_row(row: Model) -> Result<Known, DbErr> {
    Ok(Known {
        cost: row.cost.as_deref().map(parse_cost).transpose()?,
        supplier_sku: row.supplier_sku,
        sku: row.sku,
        name: row.name,
        stock: row.supplier_stock,
        stamp: row.stamp,
        active: row.active,
    })
}

fn parse_cost(text: &str) -> Result<Decimal, DbErr> {
    Decimal::from_str(text).map_err(|e| DbErr::Type(format!("catalog.cost {text:?}: {e}")))
}

/// Writes what changed and nothing else. Pack sizes and minimums, which no feed tells, stay.
pub(crate) async fn apply<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    changes: &Changes,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let listed: Vec<&Product> = changes.added.iter().chain(&changes.updated).collect();
    for some in listed.chunks(ROWS_PER_STATEMENT) {
        let rows: Vec<ActiveModel> = some.iter().map(|product| row(supplier_id, product, now)).collect();
        let overwrite = OnConflict::columns([Column::SupplierId, Column::ProductId])
            .update_columns([
                Column::SupplierSku,
                Column::Sku,
                Column::Name,
                Column::Cost,
                Column::SupplierStock,
                Column::Stamp,
                Column::Active,
                Column::UpdatedAt,
            ])
            .to_owned();
        Entity::insert_many(rows).on_conflict(overwrite).exec_without_returning(db).await?;
    }
    for gone in changes.deactivated.chunks(ROWS_PER_STATEMENT) {
        Entity::update_many()
            .col_expr(Column::Active, Expr::value(false))
            .col_expr(Column::UpdatedAt, Expr::value(now))
            .filter(Column::SupplierId.eq(supplier_id))
            .filter(Column::ProductId.is_in(gone.iter().map(|product| product.product_id.as_str())))
            .exec(db)
            .await?;
    }
    Ok(())
}

fn row(supplier_id: &str, product: &Product, now: DateTime<Utc>) -> ActiveModel {
    let to = product.to.clone();
    ActiveModel {
        supplier_id: Set(supplier_id.to_owned()),
        product_id: Set(product.product_id.clone()),
        supplier_sku: Set(to.supplier_sku),
        sku: Set(to.sku),
        name: Set(to.name),
        cost: Set(to.cost.map(|cost| cost.to_string())),
        pack_size: Set(DEFAULT_PACK_SIZE),
        minimum_order: Set(DEFAULT_MINIMUM_ORDER),
        supplier_stock: Set(to.stock),
        stamp: Set(to.stamp),
        active: Set(to.active),
        updated_at: Set(now),
    }
}

/// One product.
pub(crate) async fn find<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    product_id: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id((supplier_id.to_owned(), product_id.to_owned())).one(db).await
}

/// One product, locked until the transaction ends (SQLite has one writer anyway).
pub(crate) async fn lock<C: ConnectionTrait>(
    tx: &C,
    supplier_id: &str,
    product_id: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id((supplier_id.to_owned(), product_id.to_owned())).lock_exclusive().one(tx).await
}

/// Products by id, after one of them.
pub(crate) async fn list<C: ConnectionTrait>(
    db: &C,
    supplier_id: &str,
    active: Option<bool>,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::SupplierId.eq(supplier_id))
        .order_by_asc(Column::ProductId)
        .limit(limit);
    if let Some(active) = active {
        query = query.filter(Column::Active.eq(active));
    }
    if let Some(after) = after {
        query = query.filter(Column::ProductId.gt(after));
    }
    query.all(db).await
}

/// How many products a supplier lists.
pub(crate) async fn count<C: ConnectionTrait>(db: &C, supplier_id: &str) -> Result<u64, DbErr> {
    Entity::find().filter(Column::SupplierId.eq(supplier_id)).filter(Column::Active.eq(true)).count(db).await
}

/// Sets how a product is sold. What is `None` stays.
pub(crate) async fn set_terms<C: ConnectionTrait>(
    db: &C,
    (supplier_id, product_id): (&str, &str),
    pack_size: Option<i64>,
    minimum_order: Option<i64>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut update = Entity::update_many().col_expr(Column::UpdatedAt, Expr::value(now));
    if let Some(pack_size) = pack_size {
        update = update.col_expr(Column::PackSize, Expr::value(pack_size));
    }
    if let Some(minimum_order) = minimum_order {
        update = update.col_expr(Column::MinimumOrder, Expr::value(minimum_order));
    }
    update
        .filter(Column::SupplierId.eq(supplier_id))
        .filter(Column::ProductId.eq(product_id))
        .exec(db)
        .await?;
    Ok(())
}

/// What suppliers' catalogs have under one SKU of ours, listed or not.
pub(crate) async fn of_sku<C: ConnectionTrait>(db: &C, sku: &str, limit: u64) -> Result<Vec<Model>, DbErr> {
    let of_sku = Entity::find().filter(Column::Sku.eq(sku)).order_by_desc(Column::Active);
    of_sku.order_by_asc(Column::SupplierId).order_by_asc(Column::ProductId).limit(limit).all(db).await
}
