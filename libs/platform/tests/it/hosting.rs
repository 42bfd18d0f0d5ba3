//! Hosting: what every process answers, and how it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::routing::get;
use platform::http::Json;
use platform::{hosting, telemetry};
use testkit::eventually;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{Check, LIMIT, Running, Task, defaults, problem, service};

/// Says hello.
#[utoipa::path(get, path = "/v1/hello/{name}", responses((status = 200, description = "a greeting")))]
async fn hello(platform::http::Path(name): platform::http::Path<String>) -> String {
    format!("hello {name}")
}

#[tokio::test]
async fn every_process_answers_health_metrics_and_docs() {
    let mut service = service(Router::new());
    service.routes = OpenApiRouter::new().routes(routes!(hello));
    let running = Running::start(defaults(), service).await;

    let health = running.get("/health").await;
    assert_eq!(health.text().await.unwrap(), r#"{"status":"ok"}"#);
    assert_eq!(running.get("/ready").await.status(), 200);
    assert_eq!(running.get("/v1/hello/you").await.text().await.unwrap(), "hello you");

    let api: serde_json::Value = running.get("/openapi.json").await.json().await.unwrap();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(api["paths"]["/v1/hello/{name}"]["get"].is_object());
    let docs = running.get("/docs/").await;
    assert!(docs.status().is_success() && docs.text().await.unwrap().contains("swagger-ui"));

    let metrics = running.get("/metrics").await.text().await.unwrap();
    let counted = metrics.lines().any(|line| {
        line.starts_with("http_server_request_duration_seconds_count")
            && line.contains(r#"http_route="/v1/hello/{name}""#)
            && line.contains(r#"http_response_status_code="200""#)
    });
    assert!(counted, "{metrics}");
    running.stopped().await.unwrap();
}

#[tokio::test]
async fn what_is_not_ready_is_named() {
    let well = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&well);
    let mut service = service(Router::new());
    service.checks = vec![
        Check::new("database", async || Ok(())),
        Check::new("bus", move || {
            let well = asked.load(Ordering::SeqCst);
            async move { if well { Ok(()) } else { Err("no broker".to_owned()) } }
        }),
    ];
    let running = Running::start(defaults(), service).await;
    let unready = running.get("/ready").await;
    assert_eq!(unready.status(), 503);
    let body: serde_json::Value = unready.json().await.unwrap();
    assert_eq!(body["checks"], serde_json::json!({"test/database": "ok", "test/bus": "unavailable"}));
    assert_eq!(running.get("/health").await.status(), 200, "alive all the same");
    well.store(true, Ordering::SeqCst);
    assert_eq!(running.get("/ready").await.status(), 200);
}

#[tokio::test]
async fn what_is_not_there_and_what_panics_is_a_problem() {
    let boom = async || -> String { panic!("boom") };
    let running = Running::start(defaults(), service(Router::new().route("/boom", get(boom)))).await;
    assert_eq!(problem(running.get("/nowhere").await).await.1, "no-such-route");
    assert_eq!(problem(running.post("/boom").send().await.unwrap()).await.1, "method-not-allowed");
    let (status, code, detail) = problem(running.get("/boom").await).await;
    assert_eq!((status, code.as_str()), (500, "internal"));
    assert!(!detail.contains("boom"));
    assert_eq!(running.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_stop_lets_open_requests_and_then_tasks_finish() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let (handler_begun, handler_go) = (Arc::clone(&begun), Arc::clone(&go));
    let slow = async move || {
        handler_begun.notify_one();
        handler_go.acquire().await.unwrap().forget();
        "done"
    };
    let tidied = Arc::new(AtomicBool::new(false));
    let task_tidied = Arc::clone(&tidied);
    let mut service = service(Router::new().route("/slow", get(slow)));
    service.tasks = vec![Task::new("tidy", |stop: CancellationToken| async move {
        stop.cancelled().await;
        task_tidied.store(true, Ordering::SeqCst);
    })];
    let running = Running::start(defaults(), service).await;
    let request = running.client.get(format!("{}/slow", running.url)).send();
    let test = async {
        begun.notified().await;
        running.stop.cancel();
        eventually("no new connection is taken", LIMIT, async || {
            TcpStream::connect(running.url.trim_start_matches("http://")).await.err()
        })
        .await;
        assert!(!tidied.load(Ordering::SeqCst), "tasks run as long as requests do");
        go.add_permits(1);
    };
    let (answer, ()) = tokio::join!(request, test);
    assert_eq!(answer.unwrap().text().await.unwrap(), "done");
    running.ended().await.unwrap();
    assert!(tidied.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_connection_that_never_said_anything_does_not_hold_a_stop_up() {
    let running = Running::start(defaults(), service(Router::new())).await;
    let _silent = TcpStream::connect(running.url.trim_start_matches("http://")).await.unwrap();
    // Answered after the silent one was accepted.
    assert_eq!(running.get("/health").await.status(), 200);
    running.stop.cancel();
    tokio::time::timeout(LIMIT, running.ended()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_cancels_nothing() {
    let (begun, go, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (handler_begun, handler_go, handler_done) = (Arc::clone(&begun), Arc::clone(&go), Arc::clone(&done));
    let slow = async move || {
        handler_begun.notify_one();
        handler_go.notified().await;
        handler_done.notify_one();
    };
    let running = Running::start(defaults(), service(Router::new().route("/slow", get(slow)))).await;
    let mut client = TcpStream::connect(running.url.trim_start_matches("http://")).await.unwrap();
    client.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    begun.notified().await;
    drop(client);
    eventually("it is counted as gone", LIMIT, async || {
        let metrics = running.get("/metrics").await.text().await.unwrap();
        let count = "http_server_request_duration_seconds_count";
        let told = r#"http_request_method="GET",http_route="/slow",http_response_status_code="499""#;
        metrics.contains(&format!("{count}{{{told}}} 1")).then_some(())
    })
    .await;
    go.notify_one();
    tokio::time::timeout(LIMIT, done.notified()).await.unwrap();
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let slow = async || std::future::pending::<()>().await;
    let config = defaults().set("http.request_timeout_ms", 50).set("http.drain_timeout_ms", 50);
    let running = Running::start(config, service(Router::new().route("/slow", get(slow)))).await;
    let response = running.get("/slow").await;
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(problem(response).await.1, "timed-out");
    running.stopped().await.unwrap();
}

#[tokio::test]
async fn more_requests_than_can_be_worked_on_are_turned_away_at_once() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (handler_begun, handler_go) = (Arc::clone(&begun), Arc::clone(&go));
    let slow = async move || {
        handler_begun.notify_one();
        handler_go.notified().await;
    };
    let config = defaults().set("http.max_in_flight", 1);
    let running = Running::start(config, service(Router::new().route("/slow", get(slow)))).await;
    let first = running.client.get(format!("{}/slow", running.url)).send();
    let second = async {
        begun.notified().await;
        let (status, code, _) = problem(running.get("/slow").await).await;
        assert_eq!((status, code.as_str()), (503, "unavailable"));
        go.notify_one();
    };
    let (first, ()) = tokio::join!(first, second);
    assert_eq!(first.unwrap().status(), 200);
}

#[tokio::test]
async fn who_sends_no_request_is_cut_off() {
    let config = defaults().set("http.header_read_timeout_ms", 50);
    let running = Running::start(config, service(Router::new())).await;
    for sent in ["", "GET / HTTP/1.1\r\nhost:"] {
        let mut idle = TcpStream::connect(running.url.trim_start_matches("http://")).await.unwrap();
        idle.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(LIMIT, idle.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "after {sent:?}");
    }
}

#[tokio::test]
async fn who_never_sends_the_body_is_told_so_and_holds_nothing_up() {
    let config = defaults().set("http.body_read_timeout_ms", 50);
    let read = axum::routing::post(async |Json(body): Json<String>| body);
    let running = Running::start(config, service(Router::new().route("/body", read))).await;
    let mut slow = TcpStream::connect(running.url.trim_start_matches("http://")).await.unwrap();
    let head = "POST /body HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n";
    slow.write_all(format!("{head}\"1234").as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LIMIT, slow.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body-too-slow"), "{answer}");
    tokio::time::timeout(LIMIT, running.stopped()).await.unwrap().unwrap();
}

#[tokio::test]
async fn http_2_is_spoken_on_the_same_port() {
    let running = Running::start(defaults(), service(Router::new())).await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let health = client.get(format!("{}/health", running.url)).send().await.unwrap();
    assert_eq!((health.status().as_u16(), health.version()), (200, reqwest::Version::HTTP_2));
}

#[tokio::test]
async fn a_trace_goes_on_from_the_request_to_what_it_causes() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let _telemetry = telemetry::init(&defaults().set("telemetry.format", "json"), "test").unwrap();
    let causes = async || telemetry::current_traceparent().unwrap_or_default();
    let running = Running::start(defaults(), service(Router::new().route("/cause", get(causes)))).await;
    let came = format!("00-{TRACE}-b7ad6b7169203331-01");
    let request = running.client.get(format!("{}/cause", running.url)).header("traceparent", &came);
    let went = request.send().await.unwrap().text().await.unwrap();
    assert!(went.starts_with(&format!("00-{TRACE}-")) && went != came, "{went}");
    let own = running.get("/cause").await.text().await.unwrap();
    assert!(own.len() == came.len() && !own.contains(TRACE), "{own}");
}

#[tokio::test]
async fn a_task_that_ends_on_its_own_ends_the_process() {
    let mut service = service(Router::new());
    service.tasks = vec![Task::new("relay", |_| async { panic!("lost") })];
    let error = Running::start(defaults(), service).await.ended().await.unwrap_err().to_string();
    assert!(error.contains("`relay`"), "{error}");
}

#[tokio::test]
async fn without_authentication_only_loopback_is_served() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let config = defaults();
    let serving = hosting::serve(listener, &config, vec![], CancellationToken::new());
    let error = tokio::time::timeout(LIMIT, serving).await.unwrap().unwrap_err().to_string();
    assert!(error.contains("`auth.mode`"), "{error}");
    let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let grpc = Some(TcpListener::bind("0.0.0.0:0").await.unwrap());
    let serving =
        hosting::serve(hosting::Listeners { http, grpc }, &config, vec![], CancellationToken::new());
    let error = tokio::time::timeout(LIMIT, serving).await.unwrap().unwrap_err().to_string();
    assert!(error.contains("`auth.mode`"), "for calls too: {error}");
}
