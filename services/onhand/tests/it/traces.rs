//! One trace from the request to the order at the supplier, as a collector sees it, and in the logs.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use events::{Message, Topology};
use futures::future::join_all;
use proto::inventory::inventory_service_client::InventoryServiceClient;
use proto::inventory::{ReservationItem, ReserveInventoryRequest};
use rstest::rstest;
use serde_json::{Value, json};
use supplier_sync::simulator::Simulator;
use testkit::traces::{Seen, Sink, SpanKind};
use testkit::{Backend, Stage, eventually};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::system::{LIMIT, System, Wishes};

/// Which request a trace began with, elsewhere.
const CALLER: &str = "b7ad6b7169203331";

/// A system whose traces go to `collector`, and whose logs are for machines.
async fn traced(backend: Backend, collector: &str) -> System {
    let telemetry = [
        ("telemetry.otlp_endpoint", collector),
        ("telemetry.format", "json"),
        ("telemetry.filter", "info,access=debug"),
    ];
    let settings = telemetry.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    System::start_with(Stage::new(backend).await, Wishes { settings, ..Wishes::default() }).await
}

/// An item with so many units, to be ordered from the supplier when it has one less.
async fn item(system: &System, supplier: &Simulator, sku: &str, units: i64) {
    let adapter =
        json!({"id": "far", "name": "Far", "adapter": "abc", "base_url": supplier.url(), "active": true});
    system.post("/v1/suppliers", adapter).await;
    system.post("/v1/items", json!({"sku": sku, "name": "Tea", "supplier_id": "far"})).await;
    system.post(&format!("/v1/items/{sku}/receipts"), json!({"quantity": units})).await;
    let rule = json!({"reorder_point": units - 1, "reorder_quantity": 10});
    system.patch(&format!("/v1/items/{sku}"), rule).await;
}

fn trace(number: u32) -> String {
    format!("0af7651916cd43dd8448eb21{number:08x}")
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Sells one, as part of a trace that began elsewhere.
async fn sell(system: &System, sku: &str, trace: &str) {
    let url = format!("{}/v1/items/{sku}/adjustments", system.url());
    let request = client().post(url).header("traceparent", format!("00-{trace}-{CALLER}-01"));
    let answer = request.json(&json!({"delta": -1, "reason": "sold"})).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 201);
}

/// Waits until the trace has a span of this name below a parent, with a routing key if it is about a message. One that
/// failed is not it: what is tried again has another.
async fn below(sink: &Sink, trace: &str, parent: &str, name: &str, key: Option<&str>) -> Seen {
    eventually(&format!("{name} {key:?} below {parent}"), LIMIT, async || {
        sink.trace(trace).into_iter().find(|span| {
            let routing_key = span.attributes.get("messaging.rabbitmq.destination.routing_key");
            span.parent.as_deref() == Some(parent)
                && span.name == name
                && !span.failed
                && key.is_none_or(|key| routing_key.is_some_and(|routing_key| routing_key == key))
        })
    })
    .await
}

