//! Many levels at once, each line on its own: one that is refused says so and hinders no other.

use std::collections::HashMap;

use domain::{Delta, ItemId, LocationId, Refusal};
use futures::stream::{self, StreamExt};
use ledger::locations::LocationView;
use ledger::{Answer, Called, Kept, Reference, Request, Unanswered};
use platform::idempotency::{self, Scope};
use platform::problem::Problem;
use prost::Message;
use proto::inventory::{
    BulkUpdateInventoryRequest, BulkUpdateInventoryResponse, BulkUpdateItem, BulkUpdateResult, InventoryItem,
};
use tonic::Status;

use super::messages::int32;
use super::{Answered, answered, fields, items, messages, request, stock};
use crate::App;
use crate::error::Error;
use crate::http::Asked;
use crate::http::text::Note;

/// The most lines of one call, as of a batch over HTTP.
const MAX_LINES: usize = 10_000;

/// Lines that wait for the writer at once: enough to fill its batches, few enough to leave room for others.
const AT_ONCE: usize = 64;

/// A line that makes sense in itself.
struct Line {
    sku: String,
    location: Option<LocationId>,
    delta: Delta,
    reason: Option<String>,
    reference: Option<Reference>,
}

/// What came of a line: the item that it changed.
type Came = Result<ItemId, Status>;

pub(super) async fn update(
    app: &App,
    asked: &Asked,
    body: BulkUpdateInventoryRequest,
) -> Answered<BulkUpdateInventoryResponse> {
    match body.items.len() {
        0 => return Err(Error::from(Refusal::NoLines).into()),
        lines if lines > MAX_LINES => {
            return Err(fields::invalid(
                "items",
                format!("{lines} lines were given and {MAX_LINES} is the most"),
            ));
        }
        _ => {}
    }
    let _room = app.batches.body()?;
    let repeated = app.claim(asked, &body).await?;
    let skus: Vec<String> = body.items.iter().map(|line| line.sku.clone()).collect();
    let lines: Vec<Result<Line, Status>> = body.items.into_iter().map(line).collect();
    let requests = app.requests(asked, lines).await?;
    let (came, all_replayed) = app.submit_each(requests).await;
    let items = app.changed(asked, &came).await?;
    let results = skus.into_iter().zip(&came).map(|(sku, came)| result(sku, came, &items));
    let results: Vec<BulkUpdateResult> = results.collect();
    let success_count = results.iter().filter(|result| result.success).count();
    let failure_count = results.len() - success_count;
    let count = |field, number: usize| int32(field, number.try_into().unwrap_or(i64::MAX));
    let (success_count, failure_count) =
        (count("success_count", success_count)?, count("failure_count", failure_count)?);
    let message = BulkUpdateInventoryResponse { results, success_count, failure_count };
    answered(message, None, repeated && all_replayed)
}

fn line(line: BulkUpdateItem) -> Result<Line, Status> {
    // Without a warehouse it is the first one, or wherever there is some.
    let at = Some(line.warehouse_id).filter(|id| !id.is_empty());
    Ok(Line {
        sku: items::known(line.sku)?,
        location: at.map(|id| fields::location("warehouse_id", &id)).transpose()?,
        delta: stock::delta("quantity_delta", i64::from(line.quantity_delta))?,
        reason: fields::note("notes", line.notes)?.map(Note::into_string),
        reference: fields::reference(line.reference_type, line.reference_id)?,
    })
}

fn result(
    sku: String,
    came: &Came,
    items: &HashMap<ItemId, Result<InventoryItem, Status>>,
) -> BulkUpdateResult {
    let (updated_item, message) = match came {
        Err(status) => (None, status.message().to_owned()),
        Ok(item) => match items.get(item) {
            Some(Ok(item)) => (Some(item.clone()), String::new()),
            Some(Err(status)) => (None, status.message().to_owned()),
            None => (None, String::new()),
        },
    };
    BulkUpdateResult { sku, success: came.is_ok(), message, updated_item }
}

impl App {
    /// Refuses a key that was used for another call; says whether it was used for this one. Each line has a key of
    /// its own besides, so that a call that was cut off goes on where it ended.
    async fn claim(&self, asked: &Asked, body: &BulkUpdateInventoryRequest) -> Result<bool, Status> {
        if asked.key.0.is_none() {
            return Ok(false);
        }
        let said = idempotency::fingerprint("BulkUpdateInventory", &body.encode_to_vec());
        let scope = Scope::new(&asked.caller, asked.key.0.clone(), said);
        let begun = idempotency::Answer { status: 200, body: "{}".to_owned() };
        let claimed = idempotency::once(&self.db, scope, async |_| Ok::<_, Problem>(begun)).await;
        Ok(claimed.map_err(|error| error.into_problem(|problem| problem))?.replayed)
    }

