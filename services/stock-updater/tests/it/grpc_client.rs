//! A client of the inventory service that knows nothing but its contract, `tests/contract/inventory.proto`.

use axum::http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions,
    ServiceDescriptor,
};
use serde_json::{Value, json};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{MetadataKey, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::shop::Shop;

/// The location that a new database has.
pub(crate) const MAIN: &str = "01930000-0000-7000-8000-000000000001";

pub(crate) struct Client {
    channel: Channel,
    service: ServiceDescriptor,
    pub(crate) token: Option<String>,
}

/// An answer, with what came beside it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) body: Value,
    pub(crate) metadata: MetadataMap,
}

/// Messages as JSON, by what the contract says of them.
#[derive(Clone)]
struct AsJson(MessageDescriptor);

impl Codec for AsJson {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = AsJson;
    type Decoder = AsJson;

    fn encoder(&mut self) -> AsJson {
        self.clone()
    }

    fn decoder(&mut self) -> AsJson {
        self.clone()
    }
}

impl Encoder for AsJson {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(to).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for AsJson {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let message = DynamicMessage::decode(self.0.clone(), from);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

fn contract() -> ServiceDescriptor {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract");
    let files = protox::compile(["inventory.proto"], [folder]).unwrap();
    let pool = DescriptorPool::from_file_descriptor_set(files).unwrap();
    pool.get_service_by_name("inventory.InventoryService").unwrap()
}

impl Client {
    pub(crate) async fn of(shop: &Shop) -> Client {
        let mut client = Client::at(&shop.calls_url).await;
        client.token.clone_from(&shop.token);
        client
    }

    pub(crate) async fn at(url: &str) -> Client {
        let channel = Endpoint::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
        Client { channel, service: contract(), token: None }
    }

    /// Calls a method with a message and metadata.
    pub(crate) async fn call(
        &self,
        method: &str,
        body: Value,
        metadata: &[(&str, &str)],
    ) -> Result<Reply, Status> {
        let described = self.service.methods().find(|described| described.name() == method);
        let described = described.unwrap_or_else(|| panic!("the contract has no {method}"));
        let strict = DeserializeOptions::new().deny_unknown_fields(true);
        let message = DynamicMessage::deserialize_with_options(described.input(), body, &strict).unwrap();
        let mut request = Request::new(message);
        let token = self.token.as_ref().map(|token| ("authorization", format!("Bearer {token}")));
        let metadata = metadata.iter().map(|(name, value)| (*name, (*value).to_owned())).chain(token);
        for (name, value) in metadata {
            let name: MetadataKey<_> = name.parse().unwrap();
            request.metadata_mut().append(name, value.parse().unwrap());
        }
        let path: PathAndQuery = format!("/{}/{method}", self.service.full_name()).parse().unwrap();
        let mut grpc = tonic::client::Grpc::new(self.channel.clone());
        grpc.ready().await.unwrap();
        let response = grpc.unary(request, path, AsJson(described.output())).await?;
        let metadata = response.metadata().clone();
        let all = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false);
        let message = response.into_inner();
        assert_eq!(message.unknown_fields().count(), 0, "{method} answers what the contract does not have");
        let body = message.serialize_with_options(serde_json::value::Serializer, &all).unwrap();
        Ok(Reply { body, metadata })
    }

    /// What a call is answered, which is to be a success.
    #[track_caller]
    pub(crate) fn asks(&self, method: &str, body: Value) -> impl Future<Output = Value> {
        let asked = format!("{method} {body}");
        async move {
            let reply = self.call(method, body, &[]).await;
            reply.unwrap_or_else(|status| panic!("{asked}: {status:?}")).body
        }
    }

    /// What a call is refused with: the code, and the problem's own.
    pub(crate) async fn refused(&self, method: &str, body: Value) -> (Code, String) {
        let asked = format!("{method} {body}");
        match self.call(method, body, &[]).await {
            Err(status) => told(&status),
            Ok(reply) => panic!("{asked}: {reply:?}"),
        }
    }

    /// A new item with so many units at the first warehouse; its id.
    pub(crate) async fn item(&self, sku: &str, units: i64) -> String {
        let body = json!({"product_id": format!("p-{sku}"), "sku": sku, "initial_quantity": units, "reorder_point": 2});
        let item = self.asks("CreateInventoryItem", body).await;
        item["inventory_item"]["id"].as_str().unwrap().to_owned()
    }

    /// A new warehouse; its id.
    pub(crate) async fn warehouse(&self, code: &str, priority: i64) -> String {
        let body = json!({"name": code.to_uppercase(), "code": code, "priority": priority});
        let warehouse = self.asks("CreateWarehouse", body).await;
        warehouse["warehouse"]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn add(&self, item: &str, warehouse: &str, units: i64) -> Value {
        let body = json!({"inventory_item_id": item, "warehouse_id": warehouse, "quantity": units});
        self.asks("AddInventoryToLocation", body).await["inventory_location"].take()
    }

    /// The item as it is now. Its totals are the sums of its locations, whatever happened to it.
    pub(crate) async fn now(&self, item: &str) -> Value {
        let item = self.asks("GetInventoryItem", json!({"id": item})).await["inventory_item"].take();
        let sum = |field: &str| -> i64 {
            let places = item["locations"].as_array().unwrap();
            places.iter().map(|place| place[field].as_i64().unwrap()).sum()
        };
        assert_eq!(item["total_quantity"], sum("quantity"), "{item}");
        assert_eq!(item["available_quantity"], sum("available_quantity"), "{item}");
        assert_eq!(item["reserved_quantity"], sum("reserved_quantity"), "{item}");
        item
    }

    /// On hand, available and reserved.
    pub(crate) async fn units(&self, item: &str) -> [i64; 3] {
        let item = self.now(item).await;
        ["total_quantity", "available_quantity", "reserved_quantity"]
            .map(|field| item[field].as_i64().unwrap())
    }

    /// What is available by warehouse code, in the order of priority.
    pub(crate) async fn by_place(&self, item: &str) -> Vec<(String, i64)> {
        let item = self.now(item).await;
        let places = item["locations"].as_array().unwrap().iter();
        let place = |place: &Value| {
            let code = place["warehouse"]["code"].as_str().unwrap().to_owned();
            (code, place["available_quantity"].as_i64().unwrap())
        };
        places.map(place).collect()
    }
}

/// The code of a refusal, and of the problem that it is.
pub(crate) fn told(status: &Status) -> (Code, String) {
    assert!(!status.message().is_empty(), "{status:?}");
    let problem = status.metadata().get("problem-type").map(|problem| problem.to_str().unwrap());
    let problem = problem.and_then(|problem| problem.strip_prefix("urn:onhand:problem:"));
    (status.code(), problem.unwrap_or_default().to_owned())
}

pub(crate) fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}
