//! Labels: who or what says of which categories an exhibit or a record is, how, when and why.
//!
//! Here: one label, and what several together come to ([`Settled`]). Elsewhere: keeping them (`comity`), what may pass in
//! which category (`agreement`).
//! The rule: unlabelled counts as the strictest; whoever labels adds; only a person who labels by hand and says why takes a
//! category away.

use crate::category::word_enum;
use crate::{Category, PartnerId, PersonId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

word_enum! {
    /// How a label came about.
    Labelling {
        /// A rule of this program, from what the content is or was written from.
        Rule = "rule",
        /// Whoever gave it marked it so.
        Source = "source",
        /// A person looked and decided.
        ByHand = "by-hand",
        /// It holds for what this was unpacked from.
        Derived = "derived",
    }
}

/// Who or what labelled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "labeller")]
pub enum Labeller {
    /// A person, by the pseudonym of their key ([`PersonId::of_key`]), at the node with this key (its DSSE key id).
    Person {
        /// The pseudonym.
        person: PersonId,
        /// The node's key id.
        node: String,
    },
    /// An examiner or a rule of this program.
    Examiner {
        /// Its name (`malware.pe`).
        examiner: String,
        /// Its version; a change of method is a new version.
        version: u32,
    },
    /// A partner that gave it.
    Partner {
        /// The partner.
        partner: PartnerId,
    },
}

impl fmt::Display for Labeller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { person, .. } => person.fmt(f),
            Self::Examiner { examiner, version } => write!(f, "{examiner} version {version}"),
            Self::Partner { partner } => partner.fmt(f),
        }
    }
}

/// One label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    /// The categories. One without any says nothing.
    pub categories: BTreeSet<Category>,
    /// Who or what says so.
    pub by: Labeller,
    /// How.
    pub how: Labelling,
    /// When, by the node's clock.
    pub at: Timestamp,
    /// Why, in a person's words. They stay at home: neither a request nor the ledger holds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Label {
    /// A label of a rule or an examiner.
    pub fn by_rule(
        examiner: &str,
        version: u32,
        categories: impl IntoIterator<Item = Category>,
        at: Timestamp,
    ) -> Self {
        Self {
            categories: categories.into_iter().collect(),
            by: Labeller::Examiner { examiner: examiner.to_owned(), version },
            how: Labelling::Rule,
            at,
            reason: None,
        }
    }

    /// The marking of a partner that gave it.
    pub fn by_source(partner: PartnerId, categories: BTreeSet<Category>, at: Timestamp) -> Self {
        Self { categories, by: Labeller::Partner { partner }, how: Labelling::Source, at, reason: None }
    }

    /// The label without its reason, as it may travel in a request.
    #[must_use]
    pub fn without_reason(&self) -> Self {
        Self { reason: None, ..self.clone() }
    }

    /// Whether it may take categories away: a person's own decision, with words that say why.
    fn decides(&self) -> bool {
        let said = self.reason.as_ref().is_some_and(|r| !r.trim().is_empty());
        matches!(self.by, Labeller::Person { .. }) && self.how == Labelling::ByHand && said
    }
}

/// Whether `new` lets more pass than `old`: it says less, or its strictest category is less strict.
pub fn weaker(new: &BTreeSet<Category>, old: &BTreeSet<Category>) -> bool {
    (new.is_subset(old) && new.len() < old.len()) || new.last() < old.last()
}

/// What labels together come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    categories: BTreeSet<Category>,
    labels: Vec<Label>,
}

impl Settled {
    /// Nothing was labelled: the strictest category.
    pub fn unlabelled() -> Self {
        Self { categories: BTreeSet::from([Category::STRICTEST]), labels: Vec::new() }
    }

    /// What a rule says of content that it reads or writes whole. For content that is merely recognised, begin
    /// [unlabelled](Self::unlabelled) and [add](Self::and).
    pub fn ruled(label: Label) -> Self {
        if label.categories.is_empty() {
            return Self::unlabelled();
        }
        Self { categories: label.categories.clone(), labels: vec![label] }
    }

    /// The same after one more label, in the order in which they were given. It adds its categories, unless it is
    /// [weaker]: then a person's decision with a reason takes the place of what was there, and any other adds.
    #[must_use]
    pub fn and(mut self, label: &Label) -> Self {
        if label.categories.is_empty() {
            return self;
        }
        if label.decides() && weaker(&label.categories, &self.categories) {
            return Self { categories: label.categories.clone(), labels: vec![label.clone()] };
        }
        self.categories.extend(label.categories.iter().copied());
        self.labels.push(label.clone());
        self
    }

    /// The same for what was unpacked from this.
    #[must_use]
    pub fn derived(mut self) -> Self {
        self.labels.iter_mut().for_each(|l| l.how = Labelling::Derived);
        self
    }

    /// The categories that count; never empty.
    pub fn categories(&self) -> &BTreeSet<Category> {
        &self.categories
    }

