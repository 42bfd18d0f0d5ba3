//! Orders at a supplier: placing one under our reference, asking about it, and asking for it to be cancelled.
//!
//! Each call asks once; who calls records what came of it. An error leaves open whether the supplier did it, unless
//! [`FetchError::was_sent`] says that it cannot have.

use super::{FetchError, Fetcher, MAX_ORDER_ANSWER_BYTES, Peer, read, said};
use crate::adapters::{Target, below, misread};
use chrono::{DateTime, NaiveDate, NaiveTime, SubsecRound, Utc};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// What a supplier says of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OrderAnswer {
    /// It has the order and has not decided yet.
    Taken,
    /// It will deliver.
    Confirmed(Promise),
    /// It will not, for this reason.
    Rejected(String),
    /// It will not any more.
    Cancelled(String),
    /// It did not take this request, and says nothing of an earlier one.
    Refused(String),
}

/// What a supplier promises with its confirmation. None: it says nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Promise {
    /// How many it will deliver in all.
    pub(crate) quantity: Option<i64>,
    /// When.
    pub(crate) at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct OrderBody {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    confirmed_quantity: Value,
    #[serde(default)]
    promised_at: Value,
}

impl FetchError {
    /// Whether the supplier may have got the request although this came of it. One that it says it has not looked at,
    /// for there are too many, it has not.
    pub(crate) fn was_sent(&self) -> bool {
        match self {
            FetchError::Open(_) | FetchError::Address(_) | FetchError::Unconnected(_) => false,
            FetchError::Status { status, .. } => *status != StatusCode::TOO_MANY_REQUESTS,
            FetchError::Timeout
            | FetchError::Broken(_)
            | FetchError::Redirected
            | FetchError::TooLarge(_)
            | FetchError::Unreadable(_) => true,
        }
    }
}

