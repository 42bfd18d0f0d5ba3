//! Callers, in a closed loop or at a constant rate, and what they measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;

/// How long a load lasts.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Not counted: connections warm up, statements are prepared.
    pub warm_up: Duration,
    /// Counted.
    pub measured: Duration,
}

/// One of those who ask.
pub trait Caller: Send + 'static {
    /// Asks, and waits for the answer. `turn` is a number that nobody else is likely to have just now: what it picks
    /// by its remainder is spread evenly.
    fn ask(&mut self, turn: usize) -> impl Future<Output = ()> + Send;
}

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What it was.
    pub name: String,
    /// Answers a second.
    pub rate: f64,
    /// From asking to the answer, in the middle.
    pub p50_ms: f64,
    /// The same, of the slowest in a hundred.
    pub p99_ms: f64,
    /// Answers in all, those of the warm-up too.
    pub answers: usize,
}

/// A large odd stride visits all, and no two callers in step.
const STRIDE: usize = 6_151;
/// How far apart callers begin.
const APART: usize = 7_919;

impl Measured {
    /// The run in the middle by its rate.
    pub fn median(mut runs: Vec<Measured>) -> Measured {
        runs.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        runs.swap_remove(runs.len() / 2)
    }

    /// The same load, counted in parts of which each answer brought so many.
    #[must_use]
    pub fn each_of(self, parts: usize) -> Measured {
        Measured { rate: self.rate * parts as f64, answers: self.answers * parts, ..self }
    }

    fn of(name: &str, pace: Pace, asked: Vec<Asked>) -> Measured {
        let mut latencies: Vec<Duration> = asked.iter().flat_map(|one| &one.latencies).copied().collect();
        assert!(!latencies.is_empty(), "{name}: nothing was answered in the time that is measured");
        latencies.sort_unstable();
        let at =
            |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
        let counted: usize = asked.iter().map(|one| one.counted).sum();
        Measured {
            name: name.to_owned(),
            rate: counted as f64 / pace.measured.as_secs_f64(),
            p50_ms: at(0.50),
            p99_ms: at(0.99),
            answers: asked.iter().map(|one| one.answers).sum(),
        }
    }
}

/// The time that is measured.
#[derive(Clone, Copy)]
struct Window {
    start: Instant,
    end: Instant,
}

/// What one caller saw.
#[derive(Default)]
struct Asked {
    /// Of what was asked in the window.
    latencies: Vec<Duration>,
    /// Answers that came in the window, whenever they had been asked for: a long one at its end counts no more than
    /// one at its beginning.
    counted: usize,
    answers: usize,
}

impl Window {
    fn of(pace: Pace, began: Instant) -> Window {
        let start = began + pace.warm_up;
        Window { start, end: start + pace.measured }
    }
}

impl Asked {
    fn answered(&mut self, asked: Instant, window: Window) {
        let now = Instant::now();
        self.answers += 1;
        if (window.start..window.end).contains(&asked) {
            self.latencies.push(now - asked);
        }
        if (window.start..window.end).contains(&now) {
            self.counted += 1;
        }
    }
}

/// Lets each caller ask as soon as it was answered: as fast as it goes.
pub async fn closed_loop<C: Caller>(name: &str, pace: Pace, callers: Vec<C>) -> Measured {
    let window = Window::of(pace, Instant::now());
    let asking = callers.into_iter().enumerate().map(|(number, mut caller)| {
        tokio::spawn(async move {
            let (mut seen, mut turn) = (Asked::default(), number * APART);
            while Instant::now() < window.end {
                let asked = Instant::now();
                caller.ask(turn).await;
                turn += STRIDE;
                seen.answered(asked, window);
            }
            seen
        })
    });
    let seen = join_all(asking).await.into_iter().map(Result::unwrap);
    Measured::of(name, pace, seen.collect())
}

/// Lets them ask `rate` times a second, whatever the answers take; as many at once as there are callers. Latency is from
/// the moment at which it was meant to be asked, so whoever had to wait for a caller has waited. A timer's tick, a
/// millisecond, counts too.
pub async fn open_loop<C: Caller>(name: &str, pace: Pace, rate: f64, callers: Vec<C>) -> Measured {
    let began = Instant::now();
    let window = Window::of(pace, began);
    let next = Arc::new(AtomicU32::new(0));
    let asking = callers.into_iter().map(|mut caller| {
        let next = Arc::clone(&next);
        tokio::spawn(async move {
            let mut seen = Asked::default();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let meant = began + Duration::from_secs_f64(f64::from(number) / rate);
                if meant >= window.end {
                    return seen;
                }
                tokio::time::sleep_until(meant.into()).await;
                caller.ask(number as usize * STRIDE).await;
                seen.answered(meant, window);
            }
        })
    });
    let seen = join_all(asking).await.into_iter().map(Result::unwrap);
    Measured::of(name, pace, seen.collect())
}
