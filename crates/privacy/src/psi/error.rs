//! What private matching refuses, and what mends it.

use miette::Diagnostic;
use thiserror::Error;

/// Why items, a message or a proof were refused. Codes CMT-123x.
#[derive(Debug, Clone, PartialEq, Eq, Error, Diagnostic)]
pub enum PsiError {
    /// Bytes that are no element of the group: not a point, not its one spelling, or the identity.
    #[error("element {place} of the message is no element of the group")]
    #[diagnostic(code("CMT-1230"), help("ask the partner for the message again; it was damaged or forged"))]
    NotAnElement {
        /// Which, from 0.
        place: usize,
    },
    /// A message that does not read.
    #[error("the message does not read: {why}")]
    #[diagnostic(code("CMT-1231"), help("ask the partner for the message again; it was damaged or forged"))]
    Message {
        /// Why.
        why: &'static str,
    },
    /// Lines, and not one of them of the kind that is matched.
    #[error("none of the {lines} lines is an item of the kind that is matched; line {line}: {why}")]
    #[diagnostic(
        code("CMT-1246"),
        help(
            "say what the items are: `--category c2-infrastructure` for domains, `--kind` for another form"
        )
    )]
    NoItem {
        /// How many lines.
        lines: usize,
        /// The first of them, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// No item, or more than are matched at once.
    #[error("a set of {size} items: 1 to {most} can be matched at once")]
    #[diagnostic(code("CMT-1232"), help("match in several sessions; each counts under the caps"))]
    Size {
        /// How many.
        size: usize,
        /// The bound.
        most: usize,
    },
    /// So few that their number tells of each.
    #[error("a set of {size} items: the size of an intersection is told of {least} and more")]
    #[diagnostic(code("CMT-1238"), help("ask over a larger set, or ask which items match"))]
    TooFew {
        /// How many.
        size: usize,
        /// The bound.
        least: usize,
    },
    /// An item that is none of its kind.
    #[error("`{text}` is no {kind}: {why}")]
    #[diagnostic(code("CMT-1233"), help("write one item a line; `--kind` says what the items are"))]
    Item {
        /// What was given (cut at 80 characters).
        text: String,
        /// Of what kind it should be.
        kind: &'static str,
        /// Why it is not.
        why: &'static str,
    },
    /// A proof that does not hold: some element was evaluated under another key.
    #[error("elements {first} to {last} were not all evaluated under the key that was named")]
    #[diagnostic(
        code("CMT-1234"),
        help("believe nothing of this answer, and tell the partner: its node did not keep to the protocol")
    )]
    Proof {
        /// First element of the chunk, from 0.
        first: usize,
        /// Last element of the chunk.
        last: usize,
    },
    /// An answer to another question.
    #[error("the message answers another question: {what} differs")]
    #[diagnostic(code("CMT-1235"), help("finish the session that this answer belongs to"))]
    Differs {
        /// What.
        what: &'static str,
    },
    /// No filter comes of these values; they are not distinct.
    #[error("the holder's set cannot be prepared")]
    #[diagnostic(code("CMT-1236"), help("report it: the values of distinct items should be distinct"))]
    Filter,
    /// A value that exists with negligible probability only (RFC 9497 InvalidInputError, DeriveKeyPairError).
    #[error("item {place} cannot take part")]
    #[diagnostic(code("CMT-1237"), help("draw a new key and ask again"))]
    Degenerate {
        /// Which, from 0.
        place: usize,
    },
}
