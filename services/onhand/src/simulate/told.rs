//! What came of policies, for people and for machines.

use std::fmt::Write;

use serde_json::{Value, json};

use super::policy::{LeadDays, Policy};
use super::world::{Outcome, World};
use super::{Costs, Terms};

/// Everything that was played.
pub(crate) struct Told<'a> {
    pub(crate) whence: String,
    pub(crate) lead_time: &'a LeadDays,
    pub(crate) world: &'a World<'a>,
    pub(crate) outcomes: Vec<(&'a Policy, Outcome)>,
}

/// What a policy cost, in all.
struct Cost {
    ordering: f64,
    holding: f64,
    lost: f64,
}

impl Told<'_> {
    pub(crate) fn text(&self, terms: &Terms, costs: &Costs) -> String {
        let mut text = String::new();
        let (days, units) = (self.world.days(), self.world.asked_for());
        _ = writeln!(text, "{}: {units} units in {days} days.", self.whence);
        _ = writeln!(
            text,
            "A delivery takes {} days, in packs of {} and {} at least. An order costs {}, a unit a day {}, a lost sale {}.",
            self.lead_time, terms.pack, terms.minimum, costs.order_cost, costs.holding_cost, costs.lost_cost
        );
        let heads = [
            "fill rate",
            "good cycles",
            "stock-outs",
            "stock",
            "orders",
            "ordering",
            "holding",
            "lost",
            "cost",
        ];
        let heads: String = heads.map(|head| format!("{head:>12}")).concat();
        _ = writeln!(text, "{:<30}{heads}", "policy");
        for (policy, outcome) in &self.outcomes {
            let cost = outcome.cost(costs);
            let figures = [
                percent(outcome.fill_rate()),
                percent(outcome.cycle_service()),
                format!("{} days", outcome.stock_out_days),
                format!("{:.1}", outcome.average_stock()),
                outcome.orders.to_string(),
                format!("{:.2}", cost.ordering),
                format!("{:.2}", cost.holding),
                format!("{:.2}", cost.lost),
                format!("{:.2}", cost.sum()),
            ];
            let figures: String = figures.map(|figure| format!("{figure:>12}")).concat();
            _ = writeln!(text, "{:<30}{figures}", policy.to_string());
        }
        text
    }

    pub(crate) fn json(&self, seed: u64, terms: &Terms, costs: &Costs) -> Value {
        let outcomes = self.outcomes.iter().map(|(policy, outcome)| {
            let cost = outcome.cost(costs);
            json!({
                "policy": policy.to_string(),
                "fill_rate": outcome.fill_rate(),
                "cycle_service_level": outcome.cycle_service(),
                "average_stock": outcome.average_stock(),
                "outcome": outcome,
                "cost": {
                    "ordering": cost.ordering,
                    "holding": cost.holding,
                    "lost": cost.lost,
                    "sum": cost.sum(),
                },
            })
        });
        json!({
            "history": self.whence,
            "seed": seed,
            "lead_time": self.lead_time.to_string(),
            "terms": terms,
            "costs": costs,
            "policies": outcomes.collect::<Vec<_>>(),
        })
    }
}

impl Outcome {
    /// The part of what was asked for that was there; all of nothing.
    fn fill_rate(&self) -> Option<f64> {
        ratio(self.sold as f64, self.asked_for as f64)
    }

    /// The part of the times from one delivery to the next in which nothing was missing.
    fn cycle_service(&self) -> Option<f64> {
        ratio(self.good_cycles as f64, self.cycles as f64)
    }

    fn average_stock(&self) -> f64 {
        self.unit_days as f64 / self.days.max(1) as f64
    }

    fn cost(&self, costs: &Costs) -> Cost {
        Cost {
            ordering: self.orders as f64 * costs.order_cost,
            holding: self.unit_days as f64 * costs.holding_cost,
            lost: self.lost as f64 * costs.lost_cost,
        }
    }
}

impl Cost {
    fn sum(&self) -> f64 {
        self.ordering + self.holding + self.lost
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn percent(ratio: Option<f64>) -> String {
    ratio.map_or("-".to_owned(), |ratio| format!("{:.2} %", 100.0 * ratio))
}
