//! Pauses between attempts: they double up to a bound, with jitter so that replicas do not march in step.

use std::time::Duration;

/// The first pause. Most cuts are over by then.
const SHORTEST: Duration = Duration::from_millis(100);

/// The next pause to make.
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Starts short, and never pauses for longer than `longest`.
    pub(crate) fn up_to(longest: Duration) -> Self {
        Self { next: SHORTEST, longest }
    }

    /// Half to all of the current pause; the next one is twice as long.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.longest);
        pause.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// It worked: start short again.
    pub(crate) fn reset(&mut self) {
        self.next = SHORTEST;
    }
}
