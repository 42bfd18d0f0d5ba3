//! `Inventory.Get`, as older clients call it.

use domain::Sku;
use proto::get::InventoryRequest;
use proto::get::inventory_client::InventoryClient;
use rstest::rstest;
use testkit::{Backend, eventually};
use tonic::{Code, Request, Status};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use crate::callers::{guarded, token};
use crate::stand::{LIMIT, Stand, new_item, open};

async fn get(stand: &Stand, id: &str, token: Option<&str>) -> Result<String, Status> {
    let mut client = InventoryClient::connect(stand.calls_url.clone()).await.unwrap();
    let mut request = Request::new(InventoryRequest { id: id.to_owned() });
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    Ok(client.get(request).await?.into_inner().count)
}

async fn refused(stand: &Stand, id: &str, token: Option<&str>) -> Code {
    get(stand, id, token).await.unwrap_err().code()
}

#[rstest]
#[tokio::test]
async fn a_product_is_counted_by_each_of_its_names_and_after_each_sale(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    let item = stand.item("TEA", 9).await;
    stand.reserve(item, 2, 600).await;
    for name in ["p-TEA", "TEA", &item.to_string()] {
        eventually("it is counted", LIMIT, async || {
            (get(&stand, name, None).await.ok()? == "7").then_some(())
        })
        .await;
    }
    assert_eq!(stand.cached("/v1/items/TEA").await.available(), 7, "it is the same entry of the cache");
    stand.sell(item, 3).await;
    eventually("the sale shows", LIMIT, async || {
        (get(&stand, "p-TEA", None).await.ok()? == "4").then_some(())
    })
    .await;
}

#[rstest]
#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_is_several_names_none(
    #[values(Backend::Embedded, Backend::Real)] backend: Backend,
) {
    let stand = open(backend).await;
    for variant in ["s", "l"] {
        let mut new = new_item(&format!("TEA-{variant}"));
        let text = |text: &str| Sku::try_from(text.to_owned()).unwrap();
        (new.identity.product_id, new.identity.variant_id) = (text("tea"), Some(text(variant)));
        stand.item_like(new, 1).await;
    }
    for id in ["", "nobody", "\0", " tea", &"x".repeat(10_000)] {
        assert_eq!(refused(&stand, id, None).await, Code::NotFound, "{id:?}");
    }
    assert_eq!(refused(&stand, "tea", None).await, Code::FailedPrecondition);
    assert_eq!(get(&stand, "TEA-s", None).await.unwrap(), "1");
}

#[rstest]
#[tokio::test]
async fn who_may_look_is_who_may_over_http(#[values(Backend::Embedded, Backend::Real)] backend: Backend) {
    let stand = guarded(backend).await;
    assert_eq!(refused(&stand, "p-TEA", None).await, Code::Unauthenticated);
    assert_eq!(refused(&stand, "p-TEA", Some("x.y.z")).await, Code::Unauthenticated);
    assert_eq!(refused(&stand, "p-TEA", Some(&token("customer", None))).await, Code::PermissionDenied);
    for (role, owner) in [("admin", None), ("service", None), ("viewer", None), ("brand", Some("acme"))] {
        assert_eq!(get(&stand, "p-TEA", Some(&token(role, owner))).await.unwrap(), "7", "{role}");
    }
    for role in ["brand", "viewer"] {
        let other = token(role, Some("bolt"));
        assert_eq!(refused(&stand, "p-TEA", Some(&other)).await, Code::NotFound, "another's: {role}");
    }
}

#[tokio::test]
async fn reflection_lists_the_service_under_its_bare_name() {
    let stand = open(Backend::Embedded).await;
    let endpoint = tonic::transport::Endpoint::from_shared(stand.calls_url.clone()).unwrap();
    let mut client = ServerReflectionClient::new(endpoint.connect().await.unwrap());
    let mut ask = async |what: MessageRequest| -> ServerReflectionResponse {
        let request = ServerReflectionRequest { message_request: Some(what), ..Default::default() };
        let asked = client.server_reflection_info(futures::stream::iter([request])).await.unwrap();
        asked.into_inner().message().await.unwrap().unwrap()
    };
    let listed = ask(MessageRequest::ListServices(String::new())).await.message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = listed else { panic!("{listed:?}") };
    assert!(list.service.iter().any(|service| service.name == "Inventory"), "{list:?}");
    let described = ask(MessageRequest::FileContainingSymbol("Inventory".to_owned())).await;
    let described = described.message_response.unwrap();
    assert!(matches!(described, MessageResponse::FileDescriptorResponse(_)), "{described:?}");
}
