//! Cells that a spreadsheet would take for a formula.
//!
//! One that begins like a formula is written with an apostrophe in front, which a spreadsheet shows as a text, and the
//! apostrophe is taken off again when it is read. What is written and read again is the same.

use std::borrow::Cow;

/// What a formula begins with; and the apostrophe itself, so that one that was there already stays.
const GUARDED: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// The text of a cell for a value.
pub(super) fn written(value: &str) -> Cow<'_, str> {
    if value.starts_with(GUARDED) { Cow::Owned(format!("'{value}")) } else { Cow::Borrowed(value) }
}

/// The value of a cell's text.
pub(super) fn read(text: &str) -> &str {
    text.strip_prefix('\'').filter(|value| value.starts_with(GUARDED)).unwrap_or(text)
}
