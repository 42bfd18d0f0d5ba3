//! Batches: up to 10,000 commands in one request, each on its own or all of them together.
//!
//! Reading order: [`batch`] → `line` (what a line asks for) → [`plan`] (lines become requests) → `flow` and `order`
//! (requests become answers, in their turn) → `answer`.
//!
//! **Invariants.** A body is read to its end before anything is done: one that breaks off changes nothing, and what
//! it says as a whole belongs to its Idempotency-Key. Lines that touch the same thing are done in their order.

mod answer;
pub(super) mod flow;
mod line;
mod order;

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::{Command, ItemId};
use ledger::Together;
use platform::auth::Caller;
use platform::http::{IdempotencyKey, IfMatch, JSON, Query, malformed, read};
use platform::idempotency::{self, Scope};
use platform::problem::Problem;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::instruction::Draft;
use super::names::Wanted;
use super::{MAY_CHANGE, replayable};
use crate::App;
use crate::error::Error;
use answer::{BatchResults, JSON_LINES, answer};
use flow::{Entry, Outcome};
use line::Line;

pub(crate) use flow::Share;

/// The most commands in one batch: a second's work, and as much as one transaction may hold up others for.
pub(super) const MAX_COMMANDS: usize = 10_000;
/// The largest batch or import, in bytes.
pub(super) const BODY_LIMIT_BYTES: usize = 8 * 1024 * 1024;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(batch)).layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Mode {
    /// Whether all commands are done or none; each on its own when absent.
    atomic: Option<bool>,
}

/// A batch as one JSON value.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    atomic: Option<bool>,
    #[serde(borrow)]
    commands: Vec<&'a RawValue>,
}

/// Do many commands: each on its own, or all or nothing.
///
/// The body is `{"atomic": false, "commands": [...]}`, an array of commands, or JSON lines. A command is
/// `{"command": "receive", "item": "SKU", "quantity": 5}`: the word for it, what it is about (`item`,
/// `reservation_id` or `transfer_id`), `if_match` if wanted, and the fields that its own route takes. The words are
/// `create_item`, `update_item`, `receive`, `return`, `adjust`, `move`, `stocktake`, `ship`, `receive_transfer`,
/// `lose_transfer`, `reserve`, `extend`, `confirm` and `cancel`. Lines that touch the same item, reservation or
/// transfer are done in their order. With `Accept: application/x-ndjson` the answer is a line a result and one with
/// the counts.
#[utoipa::path(post, path = "/v1/batch", tag = "batch", params(Mode),
    request_body(description = "Up to 10,000 commands, 8 MB", content(
        (serde_json::Value = "application/json"), (String = "application/x-ndjson"))), responses(
    (status = 200, description = "What came of each line, done or refused", body = BatchResults),
    (status = 400, description = "It is no batch; or, if atomic, a line is none"),
    (status = 409, description = "Atomic: a line was refused, with that line's own status, and nothing was done"),
    (status = 413, description = "More than 8 MB"),
    (status = 422, description = "No commands, too many, or the Idempotency-Key was used for another batch"),
))]
async fn batch(
    State(app): State<App>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    IfMatch(if_match): IfMatch,
    Query(mode): Query<Mode>,
    request: Request,
) -> Result<Response, Error> {
    caller.must_be(MAY_CHANGE)?;
    if if_match.is_some() {
        return Err(malformed("a batch has no version: give each line its own if_match").into());
    }
    let _room = app.batches.body()?;
    let headers = request.headers().clone();
    let (media_type, body) = read(request, &[JSON, JSON_LINES]).await?;
    let (atomic, lines) = split(media_type, &body, mode.atomic)?;
    bounded(lines.len())?;
    let said = idempotency::fingerprint("POST /v1/batch", &body);
    let mut entries = plan(&app, &caller, lines, key.as_deref()).await?;
    for request in entries.iter_mut().flat_map(|entry| entry.requests.iter_mut().flatten()) {
        request.batch = key.as_ref().map(|_| said.clone());
    }
    if atomic {
        return together(&app, entries, key, &headers).await;
    }
    if let Some(key) = key {
        claim(&app, &caller, &key, said, String::new()).await?;
        for entry in &mut entries {
            entry.key = Some(line_key(&key, entry.line));
        }
    }
    let outcomes = flow::run(&app, entries).await?;
    let replayed = flow::replayed(&outcomes);
    Ok(replayable(answer(outcomes, &headers), replayed))
}

/// Under which the answer to a line is kept.
pub(super) fn line_key(key: &str, line: u64) -> String {
    format!("{key}#{line}")
}

/// Refuses a batch of nothing, or of too much.
pub(super) fn bounded(lines: usize) -> Result<(), Problem> {
    let refused = |code, title, detail: String| {
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, title).detail(detail))
    };
    match lines {
        0 => refused("no-lines", "There are no lines", "nothing is asked for".to_owned()),
        1..=MAX_COMMANDS => Ok(()),
        _ => {
            let detail = format!("{lines} lines were given and {MAX_COMMANDS} is the most: split them");
            refused("too-many-lines", "There are too many lines", detail)
        }
    }
}

