//! Availability of many lines: whether they could be reserved as they are, all of them.
//!
//! **Invariant.** Lines of the same item count together, however each names it. What is asked for at one location
//! must be there, and what is asked for in all must be somewhere.

use std::collections::HashMap;

use domain::{ItemId, LocationId, MAX_LINES, Sku};
use ledger::{Promisable, Resolutions};

use crate::answers::{Availability, LineAvailability, Reason};
use crate::database::Database;
use crate::error::Error;

/// So many of an item, at a location or anywhere.
pub(crate) struct Line {
    pub(crate) item: String,
    pub(crate) quantity: i64,
    pub(crate) location: Option<String>,
}

/// What the lines are about, as it is now.
struct Stock {
    names: Resolutions,
    locations: HashMap<String, LocationId>,
    promisable: HashMap<ItemId, Promisable>,
}

/// What a line stands for.
struct Meant {
    item: ItemId,
    location: Option<LocationId>,
}

/// What is asked for by all lines.
#[derive(Default)]
struct Wanted {
    of: HashMap<ItemId, i64>,
    at: HashMap<(ItemId, LocationId), i64>,
}

/// Answers what is available of what the caller may see.
pub(crate) async fn check(
    database: &Database,
    lines: Vec<Line>,
    owner: Option<&str>,
) -> Result<Availability, Error> {
    if lines.is_empty() || lines.len() > MAX_LINES {
        return Err(Error::Lines(lines.len()));
    }
    let stock = database.ask(Stock::read(database, &lines, owner)).await?;
    let mut wanted = Wanted::default();
    for line in &lines {
        if let Ok(meant) = stock.meant(line) {
            wanted.add(&meant, line.quantity);
        }
    }
    let lines: Vec<LineAvailability> = lines.into_iter().map(|line| stock.answer(line, &wanted)).collect();
    Ok(Availability { available: lines.iter().all(|line| line.enough), lines })
}

impl Stock {
    async fn read(database: &Database, lines: &[Line], owner: Option<&str>) -> Result<Stock, Error> {
        let reader = &database.reader;
        // What has not the form of a name is nobody's.
        let names = lines.iter().map(|line| line.item.as_str());
        let names: Vec<&str> = names.filter(|name| Sku::try_from((*name).to_owned()).is_ok()).collect();
        let names = reader.resolve_all(&names, owner).await?;
        let mut asked: Vec<&str> = lines.iter().filter_map(|line| line.location.as_deref()).collect();
        asked.sort_unstable();
        asked.dedup();
        let locations = if asked.is_empty() { HashMap::new() } else { reader.locations(&asked).await? };
        let mut items: Vec<ItemId> = names.items.values().map(|found| found.id).collect();
        items.sort_unstable();
        items.dedup();
        let promisable = reader.promisable(&items).await?;
        Ok(Stock { names, locations, promisable })
    }

    fn meant(&self, line: &Line) -> Result<Meant, Reason> {
        let Some(found) = self.names.items.get(&line.item) else {
            let several = self.names.ambiguous.contains(&line.item);
            return Err(if several { Reason::ItemAmbiguous } else { Reason::ItemUnknown });
        };
        let location = line.location.as_ref().map(|name| self.locations.get(name).copied());
        match location {
            Some(None) => Err(Reason::LocationUnknown),
            Some(Some(location)) => Ok(Meant { item: found.id, location: Some(location) }),
            None => Ok(Meant { item: found.id, location: None }),
        }
    }

    fn answer(&self, line: Line, wanted: &Wanted) -> LineAvailability {
        let (wanted, available, reason) = match self.meant(&line) {
            Err(reason) => (line.quantity, 0, Some(reason)),
            Ok(meant) => self.judge(&meant, wanted),
        };
        let found = self.names.items.get(&line.item);
        LineAvailability {
            item_id: found.map(|found| found.id.0),
            sku: found.map(|found| found.sku.clone()),
            item: line.item,
            location: line.location,
            quantity: line.quantity,
            wanted,
            available,
            enough: reason.is_none(),
            reason,
        }
    }

    /// How many are wanted and there, and why that is not enough.
    fn judge(&self, meant: &Meant, wanted: &Wanted) -> (i64, i64, Option<Reason>) {
        let nothing = Promisable::default();
        let stock = self.promisable.get(&meant.item).unwrap_or(&nothing);
        let of = wanted.of.get(&meant.item).copied().unwrap_or(0);
        let (asked, there) = match meant.location {
            None => (of, stock.total()),
            Some(at) => {
                let asked = wanted.at.get(&(meant.item, at)).copied().unwrap_or(0);
                (asked, stock.at.get(&at).copied().unwrap_or(0))
            }
        };
        let reason = match stock.active {
            false => Some(Reason::ItemInactive),
            true if asked > there || of > stock.total() => Some(Reason::NotEnough),
            true => None,
        };
        (asked, there, reason)
    }
}

impl Wanted {
    fn add(&mut self, meant: &Meant, quantity: i64) {
        *self.of.entry(meant.item).or_default() += quantity;
        if let Some(location) = meant.location {
            *self.at.entry((meant.item, location)).or_default() += quantity;
        }
    }
}
