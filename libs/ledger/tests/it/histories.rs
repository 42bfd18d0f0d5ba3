//! Long random histories of every command, from many callers at once.

use std::sync::{Arc, Mutex};

use domain::{
    Command, Delta, HoldId, ItemId, ItemPatch, Line, LocationId, Outside, PartLine, Shelf, TransferId,
    TransferLine,
};
use futures::future::join_all;
use ledger::locations::{self, LocationPatch};
use ledger::{Request, Unanswered};
use rand::prelude::*;
use rand::rngs::StdRng;
use rstest::rstest;
use sea_orm::{ConnectionTrait, Statement};
use testkit::Backend;
use uuid::Uuid;

use crate::books::{Books, admin, new_item, open, quantity, receive};

const ITEMS: usize = 120;
const CALLERS: usize = 64;
const COMMANDS: usize = 100_000;
/// So many of each are remembered to be asked about later: few enough that callers meet at them.
const REMEMBERED: usize = 200;

/// What commands may be about.
pub(crate) struct World {
    pub(crate) items: Vec<ItemId>,
    pub(crate) places: Vec<LocationId>,
    holds: Mutex<Vec<HoldId>>,
    transfers: Mutex<Vec<TransferId>>,
}

/// One of the remembered ones, or one that nobody knows.
fn any_of<T: Copy>(known: &Mutex<Vec<T>>, dice: &mut StdRng, unknown: impl FnOnce() -> T) -> T {
    known.lock().unwrap().choose(dice).copied().unwrap_or_else(unknown)
}

fn remember<T>(known: &Mutex<Vec<T>>, dice: &mut StdRng, one: T) {
    let mut known = known.lock().unwrap();
    if known.len() < REMEMBERED {
        known.push(one);
    } else {
        let at = dice.random_range(0..REMEMBERED);
        known[at] = one;
    }
}

fn shelf(dice: &mut StdRng) -> Shelf {
    *[Shelf::Available, Shelf::Available, Shelf::Damaged, Shelf::QualityControl].choose(dice).unwrap()
}

impl World {
    fn item(&self, dice: &mut StdRng) -> ItemId {
        // A fifth of all at three items: they are hot.
        let last = if dice.random_ratio(1, 5) { 3.min(self.items.len()) } else { self.items.len() };
        self.items[dice.random_range(0..last)]
    }

    fn place(&self, dice: &mut StdRng) -> LocationId {
        *self.places.choose(dice).unwrap()
    }

    fn maybe_place(&self, dice: &mut StdRng) -> Option<LocationId> {
        dice.random_bool(0.5).then(|| self.place(dice))
    }

    fn lines<L>(&self, dice: &mut StdRng, line: impl Fn(&mut StdRng, ItemId) -> L) -> Vec<L> {
        let mut lines = vec![];
        for _ in 0..dice.random_range(1..4) {
            let item = self.item(dice);
            lines.push(line(dice, item));
        }
        lines
    }

    /// A command that may or may not make sense.
    pub(crate) fn command(&self, dice: &mut StdRng) -> Command {
        let (item, units) = (self.item(dice), dice.random_range(1..20));
        match dice.random_range(0..20) {
            0..3 => Command::Receive {
                item,
                location: self.maybe_place(dice),
                quantity: quantity(units),
                expected: dice.random(),
                into: shelf(dice),
            },
            3 => Command::Return {
                item,
                location: self.maybe_place(dice),
                quantity: quantity(units),
                into: shelf(dice),
            },
            4 => Command::Expect { item, location: self.maybe_place(dice), quantity: quantity(units) },
            5 => Command::Unexpect { item, quantity: quantity(units) },
            6..9 => Command::Adjust {
                item,
                location: self.maybe_place(dice),
                delta: Delta::try_from(if dice.random_bool(0.8) { -units } else { units }).unwrap(),
                against: Outside::Customer,
                shelf: shelf(dice),
            },
            9 => Command::Move {
                item,
                location: self.place(dice),
                from: shelf(dice),
                to: shelf(dice),
                quantity: quantity(units),
            },
            10 => Command::Stocktake {
                item,
                location: self.place(dice),
                shelf: shelf(dice),
                counted: units * 2,
                version: dice.random_bool(0.5).then(|| dice.random_range(1..400)),
            },
            11 => self.ship(dice),
            12 => Command::ReceiveTransfer {
                transfer: any_of(&self.transfers, dice, || TransferId(Uuid::nil())),
                lines: self.part_of_transfer(dice),
                into: shelf(dice),
            },
            13 => Command::LoseTransfer {
                transfer: any_of(&self.transfers, dice, || TransferId(Uuid::nil())),
                lines: self.part_of_transfer(dice),
            },
            14..17 => self.reserve(dice),
            17 => Command::Confirm { hold: self.hold(dice), lines: self.part_of_hold(dice) },
            18 => match dice.random_range(0..3) {
                0 => Command::Cancel { hold: self.hold(dice) },
                1 => Command::Extend { hold: self.hold(dice), seconds: dice.random_range(1..90) },
                _ => Command::Expire { hold: self.hold(dice) },
            },
            _ => Command::UpdateItem {
                item,
                patch: ItemPatch { reorder_point: Some(units), ..ItemPatch::default() },
            },
        }
    }

