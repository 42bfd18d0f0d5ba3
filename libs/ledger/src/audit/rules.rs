//! The rules: what each says, and the query that finds what breaks it.

/// The states of units, each a column `<state>_quantity` of a level and a place in the ledger.
pub(super) const STATES: [&str; 6] =
    ["available", "reserved", "damaged", "quality_control", "incoming", "in_transit"];

/// What is said of a state's sum that is not the level.
pub(super) const LEDGER_SUM: &str = "the ledger sums up to the {} units";
pub(super) const VERSIONS_RUN: &str = "the versions of an item run from 1 to its own without a gap";

/// A rule of the books.
pub(super) struct Rule {
    /// What it says; `{}` stands for what the query calls `what`.
    pub(super) says: &'static str,
    /// Finds what breaks it: `what, sku, location, version, expected, actual`.
    pub(super) query: String,
}

/// The rules over how things stand, which read no ledger.
pub(super) fn standing() -> Vec<Rule> {
    let plain = |(says, query): (&'static str, &str)| Rule { says, query: query.to_owned() };
    let rules = [
        ("the reserved units are those of the open holds", RESERVED),
        ("an open hold is on a level that is kept", STRAY_HOLD),
        ("a hold is open while something is left of it", HOLD_ENDS),
        ("the units in transit are those of the open transfers", IN_TRANSIT),
        ("a transfer conserves: what was received and lost had been shipped", CONSERVED),
    ];
    let mut standing = vec![
        Rule { says: "no {} units are below zero", query: negative() },
        Rule { says: "an item's {} is the sum of its locations", query: totals() },
    ];
    standing.extend(rules.map(plain));
    standing
}

/// The rules over the whole ledger.
pub(super) fn ledger() -> Vec<Rule> {
    vec![
        Rule { says: LEDGER_SUM, query: sums() },
        Rule { says: VERSIONS_RUN, query: VERSIONS.to_owned() },
        Rule { says: "a ledger row is about an item that exists", query: STRAY_ROW.to_owned() },
        Rule {
            says: "a hold's {} units are what the ledger says",
            query: format!("{HOLDS} {}", apart(&["held", "confirmed", "remaining"])),
        },
        Rule {
            says: "a transfer's {} units are what the ledger says",
            query: format!("{TRANSFERS} {}", apart(&["shipped", "received", "lost"])),
        },
    ]
}

/// The units that came to each item, location and state, less those that left it, over the rows of `ledger`: a table
/// `t`, with whatever bounds it. One pass for all states.
pub(super) fn moved(ledger: &str) -> String {
    let sum = |state: &str| {
        format!("CAST(sum(CASE WHEN place = '{state}' THEN units ELSE 0 END) AS bigint) AS {state}")
    };
    format!(
        "SELECT item, warehouse, {} FROM (
             SELECT t.inventory_item_id AS item,
                 CASE WHEN side.sign > 0 THEN t.to_warehouse_id ELSE t.from_warehouse_id END AS warehouse,
                 CASE WHEN side.sign > 0 THEN t.to_place ELSE t.from_place END AS place,
                 side.sign * t.quantity AS units
             FROM (SELECT 1 AS sign UNION ALL SELECT -1) AS side CROSS JOIN {ledger}) AS sides
         WHERE warehouse IS NOT NULL GROUP BY item, warehouse",
        STATES.map(sum).join(", ")
    )
}

/// One difference for each of `whats` that a table `pair` has as `told_<what>` and as `is_<what>`.
fn apart(whats: &[&str]) -> String {
    let one = |what: &&str| {
        format!(
            "SELECT '{what}' AS what, sku, location, version, told_{what} AS expected, is_{what} AS actual
             FROM pair WHERE told_{what} <> is_{what}"
        )
    };
    let each: Vec<String> = whats.iter().map(one).collect();
    format!("SELECT * FROM ({}) AS differences", each.join(" UNION ALL "))
}

fn sums() -> String {
    let column = |state: &str| {
        format!("coalesce(m.{state}, 0) AS told_{state}, coalesce(l.{state}_quantity, 0) AS is_{state}")
    };
    format!(
        "WITH moved AS ({}), pair AS (
             SELECT i.sku, w.code AS location, i.version, {}
             FROM moved m
             FULL JOIN inventory_locations l ON l.inventory_item_id = m.item AND l.warehouse_id = m.warehouse
             LEFT JOIN inventory_items i ON i.id = coalesce(m.item, l.inventory_item_id)
             LEFT JOIN warehouses w ON w.id = coalesce(m.warehouse, l.warehouse_id))
         {}",
        moved("inventory_transactions t"),
        STATES.map(column).join(", "),
        apart(&STATES)
    )
}

