//! What a person or a program is told when a command does not end well: code, what, why, help, exit code.
//!
//! Here: one form for every error ([`Told`]) and its two renderings. Elsewhere: which errors there are (`node::error`
//! and the crates below).
//! Codes CMT-1160 to CMT-1169 are this module's.

use crate::node::error::{Ending, NodeError};
use crate::store::StoreError;
use exchange::{ExchangeError, Refusal};
use miette::Diagnostic;
use std::io;

/// Most causes of one error that are told.
const MOST_CAUSES: usize = 8;
/// Exit code of a command that SIGINT ended.
pub const INTERRUPTED: u8 = 130;

/// Why a command did not end well.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Fault {
    /// From the node.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Node(#[from] NodeError),
    /// A list of digests that is not clustered.
    #[error(transparent)]
    #[diagnostic(transparent)]
    List(#[from] super::clustered::ListError),
    /// The command line says something that cannot be done.
    #[error("{what}")]
    #[diagnostic(code("CMT-1160"), help("{help}"))]
    Usage {
        /// What.
        what: String,
        /// The mending.
        help: String,
    },
    /// A person stopped it.
    #[error("interrupted")]
    #[diagnostic(
        code("CMT-1161"),
        help("what was acknowledged is kept; run the command again to complete the rest")
    )]
    Interrupted,
    /// Standard output cannot be written.
    #[error("standard output cannot be written: {0}")]
    #[diagnostic(code("CMT-1162"), help("check where the output goes: is its disk full?"))]
    Output(io::Error),
    /// The program itself could not begin.
    #[error("the command cannot begin: {0}")]
    #[diagnostic(code("CMT-1163"), help("check the limits on memory and processes of this user"))]
    Begin(io::Error),
    /// No solver is here.
    #[cfg(feature = "prove")]
    #[error("no solver was found: {why}")]
    #[diagnostic(
        code("CMT-1166"),
        help(
            "cvc5 1.3 or newer proves: `pip install cvc5` and `--solver tools/cvc5-smtlib` (it speaks SMT-LIB over those bindings), or any program `cvc5` on the path; nodes need none to rule"
        )
    )]
    NoSolver {
        /// What was tried.
        why: String,
    },
    /// This build has no proofs in it.
    #[cfg(not(feature = "prove"))]
    #[error("this build of comity does not prove agreements")]
    #[diagnostic(
        code("CMT-1167"),
        help(
            "the side that signs builds it with `cargo build --release -p comity --features prove`; a node needs no proof to rule"
        )
    )]
    CannotProve,
    /// Nothing was proved.
    #[cfg(feature = "prove")]
    #[error(transparent)]
    #[diagnostic(transparent)]
    Proof(#[from] agreement::prove::ProofError),
    /// A thread of ours ended in a way that nobody foresaw.
    #[error("the program met a state that it did not foresee")]
    #[diagnostic(
        code("CMT-1165"),
        help("what was acknowledged is kept; report the lines above with `comity --version`")
    )]
    Unforeseen,
}

impl From<StoreError> for Fault {
    fn from(e: StoreError) -> Self {
        Self::Node(e.into())
    }
}

impl Fault {
    /// A wrong command line.
    pub fn usage(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), help: help.into() }
    }

    /// The exit code.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Node(NodeError::Exchange(e)) => crossing(e).code(),
            Self::Node(e) => e.ending().code(),
            Self::Usage { .. } => Ending::Usage.code(),
            Self::Interrupted => INTERRUPTED,
            #[cfg(feature = "prove")]
            Self::Proof(e) => match e {
                agreement::prove::ProofError::Unknown { .. } => Ending::CannotTell.code(),
                agreement::prove::ProofError::Certificate(_) => Ending::NotVerified.code(),
                _ => Ending::Error.code(),
            },
            #[cfg(feature = "prove")]
            Self::NoSolver { .. } => Ending::Error.code(),
            #[cfg(not(feature = "prove"))]
            Self::CannotProve => Ending::Error.code(),
            Self::List(_) | Self::Output(_) | Self::Begin(_) | Self::Unforeseen => Ending::Error.code(),
        }
    }

    /// The error as it is told.
    pub fn told(&self) -> Told {
        let mut told = Told::of(self, self.exit());
        if let Self::Node(NodeError::Refused { code, clauses, .. }) = self {
            // The clause's refusal keeps its own code.
            told.code.clone_from(code);
            told.clauses.clone_from(clauses);
        }
        if let Self::Node(NodeError::NotCompelled { code, .. }) = self {
            told.code.clone_from(code);
        }
        if let Self::Node(NodeError::Agreement { text }) = self {
            told.rendered = Some(text.clone());
        }
        told
    }
}

/// How a refusal to take something in, or to let it out, ends the command.
fn crossing(e: &ExchangeError) -> Ending {
    match e.refusal() {
        Refusal::Agreement => Ending::Refused,
        Refusal::Verification => Ending::NotVerified,
        Refusal::Form => Ending::Error,
    }
}

