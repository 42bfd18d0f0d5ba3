//! Replicas as processes: one that was paused for longer than its claim holds comes too late.

use crate::world::{LIMIT, World, products, simulator};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use testkit::{Backend, eventually};

/// A replica. It is killed when it is dropped.
struct Replica {
    child: Child,
    log: PathBuf,
}

impl Replica {
    fn start(world: &World, name: &str) -> Replica {
        let log = world.stage.folder.join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_supplier-sync"))
            .env_clear()
            .envs(world.environment())
            .current_dir(&world.stage.folder)
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .stdin(Stdio::null())
            .spawn();
        Replica { child: child.unwrap(), log }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}:\n{}", self.log.display(), self.log());
        }
    }
}

/// The process that has a run, by its name's last part.
fn process(run: &Value) -> Option<u32> {
    run["worker"].as_str()?.rsplit('/').next()?.parse().ok()
}

#[tokio::test]
async fn three_replicas_run_each_tick_once_also_when_the_one_that_has_it_is_paused_past_its_lease() {
    let settings = [
        ("request_timeout_ms", "600000"),
        ("read_timeout_ms", "600000"),
        ("fetch_attempts", "1"),
        ("run_lease_ms", "3000"),
    ];
    let (world, supplier) = (World::idle(Backend::Real, &settings).await, simulator().await);
    supplier.set_catalog(products(3));
    supplier.hold();
    let replicas = ["a", "b", "c"].map(|name| Replica::start(&world, name));
    // The dialect without times: nothing but its fence keeps a late answer from being written.
    let each_second = json!({ "options": { "path": "/feed", "auth": "header", "auth_name": "key" },
        "schedule": { "cron": "* * * * * *", "missed": "run_once" } });
    world.supplier("acme", "generic", &supplier, each_second).await;
    eventually("the supplier to be asked", LIMIT, async || (supplier.requests() > 0).then_some(())).await;
    let first = world.runs("acme").await[0].clone();
    let paused = replicas.iter().find(|replica| Some(replica.child.id()) == process(&first)).unwrap();

    paused.signal("-STOP");
    // Its answer is on its way. It is not what the others will hear.
    let mut renamed = products(3);
    renamed.iter_mut().for_each(|product| product.name = format!("New {}", product.name));
    supplier.set_catalog(renamed);
    supplier.let_go();
    let taken_over = world.ended("acme", &first["id"]).await;
    assert_eq!(
        (&taken_over["state"], &taken_over["added"]),
        (&json!("succeeded"), &json!(3)),
        "{taken_over}"
    );
    assert_ne!(process(&taken_over), Some(paused.child.id()), "{taken_over}");
    paused.signal("-CONT");
    eventually("the late one to be refused", LIMIT, async || {
        paused.log().contains("another worker took a sync over").then_some(())
    })
    .await;

    let before = world.runs("acme").await.len();
    eventually("two more ticks", LIMIT, async || {
        let ended = world.runs("acme").await.into_iter().filter(|run| run["state"] == "succeeded");
        (ended.count() > before + 1).then_some(())
    })
    .await;
    world.patch("/v1/suppliers/acme", json!({ "schedule": null })).await;
    let runs = eventually("the last one to end", LIMIT, async || {
        let runs = world.runs("acme").await;
        runs.iter().all(|run| !run["ended_at"].is_null()).then_some(runs)
    })
    .await;
    let ticks: HashSet<&str> = runs.iter().map(|run| run["due_at"].as_str().unwrap()).collect();
    assert_eq!(ticks.len(), runs.len(), "a tick has one run: {runs:?}");
    for run in &runs {
        assert_eq!(run["state"], "succeeded", "{run}");
        let written = run["added"].as_i64().unwrap() + run["updated"].as_i64().unwrap();
        let expected = if run["id"] == first["id"] { 3 } else { 0 };
        assert_eq!(written, expected, "there was nothing to mend: {run}");
    }
}
