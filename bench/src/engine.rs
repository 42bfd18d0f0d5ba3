//! Our design, as the services run it: the writer of the library, with the default configuration.

use std::sync::Arc;

use domain::{Attributes, Command, Delta, Identity, ItemId, NewItem, Outside, Quantity, Shelf};
use futures::future::join_all;
use ledger::{By, Migrator, Reader, Request, Writer, WriterConfig};
use platform::config::Config;
use sea_orm::DatabaseConnection;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::BATCHED_CALLERS;
use crate::measure::{Caller, Measured, Pace, closed_loop};

/// More than any run can sell.
pub const UNITS: i64 = 100_000_000;
/// How many items are made at once.
const SEEDED_AT_ONCE: usize = 1_000;

/// A writer at work. It stops when this is dropped.
pub struct Engine {
    writer: Writer,
    db: DatabaseConnection,
    _stop: DropGuard,
}

/// Sells one unit at a time, each under an idempotency key of its own.
pub struct Seller {
    writer: Writer,
    items: Arc<[ItemId]>,
}

impl Engine {
    /// Brings the database up to date and starts to write to it.
    pub async fn start(url: &str) -> Engine {
        let config = Config::defaults().unwrap();
        let database = config.section("database").unwrap();
        let db = platform::db::connect(url, &database).await.unwrap();
        platform::db::migrate::<Migrator>(&db).await.unwrap();
        let settings: WriterConfig = config.section("ledger").unwrap();
        let (writer, tasks) = Writer::new(url, &database, &settings, &Arc::new(Notify::new()));
        let stop = CancellationToken::new();
        for task in tasks {
            tokio::spawn(task.run(stop.clone()));
        }
        Engine { writer, db, _stop: stop.drop_guard() }
    }

    /// Makes items with [`UNITS`] each, through the writer itself, so that the books are in order.
    pub async fn seed(&self, items: usize) -> Arc<[ItemId]> {
        let numbers: Vec<usize> = (0..items).collect();
        let mut made = Vec::with_capacity(items);
        for some in numbers.chunks(SEEDED_AT_ONCE) {
            made.extend(join_all(some.iter().map(|number| seed(&self.writer, *number))).await);
        }
        made.into()
    }

    /// So many who sell these items.
    pub fn sellers(&self, items: &Arc<[ItemId]>, callers: usize) -> Vec<Seller> {
        let seller = || Seller { writer: self.writer.clone(), items: Arc::clone(items) };
        (0..callers).map(|_| seller()).collect()
    }

    /// As fast as it goes.
    pub async fn measure(&self, what: &str, items: &Arc<[ItemId]>, pace: Pace) -> Measured {
        let name = format!("batched, {what}, {BATCHED_CALLERS} callers");
        closed_loop(&name, pace, self.sellers(items, BATCHED_CALLERS)).await
    }

    /// A reader of the same database.
    pub fn reader(&self) -> Reader {
        Reader::new(self.db.clone())
    }

    /// Stops unless the books agree; says over how much they do.
    pub async fn audit(&self) -> String {
        let report = ledger::audit::audit(&self.db).await.unwrap();
        assert!(report.clean, "the books do not agree: {:#?}", report.differences);
        format!("clean over {} items and {} ledger rows", report.items, report.transactions)
    }
}

impl Caller for Seller {
    async fn ask(&mut self, turn: usize) {
        let item = self.items[turn % self.items.len()];
        let (delta, shelf) = (Delta::try_from(-1).unwrap(), Shelf::Available);
        let command = Command::Adjust { item, location: None, delta, against: Outside::Customer, shelf };
        let key = Uuid::now_v7().to_string();
        let request = Request::new(command, by()).because("sale").with_key(key);
        self.writer.submit(request).await.unwrap().outcome.unwrap();
    }
}

fn by() -> By {
    By { actor: "bench".to_owned(), role: "service".to_owned(), owner: None }
}

async fn seed(writer: &Writer, number: usize) -> ItemId {
    let text = |text: String| text.try_into().unwrap();
    let id = ItemId(Uuid::now_v7());
    let new = NewItem {
        identity: Identity {
            id,
            product_id: text(format!("product-{number}")),
            variant_id: None,
            sku: text(format!("SKU-{number}")),
            owner: "bench".to_owned().try_into().unwrap(),
        },
        attributes: Attributes {
            name: "A thing".to_owned().try_into().unwrap(),
            supplier: None,
            reorder_point: 0,
            reorder_quantity: 0,
            active: true,
        },
    };
    let (quantity, into) = (Quantity::try_from(UNITS).unwrap(), Shelf::Available);
    let receive = Command::Receive { item: id, location: None, quantity, expected: false, into };
    for command in [Command::CreateItem(new), receive] {
        writer.submit(Request::new(command, by())).await.unwrap().outcome.unwrap();
    }
    id
}
