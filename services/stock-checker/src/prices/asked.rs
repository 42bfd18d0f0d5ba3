//! What a price is asked in: a currency and a language.

/// A currency as ISO 4217 writes it: three capital letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Currency(String);

/// A language as BCP 47 writes it, in small letters: `de`, `de-at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lang(String);

/// The longest tag; BCP 47 asks for no more.
const LANG_MAX: usize = 35;
const SUBTAG_MAX: usize = 8;

impl Currency {
    pub(crate) fn of(text: &str) -> Option<Currency> {
        let letters = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
        letters.then(|| Currency(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Lang {
    pub(crate) fn of(text: &str) -> Option<Lang> {
        let is_subtag = |part: &str| {
            (1..=SUBTAG_MAX).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let language = text.split('-').next().unwrap_or_default();
        let is_language = language.len() > 1 && language.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_tag = text.len() <= LANG_MAX && is_language && text.split('-').all(is_subtag);
        is_tag.then(|| Lang(text.to_ascii_lowercase()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_three_capital_letters_and_a_language_is_a_tag() {
        for (text, is_one) in [("EUR", true), ("eur", false), ("EURO", false), ("€", false), ("E1R", false)]
        {
            assert_eq!(Currency::of(text).is_some(), is_one, "{text}");
        }
        for (text, is_one) in [
            ("de", true),
            ("de-AT", true),
            ("zh-Hant-TW", true),
            ("sl-rozaj-biske-1994", true),
            ("", false),
            ("d", false),
            ("de_AT", false),
            ("de-", false),
            ("12", false),
            ("de-123456789", false),
            ("aa-bb-cc-dd-ee-ff-gg-hh-ii-jj-kk-ll-mm", false),
        ] {
            assert_eq!(Lang::of(text).is_some(), is_one, "{text}");
        }
        assert_eq!(Lang::of("de-AT").unwrap().as_str(), "de-at");
    }
}
