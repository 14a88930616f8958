//! What is asked: one request for a ruling.
//!
//! Here: the facts a ruling looks at, with the strictest value wherever one is left out.
//! Elsewhere: how they become a Cedar request (`ask`), and the decision (`agreements`).

use crate::{Budget, Grading, Matching, Spent};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use terms::{
    CaseId, Category, Digest, ExhibitId, Handling, Label, Labeller, Labelling, MemberId, PartnerId, Place,
    Protection, Purpose, Timestamp,
};

/// What is to be done with the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// The receiving partner, or its member, gets the records.
    Receive,
    /// The records take part in a private set intersection.
    PsiMatch,
    /// The records are counted with differential privacy.
    DpCount,
    /// Somebody who received the records hands them on.
    Reshare,
    /// The records are put before a court.
    UseInCourt,
}

impl Act {
    /// Every act.
    pub const ALL: &'static [Self] =
        &[Self::Receive, Self::PsiMatch, Self::DpCount, Self::Reshare, Self::UseInCourt];

    /// The word used in agreements, commands and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::PsiMatch => "psi-match",
            Self::DpCount => "dp-count",
            Self::Reshare => "reshare",
            Self::UseInCourt => "use-in-court",
        }
    }

    /// The act a word stands for, if it is one of the vocabulary.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|a| a.word() == word)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One request for a ruling. Whatever is left out counts as its strictest value, so that forgetting never opens a
/// door. Make it with [`Request::new`] and set the rest. As JSON, a word that is not known is an error and not ignored: a
/// mistyped `origin` would turn another partner's records into one's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Who gives.
    pub from: PartnerId,
    /// Who gets.
    pub to: PartnerId,
    /// The member of `to` for whom it is meant (a state, an institution); `None`: the partner itself.
    pub member: Option<MemberId>,
    /// What is to be done.
    pub act: Act,
    /// Every category the records have. Empty: not labelled, and so `victim-identity`, the strictest.
    #[serde(default)]
    pub categories: BTreeSet<Category>,
    /// Who or what says of which categories they are, and how. What a label states counts, also where `categories` leaves
    /// it out; a label's reason stays at home.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// What for.
    pub purpose: Purpose,
    /// The form in which each category is sent. A category without an entry counts as sent in clear.
    #[serde(default)]
    pub protection: BTreeMap<Category, Protection>,
    /// The strictest marks on any of the records.
    pub handling: Handling,
    /// Whose records they were first. `None`: `from`'s own. Another partner's records pass only as that partner
    /// allowed.
    pub origin: Option<PartnerId>,
    /// Where they will rest. `None`: at the seat of the member or partner that gets them.
    pub place: Option<Place>,
    /// The places of the persons the records concern. Empty: not known.
    #[serde(default)]
    pub concerns: BTreeSet<Place>,
    /// How many records.
    pub records: u64,
    /// The case for which it is asked. A match needs one, and so does a clause with a cap for each case.
    #[serde(default)]
    pub case: Option<CaseId>,
    /// Why it is asked, in words. A match needs a reason: no fishing. It never reaches the policy or the ledger.
    #[serde(default)]
    pub reason: Option<String>,
    /// How many records passed before.
    #[serde(default = "unknown")]
    pub spent: Spent,
    /// What a match would use. `None`: more than any clause allows.
    #[serde(default)]
    pub matching: Option<Matching>,
    /// What a noisy count would use. `None`: more than any clause allows.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// The weakest grading of any of the records. `None`: not graded, which counts as [`Grading::WORST`].
    #[serde(default)]
    pub grading: Option<Grading>,
    /// The exhibit that holds the provider's written consent, where a handling code asks for it.
    pub consent: Option<ExhibitId>,
    /// SHA-256 of the final bytes, to which a permit is bound.
    pub bytes: Digest,
}

impl Request {
    /// A request with nothing stated that could be left out: no category (the strictest), nothing protected, no
    /// member, no case, one record, and no room under any cap.
    pub fn new(
        from: PartnerId,
        to: PartnerId,
        act: Act,
        purpose: Purpose,
        handling: Handling,
        bytes: Digest,
    ) -> Self {
        Self {
            from,
            to,
            member: None,
            act,
            categories: BTreeSet::new(),
            labels: Vec::new(),
            purpose,
            protection: BTreeMap::new(),
            handling,
            origin: None,
            place: None,
            concerns: BTreeSet::new(),
            records: 1,
            case: None,
            reason: None,
            spent: Spent::UNKNOWN,
            matching: None,
            budget: None,
            grading: None,
            consent: None,
            bytes,
        }
    }

    /// The same request for records of this category, sent in this form, besides those already stated.
    #[must_use]
    pub fn with(mut self, category: Category, form: Protection) -> Self {
        self.categories.insert(category);
        self.protection.insert(category, form);
        self
    }

    /// The same request with this label, its reason left out, besides those already stated.
    #[must_use]
    pub fn labelled(mut self, label: &Label) -> Self {
        let label = label.without_reason();
        if !self.labels.contains(&label) {
            self.labels.push(label);
        }
        self
    }

    /// The same request for a case, for this reason.
    #[must_use]
    pub fn in_case(mut self, case: CaseId, reason: impl Into<String>) -> Self {
        self.case = Some(case);
        self.reason = Some(reason.into());
        self
    }

    /// The same request after so many records.
    #[must_use]
    pub fn after(mut self, spent: Spent) -> Self {
        self.spent = spent;
        self
    }

    /// The same request for this member of the receiving partner.
    #[must_use]
    pub fn for_member(mut self, member: MemberId) -> Self {
        self.member = Some(member);
        self
    }

    /// The categories a ruling counts with: those stated, here or in a label, or the strictest where none is.
    pub fn counted_categories(&self) -> BTreeSet<Category> {
        let labelled = self.labels.iter().flat_map(|l| &l.categories);
        let all: BTreeSet<Category> = self.categories.iter().chain(labelled).copied().collect();
        if all.is_empty() { BTreeSet::from([Category::STRICTEST]) } else { all }
    }

    /// For each category that counts, who or what labelled it, how and when last, as the ledger tells it: without names
    /// and reasons. An empty list: nobody did.
    pub(crate) fn told_labels(&self) -> BTreeMap<Category, Vec<Told<'_>>> {
        let mut told: BTreeMap<Category, Vec<Told<'_>>> =
            self.counted_categories().into_iter().map(|c| (c, Vec::new())).collect();
        for label in &self.labels {
            for category in &label.categories {
                let list = told.entry(*category).or_default();
                match list.iter_mut().find(|t| (t.by, t.how) == (&label.by, label.how)) {
                    Some(known) => known.at = known.at.max(label.at),
                    None => list.push(Told { by: &label.by, how: label.how, at: label.at }),
                }
            }
        }
        told
    }

    /// The form a ruling counts with for `category`: clear where none is stated, and also for forms that protect
    /// nothing (counts over fewer than two, and `never`, in which nothing can be sent).
    pub fn counted_form(&self, category: Category) -> Protection {
        match self.protection.get(&category) {
            None | Some(Protection::Never | Protection::Aggregate(0 | 1)) => Protection::Clear,
            Some(form) => *form,
        }
    }
}

/// Who labelled a category, as the ledger tells it.
#[derive(Debug, Serialize)]
pub(crate) struct Told<'a> {
    by: &'a Labeller,
    how: Labelling,
    at: Timestamp,
}

fn unknown() -> Spent {
    Spent::UNKNOWN
}
