//! What a batch is answered with: one JSON value, or a JSON text a line. Written as it is sent.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use platform::http::JSON;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::flow::Outcome;
use crate::http::answers::Change;

/// The media type of JSON lines.
pub(super) const JSON_LINES: &str = "application/x-ndjson";

/// Results that are written at once: some 50 KB.
const AT_ONCE: usize = 100;

/// What came of a batch.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is written piece by piece")]
pub(super) struct BatchResults {
    /// One for each line, in their order.
    results: Vec<LineResult>,
    /// How many were done.
    accepted: usize,
    /// How many were not.
    refused: usize,
}

/// What came of a line: `done` or a `problem`.
#[derive(Serialize, ToSchema)]
struct LineResult {
    /// From 1.
    line: u64,
    /// What the command's own route would have answered with.
    status: u16,
    /// What it came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    done: Option<Change>,
    /// Why it came to nothing: a problem (RFC 9457).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, nullable = false)]
    problem: Option<Box<RawValue>>,
}

/// How many lines were done, and how many were not.
#[derive(Serialize)]
struct Sum {
    accepted: usize,
    refused: usize,
}

impl From<Outcome> for LineResult {
    fn from(outcome: Outcome) -> LineResult {
        let Outcome { line, status, done, .. } = outcome;
        let status = status.as_u16();
        match done {
            Ok(done) => {
                let done = done.into_iter().next().map(Into::into);
                LineResult { line, status, done, problem: None }
            }
            // A problem's body is JSON.
            Err(problem) => {
                LineResult { line, status, done: None, problem: RawValue::from_string(problem.body()).ok() }
            }
        }
    }
}

/// Answers in the media type that is asked for: JSON lines, else JSON.
pub(super) fn answer(outcomes: Vec<Outcome>, asked: &HeaderMap) -> Response {
    let wants = |value: &header::HeaderValue| value.to_str().is_ok_and(|text| text.contains(JSON_LINES));
    let lines = asked.get_all(header::ACCEPT).iter().any(wants);
    let media_type = if lines { JSON_LINES } else { JSON };
    let refused = outcomes.iter().filter(|outcome| outcome.done.is_err()).count();
    let sum = Sum { accepted: outcomes.len() - refused, refused };
    let pieces = Pieces { outcomes: outcomes.into_iter(), sum: Some(sum), lines, begun: false };
    let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::convert::Infallible>)));
    (StatusCode::OK, [(header::CONTENT_TYPE, media_type)], body).into_response()
}

struct Pieces {
    outcomes: std::vec::IntoIter<Outcome>,
    /// Comes last.
    sum: Option<Sum>,
    lines: bool,
    begun: bool,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut piece = Vec::new();
        for outcome in self.outcomes.by_ref().take(AT_ONCE) {
            let between: &[u8] = match (self.lines, self.begun) {
                (true, _) => b"",
                (false, true) => b",",
                (false, false) => b"{\"results\":[",
            };
            piece.extend_from_slice(between);
            write(&mut piece, &LineResult::from(outcome));
            if self.lines {
                piece.push(b'\n');
            }
            self.begun = true;
        }
        if piece.is_empty() {
            self.end(&mut piece)?;
        }
        Some(piece.into())
    }
}

impl Pieces {
    fn end(&mut self, piece: &mut Vec<u8>) -> Option<()> {
        let sum = self.sum.take()?;
        if self.lines {
            write(piece, &sum);
            piece.push(b'\n');
        } else {
            let Sum { accepted, refused } = sum;
            piece.extend_from_slice(format!("],\"accepted\":{accepted},\"refused\":{refused}}}").as_bytes());
        }
        Some(())
    }
}

fn write(piece: &mut Vec<u8>, value: &impl Serialize) {
    // Texts and numbers, written to memory: there is nothing that could fail.
    serde_json::to_writer(piece, value).unwrap_or_default();
}
