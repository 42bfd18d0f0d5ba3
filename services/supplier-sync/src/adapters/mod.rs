//! The dialects of suppliers' systems.
//!
//! An adapter is pure: it says where a catalog is, how a request is authenticated and what an answer means.
//! It opens no connection; [`crate::fetch`] does, with the same limits for every supplier. Rows are read one by
//! one, so that a bad row is refused alone and by name.

mod abc;
mod generic;
mod row;
mod xyz;

use reqwest::{RequestBuilder, Url};
use sea_orm::{DeriveActiveEnum, EnumIter};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use std::sync::Arc;

pub(crate) use row::{Feed, FeedRow, RefusedRow};

/// Which dialect a supplier speaks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize, utoipa::ToSchema,
)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum AdapterKind {
    /// `GET {base}/catalog`, key in the header `X-API-Key`.
    Abc,
    /// `GET {base}/products?api_key=`.
    Xyz,
    /// A configurable path; key in a header, in the query, or HTTP basic.
    Generic,
}

/// Where the generic adapter finds the catalog, and how it shows who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct GenericOptions {
    /// The catalog's path below the base URL.
    pub(crate) path: String,
    /// Where the credential goes.
    pub(crate) auth: GenericAuth,
    /// The header's or the query parameter's name; unused with basic.
    pub(crate) auth_name: String,
}

/// Where the generic adapter puts the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GenericAuth {
    /// In a header.
    Header,
    /// In the query.
    Query,
    /// HTTP basic; the credential is `user:password`.
    Basic,
}

impl Default for GenericOptions {
    fn default() -> GenericOptions {
        GenericOptions {
            path: "/products".to_owned(),
            auth: GenericAuth::Header,
            auth_name: "Authorization".to_owned(),
        }
    }
}

/// A supplier as an adapter sees it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) base: Url,
    pub(crate) options: GenericOptions,
    pub(crate) credential: Option<SecretString>,
}

/// One dialect.
pub(crate) trait SupplierAdapter: Send + Sync {
    /// Where the catalog is.
    fn catalog_url(&self, target: &Target) -> Url;
    /// Shows the supplier who asks. Without a credential the request stays as it is.
    fn authenticate(&self, target: &Target, request: RequestBuilder) -> RequestBuilder;
    /// Reads a catalog. An error is about the whole answer; a bad row is among the feed's refused rows.
    fn read(&self, body: &[u8]) -> Result<Feed, String>;
}

/// The adapter for a dialect.
pub(crate) fn adapter(kind: AdapterKind) -> Arc<dyn SupplierAdapter> {
    match kind {
        AdapterKind::Abc => Arc::new(abc::Abc),
        AdapterKind::Xyz => Arc::new(xyz::Xyz),
        AdapterKind::Generic => Arc::new(generic::Generic),
    }
}

/// What is wrong with a text that was to be JSON. Where it is JSON, serde_json quotes what it found in whole: that may
/// be long, or the credential, and is not repeated.
pub(crate) fn misread(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => {
            format!("is JSON of another shape, at line {} column {}", error.line(), error.column())
        }
        Category::Syntax | Category::Eof | Category::Io => format!("is not JSON: {error}"),
    }
}

/// A URL below the base: the base keeps its own path, whether it ends in a slash or not.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let own = base.path().trim_end_matches('/');
    url.set_path(&format!("{own}/{}", path.trim_start_matches('/')));
    url
}
