//! The standard health service: `grpc.health.v1.Health`, with the answers of `GET /ready`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{Stream, unfold};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::OPEN_BYTES;
use crate::hosting::readiness::Readiness;

/// How often those who watch are told of a change at the latest.
const WATCH_PERIOD: Duration = Duration::from_secs(2);

/// Watchers at once: nobody is asked for a token here, and each makes us ask the dependencies.
const MAX_WATCHERS: usize = 64;

/// The service. It knows its own process, by the empty name, and the services in it; all share one answer.
pub(super) fn server(readiness: Readiness, names: Vec<&'static str>) -> HealthServer<impl Health> {
    let watchers = Arc::new(Semaphore::new(MAX_WATCHERS));
    HealthServer::new(Answers { readiness, names, watchers }).max_decoding_message_size(OPEN_BYTES)
}

struct Answers {
    readiness: Readiness,
    names: Vec<&'static str>,
    watchers: Arc<Semaphore>,
}

impl Answers {
    fn knows(&self, name: &str) -> bool {
        name.is_empty() || self.names.contains(&name)
    }
}

#[tonic::async_trait]
impl Health for Answers {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.knows(&request.get_ref().service) {
            return Err(Status::not_found("there is no such service here"));
        }
        Ok(Response::new(answer(serving(&self.readiness).await)))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let Ok(slot) = Arc::clone(&self.watchers).try_acquire_owned() else {
            return Err(Status::resource_exhausted("too many watch already: ask with Check"));
        };
        let known = self.knows(&request.get_ref().service);
        let watch = Watch { readiness: self.readiness.clone(), known, told: None, _slot: slot };
        Ok(Response::new(Box::pin(unfold(watch, Watch::next))))
    }
}

struct Watch {
    readiness: Readiness,
    known: bool,
    told: Option<ServingStatus>,
    _slot: OwnedSemaphorePermit,
}

impl Watch {
    /// The next status that differs from the last; none after the one that tells of the stop.
    async fn next(mut self) -> Option<(Result<HealthCheckResponse, Status>, Self)> {
        loop {
            let stopping = self.readiness.stop.is_cancelled();
            let status = match self.known {
                true => serving(&self.readiness).await,
                false => ServingStatus::ServiceUnknown,
            };
            if self.told != Some(status) {
                self.told = Some(status);
                return Some((Ok(answer(status)), self));
            }
            if stopping {
                return None;
            }
            self.readiness.stop.run_until_cancelled(tokio::time::sleep(WATCH_PERIOD)).await;
        }
    }
}

async fn serving(readiness: &Readiness) -> ServingStatus {
    if readiness.ask().await.well { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