/// Binds the key to what is asked under it: 422 when it was used for something else, before anything is done.
/// Hands back the `note` that was kept with it at first.
pub(super) async fn claim(
    app: &App,
    caller: &Caller,
    key: &str,
    said: String,
    note: String,
) -> Result<String, Problem> {
    let scope = Scope::new(caller, Some(key.to_owned()), said);
    let answer = idempotency::Answer { status: StatusCode::OK.as_u16(), body: note };
    let claimed = idempotency::once(&app.db, scope, async |_| Ok::<_, Problem>(answer)).await;
    claimed.map(|claimed| claimed.answer.body).map_err(|error| error.into_problem(|problem| problem))
}

/// A line as it came, with its number from 1.
type Text<'a> = (u64, &'a [u8]);

/// Takes a body apart: whether it is atomic, and its lines.
fn split<'a>(
    media_type: &str,
    body: &'a Bytes,
    asked: Option<bool>,
) -> Result<(bool, Vec<Text<'a>>), Problem> {
    if media_type == JSON_LINES {
        let lines = (1..).zip(body.split(|byte| *byte == b'\n'));
        let lines =
            lines.map(|(number, line)| (number, line.trim_ascii())).filter(|(_, line)| !line.is_empty());
        return Ok((asked.unwrap_or(false), lines.collect()));
    }
    let document = if body.trim_ascii_start().starts_with(b"[") {
        Document {
            atomic: None,
            commands: serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?,
        }
    } else {
        serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?
    };
    let atomic = match (document.atomic, asked) {
        (Some(said), Some(asked)) if said != asked => {
            return Err(malformed("the body and the query do not agree on `atomic`"));
        }
        (said, asked) => said.or(asked).unwrap_or(false),
    };
    let lines = (1..).zip(document.commands).map(|(number, line)| (number, line.get().as_bytes()));
    Ok((atomic, lines.collect()))
}

/// Makes requests of lines. Names are looked up together, whatever their number.
async fn plan(
    app: &App,
    caller: &Caller,
    lines: Vec<Text<'_>>,
    key: Option<&str>,
) -> Result<Vec<Entry>, Error> {
    let given: Vec<(u64, Result<Line, Problem>)> =
        lines.into_iter().map(|(number, text)| (number, line::read(text).and_then(within_bounds))).collect();
    let mut wanted = Wanted::default();
    for line in given.iter().flat_map(|(_, line)| line) {
        line.instruction.names(&mut wanted);
    }
    let mut names = app.names(caller, &mut wanted).await?;
    let mut made: HashMap<ItemId, usize> = HashMap::new();
    let mut entries = Vec::with_capacity(given.len());
    for (at, (line, given)) in given.into_iter().enumerate() {
        let (status, request) = match given {
            Ok(Line { instruction, if_match }) => {
                let draft = Draft { app, caller, names: &names, key };
                (instruction.status(), instruction.request(&draft, if_match).map_err(Problem::from))
            }
            Err(problem) => (problem.status(), Err(problem)),
        };
        let items = request.iter().flat_map(|request| request.command.items());
        let after = items.filter_map(|item| made.get(&item).copied()).max();
        if let Ok(ledger::Request { command: Command::CreateItem(new), .. }) = &request {
            names.learn(new);
            made.insert(new.identity.id, at);
        }
        entries.push(Entry {
            line,
            status,
            requests: request.map(|request| vec![request]),
            key: None,
            after,
        });
    }
    Ok(entries)
}

/// Refuses a line with more lines of its own than a command may have, before each of them is looked up.
fn within_bounds(line: Line) -> Result<Line, Problem> {
    line.instruction.bounded().map_err(|refusal| Problem::from(Error::from(refusal)))?;
    Ok(line)
}

/// Does all lines or none.
async fn together(
    app: &App,
    entries: Vec<Entry>,
    key: Option<String>,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let mut requests = Vec::with_capacity(entries.len());
    let mut lines = Vec::with_capacity(entries.len());
    for entry in entries {
        requests.extend(entry.requests.map_err(|problem| stopped(problem, entry.line))?);
        lines.push((entry.line, entry.status));
    }
    let Together { outcome, replayed } = app.writer.submit_together(requests, key).await?;
    let done = outcome.map_err(|stop| {
        let line = lines.get(stop.line).map_or(0, |(line, _)| *line);
        stopped(Error::from(stop.refusal).into(), line)
    })?;
    let outcome =
        |((line, status), done)| Outcome { line, status, done: Ok(vec![done]), replayed: Some(replayed) };
    let outcomes = lines.into_iter().zip(done).map(outcome).collect();
    Ok(replayable(answer(outcomes, headers), replayed))
}

/// The problem of the line that all others are not done for.
fn stopped(problem: Problem, line: u64) -> Problem {
    let detail = format!("line {line}: {}; nothing was done", problem.message());
    problem.with("line", line).detail(detail)
}
