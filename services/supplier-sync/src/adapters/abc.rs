//! The `abc` dialect: `{"products":[{id, name, inventory, price, sku, updated_at, …}]}`.

use super::row::{self, Columns};
use super::{Feed, SupplierAdapter, Target, below};
use reqwest::{RequestBuilder, Url};
use secrecy::ExposeSecret;

const COLUMNS: Columns = Columns {
    id: "id",
    name: "name",
    stock: &["inventory"],
    price: "price",
    sku: Some("sku"),
    stamp: Some("updated_at"),
};

pub(super) struct Abc;

impl SupplierAdapter for Abc {
    fn catalog_url(&self, target: &Target) -> Url {
        below(&target.base, "catalog")
    }

    fn authenticate(&self, target: &Target, request: RequestBuilder) -> RequestBuilder {
        match &target.credential {
            Some(key) => request.header("X-API-Key", key.expose_secret()),
            None => request,
        }
    }

    fn read(&self, body: &[u8]) -> Result<Feed, String> {
        row::read(body, &["products"], &COLUMNS)
    }
}