/// One error in the words in which it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Stable code.
    pub code: String,
    /// What happened.
    pub what: String,
    /// Its causes, each once.
    pub why: Vec<String>,
    /// What mends it.
    pub help: Option<String>,
    /// The clauses of a refusal.
    pub clauses: Vec<String>,
    /// A text that already is rendered as a compiler does it, and replaces the first line.
    pub rendered: Option<String>,
    /// The exit code.
    pub exit: u8,
}

impl Told {
    /// The words of a diagnostic.
    pub fn of(error: &dyn Diagnostic, exit: u8) -> Self {
        let what = error.to_string();
        let why = causes(error, &what);
        Self {
            code: error.code().map_or_else(|| "CMT-1164".to_owned(), |c| c.to_string()),
            what,
            why,
            help: error.help().map(|h| h.to_string()),
            clauses: Vec::new(),
            rendered: None,
            exit,
        }
    }

    /// As text for a terminal, in the manner of a compiler; `colour` only where the terminal wants it.
    pub fn text(&self, colour: bool) -> String {
        let (red, bold, off) = if colour { ("\x1b[1;31m", "\x1b[1m", "\x1b[0m") } else { ("", "", "") };
        let mut out = match &self.rendered {
            Some(text) => format!("{}\n", super::out::clean(text.trim_end())),
            None => format!("{red}error[{}]{off}: {bold}{}{off}\n", self.code, super::out::clean(&self.what)),
        };
        for cause in &self.why {
            out.push_str(&format!("  why: {}\n", super::out::clean(cause)));
        }
        if let Some(help) = &self.help {
            out.push_str(&format!("  {bold}help{off}: {}\n", super::out::clean(help)));
        }
        out
    }

    /// As one JSON object (`comity.error/1`).
    pub fn json(&self) -> serde_json::Value {
        let mut out = serde_json::json!({
            "schema": "comity.error/1", "code": self.code, "what": self.what, "help": self.help, "exit": self.exit,
        });
        let Some(object) = out.as_object_mut() else { return out };
        if !self.why.is_empty() {
            object.insert("why".into(), self.why.clone().into());
        }
        if !self.clauses.is_empty() {
            object.insert("clauses".into(), self.clauses.clone().into());
        }
        out
    }
}

/// The causes below an error that its own words do not name already, each once.
fn causes(error: &dyn Diagnostic, what: &str) -> Vec<String> {
    let mut said = vec![what.to_owned()];
    let mut next = error.source();
    while let Some(cause) = next.filter(|_| said.len() <= MOST_CAUSES) {
        let words = cause.to_string();
        if !words.is_empty() && !said.iter().any(|s| s.contains(&words)) {
            said.push(words);
        }
        next = cause.source();
    }
    for related in error.related().into_iter().flatten().take(MOST_CAUSES) {
        let words = match related.code() {
            Some(code) => format!("{code}: {related}"),
            None => related.to_string(),
        };
        if !said.contains(&words) {
            said.push(words);
        }
    }
    said.split_off(1)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use std::path::Path;

    fn denied() -> io::Error {
        io::Error::from(io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn every_ending_has_its_code() {
        let refused = NodeError::Refused {
            sentence: "no".into(),
            code: "CMT-0202".into(),
            clauses: vec!["a 3".into()],
        };
        let row = [
            (Fault::from(refused), 3, "CMT-0202"),
            (NodeError::NotVerified { what: "tile".into() }.into(), 4, "CMT-1127"),
            (
                NodeError::NotCompelled {
                    sentence: "order `o-1` was not served yet".into(),
                    code: "CMT-0251".into(),
                    help: "have it served".into(),
                }
                .into(),
                3,
                "CMT-0251",
            ),
            (NodeError::Silent { until: terms::Timestamp(0) }.into(), 3, "CMT-1197"),
            (NodeError::CannotTell { why: "one day".into() }.into(), 7, "CMT-1128"),
            (NodeError::Value { what: "no".into() }.into(), 2, "CMT-1132"),
            (NodeError::file("reading", Path::new("x"), denied()).into(), 1, "CMT-1121"),
            (NodeError::from(ExchangeError::NotABundle { why: "short".into() }).into(), 4, "CMT-0920"),
            (Fault::usage("no", "yes"), 2, "CMT-1160"),
            (Fault::Interrupted, 130, "CMT-1161"),
            #[cfg(feature = "prove")]
            (Fault::NoSolver { why: "none".into() }, 1, "CMT-1166"),
            #[cfg(not(feature = "prove"))]
            (Fault::CannotProve, 1, "CMT-1167"),
            (Fault::Output(denied()), 1, "CMT-1162"),
        ];
        for (fault, exit, code) in row {
            let told = fault.told();
            assert_eq!((told.exit, told.code.as_str()), (exit, code), "{fault}");
            assert!(told.help.is_some(), "{fault}");
            assert_eq!(told.json().get("exit").unwrap(), exit);
        }
    }

    #[test]
    fn a_cause_is_told_once() {
        let fault = Fault::from(NodeError::file("reading", Path::new("x"), denied()));
        let text = fault.told().text(false);
        assert_eq!(text.matches("permission denied").count(), 1, "{text}");
        assert!(text.starts_with("error[CMT-1121]: reading `x`:"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
