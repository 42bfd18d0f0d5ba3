//! A client of the REST API that knows nothing but HTTP.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// How long one request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// How long something may take to come about.
const WAIT_LIMIT: Duration = Duration::from_secs(10);
/// How often it is looked for.
const POLL: Duration = Duration::from_millis(10);

pub(super) struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    pub(super) fn new(base: &str) -> anyhow::Result<Client> {
        let http = reqwest::Client::builder().timeout(REQUEST_LIMIT).no_proxy().build()?;
        Ok(Client { http, base: base.to_owned() })
    }

    /// Sends a request and hands back the status and the JSON body.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        Ok((response.status(), response.json().await?))
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ok(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.ok(Method::POST, path, Some(body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.ok(Method::PATCH, path, Some(body)).await
    }

    async fn ok(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let (status, answer) = self.ask(method.clone(), path, body).await?;
        if !status.is_success() {
            bail!("{method} {path}: {status}: {answer}");
        }
        Ok(answer)
    }

    /// Asks until the answer is what is waited for; says how long that took.
    pub(super) async fn wait<T>(
        &self,
        path: &str,
        what: &str,
        found: impl Fn(&Value) -> Option<T>,
    ) -> anyhow::Result<(T, Duration)> {
        let began = Instant::now();
        let mut last = Value::Null;
        while began.elapsed() < WAIT_LIMIT {
            let (status, answer) = self.ask(Method::GET, path, None).await?;
            if status.is_success()
                && let Some(found) = found(&answer)
            {
                return Ok((found, began.elapsed()));
            }
            last = answer;
            tokio::time::sleep(POLL).await;
        }
        Err(anyhow::anyhow!("last answer: {last}"))
            .with_context(|| format!("{what}: not within {WAIT_LIMIT:?}"))
    }
}
