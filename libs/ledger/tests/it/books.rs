//! A stock database of its own for each test, with a writer at work.

use std::sync::Arc;

use domain::{
    Attributes, Command, Delta, HoldId, Identity, ItemId, Line, NewItem, Outside, Quantity, Refusal, Shelf,
};
use ledger::{Answer, By, Done, ItemView, Migrator, Reader, Request, Unanswered, Writer, WriterConfig};
use platform::config::Config;
use platform::db::DbConfig;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use testkit::{Backend, Stage};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) struct Books {
    pub(crate) writer: Writer,
    pub(crate) reader: Reader,
    pub(crate) db: DatabaseConnection,
    pub(crate) stage: Stage,
    stop: CancellationToken,
}

impl Drop for Books {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn database() -> DbConfig {
    Config::defaults().unwrap().section("database").unwrap()
}

pub(crate) async fn open(backend: Backend) -> Books {
    // What the writer says shows when a test fails.
    _ = tracing_subscriber::fmt().with_test_writer().try_init();
    let stage = Stage::new(backend).await;
    let db = platform::db::connect(&stage.stock_url, &database()).await.unwrap();
    platform::db::migrate::<Migrator>(&db).await.unwrap();
    let stop = CancellationToken::new();
    let writer = writer(&stage.stock_url, &stop);
    Books { writer, reader: Reader::new(db.clone()), db, stage, stop }
}

/// One more writer on a database, as another replica would have it.
#[expect(clippy::disallowed_methods, reason = "a test hosts the writer's tasks itself")]
pub(crate) fn writer(url: &str, stop: &CancellationToken) -> Writer {
    let config: WriterConfig = Config::defaults().unwrap().section("ledger").unwrap();
    let (writer, tasks) = Writer::new(url, &database(), &config, &Arc::new(Notify::new()));
    for task in tasks {
        tokio::spawn(task.run(stop.clone()));
    }
    writer
}

pub(crate) fn admin() -> By {
    By { actor: "anna".to_owned(), role: "admin".to_owned(), owner: None }
}

pub(crate) fn brand(owner: &str) -> By {
    By { actor: format!("{owner}-bot"), role: "brand".to_owned(), owner: Some(owner.to_owned()) }
}

pub(crate) fn quantity(units: i64) -> Quantity {
    Quantity::try_from(units).unwrap()
}

pub(crate) fn new_item(sku: &str) -> NewItem {
    let text = |text: &str| text.to_owned().try_into().unwrap();
    NewItem {
        identity: Identity {
            id: ItemId(Uuid::now_v7()),
            product_id: text(&format!("p-{sku}")),
            variant_id: None,
            sku: text(sku),
            owner: "acme".to_owned().try_into().unwrap(),
        },
        attributes: Attributes {
            name: "A thing".to_owned().try_into().unwrap(),
            supplier: None,
            reorder_point: 5,
            reorder_quantity: 20,
            active: true,
        },
    }
}

pub(crate) fn receive(item: ItemId, units: i64) -> Command {
    Command::Receive {
        item,
        location: None,
        quantity: quantity(units),
        expected: false,
        into: Shelf::Available,
    }
}

pub(crate) fn sell(item: ItemId, units: i64) -> Command {
    let delta = Delta::try_from(-units).unwrap();
    Command::Adjust { item, location: None, delta, against: Outside::Customer, shelf: Shelf::Available }
}

pub(crate) fn reserve(items: &[ItemId], units: i64, seconds: i64) -> (HoldId, Command) {
    let hold = HoldId(Uuid::now_v7());
    let line = |item: &ItemId| Line { item: *item, location: None, quantity: quantity(units) };
    (hold, Command::Reserve { hold, lines: items.iter().map(line).collect(), seconds })
}

impl Books {
    pub(crate) async fn submit(&self, command: Command) -> Result<Answer, Unanswered> {
        self.writer.submit(Request::new(command, admin())).await
    }

    pub(crate) async fn does(&self, command: Command) -> Done {
        self.submit(command).await.unwrap().outcome.unwrap()
    }

    pub(crate) async fn refuses(&self, command: Command) -> Refusal {
        self.submit(command).await.unwrap().outcome.unwrap_err()
    }

    /// A new item with so many units at the first location.
    pub(crate) async fn item(&self, sku: &str, units: i64) -> ItemId {
        let new = new_item(sku);
        let id = new.identity.id;
        self.does(Command::CreateItem(new)).await;
        if units > 0 {
            self.does(receive(id, units)).await;
        }
        id
    }

    pub(crate) async fn view(&self, item: ItemId) -> ItemView {
        self.reader.item(item).await.unwrap().unwrap()
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        let statement = sea_orm::Statement::from_string(self.db.get_database_backend(), sql);
        self.db.query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
    }

    pub(crate) async fn is_clean(&self) {
        let report = ledger::audit::audit(&self.db).await.unwrap();
        assert!(report.clean, "the audit found {:#?}", report.differences);
    }
}
