//! Which condition a refused request lacks, as one word of a closed list.
//!
//! Here: [`Condition`]. Elsewhere: how it is found and said in words (`nearest`), what any implementation must answer
//! (`conformance/agreement/rulings`).

use crate::{Prohibition, figures::words};
use std::fmt;

words! {
    /// The first condition that a refused request lacks.
    Condition {
        /// One agreement in force between the two.
        Agreement = "agreement",
        /// A request that says whose records they were and who gets them.
        Request = "request",
        /// A policy, and duties, that can be read.
        Policy = "policy",
        /// A `share` clause at all.
        Share = "share",
        /// A `share` clause from this giver to this getter.
        Way = "way",
        /// A `share` clause that names the category.
        Category = "category",
        /// A `share` clause that names the act.
        Act = "act",
        /// A `share` clause that names the purpose, or a purpose both parties agreed on.
        Purpose = "purpose",
        /// A receiver whom the `share` clause is for.
        Member = "member",
        /// Records of the receiving member's own place and no other.
        OwnPlace = "own-place",
        /// Room under the cap at once.
        Records = "records",
        /// Room under the cap of one case.
        PerCase = "per-case",
        /// Room under the cap of a month.
        PerMonth = "per-month",
        /// Room under the cap over all sessions.
        Total = "total",
        /// A case.
        Case = "case",
        /// A category that may leave at all.
        Never = "never",
        /// A form as strong as the clause asks.
        Form = "form",
        /// A match within the clause's figures.
        Psi = "psi",
        /// A noisy count within the clause's budget.
        Dp = "dp",
        /// A TLP mark as narrow as the floor.
        Tlp = "tlp",
        /// A grading good enough.
        Grading = "grading",
        /// A purpose that the permitted actions suffice for.
        Actions = "actions",
        /// A handling code that is accepted.
        Code = "code",
        /// An `onward` clause that lets it be handed on so.
        Onward = "onward",
        /// A place where it may rest.
        Place = "place",
        /// A victim's identity in a form no weaker than a pseudonym.
        VictimIdentity = "victim-identity",
        /// Marks under which anything may be reshared, or the provider's consent.
        Reshare = "reshare",
        /// A day within the term.
        Term = "term",
        /// A member that acceded and has not opted out.
        OptedOut = "opted-out",
        /// The provider's consent to a use in court.
        Court = "court",
        /// The two parties, and nobody else.
        Parties = "parties",
        /// Exact records: noisy counts are not for a court.
        NoisyCounts = "noisy-counts",
        /// A case and a reason for a match.
        NoFishing = "no-fishing",
        /// An order that compels it.
        Order = "order",
        /// An approval by counsel and another person over this very release.
        Approval = "approval",
    }
}

impl From<Prohibition> for Condition {
    fn from(p: Prohibition) -> Self {
        match p {
            Prohibition::VictimIdentity => Self::VictimIdentity,
            Prohibition::EachCategory => Self::Category,
            Prohibition::Reshare => Self::Reshare,
            Prohibition::Term => Self::Term,
            Prohibition::OptedOut => Self::OptedOut,
            Prohibition::Court => Self::Court,
            Prohibition::Purpose => Self::Purpose,
            Prohibition::Parties => Self::Parties,
            Prohibition::Onward => Self::Onward,
            Prohibition::NoisyCounts => Self::NoisyCounts,
            Prohibition::NoFishing => Self::NoFishing,
        }
    }
}
