//! Availability of many lines.

use domain::{Command, ItemPatch, LocationId, Shelf};
use ledger::locations::{self, LocationPatch};
use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Backend, eventually};
use uuid::Uuid;

use crate::callers::{guarded, token};
use crate::stand::{Answer, LIMIT, Stand, new_item, open, quantity};

const PATH: &str = "/v1/availability";

/// `TEA` with 5 at `main` and 3 at `east`, `MUG` with 2 at `main`.
async fn shop(backend: Backend) -> Stand {
    let stand = open(backend).await;
    let east = LocationId(Uuid::now_v7());
    let last = LocationPatch { priority: Some(200), ..LocationPatch::default() };
    locations::create(&stand.db, east, "east", last, chrono::Utc::now()).await.unwrap();
    stand.locations_changed();
    let item = stand.item("TEA", 5).await;
    let (quantity, into) = (quantity(3), Shelf::Available);
    stand.does(Command::Receive { item, location: Some(east), quantity, expected: false, into }).await;
    stand.item("MUG", 2).await;
    stand
}

async fn check(stand: &Stand, lines: &Value) -> Value {
    let answer = stand.post(PATH, &json!({ "lines": lines })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// Of a line what is wanted, what is available, and why that is not enough.
type Told<'a> = (i64, i64, Option<&'a str>);

/// Whether all of it is available, and what is told of each line.
fn told(body: &Value) -> (bool, Vec<Told<'_>>) {
    let lines = body["lines"].as_array().unwrap().iter().map(|line| {
        assert_eq!(line["enough"].as_bool().unwrap(), line["reason"].is_null());
        let units = |name: &str| line[name].as_i64().unwrap();
        (units("wanted"), units("available"), line["reason"].as_str())
    });
    (body["available"].as_bool().unwrap(), lines.collect())
}

#[rstest]
#[tokio::test]
async fn lines_of_the_same_item_count_together(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = shop(backend).await;
    let short = Some("not-enough");
    for (lines, all, expected) in [
        (
            json!([{"item": "TEA", "quantity": 8}, {"item": "MUG", "quantity": 2}]),
            true,
            vec![(8, 8, None), (2, 2, None)],
        ),
        // Each by itself would be there.
        (
            json!([{"item": "TEA", "quantity": 5}, {"item": "p-TEA", "quantity": 4}]),
            false,
            vec![(9, 8, short), (9, 8, short)],
        ),
        (
            json!([{"item": "TEA", "quantity": 5}, {"item": "p-TEA", "quantity": 3}]),
            true,
            vec![(8, 8, None), (8, 8, None)],
        ),
        (
            json!([{"item": "TEA", "quantity": 9}, {"item": "MUG", "quantity": 1}]),
            false,
            vec![(9, 8, short), (1, 2, None)],
        ),
        (json!([{"item": "TEA", "quantity": 4, "location": "east"}]), false, vec![(4, 3, short)]),
        (
            json!([{"item": "TEA", "quantity": 3, "location": "east"}, {"item": "TEA", "quantity": 5, "location": "main"}]),
            true,
            vec![(3, 3, None), (5, 5, None)],
        ),
        (
            json!([{"item": "TEA", "quantity": 2, "location": "east"}, {"item": "TEA", "quantity": 2, "location": "east"}]),
            false,
            vec![(4, 3, short), (4, 3, short)],
        ),
        // There, and the rest anywhere: together more than there is.
        (
            json!([{"item": "TEA", "quantity": 3, "location": "east"}, {"item": "TEA", "quantity": 6}]),
            false,
            vec![(3, 3, short), (9, 8, short)],
        ),
        (
            json!([{"item": "TEA", "quantity": 3, "location": "east"}, {"item": "TEA", "quantity": 5}]),
            true,
            vec![(3, 3, None), (8, 8, None)],
        ),
        (json!([{"item": "MUG", "quantity": 1, "location": "east"}]), false, vec![(1, 0, short)]),
        (
            json!([{"item": "TEA", "quantity": 1_000_000_000_000_i64}]),
            false,
            vec![(1_000_000_000_000, 8, short)],
        ),
    ] {
        assert_eq!(told(&check(&stand, &lines).await), (all, expected), "{lines}");
    }
}

#[rstest]
#[tokio::test]
async fn each_line_says_what_it_stands_for_and_what_is_wrong(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = shop(backend).await;
    let gone = stand.item("GONE", 9).await;
    let patch = ItemPatch { active: Some(false), ..ItemPatch::default() };
    stand.does(Command::UpdateItem { item: gone, patch }).await;
    for variant in ["s", "l"] {
        let mut new = new_item(&format!("HAT-{variant}"));
        new.identity.product_id = "hat".to_owned().try_into().unwrap();
        new.identity.variant_id = Some(variant.to_owned().try_into().unwrap());
        stand.item_like(new, 5).await;
    }
    let mut lines = vec![json!({"item": "p-TEA", "quantity": 1, "location": "main"})];
    let wrong = ["item-unknown", "item-unknown", "item-ambiguous", "item-inactive", "location-unknown"];
    for (name, location) in
        [("nothing", None), ("no name", None), ("hat", None), ("GONE", None), ("TEA", Some("mars"))]
    {
        lines.push(json!({"item": name, "quantity": 1, "location": location}));
    }
    let body = check(&stand, &json!(lines)).await;
    let told: Vec<&str> =
        body["lines"].as_array().unwrap()[1..].iter().map(|it| it["reason"].as_str().unwrap()).collect();
    assert_eq!((told.as_slice(), body["available"].as_bool()), (&wrong[..], Some(false)));
    let (first, id) = (&body["lines"][0], &stand.json("/v1/items/TEA").await["id"]);
    assert_eq!(
        *first,
        json!({"item": "p-TEA", "item_id": id, "sku": "TEA", "location": "main", "quantity": 1, "wanted": 1,
            "available": 5, "enough": true, "reason": null})
    );
    assert!(body["lines"][1]["item_id"].is_null() && body["lines"][3]["item_id"].is_null());
    assert_eq!(body["lines"][4]["sku"], "GONE");
}

#[rstest]
#[tokio::test]
async fn what_is_held_is_not_available_until_the_hold_is_over(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = shop(backend).await;
    let held = stand.item("HAT", 4).await;
    stand.reserve(held, 3, 2).await;
    let two = json!([{"item": "HAT", "quantity": 2}]);
    assert_eq!(told(&check(&stand, &two).await), (false, vec![(2, 1, Some("not-enough"))]));
    eventually("the hold is over", LIMIT, async || {
        (told(&check(&stand, &two).await) == (true, vec![(2, 4, None)])).then_some(())
    })
    .await;
    // Nothing is promised from a closed location.
    let closed = LocationPatch { active: Some(false), ..LocationPatch::default() };
    locations::update(&stand.db, "main", closed, chrono::Utc::now()).await.unwrap();
    assert_eq!(told(&check(&stand, &two).await), (false, vec![(2, 0, Some("not-enough"))]));
}

#[rstest]
#[tokio::test]
async fn bad_lines_are_refused(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = shop(backend).await;
    let line = json!({"item": "TEA", "quantity": 1});
    let of = |lines: usize| json!({ "lines": vec![&line; lines] });
    assert_eq!(told(&stand.post(PATH, &of(500)).await.body).1[499], (500, 8, Some("not-enough")));
    assert_eq!(stand.post(PATH, &of(501)).await.problem(), (422, "too-many-lines"));
    assert_eq!(stand.post(PATH, &of(0)).await.problem(), (422, "no-lines"));
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!({"lines": null}),
        json!({"lines": [{}]}),
        json!({"lines": [{"item": "TEA"}]}),
        json!({"lines": [{"item": "TEA", "quantity": 0}]}),
        json!({"lines": [{"item": "TEA", "quantity": -1}]}),
        json!({"lines": [{"item": "TEA", "quantity": 1.5}]}),
        json!({"lines": [{"item": "TEA", "quantity": "1"}]}),
        json!({"lines": [{"item": "TEA", "quantity": 1_000_000_000_001_i64}]}),
        json!({"lines": [{"item": 7, "quantity": 1}]}),
        json!({"lines": [{"item": null, "quantity": 1}]}),
        json!({"lines": [{"item": "TEA", "quantity": 1, "colour": "red"}]}),
        json!({"lines": [{"item": "TEA", "quantity": 1, "location": 7}]}),
        json!({"lines": [{"item": "TE\u{0}A", "quantity": 1}]}),
        json!({"lines": [line], "more": 1}),
    ] {
        assert_eq!(stand.post(PATH, &body).await.problem(), (400, "malformed-body"), "{body}");
    }
}

#[rstest]
#[tokio::test]
async fn nobody_learns_what_another_has(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = guarded(backend).await;
    let body = json!({"lines": [{"item": "TEA", "quantity": 1}, {"item": "p-TEA", "quantity": 1}]});
    let ask = async |role: &str, owner: Option<&str>| {
        let request = stand.posting(PATH, &body).bearer_auth(token(role, owner));
        Answer::of(request.send().await.unwrap()).await
    };
    assert_eq!(stand.post(PATH, &body).await.status, 401);
    assert_eq!(ask("customer", None).await.problem(), (403, "forbidden"));
    for (role, owner) in [("admin", None), ("service", None), ("viewer", None), ("brand", Some("acme"))] {
        assert_eq!(told(&ask(role, owner).await.body), (true, vec![(2, 7, None), (2, 7, None)]), "{role}");
    }
    for owner in ["bolt", "ACME", "acme2"] {
        let unknown = (1, 0, Some("item-unknown"));
        assert_eq!(told(&ask("brand", Some(owner)).await.body), (false, vec![unknown, unknown]), "{owner}");
    }
}
