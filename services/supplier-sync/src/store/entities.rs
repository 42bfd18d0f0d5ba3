//! The rows of this service's database.

pub(crate) mod policy;
pub(crate) mod price_break;

/// A supplier.
pub(crate) mod supplier {
    use crate::adapters::AdapterKind;
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "suppliers")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
        pub(crate) id: String,
        pub(crate) name: String,
        pub(crate) contact_email: Option<String>,
        /// None: a placeholder for a supplier that an event named; nobody can ask it anything.
        pub(crate) adapter: Option<AdapterKind>,
        pub(crate) base_url: Option<String>,
        /// The generic adapter's options, as JSON.
        pub(crate) options: Option<String>,
        /// Sealed: see `crate::seal`.
        pub(crate) credential: Option<String>,
        pub(crate) lead_time_days: i32,
        pub(crate) sku_prefix: String,
        pub(crate) cron: Option<String>,
        pub(crate) zone: Option<String>,
        pub(crate) missed: Option<String>,
        /// The last tick that somebody claimed, or when the schedule was set: later ones are still to come.
        pub(crate) scheduled_from: Option<DateTimeUtc>,
        /// A tick that came while the run before it was open: it waits, and is not missed.
        pub(crate) waiting_tick: Option<DateTimeUtc>,
        pub(crate) active: bool,
        pub(crate) version: i64,
        pub(crate) created_at: DateTimeUtc,
        pub(crate) updated_at: DateTimeUtc,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// A product in a supplier's catalog.
pub(crate) mod product {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "catalog")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) supplier_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) product_id: String,
        pub(crate) supplier_sku: String,
        pub(crate) sku: String,
        pub(crate) name: String,
        /// Decimal text: money is never binary.
        pub(crate) cost: Option<String>,
        pub(crate) pack_size: i64,
        pub(crate) minimum_order: i64,
        /// The supplier's own figure; it never overwrites ours.
        pub(crate) supplier_stock: Option<i64>,
        /// When the supplier last changed the row.
        pub(crate) stamp: Option<DateTimeUtc>,
        pub(crate) active: bool,
        pub(crate) updated_at: DateTimeUtc,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// One sync of one supplier: a place in the queue, then a record.
pub(crate) mod run {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    /// Where a run stands.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, utoipa::ToSchema)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
    #[serde(rename_all = "snake_case")]
    pub(crate) enum RunState {
        /// Waiting for a worker.
        Queued,
        /// A worker has it.
        Running,
        /// Done; what changed is applied.
        Succeeded,
        /// Failed; nothing is changed.
        Failed,
        /// The feed looks wrong: nothing is changed until somebody approves.
        Held,
    }

    impl RunState {
        /// The states of a run that is still to end. The partial unique index in the migrations lists the same ones.
        pub(crate) const OPEN: [RunState; 2] = [RunState::Queued, RunState::Running];

        /// The word for metrics.
        pub(crate) fn word(self) -> &'static str {
            match self {
                RunState::Queued => "queued",
                RunState::Running => "running",
                RunState::Succeeded => "succeeded",
                RunState::Failed => "failed",
                RunState::Held => "held",
            }
        }
    }

    /// What caused a run.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, utoipa::ToSchema)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
    #[serde(rename_all = "snake_case")]
    pub(crate) enum RunCause {
        /// Its schedule.
        Schedule,
        /// A caller.
        Request,
        /// Somebody who approved of what the brake had held.
        Approval,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "sync_runs")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) supplier_id: String,
        pub(crate) state: RunState,
        pub(crate) cause: RunCause,
        pub(crate) override_brake: bool,
        pub(crate) queued_at: DateTimeUtc,
        pub(crate) started_at: Option<DateTimeUtc>,
        pub(crate) ended_at: Option<DateTimeUtc>,
        /// Past this a running run counts as abandoned.
        pub(crate) leased_until: Option<DateTimeUtc>,
        /// Counts its workers: one that was taken for dead cannot write any more.
        pub(crate) fence: i32,
        pub(crate) added: i64,
        pub(crate) updated: i64,
        pub(crate) deactivated: i64,
        pub(crate) unchanged: i64,
        pub(crate) refused: i64,
        /// Why it failed or is held, or why the first refused row was.
        pub(crate) error: Option<String>,
        /// The tick that it is for, if its schedule caused it.
        pub(crate) due_at: Option<DateTimeUtc>,
        /// The process that had it last.
        pub(crate) worker: Option<String>,
        /// Why the first refused rows were, as a JSON list of texts.
        pub(crate) refusals: Option<String>,
        /// Of what it would have changed, if it is held: see `crate::diff::Changes::digest`.
        pub(crate) held_digest: Option<String>,
        /// What it may change although the brake says no.
        pub(crate) approved_digest: Option<String>,
        /// When somebody approved of what it would have changed.
        pub(crate) approved_at: Option<DateTimeUtc>,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// An order at a supplier.
