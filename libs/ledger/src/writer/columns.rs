//! What is read of each table, in the words that both databases understand.

/// An item with one of its levels.
pub(super) const ITEM: &str = "i.id, i.product_id, i.variant_id, i.sku, i.name, i.owner, i.supplier_id, i.reorder_point, \
     i.reorder_quantity, i.is_active, i.version, i.updated_at, l.warehouse_id, l.available_quantity AS available, \
     l.reserved_quantity AS reserved, l.damaged_quantity AS damaged, l.quality_control_quantity AS quality_control, \
     l.incoming_quantity AS incoming, l.in_transit_quantity AS in_transit";
/// Where an item's levels are. One without any is in the answer too.
pub(super) const LEVELS: &str = "LEFT JOIN inventory_locations l ON l.inventory_item_id = i.id";
pub(super) const HOLD: &str =
    "id, inventory_item_id, warehouse_id, quantity, confirmed_quantity, status, expires_at";
pub(super) const TRANSFER: &str = "id, inventory_item_id, from_warehouse_id, to_warehouse_id, shipped_quantity, \
     received_quantity, lost_quantity";

/// Units that came to each state of item `$1` at location `$2` after version `$3` and up to `$4`, less those that left
/// it.
pub(super) const MOVED: &str = "SELECT place, CAST(sum(units) AS bigint) AS units FROM (
    SELECT to_place AS place, quantity AS units FROM inventory_transactions
    WHERE inventory_item_id = $1 AND to_warehouse_id = $2 AND version > $3 AND version <= $4
        AND kind NOT IN ('counted_more', 'counted_fewer')
    UNION ALL SELECT from_place, -quantity FROM inventory_transactions
    WHERE inventory_item_id = $1 AND from_warehouse_id = $2 AND version > $3 AND version <= $4
        AND kind NOT IN ('counted_more', 'counted_fewer')) AS moved GROUP BY place";
