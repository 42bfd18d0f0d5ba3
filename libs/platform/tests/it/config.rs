//! Configuration: what is set over what, and errors that name the key.

use platform::config::{Alias, Config, ConfigError};
use rstest::rstest;
use serde::Deserialize;

use crate::defaults;

#[derive(Debug, Deserialize)]
struct Http {
    request_timeout_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Auth {
    algorithms: Vec<String>,
}

fn variables(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect::<Vec<_>>()
        .into_iter()
}

#[test]
fn a_variable_is_read_as_the_type_of_its_default() {
    let config = defaults()
        .with_variables(variables(&[
            ("ONHAND__HTTP__REQUEST_TIMEOUT_MS", "250"),
            ("ONHAND__AUTH__ALGORITHMS", "ES256, EdDSA"),
            ("ONHAND__BUS__URL", "123"),
            ("PATH", "passed over"),
        ]))
        .unwrap();
    assert_eq!(config.section::<Http>("http").unwrap().request_timeout_ms, 250);
    assert_eq!(config.section::<Auth>("auth").unwrap().algorithms, ["ES256", "EdDSA"]);
    assert_eq!(config.text("bus.url").unwrap(), "123");
}

#[test]
fn a_variable_of_the_wrong_type_names_its_key() {
    let wrong = defaults().with_variables(variables(&[("ONHAND__HTTP__REQUEST_TIMEOUT_MS", "soon")]));
    let error = wrong.unwrap_err().to_string();
    assert!(error.contains("`http.request_timeout_ms`") && error.contains("`soon`"), "{error}");
}

#[test]
fn a_key_that_does_not_exist_is_refused() {
    let wrong = defaults().with_variables(variables(&[("ONHAND__HTTP__REQEST_TIMEOUT_MS", "1")]));
    assert!(wrong.unwrap_err().to_string().contains("`http.reqest_timeout_ms`"));
}

#[test]
fn a_section_with_a_wrong_value_names_its_key() {
    let config = defaults().set("http.request_timeout_ms", "soon");
    let error = config.section::<Http>("http").unwrap_err().to_string();
    assert!(error.contains("`http.request_timeout_ms`"), "{error}");
}

#[test]
fn a_file_is_put_over_the_defaults_and_may_name_no_unknown_key() {
    let folder = std::env::temp_dir().join(format!("onhand-config-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let (good, bad) = (folder.join("good.toml"), folder.join("bad.toml"));
    std::fs::write(&good, "[http]\nrequest_timeout_ms = 7\n").unwrap();
    std::fs::write(&bad, "[http]\nnonsense = 7\n").unwrap();

    let config = defaults().with_file(&good).unwrap();
    assert_eq!(config.section::<Http>("http").unwrap().request_timeout_ms, 7);
    assert!(config.text("http.header_read_timeout_ms").is_ok(), "the rest stays");
    assert!(defaults().with_file(&bad).unwrap_err().to_string().contains("`http.nonsense`"));
    assert!(defaults().with_file(&folder.join("none.toml")).unwrap_err().to_string().contains("none.toml"));
    std::fs::remove_dir_all(folder).unwrap();
}

fn aliased(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let database = Alias::Postgres {
        keys: vec!["stock_updater.database_url"],
        host: "DB_HOST",
        port: "DB_PORT",
        user: "DB_USER",
        password: "DB_PASSWORD",
        name: "DB_NAME",
    };
    let port = Alias::Port { key: "stock_updater.grpc_listen", variable: "SERVICE_PORT" };
    defaults().with_aliases(&[database, port], &variables(pairs).collect())?.with_variables(variables(pairs))
}

#[rstest]
#[case::nothing(&[("DB_PORT", "nonsense"), ("DB_USER", "app")], "sqlite:data/stock.db")]
#[case::empty(&[("DB_HOST", ""), ("DB_PORT", "nonsense")], "sqlite:data/stock.db")]
#[case::least(&[("DB_HOST", "db"), ("DB_USER", "app"), ("DB_NAME", "stock")], "postgres://app@db:5432/stock")]
#[case::all(
    &[("DB_HOST", "db"), ("DB_PORT", "6432"), ("DB_USER", "a@b"), ("DB_PASSWORD", "p:/?#[ü%"), ("DB_NAME", "st ock")],
    "postgres://a%40b:p%3A%2F%3F%23%5B%C3%BC%25@db:6432/st%20ock"
)]
#[case::ipv6(&[("DB_HOST", "::1"), ("DB_USER", "app"), ("DB_NAME", "s")], "postgres://app@[::1]:5432/s")]
#[case::socket(
    &[("DB_HOST", "/run/postgresql"), ("DB_USER", "app"), ("DB_NAME", "s")],
    "postgres://app@%2Frun%2Fpostgresql:5432/s"
)]
#[case::ours_wins(
    &[("DB_HOST", "db"), ("DB_USER", "app"), ("DB_NAME", "s"), ("ONHAND__STOCK_UPDATER__DATABASE_URL", "sqlite:a.db")],
    "sqlite:a.db"
)]
fn a_database_in_parts_is_a_url(#[case] given: &[(&str, &str)], #[case] url: &str) {
    assert_eq!(aliased(given).unwrap().text("stock_updater.database_url").unwrap(), url);
}

#[rstest]
#[case::none(&[], "127.0.0.1:50055")]
#[case::given(&[("SERVICE_PORT", "7001")], "127.0.0.1:7001")]
#[case::ours_wins(&[("SERVICE_PORT", "7001"), ("ONHAND__STOCK_UPDATER__GRPC_LISTEN", "[::1]:1")], "[::1]:1")]
fn a_port_is_that_of_the_address(#[case] given: &[(&str, &str)], #[case] address: &str) {
    assert_eq!(aliased(given).unwrap().text("stock_updater.grpc_listen").unwrap(), address);
}

#[rstest]
#[case("SERVICE_PORT", &[("SERVICE_PORT", "http")])]
#[case("SERVICE_PORT", &[("SERVICE_PORT", "0")])]
#[case("SERVICE_PORT", &[("SERVICE_PORT", "65536")])]
#[case("SERVICE_PORT", &[("SERVICE_PORT", "-1")])]
#[case("DB_PORT", &[("DB_HOST", "db"), ("DB_PORT", "tcp://1.2.3.4:5432"), ("DB_USER", "a"), ("DB_NAME", "s")])]
#[case("DB_USER", &[("DB_HOST", "db"), ("DB_NAME", "s")])]
#[case("DB_NAME", &[("DB_HOST", "db"), ("DB_USER", "a"), ("DB_NAME", "")])]
fn an_alias_that_will_not_do_is_named(#[case] variable: &str, #[case] given: &[(&str, &str)]) {
    let error = aliased(given).unwrap_err().to_string();
    assert!(error.contains(&format!("`{variable}`")), "{error}");
}