fn negative() -> String {
    let column = |state: &str| {
        format!(
            "CASE WHEN l.{state}_quantity < 0 THEN 0 ELSE l.{state}_quantity END AS told_{state},
             l.{state}_quantity AS is_{state}"
        )
    };
    format!(
        "WITH pair AS (
             SELECT i.sku, w.code AS location, i.version, {} FROM inventory_locations l
             JOIN inventory_items i ON i.id = l.inventory_item_id JOIN warehouses w ON w.id = l.warehouse_id)
         {}",
        STATES.map(column).join(", "),
        apart(&STATES)
    )
}

fn totals() -> String {
    let on_hand = "available_quantity + reserved_quantity + damaged_quantity + quality_control_quantity";
    let totals = [
        ("total_quantity", on_hand),
        ("available_quantity", "available_quantity"),
        ("reserved_quantity", "reserved_quantity"),
        ("incoming_quantity", "incoming_quantity"),
        ("in_transit_quantity", "in_transit_quantity"),
    ];
    let sum = |(total, sum): (&str, &str)| format!("CAST(sum({sum}) AS bigint) AS sum_{total}");
    let column = |(total, _): (&str, &str)| {
        format!("coalesce(l.sum_{total}, 0) AS told_{total}, i.{total} AS is_{total}")
    };
    format!(
        "WITH pair AS (
             SELECT i.sku, CAST(NULL AS text) AS location, i.version, {} FROM inventory_items i
             LEFT JOIN (SELECT inventory_item_id, {} FROM inventory_locations GROUP BY inventory_item_id) AS l
             ON l.inventory_item_id = i.id)
         {}",
        totals.map(column).join(", "),
        totals.map(sum).join(", "),
        apart(&totals.map(|(total, _)| total))
    )
}

const RESERVED: &str = "
SELECT CAST(NULL AS text) AS what, i.sku, w.code AS location, i.version,
    CAST(coalesce(h.units, 0) AS bigint) AS expected, l.reserved_quantity AS actual
FROM inventory_locations l
JOIN inventory_items i ON i.id = l.inventory_item_id
JOIN warehouses w ON w.id = l.warehouse_id
LEFT JOIN (SELECT inventory_item_id, warehouse_id, sum(quantity - confirmed_quantity) AS units
    FROM inventory_reservations WHERE status = 'open' GROUP BY inventory_item_id, warehouse_id) h
ON h.inventory_item_id = l.inventory_item_id AND h.warehouse_id = l.warehouse_id
WHERE coalesce(h.units, 0) <> l.reserved_quantity";

const STRAY_HOLD: &str = "
SELECT CAST(NULL AS text) AS what, i.sku, w.code AS location, i.version, CAST(NULL AS bigint) AS expected,
    r.quantity AS actual
FROM inventory_reservations r
LEFT JOIN inventory_items i ON i.id = r.inventory_item_id
LEFT JOIN warehouses w ON w.id = r.warehouse_id
LEFT JOIN inventory_locations l ON l.inventory_item_id = r.inventory_item_id AND l.warehouse_id = r.warehouse_id
WHERE r.status = 'open' AND l.warehouse_id IS NULL";

const HOLD_ENDS: &str = "
SELECT CAST(NULL AS text) AS what, i.sku, w.code AS location, i.version, r.quantity AS expected,
    r.confirmed_quantity AS actual
FROM inventory_reservations r
LEFT JOIN inventory_items i ON i.id = r.inventory_item_id
LEFT JOIN warehouses w ON w.id = r.warehouse_id
WHERE r.status = 'open' AND (r.confirmed_quantity < 0 OR r.confirmed_quantity >= r.quantity)";

const IN_TRANSIT: &str = "
SELECT CAST(NULL AS text) AS what, i.sku, w.code AS location, i.version,
    CAST(coalesce(t.units, 0) AS bigint) AS expected, coalesce(l.in_transit_quantity, 0) AS actual
FROM inventory_locations l
FULL JOIN (SELECT inventory_item_id AS item, to_warehouse_id AS warehouse,
        sum(shipped_quantity - received_quantity - lost_quantity) AS units
    FROM inventory_transfers WHERE shipped_quantity <> received_quantity + lost_quantity
    GROUP BY inventory_item_id, to_warehouse_id) t
ON t.item = l.inventory_item_id AND t.warehouse = l.warehouse_id
LEFT JOIN inventory_items i ON i.id = coalesce(l.inventory_item_id, t.item)
LEFT JOIN warehouses w ON w.id = coalesce(l.warehouse_id, t.warehouse)
WHERE coalesce(t.units, 0) <> coalesce(l.in_transit_quantity, 0)";

