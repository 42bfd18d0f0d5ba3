//! What will be asked for, and what follows from it for stock.

use chrono::{DateTime, NaiveDate, Utc};
use ledger::{ItemView, LevelView, Listed};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::rounded;
use crate::forecasts::{Foretold, Lead};

/// What is expected of an item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ItemForecast {
    item_id: Uuid,
    sku: String,
    /// Where, as it was asked; none for all locations together.
    location: Option<String>,
    as_of: DateTime<Utc>,
    history: History,
    /// How it was forecast: level, trend, weekly, weekly_trend; syntetos_boylan or teunter_syntetos_babai for demand that
    /// comes seldom; nothing when no day says anything.
    method: &'static str,
    /// What kind of demand it is.
    pattern: &'static str,
    /// Units that are expected of a day, on average over those that are forecast.
    mean_per_day: f64,
    /// The standard deviation of what a day misses its forecast by.
    daily_sd: f64,
    /// Day by day, from today on.
    days: Vec<ForecastDay>,
    on_hand: i64,
    available: i64,
    /// On order from suppliers.
    incoming: i64,
    in_transit: i64,
    /// How long what is available lasts; none is for ever.
    days_of_cover: Option<f64>,
    lead_time: LeadTime,
    /// The share of deliveries that are to come before stock runs out.
    service_level: f64,
    suggestion: ReorderSuggestion,
    /// The item's own, as it is ordered by now.
    reorder_point: i64,
    reorder_quantity: i64,
}

/// What it is made of.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct History {
    first_day: NaiveDate,
    /// Yesterday: today is not over.
    last_day: NaiveDate,
    days: usize,
    /// Days that say something.
    observed_days: usize,
    /// Days on which there was none to be had: they say nothing of demand.
    sold_out_days: usize,
    sold: i64,
    returned: i64,
    /// However long ago.
    last_sold: Option<NaiveDate>,
    /// The item's version up to which its ledger is summed up.
    version: i64,
}

/// What is expected of a day.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ForecastDay {
    day: NaiveDate,
    units: f64,
}

/// How long a delivery takes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LeadTime {
    days: f64,
    sd_days: f64,
    /// Whence it is known: `request`, `observed` (of the supplier) or `configured`.
    source: &'static str,
    /// The supplier's orders that were observed.
    orders: usize,
}

/// When to order, and how much.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct ReorderSuggestion {
    /// Kept beside what is expected to be sold during a delivery.
    safety_stock: i64,
    /// Order when what is there and on its way is at or below this.
    reorder_point: i64,
    /// How many then.
    reorder_quantity: i64,
}

/// Items of which more should be ordered, or at other levels than now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SuggestionPage {
    pub(crate) suggestions: Vec<ItemSuggestion>,
    /// Give it as `cursor` to go on. A page may be short, or empty, and have one: so many items are looked at a page.
    pub(crate) next_cursor: Option<String>,
}

/// What is suggested of an item.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ItemSuggestion {
    item_id: Uuid,
    sku: String,
    name: String,
    owner: String,
    supplier_id: Option<String>,
    /// Available, incoming and in transit together.
    position: i64,
    /// Whether the position is at or below the suggested reorder point.
    pub(crate) due: bool,
    /// How many to order now; 0 unless it is due.
    order_quantity: i64,
    method: &'static str,
    mean_per_day: f64,
    /// How long what is available lasts; none is for ever.
    days_of_cover: Option<f64>,
    lead_time: LeadTime,
    suggestion: ReorderSuggestion,
    /// The item's own, as it is ordered by now.
    reorder_point: i64,
    reorder_quantity: i64,
}

/// The units of an item that are asked about: everywhere, or at one location.
pub(crate) struct Units {
    on_hand: i64,
    pub(crate) available: i64,
    incoming: i64,
    in_transit: i64,
}

