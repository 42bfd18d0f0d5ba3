//! The texts that name an item, checked once, where they come in.

use serde::{Deserialize, Serialize};

/// The longest SKU, in characters: document-sized labels are names, not SKUs.
const MAX_SKU: usize = 100;
/// The longest name, in characters.
const MAX_NAME: usize = 200;

/// A stock-keeping unit: 1 to 100 visible ASCII characters, so that no two SKUs look alike and any SKU can
/// stand in a URL, a routing key and a CSV cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sku(String);

/// A name for people: 1 to 200 characters, no control characters, no blanks at either end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text does not name anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// More than `most` characters.
    #[error("it is longer than {most} characters")]
    TooLong {
        /// The most characters that it may have.
        most: usize,
    },
    /// A character that an SKU may not have: a blank, a control character, or anything outside ASCII.
    #[error("{0:?} may not stand in it: only visible ASCII characters may")]
    Character(char),
    /// A control character in a name.
    #[error("it has a control character, {0:?}")]
    Control(char),
    /// A blank at the start or the end.
    #[error("it starts or ends with a blank")]
    Padded,
}

impl Sku {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Name {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sku {
    type Error = TextError;

    fn try_from(text: String) -> Result<Sku, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(TextError::Character(odd));
        }
        if text.len() > MAX_SKU {
            return Err(TextError::TooLong { most: MAX_SKU });
        }
        Ok(Sku(text))
    }
}

impl TryFrom<String> for Name {
    type Error = TextError;

    fn try_from(text: String) -> Result<Name, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        if text.trim().len() != text.len() {
            return Err(TextError::Padded);
        }
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(TextError::Control(control));
        }
        if text.chars().count() > MAX_NAME {
            return Err(TextError::TooLong { most: MAX_NAME });
        }
        Ok(Name(text))
    }
}

impl From<Sku> for String {
    fn from(sku: Sku) -> String {
        sku.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}

impl std::fmt::Display for Sku {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
