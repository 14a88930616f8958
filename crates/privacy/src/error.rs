//! What this crate refuses, and what mends it.

use miette::Diagnostic;
use thiserror::Error;

/// At most 80 characters of what was given, for an error's text.
pub(crate) fn cut(s: &str) -> String {
    s.chars().take(80).collect()
}

/// Why a text was not read, or a pseudonym not revealed. Codes CMT-12xx.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum PrivacyError {
    /// The text is no address, with or without a prefix length.
    #[error("`{text}` is not a network")]
    #[diagnostic(
        code("CMT-1201"),
        help("write a network as 203.0.113.0/24 or 2001:db8:5::/48, or a single address as 203.0.113.7")
    )]
    NotANetwork {
        /// What was given (cut at 80 characters).
        text: String,
    },
    /// The prefix length is no number, or longer than the address.
    #[error("`{text}` has no valid prefix length: an address of this kind has 0 to {longest}")]
    #[diagnostic(
        code("CMT-1202"),
        help("write the number of leading bits after the slash, as in 203.0.113.0/24")
    )]
    BadPrefix {
        /// What was given (cut at 80 characters).
        text: String,
        /// 32 or 128.
        longest: u8,
    },
    /// Bits behind the prefix are set: two networks could be meant.
    #[error("`{text}` names a host inside a network, not a network")]
    #[diagnostic(
        code("CMT-1203"),
        help("write `{meant}` for the whole network, or leave the prefix off for the one host")
    )]
    HostBits {
        /// What was given (cut at 80 characters).
        text: String,
        /// The network it lies in.
        meant: String,
    },
    /// So wide a network makes the criminals' servers customers too, and nothing would be found.
    #[error("`{text}` is too wide for a customer network: at most /{widest} is accepted")]
    #[diagnostic(code("CMT-1204"), help("list the networks that are your customers', each by itself"))]
    TooWide {
        /// What was given (cut at 80 characters).
        text: String,
        /// The shortest prefix accepted.
        widest: u8,
    },
    /// More networks than are read.
    #[error("more than {most} customer networks are declared")]
    #[diagnostic(code("CMT-1205"), help("join neighbouring networks into wider ones"))]
    TooMany {
        /// The bound.
        most: usize,
    },
    /// The text has not the form of an address pseudonym.
    #[error("`{text}` is not the pseudonym of an address")]
    #[diagnostic(
        code("CMT-1210"),
        help(
            "a pseudonym of an address is `p:` and 32 lower-case hexadecimal digits; those of bots and accounts (`b:`, `a:`) cannot be revealed"
        )
    )]
    NotAPseudonym {
        /// What was given (cut at 80 characters).
        text: String,
    },
    /// What comes out is no address that is in use anywhere: the key is not the one it was made with.
    #[error("`{pseudonym}` does not open under this key")]
    #[diagnostic(
        code("CMT-1211"),
        help("name the agreement or case, and the month, in which the pseudonym was made")
    )]
    WrongKey {
        /// The pseudonym.
        pseudonym: String,
    },
    /// The text is no month.
    #[error("`{text}` is not a period")]
    #[diagnostic(code("CMT-1212"), help("write a month as 2026-03"))]
    NotAPeriod {
        /// What was given (cut at 80 characters).
        text: String,
    },
    /// A token over so few values could be turned back by trying them all.
    #[error("a {what} of this form has only {size} values, fewer than a token needs ({least})")]
    #[diagnostic(
        code("CMT-1260"),
        help("leave the value out, or agree on `pseudonym`, `aggregate(k)` or `never` for this category")
    )]
    DomainTooSmall {
        /// What kind of value: `account`.
        what: &'static str,
        /// How many values have this form.
        size: u128,
        /// The bound of SP 800-38G revision 1: 1,000,000.
        least: u128,
    },
    /// The value is not of the kind that was stated. It is not repeated here: errors are read by many.
    #[error("the value is no {what}: {why}")]
    #[diagnostic(code("CMT-1261"), help("check the record it stands in, and which category it was given"))]
    NotOfKind {
        /// What kind of value: `payment card`, `IBAN`, `account`, `token`.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The text is no budget.
    #[error("`{text}` is no epsilon")]
    #[diagnostic(
        code("CMT-1265"),
        help("write epsilon as 0.1: above 0, at most 10, with at most six digits after the point")
    )]
    NotEpsilon {
        /// What was given (cut at 80 characters).
        text: String,
    },
    /// The text names no day, week or month.
    #[error("`{text}` is no day, week or month")]
    #[diagnostic(code("CMT-1266"), help("write a day as 2026-03-02, a week as 2026-W10, a month as 2026-03"))]
    NotASpan {
        /// What was given (cut at 80 characters).
        text: String,
    },
    /// The mechanism could not be made, or does not keep what it was asked to keep.
    #[error("the counts were not drawn: {why}")]
    #[diagnostic(code("CMT-1267"), help("nothing left this home; report this with the program's version"))]
    NotDrawn {
        /// Why.
        why: String,
    },
    /// The odometer of the data set stands too high.
    #[error("epsilon {asked} is more than is left of the budget of {budget}: {left}")]
    #[diagnostic(
        code("CMT-1270"),
        help(
            "ask with a smaller epsilon or about another period; `comity doctor --budgets` lists what is spent"
        )
    )]
    OverBudget {
        /// What was asked for.
        asked: crate::Epsilon,
        /// What the data set has over all partners.
        budget: crate::Epsilon,
        /// What is left of it.
        left: crate::Epsilon,
    },
}
