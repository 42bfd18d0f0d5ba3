//! A gRPC service of one method, `test.Echo/Say`, with a handler that a test writes; and a client for it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request as HttpRequest;
use axum::http::Response as HttpResponse;
use platform::hosting::{Grpc, Service};
use prost::Message;
use prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};
use tonic::server::{NamedService, UnaryService};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Handler = Arc<dyn Fn(Request<String>) -> Later<Result<String, Status>> + Send + Sync>;

#[derive(Clone)]
struct Echo(Handler);

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl UnaryService<String> for Echo {
    type Response = String;
    type Future = Later<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let answer = (self.0)(request);
        Box::pin(async move { answer.await.map(Response::new) })
    }
}

/// As generated servers do it.
impl tower::Service<HttpRequest> for Echo {
    type Response = HttpResponse<tonic::body::Body>;
    type Error = Infallible;
    type Future = Later<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        let echo = self.clone();
        Box::pin(async move {
            match request.uri().path() {
                "/test.Echo/Say" => {
                    let codec = ProstCodec::<String, String>::default();
                    let mut server = tonic::server::Grpc::new(codec).max_decoding_message_size(usize::MAX);
                    Ok(server.unary(echo, request).await)
                }
                _ => Ok(Status::unimplemented("").into_http()),
            }
        })
    }
}

/// A service that answers what was said.
pub(crate) fn echo() -> Service {
    saying(|request| std::future::ready(Ok(request.into_inner())))
}

/// A service that answers what the handler makes of it.
pub(crate) fn saying<F>(handler: impl Fn(Request<String>) -> F + Send + Sync + 'static) -> Service
where
    F: Future<Output = Result<String, Status>> + Send + 'static,
{
    let handler = Echo(Arc::new(move |request| Box::pin(handler(request))));
    let mut service = crate::service(Router::new());
    service.grpc = Some(Grpc::default().add(handler, descriptors()));
    service
}

/// What a compiler would make of `service Echo { rpc Say(Text) returns (Text); }`.
fn descriptors() -> &'static [u8] {
    let text = || Some(".test.Text".to_owned());
    let say = MethodDescriptorProto {
        name: Some("Say".to_owned()),
        input_type: text(),
        output_type: text(),
        ..MethodDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("echo.proto".to_owned()),
        package: Some("test".to_owned()),
        message_type: vec![DescriptorProto { name: Some("Text".to_owned()), ..DescriptorProto::default() }],
        service: vec![ServiceDescriptorProto {
            name: Some("Echo".to_owned()),
            method: vec![say],
            options: None,
        }],
        ..FileDescriptorProto::default()
    };
    // As long as the test, like those that are compiled in.
    Vec::leak(FileDescriptorSet { file: vec![file] }.encode_to_vec())
}

pub(crate) async fn channel(url: &str) -> Channel {
    Endpoint::from_shared(url.to_owned()).unwrap().connect().await.unwrap()
}

/// Says it to the service at `channel`.
pub(crate) async fn say(channel: &Channel, request: Request<String>) -> Result<Response<String>, Status> {
    call(channel, "/test.Echo/Say", request).await
}

pub(crate) async fn call(
    channel: &Channel,
    path: &'static str,
    request: Request<String>,
) -> Result<Response<String>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = ProstCodec::<String, String>::default();
    client.unary(request, axum::http::uri::PathAndQuery::from_static(path), codec).await
}
