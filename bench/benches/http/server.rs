//! Stock-updater as it is served, and the conventional design behind the same HTTP stack: one process, one listener, the
//! same layers.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use bench::naive;
use domain::ItemId;
use events::Topology;
use platform::auth::Caller;
use platform::config::Config;
use platform::hosting::{Service, serve};
use platform::http::{Json, Path};
use platform::problem::Problem;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

/// Serves both until the process ends, and says where.
pub(crate) async fn start(url: &str, pool: PgPool) -> SocketAddr {
    let config = Config::defaults().unwrap().set("stock_updater.database_url", url);
    // Nobody listens to the events: they leave the outbox as fast as the relay can.
    let nobody = Topology { queues: vec![], ..Topology::standard("bench", "bench.") };
    let stop = CancellationToken::new();
    let bus = events::connect("memory:", nobody, stop.clone()).unwrap();
    let ours = stock_updater::service(&config, Arc::clone(&bus)).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let services = vec![ours, conventional(pool)];
    tokio::spawn(async move { serve(listener, &config, services, stop).await.unwrap() });
    address
}

fn conventional(pool: PgPool) -> Service {
    let routes = OpenApiRouter::new().route("/naive/items/{item}/adjustments", post(adjust)).with_state(pool);
    Service { name: "naive", routes, grpc: None, tasks: vec![], checks: vec![] }
}

/// The body that stock-updater takes. What it says is what is always done.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read for the price of reading it")]
struct Adjustment {
    delta: i64,
    reason: String,
}

#[derive(Serialize)]
struct Adjusted {
    item_id: Uuid,
    version: i64,
    available: i64,
}

async fn adjust(
    State(pool): State<PgPool>,
    _caller: Caller,
    Path(item_id): Path<Uuid>,
    Json(_): Json<Adjustment>,
) -> Result<(StatusCode, Json<Adjusted>), Problem> {
    let sold = naive::sell(&pool, ItemId(item_id)).await;
    let naive::Sold { version, available } = sold.map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok((StatusCode::CREATED, Json(Adjusted { item_id, version, available })))
}
