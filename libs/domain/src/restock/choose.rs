//! Of the suppliers who could deliver an item, which one is asked.

use rust_decimal::Decimal;

/// A supplier that can be asked now, and what it says of the item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its id.
    pub supplier_id: String,
    /// Whether its catalog has the item.
    pub listing: Listing,
    /// What one costs there, when that is known.
    pub unit_cost: Option<Decimal>,
}

/// Whether a supplier's catalog has an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// It does.
    Listed,
    /// It has never been heard of there: an item whose supplier has no catalog here.
    Unknown,
    /// It once did, and no longer does.
    Delisted,
}

/// Says whom to ask: the first preferred one who lists the item; else, of the others who list it, the cheapest; else
/// the first preferred one whose catalog says nothing of it. Nobody is asked for what it no longer lists, nor a
/// stranger for what nobody says that it has.
pub fn choose<'a>(offers: &'a [Offer], preferred: &[&str]) -> Option<&'a Offer> {
    let first = |listing: Listing| {
        preferred
            .iter()
            .find_map(|id| offers.iter().find(|offer| offer.supplier_id == *id && offer.listing == listing))
    };
    let cheapest = || {
        let listed = offers.iter().filter(|offer| offer.listing == Listing::Listed);
        // Who names no price comes last; the id only makes it the same one each time.
        listed.min_by_key(|offer| (offer.unit_cost.is_none(), offer.unit_cost, &offer.supplier_id))
    };
    first(Listing::Listed).or_else(cheapest).or_else(|| first(Listing::Unknown))
}
