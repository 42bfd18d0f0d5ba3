//! What the names in a request stand for, looked up by the set.

use std::collections::HashMap;

use domain::{ItemId, LocationId, NewItem, Refusal};
use ledger::{ReadError, Resolutions};
use platform::auth::Caller;

use super::unknown_location;
use crate::App;
use crate::error::Error;

/// The names that are to be looked up.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    pub(super) items: Vec<&'a str>,
    pub(super) locations: Vec<&'a str>,
}

/// What they stand for, as far as the caller may see it.
#[derive(Default)]
pub(super) struct Names {
    items: Resolutions,
    locations: HashMap<String, LocationId>,
    /// Items that are created by the same request.
    new: HashMap<String, ItemId>,
}

impl App {
    pub(super) async fn names(&self, caller: &Caller, wanted: &mut Wanted<'_>) -> Result<Names, Error> {
        let mut names = Names::default();
        if !wanted.items.is_empty() {
            names.items = self.reader.resolve_all(&wanted.items, caller.owner_scope()).await?;
        }
        if !wanted.locations.is_empty() {
            wanted.locations.sort_unstable();
            wanted.locations.dedup();
            names.locations = ledger::locations::find_all(&self.db, &wanted.locations).await?;
        }
        Ok(names)
    }
}

impl Names {
    pub(super) fn item(&self, name: &str) -> Result<ItemId, Error> {
        if self.items.ambiguous.contains(name) {
            return Err(ReadError::Ambiguous(name.to_owned()).into());
        }
        let known = self.items.items.get(name).map(|item| item.id);
        known.or_else(|| self.new.get(name).copied()).ok_or(Error::Refused(Refusal::ItemUnknown))
    }

    pub(super) fn location(&self, name: &str) -> Result<LocationId, Error> {
        self.locations.get(name).copied().ok_or_else(|| unknown_location(name).into())
    }

    /// From now on the item is called so.
    pub(super) fn call(&mut self, name: &str, item: ItemId) {
        self.new.insert(name.to_owned(), item);
    }

    /// From now on an item that is about to be created can be named as well. What has a name keeps it.
    pub(super) fn learn(&mut self, new: &NewItem) {
        let identity = &new.identity;
        self.new.entry(identity.sku.as_str().to_owned()).or_insert(identity.id);
        if identity.variant_id.is_none() {
            self.new.entry(identity.product_id.as_str().to_owned()).or_insert(identity.id);
        }
    }
}
