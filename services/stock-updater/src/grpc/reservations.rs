//! Reservations: promise units, hand them over, give them back.
//!
//! A reservation is over as many items and warehouses as it was asked for; one message stands for all of it.

use domain::{Command, HoldId, Line, Refusal};
use ledger::{Answer, HoldView};
use proto::inventory::{ReservationItem, ReservationResponse, ReserveInventoryRequest};
use tonic::Status;
use uuid::Uuid;

use super::messages::{Story, held, int32};
use super::{Answered, answered, fields, messages, request};
use crate::App;
use crate::error::Error;
use crate::http::Asked;
use crate::http::instruction::one_version;

/// How long a reservation lasts that does not say, in minutes.
const DEFAULT_MINUTES: i32 = 30;

pub(super) async fn reserve(
    app: &App,
    asked: &Asked,
    body: ReserveInventoryRequest,
) -> Answered<ReservationResponse> {
    if body.items.len() > domain::MAX_LINES {
        return Err(Error::from(Refusal::TooManyLines { lines: body.items.len() }).into());
    }
    let lines = body.items.iter().map(line).collect::<Result<Vec<_>, _>>()?;
    // What could not be answered is not done.
    int32("quantity", lines.iter().map(|line| line.quantity.get()).sum())?;
    let minutes = if body.reservation_minutes == 0 { DEFAULT_MINUTES } else { body.reservation_minutes };
    let (hold, seconds) = (HoldId(Uuid::now_v7()), i64::from(minutes) * 60);
    let mut request = request(asked, Command::Reserve { hold, lines, seconds });
    one_version(&request)?;
    request.reference = fields::reference(body.reference_type, body.reference_id)?;
    let reference = request.reference.clone();
    let answer = app.writer.submit(request).await.map_err(Error::from)?;
    tell(answer, "reserved", |at| {
        let (reference_type, reference_id) = reference.map(|to| (to.kind, to.id)).unzip();
        Story { reference_type, reference_id, created_at: at, updated_at: at }
    })
}

fn line(line: &ReservationItem) -> Result<Line, Status> {
    let at = line.warehouse_id.as_deref();
    Ok(Line {
        item: fields::item("items.inventory_item_id", &line.inventory_item_id)?,
        location: at.map(|at| fields::location("items.warehouse_id", at)).transpose()?,
        quantity: fields::quantity("items.quantity", line.quantity)?,
    })
}

pub(super) async fn confirm(app: &App, asked: &Asked, id: &str) -> Answered<ReservationResponse> {
    let hold = fields::hold("reservation_id", id)?;
    app.end(asked, Command::Confirm { hold, lines: None }, hold, "confirmed").await
}

pub(super) async fn cancel(app: &App, asked: &Asked, id: &str) -> Answered<ReservationResponse> {
    let hold = fields::hold("reservation_id", id)?;
    app.end(asked, Command::Cancel { hold }, hold, "cancelled").await
}

impl App {
    async fn end(
        &self,
        asked: &Asked,
        command: Command,
        hold: HoldId,
        word: &str,
    ) -> Answered<ReservationResponse> {
        let view = self.reader.hold(hold, asked.caller.owner_scope()).await.map_err(Error::from)?;
        let HoldView { reference_type, reference_id, created_at, lines, .. } =
            view.ok_or(Error::Refused(Refusal::HoldUnknown { hold }))?;
        // What could not be answered is not done.
        held(&lines)?;
        let answer = self.writer.submit(request(asked, command)).await.map_err(Error::from)?;
        tell(answer, word, |updated_at| Story { reference_type, reference_id, created_at, updated_at })
    }
}

fn tell(
    answer: Answer,
    word: &str,
    story: impl FnOnce(domain::Timestamp) -> Story,
) -> Answered<ReservationResponse> {
    let done = answer.outcome.map_err(Error::from)?;
    let hold = done.reservation.as_ref();
    let reservation = hold.map(|hold| messages::reservation(hold, story(done.recorded_at))).transpose()?;
    let message = ReservationResponse { reservation, success: true, message: word.to_owned() };
    let version = match done.items.as_slice() {
        [only] => Some(only.version),
        [] | [_, _, ..] => None,
    };
    answered(message, version, answer.replayed)
}
