//! A command as clients give it: with names instead of ids, alone on a route of its own or as a line of a batch.
//!
//! Each command has one body and one function that makes the command of it, beside its route. This is the list of
//! them.

use axum::http::StatusCode;
use domain::{Command, HoldId, ItemId, LocationId, Refusal, TransferId};
use ledger::Request;
use platform::auth::Caller;
use platform::problem::Problem;
use uuid::Uuid;

use super::items::{ItemPatchBody, NewItemBody};
use super::names::{Names, Wanted};
use super::reservations::{ExtensionBody, HandoverBody, ReservationBody};
use super::stock::{AdjustmentBody, MoveBody, ReceiptBody, StocktakeBody};
use super::transfers::{ArrivalBody, LossBody, TransferBody};
use super::{Asked, MAY_CHANGE, Recorded, by};
use crate::App;
use crate::error::Error;

/// What a client asks for. The text is what names the item.
pub(super) enum Instruction {
    CreateItem(NewItemBody),
    UpdateItem(String, ItemPatchBody),
    Receive(String, ReceiptBody),
    Return(String, ReceiptBody),
    Adjust(String, AdjustmentBody),
    Move(String, MoveBody),
    Stocktake(String, StocktakeBody),
    Ship(TransferBody),
    ReceiveTransfer(Uuid, ArrivalBody),
    LoseTransfer(Uuid, LossBody),
    Reserve(ReservationBody),
    Extend(Uuid, ExtensionBody),
    Confirm(Uuid, HandoverBody),
    Cancel(Uuid),
}

/// What a command is made with.
pub(super) struct Draft<'a> {
    pub(super) app: &'a App,
    pub(super) caller: &'a Caller,
    pub(super) names: &'a Names,
    /// The caller's own name for the whole request.
    pub(super) key: Option<&'a str>,
}

impl Draft<'_> {
    pub(super) fn item(&self, name: &str) -> Result<ItemId, Error> {
        self.names.item(name)
    }

    pub(super) fn location(&self, name: &str) -> Result<LocationId, Error> {
        self.names.location(name)
    }

    /// The location that was named, if one was.
    pub(super) fn place(&self, name: Option<&String>) -> Result<Option<LocationId>, Error> {
        name.map(|name| self.location(name)).transpose()
    }

    pub(super) fn request(&self, command: Command) -> Request {
        Request::new(command, by(self.caller))
    }
}

