//! A listener to the live feed, over HTTP or gRPC, that can be cut off anywhere and go on elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use proto::feed::stock_feed_client::StockFeedClient;
use proto::feed::{WatchRequest, WatchResponse};
use reqwest::Response;
use serde_json::Value;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Streaming};

use crate::stand::{LIMIT, Stand};

/// Items of a stand have been created and received into when somebody begins to listen. A feed may begin with what
/// happened a moment before, so that is no matter.
const BEFORE: i64 = 2;

/// How many bytes are sent before they are asked for.
const LITTLE: u32 = 16_384;

/// How the feed is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Events,
    Calls,
}

/// Where the feed is.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) calls_url: String,
}

/// What a feed said.
#[derive(Debug)]
pub(crate) enum Said {
    /// A change: its SKU, its version, and all of it, if it came as JSON.
    Change(String, i64, Value),
    /// A sign of life.
    Beat,
    /// That it ends, and why.
    Ended(String),
}

/// Who listens.
pub(crate) struct Listener {
    wire: Wire,
    /// What it asks for: the query of the URL, without `?`.
    query: String,
    pub(crate) token: Option<String>,
    /// The last position.
    pub(crate) last: Option<String>,
    stream: Option<Stream>,
    /// What was heard of each SKU.
    pub(crate) heard: HashMap<String, Vec<i64>>,
    /// All changes that came as JSON.
    pub(crate) changes: Vec<Value>,
}

enum Stream {
    Events(Response, Vec<u8>),
    Calls(Box<Streaming<WatchResponse>>),
}

impl Stand {
    pub(crate) fn server(&self) -> Server {
        Server { url: self.url.clone(), calls_url: self.calls_url.clone() }
    }
}

impl Listener {
    pub(crate) fn new(wire: Wire, query: &str) -> Listener {
        Listener {
            wire,
            query: query.to_owned(),
            token: None,
            last: None,
            stream: None,
            heard: HashMap::new(),
            changes: vec![],
        }
    }

    /// Begins to listen, after what it last heard.
    pub(crate) async fn connect(&mut self, server: &Server) {
        self.stream = Some(match self.wire {
            Wire::Events => {
                let client = reqwest::Client::builder()
                    .no_proxy()
                    .http2_prior_knowledge()
                    .http2_initial_stream_window_size(LITTLE)
                    .build()
                    .unwrap();
                let mut request = client.get(format!("{}/v1/feed?{}", server.url, self.query));
                if let Some(last) = &self.last {
                    request = request.header("Last-Event-ID", last);
                }
                if let Some(token) = &self.token {
                    request = request.bearer_auth(token);
                }
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
                assert_eq!(response.headers()["content-type"], "text/event-stream");
                Stream::Events(response, vec![])
            }
            Wire::Calls => {
                let endpoint = Endpoint::from_shared(server.calls_url.clone()).unwrap();
                let channel = endpoint.initial_stream_window_size(LITTLE).connect().await.unwrap();
                let mut client = StockFeedClient::new(channel);
                let asked = client.watch(self.request()).await.unwrap();
                Stream::Calls(Box::new(asked.into_inner()))
            }
        });
    }

    /// The call that it makes.
    pub(crate) fn request(&self) -> Request<WatchRequest> {
        let asked = |name: &str| {
            let mut pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let after = self.last.clone().unwrap_or_default();
        let mut request = Request::new(WatchRequest { sku: asked("sku"), owner: asked("owner"), after });
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request
    }

    /// Is cut off; what was on its way is lost.
    pub(crate) fn cut(&mut self) {
        self.stream = None;
    }

    /// What is said next; none at the end.
    pub(crate) async fn next(&mut self) -> Option<Said> {
        let said =
            tokio::time::timeout(LIMIT, self.read()).await.expect("a feed is never silent for long")?;
        if matches!(said, Said::Change(_, ..=BEFORE, _)) {
            return Some(Said::Beat);
        }
        if let Said::Change(sku, version, change) = &said {
            self.heard.entry(sku.clone()).or_default().push(*version);
            self.changes.push(change.clone());
        }
        Some(said)
    }

    /// Listens until it has heard that version.
    pub(crate) async fn hears(&mut self, sku: &str, version: i64) {
        while self.heard.get(sku).and_then(|versions| versions.last()) != Some(&version) {
            let said = self.next().await.expect("the feed goes on");
            assert!(!matches!(said, Said::Ended(_)), "{said:?}");
        }
    }

    /// Whether nothing but signs of life comes for a while.
    pub(crate) async fn hears_nothing(&mut self, for_a: Duration) -> bool {
        let until = tokio::time::Instant::now() + for_a;
        loop {
            match tokio::time::timeout_at(until, self.next()).await {
                Err(_) => return true,
                Ok(Some(Said::Beat)) => {}
                Ok(_) => return false,
            }
        }
    }

    async fn read(&mut self) -> Option<Said> {
        match self.stream.as_mut().expect("it listens") {
            Stream::Events(response, buffer) => loop {
                if let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                    let block: Vec<u8> = buffer.drain(..end + 2).collect();
                    if let Some(said) = block_said(std::str::from_utf8(&block).unwrap(), &mut self.last) {
                        return Some(said);
                    }
                    continue;
                }
                buffer.extend(response.chunk().await.ok()??);
            },
            Stream::Calls(stream) => match stream.message().await {
                Ok(Some(WatchResponse { position, stock_updated })) => {
                    self.last = Some(position);
                    Some(match stock_updated {
                        Some(update) => Said::Change(update.sku, update.version, Value::Null),
                        None => Said::Beat,
                    })
                }
                Ok(None) => None,
                Err(status) if status.code() == Code::Aborted => Some(Said::Ended("too-slow".to_owned())),
                Err(status) if status.message() == "the server stops: call again" => {
                    Some(Said::Ended("stopping".to_owned()))
                }
                Err(_) => None,
            },
        }
    }
}

/// What a whole block of lines says, as a browser reads it.
fn block_said(block: &str, last: &mut Option<String>) -> Option<Said> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    if let Some(id) = field("id") {
        *last = Some(id.to_owned());
    }
    let Some(data) = field("data") else { return field("id").map(|_| Said::Beat) };
    let data: Value = serde_json::from_str(data).unwrap();
    Some(match field("event").unwrap() {
        "stock_updated" => {
            let (sku, version) =
                (data["sku"].as_str().unwrap().to_owned(), data["version"].as_i64().unwrap());
            Said::Change(sku, version, data)
        }
        "ended" => Said::Ended(data["reason"].as_str().unwrap().to_owned()),
        other => panic!("{other:?} is no event"),
    })
}

/// The versions of an item that were announced, by its history.
pub(crate) async fn announced(stand: &Stand, sku: &str) -> Vec<i64> {
    let (mut versions, mut cursor, mut later) = (vec![], String::new(), None);
    loop {
        let page = stand.json(&format!("/v1/items/{sku}/transactions?limit=500{cursor}")).await;
        for row in page["transactions"].as_array().unwrap() {
            let command = row["command_id"].as_str().map(str::to_owned);
            let is_last = later != command;
            later = command;
            if is_last && !["created", "updated"].contains(&row["kind"].as_str().unwrap()) {
                versions.push(row["version"].as_i64().unwrap());
            }
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    versions.reverse();
    versions
}
