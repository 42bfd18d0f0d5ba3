//! The audit: whether the books agree with each other.
//!
//! Each rule is one query that names what breaks it: the SKU, the location and the version. A sound database
//! gives no rows. It reads one snapshot, so it can be run while stock changes.

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, FromQueryResult, IsolationLevel,
    Statement, TransactionTrait,
};
use serde::{Deserialize, Serialize};

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
    let backend = db.get_database_backend();
    let isolation = (backend == DbBackend::Postgres).then_some(IsolationLevel::RepeatableRead);
    let access = (backend == DbBackend::Postgres).then_some(AccessMode::ReadOnly);
    let snapshot = db.begin_with_config(isolation, access).await?;
    if backend == DbBackend::Postgres {
        // It reads everything, which may take longer than a request is allowed to.
        snapshot.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
    }
    let counts = "SELECT (SELECT count(*) FROM inventory_items) AS items,
                         (SELECT count(*) FROM inventory_transactions) AS transactions";
    let counts = Counts::find_by_statement(Statement::from_string(backend, counts)).one(&snapshot).await?;
    let mut report = Report {
        clean: true,
        items: counts.as_ref().map_or(0, |counts| counts.items),
        transactions: counts.map_or(0, |counts| counts.transactions),
        differences: vec![],
        truncated: false,
    };
    for (rule, query) in rules() {
        let limited = format!("{query} LIMIT {}", NAMED + 1);
        let rows = Row::find_by_statement(Statement::from_string(backend, limited)).all(&snapshot).await?;
        report.truncated |= rows.len() > NAMED;
        report.differences.extend(rows.into_iter().take(NAMED).map(|row| row.named(&rule)));
    }
    snapshot.commit().await?;
    report.clean = report.differences.is_empty();
    metrics::gauge!("stock_audit_differences").set(report.differences.len() as f64);
    Ok(report)
}

impl Row {
    fn named(self, rule: &str) -> Difference {
        Difference {
            rule: rule.to_owned(),
            sku: self.sku,
            location: self.location,
            version: self.version,
            expected: self.expected,
            actual: self.actual,
        }
    }
}

/// Each rule, and the query that finds what breaks it: `sku, location, version, expected, actual`.
fn rules() -> Vec<(String, String)> {
    let states = ["available", "reserved", "damaged", "quality_control", "incoming"];
    let mut rules: Vec<(String, String)> = states
        .iter()
        .map(|state| (format!("the ledger sums up to the {state} units"), ledger_sum(state)))
        .chain(states.iter().map(|state| (format!("no {state} units are below zero"), negative(state))))
        .collect();
    let on_hand = "available_quantity + reserved_quantity + damaged_quantity + quality_control_quantity";
    for (total, sum) in [
        ("total_quantity", on_hand),
        ("available_quantity", "available_quantity"),
        ("reserved_quantity", "reserved_quantity"),
        ("incoming_quantity", "incoming_quantity"),
    ] {
        rules.push((format!("an item's {total} is the sum of its locations"), item_total(total, sum)));
    }
    let plain = [
        ("the reserved units are those of the open holds", RESERVED),
        ("an open hold is on a level that is kept", STRAY_HOLD),
        ("the versions of an item run from 1 to its own without a gap", VERSIONS),
        ("a ledger row is about an item that exists", STRAY_ROW),
    ];
    rules.extend(plain.map(|(rule, query)| (rule.to_owned(), query.to_owned())));
    rules
}

fn ledger_sum(state: &str) -> String {
    format!(
        "WITH moved AS (SELECT item, warehouse, CAST(sum(units) AS bigint) AS units FROM (
             SELECT inventory_item_id AS item, to_warehouse_id AS warehouse, quantity AS units
             FROM inventory_transactions WHERE to_place = '{state}'
             UNION ALL SELECT inventory_item_id, from_warehouse_id, -quantity
             FROM inventory_transactions WHERE from_place = '{state}'
             UNION ALL SELECT inventory_item_id, warehouse_id, 0 FROM inventory_locations) AS rows
             GROUP BY item, warehouse)
         SELECT i.sku, w.code AS location, i.version, moved.units AS expected, l.{state}_quantity AS actual
         FROM moved
         LEFT JOIN inventory_locations l ON l.inventory_item_id = moved.item AND l.warehouse_id = moved.warehouse
         LEFT JOIN inventory_items i ON i.id = moved.item
         LEFT JOIN warehouses w ON w.id = moved.warehouse
         WHERE moved.units <> coalesce(l.{state}_quantity, 0)"
    )
}

fn negative(state: &str) -> String {
    format!(
        "SELECT i.sku, w.code AS location, i.version, CAST(0 AS bigint) AS expected, l.{state}_quantity AS actual
         FROM inventory_locations l
         JOIN inventory_items i ON i.id = l.inventory_item_id JOIN warehouses w ON w.id = l.warehouse_id
         WHERE l.{state}_quantity < 0"
    )
}

fn item_total(total: &str, sum: &str) -> String {
    format!(
        "SELECT i.sku, CAST(NULL AS text) AS location, i.version, CAST(coalesce(l.units, 0) AS bigint) AS expected,
             i.{total} AS actual
         FROM inventory_items i
         LEFT JOIN (SELECT inventory_item_id, sum({sum}) AS units FROM inventory_locations
             GROUP BY inventory_item_id) AS l ON l.inventory_item_id = i.id
         WHERE coalesce(l.units, 0) <> i.{total}"
    )
}

const RESERVED: &str = "
SELECT i.sku, w.code AS location, i.version, CAST(coalesce(h.units, 0) AS bigint) AS expected,
    l.reserved_quantity AS actual
FROM inventory_locations l
JOIN inventory_items i ON i.id = l.inventory_item_id
JOIN warehouses w ON w.id = l.warehouse_id
LEFT JOIN (SELECT inventory_item_id, warehouse_id, sum(quantity) AS units FROM inventory_reservations
    WHERE status = 'open' GROUP BY inventory_item_id, warehouse_id) h
ON h.inventory_item_id = l.inventory_item_id AND h.warehouse_id = l.warehouse_id
WHERE coalesce(h.units, 0) <> l.reserved_quantity";

const STRAY_HOLD: &str = "
SELECT i.sku, w.code AS location, i.version, CAST(NULL AS bigint) AS expected, r.quantity AS actual
FROM inventory_reservations r
LEFT JOIN inventory_items i ON i.id = r.inventory_item_id
LEFT JOIN warehouses w ON w.id = r.warehouse_id
LEFT JOIN inventory_locations l ON l.inventory_item_id = r.inventory_item_id AND l.warehouse_id = r.warehouse_id
WHERE r.status = 'open' AND l.warehouse_id IS NULL";

const VERSIONS: &str = "
SELECT i.sku, CAST(NULL AS text) AS location, t.last AS version, i.version AS expected, t.number AS actual
FROM inventory_items i
LEFT JOIN (SELECT inventory_item_id, count(*) AS number, min(version) AS first, max(version) AS last
    FROM inventory_transactions GROUP BY inventory_item_id) AS t ON t.inventory_item_id = i.id
WHERE t.number IS NULL OR t.first <> 1 OR t.last <> i.version OR t.number <> i.version";

const STRAY_ROW: &str = "
SELECT CAST(NULL AS text) AS sku, CAST(NULL AS text) AS location, t.version, CAST(NULL AS bigint) AS expected,
    t.quantity AS actual
FROM inventory_transactions t LEFT JOIN inventory_items i ON i.id = t.inventory_item_id WHERE i.id IS NULL";
