//! Circuit breakers, one for each peer by its name: after enough failures in a row nobody asks it for a while.
//!
//! Closed until [`Breakers::failed`] was said `failures` times in a row; then open for `pause`; then one caller
//! may try (the others are still refused), and what it says closes or opens it again. Time is an argument.
//! Kept in memory, per process: a replica finds out for itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The breakers of several peers.
pub struct Breakers {
    failures: u32,
    pause: Duration,
    by_peer: Mutex<HashMap<String, Breaker>>,
}

#[derive(Clone, Copy, Default)]
struct Breaker {
    in_a_row: u32,
    open_until: Option<Instant>,
}

/// How long nobody should ask the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it failed too often, and is left alone for {} more ms", .0.as_millis())]
pub struct Open(pub Duration);

impl Breakers {
    /// Opens after this many failures in a row, for this long.
    pub fn new(failures: u32, pause: Duration) -> Self {
        Self { failures, pause, by_peer: Mutex::default() }
    }

    /// Whether the peer may be asked. Past the pause one caller is let through per further pause.
    pub fn may_ask(&self, peer: &str, now: Instant) -> Result<(), Open> {
        let mut breakers = self.lock();
        let Some(breaker) = breakers.get_mut(peer) else { return Ok(()) };
        match breaker.open_until {
            Some(until) if until > now => Err(Open(until - now)),
            Some(_) => {
                breaker.open_until = Some(now + self.pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The peer answered as it should.
    pub fn worked(&self, peer: &str) {
        self.lock().remove(peer);
    }

    /// The peer did not answer, or answered what it should not.
    pub fn failed(&self, peer: &str, now: Instant) {
        let mut breakers = self.lock();
        let breaker = breakers.entry(peer.to_owned()).or_default();
        breaker.in_a_row = breaker.in_a_row.saturating_add(1);
        if breaker.in_a_row >= self.failures {
            breaker.open_until = Some(now + self.pause);
        }
    }

    /// Plain values are whole whatever panicked while they were locked.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.by_peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    #[test]
    fn it_opens_after_failures_in_a_row_and_for_that_peer_only() {
        let (breakers, now) = (Breakers::new(2, PAUSE), Instant::now());
        breakers.failed("a", now);
        breakers.worked("a");
        breakers.failed("a", now);
        assert_eq!(breakers.may_ask("a", now), Ok(()));
        breakers.failed("a", now);
        assert_eq!(breakers.may_ask("a", now), Err(Open(PAUSE)));
        assert_eq!(breakers.may_ask("b", now), Ok(()));
    }

    #[test]
    fn after_the_pause_one_tries_and_says_how_it_goes_on() {
        let (breakers, start) = (Breakers::new(1, PAUSE), Instant::now());
        breakers.failed("a", start);
        let later = start + PAUSE;
        assert_eq!(breakers.may_ask("a", later), Ok(()));
        assert_eq!(breakers.may_ask("a", later), Err(Open(PAUSE)), "the second waits for the first");
        breakers.failed("a", later);
        assert_eq!(breakers.may_ask("a", later), Err(Open(PAUSE)));
        let latest = later + PAUSE;
        assert_eq!(breakers.may_ask("a", latest), Ok(()));
        breakers.worked("a");
        assert_eq!(breakers.may_ask("a", latest), Ok(()));
        assert_eq!(breakers.may_ask("a", latest), Ok(()));
    }
}
