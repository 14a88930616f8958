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
}
