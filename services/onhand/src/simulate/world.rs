//! Days as they would have been: deliveries in the morning, customers by day, orders in the evening.
//!
//! **Invariants.** Demand and how long a delivery takes follow from the history and the seed, never from the policy: what
//! is ordered on a day takes as long under each. A policy sees what a shop sees, which is what was sold and not what was
//! asked for. What is not there is not sold later.

use std::collections::BTreeMap;

use domain::restock::{Amount, Policy as Restocking, Position, Terms as SupplierTerms, plan};
use forecast::chance::Chance;
use forecast::{LeadTime, Series, forecast, suggest};
use serde::Serialize;

use super::Terms;
use super::policy::{LeadDays, Policy};

/// How often a policy that follows forecasts looks again, in days.
const AGAIN: usize = 7;

/// The stream of chance that deliveries are from. Generated demand has those from 0 on.
const DELIVERIES: u64 = 1_000;

/// What is the same under every policy.
pub(crate) struct World<'a> {
    /// What was sold before the first day.
    before: Series,
    /// What is asked for, by day.
    demand: Vec<i64>,
    /// How many days a delivery takes that is ordered on a day.
    lead_days: Vec<usize>,
    lead: LeadTime,
    terms: &'a Terms,
}

/// What came of a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Outcome {
    pub(crate) days: usize,
    /// Units.
    pub(crate) asked_for: i64,
    pub(crate) sold: i64,
    pub(crate) lost: i64,
    /// Days on which some were asked for that were not there.
    pub(crate) stock_out_days: usize,
    /// Times from one delivery to the next, and those of them without a stock-out.
    pub(crate) cycles: usize,
    pub(crate) good_cycles: usize,
    pub(crate) orders: usize,
    pub(crate) ordered: i64,
    /// Units that lay there at the end of a day, over all days.
    pub(crate) unit_days: i64,
}

/// When to order now, and how much.
#[derive(Clone, Copy)]
enum Rule {
    Fixed { point: i64, quantity: i64 },
    UpTo { point: i64, most: i64 },
}

/// A shop under one policy.
struct Shop {
    rule: Rule,
    on_hand: i64,
    /// By the day on which they come.
    incoming: BTreeMap<usize, i64>,
    /// What it knows: what was sold, by day.
    seen: Series,
    /// Whether something was missing since the last delivery.
    missed: bool,
    outcome: Outcome,
}

impl<'a> World<'a> {
    /// The last days of a history are played; what was before them is known.
    pub(crate) fn new(
        history: &Series,
        days: usize,
        seed: u64,
        lead: &LeadDays,
        terms: &'a Terms,
    ) -> World<'a> {
        let first = history.units.len().saturating_sub(days);
        let LeadDays(lead) = *lead;
        let mut chance = Chance::new(seed, DELIVERIES);
        // What is ordered in the evening comes the next morning at the earliest.
        let takes = |_| (lead.mean_days + lead.sd_days * chance.normal()).round().max(1.0) as usize;
        World {
            before: Series { first_day: history.first_day, units: history.units[..first].to_vec() },
            demand: (first..history.units.len()).map(|day| asked_for(&history.units, day)).collect(),
            lead_days: (0..days).map(takes).collect(),
            lead,
            terms,
        }
    }

    /// What is asked for in all, in units.
    pub(crate) fn asked_for(&self) -> i64 {
        self.demand.iter().sum()
    }

    /// How many days there are.
    pub(crate) fn days(&self) -> usize {
        self.demand.len()
    }

    pub(crate) fn play(&self, policy: &Policy) -> Outcome {
        let rule = self.rule(policy, &self.before);
        let mut shop = Shop {
            rule,
            on_hand: self.terms.stock.unwrap_or(rule.full()),
            incoming: BTreeMap::new(),
            seen: self.before.clone(),
            missed: false,
            outcome: Outcome::default(),
        };
        for (day, asked_for) in self.demand.iter().enumerate() {
            if day > 0 && day.is_multiple_of(AGAIN) {
                shop.rule = self.rule(policy, &shop.seen);
            }
            shop.morning(day);
            shop.day(*asked_for);
            if let Some(quantity) = self.order(&shop) {
                shop.outcome.orders += 1;
                shop.outcome.ordered += quantity;
                *shop.incoming.entry(day + self.lead_days[day]).or_default() += quantity;
            }
        }
        shop.outcome
    }

    fn rule(&self, policy: &Policy, seen: &Series) -> Rule {
        match *policy {
            Policy::Point { point, quantity } => Rule::Fixed { point, quantity },
            Policy::MinMax { least, most } => Rule::UpTo { point: least, most },
            Policy::Suggested { service_level } => {
                let cover_days = f64::from(self.terms.cover_days);
                let said = suggest(&forecast(seen), &self.lead, service_level, cover_days);
                Rule::Fixed { point: said.reorder_point, quantity: said.reorder_quantity }
            }
        }
    }

    /// How many are ordered now, by the rules that the system itself orders by.
    fn order(&self, shop: &Shop) -> Option<i64> {
        let incoming: i64 = shop.incoming.values().sum();
        let (reorder_point, amount) = match shop.rule {
            Rule::Fixed { point, quantity } => (point, Amount::Fixed(quantity)),
            Rule::UpTo { point, most } => (point, Amount::UpTo(most)),
        };
        let position = Position { available: shop.on_hand, incoming, in_transit: 0 };
        let policy = Restocking { reorder_point, amount, maximum: None, snoozed_until: None };
        let terms = SupplierTerms {
            pack_size: self.terms.pack,
            minimum: self.terms.minimum,
            maximum: None,
            unit_cost: None,
            breaks: vec![],
        };
        // Nobody snoozes here, so any time is as good as the other.
        let now = chrono::DateTime::UNIX_EPOCH;
        plan(&position, &policy, &terms, now).map(|quantity| quantity.get())
    }
}

