//! Who computes, who waits, and who is told to come back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// Turns to compute, so many at once; so many wait for one, so long.
pub(super) struct Turns {
    /// A place for each who computes or waits.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    wait: Duration,
}

/// A turn, until it is dropped.
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new(at_once: usize, waiting: usize, wait: Duration) -> Turns {
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Turns { places: semaphore(at_once + waiting), turns: semaphore(at_once), wait }
    }

    /// A turn when there is one. Refused at once when too many wait already, and after a while otherwise.
    pub(super) async fn take(&self) -> Result<Turn, Error> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Err(refused()) };
        let turn = tokio::time::timeout(self.wait, Arc::clone(&self.turns).acquire_owned());
        let Ok(Ok(turn)) = turn.await else { return Err(refused()) };
        Ok(Turn { _place: place, _turn: turn })
    }
}

fn refused() -> Error {
    metrics::counter!("forecasts_refused_total").increment(1);
    Error::Forecasts
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use platform::problem::Problem;

    use super::*;

    #[tokio::test]
    async fn so_many_compute_so_many_wait_and_the_others_are_told_to_come_back() {
        let turns = Turns::new(1, 1, Duration::from_secs(600));
        let first = turns.take().await.unwrap();
        let mut second = Box::pin(turns.take());
        assert!(second.as_mut().now_or_never().is_none(), "it waits");
        let third = Problem::from(turns.take().await.err().unwrap());
        assert_eq!((third.status().as_u16(), third.code()), (503, "unavailable"));
        drop(first);
        second.await.unwrap();
        turns.take().await.unwrap();
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let turns = Turns::new(1, 5, Duration::from_millis(1));
        let _first = turns.take().await.unwrap();
        assert!(matches!(turns.take().await, Err(Error::Forecasts)));
    }
}
