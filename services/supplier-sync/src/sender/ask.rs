//! What a supplier is asked in one turn of an order.

use super::{Asked, Turn};
use crate::error::Error;
use crate::fetch::{FetchError, OrderAnswer, Peer};
use crate::restock;
use crate::steps::Step;
use crate::store::entities::{order, supplier};
use crate::store::{self, orders};
use crate::suppliers;
use chrono::TimeDelta;
use platform::db;
use reqwest::StatusCode;

/// How many times a supplier must refuse a request after the first to be believed: one refusal may only mean that it
/// has the order already.
const REFUSALS_THAT_COUNT: i32 = 2;

impl From<FetchError> for Asked {
    fn from(error: FetchError) -> Asked {
        match error {
            FetchError::Open(_) | FetchError::Address(_) | FetchError::Unconnected(_) => {
                Asked::Held(error.to_string())
            }
            FetchError::Status { status: StatusCode::TOO_MANY_REQUESTS, .. } => {
                Asked::Held(error.to_string())
            }
            _ => Asked::Failed(error.to_string()),
        }
    }
}

impl Turn<'_> {
    /// Asks about the order if it may be there; places it if it is not, and is wanted.
    pub(super) async fn ask(&mut self) -> Result<Asked, Error> {
        let supplier = suppliers::find(&self.app.db, &self.order.supplier_id).await?;
        let may_be_there = self.order.may_be_there();
        if !may_be_there && let Some(over) = self.unwanted(&supplier).await? {
            return Ok(over);
        }
        let peer = match suppliers::peer(self.app, &supplier) {
            Ok(peer) => peer,
            Err(error @ Error::Db(_)) => return Err(error),
            Err(error) => return Ok(Asked::Held(error.to_string())),
        };
        if may_be_there {
            if let Some(asked) = self.ask_about_it(&peer).await {
                return Ok(asked);
            }
            if let Some(over) = self.unwanted(&supplier).await? {
                return Ok(over);
            }
        }
        if self.order.attempts >= self.app.settings.order_attempts {
            return Ok(Asked::GivenUp(self.order.last_error.clone().unwrap_or_default()));
        }
        self.place(&peer).await
    }

    /// Whether an order that is not there shall not be, or cannot.
    async fn unwanted(&self, supplier: &supplier::Model) -> Result<Option<Asked>, Error> {
        if self.order.cancel_requested_at.is_some() {
            return Ok(Some(Asked::NotThere));
        }
        if supplier.active {
            return Ok(None);
        }
        let inactive = format!("supplier {} is inactive", supplier.id);
        let Some(item) = store::seen::find(&self.app.db, self.order.item_id).await? else {
            return Ok(Some(Asked::Held(inactive)));
        };
        let policy = store::policies::find(&self.app.db, item.item_id).await?;
        Ok(Some(match restock::choice(&self.app.db, &item, policy.as_ref()).await? {
            Some(_) => Asked::Elsewhere(format!("{inactive}: it is ordered elsewhere")),
            None => Asked::Held(inactive),
        }))
    }

    /// None: it is certain that the supplier does not have the order.
    async fn ask_about_it(&mut self, peer: &Peer) -> Option<Asked> {
        match tallied("ask", self.app.fetcher.order(peer, self.order.id).await) {
            Ok(Some(OrderAnswer::Taken | OrderAnswer::Confirmed(_)))
                if self.order.cancel_requested_at.is_some() =>
            {
                Some(self.cancel(peer).await)
            }
            Ok(Some(answer)) => Some(Asked::Answered(answer)),
            Ok(None) if self.order.was_taken() => {
                Some(Asked::Failed("the supplier had the order and does not know it any more".to_owned()))
            }
            Ok(None) if !self.has_settled() => Some(Asked::Failed(
                "the supplier does not know the order, and may not have seen it yet".to_owned(),
            )),
            Ok(None) => {
                self.order.in_doubt = false;
                None
            }
            Err(error) => Some(error.into()),
        }
    }

    /// Whether the last request was, when this turn began, so long ago that it cannot be under way any more.
    fn has_settled(&mut self) -> bool {
        let settle = i64::try_from(self.app.settings.order_settle_ms).unwrap_or(i64::MAX);
        // An older version does not write down when: from now on it is known.
        let last = *self.order.requested_at.get_or_insert(self.began);
        self.began - last >= TimeDelta::milliseconds(settle)
    }

    async fn cancel(&self, peer: &Peer) -> Asked {
        match tallied("cancel", self.app.fetcher.cancel(peer, self.order.id).await) {
            Ok(OrderAnswer::Cancelled(_) | OrderAnswer::Rejected(_)) => {
                Asked::Answered(OrderAnswer::Cancelled("cancelled".to_owned()))
            }
            Ok(OrderAnswer::Taken) => {
                Asked::Failed("the supplier has not decided on cancelling it".to_owned())
            }
            Ok(OrderAnswer::Confirmed(_)) => Asked::NotCancelled("it delivers".to_owned()),
            Ok(OrderAnswer::Refused(why)) => Asked::NotCancelled(why),
            Err(error) => error.into(),
        }
    }

    /// Places the order; that a request may have gone out is on record first.
    async fn place(&mut self, peer: &Peer) -> Result<Asked, Error> {
        let before = self.order.clone();
        if !self.write_down().await? {
            return Ok(Asked::Lost);
        }
        self.app.reached(Step::WrittenDown, self.order.id).await;
        // Held up for so long, by whatever, that somebody else may have taken over.
        if self.claimed.elapsed() >= self.app.settings.order_limit() / 2 {
            return Ok(Asked::Lost);
        }
        if before.attempts > 0 {
            metrics::counter!("restock_retries_total").increment(1);
        }
        let order = &self.order;
        let placed = self.app.fetcher.place(peer, order.id, &order.supplier_sku, order.quantity).await;
        Ok(match tallied("place", placed) {
            Ok(OrderAnswer::Refused(why)) if before.attempts > 0 => {
                self.order.refusals += 1;
                match self.order.refusals < REFUSALS_THAT_COUNT {
                    true => Asked::Failed(why),
                    false => Asked::Answered(OrderAnswer::Refused(why)),
                }
            }
            Ok(answer) => Asked::Answered(answer),
            Err(error) => {
                if !error.was_sent() {
                    // As it was: certain that the supplier does not have it.
                    self.order = before;
                }
                error.into()
            }
        })
    }

    /// Writes down that a request may have gone out. False: the order is not ours any more.
    async fn write_down(&mut self) -> Result<bool, Error> {
        let tx = db::begin(&self.app.db).await?;
        let Some(current) = self.still_ours(&tx).await? else {
            tx.rollback().await?;
            return Ok(false);
        };
        if current.cancel_requested_at.is_some() {
            tx.rollback().await?;
            return Ok(false);
        }
        let now = db::now(&tx).await?;
        let written = order::Model {
            in_doubt: true,
            attempts: current.attempts.saturating_add(1),
            requested_at: Some(now),
            ordered_at: current.ordered_at.or(Some(now)),
            ..current
        };
        orders::update(&tx, &written).await?;
        tx.commit().await?;
        self.order = written;
        Ok(true)
    }
}

/// Counts a request by what came of it.
fn tallied<T>(request: &'static str, outcome: Result<T, FetchError>) -> Result<T, FetchError> {
    let word = match &outcome {
        Ok(_) => "answered",
        Err(error) if error.was_sent() => "failed",
        Err(_) => "held",
    };
    metrics::counter!("restock_requests_total", "request" => request, "outcome" => word).increment(1);
    outcome
}
