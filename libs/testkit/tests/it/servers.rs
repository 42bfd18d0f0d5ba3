use std::io::{Read, Write};
use std::net::TcpStream;

use sqlx::{Connection, PgConnection};
use testkit::servers::{Postgres, Prometheus, RabbitMq, Redis};

/// Host and port of a URL.
fn address(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1;
    rest.rsplit_once('@').map_or(rest, |parts| parts.1).split('/').next().unwrap().to_owned()
}

fn is_listening(url: &str) -> bool {
    TcpStream::connect(address(url)).is_ok()
}

#[tokio::test]
async fn postgres_keeps_what_was_committed_over_a_kill() {
    let mut server = Postgres::start().unwrap();
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept AS SELECT 7 AS n").execute(&mut connection).await.unwrap();
    let durable: String = sqlx::query_scalar("SHOW fsync").fetch_one(&mut connection).await.unwrap();
    assert_eq!(durable, "on");

    server.kill();
    assert!(!is_listening(&server.url()));
    server.restart().unwrap();

    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    let kept: i32 = sqlx::query_scalar("SELECT n FROM kept").fetch_one(&mut connection).await.unwrap();
    assert_eq!(kept, 7);
    let url = server.url();
    drop(server);
    assert!(!is_listening(&url));
}

#[test]
fn redis_comes_back_empty_on_its_port() {
    let say = |url: &str, words: &str| {
        let mut stream = TcpStream::connect(address(url)).unwrap();
        stream.write_all(words.as_bytes()).unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).unwrap();
        answer
    };
    let mut server = Redis::start().unwrap();
    let url = server.url();
    assert_eq!(&say(&url, "SET a b\r\n"), b"+OK\r\n");
    server.restart().unwrap();
    assert_eq!(server.url(), url);
    assert_eq!(&say(&url, "GET a\r\n"), b"$-1\r\n");
    drop(server);
    assert!(!is_listening(&url));
}

#[test]
fn two_brokers_run_side_by_side_and_one_comes_back_after_a_kill() {
    let other = std::thread::spawn(|| RabbitMq::start().unwrap());
    let mut one = RabbitMq::start().unwrap();
    let other = other.join().unwrap();
    assert_ne!(one.url(), other.url());

    one.kill();
    assert!(!is_listening(&one.url()));
    assert!(is_listening(&other.url()));
    one.restart().unwrap();
    assert!(is_listening(&one.url()));

    let urls = [one.url(), other.url()];
    drop((one, other));
    assert!(urls.iter().all(|url| !is_listening(url)));
}

#[test]
fn a_port_that_is_taken_is_an_error_that_shows_the_log() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Postgres::start_on(port).unwrap_err();
    assert!(format!("{error:#}").contains("could not bind"), "{error:#}");
}

#[test]
fn prometheus_does_not_start_with_a_configuration_that_is_none() {
    let server = Prometheus::start("scrape_configs: []\n").unwrap();
    assert!(is_listening(&server.url()));
    let error = Prometheus::start("scrape_konfigs: []\n").unwrap_err();
    assert!(format!("{error:#}").contains("scrape_konfigs"), "{error:#}");
}
