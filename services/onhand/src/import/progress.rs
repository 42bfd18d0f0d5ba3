//! How far an import is: a bar on a terminal, a line now and then elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    bar: ProgressBar,
    lines: bool,
    last: Cell<Instant>,
}

impl Progress {
    pub(super) fn new(rows: usize) -> Progress {
        // Hidden by itself where there is no terminal.
        let bar = ProgressBar::new(rows as u64);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} rows, {eta} left") {
            bar.set_style(style);
        }
        Progress { bar, lines: !std::io::stderr().is_terminal(), last: Cell::new(Instant::now()) }
    }

    pub(super) fn advance(&self, rows: usize) {
        self.bar.inc(rows as u64);
        if self.lines && self.last.get().elapsed() >= EVERY {
            eprintln!("{} of {} rows", self.done(), self.bar.length().unwrap_or(0));
            self.last.set(Instant::now());
        }
    }

    /// Writes lines for whoever called, beside the bar.
    pub(super) fn print(&self, lines: impl Iterator<Item = String>) {
        self.bar.suspend(|| lines.for_each(|line| println!("{line}")));
    }

    /// How many rows are done.
    pub(super) fn done(&self) -> u64 {
        self.bar.position()
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
