//! Why a command came to nothing.

use serde::{Deserialize, Serialize};

use crate::{HoldId, ItemId, LocationId, MAX_HOLD_SECONDS, MAX_LINES, MAX_UNITS, TransferId};

/// Why a command came to nothing. Checked, and listed, in this order; each is named for the rule that it
/// would have broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    /// A reservation, a transfer or a part of nothing.
    #[error("there are no lines")]
    NoLines,
    /// More lines than [`MAX_LINES`].
    #[error("{lines} lines were given and {MAX_LINES} is the most")]
    TooManyLines {
        /// How many there were.
        lines: usize,
    },
    /// A hold for no time, or for too long.
    #[error("a hold lasts from 1 to {MAX_HOLD_SECONDS} seconds, not {seconds}")]
    DurationOutOfRange {
        /// What was asked for.
        seconds: i64,
    },
    /// A reorder point or quantity below zero or above [`MAX_UNITS`].
    #[error("{field} is from 0 to {MAX_UNITS}, not {value}")]
    ReorderOutOfRange {
        /// Which of the two.
        field: String,
        /// What was asked for.
        value: i64,
    },
    /// A count below zero or above [`MAX_UNITS`].
    #[error("a count is from 0 to {MAX_UNITS}, not {counted}")]
    CountOutOfRange {
        /// What was given.
        counted: i64,
    },
    /// A move from a state into the same.
    #[error("the units are there already: name another state to move them to")]
    MoveToItself,
    /// A transfer from a location to the same.
    #[error("the goods are there already: name another location to ship them to")]
    TransferToItself,
    /// No such item, or none that the caller may see.
    #[error("there is no such item")]
    ItemUnknown,
    /// The item is not at the version that the caller had seen.
    #[error("the item is at version {actual}, not {expected}")]
    VersionStale {
        /// What the caller had seen.
        expected: i64,
        /// Where it is.
        actual: i64,
    },
    /// What the books said at the version that was counted cannot be found out.
    #[error("nothing is known of version {expected}, and the item is at version {actual}: count again")]
    VersionUnknown {
        /// What the counter had seen.
        expected: i64,
        /// Where the item is.
        actual: i64,
    },
    /// Another item has this SKU.
    #[error("the SKU {sku} is taken")]
    SkuTaken {
        /// The SKU.
        sku: String,
    },
    /// Another item stands for this variant of this product.
    #[error("the product {product_id} has an item for this variant already")]
    ProductTaken {
        /// The product.
        product_id: String,
    },
    /// No such location.
    #[error("there is no location {location}")]
    LocationUnknown {
        /// The id that was given.
        location: LocationId,
    },
    /// No location is active, so there is no first one.
    #[error("there is no active location")]
    NoLocation,
    /// Stock is neither put into nor promised from a closed location.
    #[error("the location {location} is not active")]
    LocationInactive {
        /// Its code.
        location: String,
    },
    /// A hold on an item that is no longer sold.
    #[error("the item {sku} is not active")]
    ItemInactive {
        /// Its SKU.
        sku: String,
    },
    /// No such hold, or none that the caller may see.
    #[error("there is no hold {hold}")]
    HoldUnknown {
        /// The id that was given.
        hold: HoldId,
    },
    /// A hold with this id exists.
    #[error("the hold {hold} exists already")]
    HoldTaken {
        /// The id that was given.
        hold: HoldId,
    },
    /// Its time was up before.
    #[error("the hold {hold} has expired")]
    HoldExpired {
        /// Which.
        hold: HoldId,
    },
    /// It was given back before.
    #[error("the hold {hold} was cancelled")]
    HoldCancelled {
        /// Which.
        hold: HoldId,
    },
    /// Its goods were handed over before.
    #[error("the hold {hold} was confirmed")]
    HoldConfirmed {
        /// Which.
        hold: HoldId,
    },
    /// Its time is not up yet.
    #[error("the hold {hold} has not expired")]
    HoldStillBinds {
        /// Which.
        hold: HoldId,
    },
    /// A part of a hold that has nothing of the item.
    #[error("the hold {hold} has no line of the item {item}")]
    HoldLineUnknown {
        /// Which.
        hold: HoldId,
        /// Of what.
        item: ItemId,
    },
    /// A part of a hold that is more than what is left of it.
    #[error("{requested} of {sku} were to be handed over and {held} are still held")]
    PartTooLarge {
        /// Of what.
        sku: String,
        /// How many were asked for, in units.
        requested: i64,
        /// How many are left, in units.
        held: i64,
    },
    /// No such transfer, or none that the caller may see.
    #[error("there is no transfer {transfer}")]
    TransferUnknown {
        /// The id that was given.
        transfer: TransferId,
    },
    /// A transfer with this id exists.
    #[error("the transfer {transfer} exists already")]
    TransferTaken {
        /// The id that was given.
        transfer: TransferId,
    },
    /// Nothing of the item was shipped.
    #[error("the transfer {transfer} has no line of the item {item}")]
    TransferLineUnknown {
        /// Which.
        transfer: TransferId,
        /// Of what.
        item: ItemId,
    },
    /// More than is still on its way.
    #[error("{requested} of {sku} were reported and {outstanding} are still on their way")]
    TransferExceeded {
        /// Of what.
        sku: String,
        /// How many were asked for, in units.
        requested: i64,
        /// How many are on their way, in units.
        outstanding: i64,
    },
    /// More than there is to promise or to take away.
    #[error("{requested} of {sku} were asked for and {available} are available")]
    NotEnough {
        /// Of what.
        sku: String,
        /// How many were asked for, in units.
        requested: i64,
        /// How many there are, in units.
        available: i64,
    },
    /// More were found missing than are free to take away, because holds bind the rest.
    #[error(
        "{missing} of {sku} are missing and only {available} are free, for {reserved} are held: cancel holds, then \
         count again"
    )]
    CountHeld {
        /// Of what.
        sku: String,
        /// How many fewer were counted than the books said, in units.
        missing: i64,
        /// How many are available, in units.
        available: i64,
        /// How many are held, in units.
        reserved: i64,
    },
    /// More than a level may hold.
    #[error("a level of {sku} would pass {MAX_UNITS}")]
    TooMuch {
        /// Of what.
        sku: String,
    },
}

