use reqwest::Method;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::Backend;

use crate::shop::{Answer, Shop, open};

async fn import(shop: &Shop, what: &str, key: Option<&str>, body: impl Into<Vec<u8>>) -> Answer {
    let request =
        shop.request(Method::POST, &format!("/v1/imports/{what}")).header("content-type", "text/csv");
    let request = key.map_or(request.try_clone().unwrap(), |key| request.header("Idempotency-Key", key));
    shop.send(request.body(body.into())).await
}

async fn export(shop: &Shop, what: &str) -> String {
    let answer = shop.get(&format!("/v1/exports/{what}")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (200, &"text/csv; charset=utf-8".parse().unwrap())
    );
    answer.text
}

/// Rows, and how many of them were accepted, were so already, and were refused.
fn counts(report: &Value) -> [usize; 4] {
    let number = |field: &str| usize::try_from(report[field].as_i64().unwrap()).unwrap();
    [number("rows"), number("accepted"), number("unchanged"), report["refused"].as_array().unwrap().len()]
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn items_are_created_and_changed_by_their_sku(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    let file = "\u{feff}sku,name,reorder_point,active,supplier_id,product_id\r\n\
                TEA,Green tea,7,TRUE,leafy,p-TEA\r\n\
                CUP,\"Cup, white\",,false,,\r\n\
                CUP,Twice,,,,\r\n\
                POT,,,,,\r\n\
                TEA-2,Two,-1,,,\r\n\
                TEA-3,Three,1e3,,,\r\n\
                TEA-4,Four,,maybe,,\r\n\
                a b,Blank,,,,\r\n\
                ,Nothing,,,,\r\n\
                SHORT,Short\r\n";
    let report = import(&shop, "items", Some("k"), file).await;
    let again = import(&shop, "items", Some("k"), file).await;
    assert_eq!(report.text, again.text, "the same rows are created, and the same ones changed");
    let report = report.is(200);
    assert_eq!(counts(&report), [10, 2, 0, 8], "{report:#}");
    let refused = report["refused"].as_array().unwrap();
    for ((line, sku, word), refused) in [
        (4, json!("CUP"), "line 3 already"),
        (5, json!("POT"), "name: it is empty"),
        (6, json!("TEA-2"), "reorder_point"),
        (7, json!("TEA-3"), "whole number"),
        (8, json!("TEA-4"), "neither true nor false"),
        (9, json!("a b"), "sku: ' ' may not"),
        (10, json!(null), "sku: it is empty"),
        (11, json!(null), "2 cells"),
    ]
    .iter()
    .zip(refused)
    {
        assert_eq!((&refused["line"], &refused["sku"]), (&json!(line), sku));
        let detail = refused["problem"]["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{word}: {detail}");
    }
    let same = import(&shop, "items", None, "sku,name\nTEA,Green tea\nCUP,\"Cup, white\"\n").await.is(200);
    assert_eq!(counts(&same), [2, 0, 2, 0]);
    let fixed =
        import(&shop, "items", None, "sku,product_id,owner\nTEA,p-OTHER,\nCUP,,somebody\n").await.is(200);
    assert_eq!(counts(&fixed), [2, 0, 0, 2]);
    let listed = export(&shop, "items").await;
    assert_eq!(
        listed,
        "sku,product_id,variant_id,name,owner,supplier_id,reorder_point,reorder_quantity,active\n\
         CUP,CUP,,\"Cup, white\",shop,,0,0,false\n\
         TEA,p-TEA,,Green tea,shop,leafy,7,0,true\n"
    );
    import(&shop, "items", None, "sku,supplier_id\nTEA,\n").await.is(200);
    assert!(export(&shop, "items").await.contains("Green tea,shop,,7"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn levels_are_counted_row_by_row_against_the_version_that_was_seen(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    shop.item("TEA", 10).await;
    shop.item("CUP", 4).await;
    shop.post("/v1/locations", json!({"code": "back", "priority": 900})).await.is(201);
    let counted = export(&shop, "levels").await;
    assert_eq!(
        counted,
        "sku,location,on_hand,damaged,quality_control,version\nCUP,main,4,0,0,2\nTEA,main,10,0,0,2\n"
    );
    shop.post("/v1/items/TEA/adjustments", json!({"delta": -3, "reason": "sold"})).await.is(201);
    shop.post("/v1/reservations", json!({"lines": [{"item": "CUP", "quantity": 4}]})).await.is(201);
    let file = "sku,location,on_hand,damaged,version\n\
                TEA,main,9,2,2\n\
                TEA,back,5,,\n\
                TEA,main,9,2,2\n\
                CUP,main,4,,\n\
                CUP,back,1,-1,\n\
                CUP,nowhere,1,,\n\
                CUP,back,,,\n\
                CUP,main,3,1,\n\
                NOPE,main,3,,\n";
    let report = import(&shop, "levels", Some("k"), file).await;
    let again = import(&shop, "levels", Some("k"), file).await;
    assert_eq!(report.text, again.text);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let report = report.is(200);
    assert_eq!(counts(&report), [9, 2, 1, 6], "{report:#}");
    let lines: Vec<i64> =
        report["refused"].as_array().unwrap().iter().map(|row| row["line"].as_i64().unwrap()).collect();
    assert_eq!(lines, [4, 6, 7, 8, 9, 10]);
    let after = export(&shop, "levels").await;
    let rows: Vec<&str> = after.lines().skip(1).collect();
    assert_eq!(rows, ["CUP,main,4,0,0,3", "TEA,back,5,0,0,6", "TEA,main,6,2,0,6"]);
    import(&shop, "levels", Some("k"), "sku,location,on_hand\nTEA,main,0\n")
        .await
        .is_problem(422, "idempotency-key-reused");
    assert_eq!(shop.get("/v1/audit").await.is(200)["clean"], true);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_and_imported_again_is_the_same_formulas_included(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let names = ["=1+1", "+a", "-a", "@sum", "'quoted", "'=both", "it's", "a \"b\", c", "plain"];
    for (at, name) in names.iter().enumerate() {
        let sku = format!("{}-{at}", ["=A", "@A", "+A", "-A", "'A", "A"][at % 6]);
        shop.post("/v1/items", json!({"sku": sku, "name": name, "supplier_id": "-s"})).await.is(201);
        shop.post(&format!("/v1/items/{sku}/receipts"), json!({"quantity": at + 1})).await.is(201);
    }
    let items = export(&shop, "items").await;
    for cell in items.lines().flat_map(|line| line.split(',')) {
        assert!(!cell.trim_start_matches('"').starts_with(['=', '+', '-', '@']), "{cell}");
    }
    assert!(items.contains("'=1+1,") && items.contains("''=both,") && items.contains("it's,"), "{items}");
    let levels = export(&shop, "levels").await;
    for (what, file) in [("items", &items), ("levels", &levels)] {
        let report = import(&shop, what, None, file.clone()).await.is(200);
        assert_eq!(counts(&report), [names.len(), 0, names.len(), 0], "{report:#}");
        assert_eq!(&export(&shop, what).await, file);
    }
    let other = open(backend).await;
    for (what, file) in [("items", &items), ("levels", &levels)] {
        let report = import(&other, what, None, file.clone()).await.is(200);
        let refused = if what == "levels" { names.len() } else { 0 };
        // The version that was seen elsewhere is unknown here.
        assert_eq!(counts(&report), [names.len(), names.len() - refused, 0, refused], "{report:#}");
    }
    assert_eq!(export(&other, "items").await, items);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_everything_however_many_pages_that_is(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let shop = open(backend).await;
    let row = |n: usize| format!("S-{n:05},A thing\n");
    let file: String = std::iter::once("sku,name\n".to_owned()).chain((0..2_500).map(row)).collect();
    let report = import(&shop, "items", None, file).await.is(200);
    assert_eq!(counts(&report), [2_500, 2_500, 0, 0]);
    let row = |n: usize| format!("S-{n:05},main,{n}\n");
    // Most of them have never been anywhere: a page may be empty and is not the last.
    let some = (0..2_500).filter(|n| n % 1_200 == 1_100);
    let file: String = std::iter::once("sku,location,on_hand\n".to_owned()).chain(some.map(row)).collect();
    assert_eq!(counts(&import(&shop, "levels", None, file).await.is(200)), [2, 2, 0, 0]);
    let items = export(&shop, "items").await;
    let skus: Vec<&str> = items.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!((skus.len(), skus.is_sorted()), (2_500, true));
    let levels = export(&shop, "levels").await;
    let levels: Vec<&str> = levels.lines().skip(1).collect();
    assert_eq!(levels, ["S-01100,main,1100,0,0,2", "S-02300,main,2300,0,0,2"]);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_none_changes_nothing(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let shop = open(backend).await;
    shop.item("TEA", 5).await;
    for (what, file, code, names) in [
        ("levels", "sku,on_hand\nTEA,1\n", "columns-invalid", vec!["missing columns: location"]),
        (
            "levels",
            "sku,location,on_hand,colour\nTEA,main,1,red\n",
            "columns-invalid",
            vec!["unknown columns: colour"],
        ),
        ("levels", "sku,location,on_hand,sku\nTEA,main,1,TEA\n", "columns-invalid", vec!["there twice: sku"]),
        (
            "items",
            "SKU,name\nTEA,x\n",
            "columns-invalid",
            vec!["missing columns: sku", "unknown columns: SKU"],
        ),
        ("items", "sku,name\n", "no-lines", vec![]),
        ("items", "", "malformed-body", vec![]),
    ] {
        let answer = import(&shop, what, None, file).await;
        let problem = answer.json();
        assert_eq!(problem["type"], format!("urn:onhand:problem:{code}"), "{file}: {problem}");
        assert!(answer.status.is_client_error());
        for name in names {
            assert!(problem["detail"].as_str().unwrap().contains(name), "{problem}");
        }
    }
    let odd =
        import(&shop, "levels", None, &b"sku,location,on_hand\nTEA,\xff,1\nTEA,ma\0in,1\nTEA,\"main,1\n"[..])
            .await;
    assert_eq!(counts(&odd.is(200)), [3, 0, 0, 3]);
    let many: String = (0..10_001).map(|n| format!("S-{n}\n")).collect();
    import(&shop, "items", None, format!("sku\n{many}")).await.is_problem(422, "too-many-lines");
    let large = format!("sku,name\nTEA,{}\n", "x".repeat(8 * 1024 * 1024));
    import(&shop, "items", None, large).await.is_problem(413, "body-too-large");
    let json = shop.request(Method::POST, "/v1/imports/items").json(&json!({}));
    shop.send(json).await.is_problem(415, "unsupported-media-type");
    assert_eq!(shop.available("TEA").await, 5);
}
