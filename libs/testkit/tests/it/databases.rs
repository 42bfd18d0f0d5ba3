//! The script that makes roles and databases in a cluster, on a real server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{Connection, PgConnection};
use testkit::servers::Postgres;
use uuid::Uuid;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../k8s/base/databases.sh");
const PASSWORDS: [&str; 3] = ["stock-is-secret", "checker-is-secret", "suppliers-is-secret"];

/// What the script is told, in files as a cluster mounts them. Gone when dropped.
struct Access(PathBuf);

impl Drop for Access {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Access {
    fn to(server: &Postgres) -> Access {
        let access = Access(std::env::temp_dir().join(format!("onhand-access-{}", Uuid::now_v7())));
        fs::create_dir(&access.0).unwrap();
        let url = server.url();
        let port = url.rsplit(':').next().unwrap().split('/').next().unwrap();
        let files = [("host", "127.0.0.1"), ("port", port), ("admin", "app"), ("admin_password", "none")];
        let passwords =
            ["stock_password", "checker_password", "suppliers_password"].into_iter().zip(PASSWORDS);
        for (name, text) in files.into_iter().chain(passwords) {
            fs::write(access.0.join(name), text).unwrap();
        }
        access
    }

    /// Runs the script as a Job does: with no terminal.
    fn make(&self) {
        let binaries = Postgres::binaries().unwrap();
        let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
        let mut script = Command::new("setsid");
        script.args(["--wait", "sh", SCRIPT]).env("ACCESS", &self.0).env("PATH", path);
        let output = script.stdin(std::process::Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

async fn connect(server: &Postgres, role: &str, database: &str) -> sqlx::Result<PgConnection> {
    let url = server.url().replace("app@", &format!("{role}@")).replace("/postgres", &format!("/{database}"));
    PgConnection::connect(&url).await
}

#[tokio::test]
async fn each_service_gets_a_role_with_its_rights_and_no_password_is_in_a_statement() {
    let mut server = Postgres::start().unwrap();
    let logged = [("logging_collector", "on"), ("log_filename", "said.log"), ("log_statement", "all")];
    server.configure(&logged).unwrap();
    let access = Access::to(&server);
    access.make();

    let mut owner = connect(&server, "onhand_stock", "onhand_stock").await.unwrap();
    // Made after the roles were: what a migration makes later is readable, too.
    sqlx::raw_sql("CREATE EXTENSION pg_trgm; CREATE TABLE levels AS SELECT 7 AS units")
        .execute(&mut owner)
        .await
        .unwrap();
    let mut reader = connect(&server, "onhand_checker", "onhand_stock").await.unwrap();
    let units: i32 = sqlx::query_scalar("SELECT units FROM levels").fetch_one(&mut reader).await.unwrap();
    assert_eq!(units, 7);
    let writing = "SET default_transaction_read_only = off";
    sqlx::raw_sql(writing).execute(&mut reader).await.unwrap();
    let refused = sqlx::raw_sql("UPDATE levels SET units = 8").execute(&mut reader).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied"), "{refused}");
    for (role, database) in [("onhand_checker", "onhand_suppliers"), ("onhand_suppliers", "onhand_stock")] {
        let refused = connect(&server, role, database).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{role} at {database}: {refused}");
    }

    // Again, with another password: it is taken, and all else stays.
    let kept = "SELECT rolpassword FROM pg_authid WHERE rolname = 'onhand_stock'";
    let mut app = PgConnection::connect(&server.url()).await.unwrap();
    let before: String = sqlx::query_scalar(kept).fetch_one(&mut app).await.unwrap();
    fs::write(access.0.join("stock_password"), "another-is-secret").unwrap();
    access.make();
    let after: String = sqlx::query_scalar(kept).fetch_one(&mut app).await.unwrap();
    assert!(before.starts_with("SCRAM-SHA-256$") && after.starts_with("SCRAM-SHA-256$"));
    assert_ne!(before, after);
    let units: i32 = sqlx::query_scalar("SELECT units FROM levels").fetch_one(&mut reader).await.unwrap();
    assert_eq!(units, 7);

    let folder: String = sqlx::query_scalar("SHOW data_directory").fetch_one(&mut app).await.unwrap();
    let said = fs::read_to_string(Path::new(&folder).join("log/said.log")).unwrap();
    assert!(
        said.contains("ALTER USER onhand_stock PASSWORD 'SCRAM-SHA-256$"),
        "the statements are not there"
    );
    assert!(!said.contains("-is-secret"), "a password was in a statement");
}
