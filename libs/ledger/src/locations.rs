//! Locations: where stock is kept. Rarely changed, so written by plain statements.

use std::collections::HashMap;

use domain::{LocationId, Name, Timestamp};
use sea_orm::sea_query::Condition;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, SqlErr,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::tables::location;

/// The most locations that there may be. Each decision goes over all of them, and every lane keeps them in memory.
pub const MAX_LOCATIONS: u64 = 1_000;

/// A warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationView {
    /// Its id.
    pub id: Uuid,
    /// Its short name, unique.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// Where it is.
    pub city: String,
    /// Where it is.
    pub state: String,
    /// Where it is.
    pub country: String,
    /// Where it is.
    pub postal_code: String,
    /// The one with the lowest is put into and taken from first; equals go by code.
    pub priority: i32,
    /// Whether stock may be put there or promised from there.
    pub active: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What to set about a location; what is `None` stays, or is empty on a new one.
#[derive(Clone, Debug, Default)]
pub struct LocationPatch {
    /// Its name.
    pub name: Option<Name>,
    /// Where it is.
    pub address: Option<String>,
    /// Where it is.
    pub city: Option<String>,
    /// Where it is.
    pub state: Option<String>,
    /// Where it is.
    pub country: Option<String>,
    /// Where it is.
    pub postal_code: Option<String>,
    /// Its place in the order.
    pub priority: Option<i32>,
    /// Whether it is in use.
    pub active: Option<bool>,
}

/// Why a location was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// Another location has the code.
    #[error("the code {0:?} is taken")]
    CodeTaken(String),
    /// There are as many as there may be.
    #[error("there are {MAX_LOCATIONS} locations already")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// All locations, the one to take from first in front.
pub async fn list<C: ConnectionTrait>(db: &C) -> Result<Vec<LocationView>, DbErr> {
    let rows = location::Entity::find()
        .order_by_asc(location::Column::Priority)
        .order_by_asc(location::Column::Code)
        .limit(MAX_LOCATIONS)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(view).collect())
}

/// The location with this id or code.
pub async fn find<C: ConnectionTrait>(db: &C, name: &str) -> Result<Option<LocationView>, DbErr> {
    let mut any = Condition::any().add(location::Column::Code.eq(name));
    if let Ok(id) = Uuid::parse_str(name) {
        any = any.add(location::Column::Id.eq(id));
    }
    Ok(location::Entity::find().filter(any).one(db).await?.map(view))
}

/// The locations that these ids and codes stand for, by name. A name that is not in the answer stands for nothing.
pub async fn find_all<C: ConnectionTrait>(
    db: &C,
    names: &[&str],
) -> Result<HashMap<String, LocationId>, DbErr> {
    let id = |name: &&str| Uuid::parse_str(name).ok();
    let mut query = location::Entity::find();
    if names.len() <= FEW {
        let ids = names.iter().filter_map(id);
        let any = Condition::any().add(location::Column::Code.is_in(names.iter().copied()));
        query = query.filter(any.add(location::Column::Id.is_in(ids)));
    }
    let rows = query.limit(MAX_LOCATIONS).all(db).await?;
    let named = |name: &&str| rows.iter().find(|row| row.code == *name || Some(row.id) == id(name));
    let found = names.iter().filter_map(|name| Some(((*name).to_owned(), LocationId(named(name)?.id))));
    Ok(found.collect())
}

/// Up to so many are looked for by name. For more it is cheaper to read all that there are.
const FEW: usize = 10;

/// Opens a location.
pub async fn create<C: ConnectionTrait>(
    db: &C,
    id: LocationId,
    code: &str,
    patch: LocationPatch,
    now: Timestamp,
) -> Result<LocationView, LocationError> {
    if list(db).await?.len() as u64 >= MAX_LOCATIONS {
        return Err(LocationError::TooMany);
    }
    let row = location::ActiveModel {
        id: Set(id.0),
        code: Set(code.to_owned()),
        name: Set(code.to_owned()),
        address: Set(String::new()),
        city: Set(String::new()),
        state: Set(String::new()),
        country: Set(String::new()),
        postal_code: Set(String::new()),
        priority: Set(DEFAULT_PRIORITY),
        is_active: Set(true),
        created_at: Set(now),
        updated_at: Set(now),
    };
    match patched(row, patch, now).insert(db).await {
        Ok(row) => Ok(view(row)),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Err(LocationError::CodeTaken(code.to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Where a location stands when nobody says so: before and after it there is room.
const DEFAULT_PRIORITY: i32 = 100;

/// Changes what the patch names; `None` when there is no such location.
pub async fn update<C: ConnectionTrait>(
    db: &C,
    name: &str,
    patch: LocationPatch,
    now: Timestamp,
) -> Result<Option<LocationView>, DbErr> {
    let Some(found) = find(db, name).await? else { return Ok(None) };
    let Some(row) = location::Entity::find_by_id(found.id).one(db).await? else { return Ok(None) };
    Ok(Some(view(patched(row.into_active_model(), patch, now).update(db).await?)))
}

fn patched(mut row: location::ActiveModel, patch: LocationPatch, now: Timestamp) -> location::ActiveModel {
    if let Some(name) = patch.name {
        row.name = Set(name.as_str().to_owned());
    }
    if let Some(address) = patch.address {
        row.address = Set(address);
    }
    if let Some(city) = patch.city {
        row.city = Set(city);
    }
    if let Some(state) = patch.state {
        row.state = Set(state);
    }
    if let Some(country) = patch.country {
        row.country = Set(country);
    }
    if let Some(postal_code) = patch.postal_code {
        row.postal_code = Set(postal_code);
    }
    if let Some(priority) = patch.priority {
        row.priority = Set(priority);
    }
    if let Some(active) = patch.active {
        row.is_active = Set(active);
    }
    row.updated_at = Set(now);
    row
}

fn view(row: location::Model) -> LocationView {
    LocationView {
        id: row.id,
        code: row.code,
        name: row.name,
        address: row.address,
        city: row.city,
        state: row.state,
        country: row.country,
        postal_code: row.postal_code,
        priority: row.priority,
        active: row.is_active,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
