//! gRPC through the wire: who is let in, what bounds a call, and what it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use platform::problem::Problem;
use platform::{grpc, hosting};
use rstest::rstest;
use testkit::eventually;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tonic::{Code, Request, Status};

use crate::echo::{call, channel, echo, say, saying};
use crate::{LIMIT, Running, auth, defaults};

fn said(text: &str) -> Request<String> {
    Request::new(text.to_owned())
}

/// With one piece of metadata.
fn with(name: &'static str, value: &str) -> Request<String> {
    let mut request = said("hello");
    request.metadata_mut().append(name, value.parse().unwrap());
    request
}

/// What `/metrics` counts of a method and a status.
async fn counted(running: &Running, method: &str, code: Code) -> bool {
    let metrics = running.get("/metrics").await.text().await.unwrap();
    let labels = [format!("rpc_method=\"{method}\""), format!("rpc_grpc_status_code=\"{}\"", code as i32)];
    metrics.lines().any(|line| {
        line.starts_with("rpc_server_duration_seconds_count")
            && labels.iter().all(|label| line.contains(label))
    })
}

#[tokio::test]
async fn a_call_is_answered_and_counted_and_a_method_that_is_not_there_is_no_label() {
    let running = Running::start(defaults(), echo()).await;
    let channel = channel(&running.calls_url).await;
    assert_eq!(say(&channel, said("hello")).await.unwrap().into_inner(), "hello");
    for path in ["/test.Echo/Sing", "/test.Nobody/Say", "/nonsense"] {
        assert_eq!(call(&channel, path, said("")).await.unwrap_err().code(), Code::Unimplemented, "{path}");
    }
    assert!(counted(&running, "Say", Code::Ok).await);
    assert!(counted(&running, "unmatched", Code::Unimplemented).await);
    assert!(!counted(&running, "Sing", Code::Unimplemented).await);
    running.stopped().await.unwrap();
}