impl Rule {
    /// What there is when an order has just come.
    fn full(self) -> i64 {
        match self {
            Rule::Fixed { point, quantity } => point + quantity,
            Rule::UpTo { most, .. } => most,
        }
    }
}

impl Shop {
    fn morning(&mut self, day: usize) {
        if let Some(quantity) = self.incoming.remove(&day) {
            self.on_hand += quantity;
            self.outcome.cycles += 1;
            self.outcome.good_cycles += usize::from(!self.missed);
            self.missed = false;
        }
    }

    fn day(&mut self, asked_for: i64) {
        let had_any = self.on_hand > 0;
        let sold = asked_for.min(self.on_hand);
        let lost = asked_for - sold;
        self.on_hand -= sold;
        self.missed |= lost > 0;
        self.seen.units.push(had_any.then_some(sold as f64));
        let outcome = &mut self.outcome;
        outcome.days += 1;
        outcome.asked_for += asked_for;
        outcome.sold += sold;
        outcome.lost += lost;
        outcome.stock_out_days += usize::from(lost > 0);
        outcome.unit_days += self.on_hand;
    }
}

/// What was asked for on a day. Of one that says nothing, for there was nothing to sell, nobody knows: it is taken to be
/// as the same day of the other weeks, on the average.
fn asked_for(units: &[Option<f64>], day: usize) -> i64 {
    let sold = units[day].unwrap_or_else(|| {
        let same: Vec<f64> = units.iter().skip(day % AGAIN).step_by(AGAIN).flatten().copied().collect();
        same.iter().sum::<f64>() / same.len().max(1) as f64
    });
    sold.max(0.0).round() as i64
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    const TERMS: Terms = Terms { pack: 1, minimum: 1, cover_days: 14, stock: None };
    const POINT: Policy = Policy::Point { point: 30, quantity: 50 };

    /// Ten are asked for each day, and a delivery takes as long as it takes.
    fn played(policy: Policy, days: usize, lead_days: f64, terms: &Terms) -> Outcome {
        let units = vec![Some(10.0); 60 + days];
        let history = Series { first_day: NaiveDate::default(), units };
        let lead = LeadDays(LeadTime { mean_days: lead_days, sd_days: 0.0 });
        World::new(&history, days, 1, &lead, terms).play(&policy)
    }

    #[test]
    fn a_delivery_that_comes_in_time_misses_nothing() {
        let expected = Outcome {
            days: 20,
            asked_for: 200,
            sold: 200,
            cycles: 3,
            good_cycles: 3,
            orders: 4,
            ordered: 200,
            unit_days: 700,
            ..Outcome::default()
        };
        assert_eq!(played(POINT, 20, 3.0, &TERMS), expected);
    }

    #[test]
    fn what_is_asked_for_before_a_late_delivery_is_lost() {
        let outcome = played(POINT, 20, 5.0, &TERMS);
        assert_eq!((outcome.sold, outcome.lost, outcome.stock_out_days), (180, 20, 2));
        assert_eq!((outcome.cycles, outcome.good_cycles, outcome.orders), (2, 0, 3));
    }

    #[test]
    fn an_order_up_to_a_level_fills_it() {
        // Each order is for what the days since the last one took: 30 of 80 are left, so 50.
        let outcome = played(Policy::MinMax { least: 30, most: 80 }, 20, 3.0, &TERMS);
        assert_eq!((outcome.orders, outcome.ordered, outcome.lost), (4, 200, 0));
    }

    #[test]
    fn days_on_which_it_was_sold_out_teach_nothing() {
        // Nothing is there until the first order comes. If that were no demand, no second one would go out.
        let outcome =
            played(Policy::Suggested { service_level: 0.95 }, 22, 20.0, &Terms { stock: Some(0), ..TERMS });
        assert_eq!((outcome.orders, outcome.lost), (2, 200));
    }

    #[test]
    fn what_was_asked_for_while_it_was_sold_out_is_what_other_weeks_sold() {
        let mut units: Vec<Option<f64>> = (0..28).map(|day| Some(f64::from(day % 7))).collect();
        units[19] = None;
        assert_eq!((asked_for(&units, 19), asked_for(&units, 18)), (5, 4));
    }

    #[test]
    fn what_is_ordered_on_a_day_takes_as_long_under_each_policy_and_seeds_differ() {
        let history = Series { first_day: NaiveDate::default(), units: vec![Some(10.0); 100] };
        let lead = LeadDays(LeadTime { mean_days: 6.0, sd_days: 2.0 });
        let takes = |seed| World::new(&history, 50, seed, &lead, &TERMS).lead_days;
        assert_eq!(takes(4), takes(4));
        assert_ne!(takes(4), takes(5));
        assert!(takes(4).iter().all(|days| (1..=18).contains(days)));
    }
}