/// Waits for what an event leads to: from the command in whose trace it was told to the order at the supplier.
async fn leads_to_an_order(sink: &Sink, system: &System, supplier: &Simulator, told_by: &Seen, sku: &str) {
    let (trace, embedded) = (told_by.trace.as_str(), system.stage.backend == Backend::Embedded);
    let service = |name: &'static str| if embedded { "onhand" } else { name };
    let publish = format!("{} publish", system.stage.exchange);
    let told = below(sink, trace, &told_by.id, &publish, Some(&format!("stock_updated.{sku}"))).await;
    assert_eq!((told.kind, told.service.as_str()), (SpanKind::Producer, service("stock-updater")));
    let system_of_messages = if embedded { "memory" } else { "rabbitmq" };
    assert_eq!(told.attributes["messaging.system"], system_of_messages);

    // Both who listen, below whoever published.
    let checker = below(sink, trace, &told.id, "stock-checker process", None).await;
    let supplying = below(sink, trace, &told.id, "supplier-sync process", None).await;
    for (heard, name) in [(&checker, "stock-checker"), (&supplying, "supplier-sync")] {
        assert_eq!((heard.kind, heard.service.as_str()), (SpanKind::Consumer, service(name)));
        assert_eq!(heard.attributes["messaging.message.id"], told.attributes["messaging.message.id"]);
    }

    // The order, and the request for it.
    let plan = below(sink, trace, &supplying.id, "plan restock order", None).await;
    let send = below(sink, trace, &plan.id, "send restock order", None).await;
    let request = below(sink, trace, &send.id, "POST", None).await;
    assert_eq!((request.kind, request.service.as_str()), (SpanKind::Client, service("supplier-sync")));
    assert_eq!(request.attributes["http.response.status_code"], "201");
    let orders = supplier.orders();
    assert_eq!(orders.len(), 1);
    assert_eq!(
        orders[0].traceparent,
        Some(format!("00-{trace}-{}-01", request.id)),
        "the supplier may go on"
    );
    assert_eq!(plan.attributes["restock.order"], orders[0].reference.to_string());

    // And back: what is ordered is expected.
    let ordered = below(sink, trace, &plan.id, &publish, Some(&format!("restock_ordered.{sku}"))).await;
    let heard = below(sink, trace, &ordered.id, "stock-updater process", None).await;
    assert_eq!(heard.service, service("stock-updater"));
    below(sink, trace, &heard.id, "stock expect", None).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_sales_trace_goes_from_the_request_to_the_order_at_the_supplier(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let sink = Sink::start().await.unwrap();
    let system = traced(backend, &sink.url()).await;
    let supplier = Simulator::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    item(&system, &supplier, "TEA", 5).await;
    let trace = trace(1);
    sell(&system, "TEA", &trace).await;

    let request = below(&sink, &trace, CALLER, "POST /v1/items/{item}/adjustments", None).await;
    assert_eq!(request.kind, SpanKind::Server);
    assert_eq!(request.attributes["http.response.status_code"], "201");
    let command = below(&sink, &trace, &request.id, "stock adjust", None).await;
    assert_eq!(command.attributes["stock.outcome"], "accepted");
    let batch = below(&sink, &trace, &command.id, "stock batch", None).await;
    assert!(batch.links.contains(&(trace.clone(), command.id.clone())), "{batch:#?}");
    leads_to_an_order(&sink, &system, &supplier, &command, "TEA").await;
    the_log_tells_of_it(&system, &trace).await;
}

/// Each process's lines are objects, and those of the sale have its trace.
async fn the_log_tells_of_it(system: &System, trace: &str) {
    let said = [("access", "answered"), ("supplier_sync::consumers", "restock order planned")];
    let lines = eventually("the lines of the sale", LIMIT, async || {
        let lines: Vec<Value> =
            log_lines(system).into_iter().filter(|line| line["trace_id"] == trace).collect();
        let has = |(target, message): &(&str, &str)| {
            lines.iter().any(|line| line["target"] == *target && line["message"] == *message)
        };
        said.iter().all(has).then_some(lines)
    })
    .await;
    for line in &lines {
        let time = line["time"].as_str().unwrap();
        assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok() && time.ends_with('Z'), "{line}");
        assert_eq!(line["span_id"].as_str().map(str::len), Some(16), "{line}");
        for name in ["level", "service", "target", "message"] {
            assert!(line[name].is_string(), "{name} in {line}");
        }
    }
    let answered = lines.iter().find(|line| line["target"] == "access").unwrap();
    assert_eq!((&answered["method"], &answered["status"]), (&json!("POST"), &json!(201)));
    assert!(answered["duration_ms"].as_f64().unwrap() > 0.0, "{answered}");
}

