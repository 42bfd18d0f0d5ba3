//! The table for people and the list for machines.

use serde::Serialize;

use crate::Setting;
use crate::measure::Measured;

/// One figure beside another, and what their ratio should be.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    bench: &'static str,
    case: String,
    figure: f64,
    unit: &'static str,
    beside: String,
    beside_figure: f64,
    ratio: f64,
    goal: f64,
    met: bool,
    /// Whether the ratio is to be the goal at most, not at least. A reader of the JSON has `met`.
    #[serde(skip)]
    at_most: bool,
}

/// What the ratio of two figures is to be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// So much, or more: the first is better when it is large.
    AtLeast(f64),
    /// So much, or less: the first is better when it is small.
    AtMost(f64),
}

impl Row {
    /// `figure`, in its unit, beside another of the same unit with its name.
    pub fn new(
        bench: &'static str,
        case: &str,
        (figure, unit): (f64, &'static str),
        (beside, beside_figure): (&str, f64),
        goal: Goal,
    ) -> Row {
        let ratio = figure / beside_figure;
        let (bound, met) = match goal {
            Goal::AtLeast(bound) => (bound, ratio >= bound),
            Goal::AtMost(bound) => (bound, ratio <= bound),
        };
        Row {
            bench,
            case: case.to_owned(),
            figure: readable(figure),
            unit,
            beside: beside.to_owned(),
            beside_figure: readable(beside_figure),
            ratio: readable(ratio),
            goal: bound,
            met,
            at_most: matches!(goal, Goal::AtMost(_)),
        }
    }
}

/// Three digits that count: more are noise.
fn readable(figure: f64) -> f64 {
    let digits = match figure.abs() {
        large if large >= 100.0 => 0,
        middling if middling >= 1.0 => 2,
        _ => 5,
    };
    let scale = 10_f64.powi(digits);
    (figure * scale).round() / scale
}

/// Prints what was measured and what it comes to, and writes the rows where the command line says.
pub fn tell(setting: &Setting, rows: &[Row], measured: &[&Measured]) {
    println!("\n{:<58} {:>12} {:>10} {:>10}", "measured", "answers/s", "p50 ms", "p99 ms");
    for one in measured {
        println!("{:<58} {:>12.0} {:>10.2} {:>10.2}", one.name, one.rate, one.p50_ms, one.p99_ms);
    }
    println!(
        "\n{:<44} {:>10} {:<18} {:>26} {:>10} {:>8} {:>8}  met",
        "case", "", "", "beside", "", "ratio", "goal"
    );
    for row in rows {
        let goal = format!("{} {}", if row.at_most { "≤" } else { "≥" }, row.goal);
        let met = if row.met { "yes" } else { "no" };
        println!(
            "{:<44} {:>10} {:<18} {:>26} {:>10} {:>8} {:>8}  {met}",
            row.case, row.figure, row.unit, row.beside, row.beside_figure, row.ratio, goal
        );
    }
    if setting.quick {
        println!("\n--quick: it runs, and its figures mean nothing");
    }
    if let Some(file) = setting.json() {
        std::fs::write(file, serde_json::to_string_pretty(rows).unwrap()).unwrap();
        println!("written to {}", file.display());
    }
}
