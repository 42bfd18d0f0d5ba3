//! The ways in which a simulated supplier fails.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::read::GzEncoder;
use std::io::Read;
use std::time::Duration;

/// Between two bytes of a dripping answer: each in time, the whole never.
const DRIP_PAUSE: Duration = Duration::from_millis(50);
/// One piece of a huge answer.
const HUGE_CHUNK: &[u8] = &[b' '; 64 * 1024];
/// How many pieces a huge answer has, so that a reader without a limit ends too: 512 MB.
const HUGE_CHUNKS: u32 = 8 * 1024;
/// How many of the same a bomb decompresses to: 64 MB, of a few hundred kilobytes.
const BOMB_CHUNKS: usize = 1024;
/// Where a redirect leads: to what no supplier may make us ask.
const REDIRECT_TO: &str = "http://169.254.169.254/latest/meta-data/";

/// How a simulated supplier behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As it should.
    Healthy,
    /// Answers 429 with `Retry-After: 1`.
    TooManyRequests,
    /// Answers 503.
    ServerError,
    /// Takes the request and never answers.
    Hang,
    /// Sends its answer a byte at a time.
    Drip,
    /// Answers 200 with what is not JSON.
    Garbage,
    /// Answers 200 with more than anyone wants.
    Huge,
    /// Answers 200 with little that decompresses to more than anyone wants.
    Bomb,
    /// Redirects to the cloud's metadata address.
    Redirect,
    /// Takes an order and never answers; the catalog is healthy.
    LostAnswer,
    /// Answers 503 to each order request and takes none; all else is healthy.
    NotTaken,
    /// Gets an order request, never answers, and looks at it only after it was asked about that order and said that it
    /// has none (or at [`catch_up`](super::Simulator::catch_up)): the longest that a request can lie in a queue. The
    /// catalog is healthy.
    Late,
    /// Lists nothing; orders are healthy.
    EmptyFeed,
    /// Lists only the first product; orders are healthy.
    MostRowsGone,
    /// As it should, and compressed.
    Packed,
}

impl Mode {
    /// The answer that a failing supplier gives to any request; `None` when it answers as it should.
    pub(super) async fn answer(self) -> Option<Response> {
        Some(match self {
            Mode::Healthy
            | Mode::NotTaken
            | Mode::LostAnswer
            | Mode::Late
            | Mode::EmptyFeed
            | Mode::MostRowsGone
            | Mode::Packed => {
                return None;
            }
            Mode::TooManyRequests => {
                (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], "slow down").into_response()
            }
            Mode::ServerError => (StatusCode::SERVICE_UNAVAILABLE, "down").into_response(),
            Mode::Hang => std::future::pending().await,
            Mode::Drip => drip().into_response(),
            Mode::Garbage => "<html><body>It works!</body></html>".into_response(),
            Mode::Huge => huge().into_response(),
            // One compressed piece after another is one compressed text.
            Mode::Bomb => gzipped(gzip(HUGE_CHUNK).map(|piece| piece.repeat(BOMB_CHUNKS))),
            Mode::Redirect => (StatusCode::FOUND, [(header::LOCATION, REDIRECT_TO)]).into_response(),
        })
    }
}

/// An answer compressed with gzip.
pub(super) fn packed(body: &[u8]) -> Response {
    gzipped(gzip(body))
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    GzEncoder::new(body, Compression::fast()).read_to_end(&mut packed)?;
    Ok(packed)
}

fn gzipped(packed: std::io::Result<Vec<u8>>) -> Response {
    match packed {
        Ok(packed) => ([(header::CONTENT_ENCODING, "gzip")], packed).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn drip() -> Body {
    Body::from_stream(futures::stream::unfold((), |()| async {
        tokio::time::sleep(DRIP_PAUSE).await;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from_static(b" ")), ()))
    }))
}

fn huge() -> Body {
    Body::from_stream(futures::stream::unfold(0, |sent| async move {
        (sent < HUGE_CHUNKS)
            .then(|| (Ok::<_, std::convert::Infallible>(Bytes::from_static(HUGE_CHUNK)), sent + 1))
    }))
}
