//! `onhand import`: items or levels from a CSV file of any size.
//!
//! It is sent in pieces, each under a key made of the file's content: what was imported before, by a command that was
//! interrupted or given again, is not imported again.

mod pieces;
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

use crate::export::INTERRUPTED;
use crate::remote::{Remote, Server, What, accepted};
use pieces::{Piece, Pieces};
use progress::Progress;

/// How often a piece is sent to a server that is not there or has too much to do, and the first pause in between; it
/// doubles. Half a minute in all: a restart.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_secs(1);

/// What a server says of a piece.
#[derive(Deserialize)]
struct Report {
    accepted: usize,
    unchanged: usize,
    refused: Vec<Row>,
}

/// A row that was refused.
#[derive(Deserialize)]
struct Row {
    line: u64,
    sku: Option<String>,
    problem: Problem,
}

#[derive(Deserialize)]
struct Problem {
    status: u16,
    detail: String,
}

/// What came of the file so far.
#[derive(Default)]
struct Sum {
    accepted: usize,
    unchanged: usize,
    refused: usize,
    /// Rows in pieces that had been imported before.
    before: usize,
}

/// Sends the file; exits with 1 when rows were refused.
pub(crate) async fn run(what: What, file: PathBuf, server: Server) -> anyhow::Result<ExitCode> {
    let remote = server.remote()?;
    let mut pieces = tokio::task::spawn_blocking(move || Pieces::of(&file)).await??;
    let progress = Progress::new(pieces.rows);
    let mut sum = Sum::default();
    for at in 0..pieces.list.len() {
        let body = pieces.body(at)?;
        let sent = tokio::select! {
            sent = send(&remote, what, &pieces, at, body) => sent,
            _ = tokio::signal::ctrl_c() => {
                progress.end();
                eprintln!("stopped after {} of {} rows: the same command goes on", progress.done(), pieces.rows);
                return Ok(ExitCode::from(INTERRUPTED));
            }
        };
        let (report, replayed) = sent.inspect_err(|_| progress.end())?;
        let piece = &pieces.list[at];
        progress.print(report.refused.iter().map(|row| told(&pieces, piece, row)));
        progress.advance(piece.rows);
        sum.accepted += report.accepted;
        sum.unchanged += report.unchanged;
        sum.refused += report.refused.len();
        sum.before += if replayed { piece.rows } else { 0 };
    }
    progress.end();
    let Sum { accepted, unchanged, refused, before } = sum;
    println!("{} rows: {accepted} accepted, {unchanged} unchanged, {refused} refused", pieces.rows);
    if before > 0 {
        println!("{before} of them had been imported before, and were not imported again");
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(pieces: &Pieces, piece: &Piece, row: &Row) -> String {
    let sku = row.sku.as_deref().unwrap_or("-");
    format!("line {}: {sku}: {}", pieces.line(piece, row.line), row.problem.detail)
}

/// Sends a piece until it is through; says whether it had been before.
async fn send(
    remote: &Remote,
    what: What,
    pieces: &Pieces,
    at: usize,
    body: Vec<u8>,
) -> anyhow::Result<(Report, bool)> {
    let Piece { start, end, .. } = &pieces.list[at];
    let key = format!("import-{}-{}-{start}-{end}", what.word(), pieces.digest);
    let path = format!("/v1/imports/{}", what.word());
    let mut pause = PAUSE;
    for attempt in 1.. {
        let request = remote.request(Method::POST, &path).header("content-type", "text/csv");
        let last = attempt == ATTEMPTS;
        match request.header("idempotency-key", &key).body(body.clone()).send().await {
            Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE && !last => {}
            Ok(response) => {
                let replayed = response.headers().contains_key("idempotent-replayed");
                let report = accepted(response).await?.json::<Report>().await;
                let report = report.context("the answer is not that of an onhand server")?;
                let later = |row: &Row| row.problem.status == StatusCode::SERVICE_UNAVAILABLE.as_u16();
                if last || !report.refused.iter().any(later) {
                    return Ok((report, replayed));
                }
            }
            Err(error) if last => return Err(error).with_context(|| remote.unreachable()),
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    bail!("no attempt was made")
}
