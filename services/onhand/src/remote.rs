//! A server of the system, reached over REST by commands that look after its data.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

/// How long a connection may take to be made, and to say nothing.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// Which server, and who asks.
#[derive(Args)]
pub(crate) struct Server {
    /// Where it is: all of it, or stock-updater.
    #[arg(long, default_value = "http://127.0.0.1:8080", env = "ONHAND_SERVER")]
    server: String,
    /// The bearer token, if it asks for one.
    #[arg(long, env = "ONHAND_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// What files are about.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum What {
    /// Items and their attributes.
    Items,
    /// What lies where.
    Levels,
}

impl What {
    /// As in a path.
    pub(crate) fn word(self) -> &'static str {
        match self {
            What::Items => "items",
            What::Levels => "levels",
        }
    }
}

pub(crate) struct Remote {
    http: Client,
    server: Server,
}

impl Server {
    pub(crate) fn remote(self) -> anyhow::Result<Remote> {
        platform::hosting::install_tls();
        let http = Client::builder().connect_timeout(CONNECT_LIMIT).read_timeout(SILENCE_LIMIT).build()?;
        Ok(Remote { http, server: self })
    }
}

impl Remote {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request =
            self.http.request(method, format!("{}{path}", self.server.server.trim_end_matches('/')));
        match &self.server.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// What to say when nothing answers.
    pub(crate) fn unreachable(&self) -> String {
        format!("{} does not answer: start it, or name another with --server", self.server.server)
    }
}

/// The answer, unless it is a refusal: then an error that says what the server said.
pub(crate) async fn accepted(response: Response) -> anyhow::Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = response.text().await.context("the refusal could not be read")?;
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    bail!("{status}: {}", problem["detail"].as_str().unwrap_or(&text))
}