pub(crate) mod order {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    /// Where an order stands.
    #[derive(
        Clone,
        Copy,
        Debug,
        PartialEq,
        Eq,
        Hash,
        EnumIter,
        DeriveActiveEnum,
        Serialize,
        Deserialize,
        utoipa::ToSchema,
    )]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
    #[serde(rename_all = "snake_case")]
    pub(crate) enum OrderState {
        /// Recorded; the supplier may not know of it yet.
        Planned,
        /// The supplier has it and has not decided.
        Sent,
        /// The supplier will deliver.
        Confirmed,
        /// Some of it is here.
        PartlyReceived,
        /// All of it is here, or was and was no good.
        Received,
        /// The supplier will not deliver.
        Rejected,
        /// We do not want it any more.
        Cancelled,
    }

    impl OrderState {
        /// The states in which something is still to come. The partial unique index in the migrations lists the
        /// same ones.
        pub(crate) const OPEN: [OrderState; 4] =
            [OrderState::Planned, OrderState::Sent, OrderState::Confirmed, OrderState::PartlyReceived];

        /// Whether something is still to come.
        pub(crate) fn is_open(self) -> bool {
            OrderState::OPEN.contains(&self)
        }

        /// The word for metrics and messages.
        pub(crate) fn word(self) -> &'static str {
            match self {
                OrderState::Planned => "planned",
                OrderState::Sent => "sent",
                OrderState::Confirmed => "confirmed",
                OrderState::PartlyReceived => "partly_received",
                OrderState::Received => "received",
                OrderState::Rejected => "rejected",
                OrderState::Cancelled => "cancelled",
            }
        }
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "restock_orders")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) item_id: Uuid,
        pub(crate) sku: String,
        pub(crate) supplier_id: String,
        pub(crate) supplier_sku: String,
        pub(crate) state: OrderState,
        pub(crate) quantity: i64,
        /// What the supplier confirmed, when that is fewer.
        pub(crate) confirmed_quantity: Option<i64>,
        /// What one cost when it was planned, as decimal text.
        pub(crate) unit_cost: Option<String>,
        /// May be more than was ordered.
        pub(crate) accepted: i64,
        pub(crate) rejected: i64,
        /// How many order requests may have gone out.
        pub(crate) attempts: i32,
        /// How often it was tried to ask the supplier anything since the order last moved on.
        pub(crate) asks: i32,
        /// How many of the requests after the first were refused.
        pub(crate) refusals: i32,
        /// An order request went out whose answer is not known.
        pub(crate) in_doubt: bool,
        /// The supplier said that it has the order.
        pub(crate) taken: bool,
        /// Cancelled to be ordered elsewhere.
        pub(crate) replaced: bool,
        /// When to ask the supplier (again); none when there is nothing to ask.
        pub(crate) next_attempt_at: Option<DateTimeUtc>,
        /// Counts the claims: a sender that was taken for dead cannot write any more.
        pub(crate) fence: i32,
        pub(crate) last_error: Option<String>,
        /// When the first order request may have gone out.
        pub(crate) ordered_at: Option<DateTimeUtc>,
        /// When the last one may have.
        pub(crate) requested_at: Option<DateTimeUtc>,
        /// When the supplier says that it delivers.
        pub(crate) promised_at: Option<DateTimeUtc>,
        /// The same, or by its lead time while it has not said so.
        pub(crate) expected_at: Option<DateTimeUtc>,
        /// When nothing was left to come.
        pub(crate) received_at: Option<DateTimeUtc>,
        /// When we wanted it cancelled.
        pub(crate) cancel_requested_at: Option<DateTimeUtc>,
        pub(crate) created_at: DateTimeUtc,
        pub(crate) updated_at: DateTimeUtc,
        /// The trace that it was planned in.
        pub(crate) traceparent: Option<String>,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        /// How many are still to come.
        pub(crate) fn outstanding(&self) -> i64 {
            let expected = self.confirmed_quantity.unwrap_or(self.quantity);
            if self.state.is_open() { (expected - self.accepted - self.rejected).max(0) } else { 0 }
        }

        /// Whether the supplier has said that it has it. Senders of an older version note that in the state alone.
        pub(crate) fn was_taken(&self) -> bool {
            let said = [OrderState::Sent, OrderState::Confirmed, OrderState::PartlyReceived];
            self.taken || said.contains(&self.state)
        }

        /// Whether the supplier has it, or may have.
        pub(crate) fn may_be_there(&self) -> bool {
            self.was_taken() || self.in_doubt
        }
    }
}

/// What came of an order at one time.
pub(crate) mod receipt {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "restock_receipts")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) id: Uuid,
        pub(crate) order_id: Uuid,
        pub(crate) item_id: Uuid,
        pub(crate) accepted: i64,
        pub(crate) rejected: i64,
        pub(crate) reference: Option<String>,
        pub(crate) received_at: DateTimeUtc,
        /// How many of the accepted had been to come.
        pub(crate) awaited: i64,
        /// Stock has told of those.
        pub(crate) settled: bool,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}

/// An item's stock as events last told it: a projection, never the truth.
pub(crate) mod seen {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "stock_seen")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(crate) item_id: Uuid,
        pub(crate) sku: String,
        /// Empty until an event tells it.
        pub(crate) product_id: String,
        pub(crate) owner: String,
        pub(crate) supplier_id: Option<String>,
        /// Only a newer one overwrites.
        pub(crate) version: i64,
        pub(crate) available: i64,
        pub(crate) incoming: i64,
        /// From one location to another.
        pub(crate) in_transit: i64,
        pub(crate) reorder_point: i64,
        pub(crate) reorder_quantity: i64,
        pub(crate) active: bool,
        pub(crate) updated_at: DateTimeUtc,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}
    impl ActiveModelBehavior for ActiveModel {}
}
