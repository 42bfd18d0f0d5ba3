//! Configuration: what is set over what, and errors that name the key.

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
