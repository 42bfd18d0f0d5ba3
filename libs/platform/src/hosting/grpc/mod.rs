//! gRPC: what services bring of it, and the one address on which a process answers all of it.
//!
//! Reading order: [`Grpc`] → [`assemble`] → `layers` (what every call passes) → `health`.
//!
//! **Invariants.** A call passes what a request passes: the same bounds, the same verifier, a task of its own. Only
//! health and reflection are open to everybody. What no descriptor names is answered as unimplemented, and is no
//! label. HTTP/1 is not spoken here.

mod calls;
mod health;
mod layers;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tonic::Status;
use tonic::server::NamedService;
use tonic_health::pb::FILE_DESCRIPTOR_SET as HEALTH;
use tonic_reflection::server::{Builder, Error};
use tower::{Service, ServiceBuilder};

use self::calls::Calls;
use super::Stopping;
use super::layers::Detached;
use super::readiness::Readiness;
use crate::auth::Verifier;

/// The largest question to health and reflection, which take it from anybody: a name.
const OPEN_BYTES: usize = 4096;

/// What a service answers over gRPC.
#[derive(Default)]
pub struct Grpc {
    routes: Router,
    descriptors: Vec<&'static [u8]>,
    names: Vec<&'static str>,
}

impl Grpc {
    /// With one more gRPC service, as generated servers are; `descriptors` describes it: an encoded
    /// `FileDescriptorSet`.
    ///
    /// The host bounds the size of messages by configuration. A generated server's own bound of 4 MB would come
    /// first where more is allowed: take it off with `max_decoding_message_size(usize::MAX)`.
    #[must_use]
    pub fn add<S>(mut self, service: S, descriptors: &'static [u8]) -> Self
    where
        S: Service<Request, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes = mount(self.routes, service);
        self.descriptors.push(descriptors);
        self.names.push(S::NAME);
        self
    }

    /// With what another brings.
    fn merge(mut self, other: Self) -> Self {
        self.routes = self.routes.merge(other.routes);
        self.descriptors.extend(other.descriptors);
        self.names.extend(other.names);
        self
    }
}

/// What calls meet on their way.
pub(super) struct Host {
    pub(super) verifier: Arc<Verifier>,
    pub(super) detached: Detached,
    pub(super) body_limit_bytes: usize,
    pub(super) readiness: Readiness,
}

/// One application of what the services bring, with health, reflection and all layers.
pub(super) fn assemble(services: Vec<Grpc>, host: Host) -> anyhow::Result<Router> {
    let grpc = services.into_iter().fold(Grpc::default(), Grpc::merge);
    let calls = Arc::new(Calls::of(&grpc.descriptors)?);
    let bounds = layers::Bounds { detached: host.detached, bytes: host.body_limit_bytes };
    let stopping = Stopping(host.readiness.stop.clone());
    let health = health::server(host.readiness, grpc.names);
    let open = mount(reflection(&grpc.descriptors)?, health);
    // In the order in which a call meets them.
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(calls, layers::trace))
        .layer(from_fn(layers::measure))
        .layer(from_fn_with_state(bounds, layers::detach))
        .layer(from_fn_with_state(host.verifier, layers::authenticate))
        .layer(Extension(stopping));
    let guarded = grpc.routes.fallback(no_method).layer(layers);
    Ok(guarded.merge(open))
}

/// Describes everything that the process answers, to both generations of clients.
fn reflection(descriptors: &[&'static [u8]]) -> Result<Router, Error> {
    let builder = || {
        let builder = Builder::configure().register_encoded_file_descriptor_set(HEALTH);
        descriptors.iter().fold(builder, |builder, set| builder.register_encoded_file_descriptor_set(set))
    };
    let v1 = mount(Router::new(), builder().build_v1()?.max_decoding_message_size(OPEN_BYTES));
    Ok(mount(v1, builder().build_v1alpha()?.max_decoding_message_size(OPEN_BYTES)))
}

fn mount<S>(routes: Router, service: S) -> Router
where
    S: Service<Request, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
{
    routes.route_service(&format!("/{}/{{*method}}", S::NAME), service)
}

async fn no_method(request: Request) -> Response {
    refuse(Status::unimplemented(format!("there is no method {}", request.uri().path())))
}

/// A refusal, as an answer.
fn refuse(status: Status) -> Response {
    status.into_http()
}
