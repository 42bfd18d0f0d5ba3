//! What a batch came to, written set by set.

use events::outbox::Parcel;
use sqlx::PgConnection;

use super::{lock, rare, run};
use crate::writer::connection::StoreError;
use crate::writer::recording::{HoldRow, LedgerRow, Recording};

/// Writes all of it: what most batches have in one statement, which then is the transaction; what few have in one
/// each, before it. `begun`: the transaction is open already.
pub(in crate::writer) async fn record(
    pg: &mut PgConnection,
    recording: &Recording,
    begun: bool,
) -> Result<(), StoreError> {
    let several = begun || rare::any(recording);
    if several && !begun {
        run(pg, "BEGIN").await?;
        // Items come first here too: what is rare is written before the statement that changes them.
        let items: Vec<_> = recording.totals.iter().map(|row| row.item.0).collect();
        lock(pg, &items).await?;
    }
    if several {
        rare::write(pg, recording).await?;
    }
    if !(recording.ledger.is_empty() && recording.keys.is_empty()) {
        write(pg, recording).await?;
    }
    if several {
        run(pg, "COMMIT").await?;
    }
    Ok(())
}

/// Versions, levels, holds, ledger, keys and outbox in a single round trip. Arrays are unnested in the list of columns,
/// all of a set to the same length: as tables they would be stored once more each, for twice the time.
///
/// Items come first, in the order of their ids, also where the database could choose: everything else waits for
/// `first`. So of two batches that meet at an item one waits there, holding nothing that the other needs.
const WRITE: &str = "
WITH items AS (
    UPDATE inventory_items i SET version = n.version, total_quantity = n.total, available_quantity = n.available,
        reserved_quantity = n.reserved, incoming_quantity = n.incoming, in_transit_quantity = n.in_transit,
        updated_at = $1
    FROM (SELECT unnest($2::uuid[]) AS item, unnest($3::bigint[]) AS version, unnest($4::bigint[]) AS total,
        unnest($5::bigint[]) AS available, unnest($6::bigint[]) AS reserved, unnest($7::bigint[]) AS incoming,
        unnest($8::bigint[]) AS in_transit) AS n
    WHERE i.id = n.item RETURNING 1
), first AS (
    SELECT count(*) FROM items
), levels AS (
    UPDATE inventory_locations l SET available_quantity = n.available, reserved_quantity = n.reserved,
        damaged_quantity = n.damaged, quality_control_quantity = n.quality_control,
        incoming_quantity = n.incoming, in_transit_quantity = n.in_transit, updated_at = $1
    FROM first, (SELECT unnest($9::uuid[]) AS item, unnest($10::uuid[]) AS location,
        unnest($11::bigint[]) AS available, unnest($12::bigint[]) AS reserved, unnest($13::bigint[]) AS damaged,
        unnest($14::bigint[]) AS quality_control, unnest($15::bigint[]) AS incoming,
        unnest($16::bigint[]) AS in_transit) AS n
    WHERE l.inventory_item_id = n.item AND l.warehouse_id = n.location
), new_holds AS (
    INSERT INTO inventory_reservations (id, inventory_item_id, warehouse_id, quantity, confirmed_quantity, status,
        expires_at, reference_type, reference_id, created_by, created_at, updated_at)
    SELECT unnest($17::uuid[]), unnest($18::uuid[]), unnest($19::uuid[]), unnest($20::bigint[]),
        unnest($21::bigint[]), unnest($22::text[]), unnest($23::timestamptz[]), unnest($24::text[]),
        unnest($25::text[]), unnest($26::text[]), $1, $1 FROM first
), holds AS (
    UPDATE inventory_reservations r SET confirmed_quantity = n.confirmed, status = n.status,
        expires_at = n.expires_at, updated_at = $1
    FROM first, (SELECT unnest($27::uuid[]) AS hold, unnest($28::uuid[]) AS item, unnest($29::uuid[]) AS location,
        unnest($30::bigint[]) AS confirmed, unnest($31::text[]) AS status,
        unnest($32::timestamptz[]) AS expires_at) AS n
    WHERE r.id = n.hold AND r.inventory_item_id = n.item AND r.warehouse_id = n.location
), ledger AS (
    INSERT INTO inventory_transactions (inventory_item_id, version, kind, quantity, from_place, from_warehouse_id,
        to_place, to_warehouse_id, reservation_id, transfer_id, reason, reference_type, reference_id, created_by,
        role, command_id, attributes, recorded_at)
    SELECT unnest($33::uuid[]), unnest($34::bigint[]), unnest($35::text[]), unnest($36::bigint[]),
        unnest($37::text[]), unnest($38::uuid[]), unnest($39::text[]), unnest($40::uuid[]), unnest($41::uuid[]),
        unnest($42::uuid[]), unnest($43::text[]), unnest($44::text[]), unnest($45::text[]), unnest($46::text[]),
        unnest($47::text[]), unnest($48::uuid[]), unnest($49::text[]), $1 FROM first
), keys AS (
    INSERT INTO idempotency_keys (scope, key, fingerprint, command_id, answer, created_at)
    SELECT unnest($50::text[]), unnest($51::text[]), unnest($52::text[]), unnest($53::uuid[]), unnest($54::text[]),
        $1 FROM first
)
INSERT INTO outbox (messages, packed, created_at)
SELECT $55::bigint, $56::bytea, $1 FROM first WHERE $55::bigint > 0";

