//! The audit: whether the books agree with each other.
//!
//! Each rule is a query that names what breaks it: the SKU, the location and the version (`rules`). A sound database
//! gives no rows. [`audit`] reads everything once; [`Rounds`] goes on for ever, a part at a time (`rounds`). Both read
//! one snapshot of the database, so they may run while stock changes.
//!
//! **Invariant.** Sums are made by the database, from the rows alone: what the writer computes and what the audit
//! checks have nothing in common but the ledger. Only snapshots are compared with the writer's own fold.

mod rounds;
mod rules;
mod snapshots;

use std::time::Instant;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, FromQueryResult, Statement,
};
use serde::{Deserialize, Serialize};

pub use rounds::{Rounds, SLICE};
use rules::Rule;

use crate::{instant, measure};

/// The most breaches of one rule that a report names; it says when there were more.
const NAMED: usize = 100;

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whether no rule was broken.
    pub clean: bool,
    /// Items looked at.
    pub items: i64,
    /// Ledger rows looked at.
    pub transactions: i64,
    /// What does not agree.
    pub differences: Vec<Difference>,
    /// Whether there were more differences than are named.
    pub truncated: bool,
}

/// Something that does not agree with the ledger, or with itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The rule that is broken.
    pub rule: String,
    /// The item.
    pub sku: Option<String>,
    /// The location's code.
    pub location: Option<String>,
    /// The item's version, or where its versions break off.
    pub version: Option<i64>,
    /// What should be.
    pub expected: Option<i64>,
    /// What is.
    pub actual: Option<i64>,
}

#[derive(FromQueryResult)]
struct Row {
    what: Option<String>,
    sku: Option<String>,
    location: Option<String>,
    version: Option<i64>,
    expected: Option<i64>,
    actual: Option<i64>,
}

#[derive(FromQueryResult)]
struct Counts {
    items: i64,
    transactions: i64,
}

/// Checks every item against its ledger.
pub async fn audit(db: &DatabaseConnection) -> Result<Report, DbErr> {
    let started = Instant::now();
    let snapshot = instant::begin(db).await?;
    // It reads everything, which may take longer than a request is allowed to.
    patiently(&snapshot, "0").await?;
    let counts = "SELECT (SELECT count(*) FROM inventory_items) AS items,
                         (SELECT count(*) FROM inventory_transactions) AS transactions";
    let counts = Statement::from_string(db.get_database_backend(), counts);
    let counts = Counts::find_by_statement(counts).one(&snapshot).await?;
    let mut report = Report::begun();
    if let Some(Counts { items, transactions }) = counts {
        (report.items, report.transactions) = (items, transactions);
    }
    for rule in rules::standing().iter().chain(&rules::ledger()) {
        report.check(&snapshot, rule).await?;
    }
    snapshots::check(&snapshot, &mut report).await?;
    snapshot.commit().await?;
    Ok(report.ended(started))
}

/// Sets the longest that a statement may take; PostgreSQL alone has a limit.
async fn patiently(snapshot: &DatabaseTransaction, limit: &str) -> Result<(), DbErr> {
    if snapshot.get_database_backend() == DbBackend::Postgres {
        snapshot.execute_unprepared(&format!("SET LOCAL statement_timeout = '{limit}'")).await?;
    }
    Ok(())
}

impl Report {
    fn begun() -> Report {
        Report { clean: true, items: 0, transactions: 0, differences: vec![], truncated: false }
    }

    /// Adds what breaks a rule.
    async fn check(&mut self, snapshot: &DatabaseTransaction, rule: &Rule) -> Result<(), DbErr> {
        let limited = format!("{} LIMIT {}", rule.query, NAMED + 1);
        let statement = Statement::from_string(snapshot.get_database_backend(), limited);
        let rows = Row::find_by_statement(statement).all(snapshot).await?;
        self.truncated |= rows.len() > NAMED;
        self.differences.extend(rows.into_iter().take(NAMED).map(|row| row.named(rule.says)));
        Ok(())
    }

    /// Adds a difference, unless there are enough of its rule.
    fn add(&mut self, difference: Difference) {
        let of_rule = self.differences.iter().filter(|other| other.rule == difference.rule).count();
        if of_rule < NAMED {
            self.differences.push(difference);
        } else {
            self.truncated = true;
        }
    }

    fn ended(mut self, started: Instant) -> Report {
        // Rules that look at the same thing from two sides find the same.
        let mut seen = Vec::with_capacity(self.differences.len());
        self.differences.retain(|difference| {
            let new = !seen.contains(difference);
            seen.extend(new.then(|| difference.clone()));
            new
        });
        self.clean = self.differences.is_empty();
        measure::audited(self.differences.len(), self.items.unsigned_abs(), started.elapsed());
        self
    }
}

impl Row {
    fn named(self, rule: &str) -> Difference {
        Difference {
            rule: rule.replace("{}", self.what.as_deref().unwrap_or_default()),
            sku: self.sku,
            location: self.location,
            version: self.version,
            expected: self.expected,
            actual: self.actual,
        }
    }
}
