//! What a ledger row recorded, as the event that it was.

use domain::{
    Attributes, Change, Event, HoldId, HoldStatus, Identity, ItemId, LocationId, Name, Outside, Sku, State,
    Stock, Timestamp, TransferId,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::Row;

/// The words for what a row may record.
pub(crate) const KINDS: [&str; 20] = [
    "created",
    "updated",
    "expected",
    "unexpected",
    "received",
    "arrived",
    "returned",
    "increased",
    "decreased",
    "counted_more",
    "counted_fewer",
    "moved",
    "shipped",
    "transfer_received",
    "transfer_lost",
    "held",
    "extended",
    "confirmed",
    "cancelled",
    "expired",
];

const STATES: [State; 6] = [
    State::Available,
    State::Reserved,
    State::Damaged,
    State::QualityControl,
    State::Incoming,
    State::InTransit,
];

/// What the row of an item's creation says of it besides its attributes.
#[derive(Deserialize)]
struct Described {
    product_id: Sku,
    variant_id: Option<Sku>,
    sku: Sku,
    owner: Name,
}

/// What the row of a hold says besides its units.
#[derive(Deserialize)]
struct Lasting {
    expires_at: Timestamp,
}

/// The state that a word is for.
pub(crate) fn state(word: &str) -> Option<State> {
    STATES.into_iter().find(|state| state.as_str() == word)
}

impl Row {
    /// The event that it recorded, of stock as it was before it.
    pub(crate) fn event(&self, before: &Stock) -> Result<Event, String> {
        Ok(Event { item: ItemId(self.inventory_item_id), change: self.change(before)? })
    }

    fn change(&self, before: &Stock) -> Result<Change, String> {
        let quantity = self.quantity;
        Ok(match self.kind.as_str() {
            "created" => Change::Created(Box::new((self.identity()?, self.described()?))),
            "updated" => Change::Updated(Box::new(self.described()?)),
            "expected" => Change::Expected { location: self.destination()?, quantity },
            "unexpected" => Change::Unexpected { location: self.origin()?, quantity },
            "received" => {
                Change::Received { location: self.destination()?, quantity, state: self.destination_state()? }
            }
            "arrived" => {
                Change::Arrived { location: self.destination()?, quantity, state: self.destination_state()? }
            }
            "returned" => {
                Change::Returned { location: self.destination()?, quantity, state: self.destination_state()? }
            }
            "increased" => Change::Increased {
                location: self.destination()?,
                quantity,
                state: self.destination_state()?,
                against: outside(self.from_place.as_deref())?,
            },
            "decreased" => Change::Decreased {
                location: self.origin()?,
                quantity,
                state: self.origin_state()?,
                against: outside(self.to_place.as_deref())?,
            },
            "counted_more" => Change::CountedMore {
                location: self.destination()?,
                quantity,
                state: self.destination_state()?,
            },
            "counted_fewer" => {
                Change::CountedFewer { location: self.origin()?, quantity, state: self.origin_state()? }
            }
            "moved" => {
                let (from, to) = (self.origin_state()?, self.destination_state()?);
                Change::Moved { location: self.destination()?, from, to, quantity }
            }
            other => self.of_books(other, before)?,
        })
    }

    /// What it recorded of a hold or a transfer.
    fn of_books(&self, kind: &str, before: &Stock) -> Result<Change, String> {
        let quantity = self.quantity;
        Ok(match kind {
            "shipped" => {
                let transfer = self.transfer()?;
                Change::Shipped { transfer, from: self.origin()?, to: self.destination()?, quantity }
            }
            "transfer_received" => {
                let (transfer, state) = (self.transfer()?, self.destination_state()?);
                Change::TransferReceived { transfer, location: self.destination()?, quantity, state }
            }
            "transfer_lost" => {
                Change::TransferLost { transfer: self.transfer()?, location: self.origin()?, quantity }
            }
            "held" => {
                let (hold, expires_at) = (self.hold()?, self.lasting()?);
                Change::Held { hold, location: self.destination()?, quantity, expires_at }
            }
            "extended" => {
                let (hold, expires_at) = (self.hold()?, self.lasting()?);
                Change::HoldExtended { hold, location: self.extended(before, hold, expires_at), expires_at }
            }
            "confirmed" => Change::HoldConfirmed { hold: self.hold()?, location: self.origin()?, quantity },
            "cancelled" => Change::HoldCancelled { hold: self.hold()?, location: self.origin()?, quantity },
            "expired" => Change::HoldExpired { hold: self.hold()?, location: self.origin()?, quantity },
            other => return Err(format!("{other:?} is no kind of change")),
        })
    }

    fn identity(&self) -> Result<Identity, String> {
        let Described { product_id, variant_id, sku, owner } = self.read()?;
        Ok(Identity { id: ItemId(self.inventory_item_id), product_id, variant_id, sku, owner })
    }

    fn described(&self) -> Result<Attributes, String> {
        self.read()
    }

    /// Until when something is held. Rows of the first release do not say it.
    fn lasting(&self) -> Result<Timestamp, String> {
        match &self.attributes {
            Some(_) => self.read::<Lasting>().map(|lasting| lasting.expires_at),
            None => Ok(self.recorded_at),
        }
    }

    /// Where the line is that was extended. Nothing moved, so the row has no place; but the open lines of a hold on an
    /// item last equally long, and each was extended by a row of its own. A hold that is not known is no matter.
    fn extended(&self, before: &Stock, hold: HoldId, until: Timestamp) -> LocationId {
        let mut lines = before.holds.get(&hold).into_iter().flat_map(|hold| &hold.lines);
        let line = lines.find(|line| line.status == HoldStatus::Open && line.expires_at < until);
        line.map_or(LocationId(Uuid::nil()), |line| line.location)
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        let text = self.attributes.as_deref().ok_or("it has no attributes")?;
        serde_json::from_str(text).map_err(|error| format!("its attributes: {error}"))
    }

    fn hold(&self) -> Result<HoldId, String> {
        self.reservation_id.map(HoldId).ok_or_else(|| "it names no reservation".to_owned())
    }

    fn transfer(&self) -> Result<TransferId, String> {
        self.transfer_id.map(TransferId).ok_or_else(|| "it names no transfer".to_owned())
    }

    fn origin(&self) -> Result<LocationId, String> {
        self.from_warehouse_id.map(LocationId).ok_or_else(|| "it is from no location".to_owned())
    }

    fn destination(&self) -> Result<LocationId, String> {
        self.to_warehouse_id.map(LocationId).ok_or_else(|| "it is to no location".to_owned())
    }

    fn origin_state(&self) -> Result<State, String> {
        known(self.from_place.as_deref(), state)
    }

    fn destination_state(&self) -> Result<State, String> {
        known(self.to_place.as_deref(), state)
    }
}

fn outside(word: Option<&str>) -> Result<Outside, String> {
    known(word, |word| match word {
        "supplier" => Some(Outside::Supplier),
        "customer" => Some(Outside::Customer),
        "adjustment" => Some(Outside::Adjustment),
        _ => None,
    })
}

fn known<T>(word: Option<&str>, meaning: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    let word = word.ok_or("a place is missing")?;
    meaning(word).ok_or_else(|| format!("{word:?} is no such place"))
}
