//! What the parts of `privacy` that are taken by path refuse: the rest of its errors speaks of its other parts.

pub(crate) fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The errors of keys, periods and pseudonyms.
#[derive(Debug)]
#[allow(dead_code, reason = "nothing is revealed here")]
pub enum PrivacyError {
    NotAPeriod { text: String },
    NotAPseudonym { text: String },
    WrongKey { pseudonym: String },
}
