//! Items as they were, against a replay that keeps no snapshots and knows no shortcuts.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use domain::{Command, ItemId};
use futures::future::join_all;
use ledger::{ItemView, Moment, PastError, Pile, Question, Reference, Request};
use rand::prelude::*;
use rand::rngs::StdRng;
use rstest::rstest;
use sea_orm::{ConnectionTrait, FromQueryResult, Statement};
use testkit::Backend;
use uuid::Uuid;

use crate::books::{Books, admin, open, receive, reserve, sell};
use crate::histories::world;

const CALLERS: u64 = 32;
const COMMANDS: u64 = 16_000;

#[derive(Clone, Debug, FromQueryResult)]
struct Row {
    inventory_item_id: Uuid,
    version: i64,
    kind: String,
    quantity: i64,
    from_place: Option<String>,
    from_warehouse_id: Option<Uuid>,
    to_place: Option<String>,
    to_warehouse_id: Option<Uuid>,
    reservation_id: Option<Uuid>,
    attributes: Option<String>,
    recorded_at: DateTime<Utc>,
}

/// What a replay comes to: units by location and state, and what is held until when.
#[derive(Default)]
struct Replayed {
    version: i64,
    units: BTreeMap<(Uuid, String), i64>,
    held: HashMap<(Uuid, Uuid), (i64, DateTime<Utc>)>,
    reorder_point: i64,
}

impl Replayed {
    fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> Replayed {
        let mut replayed = Replayed::default();
        rows.for_each(|row| replayed.apply(row));
        replayed
    }

    fn apply(&mut self, row: &Row) {
        self.version = row.version;
        for (place, location, units) in [
            (&row.from_place, row.from_warehouse_id, -row.quantity),
            (&row.to_place, row.to_warehouse_id, row.quantity),
        ] {
            if let (Some(place), Some(location)) = (place, location) {
                *self.units.entry((location, place.clone())).or_default() += units;
            }
        }
        let said: Option<serde_json::Value> =
            row.attributes.as_ref().map(|text| serde_json::from_str(text).unwrap());
        let until = || said.as_ref().unwrap()["expires_at"].as_str().unwrap().parse().unwrap();
        match row.kind.as_str() {
            "created" | "updated" => {
                self.reorder_point = said.as_ref().unwrap()["reorder_point"].as_i64().unwrap();
            }
            "held" => {
                let line = (row.reservation_id.unwrap(), row.to_warehouse_id.unwrap());
                self.held.insert(line, (row.quantity, until()));
            }
            "extended" => {
                let lines = self.held.iter_mut().filter(|(line, _)| Some(line.0) == row.reservation_id);
                lines.for_each(|(_, held)| held.1 = until());
            }
            "confirmed" | "cancelled" | "expired" => {
                let line = (row.reservation_id.unwrap(), row.from_warehouse_id.unwrap());
                self.held.get_mut(&line).unwrap().0 -= row.quantity;
            }
            _ => {}
        }
    }

    fn at(&self, location: Uuid, state: &str) -> i64 {
        self.units.get(&(location, state.to_owned())).copied().unwrap_or(0)
    }

    /// Checks an answer; with a time, holds that were over then count as available.
    fn agrees(&self, view: &ItemView, at: Option<DateTime<Utc>>) {
        assert_eq!((view.version, view.reorder_point), (self.version, self.reorder_point), "{at:?}");
        let mut seen = 0;
        for level in &view.levels {
            let id = level.location_id;
            let over = self
                .held
                .iter()
                .filter(|((_, place), (_, until))| *place == id && at.is_some_and(|at| *until <= at));
            let freed: i64 = over.map(|(_, (units, _))| units).sum();
            let expected = [
                self.at(id, "available") + freed,
                self.at(id, "reserved") - freed,
                self.at(id, "damaged"),
                self.at(id, "quality_control"),
                self.at(id, "incoming"),
                self.at(id, "in_transit"),
            ];
            let answered = [
                level.available,
                level.reserved,
                level.damaged,
                level.quality_control,
                level.incoming,
                level.in_transit,
            ];
            assert_eq!(answered, expected, "version {} at {at:?} in {}", view.version, level.location);
            assert_eq!(level.on_hand, expected[..4].iter().sum::<i64>());
            seen += answered.iter().sum::<i64>();
        }
        assert_eq!(seen, self.units.values().sum::<i64>(), "no location is left out");
        assert_eq!(view.available, view.levels.iter().map(|level| level.available).sum::<i64>());
    }
}