    fn hold(&self, dice: &mut StdRng) -> HoldId {
        any_of(&self.holds, dice, || HoldId(Uuid::nil()))
    }

    fn reserve(&self, dice: &mut StdRng) -> Command {
        let hold = HoldId(Uuid::now_v7());
        remember(&self.holds, dice, hold);
        let location = self.maybe_place(dice);
        let lines = self.lines(dice, |dice, item| Line {
            item,
            location,
            quantity: quantity(dice.random_range(1..6)),
        });
        // Some end by themselves while the history goes on.
        Command::Reserve { hold, lines, seconds: *[1, 1, 60].choose(dice).unwrap() }
    }

    fn ship(&self, dice: &mut StdRng) -> Command {
        let transfer = TransferId(Uuid::now_v7());
        remember(&self.transfers, dice, transfer);
        let line =
            |dice: &mut StdRng, item| TransferLine { item, quantity: quantity(dice.random_range(1..6)) };
        Command::Ship {
            transfer,
            from: self.place(dice),
            to: self.place(dice),
            lines: self.lines(dice, line),
        }
    }

    fn part_of_transfer(&self, dice: &mut StdRng) -> Option<Vec<TransferLine>> {
        let line =
            |dice: &mut StdRng, item| TransferLine { item, quantity: quantity(dice.random_range(1..4)) };
        dice.random_bool(0.7).then(|| self.lines(dice, line))
    }

    fn part_of_hold(&self, dice: &mut StdRng) -> Option<Vec<PartLine>> {
        let line = |dice: &mut StdRng, item| PartLine { item, quantity: quantity(dice.random_range(1..4)) };
        dice.random_bool(0.5).then(|| self.lines(dice, line))
    }
}

pub(crate) async fn world(books: &Books, items_kept: usize) -> World {
    let mut places = vec![locations::find(&books.db, "main").await.unwrap().unwrap().id];
    for (number, open) in [(1, true), (2, true), (3, false)] {
        let id = LocationId(Uuid::now_v7());
        let patch = LocationPatch { active: Some(open), ..LocationPatch::default() };
        let code = format!("place-{number}");
        places.push(locations::create(&books.db, id, &code, patch, chrono::Utc::now()).await.unwrap().id);
    }
    books.writer.locations_changed();
    let mut items = vec![];
    for number in 0..items_kept {
        items.push(books.item(&format!("SKU-{number}"), 100).await);
    }
    let places = places.into_iter().map(LocationId).collect();
    World { items, places, holds: Mutex::default(), transfers: Mutex::default() }
}