impl Fetcher {
    /// What the supplier knows of the order with our reference; `None` when it does not know it.
    pub(crate) async fn order(
        &self,
        peer: &Peer,
        reference: Uuid,
    ) -> Result<Option<OrderAnswer>, FetchError> {
        let url = below(&peer.target.base, &format!("orders/{reference}"));
        match self.ask_about_order(peer, &url, self.client.get(url.clone())).await {
            Err(FetchError::Status { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Places an order under our reference.
    pub(crate) async fn place(
        &self,
        peer: &Peer,
        reference: Uuid,
        supplier_sku: &str,
        quantity: i64,
    ) -> Result<OrderAnswer, FetchError> {
        let url = below(&peer.target.base, "orders");
        let body = serde_json::json!({ "reference": reference, "sku": supplier_sku, "quantity": quantity });
        let request =
            self.client.post(url.clone()).header("Idempotency-Key", reference.to_string()).json(&body);
        match self.ask_about_order(peer, &url, request).await {
            Err(FetchError::Status { status, reason, .. }) if is_refusal(status) => {
                Ok(OrderAnswer::Refused(reason.unwrap_or_else(|| format!("the supplier answered {status}"))))
            }
            other => other,
        }
    }

    /// Asks for an order, which the supplier has, to be cancelled. [`OrderAnswer::Refused`]: it will not.
    pub(crate) async fn cancel(&self, peer: &Peer, reference: Uuid) -> Result<OrderAnswer, FetchError> {
        let url = below(&peer.target.base, &format!("orders/{reference}/cancel"));
        let request = self.client.post(url.clone()).header("Idempotency-Key", format!("{reference}-cancel"));
        match self.ask_about_order(peer, &url, request).await {
            // Not to know of cancelling is to refuse it too.
            Err(FetchError::Status { status, reason, .. })
                if status.is_client_error()
                    && !matches!(
                        status,
                        StatusCode::TOO_MANY_REQUESTS
                            | StatusCode::REQUEST_TIMEOUT
                            | StatusCode::UNAUTHORIZED
                            | StatusCode::FORBIDDEN
                    ) =>
            {
                Ok(OrderAnswer::Refused(reason.unwrap_or_else(|| format!("it answered {status}"))))
            }
            other => other,
        }
    }

    async fn ask_about_order(
        &self,
        peer: &Peer,
        url: &Url,
        request: RequestBuilder,
    ) -> Result<OrderAnswer, FetchError> {
        let asking = self.ask(peer)?;
        let body = match self.send(peer, url, request).await {
            Ok(response) => read(response, MAX_ORDER_ANSWER_BYTES).await,
            Err(error) => Err(error),
        };
        order_answer(&peer.target, &self.judged(peer, asking, body)?)
    }
}

/// Statuses by which a supplier says no to an order for good. 409 is not one: it may mean that it has the order
/// already, which the next attempt asks.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 410 | 413 | 422)
}

fn order_answer(target: &Target, body: &[u8]) -> Result<OrderAnswer, FetchError> {
    let unreadable = |why: String| FetchError::Unreadable(format!("it {why}"));
    let body: OrderBody = serde_json::from_slice(body).map_err(|e| unreadable(misread(&e)))?;
    let status = body.status.as_deref().ok_or_else(|| unreadable("has no status".to_owned()))?;
    let no_reason = || "the supplier gave no reason".to_owned();
    let reason = || body.reason.as_ref().map_or_else(no_reason, |text| said(target, text));
    Ok(match status.to_ascii_lowercase().as_str() {
        "confirmed" | "shipped" | "delivered" => OrderAnswer::Confirmed(Promise {
            quantity: body.confirmed_quantity.as_i64().filter(|units| *units >= 0),
            at: body.promised_at.as_str().and_then(promised_at),
        }),
        "rejected" | "refused" => OrderAnswer::Rejected(reason()),
        "cancelled" | "canceled" => OrderAnswer::Cancelled(reason()),
        // Whatever else it calls it: it has the order.
        _ => OrderAnswer::Taken,
    })
}

/// A time or a day, whose end then counts. A promise that cannot be read is none: the order stands all the same.
fn promised_at(text: &str) -> Option<DateTime<Utc>> {
    let time = || Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc().trunc_subsecs(6));
    let day = || Some(text.parse::<NaiveDate>().ok()?.succ_opt()?.and_time(NaiveTime::MIN).and_utc());
    // The years that both databases keep.
    time().or_else(day).filter(|at| (1970..10_000).contains(&chrono::Datelike::year(at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::GenericOptions;

    fn answer(body: &str) -> Result<OrderAnswer, FetchError> {
        let base = Url::parse("http://supplier.example").expect("a URL");
        let target = Target { base, options: GenericOptions::default(), credential: None };
        order_answer(&target, body.as_bytes())
    }

    #[test]
    fn a_promise_is_read_as_far_as_it_makes_sense() {
        let promised = |more: &str| match answer(&format!(r#"{{"status":"Confirmed"{more}}}"#)) {
            Ok(OrderAnswer::Confirmed(promise)) => (promise.quantity, promise.at.map(|at| at.to_rfc3339())),
            other => panic!("{other:?}"),
        };
        assert_eq!(promised(""), (None, None));
        assert_eq!(promised(r#","confirmed_quantity":7"#), (Some(7), None));
        let day = Some("2026-03-02T00:00:00+00:00".to_owned());
        assert_eq!(promised(r#","promised_at":"2026-03-01""#), (None, day.clone()));
        assert_eq!(promised(r#","promised_at":"2026-03-02T01:00:00+01:00""#), (None, day));
        for odd in [r#","confirmed_quantity":-1"#, r#","confirmed_quantity":"7""#, r#","promised_at":"soon""#]
        {
            assert_eq!(promised(odd), (None, None), "{odd}");
        }
    }

    #[test]
    fn words_of_a_supplier_mean_what_they_say() {
        assert_eq!(answer(r#"{"status":"picking"}"#).ok(), Some(OrderAnswer::Taken));
        assert!(matches!(answer(r#"{"status":"canceled"}"#), Ok(OrderAnswer::Cancelled(_))));
        let rejected = answer(r#"{"status":"rejected","reason":"sold out"}"#).ok();
        assert_eq!(rejected, Some(OrderAnswer::Rejected("sold out".to_owned())));
        assert!(matches!(answer("<html>"), Err(FetchError::Unreadable(_))));
    }

    #[test]
    fn why_an_answer_cannot_be_read_does_not_quote_it() {
        let why = |body: &str| match answer(body) {
            Err(FetchError::Unreadable(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(r#"{"reason":"hunter22"}"#), "it has no status");
        let text = why(&format!("{:?}", "the key hunter22 is wrong ".repeat(1_000)));
        assert!(text.starts_with("it is JSON of another shape, at line 1 column "), "{text}");
        assert!(text.len() < 100 && !text.contains("hunter22"), "{text}");
    }
}