pub(crate) async fn random_history(books: &Books, commands: u64) -> Vec<ItemId> {
    let world = Arc::new(world(books, 4).await);
    let callers = (0..CALLERS).map(|caller| {
        let (world, writer) = (Arc::clone(&world), books.writer.clone());
        async move {
            let mut dice = StdRng::seed_from_u64(caller);
            for number in 0..commands / CALLERS {
                let mut request = Request::new(world.command(&mut dice), admin());
                if dice.random() {
                    request.by.actor = format!("caller-{caller}");
                    request.reference =
                        Some(Reference { kind: "order".to_owned(), id: format!("o-{number}") });
                }
                _ = writer.submit_patiently(request).await.unwrap();
            }
        }
    });
    join_all(callers).await;
    world.items.clone()
}

async fn ledger(books: &Books) -> HashMap<Uuid, Vec<Row>> {
    let sql = "SELECT * FROM inventory_transactions ORDER BY inventory_item_id, version";
    let statement = Statement::from_string(books.db.get_database_backend(), sql);
    let mut ledger: HashMap<Uuid, Vec<Row>> = HashMap::new();
    for row in Row::find_by_statement(statement).all(&books.db).await.unwrap() {
        ledger.entry(row.inventory_item_id).or_default().push(row);
    }
    ledger
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn any_instant_and_any_version_is_what_a_replay_of_the_whole_ledger_says(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let items = random_history(&books, COMMANDS).await;
    assert!(books.count("inventory_snapshots").await >= 4, "the history was too short");
    let ledger = ledger(&books).await;
    let mut dice = StdRng::seed_from_u64(7);
    let (mut over, mut present) = (0, 0);
    for round in 0..1_000 {
        let item = items[round % items.len()];
        let rows = &ledger[&item.0];
        let (first, last) = (rows[0].recorded_at, rows[rows.len() - 1].recorded_at);
        let row = rows.choose(&mut dice).unwrap();
        let span = (last - first).num_microseconds().unwrap();
        let at = match round % 3 {
            0 => first + Duration::microseconds(dice.random_range(0..=span)),
            1 => row.recorded_at,
            // A hold of a second made then is just over.
            _ => (row.recorded_at + Duration::milliseconds(1_000 + dice.random_range(0..20))).min(last),
        };
        let view = books.reader.item_at(item, Moment::At(at)).await.unwrap();
        let replayed = Replayed::of(rows.iter().take_while(|row| row.recorded_at <= at));
        replayed.agrees(&view, Some(at));
        over += i32::from(replayed.held.values().any(|(units, until)| *units > 0 && *until <= at));
        let version = dice.random_range(1..=rows.len());
        let view = books.reader.item_at(item, Moment::Version(version as i64)).await.unwrap();
        Replayed::of(rows[..version].iter()).agrees(&view, None);
        present += i32::from(version == rows.len());
    }
    assert!(over > 20, "{over} instants had holds that were over and not recorded so");
    let now = books.view(items[0]).await;
    let last = books.reader.item_at(items[0], Moment::Version(now.version)).await.unwrap();
    let level =
        |view: &ItemView| (view.on_hand, view.incoming, view.in_transit, view.name.clone(), view.updated_at);
    assert_eq!(level(&now), level(&last), "{present}");
}

#[rstest]
#[tokio::test]
async fn a_moment_that_never_was_has_no_answer(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let books = open(backend).await;
    let item = books.item("TEA", 5).await;
    let created = books.view(item).await.created_at;
    let ask = async |moment| books.reader.item_at(item, moment).await.unwrap_err();
    let before = Moment::At(created - Duration::microseconds(1));
    assert!(matches!(ask(before).await, PastError::Unknown));
    assert!(books.reader.item_at(item, Moment::At(created)).await.is_ok());
    let beyond = ask(Moment::Version(3)).await;
    assert!(matches!(beyond, PastError::VersionUnknown { version: 3, latest: 2 }));
    let future = Moment::At(Utc::now() + Duration::hours(1));
    assert!(matches!(ask(future).await, PastError::Future { .. }));
    let unknown = books.reader.item_at(ItemId(Uuid::nil()), Moment::Version(1)).await;
    assert!(matches!(unknown, Err(PastError::Unknown)));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_the_sum_of_what_explains_it(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    use domain::State::{Available, Damaged, InTransit, Incoming, QualityControl, Reserved};
    let books = open(backend).await;
    let items = random_history(&books, COMMANDS / 4).await;
    let states = [Available, Reserved, Damaged, QualityControl, Incoming, InTransit].map(Pile::In);
    for item in items {
        let now = books.view(item).await;
        let locations = now.levels.iter().map(|level| Some(domain::LocationId(level.location_id)));
        for location in locations.chain([None]) {
            for pile in states.into_iter().chain([Pile::OnHand]) {
                for moment in [None, Some(Moment::Version(now.version / 2)), Some(Moment::At(now.updated_at))]
                {
                    let question = Question { pile, location, moment };
                    let explained = books.reader.explain(item, question).await.unwrap();
                    assert!(explained.adds_up, "{question:?}: {explained:?}");
                    let moved: i64 = explained.movements.iter().map(|movement| movement.quantity).sum();
                    let begun = explained.snapshot.as_ref().map_or(0, |snapshot| snapshot.units);
                    let earlier = explained.earlier.as_ref().map_or(0, |earlier| earlier.units);
                    let freed = match pile {
                        Pile::In(Available) => explained.overdue,
                        Pile::In(Reserved) => -explained.overdue,
                        _ => 0,
                    };
                    assert_eq!(begun + earlier + moved + freed, explained.total);
                }
            }
        }
    }
}

#[rstest]
#[tokio::test]
async fn an_explanation_lists_the_holds_and_finds_a_level_that_was_changed_by_hand(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 10).await;
    books.does(reserve(&[item], 3, 600).1).await;
    books.does(sell(item, 1)).await;
    let ask = async |pile| {
        books.reader.explain(item, Question { pile, location: None, moment: None }).await.unwrap()
    };
    let available = ask(Pile::In(domain::State::Available)).await;
    let quantities: Vec<i64> = available.movements.iter().map(|movement| movement.quantity).collect();
    assert_eq!((quantities, available.total, available.adds_up), (vec![10, -3, -1], 6, true));
    assert_eq!((available.holds.len(), available.holds[0].remaining), (1, 3));
    let on_hand = ask(Pile::OnHand).await;
    let kinds: Vec<&str> = on_hand.movements.iter().map(|movement| movement.kind.as_str()).collect();
    assert_eq!(kinds, ["received", "decreased"], "what is held lies where it lay");
    books.db.execute_unprepared("UPDATE inventory_locations SET available_quantity = 7").await.unwrap();
    let wrong = ask(Pile::In(domain::State::Available)).await;
    assert_eq!((wrong.total, wrong.level, wrong.adds_up), (6, 7, false));
}

#[rstest]
#[tokio::test]
async fn a_hold_that_is_over_is_explained_as_available(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let books = open(backend).await;
    let item = books.item("TEA", 10).await;
    let (hold, command) = reserve(&[item], 4, 1);
    books.does(command).await;
    let question = Question { pile: Pile::In(domain::State::Available), location: None, moment: None };
    let explained = testkit::eventually("the hold is over", std::time::Duration::from_secs(5), async || {
        let explained = books.reader.explain(item, question).await.unwrap();
        (explained.total == 10).then_some(explained)
    });
    let explained = explained.await;
    assert_eq!((explained.overdue, explained.adds_up, explained.holds[0].overdue), (4, true, true));
    // Recorded or not, it was over then; and it was not yet before.
    let over = explained.holds[0].expires_at;
    let at = async |at| books.reader.item_at(item, Moment::At(at)).await.unwrap().available;
    let before = (at(over).await, at(over - Duration::microseconds(1)).await);
    books.does(Command::Expire { hold }).await;
    books.does(receive(item, 1)).await;
    assert_eq!(before, (10, 6));
    assert_eq!((at(over).await, at(over - Duration::microseconds(1)).await), before);
}