/// One column of the rows, as an array to bind.
pub(super) fn column<'a, R, T>(rows: &'a [R], field: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

async fn write(pg: &mut PgConnection, recording: &Recording) -> Result<(), StoreError> {
    let Recording { at, levels, totals, keys, news, .. } = recording;
    let parcel = Parcel::of(news);
    let query = sqlx::query(WRITE)
        .bind(at)
        .bind(column(totals, |row| row.item.0))
        .bind(column(totals, |row| row.version))
        .bind(column(totals, |row| row.level.on_hand()))
        .bind(column(totals, |row| row.level.available))
        .bind(column(totals, |row| row.level.reserved))
        .bind(column(totals, |row| row.level.incoming))
        .bind(column(totals, |row| row.level.in_transit))
        .bind(column(levels, |row| row.item.0))
        .bind(column(levels, |row| row.location.0))
        .bind(column(levels, |row| row.level.available))
        .bind(column(levels, |row| row.level.reserved))
        .bind(column(levels, |row| row.level.damaged))
        .bind(column(levels, |row| row.level.quality_control))
        .bind(column(levels, |row| row.level.incoming))
        .bind(column(levels, |row| row.level.in_transit));
    bind_ledger(bind_holds(query, recording), &recording.ledger)
        .bind(column(keys, |row| row.scope.as_str()))
        .bind(column(keys, |row| row.key.as_str()))
        .bind(column(keys, |row| row.fingerprint.as_deref()))
        .bind(column(keys, |row| row.command_id))
        .bind(column(keys, |row| row.answer.as_str()))
        .bind(parcel.count)
        .bind(parcel.packed)
        .execute(pg)
        .await?;
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn bind_holds<'q>(query: Query<'q>, recording: &'q Recording) -> Query<'q> {
    let Recording { new_holds, holds, .. } = recording;
    let made = |row: &'q HoldRow| row.cause.as_deref();
    query
        .bind(column(new_holds, |row| row.hold.0))
        .bind(column(new_holds, |row| row.line.item.0))
        .bind(column(new_holds, |row| row.line.location.0))
        .bind(column(new_holds, |row| row.line.quantity))
        .bind(column(new_holds, |row| row.line.confirmed))
        .bind(column(new_holds, |row| row.line.status.as_str()))
        .bind(column(new_holds, |row| row.line.expires_at))
        .bind(column(new_holds, move |row| made(row)?.reference_type.as_deref()))
        .bind(column(new_holds, move |row| made(row)?.reference_id.as_deref()))
        .bind(column(new_holds, move |row| Some(made(row)?.actor.as_str())))
        .bind(column(holds, |row| row.hold.0))
        .bind(column(holds, |row| row.line.item.0))
        .bind(column(holds, |row| row.line.location.0))
        .bind(column(holds, |row| row.line.confirmed))
        .bind(column(holds, |row| row.line.status.as_str()))
        .bind(column(holds, |row| row.line.expires_at))
}

fn bind_ledger<'q>(query: Query<'q>, ledger: &'q [LedgerRow]) -> Query<'q> {
    query
        .bind(column(ledger, |row| row.item.0))
        .bind(column(ledger, |row| row.version))
        .bind(column(ledger, |row| row.kind))
        .bind(column(ledger, |row| row.quantity))
        .bind(column(ledger, |row| row.from.map(|place| place.word())))
        .bind(column(ledger, |row| row.from.and_then(|place| place.location()).map(|id| id.0)))
        .bind(column(ledger, |row| row.to.map(|place| place.word())))
        .bind(column(ledger, |row| row.to.and_then(|place| place.location()).map(|id| id.0)))
        .bind(column(ledger, |row| row.hold.map(|id| id.0)))
        .bind(column(ledger, |row| row.transfer.map(|id| id.0)))
        .bind(column(ledger, |row| row.cause.reason.as_deref()))
        .bind(column(ledger, |row| row.cause.reference_type.as_deref()))
        .bind(column(ledger, |row| row.cause.reference_id.as_deref()))
        .bind(column(ledger, |row| row.cause.actor.as_str()))
        .bind(column(ledger, |row| row.cause.role.as_str()))
        .bind(column(ledger, |row| row.cause.command_id))
        .bind(column(ledger, |row| row.attributes.as_deref()))
}
