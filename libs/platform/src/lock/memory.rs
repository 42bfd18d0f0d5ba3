//! The locks of one process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{Lease, Lock, LockError};

#[derive(Default)]
pub(super) struct Memory(Mutex<State>);

#[derive(Default)]
struct State {
    last_fence: i64,
    held: HashMap<String, Held>,
}

struct Held {
    fence: i64,
    until: Instant,
}

#[async_trait]
impl Lock for Memory {
    async fn acquire(&self, name: &str, lease: Duration) -> Result<Option<Lease>, LockError> {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever never gave theirs back must not fill the memory.
        state.held.retain(|_, held| held.until > now);
        if state.held.contains_key(name) {
            return Ok(None);
        }
        state.last_fence += 1;
        let fence = state.last_fence;
        state.held.insert(name.to_owned(), Held { fence, until: now + lease });
        Ok(Some(Lease { name: name.to_owned(), fence }))
    }

    async fn release(&self, lease: &Lease) -> Result<(), LockError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.held.get(&lease.name).is_some_and(|held| held.fence == lease.fence) {
            state.held.remove(&lease.name);
        }
        Ok(())
    }
}