    /// The labels that count, in the order in which they were given. Empty: unlabelled.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Whether the strictest category counts only because nobody labelled it, or nobody who may take it away.
    pub fn counts_as_unlabelled(&self) -> bool {
        self.categories.contains(&Category::STRICTEST)
            && !self.labels.iter().any(|l| l.categories.contains(&Category::STRICTEST))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use Category::{C2Infrastructure, MalwareSample, NetworkIndicator, Traffic, VictimIdentity, VictimIp};

    fn set(words: &[Category]) -> BTreeSet<Category> {
        words.iter().copied().collect()
    }

    fn by_hand(words: &[Category], reason: Option<&str>) -> Label {
        Label {
            categories: set(words),
            by: Labeller::Person { person: PersonId("key-1".into()), node: "node".into() },
            how: Labelling::ByHand,
            at: Timestamp(1),
            reason: reason.map(str::to_owned),
        }
    }

    fn machine(words: &[Category]) -> Label {
        Label::by_rule("malware.pe", 1, words.iter().copied(), Timestamp(2))
    }

    #[test]
    fn weaker_says_less_or_something_less_strict() {
        for (new, old, expected) in [
            (&[MalwareSample][..], &[VictimIdentity][..], true),
            (&[VictimIdentity], &[VictimIdentity], false),
            (&[VictimIp], &[NetworkIndicator, VictimIp], true),
            (&[NetworkIndicator, VictimIp], &[VictimIp], false),
            (&[VictimIdentity], &[VictimIp], false),
            (&[Traffic], &[VictimIp], true),
            (&[Traffic, NetworkIndicator, C2Infrastructure], &[VictimIp], true),
            (&[VictimIp], &[Traffic], false),
        ] {
            assert_eq!(weaker(&set(new), &set(old)), expected, "{new:?} after {old:?}");
        }
    }

    #[test]
    fn labels_add_and_only_a_persons_reasoned_decision_takes_away() {
        let why = Some("read it: no person in it");
        for (name, labels, expected) in [
            ("nobody", vec![], set(&[VictimIdentity])),
            ("a machine alone", vec![machine(&[MalwareSample])], set(&[MalwareSample, VictimIdentity])),
            ("a person with a reason", vec![by_hand(&[MalwareSample], why)], set(&[MalwareSample])),
            ("without", vec![by_hand(&[MalwareSample], None)], set(&[MalwareSample, VictimIdentity])),
            (
                "with blanks",
                vec![by_hand(&[MalwareSample], Some(" \n"))],
                set(&[MalwareSample, VictimIdentity]),
            ),
            (
                "a machine after a person adds",
                vec![by_hand(&[MalwareSample], why), machine(&[VictimIp])],
                set(&[MalwareSample, VictimIp]),
            ),
            (
                "a machine never takes a person's stricter one away",
                vec![by_hand(&[VictimIp], why), machine(&[MalwareSample])],
                set(&[MalwareSample, VictimIp]),
            ),
            (
                "two persons: both, where the second is as strict",
                vec![by_hand(&[Traffic], why), by_hand(&[VictimIp], why)],
                set(&[Traffic, VictimIp]),
            ),
            (
                "the last decision, where it is weaker and says why",
                vec![by_hand(&[VictimIp], why), machine(&[MalwareSample]), by_hand(&[MalwareSample], why)],
                set(&[MalwareSample]),
            ),
            ("an empty label says nothing", vec![by_hand(&[], why)], set(&[VictimIdentity])),
        ] {
            let settled = labels.iter().fold(Settled::unlabelled(), Settled::and);
            assert_eq!(settled.categories(), &expected, "{name}");
            let stated = settled.labels().iter().flat_map(|l| &l.categories);
            assert!(stated.into_iter().all(|c| expected.contains(c)), "{name}: only what counts is kept");
        }
    }

    #[test]
    fn who_only_seems_to_decide_does_not() {
        let mut partner = by_hand(&[MalwareSample], Some("trust us"));
        partner.by = Labeller::Partner { partner: PartnerId::new("police").unwrap() };
        let mut rule = by_hand(&[MalwareSample], Some("a rule"));
        rule.how = Labelling::Rule;
        for label in [partner, rule] {
            let settled = Settled::unlabelled().and(&label);
            assert!(
                settled.categories().contains(&VictimIdentity) && settled.counts_as_unlabelled(),
                "{label:?}"
            );
        }
    }

    #[test]
    fn what_was_unpacked_has_the_labels_of_what_it_came_from() {
        let settled = Settled::unlabelled().and(&by_hand(&[MalwareSample], Some("read"))).derived();
        assert_eq!(settled.categories(), &set(&[MalwareSample]));
        assert!(settled.labels().iter().all(|l| l.how == Labelling::Derived));
        // It is no decision about what was unpacked: it cannot take a later label away.
        let later = settled.and(&machine(&[VictimIp]));
        let again = later.labels().iter().fold(Settled::unlabelled(), Settled::and);
        assert!(again.categories().contains(&VictimIp) && again.categories().contains(&VictimIdentity));
    }
}
