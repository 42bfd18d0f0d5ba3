//! Whether there is enough.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Whether a request could be reserved as a whole, and each of its lines.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Availability {
    /// Whether there is enough for all lines together.
    pub(crate) available: bool,
    /// The lines, in the order in which they were asked for.
    pub(crate) lines: Vec<LineAvailability>,
}

/// Whether there is enough for a line, beside the other lines of the same item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LineAvailability {
    /// As it was asked for.
    pub(crate) item: String,
    /// The item that it stands for.
    pub(crate) item_id: Option<Uuid>,
    /// That item's SKU.
    pub(crate) sku: Option<String>,
    /// As it was asked for; anywhere when it was not.
    pub(crate) location: Option<String>,
    /// How many this line asks for.
    pub(crate) quantity: i64,
    /// How many all lines ask for of the item there; or of the item, when this line asks for it anywhere.
    pub(crate) wanted: i64,
    /// How many could be promised there; or anywhere.
    pub(crate) available: i64,
    /// Whether that is enough.
    pub(crate) enough: bool,
    /// Why not.
    pub(crate) reason: Option<Reason>,
}

/// Why there is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// No item that the caller may see has the name.
    ItemUnknown,
    /// The name stands for several items.
    ItemAmbiguous,
    /// There is no such location.
    LocationUnknown,
    /// It may not be promised.
    ItemInactive,
    /// More are asked for than there are.
    NotEnough,
}
