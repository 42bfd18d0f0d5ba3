//! Texts that requests carry for people and for other systems.

use domain::Sku;
use ledger::Reference;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest reason, in characters: a sentence, not a report.
const MAX_NOTE: usize = 500;

/// A reason or an address: at most 500 characters, no control characters.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub(crate) struct Note(String);

impl TryFrom<String> for Note {
    type Error = String;

    fn try_from(text: String) -> Result<Note, String> {
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(format!("a text has no control characters, and this has {control:?}"));
        }
        match text.chars().count() {
            0..=MAX_NOTE => Ok(Note(text)),
            length => Err(format!("a text has at most {MAX_NOTE} characters, and this has {length}")),
        }
    }
}

impl Note {
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    /// The text when it is no longer than its column.
    pub(super) fn within(self, longest: usize) -> Result<String, String> {
        match self.0.chars().count() {
            length if length > longest => {
                Err(format!("at most {longest} characters fit, and this has {length}"))
            }
            _ => Ok(self.0),
        }
    }
}

/// Another system's thing that a change is about, such as `{"type": "order", "id": "834523"}`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReferenceBody {
    /// What kind of thing it is: 1 to 100 visible ASCII characters.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: Sku,
    /// Which one: 1 to 100 visible ASCII characters.
    #[schema(value_type = String)]
    id: Sku,
}

impl From<ReferenceBody> for Reference {
    fn from(body: ReferenceBody) -> Reference {
        Reference { kind: body.kind.into(), id: body.id.into() }
    }
}
