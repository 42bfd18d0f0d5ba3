//! The `generic` dialect: `{"products" or "items":[{id, name, stock or inventory, price, …}]}`.

use super::row::{self, Columns};
use super::{Feed, GenericAuth, SupplierAdapter, Target, below};
use reqwest::{RequestBuilder, Url};
use secrecy::ExposeSecret;

const COLUMNS: Columns = Columns {
    id: "id",
    name: "name",
    stock: &["stock", "inventory"],
    price: "price",
    sku: Some("sku"),
    stamp: Some("updated_at"),
};

pub(super) struct Generic;

impl SupplierAdapter for Generic {
    fn catalog_url(&self, target: &Target) -> Url {
        below(&target.base, &target.options.path)
    }

    fn authenticate(&self, target: &Target, request: RequestBuilder) -> RequestBuilder {
        let Some(credential) = &target.credential else { return request };
        let (credential, name) = (credential.expose_secret(), target.options.auth_name.as_str());
        match target.options.auth {
            GenericAuth::Header => request.header(name, credential),
            GenericAuth::Query => request.query(&[(name, credential)]),
            GenericAuth::Basic => match credential.split_once(':') {
                Some((user, password)) => request.basic_auth(user, Some(password)),
                None => request.basic_auth(credential, None::<&str>),
            },
        }
    }

    fn read(&self, body: &[u8]) -> Result<Feed, String> {
        row::read(body, &["products", "items"], &COLUMNS)
    }
}
