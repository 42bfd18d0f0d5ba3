//! `onhand export`: items or levels as a CSV file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use reqwest::Method;
use tokio::fs::{self, File};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::remote::{Remote, Server, What, accepted};

/// What a shell says of a command that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Writes to the file, or to standard output.
pub(crate) async fn run(what: What, file: Option<PathBuf>, server: Server) -> anyhow::Result<ExitCode> {
    let remote = server.remote()?;
    let exported = async {
        match &file {
            Some(file) => to_file(&remote, what, file).await,
            None => to_output(&remote, what).await,
        }
    };
    tokio::select! {
        exported = exported => exported.map(|()| ExitCode::SUCCESS),
        _ = tokio::signal::ctrl_c() => {
            if let Some(file) = &file {
                _ = fs::remove_file(unfinished(file)).await;
            }
            eprintln!("stopped: nothing was exported");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// The file is there when it is whole, and never before.
async fn to_file(remote: &Remote, what: What, file: &Path) -> anyhow::Result<()> {
    let part = unfinished(file);
    let mut output = File::create(&part).await.with_context(|| part.display().to_string())?;
    let copied = async {
        copy(remote, what, &mut output).await?;
        output.sync_all().await?;
        fs::rename(&part, file).await.with_context(|| file.display().to_string())
    };
    let copied = copied.await;
    if copied.is_err() {
        _ = fs::remove_file(&part).await;
    }
    copied
}

async fn to_output(remote: &Remote, what: What) -> anyhow::Result<()> {
    let copied = copy(remote, what, &mut tokio::io::stdout()).await;
    let left = |error: &anyhow::Error| {
        error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    match copied {
        // Whoever read it has read enough.
        Err(error) if left(&error) => Ok(()),
        copied => copied,
    }
}

async fn copy(remote: &Remote, what: What, output: &mut (impl AsyncWrite + Unpin)) -> anyhow::Result<()> {
    let request = remote.request(Method::GET, &format!("/v1/exports/{}", what.word()));
    let response = request.send().await.with_context(|| remote.unreachable())?;
    let mut response = accepted(response).await?;
    while let Some(piece) = response.chunk().await.context("the export broke off: nothing was exported")? {
        output.write_all(&piece).await?;
    }
    output.flush().await?;
    Ok(())
}

fn unfinished(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
