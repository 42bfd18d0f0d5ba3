use std::time::Duration;

use testkit::proxy::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Time enough for loopback, and no more than a test should wait for nothing to happen.
const MOMENT: Duration = Duration::from_millis(300);

/// A server that answers each chunk with itself, and a proxy before it.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("echo://user:secret@{}/path", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    Proxy::before(&url).await.unwrap()
}

async fn client(proxy: &Proxy) -> TcpStream {
    let url = proxy.url("echo://127.0.0.1:1/");
    TcpStream::connect(url.trim_start_matches("echo://").trim_end_matches('/')).await.unwrap()
}

/// What comes back: some bytes, `Some("")` when the connection was closed, `None` when nothing happens.
async fn ask(stream: &mut TcpStream, words: &str) -> Option<String> {
    let _ = stream.write_all(words.as_bytes()).await;
    answer(stream).await
}

async fn answer(stream: &mut TcpStream) -> Option<String> {
    let mut answer = [0; 64];
    let read = timeout(MOMENT, stream.read(&mut answer)).await.ok()?;
    Some(String::from_utf8_lossy(&answer[..read.unwrap_or(0)]).into_owned())
}

#[tokio::test]
async fn a_url_keeps_all_but_its_address() {
    let proxy = echo().await;
    let url = proxy.url("postgres://app:x@db.example:5432/stock?a=b");
    assert!(url.starts_with("postgres://app:x@127.0.0.1:") && url.ends_with("/stock?a=b"), "{url}");
    assert!(Proxy::before("sqlite:stock.db").await.is_err());
}

#[tokio::test]
async fn a_cut_closes_connections_old_and_new_until_healed() {
    let proxy = echo().await;
    let mut old = client(&proxy).await;
    assert_eq!(ask(&mut old, "a").await.as_deref(), Some("a"));
    proxy.cut();
    assert_eq!(ask(&mut old, "b").await.as_deref(), Some(""));
    let mut new = client(&proxy).await;
    assert_eq!(ask(&mut new, "c").await.as_deref(), Some(""));
    proxy.heal();
    let mut new = client(&proxy).await;
    assert_eq!(ask(&mut new, "d").await.as_deref(), Some("d"));
}

#[tokio::test]
async fn a_stall_holds_bytes_back_and_closes_nothing() {
    let proxy = echo().await;
    let mut stream = client(&proxy).await;
    assert_eq!(ask(&mut stream, "a").await.as_deref(), Some("a"));
    proxy.stall();
    assert_eq!(ask(&mut stream, "b").await, None);
    proxy.heal();
    assert_eq!(answer(&mut stream).await.as_deref(), Some("b"));
}

#[tokio::test]
async fn a_lost_reply_is_to_that_request_alone() {
    let proxy = echo().await;
    proxy.lose_reply_to(b"COMMIT");
    let mut stream = client(&proxy).await;
    assert_eq!(ask(&mut stream, "BEGIN").await.as_deref(), Some("BEGIN"));
    assert_eq!(ask(&mut stream, "COMMIT").await.as_deref(), Some(""));
    let mut stream = client(&proxy).await;
    assert_eq!(ask(&mut stream, "COMMIT").await.as_deref(), Some("COMMIT"));
}