impl Refusal {
    /// Whether another list of locations might have made a difference.
    pub fn is_about_locations(&self) -> bool {
        matches!(
            self,
            Refusal::LocationUnknown { .. } | Refusal::NoLocation | Refusal::LocationInactive { .. }
        )
    }

    /// The word for it in metrics: the same as its tag when it is written down.
    pub fn word(&self) -> &'static str {
        match self {
            Refusal::NoLines => "no_lines",
            Refusal::TooManyLines { .. } => "too_many_lines",
            Refusal::DurationOutOfRange { .. } => "duration_out_of_range",
            Refusal::ReorderOutOfRange { .. } => "reorder_out_of_range",
            Refusal::CountOutOfRange { .. } => "count_out_of_range",
            Refusal::MoveToItself => "move_to_itself",
            Refusal::TransferToItself => "transfer_to_itself",
            Refusal::ItemUnknown => "item_unknown",
            Refusal::VersionStale { .. } => "version_stale",
            Refusal::VersionUnknown { .. } => "version_unknown",
            Refusal::SkuTaken { .. } => "sku_taken",
            Refusal::ProductTaken { .. } => "product_taken",
            Refusal::LocationUnknown { .. } => "location_unknown",
            Refusal::NoLocation => "no_location",
            Refusal::LocationInactive { .. } => "location_inactive",
            Refusal::ItemInactive { .. } => "item_inactive",
            Refusal::HoldUnknown { .. } => "hold_unknown",
            Refusal::HoldTaken { .. } => "hold_taken",
            Refusal::HoldExpired { .. } => "hold_expired",
            Refusal::HoldCancelled { .. } => "hold_cancelled",
            Refusal::HoldConfirmed { .. } => "hold_confirmed",
            Refusal::HoldStillBinds { .. } => "hold_still_binds",
            Refusal::HoldLineUnknown { .. } => "hold_line_unknown",
            Refusal::PartTooLarge { .. } => "part_too_large",
            Refusal::TransferUnknown { .. } => "transfer_unknown",
            Refusal::TransferTaken { .. } => "transfer_taken",
            Refusal::TransferLineUnknown { .. } => "transfer_line_unknown",
            Refusal::TransferExceeded { .. } => "transfer_exceeded",
            Refusal::NotEnough { .. } => "not_enough",
            Refusal::CountHeld { .. } => "count_held",
            Refusal::TooMuch { .. } => "too_much",
        }
    }
}
