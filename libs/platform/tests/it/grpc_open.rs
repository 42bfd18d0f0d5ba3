//! What every process answers over gRPC to everybody: health and reflection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::StreamExt;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use crate::echo::{channel, echo};
use crate::grpc::auth_config;
use crate::{Check, Running};

fn health_of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[tokio::test]
async fn reflection_lists_what_there_is_to_both_generations_of_clients() {
    let running = Running::start(auth_config(), echo()).await;
    let channel = channel(&running.calls_url).await;
    let names = |names: Vec<String>| {
        for name in ["test.Echo", "grpc.health.v1.Health"] {
            assert!(names.iter().any(|listed| listed == name), "{names:?}");
        }
    };

    use v1::server_reflection_request::MessageRequest as Ask;
    use v1::server_reflection_response::MessageResponse as Answer;
    let list = Ask::ListServices(String::new());
    let list = v1::ServerReflectionRequest { message_request: Some(list), ..Default::default() };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let asked = client.server_reflection_info(futures::stream::iter([list])).await.unwrap();
    let answer = asked.into_inner().message().await.unwrap().unwrap().message_response.unwrap();
    let Answer::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    names(list.service.into_iter().map(|service| service.name).collect());

    use v1alpha::server_reflection_request::MessageRequest as OldAsk;
    use v1alpha::server_reflection_response::MessageResponse as OldAnswer;
    let list = OldAsk::ListServices(String::new());
    let list = v1alpha::ServerReflectionRequest { message_request: Some(list), ..Default::default() };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let asked = client.server_reflection_info(futures::stream::iter([list])).await.unwrap();
    let answer = asked.into_inner().message().await.unwrap().unwrap().message_response.unwrap();
    let OldAnswer::ListServicesResponse(list) = answer else { panic!("{answer:?}") };
    names(list.service.into_iter().map(|service| service.name).collect());
}

#[tokio::test]
async fn health_is_readiness_and_tells_those_who_watch_of_a_stop() {
    let well = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&well);
    let mut service = echo();
    service.checks = vec![Check::new("database", move || {
        let well = asked.load(Ordering::SeqCst);
        async move { if well { Ok(()) } else { Err("no database".to_owned()) } }
    })];
    let running = Running::start(auth_config(), service).await;
    let mut health = HealthClient::new(channel(&running.calls_url).await);
    for name in ["", "test.Echo"] {
        let answer = health.check(health_of(name)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::NotServing, "{name}");
    }
    assert_eq!(health.check(health_of("nobody")).await.unwrap_err().code(), Code::NotFound);

    let mut watch = health.watch(health_of("test.Echo")).await.unwrap().into_inner();
    let mut next = async || watch.next().await.map(|answer| answer.unwrap().status());
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    well.store(true, Ordering::SeqCst);
    assert_eq!(next().await, Some(ServingStatus::Serving));
    let mut unknown = health.watch(health_of("nobody")).await.unwrap().into_inner();
    assert_eq!(unknown.next().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    running.stop.cancel();
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert_eq!(next().await, None);
    tokio::time::timeout(Duration::from_secs(2), running.ended()).await.unwrap().unwrap();
}