fn log_lines(system: &System) -> Vec<Value> {
    let logs = std::fs::read_dir(&system.stage.folder).unwrap().map(|file| file.unwrap().path());
    let logs = logs.filter(|file| file.extension().is_some_and(|extension| extension == "log"));
    let text = |file| std::fs::read_to_string(file).unwrap();
    // The last line may be half written yet.
    let whole = |text: String| text.rsplit_once('\n').map(|(whole, _)| whole.to_owned()).unwrap_or_default();
    let parsed = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    logs.map(text).map(whole).flat_map(|text| text.lines().map(parsed).collect::<Vec<_>>()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calls_trace_goes_as_far_a_transaction_is_linked_to_all_its_commands_and_what_is_parked_is_told() {
    let sink = Sink::start().await.unwrap();
    let system = traced(Backend::Real, &sink.url()).await;
    let supplier = Simulator::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    item(&system, &supplier, "TEA", 5).await;
    let called = trace(1);
    let mut client = InventoryServiceClient::connect(system.calls_url().to_owned()).await.unwrap();
    let id = system.get("/v1/items/TEA").await["id"].as_str().unwrap().to_owned();
    let line = ReservationItem { inventory_item_id: id, quantity: 1, ..ReservationItem::default() };
    let mut request = tonic::Request::new(ReserveInventoryRequest {
        items: vec![line],
        ..ReserveInventoryRequest::default()
    });
    let traceparent = format!("00-{called}-{CALLER}-01").parse().unwrap();
    request.metadata_mut().insert("traceparent", traceparent);
    client.reserve_inventory(request).await.unwrap();

    let call = below(&sink, &called, CALLER, "inventory.InventoryService/ReserveInventory", None).await;
    assert_eq!((call.kind, call.attributes["rpc.system"].as_str()), (SpanKind::Server, "grpc"));
    let command = below(&sink, &called, &call.id, "stock reserve", None).await;
    leads_to_an_order(&sink, &system, &supplier, &command, "TEA").await;
    a_transaction_is_linked_to_all_its_commands(&sink, &system).await;
    what_is_parked_is_told(&sink, &system).await;
}

/// Whoever is in a transaction together is decided by what queues meanwhile: it is tried until some are.
async fn a_transaction_is_linked_to_all_its_commands(sink: &Sink, system: &System) {
    const AT_ONCE: u32 = 30;
    system.item("CUP", 100_000).await;
    let mut begun = 1;
    let joint = eventually("some requests are in one transaction", LIMIT, async || {
        let traces: Vec<String> = (begun + 1..=begun + AT_ONCE).map(trace).collect();
        begun += AT_ONCE;
        join_all(traces.iter().map(|trace| sell(system, "CUP", trace))).await;
        // Each command, by its id, and the transactions that are linked to it.
        eventually("each command's transaction", LIMIT, async || {
            let spans = sink.spans();
            let commands: HashMap<&str, &str> = spans
                .iter()
                .filter(|span| span.name == "stock adjust" && traces.contains(&span.trace))
                .map(|span| (span.id.as_str(), span.trace.as_str()))
                .collect();
            let batches: Vec<&Seen> = spans.iter().filter(|span| span.name == "stock batch").collect();
            let linked: BTreeSet<&str> = batches
                .iter()
                .flat_map(|batch| &batch.links)
                .filter(|(trace, id)| commands.get(id.as_str()) == Some(&trace.as_str()))
                .map(|(_, id)| id.as_str())
                .collect();
            let all = commands.len() == traces.len() && linked.len() == traces.len();
            all.then(|| {
                batches.into_iter().filter(|batch| batch.links.len() > 1).cloned().collect::<Vec<_>>()
            })
        })
        .await
        .pop()
    })
    .await;
    let traces: BTreeSet<&str> = joint.links.iter().map(|(trace, _)| trace.as_str()).collect();
    assert_eq!(traces.len(), joint.links.len(), "each is of another trace");
    let (first_trace, first) = &joint.links[0];
    assert_eq!((&joint.trace, joint.parent.as_ref()), (first_trace, Some(first)), "it is in the first one's");
    let size: usize = joint.attributes["db.operation.batch.size"].parse().unwrap();
    assert_eq!(size, joint.links.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_says_nothing_keeps_nobody_waiting() {
    // Connections are made, and nothing is ever read from them.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut system = traced(Backend::Embedded, &format!("http://{}", silent.local_addr().unwrap())).await;
    system.item("TEA", 1_000).await;
    for number in 0..50 {
        sell(&system, "TEA", &trace(number)).await;
    }
    let metrics = format!("{}/metrics", system.url());
    eventually("spans are counted as lost", LIMIT, async || {
        let text = client().get(&metrics).send().await.ok()?.text().await.ok()?;
        let line = text.lines().find(|line| line.starts_with("telemetry_spans_total{outcome=\"failed\"}"))?;
        line.rsplit_once(' ')?.1.parse::<f64>().ok().filter(|failed| *failed > 0.0)
    })
    .await;
    sell(&system, "TEA", &trace(50)).await;
    eventually("it is said, once", LIMIT, async || {
        let lines = log_lines(&system).into_iter();
        (lines.filter(|line| line["message"] == "traces cannot be sent").count() == 1).then_some(())
    })
    .await;
    assert!(system.updater.stops(LIMIT).await, "it stops as it should");
}

/// A message that nobody can make sense of: its delivery is marked, and the log tells which it was.
async fn what_is_parked_is_told(sink: &Sink, system: &System) {
    let trace = trace(0);
    let stop = CancellationToken::new();
    let topology = Topology::standard(&system.stage.exchange, &system.stage.prefix);
    let bus = events::connect(&system.stage.bus_url, topology, stop.clone()).unwrap();
    let garbage = Message {
        id: "garbage".to_owned(),
        routing_key: "product-sold".to_owned(),
        body: "{".into(),
        traceparent: Some(format!("00-{trace}-{CALLER}-01")),
        message_type: None,
    };
    let published = bus.publish(vec![garbage]).await;
    stop.cancel();
    assert_eq!(published, [Ok(())]);
    eventually("its delivery is marked", LIMIT, async || {
        let spans = sink.trace(&trace);
        spans.into_iter().find(|span| span.name == "stock-updater process" && span.failed)
    })
    .await;
    let line = log_lines(system).into_iter().find(|line| line["message"] == "a message is parked").unwrap();
    let told =
        ["level", "id", "event", "trace_id"].map(|name| line[name].as_str().unwrap_or_default().to_owned());
    assert_eq!(told, ["ERROR", "garbage", "product-sold", trace.as_str()], "{line}");
}
