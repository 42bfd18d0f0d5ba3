//! The play, step by step. Each step checks what it shows.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use supplier_sync::simulator::Simulator;

use super::client::Client;

const SKU: &str = "TEA-GREEN-100";
/// What is on the shelf at the start.
const STOCK: i64 = 100;
/// The level at which more is ordered, and how much.
const REORDER_POINT: i64 = 20;
const REORDER_QUANTITY: i64 = 200;
/// More than there is.
const BUYERS: i64 = 120;

pub(super) async fn tell(client: &Client, supplier: &Simulator) -> anyhow::Result<()> {
    let began = Instant::now();
    catalog(client, supplier).await?;
    stocked(client).await?;
    let sale = sold(client).await?;
    let (order, reaction) = reordered(client, supplier).await?;
    let back = received(client, &order).await?;
    let audit = client.get("/v1/audit").await?;
    ensure!(audit["clean"] == true, "the books do not agree: {audit}");
    step(
        "audit",
        &format!("{} items, {} ledger rows: everything agrees", audit["items"], audit["transactions"]),
    );
    println!("\n  sales taken                     {} of {BUYERS} buyers, {STOCK} units", sale.taken);
    println!("  sales a second, over HTTP       {:.0}", sale.rate);
    println!("  last sale → order recorded      {} ms", reaction.as_millis());
    println!("  receipt → stock for sale again  {} ms", back.as_millis());
    println!("  the whole story                 {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn step(name: &str, text: &str) {
    println!("{name:>10}  {text}");
}

async fn catalog(client: &Client, supplier: &Simulator) -> anyhow::Result<()> {
    let url = supplier.url();
    step("supplier", &format!("a simulated supplier listens at {url}"));
    let body =
        json!({"id": "leafy", "name": "Leafy Ltd", "adapter": "abc", "base_url": url, "credential": "k"});
    client.post("/v1/suppliers", body).await?;
    client.post("/v1/suppliers/leafy/sync", json!({})).await?;
    let listed = crate::supplier::catalog().len();
    let (items, took) = client
        .wait("/v1/items", "the items of the catalog", |page| {
            page["items"].as_array().map(Vec::len).filter(|items| *items == listed)
        })
        .await?;
    let took = took.as_millis();
    step(
        "catalog",
        &format!("synced over the supplier's API: {items} items after {took} ms, {SKU} among them"),
    );
    Ok(())
}

async fn stocked(client: &Client) -> anyhow::Result<()> {
    let reorder = json!({"reorder_point": REORDER_POINT, "reorder_quantity": REORDER_QUANTITY});
    client
        .post(&format!("/v1/items/{SKU}/receipts"), json!({"quantity": STOCK, "reason": "opening stock"}))
        .await?;
    let item = client.patch(&format!("/v1/items/{SKU}"), reorder).await?;
    ensure!(item["items"][0]["available"] == STOCK, "the opening stock is not there: {item}");
    step(
        "stock",
        &format!(
            "{STOCK} units on hand; at {REORDER_POINT} or fewer, {REORDER_QUANTITY} more are to be ordered"
        ),
    );
    Ok(())
}

struct Sale {
    taken: i64,
    rate: f64,
}

/// Each buyer holds one unit and pays for it; there are more buyers than units.
async fn sold(client: &Client) -> anyhow::Result<Sale> {
    let began = Instant::now();
    let bought = join_all((0..BUYERS).map(|buyer| buy(client, buyer))).await;
    let took = began.elapsed();
    let bought: Vec<bool> = bought.into_iter().collect::<anyhow::Result<_>>()?;
    let taken = i64::try_from(bought.iter().filter(|sold| **sold).count())?;
    ensure!(taken == STOCK, "{taken} buyers were served, and there were {STOCK} units");
    let rate = BUYERS as f64 / took.as_secs_f64();
    step(
        "customers",
        &format!("{BUYERS} buy at once: {taken} are served, {} are told that it is sold out", BUYERS - taken),
    );
    Ok(Sale { taken, rate })
}

async fn buy(client: &Client, buyer: i64) -> anyhow::Result<bool> {
    let body = json!({
        "lines": [{"item": SKU, "quantity": 1}],
        "reference": {"type": "order", "id": format!("order-{buyer}")},
    });
    let (status, answer) = client.ask(Method::POST, "/v1/reservations", Some(body)).await?;
    match status {
        StatusCode::CREATED => {
            let hold = answer["reservation"]["reservation_id"].as_str().context("a reservation has an id")?;
            client.post(&format!("/v1/reservations/{hold}/confirm"), Value::Null).await?;
            Ok(true)
        }
        StatusCode::CONFLICT => Ok(false),
        other => anyhow::bail!("a reservation was answered {other}: {answer}"),
    }
}

/// The order that the sales led to, and how long after the last of them it was found recorded.
async fn reordered(client: &Client, supplier: &Simulator) -> anyhow::Result<(Value, Duration)> {
    let (order, took) = client
        .wait(&format!("/v1/restock-orders?sku={SKU}"), "the restock order", |page| {
            page["restock_orders"].get(0).cloned()
        })
        .await?;
    let (confirmed, _) = client
        .wait(
            &format!("/v1/restock-orders?sku={SKU}&state=confirmed"),
            "the supplier's confirmation",
            |page| page["restock_orders"].get(0).cloned(),
        )
        .await?;
    let orders = supplier.orders();
    ensure!(orders.len() == 1 && orders[0].placed == 1, "the supplier has {orders:?}, and one was due");
    step(
        "restock",
        &format!(
            "crossing {REORDER_POINT} led to one order of {} at the supplier, which confirmed it",
            order["quantity"]
        ),
    );
    let (item, _) = client
        .wait(&format!("/v1/items/{SKU}"), "the goods on their way", |item| {
            (item["incoming"] == REORDER_QUANTITY).then(|| item.clone())
        })
        .await?;
    ensure!(item["available"] == 0, "everything was sold, and the checker says {item}");
    step("checker", &format!("{} available, {} incoming", item["available"], item["incoming"]));
    Ok((confirmed, took))
}

async fn received(client: &Client, order: &Value) -> anyhow::Result<Duration> {
    let id = order["id"].as_str().context("an order has an id")?;
    let receipt = json!({"accepted": REORDER_QUANTITY, "rejected": 0, "reference": "delivery note 1"});
    client.post(&format!("/v1/restock-orders/{id}/receipts"), receipt).await?;
    let ((), took) = client
        .wait(&format!("/v1/items/{SKU}"), "the goods for sale", |item| {
            (item["available"] == REORDER_QUANTITY && item["incoming"] == 0).then_some(())
        })
        .await?;
    step(
        "receipt",
        &format!("{REORDER_QUANTITY} units arrived and are for sale, {} ms later", took.as_millis()),
    );
    Ok(took)
}
