//! The live feed as a stream of messages: `onhand.v1.StockFeed`.

use std::pin::Pin;
use std::time::SystemTime;

use domain::Name;
use futures::{Stream, stream};
use platform::grpc::{caller, status};
use platform::hosting::{Grpc, Stopping};
use platform::problem::Problem;
use proto::feed::stock_feed_server::{StockFeed, StockFeedServer};
use proto::feed::{DESCRIPTORS, LocationLevel, StockUpdated, WatchRequest, WatchResponse};
use tonic::{Code, Request, Response, Status};

use crate::App;
use crate::feed::{Ending, Refused, Told, Watching};
use crate::http::Asker;
use crate::http::feed::wanted;
use crate::http::parameters::invalid;

/// With the feed.
pub(super) fn add(grpc: Grpc, app: App) -> Grpc {
    let server = StockFeedServer::new(Feed(app));
    // The host bounds messages.
    grpc.add(server.max_decoding_message_size(usize::MAX), DESCRIPTORS)
}

struct Feed(App);

#[tonic::async_trait]
impl StockFeed for Feed {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let asker = Asker::of(caller(&request)?)?;
        let stopping = Stopping::of(&request)?;
        let WatchRequest { sku, owner, after } = request.into_inner();
        let owner = given(owner).map(Name::try_from).transpose().map_err(|error| invalid("owner", error))?;
        let wanted = wanted(&self.0, &asker, given(sku).as_deref(), owner).await?;
        let watching = self.0.feeds.open(asker.who(), wanted, given(after).as_deref(), stopping).await;
        Ok(Response::new(messages(watching.map_err(refused)?)))
    }
}

/// What was said at all.
fn given(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// What is gone is out of range.
fn refused(refused: Refused) -> Status {
    let gone = refused.is_gone();
    let problem = Problem::from(refused);
    if gone { status(problem, Code::OutOfRange) } else { problem.into() }
}

fn messages(watching: Watching) -> <Feed as StockFeed>::WatchStream {
    Box::pin(stream::unfold(watching, |mut watching| async {
        let message = match watching.next().await? {
            Told::Change(entry) => Ok(WatchResponse {
                position: entry.token.clone(),
                stock_updated: Some(message(&entry.update)),
            }),
            Told::Beat(position) => Ok(WatchResponse { position, stock_updated: None }),
            Told::Ended(Ending::Lasted) => return None,
            Told::Ended(Ending::Stopping) => Err(Status::unavailable("the server stops: call again")),
            Told::Ended(Ending::TooSlow) => {
                Err(Status::aborted("you do not keep up: call again with the last position"))
            }
            Told::Ended(Ending::Failed(error)) => Err(Problem::from(&error).into()),
        };
        Some((message, watching))
    }))
}

fn message(update: &events::StockUpdated) -> StockUpdated {
    let subject = &update.subject;
    StockUpdated {
        item_id: subject.item_id.to_string(),
        product_id: subject.product_id.clone(),
        variant_id: subject.variant_id.clone(),
        sku: subject.sku.clone(),
        owner: subject.owner.clone(),
        supplier_id: subject.supplier_id.clone(),
        version: subject.version,
        active: subject.active,
        reorder_point: subject.reorder_point,
        reorder_quantity: subject.reorder_quantity,
        on_hand: subject.on_hand,
        available: subject.available,
        reserved: subject.reserved,
        incoming: subject.incoming,
        in_transit: subject.in_transit,
        levels: subject.levels.iter().map(level).collect(),
        previous_stock: update.previous_stock,
        new_stock: update.new_stock,
        change_amount: update.change_amount,
        reason: update.reason.clone(),
        timestamp: Some(SystemTime::from(update.timestamp).into()),
        command_id: update.command_id.to_string(),
    }
}

fn level(level: &events::Levels) -> LocationLevel {
    LocationLevel {
        location_id: level.location_id.to_string(),
        location: level.location.clone(),
        on_hand: level.on_hand,
        available: level.available,
        reserved: level.reserved,
        damaged: level.damaged,
        quality_control: level.quality_control,
        incoming: level.incoming,
        in_transit: level.in_transit,
    }
}
