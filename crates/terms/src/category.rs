//! What kind of data, for what, and how weakly it may be protected.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word used in agreements, commands and JSON.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            /// The value a word stands for, if it is one of the vocabulary.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
pub(crate) use word_enum;

word_enum! {
    /// What kind of data a record is (DESIGN section 2). Ordered from least to most strict: where several
    /// fit, all are stated; where none is stated, the strictest counts.
    Category {
        /// Servers, domains and addresses by which criminals command.
        C2Infrastructure = "c2-infrastructure",
        /// A sample.
        MalwareSample = "malware-sample",
        /// An indicator seen on a network.
        NetworkIndicator = "network-indicator",
        /// Log of a sinkhole.
        SinkholeLog = "sinkhole-log",
        /// A wallet's address.
        Wallet = "wallet",
        /// A movement of money.
        Transaction = "transaction",
        /// Traffic data (who with whom, when).
        Traffic = "traffic",
        /// A victim's network address.
        VictimIp = "victim-ip",
        /// A subscriber's record.
        Subscriber = "subscriber",
        /// A bank account.
        BankAccount = "bank-account",
        /// A payment card.
        PaymentCard = "payment-card",
        /// A name and password, or what opens an account.
        AccountCredential = "account-credential",
        /// Who a subject of a case is.
        SubjectIdentity = "subject-identity",
        /// Content of communications.
        Content = "content",
        /// Who a victim is.
        VictimIdentity = "victim-identity",
    }
}

impl Category {
    /// The category that data without a label counts as.
    pub const STRICTEST: Self = Self::VictimIdentity;
    /// Whether a record of this category speaks of a natural person.
    pub const fn personal(self) -> bool {
        !matches!(self, Self::C2Infrastructure | Self::MalwareSample | Self::NetworkIndicator)
    }
}

word_enum! {
    /// What for (DESIGN section 6).
    Purpose {
        /// Analysing malware.
        MalwareAnalysis = "malware-analysis",
        /// Measuring a botnet.
        BotnetMeasurement = "botnet-measurement",
        /// Assessing threats.
        ThreatAssessment = "threat-assessment",
        /// Investigating.
        Investigation = "investigation",
        /// Taking down.
        Takedown = "takedown",
        /// Having victims told.
        VictimNotification = "victim-notification",
        /// Evidence in court.
        EvidenceInCourt = "evidence-in-court",
    }
}

/// The form in which data of a category leaves. Ordered from weakest to strongest: a clause names the weakest
/// form allowed, and any stronger one is allowed with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "form", content = "parameter")]
pub enum Protection {
    /// As it is.
    Clear,
    /// Format-preserving token under a key of the agreement.
    Token,
    /// Keyed pseudonym per agreement and period.
    Pseudonym,
    /// Counts over at least `k` individuals only.
    Aggregate(u32),
    /// Never leaves.
    Never,
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear => f.write_str("clear"),
            Self::Token => f.write_str("token"),
            Self::Pseudonym => f.write_str("pseudonym"),
            Self::Aggregate(k) => write!(f, "aggregate({k})"),
            Self::Never => f.write_str("never"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for &c in Category::ALL {
            assert_eq!(Category::from_word(c.word()), Some(c));
        }
        assert_eq!(Category::ALL.iter().max(), Some(&Category::STRICTEST));
        assert_eq!(Category::from_word("victim"), None);
    }
}