const CONSERVED: &str = "
SELECT CAST(NULL AS text) AS what, i.sku, w.code AS location, i.version, t.shipped_quantity AS expected,
    t.received_quantity + t.lost_quantity AS actual
FROM inventory_transfers t
LEFT JOIN inventory_items i ON i.id = t.inventory_item_id
LEFT JOIN warehouses w ON w.id = t.to_warehouse_id
WHERE t.shipped_quantity < 1 OR t.received_quantity < 0 OR t.lost_quantity < 0
    OR t.received_quantity + t.lost_quantity > t.shipped_quantity";

const VERSIONS: &str = "
SELECT CAST(NULL AS text) AS what, i.sku, CAST(NULL AS text) AS location, t.last AS version,
    i.version AS expected, t.number AS actual
FROM inventory_items i
LEFT JOIN (SELECT inventory_item_id, count(*) AS number, min(version) AS first, max(version) AS last
    FROM inventory_transactions GROUP BY inventory_item_id) AS t ON t.inventory_item_id = i.id
WHERE t.number IS NULL OR t.first <> 1 OR t.last <> i.version OR t.number <> i.version";

const STRAY_ROW: &str = "
SELECT CAST(NULL AS text) AS what, CAST(NULL AS text) AS sku, CAST(NULL AS text) AS location, t.version,
    CAST(NULL AS bigint) AS expected, t.quantity AS actual
FROM inventory_transactions t LEFT JOIN inventory_items i ON i.id = t.inventory_item_id WHERE i.id IS NULL";

/// What is left of a hold is 0 once it has ended.
const HOLDS: &str = "
WITH told AS (SELECT reservation_id AS id, inventory_item_id AS item,
        CASE WHEN kind = 'held' THEN to_warehouse_id ELSE from_warehouse_id END AS warehouse,
        CAST(sum(CASE WHEN kind = 'held' THEN quantity ELSE 0 END) AS bigint) AS held,
        CAST(sum(CASE WHEN kind = 'confirmed' THEN quantity ELSE 0 END) AS bigint) AS confirmed,
        CAST(sum(CASE WHEN kind = 'held' THEN quantity ELSE -quantity END) AS bigint) AS remaining
    FROM inventory_transactions WHERE reservation_id IS NOT NULL AND kind <> 'extended'
    GROUP BY 1, 2, 3),
pair AS (SELECT i.sku, w.code AS location, i.version,
        coalesce(t.held, 0) AS told_held, coalesce(r.quantity, 0) AS is_held,
        coalesce(t.confirmed, 0) AS told_confirmed, coalesce(r.confirmed_quantity, 0) AS is_confirmed,
        coalesce(t.remaining, 0) AS told_remaining,
        CASE WHEN r.status = 'open' THEN r.quantity - r.confirmed_quantity ELSE 0 END AS is_remaining
    FROM told t
    FULL JOIN inventory_reservations r
    ON r.id = t.id AND r.inventory_item_id = t.item AND r.warehouse_id = t.warehouse
    LEFT JOIN inventory_items i ON i.id = coalesce(t.item, r.inventory_item_id)
    LEFT JOIN warehouses w ON w.id = coalesce(t.warehouse, r.warehouse_id))";

const TRANSFERS: &str = "
WITH told AS (SELECT transfer_id AS id, inventory_item_id AS item,
        CAST(sum(CASE WHEN kind = 'shipped' THEN quantity ELSE 0 END) AS bigint) AS shipped,
        CAST(sum(CASE WHEN kind = 'transfer_received' THEN quantity ELSE 0 END) AS bigint) AS received,
        CAST(sum(CASE WHEN kind = 'transfer_lost' THEN quantity ELSE 0 END) AS bigint) AS lost
    FROM inventory_transactions WHERE transfer_id IS NOT NULL GROUP BY 1, 2),
pair AS (SELECT i.sku, w.code AS location, i.version,
        coalesce(t.shipped, 0) AS told_shipped, coalesce(r.shipped_quantity, 0) AS is_shipped,
        coalesce(t.received, 0) AS told_received, coalesce(r.received_quantity, 0) AS is_received,
        coalesce(t.lost, 0) AS told_lost, coalesce(r.lost_quantity, 0) AS is_lost
    FROM told t
    FULL JOIN inventory_transfers r ON r.id = t.id AND r.inventory_item_id = t.item
    LEFT JOIN inventory_items i ON i.id = coalesce(t.item, r.inventory_item_id)
    LEFT JOIN warehouses w ON w.id = r.to_warehouse_id)";
