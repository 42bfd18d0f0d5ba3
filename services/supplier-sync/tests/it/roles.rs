//! Who may do what.

use crate::world::World;
use axum::Extension;
use platform::auth::{Caller, Role};
use reqwest::{Client, Method, StatusCode};
use rstest::rstest;
use testkit::Backend;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const ID: &str = "00000000-0000-7000-8000-000000000000";
const READS: [&str; 13] = [
    "/v1/suppliers",
    "/v1/suppliers/x",
    "/v1/suppliers/x/sync-runs",
    "/v1/suppliers/x/catalog",
    "/v1/suppliers/x/catalog/y/price-breaks",
    "/v1/suppliers/x/performance",
    "/v1/restock-policies/x",
    "/v1/sync-runs/{id}",
    "/v1/restock-orders",
    "/v1/restock-orders/{id}",
    "/suppliers/",
    "/suppliers/x",
    "/suppliers/x/sync-logs",
];
const WRITES: [(Method, &str); 12] = [
    (Method::POST, "/v1/suppliers"),
    (Method::PATCH, "/v1/suppliers/x"),
    (Method::POST, "/v1/suppliers/x/sync"),
    (Method::POST, "/v1/sync-runs/{id}/approve"),
    (Method::PATCH, "/v1/suppliers/x/catalog/y"),
    (Method::PUT, "/v1/suppliers/x/catalog/y/price-breaks"),
    (Method::PUT, "/v1/restock-policies/x"),
    (Method::DELETE, "/v1/restock-policies/x"),
    (Method::POST, "/v1/restock-orders/{id}/receipts"),
    (Method::POST, "/v1/restock-orders/{id}/cancel"),
    (Method::POST, "/suppliers/x/sync"),
    (Method::POST, "/suppliers/sync/all"),
];

/// The service's routes as this caller meets them.
async fn as_caller(world: &World, role: Role, owner: Option<&str>) -> (String, JoinSet<()>) {
    let caller = Caller { actor: "somebody".to_owned(), role, owner: owner.map(str::to_owned) };
    let (routes, _) = world.service().await.routes.split_for_parts();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, routes.layer(Extension(caller))).await.unwrap() });
    (url, serving)
}

#[rstest]
#[case(Role::Admin, None, true, true)]
#[case(Role::Service, None, true, true)]
#[case(Role::Viewer, None, true, false)]
#[case(Role::Viewer, Some("acme"), false, false)]
#[case(Role::Brand, Some("acme"), false, false)]
#[case(Role::Customer, None, false, false)]
#[tokio::test]
async fn each_role_may_do_its_own_things_on_every_route(
    #[case] role: Role,
    #[case] owner: Option<&str>,
    #[case] reads: bool,
    #[case] writes: bool,
) {
    let world = World::new(Backend::Embedded).await;
    let (url, _serving) = as_caller(&world, role, owner).await;
    let reading = READS.map(|path| (Method::GET, path, reads));
    let writing = WRITES.map(|(method, path)| (method, path, writes));
    for (method, path, may) in reading.into_iter().chain(writing) {
        let path = path.replace("{id}", ID);
        let answer = Client::new().request(method.clone(), format!("{url}{path}")).send().await.unwrap();
        let forbidden = answer.status() == StatusCode::FORBIDDEN;
        assert_eq!(forbidden, !may, "{method} {path}: {}", answer.status());
    }
}

#[tokio::test]
async fn older_clients_are_told_how_to_log_in() {
    let world = World::new(Backend::Embedded).await;
    let (routes, _) = world.service().await.routes.split_for_parts();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let answer = reqwest::get(format!("{url}/suppliers/")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let headers = ["www-authenticate", "content-type"].map(|name| answer.headers()[name].clone());
    assert_eq!(headers, ["Bearer", "application/json"]);
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(body, serde_json::json!({ "detail": "there is no bearer token" }));
}