impl Instruction {
    /// What it is answered with when it is done.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Instruction::CreateItem(_)
            | Instruction::Receive(..)
            | Instruction::Return(..)
            | Instruction::Adjust(..)
            | Instruction::Move(..)
            | Instruction::Stocktake(..)
            | Instruction::Ship(_)
            | Instruction::Reserve(_) => StatusCode::CREATED,
            Instruction::UpdateItem(..)
            | Instruction::ReceiveTransfer(..)
            | Instruction::LoseTransfer(..)
            | Instruction::Extend(..)
            | Instruction::Confirm(..)
            | Instruction::Cancel(_) => StatusCode::OK,
        }
    }

    /// Refuses more lines than a command may have.
    pub(super) fn bounded(&self) -> Result<(), Refusal> {
        let lines = match self {
            Instruction::Ship(body) => body.lines.len(),
            Instruction::Reserve(body) => body.lines.len(),
            Instruction::ReceiveTransfer(_, ArrivalBody { lines, .. })
            | Instruction::LoseTransfer(_, LossBody { lines, .. })
            | Instruction::Confirm(_, HandoverBody { lines }) => lines.as_ref().map_or(0, Vec::len),
            Instruction::CreateItem(_)
            | Instruction::UpdateItem(..)
            | Instruction::Receive(..)
            | Instruction::Return(..)
            | Instruction::Adjust(..)
            | Instruction::Move(..)
            | Instruction::Stocktake(..)
            | Instruction::Extend(..)
            | Instruction::Cancel(_) => 0,
        };
        if lines > domain::MAX_LINES { Err(Refusal::TooManyLines { lines }) } else { Ok(()) }
    }

    /// Adds the names in it to those that are looked up.
    pub(super) fn names<'a>(&'a self, wanted: &mut Wanted<'a>) {
        match self {
            Instruction::UpdateItem(item, _) => wanted.items.push(item),
            Instruction::Receive(item, body) | Instruction::Return(item, body) => {
                wanted.items.push(item);
                wanted.locations.extend(body.location.as_deref());
            }
            Instruction::Adjust(item, body) => {
                wanted.items.push(item);
                wanted.locations.extend(body.location.as_deref());
            }
            Instruction::Move(item, body) => {
                wanted.items.push(item);
                wanted.locations.push(&body.location);
            }
            Instruction::Stocktake(item, body) => {
                wanted.items.push(item);
                wanted.locations.push(&body.location);
            }
            Instruction::Ship(body) => {
                wanted.items.extend(body.lines.iter().map(|line| line.item.as_str()));
                wanted.locations.extend([body.from.as_str(), body.to.as_str()]);
            }
            Instruction::Reserve(body) => {
                wanted.items.extend(body.lines.iter().map(|line| line.item.as_str()));
                wanted.locations.extend(body.lines.iter().filter_map(|line| line.location.as_deref()));
            }
            Instruction::ReceiveTransfer(_, ArrivalBody { lines, .. })
            | Instruction::LoseTransfer(_, LossBody { lines, .. })
            | Instruction::Confirm(_, HandoverBody { lines }) => {
                let lines = lines.as_deref().unwrap_or_default();
                wanted.items.extend(lines.iter().map(|line| line.item.as_str()));
            }
            Instruction::CreateItem(_) | Instruction::Extend(..) | Instruction::Cancel(_) => {}
        }
    }

    /// The request that it comes to.
    pub(super) fn request(self, draft: &Draft<'_>, if_match: Option<i64>) -> Result<Request, Error> {
        let request = match self {
            // There is no version yet that it could match.
            Instruction::CreateItem(body) => return body.request(draft),
            Instruction::UpdateItem(item, body) => body.request(draft, &item),
            Instruction::Receive(item, body) => body.received(draft, &item),
            Instruction::Return(item, body) => body.returned(draft, &item),
            Instruction::Adjust(item, body) => body.request(draft, &item),
            Instruction::Move(item, body) => body.request(draft, &item),
            Instruction::Stocktake(item, body) => body.request(draft, &item),
            Instruction::Ship(body) => body.request(draft),
            Instruction::ReceiveTransfer(id, body) => body.request(draft, TransferId(id)),
            Instruction::LoseTransfer(id, body) => body.request(draft, TransferId(id)),
            Instruction::Reserve(body) => body.request(draft),
            Instruction::Extend(id, body) => Ok(body.request(draft, HoldId(id))),
            Instruction::Confirm(id, body) => body.request(draft, HoldId(id)),
            Instruction::Cancel(id) => Ok(draft.request(Command::Cancel { hold: HoldId(id) })),
        };
        let request = Request { if_match, ..request? };
        one_version(&request)?;
        Ok(request)
    }
}

/// Refuses a version that would be one of several items': nobody could say which.
pub(crate) fn one_version(request: &Request) -> Result<(), Problem> {
    if request.if_match.is_none() || request.command.items().len() < 2 {
        return Ok(());
    }
    let title = "If-Match is the version of one item";
    Err(Problem::new(StatusCode::BAD_REQUEST, "if-match-invalid", title)
        .detail("the command is about several items, and each has a version of its own"))
}

impl App {
    /// Does what a client asks for.
    pub(super) async fn give(&self, asked: Asked, instruction: Instruction) -> Result<Recorded, Error> {
        asked.caller.must_be(MAY_CHANGE)?;
        // Before each of its lines is looked up.
        instruction.bounded()?;
        let mut wanted = Wanted::default();
        instruction.names(&mut wanted);
        let names = self.names(&asked.caller, &mut wanted).await?;
        let status = instruction.status();
        let key = asked.key.0.as_deref();
        let draft = Draft { app: self, caller: &asked.caller, names: &names, key };
        let mut request = instruction.request(&draft, asked.if_match.0)?;
        request.key = asked.key.0;
        Recorded::of(self.writer.submit(request).await?, status)
    }
}
