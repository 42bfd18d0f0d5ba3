//! What a stock-checker answers.

use reqwest::Response;
use serde_json::Value;

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) etag: String,
    pub(crate) source: String,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Answer {
        let header = |name: &str| {
            let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            value.unwrap_or_default()
        };
        Answer {
            status: response.status().as_u16(),
            content_type: header("content-type"),
            etag: header("etag"),
            source: header("x-onhand-source"),
            retry_after: header("retry-after").parse().ok(),
            body: response.json().await.unwrap(),
        }
    }

    /// Status and code of the problem that it is.
    pub(crate) fn problem(&self) -> (u16, &str) {
        assert_eq!(self.content_type, "application/problem+json", "{self:?}");
        assert!(!self.body["detail"].as_str().unwrap().is_empty(), "{self:?}");
        (self.status, self.body["type"].as_str().unwrap().strip_prefix("urn:onhand:problem:").unwrap())
    }

    pub(crate) fn version(&self) -> i64 {
        self.body["version"].as_i64().unwrap()
    }

    pub(crate) fn available(&self) -> i64 {
        self.body["available"].as_i64().unwrap()
    }
}
