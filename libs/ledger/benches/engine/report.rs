//! The table for people and the list for machines.

use serde::Serialize;

use crate::measure::Measured;

/// One figure beside another, and what their ratio should be.
#[derive(Serialize)]
pub(crate) struct Row {
    bench: &'static str,
    case: String,
    figure: f64,
    unit: &'static str,
    beside: String,
    beside_figure: f64,
    ratio: f64,
    goal: f64,
    met: bool,
}

impl Row {
    pub(crate) fn beside(case: &str, ours: &Measured, beside: &str, other: &Measured, goal: f64) -> Row {
        let ratio = ours.rate / other.rate;
        Row {
            bench: "engine",
            case: case.to_owned(),
            figure: ours.rate.round(),
            unit: "commands/s",
            beside: beside.to_owned(),
            beside_figure: other.rate.round(),
            ratio: (ratio * 100.0).round() / 100.0,
            goal,
            met: ratio >= goal,
        }
    }
}

pub(crate) fn print(rows: &[Row], measured: &[&Measured]) {
    println!(
        "\n{:<42} {:>12} {:>10} {:>10}",
        "measured (median of rounds)", "commands/s", "p50 ms", "p99 ms"
    );
    for one in measured {
        println!("{:<42} {:>12.0} {:>10.2} {:>10.2}", one.name, one.rate, one.p50_ms, one.p99_ms);
    }
    println!(
        "\n{:<20} {:>12} {:>18} {:>10} {:>8} {:>6}  met",
        "case", "commands/s", "beside", "", "ratio", "goal"
    );
    for row in rows {
        println!(
            "{:<20} {:>12.0} {:>18} {:>10.0} {:>8.2} {:>6.1}  {}",
            row.case,
            row.figure,
            row.beside,
            row.beside_figure,
            row.ratio,
            row.goal,
            if row.met { "yes" } else { "no" }
        );
    }
}
