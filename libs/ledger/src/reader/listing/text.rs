//! Search for a part of an SKU, a product id or a name, in capitals or not.
//!
//! What is looked through is the three of them, each on a line of its own: no part of two is one of either. PostgreSQL
//! has an index on exactly this expression; letters there are as in the database's locale.

use sea_orm::DbBackend;

/// A text shorter than this has no trigram of its own to be looked up by, only one of a word's beginning.
const SHORTEST_PART: usize = 3;

/// The condition that `text` is in the item `i`, with the pattern that `bound` stands for.
pub(super) fn condition(backend: DbBackend, bound: &str) -> String {
    match backend {
        DbBackend::Postgres => format!(
            "lower((chr(10) || i.sku || chr(10) || i.product_id || chr(10) || i.name) COLLATE \"default\") LIKE {bound}"
        ),
        _ => format!("(char(10) || i.sku || char(10) || i.product_id || char(10) || i.name) GLOB {bound}"),
    }
}

/// The pattern of what `text` may be in.
pub(super) fn pattern(backend: DbBackend, text: &str) -> String {
    let before = if text.chars().count() < SHORTEST_PART { "\n" } else { "" };
    match backend {
        DbBackend::Postgres => format!("%{before}{}%", like(text)),
        _ => format!("*{before}{}*", glob(text)),
    }
}

fn like(text: &str) -> String {
    let mut pattern = String::new();
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// SQLite knows capitals of ASCII alone: so each letter is spelled both ways.
fn glob(text: &str) -> String {
    let mut pattern = String::new();
    for letter in text.chars() {
        let ways: Vec<char> = letter.to_lowercase().chain(letter.to_uppercase()).collect();
        match ways[..] {
            [same, other] if same == other && !matches!(letter, '*' | '?' | '[') => pattern.push(letter),
            // As it is, where a capital is several letters.
            [small, capital] => pattern.extend(['[', small, capital, ']']),
            _ => pattern.extend(['[', letter, ']']),
        }
    }
    pattern
}
