//! Rows of the ledger, told again as the `stock_updated` that was announced of them.
//!
//! **Invariant.** What is told again is, but for the envelope, what was told at first: the item after the whole
//! command, and what was available before it.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Item, ItemId, Location, LocationId, Stock};
use events::StockUpdated;
use sea_orm::{DatabaseConnection, EntityTrait};
use uuid::Uuid;

use crate::history::{self, Past, Row, Until};
use crate::reader::{ReadError, codes, past};
use crate::tables::item;
use crate::writer::subject;

/// How many items are remembered. One that is not costs two more questions.
const REMEMBERED: usize = 10_000;

/// Items as they were after their last row that was read.
#[derive(Default)]
pub struct Folds {
    items: HashMap<Uuid, Fold>,
    /// The codes of locations, which never change.
    codes: HashMap<Uuid, String>,
}

struct Fold {
    past: Past,
    /// The command of the last row.
    command: Option<Uuid>,
    /// What was available before that command.
    before: i64,
}

impl Folds {
    /// Goes on with a row. Rows that were read before are known; what lies between them and this one is read.
    pub(super) async fn apply(&mut self, db: &DatabaseConnection, row: &Row) -> Result<(), ReadError> {
        let id = row.inventory_item_id;
        if self.items.get(&id).is_none_or(|fold| fold.past.version() + 1 != row.version) {
            if self.items.len() >= REMEMBERED {
                self.items.clear();
            }
            self.items.insert(id, Fold::before(db, row).await?);
        }
        let Some(fold) = self.items.get_mut(&id) else { return Ok(()) };
        let available = units(&fold.past);
        fold.past.apply(row)?;
        fold.past.forget_books();
        fold.note(row, available);
        Ok(())
    }

    /// What was announced of the command whose last row was just applied.
    pub(super) async fn update(
        &mut self,
        db: &DatabaseConnection,
        row: &Row,
    ) -> Result<StockUpdated, ReadError> {
        let missing = || ReadError::Row(format!("item {} has no past", row.inventory_item_id));
        let fold = self.items.get(&row.inventory_item_id).ok_or_else(missing)?;
        let item = fold.past.item().ok_or_else(missing)?;
        if item.levels.keys().any(|location| !self.codes.contains_key(&location.0)) {
            self.codes = codes(db).await?;
        }
        let subject = subject(item, &places(item, &self.codes));
        let word = || word(&row.kind).map(str::to_owned);
        let reason = row.reason.clone().or_else(word);
        Ok(StockUpdated {
            previous_stock: fold.before,
            new_stock: subject.available,
            change_amount: subject.available - fold.before,
            reason: reason.ok_or_else(|| ReadError::Row(format!("{:?} is no kind of change", row.kind)))?,
            timestamp: row.recorded_at,
            command_id: row.command_id,
            subject,
        })
    }
}

impl Fold {
    /// The item before a row. Snapshots are taken at the end of a transaction, so a command is told from its beginning.
    async fn before(db: &DatabaseConnection, row: &Row) -> Result<Fold, ReadError> {
        let (id, last) = (ItemId(row.inventory_item_id), row.version - 1);
        let past = snapshot(db, id, last).await?.unwrap_or_else(|| Past::none(id));
        let mut available = units(&past);
        let mut fold = Fold { past, command: None, before: 0 };
        let Fold { past, command, before } = &mut fold;
        history::tell(db, past, Until::Version(last), |told, past| {
            if *command != Some(told.command_id) {
                (*command, *before) = (Some(told.command_id), available);
            }
            available = units(past);
            past.forget_books();
        })
        .await?;
        if fold.past.version() == last {
            return Ok(fold);
        }
        Err(ReadError::Row(format!("item {id}: version {} is missing", fold.past.version() + 1)))
    }

    fn note(&mut self, row: &Row, available: i64) {
        if self.command != Some(row.command_id) {
            (self.command, self.before) = (Some(row.command_id), available);
        }
    }
}

/// What is available of an item.
fn units(past: &Past) -> i64 {
    past.item().map_or(0, |item| item.total().available)
}

/// The item as its latest snapshot up to a version has it.
async fn snapshot(db: &DatabaseConnection, id: ItemId, up_to: i64) -> Result<Option<Past>, ReadError> {
    let Some(row) = past::base(db, id, Until::Version(up_to)).await? else { return Ok(None) };
    match item::Entity::find_by_id(id.0).one(db).await? {
        Some(item) => Ok(Some(past::at_snapshot(&item, row)?)),
        None => Ok(None),
    }
}

/// What is to be known of stock to tell of the item: its locations.
fn places(item: &Item, codes: &HashMap<Uuid, String>) -> Stock {
    let location = |id: &LocationId| {
        let code = codes.get(&id.0).cloned().unwrap_or_default();
        Location { id: *id, code, active: true }
    };
    let locations: Vec<Location> = item.levels.keys().map(location).collect();
    Stock { locations: Arc::from(locations), ..Stock::default() }
}

/// What a command is called that records such rows: the reason of who gave none.
fn word(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "expected" => "expect",
        "unexpected" => "unexpect",
        "received" | "arrived" => "receive",
        "returned" => "return",
        "increased" | "decreased" => "adjust",
        "counted_more" | "counted_fewer" => "stocktake",
        "moved" => "move",
        "shipped" => "ship",
        "transfer_received" => "receive_transfer",
        "transfer_lost" => "lose_transfer",
        "held" => "reserve",
        "extended" => "extend",
        "confirmed" => "confirm",
        "cancelled" => "cancel",
        "expired" => "expire",
        _ => return None,
    })
}
