//! One line of a batch: the word for a command, what it is about, and the fields of the body that its own route takes.

use std::fmt;

use platform::http::{malformed, parse};
use platform::problem::Problem;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::http::instruction::Instruction;

/// The words for commands, as clients may give them.
const COMMANDS: &str = "create_item, update_item, receive, return, adjust, move, stocktake, ship, receive_transfer, \
                        lose_transfer, reserve, extend, confirm or cancel";

/// What a line says.
pub(super) struct Line {
    pub(super) instruction: Instruction,
    /// The version that the item must be at.
    pub(super) if_match: Option<i64>,
}

/// Reads a line.
pub(super) fn read(text: &[u8]) -> Result<Line, Problem> {
    let mut fields: Fields<'_> = parse(text)?;
    let word = fields.command.take().ok_or_else(|| malformed("missing field `command`"))?;
    let if_match = fields.if_match.take();
    let instruction = match word.as_str() {
        "create_item" => Instruction::CreateItem(fields.body()?),
        "update_item" => Instruction::UpdateItem(fields.item()?, fields.body()?),
        "receive" => Instruction::Receive(fields.item()?, fields.body()?),
        "return" => Instruction::Return(fields.item()?, fields.body()?),
        "adjust" => Instruction::Adjust(fields.item()?, fields.body()?),
        "move" => Instruction::Move(fields.item()?, fields.body()?),
        "stocktake" => Instruction::Stocktake(fields.item()?, fields.body()?),
        "ship" => Instruction::Ship(fields.body()?),
        "receive_transfer" => Instruction::ReceiveTransfer(fields.transfer()?, fields.body()?),
        "lose_transfer" => Instruction::LoseTransfer(fields.transfer()?, fields.body()?),
        "reserve" => Instruction::Reserve(fields.body()?),
        "extend" => Instruction::Extend(fields.reservation()?, fields.body()?),
        "confirm" => Instruction::Confirm(fields.reservation()?, fields.body()?),
        "cancel" => {
            let Nothing {} = fields.body()?;
            Instruction::Cancel(fields.reservation()?)
        }
        other => return Err(malformed(format!("there is no command {other:?}: it is {COMMANDS}"))),
    };
    fields.used_up()?;
    Ok(Line { instruction, if_match })
}

/// A line taken apart.
#[derive(Default)]
struct Fields<'a> {
    command: Option<String>,
    item: Option<String>,
    reservation: Option<Uuid>,
    transfer: Option<Uuid>,
    if_match: Option<i64>,
    /// The fields of the body.
    others: Vec<(String, &'a RawValue)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Fields<'_> {
    fn item(&mut self) -> Result<String, Problem> {
        self.item.take().ok_or_else(|| malformed("missing field `item`"))
    }

    fn reservation(&mut self) -> Result<Uuid, Problem> {
        self.reservation.take().ok_or_else(|| malformed("missing field `reservation_id`"))
    }

    fn transfer(&mut self) -> Result<Uuid, Problem> {
        self.transfer.take().ok_or_else(|| malformed("missing field `transfer_id`"))
    }

    /// The body, as its own route would read it.
    fn body<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        let fields = std::mem::take(&mut self.others);
        let body: Result<T, serde_json::Error> = T::deserialize(MapDeserializer::new(fields.into_iter()));
        body.map_err(|error| malformed(error.to_string()))
    }

    /// Refuses what the command is not about.
    fn used_up(&self) -> Result<(), Problem> {
        let left = [
            ("item", self.item.is_some()),
            ("reservation_id", self.reservation.is_some()),
            ("transfer_id", self.transfer.is_some()),
        ];
        match left.iter().find(|(_, left)| *left) {
            Some((name, _)) => {
                Err(malformed(format!("unknown field `{name}`: this command is not about one")))
            }
            None => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Fields<'de>, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a `command`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some(name) = map.next_key::<String>()? {
                    match name.as_str() {
                        "command" => once(&mut fields.command, "command", &mut map)?,
                        "item" => once(&mut fields.item, "item", &mut map)?,
                        "reservation_id" => once(&mut fields.reservation, "reservation_id", &mut map)?,
                        "transfer_id" => once(&mut fields.transfer, "transfer_id", &mut map)?,
                        "if_match" => once(&mut fields.if_match, "if_match", &mut map)?,
                        _ => fields.others.push((name, map.next_value()?)),
                    }
                }
                Ok(fields)
            }
        }
        from.deserialize_map(Map)
    }
}

fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    field: &mut Option<T>,
    name: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    if field.is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    *field = Some(map.next_value()?);
    Ok(())
}