    /// The request for each line that can come to something.
    async fn requests(
        &self,
        asked: &Asked,
        lines: Vec<Result<Line, Status>>,
    ) -> Result<Vec<Result<Request, Status>>, Error> {
        let called: Vec<Called> = lines.iter().map(|line| called(line.as_ref().ok())).collect();
        let kept = self.reader.kept_all(&called, asked.caller.owner_scope()).await?;
        // How many of each item there would be if all that is added is added.
        let mut most: HashMap<ItemId, i64> = HashMap::new();
        let mut requests = Vec::with_capacity(kept.len());
        for (at, (line, kept)) in lines.into_iter().zip(kept).enumerate() {
            let drafted = draft(asked, at, line, kept, &mut most);
            requests.push(match drafted {
                Ok((request, sayable)) => self.unless_done(&request, sayable).await.map(|()| request),
                Err(status) => Err(status),
            });
        }
        Ok(requests)
    }

    /// Submits the requests in their order; what came of each, and whether all of it had come of it before.
    async fn submit_each(&self, requests: Vec<Result<Request, Status>>) -> (Vec<Came>, bool) {
        let answers = stream::iter(requests).map(async |request| {
            let request = request?;
            let item = request.command.items().first().copied();
            Ok::<_, Status>((item, self.writer.submit_patiently(request).await))
        });
        // Unconstrained: a line that yields on its way into the queue would be overtaken by the next one.
        let answers: Vec<_> = tokio::task::unconstrained(answers.buffered(AT_ONCE).collect()).await;
        let mut all_replayed = true;
        let came = answers.into_iter().map(|answer| {
            let (item, answer) = answer?;
            all_replayed &= answer.as_ref().is_ok_and(|answer| answer.replayed);
            came(item, answer)
        });
        (came.collect(), all_replayed)
    }

    /// The items that were changed, as they are after all lines.
    async fn changed(
        &self,
        asked: &Asked,
        came: &[Came],
    ) -> Result<HashMap<ItemId, Result<InventoryItem, Status>>, Error> {
        let mut ids: Vec<ItemId> = came.iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let called: Vec<Called> = ids.into_iter().map(Called::Id).collect();
        let kept = self.reader.kept_all(&called, asked.caller.owner_scope()).await?;
        let warehouses: Vec<LocationView> = self.warehouses().await?;
        let items = kept.into_iter().flatten().map(|kept| (kept.id, messages::item(&kept, &warehouses)));
        Ok(items.collect())
    }
}

/// The request for the line at a place, and whether its effect could be answered.
fn draft(
    asked: &Asked,
    at: usize,
    line: Result<Line, Status>,
    kept: Option<Kept>,
    most: &mut HashMap<ItemId, i64>,
) -> Result<(Request, Result<(), Status>), Status> {
    let line = line?;
    let kept = kept.ok_or(Error::Refused(Refusal::ItemUnknown))?;
    let mut request = request(asked, stock::command(kept.id, line.location, line.delta));
    request.key = request.key.map(|key| format!("{key}:{at}"));
    // One version cannot be that of many items.
    request.if_match = None;
    (request.reason, request.reference) = (line.reason, line.reference);
    Ok((request, most_of(&kept, line.delta, most)))
}

fn called(line: Option<&Line>) -> Called {
    Called::Names { product: None, variant: None, sku: line.map(|line| line.sku.clone()) }
}

/// Whether the item could be answered with what is added to it.
fn most_of(kept: &Kept, delta: Delta, most: &mut HashMap<ItemId, i64>) -> Result<(), Status> {
    messages::item(kept, &[])?;
    let there = most.entry(kept.id).or_insert_with(|| kept.on_hand());
    let would_be = *there + delta.get().max(0);
    int32("total_quantity", would_be)?;
    *there = would_be;
    Ok(())
}

fn came(item: Option<ItemId>, answer: Result<Answer, Unanswered>) -> Came {
    answer.map_err(Error::from)?.outcome.map_err(Error::from)?;
    item.ok_or_else(|| Problem::internal().into())
}
