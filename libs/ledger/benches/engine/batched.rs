//! Our design, as the services run it: the writer of the library, with the default configuration.

use std::sync::Arc;

use domain::{Attributes, Command, Delta, Identity, ItemId, NewItem, Outside, Quantity};
use futures::future::join_all;
use ledger::{By, Migrator, Request, Writer, WriterConfig};
use platform::config::Config;
use sea_orm::DatabaseConnection;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::measure::{Load, Measured, closed_loop};

/// More than any run can sell.
const UNITS: i64 = 100_000_000;
/// How many items are made at once.
const SEEDED_AT_ONCE: usize = 1_000;

pub(crate) struct Engine {
    writer: Writer,
    db: DatabaseConnection,
    pub(crate) items: Vec<ItemId>,
}

impl Engine {
    /// Brings the database up and stocks it, through the writer itself, so that its books are in order.
    pub(crate) async fn open(url: &str, items: usize) -> Engine {
        let config = Config::load().unwrap();
        let database = config.section("database").unwrap();
        let db = platform::db::connect(url, &database).await.unwrap();
        platform::db::migrate::<Migrator>(&db).await.unwrap();
        let settings: WriterConfig = config.section("ledger").unwrap();
        let (writer, tasks) = Writer::new(url, &database, &settings, &Arc::new(Notify::new()));
        for task in tasks {
            tokio::spawn(task.run(CancellationToken::new()));
        }
        let numbers: Vec<usize> = (0..items).collect();
        let mut made = Vec::with_capacity(items);
        for some in numbers.chunks(SEEDED_AT_ONCE) {
            made.extend(join_all(some.iter().map(|number| seed(&writer, *number))).await);
        }
        Engine { writer, db, items: made }
    }

    pub(crate) async fn measure(&self, load: &Load) -> Measured {
        let shape = if load.items.len() == 1 { "one hot item" } else { "uniform" };
        let writer = self.writer.clone();
        closed_loop(&format!("batched, {shape}, {} callers", load.callers), load, move |item| {
            let writer = writer.clone();
            async move { sell(&writer, item).await }
        })
        .await
    }

    pub(crate) async fn audit(&self) -> String {
        let report = ledger::audit::audit(&self.db).await.unwrap();
        assert!(report.clean, "the books do not agree: {:#?}", report.differences);
        format!("clean over {} items and {} ledger rows", report.items, report.transactions)
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
    let quantity = Quantity::try_from(UNITS).unwrap();
    let receive = Command::Receive { item: id, location: None, quantity, expected: false };
    for command in [Command::CreateItem(new), receive] {
        writer.submit(Request::new(command, by())).await.unwrap().outcome.unwrap();
    }
    id
}

async fn sell(writer: &Writer, item: ItemId) {
    let delta = Delta::try_from(-1).unwrap();
    let command = Command::Adjust { item, location: None, delta, against: Outside::Customer };
    let request = Request::new(command, by()).because("sale").with_key(Uuid::now_v7().to_string());
    writer.submit(request).await.unwrap().outcome.unwrap();
}