async fn deadlocks(books: &Books) -> i64 {
    if books.stage.backend == Backend::Embedded {
        return 0;
    }
    let sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let statement = Statement::from_string(books.db.get_database_backend(), sql);
    books.db.query_one_raw(statement).await.unwrap().unwrap().try_get("", "deadlocks").unwrap()
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_random_commands_keep_every_invariant(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let world = Arc::new(world(&books, ITEMS).await);
    let callers = (0..CALLERS).map(|caller| {
        let (world, writer) = (Arc::clone(&world), books.writer.clone());
        async move {
            let mut dice = StdRng::seed_from_u64(caller as u64);
            let (mut accepted, mut refused) = (0, 0);
            for _ in 0..COMMANDS / CALLERS {
                let request = Request::new(world.command(&mut dice), admin());
                match writer.submit_patiently(request).await.unwrap().outcome {
                    Ok(_) => accepted += 1,
                    Err(_) => refused += 1,
                }
            }
            (accepted, refused)
        }
    });
    let (accepted, refused) =
        join_all(callers).await.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(accepted > COMMANDS / 4 && refused > COMMANDS / 20, "{accepted} accepted, {refused} refused");
    books.is_clean().await;
    assert_eq!(deadlocks(&books).await, 0);
    for table in ["inventory_transfers", "inventory_reservations", "inventory_snapshots"] {
        assert!(books.count(table).await > 0, "{table}: the history was too short");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opposing_orders_over_several_items_never_deadlock() {
    let books = open(Backend::Real).await;
    let stop = tokio_util::sync::CancellationToken::new();
    // Another replica, so that batches meet at the rows and not in a lane.
    let other = crate::books::writer(&books.stage.stock_url, &stop);
    let (tea, cup) = (books.item("TEA", 100_000).await, books.item("CUP", 100_000).await);
    let callers = (0..8).map(|caller| {
        let writer = if caller % 2 == 0 { books.writer.clone() } else { other.clone() };
        let items = if caller % 4 < 2 { [tea, cup] } else { [cup, tea] };
        async move {
            for _ in 0..250 {
                let (_, command) = crate::books::reserve(&items, 1, 60);
                writer.submit(Request::new(command, admin())).await.unwrap().outcome.unwrap();
            }
        }
    });
    join_all(callers).await;
    assert_eq!(books.view(tea).await.reserved, 2_000);
    assert_eq!(books.view(cup).await.reserved, 2_000);
    assert_eq!(deadlocks(&books).await, 0);
    books.is_clean().await;
    stop.cancel();
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_together_is_done_whole_or_not_at_all(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let (tea, new) = (books.item("TEA", 5).await, new_item("CUP"));
    let cup = new.identity.id;
    let request = |command| Request::new(command, admin());
    let requests = |sold| {
        vec![
            request(Command::CreateItem(new.clone())),
            request(receive(cup, 7)),
            request(crate::books::sell(tea, sold)),
        ]
    };
    let refused = books.writer.submit_together(requests(6), Some("a".to_owned())).await.unwrap();
    let stopped = refused.outcome.clone().unwrap_err();
    assert_eq!(stopped.line, 2);
    assert!(books.reader.item(cup).await.unwrap().is_none(), "nothing of it was done");
    assert_eq!(books.view(tea).await.version, 2);
    let again = books.writer.submit_together(requests(6), Some("a".to_owned())).await.unwrap();
    assert_eq!((again.outcome, again.replayed), (Err(stopped), true));
    let reused = books.writer.submit_together(requests(5), Some("a".to_owned())).await;
    assert_eq!(reused.unwrap_err(), Unanswered::KeyReused);

    let done = books.writer.submit_together(requests(5), Some("b".to_owned())).await.unwrap();
    let done = done.outcome.unwrap();
    assert_eq!(done.len(), 3);
    assert_eq!((done[1].items[0].version, done[1].items[0].available), (2, 7));
    assert_eq!((books.view(tea).await.available, books.view(cup).await.available), (0, 7));
    let again = books.writer.submit_together(requests(5), Some("b".to_owned())).await.unwrap();
    assert_eq!((again.outcome.unwrap(), again.replayed), (done, true));
    books.is_clean().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_count_against_a_past_version_leaves_alone_what_was_sold_since(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let tea = books.item("TEA", 50).await;
    let main = LocationId(books.view(tea).await.levels[0].location_id);
    let seen = books.view(tea).await.version;
    books.does(crate::books::sell(tea, 10)).await;
    let (_, hold) = crate::books::reserve(&[tea], 5, 60);
    books.does(hold).await;
    let count = |version| Command::Stocktake {
        item: tea,
        location: main,
        shelf: Shelf::Available,
        counted: 48,
        version: Some(version),
    };
    books.does(count(seen)).await;
    assert_eq!(books.view(tea).await.available, 33, "50 - 2 that were missing - 10 sold - 5 promised");
    let version = books.view(tea).await.version;
    books.does(count(seen)).await;
    assert_eq!(books.view(tea).await.version, version, "what was found once is not found again");
    let unknown = books.refuses(count(version + 1)).await;
    assert_eq!(unknown, domain::Refusal::VersionUnknown { expected: version + 1, actual: version });
    books.is_clean().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn goods_in_transit_are_counted_once(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let books = open(backend).await;
    let world = world(&books, ITEMS).await;
    let (tea, from, to) = (world.items[0], world.places[0], world.places[1]);
    let transfer = TransferId(Uuid::now_v7());
    let line = |units| vec![TransferLine { item: tea, quantity: quantity(units) }];
    let done = books.does(Command::Ship { transfer, from, to, lines: line(30) }).await;
    let shipped = done.transfer.unwrap();
    assert_eq!((shipped.lines[0].shipped, shipped.lines[0].outstanding), (30, 30));
    assert_eq!((done.items[0].available, done.items[0].on_hand, done.items[0].in_transit), (70, 70, 30));
    books.is_clean().await;
    books.does(Command::ReceiveTransfer { transfer, lines: Some(line(20)), into: Shelf::Available }).await;
    let done = books.does(Command::LoseTransfer { transfer, lines: None }).await;
    let ended = done.transfer.unwrap();
    assert_eq!((ended.lines[0].received, ended.lines[0].lost, ended.lines[0].outstanding), (20, 10, 0));
    assert_eq!((done.items[0].available, done.items[0].in_transit), (90, 0));
    let late = Command::ReceiveTransfer { transfer, lines: Some(line(1)), into: Shelf::Available };
    assert!(matches!(books.refuses(late).await, domain::Refusal::TransferExceeded { .. }));
    books.is_clean().await;
}
