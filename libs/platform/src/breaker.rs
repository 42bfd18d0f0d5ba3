//! Circuit breakers, one for each peer by its name: after enough failures in a row nobody asks it for a while.
//!
//! **Closed** until [`Asking::failed`] was said `failures` times in a row; then **open** for `pause`; then **half-open**:
//! one caller tries, however long that takes, while the others are still refused, and what it says closes or opens it
//! again. A caller that goes away without a word leaves the try to the next one. Time is an argument. Kept in memory,
//! per process: a replica finds out for itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The breakers of several peers.
#[derive(Debug)]
pub struct Breakers {
    failures: u32,
    pause: Duration,
    by_peer: Mutex<HashMap<String, Breaker>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Breaker {
    in_a_row: u32,
    open_until: Option<Instant>,
    /// Somebody tries whether it works again.
    tried: bool,
}

/// How a peer is thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everybody may ask it.
    Closed,
    /// One tries whether it works again.
    HalfOpen,
    /// Nobody asks it, or nobody has tried again yet.
    Open,
}

/// How long nobody should ask the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it failed too often, and is left alone for {} more ms", .0.as_millis())]
pub struct Open(pub Duration);

/// Leave to ask a peer. Whoever has it says how it went.
#[derive(Debug)]
#[must_use = "say how it went"]
pub struct Asking<'a> {
    breakers: &'a Breakers,
    peer: String,
    tries: bool,
}

impl Breakers {
    /// Opens after this many failures in a row, for this long.
    pub fn new(failures: u32, pause: Duration) -> Self {
        Self { failures, pause, by_peer: Mutex::default() }
    }

    /// Leave to ask the peer, if anybody may. Past the pause one caller has it until it said how it went.
    pub fn ask(&self, peer: &str, now: Instant) -> Result<Asking<'_>, Open> {
        let mut tries = false;
        if let Some(breaker) = self.lock().get_mut(peer)
            && let Some(until) = breaker.open_until
        {
            if until > now {
                return Err(Open(until - now));
            }
            if breaker.tried {
                return Err(Open(self.pause));
            }
            breaker.tried = true;
            tries = true;
        }
        Ok(Asking { breakers: self, peer: peer.to_owned(), tries })
    }

    /// How the peer is thought of.
    pub fn state(&self, peer: &str) -> State {
        match self.lock().get(peer) {
            Some(Breaker { open_until: Some(_), tried: true, .. }) => State::HalfOpen,
            Some(Breaker { open_until: Some(_), tried: false, .. }) => State::Open,
            Some(Breaker { open_until: None, .. }) | None => State::Closed,
        }
    }

    /// Plain values are whole whatever panicked while they were locked.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.by_peer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking<'_> {
    /// The peer answered as it should.
    pub fn worked(mut self) {
        self.tries = false;
        self.breakers.lock().remove(&self.peer);
    }

    /// The peer did not answer, or answered what it should not.
    pub fn failed(mut self, now: Instant) {
        let mut breakers = self.breakers.lock();
        let breaker = breakers.entry(self.peer.clone()).or_default();
        breaker.in_a_row = breaker.in_a_row.saturating_add(1);
        if breaker.in_a_row >= self.breakers.failures {
            breaker.open_until = Some(now + self.breakers.pause);
        }
        if self.tries {
            breaker.tried = false;
            self.tries = false;
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        // Nothing is known of the peer; the next one tries.
        if self.tries
            && let Some(breaker) = self.breakers.lock().get_mut(&self.peer)
        {
            breaker.tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(10);

    fn refused(breakers: &Breakers, peer: &str, now: Instant) -> Option<Open> {
        breakers.ask(peer, now).err()
    }

    fn fail(breakers: &Breakers, peer: &str, now: Instant) {
        breakers.ask(peer, now).expect("leave to ask").failed(now);
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_for_that_peer_only() {
        let (breakers, now) = (Breakers::new(2, PAUSE), Instant::now());
        fail(&breakers, "a", now);
        breakers.ask("a", now).expect("leave to ask").worked();
        fail(&breakers, "a", now);
        assert_eq!(breakers.state("a"), State::Closed);
        fail(&breakers, "a", now);
        assert_eq!((refused(&breakers, "a", now), breakers.state("a")), (Some(Open(PAUSE)), State::Open));
        assert_eq!((refused(&breakers, "b", now), breakers.state("b")), (None, State::Closed));
    }

    #[test]
    fn after_the_pause_one_tries_however_long_and_says_how_it_goes_on() {
        let (breakers, start) = (Breakers::new(1, PAUSE), Instant::now());
        fail(&breakers, "a", start);
        let later = start + PAUSE;
        let first = breakers.ask("a", later).expect("the first tries");
        assert_eq!(breakers.state("a"), State::HalfOpen);
        let much_later = later + PAUSE * 3;
        assert_eq!(refused(&breakers, "a", much_later), Some(Open(PAUSE)), "the second waits for the first");
        first.failed(much_later);
        assert_eq!(refused(&breakers, "a", much_later), Some(Open(PAUSE)));
        let latest = much_later + PAUSE;
        breakers.ask("a", latest).expect("one tries again").worked();
        assert_eq!((refused(&breakers, "a", latest), refused(&breakers, "a", latest)), (None, None));
    }

    #[test]
    fn who_goes_away_without_a_word_leaves_the_try_to_the_next() {
        let (breakers, start) = (Breakers::new(1, PAUSE), Instant::now());
        fail(&breakers, "a", start);
        let later = start + PAUSE;
        drop(breakers.ask("a", later));
        let next = breakers.ask("a", later);
        assert!(next.is_ok());
        assert_eq!(refused(&breakers, "a", later), Some(Open(PAUSE)));
    }
}
