//! The live feed as Server-Sent Events.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::Name;
use futures::stream;
use platform::hosting::Stopping;
use platform::http::Query;
use platform::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Asker;
use crate::App;
use crate::error::Error;
use crate::feed::{Ending, Told, Wanted, Watching};

/// How soon a browser comes back.
const RETRY_MS: u32 = 1_000;

/// The header in which a browser says how far it got.
const LAST_EVENT_ID: &str = "last-event-id";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(feed))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct FeedQuery {
    /// Only this item's: a SKU, a product id, or an item's id.
    sku: Option<String>,
    /// Only this owner's.
    #[param(value_type = Option<String>)]
    owner: Option<Name>,
    /// The id of the last event that was received, for who cannot set `Last-Event-ID`, which comes before it.
    after: Option<String>,
}

/// Listen to changes of levels (Server-Sent Events).
#[utoipa::path(get, path = "/v1/feed", tag = "stock",
    params(FeedQuery, ("Last-Event-ID" = Option<String>, Header, description = "Go on after this event")), responses(
    (status = 200, description = "Events `stock_updated`, each once, an item's in the order of its versions; the last \
        event is `ended`", body = String, content_type = "text/event-stream"),
    (status = 400, description = "That is no position"),
    (status = 403, description = "Another owner's feed"),
    (status = 404, description = "There is no such item"),
    (status = 410, description = "The position is too old, or of another database: read the levels anew"),
    (status = 429, description = "You have too many feeds"),
    (status = 503, description = "There are too many feeds, or the database does not answer; see Retry-After")))]
async fn feed(
    asker: Asker,
    State(app): State<App>,
    stopping: Stopping,
    headers: HeaderMap,
    Query(query): Query<FeedQuery>,
) -> Result<Response, Problem> {
    let last = headers.get(LAST_EVENT_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let wanted = wanted(&app, &asker, query.sku.as_deref(), query.owner).await?;
    let after = last.or(query.after);
    let watching = app.feeds.open(asker.who(), wanted, after.as_deref(), stopping).await?;
    let head = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that collect answers before they pass them on do not, told so.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((head, body(watching)).into_response())
}

/// What a caller may hear of, of what was asked for.
pub(crate) async fn wanted(
    app: &App,
    asker: &Asker,
    sku: Option<&str>,
    owner: Option<Name>,
) -> Result<Wanted, Problem> {
    let owner = owner.as_ref().map(Name::as_str);
    if let (Some(own), Some(asked)) = (asker.owner(), owner)
        && own != asked
    {
        let problem = Problem::new(StatusCode::FORBIDDEN, "forbidden", "Your role may not do this");
        return Err(problem.detail("you are bound to an owner, and this is another's feed"));
    }
    let item = match sku {
        Some(name) => Some(app.levels.named(name, asker.owner()).await?.0),
        None => None,
    };
    Ok(Wanted { item, owner: owner.or(asker.owner()).map(str::to_owned) })
}

/// The events, for as long as the client takes them.
fn body(watching: Watching) -> Body {
    let begin = Bytes::from(format!("retry: {RETRY_MS}\n\n"));
    let events = stream::unfold(watching, |mut watching| async {
        let told = watching.next().await?;
        Some((event(&told), watching))
    });
    let all = futures::StreamExt::chain(stream::iter([begin]), events);
    Body::from_stream(futures::StreamExt::map(all, Ok::<_, Infallible>))
}

/// A browser takes over an id also when nothing else is said.
fn event(told: &Told) -> Bytes {
    match told {
        Told::Change(entry) => entry.event.clone(),
        Told::Beat(token) => format!(": alive\nid: {token}\n\n").into(),
        Told::Ended(ending) => {
            if let Ending::Failed(error) = ending {
                failed(error);
            }
            format!("event: ended\ndata: {{\"reason\":\"{}\"}}\n\n", ending.word()).into()
        }
    }
}

/// Logs it as any failure of a question.
fn failed(error: &Error) {
    let _ = Problem::from(error);
}
