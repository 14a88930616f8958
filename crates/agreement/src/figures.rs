//! The figures and gradings of a request: what passed before, what a match or a noisy count would use, how records
//! are graded, what a receiver may do and say about them.
//!
//! Here: plain values with their words. Elsewhere: the request that carries them (`request`), who counts (`comity`).

use serde::{Deserialize, Serialize};
use std::fmt;
use terms::Purpose;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }
        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word used in agreements, commands and JSON.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            /// What a word stands for, if it is one of the vocabulary.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|w| w.word() == word)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

pub(crate) use words;

words! {
    /// What noisy counts protect: whether this one took part is not told.
    Unit {
        /// One machine.
        Bot = "bot",
        /// One person.
        Person = "person",
        /// One account.
        Account = "account",
    }
}

words! {
    /// For how long a budget of noisy counts is, and how often one unit is counted: once in it.
    Period {
        /// A calendar day, UTC.
        Day = "day",
        /// A calendar week from Monday, UTC.
        Week = "week",
        /// A calendar month, UTC.
        Month = "month",
    }
}

/// How many records passed before under the clauses with caps that could let a request pass
/// ([`Agreements::counted`](crate::Agreements::counted) names them), of several the most. The caller's odometer counts
/// them: this crate keeps nothing. [`Request::new`] says [`Spent::UNKNOWN`], under which no cap has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// In this case.
    pub case: u64,
    /// In this calendar month (UTC).
    pub month: u64,
    /// Ever, over all sessions.
    pub total: u64,
}

impl Spent {
    /// Nothing passed before.
    pub const NONE: Self = Self { case: 0, month: 0, total: 0 };
    /// It was not counted: there is no room left.
    pub const UNKNOWN: Self = Self { case: u64::MAX, month: u64::MAX, total: u64::MAX };
}

/// What a private set intersection would use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// How many items the asking side declared and committed to.
    pub set: u64,
    /// How many matches may be revealed at most, those revealed before in this case included.
    pub reveal: u64,
}

/// What a noisy count would use. The budget is in millionths of epsilon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Epsilon asked for, in millionths.
    pub asked: u64,
    /// Epsilon spent before on this data set and period, over all partners, in millionths.
    pub spent: u64,
    /// What it protects.
    pub unit: Unit,
    /// The period that the budget is for.
    pub period: Period,
}

/// How far a source is trusted, from best to worst (the 4×4 system of police cooperation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// No doubt about it.
    A,
    /// Mostly reliable.
    B,
    /// Mostly not reliable.
    C,
    /// Cannot be assessed.
    X,
}

/// The grading of records: their source, and the information from 1 (known without reserve) to 4 (not known and
/// not corroborated).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Grading {
    source: Source,
    information: u8,
}

impl Grading {
    /// Neither source nor information can be assessed: what an ungraded record counts as.
    pub const WORST: Self = Self { source: Source::X, information: 4 };

    /// How far the source is trusted.
    pub const fn source(self) -> Source {
        self.source
    }
    /// How well the information is known, 1 to 4.
    pub const fn information(self) -> u8 {
        self.information
    }
    /// The source as a number from 1 (best) to 4.
    pub(crate) fn source_rank(self) -> i64 {
        match self.source {
            Source::A => 1,
            Source::B => 2,
            Source::C => 3,
            Source::X => 4,
        }
    }
}

impl std::str::FromStr for Grading {
    type Err = terms::IdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no = || terms::IdError { text: text.to_owned(), expected: "a grading from `a1` to `x4`" };
        let (source, information) = match text.as_bytes() {
            [s, n @ b'1'..=b'4'] => (*s, n - b'0'),
            _ => return Err(no()),
        };
        let source = match source {
            b'a' => Source::A,
            b'b' => Source::B,
            b'c' => Source::C,
            b'x' => Source::X,
            _ => return Err(no()),
        };
        Ok(Self { source, information })
    }
}
impl TryFrom<String> for Grading {
    type Error = terms::IdError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
impl From<Grading> for String {
    fn from(g: Grading) -> Self {
        g.to_string()
    }
}
impl fmt::Display for Grading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::A => 'a',
            Source::B => 'b',
            Source::C => 'c',
            Source::X => 'x',
        };
        write!(f, "{source}{}", self.information)
    }
}

words! {
    /// What a receiver may do on what it learns, from least to most (FIRST IEP 2.0, PERMITTED ACTIONS).
    IepActions {
        /// Nothing.
        None = "none",
        /// Ask the provider before anything is done.
        ContactForInstruction = "contact-for-instruction",
        /// What nobody outside the receiver's own house can see.
        InternallyVisible = "internally-visible",
        /// What others may see without being its target, as new rules at a filter that many have.
        ExternallyVisibleIndirect = "externally-visible-indirect",
        /// What its target sees: a seizure, a notice, a court.
        ExternallyVisibleDirect = "externally-visible-direct",
    }
}

impl IepActions {
    /// The least that work for this purpose needs: a takedown, a notice and a court are seen by their target, an
    /// investigation by those who are asked, study and judgement by nobody.
    pub const fn needed(purpose: Purpose) -> Self {
        match purpose {
            Purpose::MalwareAnalysis | Purpose::BotnetMeasurement | Purpose::ThreatAssessment => {
                Self::InternallyVisible
            }
            Purpose::Investigation => Self::ExternallyVisibleIndirect,
            Purpose::Takedown | Purpose::VictimNotification | Purpose::EvidenceInCourt => {
                Self::ExternallyVisibleDirect
            }
        }
    }
}

words! {
    /// Whether the provider is named where its records are used (FIRST IEP 2.0, ATTRIBUTION), from least to most
    /// strict.
    Attribution {
        /// It may be named.
        May = "may",
        /// It must be named.
        Must = "must",
        /// It must not be named.
        MustNot = "must-not",
    }
}
