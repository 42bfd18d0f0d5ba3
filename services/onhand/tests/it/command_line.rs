use std::process::Command;

use rstest::rstest;
use testkit::{Backend, Stage};

use crate::system::{SECRET_KEY, System, binary};

fn onhand(stage: &Stage, arguments: &[&str]) -> std::process::Output {
    onhand_command(stage).args(arguments).output().unwrap()
}

fn onhand_command(stage: &Stage) -> Command {
    let settings = stage.settings().into_iter();
    let environment =
        settings.map(|(key, value)| (format!("ONHAND__{}", key.replace('.', "__").to_uppercase()), value));
    let mut command = Command::new(binary("onhand"));
    command.env_clear().envs(environment).env("ONHAND__SUPPLIER_SYNC__SECRET_KEY", SECRET_KEY);
    command.current_dir(&stage.folder);
    command
}

fn said(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_what_does_not_agree_and_a_rebuild_mends_it(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let system = System::start(backend).await;
    system.item("TEA", 5).await;
    let clean = onhand(&system.stage, &["audit"]);
    assert!(clean.status.success() && said(&clean).contains("clean"), "{}", said(&clean));
    let config = platform::config::Config::defaults().unwrap();
    let db =
        platform::db::connect(&system.stage.stock_url, &config.section("database").unwrap()).await.unwrap();
    let by_hand = "UPDATE inventory_locations SET available_quantity = 7";
    sea_orm::ConnectionTrait::execute_unprepared(&db, by_hand).await.unwrap();
    let dirty = onhand(&system.stage, &["audit"]);
    assert_eq!(dirty.status.code(), Some(1));
    let said = said(&dirty);
    assert!(said.contains("SKU TEA, location main, version 2: should be 5 and is 7"), "{said}");
    let dry = onhand(&system.stage, &["rebuild", "--dry-run"]);
    let told = format!("{}{}", String::from_utf8_lossy(&dry.stdout), String::from_utf8_lossy(&dry.stderr));
    assert!(dry.status.success() && told.contains("inventory_locations: 1 rows would be written"), "{told}");
    assert_eq!(onhand(&system.stage, &["audit"]).status.code(), Some(1), "nothing was changed");
    assert!(onhand(&system.stage, &["rebuild"]).status.success());
    assert!(onhand(&system.stage, &["audit"]).status.success(), "it is as the ledger says again");
}

#[rstest]
#[tokio::test]
async fn migrate_brings_both_databases_up_to_date_and_again_changes_nothing(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stage = Stage::new(backend).await;
    for _ in 0..2 {
        let output = onhand(&stage, &["migrate"]);
        assert!(output.status.success(), "{}", said(&output));
    }
    assert!(onhand(&stage, &["audit"]).status.success());
}

#[tokio::test]
async fn a_database_that_is_named_in_parts_is_the_one_that_is_used() {
    let stage = Stage::new(Backend::Real).await;
    let url: reqwest::Url = stage.stock_url.parse().unwrap();
    let parts = [
        ("DB_HOST", url.host_str().unwrap().to_owned()),
        ("DB_PORT", url.port().unwrap_or(5432).to_string()),
        ("DB_USER", url.username().to_owned()),
        ("DB_PASSWORD", url.password().unwrap_or_default().to_owned()),
        ("DB_NAME", url.path().trim_start_matches('/').to_owned()),
    ];
    let mut migrate = Command::new(binary("onhand"));
    migrate.env_clear().envs(parts).arg("migrate").current_dir(&stage.folder);
    let output = migrate.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let audit = onhand(&stage, &["audit"]);
    assert!(audit.status.success(), "its tables are there: {}", said(&audit));
}

#[tokio::test]
async fn an_audit_without_tables_says_what_to_do() {
    let stage = Stage::new(Backend::Embedded).await;
    std::fs::write(stage.folder.join("stock.db"), "").unwrap();
    let output = onhand(&stage, &["audit"]);
    assert!(!output.status.success());
    assert!(said(&output).contains("onhand migrate"), "{}", said(&output));
}

#[tokio::test]
async fn the_demo_plays_to_its_end() {
    let stage = Stage::new(Backend::Embedded).await;
    let output = onhand(&stage, &["demo"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("All of it held"), "{}", said(&output));
}

#[tokio::test]
async fn a_bad_setting_is_refused_at_start_and_named() {
    let stage = Stage::new(Backend::Embedded).await;
    for (variable, value, key) in [
        ("ONHAND__BUS__URL", "http://nowhere", "bus"),
        ("ONHAND__STOCK_UPDATER__DATABASE_URL", "mysql://x", "stock_updater.database_url"),
        ("ONHAND__STOCK_UPDATER__DEFAULT_OWNER", "", "stock_updater.default_owner"),
        ("ONHAND__STOCK_UPDATER__RESERVATION_TTL_S", "0", "stock_updater.reservation_ttl_s"),
        ("ONHAND__STOCK_UPDATER__IDEMPOTENCY_KEEP_H", "1", "stock_updater.idempotency_keep_h"),
        ("ONHAND__SUPPLIER_SYNC__SECRET_KEY", "short", "supplier_sync.secret_key"),
        ("ONHAND__HTTP__COLOUR", "red", "http.colour"),
        ("ONHAND__ONHAND__LISTEN", "0.0.0.0:0", "auth.mode"),
        ("ONHAND__ONHAND__GRPC_LISTEN", "0.0.0.0:0", "auth.mode"),
        ("SERVICE_PORT", "http", "SERVICE_PORT"),
        ("DB_HOST", "127.0.0.1", "DB_USER"),
    ] {
        let mut command = Command::new(binary("onhand"));
        let anywhere = "127.0.0.1:0";
        command
            .env_clear()
            .env("ONHAND__ONHAND__LISTEN", anywhere)
            .env("ONHAND__ONHAND__GRPC_LISTEN", anywhere);
        command.env(variable, value);
        let output = command.current_dir(&stage.folder).output().unwrap();
        let said = said(&output);
        assert!(!output.status.success() && said.contains(key), "{variable}={value}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_by_hand_and_it_says_how_many() {
    let mut system = System::start(Backend::Embedded).await;
    let supplier = serde_json::json!({"id": "far", "name": "Far", "adapter": "abc",
        "base_url": "http://127.0.0.1:9", "credential": "hunter22-secret"});
    system.post("/v1/suppliers", supplier).await;
    system.updater.kill();
    let new = "0b6de1c47fa853920c9d7e1f35ab6248d0f4c17b9e83a5627c1d08e94fb3a526";
    let rotate = |previous: &str, more: &[&str]| {
        let mut command = onhand_command(&system.stage);
        command.env("ONHAND__SUPPLIER_SYNC__SECRET_KEY", new);
        command.env("ONHAND__SUPPLIER_SYNC__PREVIOUS_SECRET_KEY", previous);
        command.args(["keys", "rotate"]).args(more).output().unwrap()
    };
    let neither = rotate("", &[]);
    assert_eq!(neither.status.code(), Some(1));
    assert!(said(&neither).contains("supplier far: "), "{}", said(&neither));
    for (more, told) in [
        (&["--dry-run"][..], "1 would be sealed anew"),
        (&[], "1 were sealed anew"),
        (&[], "0 were sealed anew"),
    ] {
        let rotated = rotate(SECRET_KEY, more);
        assert!(rotated.status.success() && said(&rotated).contains(told), "{}", said(&rotated));
        assert!(!said(&rotated).contains("hunter22") && !said(&rotated).contains(new));
    }
}

#[tokio::test]
async fn commands_that_look_after_data_make_none_where_there_is_none() {
    let stage = Stage::new(Backend::Embedded).await;
    for command in ["audit", "rebuild"] {
        let output = onhand(&stage, &[command]);
        assert!(!output.status.success());
        let told = said(&output);
        assert!(told.contains("there is no database at") && told.contains("stock.db"), "{told}");
        assert!(!stage.folder.join("stock.db").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_files_is_refused_and_says_why() {
    let system = System::start(Backend::Embedded).await;
    let listen = ["ONHAND__ONHAND__LISTEN", "ONHAND__ONHAND__GRPC_LISTEN"]
        .map(|key| (key, system.stage.free_address().to_string()));
    let settings = system.stage.settings().into_iter();
    let environment =
        settings.map(|(key, value)| (format!("ONHAND__{}", key.replace('.', "__").to_uppercase()), value));
    let mut second = Command::new(binary("onhand"));
    second.env_clear().envs(environment).envs(listen).current_dir(&system.stage.folder);
    let output = second.output().unwrap();
    assert!(!output.status.success());
    let told = said(&output);
    assert!(told.contains("another process works on") && told.contains("stock.db"), "{told}");
    // Given free by the kernel, whatever way the first ends.
    let mut system = system;
    system.updater.kill();
    system.restart_updater().await;
}
