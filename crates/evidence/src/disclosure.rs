//! The disclosure schedule of a case: what of it is used, what is not, what speaks for the accused, what is sensitive.
//!
//! Here: the marks, which go together, and the schedule as a prosecutor gets it. Elsewhere: who marked what when (the
//! state store and, for good, the ledger).
//! A sensitive item is listed so that a court can rule on it, without anything of its content: no digest (whoever holds
//! the file could recognise it), no kind, no size, no name, no reason.

use crate::EvidenceError;
use ledger::Commitment;
use serde::{Deserialize, Serialize};
use std::fmt;
use terms::{ExhibitId, ExhibitKind, PersonId, Timestamp};

/// Schema of a schedule.
pub const SCHEMA: &str = "comity.disclosure/1";

/// What an exhibit is to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// The case rests on it.
    Used,
    /// The case does not rest on it.
    Unused,
    /// It speaks for the accused, or against the case.
    Exculpatory,
    /// Its content may harm somebody or something: listed, not shown.
    Sensitive,
}

impl Mark {
    /// Every mark.
    pub const ALL: [Self; 4] = [Self::Used, Self::Unused, Self::Exculpatory, Self::Sensitive];
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Unused => "unused",
            Self::Exculpatory => "exculpatory",
            Self::Sensitive => "sensitive",
        }
    }
    /// The mark of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.word() == word)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Sorts marks and takes doubles out.
///
/// # Errors
/// CMT-0430 for none, or for both `used` and `unused`.
pub fn settled(mut marks: Vec<Mark>) -> Result<Vec<Mark>, EvidenceError> {
    marks.sort_unstable();
    marks.dedup();
    if marks.is_empty() || (marks.contains(&Mark::Used) && marks.contains(&Mark::Unused)) {
        return Err(EvidenceError::Marks);
    }
    Ok(marks)
}

/// One exhibit of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its number in the schedule, from 1.
    pub number: u32,
    /// The exhibit.
    pub exhibit: ExhibitId,
    /// Its commitment, as the ledger holds it.
    pub commitment: Commitment,
    /// What it is.
    pub kind: ExhibitKind,
    /// Bytes.
    pub size: u64,
    /// Its marks; empty where nobody has marked it yet.
    pub marks: Vec<Mark>,
    /// Who marked it.
    pub by: Option<PersonId>,
    /// When.
    pub at: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
    /// Whether it was erased.
    pub erased: bool,
}

impl Item {
    /// Whether it has this mark.
    pub fn is(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }
    /// Whether its bytes may go into a package: it is used or exculpatory, not sensitive, and still here.
    pub fn goes_along(&self) -> bool {
        !self.erased && !self.is(Mark::Sensitive) && (self.is(Mark::Used) || self.is(Mark::Exculpatory))
    }
}

/// The schedule as a prosecutor gets it (`comity.disclosure/1`).
pub fn for_prosecutor(case: &str, items: &[Item]) -> serde_json::Value {
    let told: Vec<serde_json::Value> = items
        .iter()
        .map(|item| {
            let mut out = serde_json::json!({
                "number": item.number, "commitment": item.commitment, "marks": item.marks, "by": item.by, "at": item.at,
                "erased": item.erased,
            });
            if let Some(object) = out.as_object_mut().filter(|_| !item.is(Mark::Sensitive)) {
                object.insert("exhibit".into(), serde_json::json!(item.exhibit));
                object.insert("kind".into(), serde_json::json!(item.kind));
                object.insert("size".into(), serde_json::json!(item.size));
                object.insert("reason".into(), serde_json::json!(item.reason));
                object.insert("enclosed".into(), serde_json::json!(item.goes_along()));
            }
            out
        })
        .collect();
    let unmarked = items.iter().filter(|i| i.marks.is_empty()).count();
    serde_json::json!({ "schema": SCHEMA, "case": case, "unmarked": unmarked, "items": told })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test should stop")]
    use super::*;

    fn item(number: u32, marks: &[Mark]) -> Item {
        Item {
            number,
            exhibit: ExhibitId::of(&number.to_be_bytes()),
            commitment: Commitment([7; 32]),
            kind: ExhibitKind::Pcap,
            size: 4711,
            marks: marks.to_vec(),
            by: Some(PersonId("counsel-1".into())),
            at: Some(Timestamp(0)),
            reason: Some("names an informant".into()),
            erased: false,
        }
    }

    #[test]
    fn a_sensitive_item_is_listed_and_tells_nothing() {
        let items = [
            item(1, &[Mark::Used]),
            item(2, &[Mark::Unused, Mark::Sensitive]),
            item(3, &[Mark::Exculpatory, Mark::Sensitive]),
            item(4, &[]),
        ];
        let told = for_prosecutor("c", &items);
        let list = told["items"].as_array().unwrap();
        assert_eq!((list.len(), told["unmarked"].as_u64()), (4, Some(1)));
        for (i, open) in [(0, true), (1, false), (2, false), (3, true)] {
            let text = list[i].to_string();
            for secret in [items[i].exhibit.to_string().as_str(), "pcap", "4711", "informant"] {
                assert_eq!(text.contains(secret), open, "{secret} in {text}");
            }
        }
        assert_eq!(list[2]["marks"], serde_json::json!(["exculpatory", "sensitive"]));
        let along: Vec<bool> = items.iter().map(Item::goes_along).collect();
        assert_eq!(along, [true, false, false, false]);
        assert!(item(1, &[Mark::Unused, Mark::Exculpatory]).goes_along());
    }

    #[test]
    fn marks_that_exclude_each_other_are_refused() {
        use Mark::{Exculpatory, Sensitive, Unused, Used};
        for (given, settled_as) in [
            (vec![Used], Some(vec![Used])),
            (vec![Sensitive, Unused, Sensitive], Some(vec![Unused, Sensitive])),
            (vec![Exculpatory], Some(vec![Exculpatory])),
            (vec![Used, Unused], None),
            (vec![], None),
        ] {
            assert_eq!(settled(given).ok(), settled_as);
        }
    }
}
