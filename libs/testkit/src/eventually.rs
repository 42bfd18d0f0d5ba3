//! Waiting for a condition, with a limit.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// Short enough not to slow a test down, long enough not to be the load that it measures.
const POLL: Duration = Duration::from_millis(20);

/// Asks `probe` until it answers, and hands its answer back.
///
/// # Panics
///
/// When `limit` passes first, naming `what` was waited for. A probe that hangs counts as no answer.
#[track_caller]
pub fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + limit;
        loop {
            match timeout_at(deadline, probe()).await {
                Ok(Some(answer)) => return answer,
                Ok(None) if Instant::now() < deadline => sleep(POLL).await,
                Ok(None) | Err(_) => panic!("{what}: not within {limit:?} (waited for at {caller})"),
            }
        }
    }
}