/// Asks for tokens that are signed with the key of seed 1.
pub(crate) fn auth_config() -> platform::config::Config {
    let file = std::env::temp_dir().join(format!("onhand-key-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&file, auth::public_pem(1)).unwrap();
    auth::config().set("auth.key_file", file.to_str().unwrap())
}

#[tokio::test]
async fn a_call_is_refused_without_a_token_and_knows_its_caller_with_one() {
    let whoami = async |request: Request<String>| Ok(grpc::caller(&request)?.actor);
    let running = Running::start(auth_config(), saying(whoami)).await;
    let channel = channel(&running.calls_url).await;
    let refused = [
        say(&channel, said("")).await,
        say(&channel, with("authorization", "Bearer x.y.z")).await,
        call(&channel, "/test.Nobody/Say", said("")).await,
    ];
    for refused in refused {
        let status = refused.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(status.metadata().get("problem-type").unwrap(), "urn:onhand:problem:unauthenticated");
    }
    let token = format!("Bearer {}", auth::token(1, "k", &auth::claims()));
    assert_eq!(say(&channel, with("authorization", &token)).await.unwrap().into_inner(), "ann");
    assert!(counted(&running, "Say", Code::Unauthenticated).await);
}

#[tokio::test]
async fn without_authentication_everybody_is_an_administrator() {
    let whoami =
        |request: Request<String>| async move { Ok(grpc::caller(&request)?.role.as_str().to_owned()) };
    let running = Running::start(defaults(), saying(whoami)).await;
    assert_eq!(say(&channel(&running.calls_url).await, said("")).await.unwrap().into_inner(), "admin");
}

#[rstest]
#[case("idempotency-key", &["a-1"], Ok("Some(\"a-1\")"))]
#[case("idempotency-key", &[], Ok("None"))]
#[case("idempotency-key", &["with space"], Err("idempotency-key-invalid"))]
#[case("idempotency-key", &["a", "b"], Err("idempotency-key-invalid"))]
#[case("if-match", &["\"12\""], Ok("Some(12)"))]
#[case("if-match", &["12"], Err("if-match-invalid"))]
#[tokio::test]
async fn metadata_means_what_the_header_means(
    #[case] name: &'static str,
    #[case] values: &[&str],
    #[case] expected: Result<&str, &str>,
) {
    let read = move |request: Request<String>| async move {
        match name {
            "if-match" => Ok(format!("{:?}", grpc::if_match(&request)?.0)),
            _ => Ok(format!("{:?}", grpc::idempotency_key(&request)?.0)),
        }
    };
    let running = Running::start(defaults(), saying(read)).await;
    let mut request = said("");
    for value in values {
        request.metadata_mut().append(name, value.parse().unwrap());
    }
    match (say(&channel(&running.calls_url).await, request).await, expected) {
        (Ok(answer), Ok(expected)) => assert_eq!(answer.into_inner(), expected),
        (Err(status), Err(problem)) => {
            assert_eq!(status.code(), Code::InvalidArgument);
            let named = status.metadata().get("problem-type").unwrap().to_str().unwrap();
            assert_eq!(named, format!("urn:onhand:problem:{problem}"));
        }
        (answer, _) => panic!("{answer:?}"),
    }
}

#[rstest]
#[case(400, Code::InvalidArgument)]
#[case(401, Code::Unauthenticated)]
#[case(403, Code::PermissionDenied)]
#[case(404, Code::NotFound)]
#[case(409, Code::FailedPrecondition)]
#[case(412, Code::Aborted)]
#[case(422, Code::InvalidArgument)]
#[case(500, Code::Internal)]
#[case(503, Code::Unavailable)]
fn a_problem_is_a_status(#[case] http: u16, #[case] code: Code) {
    let problem = || Problem::new(http.try_into().unwrap(), "sku-taken", "The SKU is taken");
    let status = Status::from(problem().detail("TEA is taken").retry_after(7));
    assert_eq!((status.code(), status.message()), (code, "TEA is taken"));
    assert_eq!(status.metadata().get("problem-type").unwrap(), "urn:onhand:problem:sku-taken");
    assert_eq!(status.metadata().get("retry-after").unwrap(), "7");
    assert_eq!(grpc::status(problem(), Code::AlreadyExists).code(), Code::AlreadyExists);
}

/// Sends a call by hand, for our client would itself keep to the deadline; what the head of the answer says.
async fn code_of(running: &Running, timeout: &str) -> Option<i32> {
    sent(running, timeout, vec![0; 5]).await
}

async fn sent(running: &Running, timeout: &str, body: Vec<u8>) -> Option<i32> {
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let request = client
        .post(format!("{}/test.Echo/Say", running.calls_url))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", timeout)
        .body(body);
    let response = request.send().await.unwrap();
    Some(response.headers().get("grpc-status")?.to_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_deadline_is_kept_to_and_cancels_nothing() {
    let (begun, go, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let notes = (Arc::clone(&begun), Arc::clone(&go), Arc::clone(&done));
    let slow = move |_| {
        let (begun, go, done) = notes.clone();
        async move {
            begun.notify_one();
            go.notified().await;
            done.notify_one();
            Ok(String::new())
        }
    };
    let running = Running::start(defaults(), saying(slow)).await;
    assert_eq!(code_of(&running, "50m").await, Some(Code::DeadlineExceeded as i32));
    begun.notified().await;
    go.notify_one();
    tokio::time::timeout(LIMIT, done.notified()).await.unwrap();
    assert!(counted(&running, "Say", Code::DeadlineExceeded).await);
}

#[tokio::test]
async fn the_configured_limit_bounds_every_deadline() {
    let slow = |_| std::future::pending();
    let config = defaults().set("http.request_timeout_ms", 50).set("http.drain_timeout_ms", 50);
    let running = Running::start(config, saying(slow)).await;
    assert_eq!(code_of(&running, "1H").await, Some(Code::DeadlineExceeded as i32));
    let status = say(&channel(&running.calls_url).await, said("")).await.unwrap_err();
    assert!(status.code() == Code::DeadlineExceeded && status.message().contains("idempotency-key"));
    running.stopped().await.unwrap();
}

#[rstest]
#[case("0m", Some(Code::DeadlineExceeded))]
#[case("0n", Some(Code::DeadlineExceeded))]
#[case("99999999H", None)]
#[case("1S", None)]
#[case("", Some(Code::InvalidArgument))]
#[case("m", Some(Code::InvalidArgument))]
#[case("-1m", Some(Code::InvalidArgument))]
#[case("1.5S", Some(Code::InvalidArgument))]
#[case("123456789S", Some(Code::InvalidArgument))]
#[case("1y", Some(Code::InvalidArgument))]
#[tokio::test]
async fn a_deadline_that_is_over_or_none_is_refused_before_anything_is_done(
    #[case] timeout: &str,
    #[case] code: Option<Code>,
) {
    let asked = Arc::new(AtomicBool::new(false));
    let handler_asked = Arc::clone(&asked);
    let service = saying(move |_| {
        handler_asked.store(true, Ordering::SeqCst);
        std::future::ready(Ok(String::new()))
    });
    let running = Running::start(defaults(), service).await;
    assert_eq!(code_of(&running, timeout).await, code.map(|code| code as i32));
    assert_eq!(asked.load(Ordering::SeqCst), code.is_none());
}

#[rstest]
#[case(1 << 20, 5_000_000)]
#[case(1 << 20, 1 << 20)]
#[case(100, 101)]
#[tokio::test]
async fn a_message_that_is_too_large_is_refused(#[case] limit: i64, #[case] length: usize) {
    let config = defaults().set("http.body_limit_bytes", limit);
    let running = Running::start(config, echo()).await;
    let channel = channel(&running.calls_url).await;
    let answer = tokio::time::timeout(LIMIT, say(&channel, said(&"x".repeat(length)))).await.unwrap();
    let status = answer.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.message().contains(&limit.to_string()), "{status:?}");
    // A text is a field of a message: its tag and its length are part of that.
    let fits = "x".repeat(limit as usize - 8);
    assert_eq!(say(&channel, said(&fits)).await.unwrap().into_inner(), fits);
}

#[rstest]
#[case::nothing(b"")]
#[case::half_a_head(b"\0\0")]
#[case::half_a_message(b"\0\0\0\0\x09ab")]
#[case::no_message(b"\0\0\0\0\x02\xff\xff")]
#[case::not_utf_8(b"\0\0\0\0\x03\x0a\x01\xff")]
#[case::compressed(b"\x01\0\0\0\0")]
#[case::no_flag(b"\x07\0\0\0\0")]
#[tokio::test]
async fn a_message_that_is_none_is_the_senders_fault(#[case] body: &[u8]) {
    let running = Running::start(defaults(), echo()).await;
    assert_eq!(sent(&running, "10S", body.to_vec()).await, Some(Code::InvalidArgument as i32));
}

#[tokio::test]
async fn who_never_sends_the_message_is_told_so() {
    let running = Running::start(defaults().set("http.body_read_timeout_ms", 50), echo()).await;
    let mut client = tonic::client::Grpc::new(channel(&running.calls_url).await);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<String, String>::default();
    let path = axum::http::uri::PathAndQuery::from_static("/test.Echo/Say");
    let never = futures::stream::pending::<String>();
    let asked = client.client_streaming::<_, String, String, _>(Request::new(never), path, codec);
    let answer: Result<tonic::Response<String>, Status> = tokio::time::timeout(LIMIT, asked).await.unwrap();
    assert_eq!(answer.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn more_calls_than_can_be_worked_on_are_turned_away_and_requests_with_them() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let notes = (Arc::clone(&begun), Arc::clone(&go));
    let mut service = saying(move |_| {
        let (begun, go) = notes.clone();
        async move {
            begun.notify_one();
            go.notified().await;
            Ok(String::new())
        }
    });
    service.routes = axum::Router::new().route("/free", axum::routing::get(async || "free")).into();
    let running = Running::start(defaults().set("http.max_in_flight", 1), service).await;
    let channel = channel(&running.calls_url).await;
    let first = say(&channel, said(""));
    let second = async {
        begun.notified().await;
        let status = say(&channel, said("")).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.metadata().contains_key("retry-after"));
        assert_eq!(running.get("/free").await.status(), 503, "the places are the process's");
        go.notify_one();
    };
    let (first, ()) = tokio::join!(first, second);
    first.unwrap();
}

#[tokio::test]
async fn what_panics_is_internal_and_says_no_more() {
    let running = Running::start(defaults(), saying(|_| async { panic!("boom") })).await;
    let status = say(&channel(&running.calls_url).await, said("")).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("boom"));
}

#[tokio::test]
async fn a_stop_lets_open_calls_finish() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let notes = (Arc::clone(&begun), Arc::clone(&go));
    let slow = move |_| {
        let (begun, go) = notes.clone();
        async move {
            begun.notify_one();
            go.notified().await;
            Ok("done".to_owned())
        }
    };
    let running = Running::start(defaults(), saying(slow)).await;
    let channel = channel(&running.calls_url).await;
    let stop = async {
        begun.notified().await;
        running.stop.cancel();
        eventually("no new connection is taken", LIMIT, async || {
            TcpStream::connect(running.calls_url.trim_start_matches("http://")).await.err()
        })
        .await;
        go.notify_one();
    };
    let (answer, ()) = tokio::join!(say(&channel, said("")), stop);
    assert_eq!(answer.unwrap().into_inner(), "done");
    running.ended().await.unwrap();
}

#[tokio::test]
async fn a_trace_goes_on_from_the_call_to_what_it_causes() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let telemetry = platform::telemetry::init(&defaults().set("telemetry.format", "json"), "test");
    let _telemetry = telemetry.unwrap();
    let causes = |_| async { Ok(platform::telemetry::current_traceparent().unwrap_or_default()) };
    let running = Running::start(defaults(), saying(causes)).await;
    let came = format!("00-{TRACE}-b7ad6b7169203331-01");
    let channel = channel(&running.calls_url).await;
    let went = say(&channel, with("traceparent", &came)).await.unwrap().into_inner();
    assert!(went.starts_with(&format!("00-{TRACE}-")) && went != came, "{went}");
}

#[tokio::test]
async fn http_1_is_not_spoken_to_calls() {
    hosting::install_tls();
    let running = Running::start(defaults(), echo()).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(client.post(format!("{}/test.Echo/Say", running.calls_url)).send().await.is_err());
}
