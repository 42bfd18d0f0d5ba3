use std::process::{Command, Output, Stdio};

use rstest::rstest;
use testkit::{Backend, eventually};

use crate::system::{LIMIT, System, binary};

fn command(system: &System, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("onhand"));
    command.env_clear().args(arguments).args(["--server", system.url()]).current_dir(&system.stage.folder);
    command.stdin(Stdio::null());
    command
}

fn onhand(system: &System, arguments: &[&str]) -> Output {
    command(system, arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_larger_than_a_server_takes_is_imported_and_exported_again(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let system = System::start(backend).await;
    let folder = &system.stage.folder;
    // Cells with line breaks, blank lines and a carriage return at each end: lines are counted all the same.
    let row = |n: usize| match n {
        7_000 => "\r\n\"BAD\n\",x,\r\n".to_owned(),
        11_000 => format!("S-{n:05},,\r\n"),
        _ => format!("S-{n:05},\"Thing, {n}\",leafy\r\n"),
    };
    let rows: String = (0..12_000).map(row).collect();
    std::fs::write(folder.join("items.csv"), format!("sku,name,supplier_id\r\n{rows}")).unwrap();
    let imported = onhand(&system, &["import", "items", "items.csv"]);
    let told = said(&imported);
    assert_eq!(imported.status.code(), Some(1), "{told}");
    assert!(told.contains("12000 rows: 11998 accepted, 0 unchanged, 2 refused"), "{told}");
    assert!(
        told.contains("line 7003: BAD\n: sku:") && told.contains("line 11004: S-11000: name: it is empty"),
        "{told}"
    );
    let again = said(&onhand(&system, &["import", "items", "items.csv"]));
    assert!(again.contains("12000 of them had been imported before"), "{again}");
    let exported = onhand(&system, &["export", "items", "out.csv"]);
    assert!(exported.status.success(), "{}", said(&exported));
    let written = std::fs::read_to_string(folder.join("out.csv")).unwrap();
    assert_eq!(written.lines().count(), 1 + 11_998);
    assert!(written.contains("\nS-00042,S-00042,,\"Thing, 42\",shop,leafy,0,0,true\n"));
    let counts: String = (0..6_000).map(|n| format!("S-{n:05},main,{n}\n")).collect();
    std::fs::write(folder.join("levels.csv"), format!("sku,location,on_hand\n{counts}")).unwrap();
    let levels = onhand(&system, &["import", "levels", "levels.csv"]);
    assert!(said(&levels).contains("6000 rows: 5999 accepted, 1 unchanged, 0 refused"), "{}", said(&levels));
    assert!(levels.status.success());
    let exported = onhand(&system, &["export", "levels"]);
    let text = String::from_utf8(exported.stdout).unwrap();
    assert!(text.starts_with("sku,location,on_hand,damaged,quality_control,version\n"), "{text}");
    assert!(text.contains("\nS-05999,main,5999,0,0,2\n"));
    system.audit_is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_interrupted_goes_on_where_it_was() {
    let system = System::start(Backend::Embedded).await;
    let rows: String = (0..30_000).map(|n| format!("S-{n:05},A thing\n")).collect();
    std::fs::write(system.stage.folder.join("items.csv"), format!("sku,name\n{rows}")).unwrap();
    let mut import = command(&system, &["import", "items", "items.csv"]);
    let child = import.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("some of it is there", LIMIT, async || {
        let overview = system.get("/v1/items?limit=1").await;
        (!overview["items"].as_array()?.is_empty()).then_some(())
    })
    .await;
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let stopped = child.wait_with_output().unwrap();
    assert_eq!(stopped.status.code(), Some(130), "{}", said(&stopped));
    assert!(said(&stopped).contains("the same command goes on"), "{}", said(&stopped));
    let rest = onhand(&system, &["import", "items", "items.csv"]);
    assert!(rest.status.success(), "{}", said(&rest));
    assert!(said(&rest).contains("30000 rows: 30000 accepted, 0 unchanged, 0 refused"), "{}", said(&rest));
    system.audit_is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_or_a_server_that_is_not_there_is_named() {
    let system = System::start(Backend::Embedded).await;
    let missing = onhand(&system, &["import", "items", "nothing.csv"]);
    assert!(!missing.status.success() && said(&missing).contains("nothing.csv"), "{}", said(&missing));
    std::fs::write(system.stage.folder.join("odd.csv"), "sku,colour\nA,red\n").unwrap();
    let odd = onhand(&system, &["import", "items", "odd.csv"]);
    assert!(said(&odd).contains("unknown columns: colour"), "{}", said(&odd));
    let mut away = Command::new(binary("onhand"));
    away.env_clear().args(["export", "items", "x.csv", "--server", "http://127.0.0.1:1"]);
    let away = away.current_dir(&system.stage.folder).output().unwrap();
    assert!(said(&away).contains("http://127.0.0.1:1 does not answer"), "{}", said(&away));
    assert!(!system.stage.folder.join("x.csv").exists() && !system.stage.folder.join("x.csv.part").exists());
}
