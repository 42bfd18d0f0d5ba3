//! How long to measure and where to write it, as the command line says.

use std::path::PathBuf;
use std::time::Duration;

use crate::measure::Pace;

/// How a benchmark is run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The PostgreSQL server: `DATABASE_URL`.
    pub url: String,
    /// How long each case takes.
    pub pace: Pace,
    /// Each case is measured so often, in turn with the others, and its median counts: machines are noisy.
    pub rounds: usize,
    /// Whether only to see that it runs: figures mean nothing then.
    pub quick: bool,
    /// Where the rows go as JSON.
    json: Option<PathBuf>,
}

impl Setting {
    /// `[--quick] [--json FILE]`, and `DATABASE_URL` in the environment. Cargo's own `--bench` is of no interest.
    pub fn of_this_process() -> Setting {
        let url =
            std::env::var("DATABASE_URL").expect("DATABASE_URL: a PostgreSQL server with an empty database");
        let arguments: Vec<String> = std::env::args().collect();
        let json = arguments.iter().skip_while(|argument| *argument != "--json").nth(1).map(PathBuf::from);
        let quick = arguments.iter().any(|argument| argument == "--quick");
        let (warm_up, measured, rounds) = if quick { (100, 300, 1) } else { (1_000, 5_000, 3) };
        let pace =
            Pace { warm_up: Duration::from_millis(warm_up), measured: Duration::from_millis(measured) };
        Setting { url, pace, rounds, quick, json }
    }

    /// One of two sizes: the real one, or one that is there quickly.
    pub fn size(&self, real: usize, quick: usize) -> usize {
        if self.quick { quick } else { real }
    }

    /// The file that the rows are written to.
    pub(crate) fn json(&self) -> Option<&PathBuf> {
        self.json.as_ref()
    }
}