impl Units {
    pub(crate) fn of(item: &ItemView, location: Option<Uuid>) -> Units {
        let Some(location) = location else {
            let ItemView { on_hand, available, incoming, in_transit, .. } = *item;
            return Units { on_hand, available, incoming, in_transit };
        };
        let here = |level: &&LevelView| level.location_id == location;
        item.levels.iter().find(here).map_or(
            Units { on_hand: 0, available: 0, incoming: 0, in_transit: 0 },
            |level| Units {
                on_hand: level.on_hand,
                available: level.available,
                incoming: level.incoming,
                in_transit: level.in_transit,
            },
        )
    }
}

impl ItemForecast {
    pub(crate) fn of(
        item: &ItemView,
        location: Option<String>,
        units: &Units,
        (as_of, foretold): (DateTime<Utc>, &Foretold),
        service_level: f64,
    ) -> ItemForecast {
        let computed = &foretold.computed;
        let today = as_of.date_naive();
        let day = |(day, units): (NaiveDate, &f64)| ForecastDay { day, units: rounded(*units) };
        ItemForecast {
            item_id: item.id,
            sku: item.sku.clone(),
            location,
            as_of,
            history: History::of(foretold),
            method: computed.method,
            pattern: computed.pattern.as_str(),
            mean_per_day: rounded(foretold.mean_per_day()),
            daily_sd: rounded(computed.daily_sd),
            days: today.iter_days().zip(&computed.ahead).map(day).collect(),
            on_hand: units.on_hand,
            available: units.available,
            incoming: units.incoming,
            in_transit: units.in_transit,
            days_of_cover: computed.cover.map(rounded),
            lead_time: foretold.lead.into(),
            service_level,
            suggestion: computed.suggestion.into(),
            reorder_point: item.reorder_point,
            reorder_quantity: item.reorder_quantity,
        }
    }
}

impl History {
    fn of(foretold: &Foretold) -> History {
        let demand = &foretold.demand;
        History {
            first_day: demand.first_day,
            last_day: foretold.last_day(),
            days: demand.days.len(),
            observed_days: foretold.computed.observed_days,
            sold_out_days: demand.days.iter().filter(|day| day.sold_out).count(),
            sold: demand.days.iter().map(|day| day.sold).sum(),
            returned: demand.days.iter().map(|day| day.returned).sum(),
            last_sold: demand.last_sold,
            version: demand.version,
        }
    }
}

impl ItemSuggestion {
    /// None if nothing is to be ordered and the item's own levels are those that are suggested.
    pub(crate) fn of(item: Listed, foretold: &Foretold) -> Option<ItemSuggestion> {
        let computed = &foretold.computed;
        let suggested = computed.suggestion;
        let position = item.available + item.incoming + item.in_transit;
        let due = suggested.reorder_quantity > 0 && position <= suggested.reorder_point;
        let levels = (suggested.reorder_point, suggested.reorder_quantity);
        if computed.observed_days == 0 || (!due && levels == (item.reorder_point, item.reorder_quantity)) {
            return None;
        }
        let short = (suggested.reorder_point - position).max(0);
        Some(ItemSuggestion {
            item_id: item.id,
            sku: item.sku,
            name: item.name,
            owner: item.owner,
            supplier_id: item.supplier_id,
            position,
            due,
            order_quantity: if due { suggested.reorder_quantity + short } else { 0 },
            method: computed.method,
            mean_per_day: rounded(foretold.mean_per_day()),
            days_of_cover: computed.cover.map(rounded),
            lead_time: foretold.lead.into(),
            suggestion: suggested.into(),
            reorder_point: item.reorder_point,
            reorder_quantity: item.reorder_quantity,
        })
    }
}

impl From<Lead> for LeadTime {
    fn from(lead: Lead) -> LeadTime {
        let Lead { time, source, orders } = lead;
        LeadTime {
            days: rounded(time.mean_days),
            sd_days: rounded(time.sd_days),
            source: source.as_str(),
            orders,
        }
    }
}

impl From<forecast::Suggestion> for ReorderSuggestion {
    fn from(suggestion: forecast::Suggestion) -> ReorderSuggestion {
        let forecast::Suggestion { safety_stock, reorder_point, reorder_quantity } = suggestion;
        ReorderSuggestion { safety_stock, reorder_point, reorder_quantity }
    }
}
