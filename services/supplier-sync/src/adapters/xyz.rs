//! The `xyz` dialect: `{"items":[{product_id, product_name, stock_count, wholesale_price, last_update, …}]}`.
//!
//! It has no SKUs: the product's id serves as one.

use super::row::{self, Columns};
use super::{Feed, SupplierAdapter, Target, below};
use reqwest::{RequestBuilder, Url};
use secrecy::ExposeSecret;

const COLUMNS: Columns = Columns {
    id: "product_id",
    name: "product_name",
    stock: &["stock_count"],
    price: "wholesale_price",
    sku: None,
    stamp: Some("last_update"),
};

pub(super) struct Xyz;

impl SupplierAdapter for Xyz {
    fn catalog_url(&self, target: &Target) -> Url {
        below(&target.base, "products")
    }

    fn authenticate(&self, target: &Target, request: RequestBuilder) -> RequestBuilder {
        match &target.credential {
            Some(key) => request.query(&[("api_key", key.expose_secret())]),
            None => request,
        }
    }

    fn read(&self, body: &[u8]) -> Result<Feed, String> {
        row::read(body, &["items"], &COLUMNS)
    }
}
