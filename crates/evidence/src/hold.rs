//! Holds: preservation duties. A hold beats recall, retention and erasure, and the answer says until when.
//!
//! Here: the rule. Elsewhere: where holds are kept (the state store). Nothing is erased without a [`Clearance`], and only
//! [`clear`] makes one.

use crate::EvidenceError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use terms::{ExhibitId, Timestamp};

/// A preservation duty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name (`hold-7`).
    pub id: String,
    /// What it preserves.
    pub scope: Scope,
    /// Why: the authority's id or the clause (`order-de-114`).
    pub ground: String,
    /// The first instant at which it no longer stands; `None` until it is lifted (then it is taken off the list).
    pub until: Option<Timestamp>,
}

/// What a hold preserves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every exhibit of the home.
    Everything,
    /// These exhibits.
    Exhibits(BTreeSet<ExhibitId>),
}

impl Hold {
    /// Whether it stands against letting go of this exhibit now.
    pub fn stands(&self, exhibit: &ExhibitId, now: Timestamp) -> bool {
        let covers = match &self.scope {
            Scope::Everything => true,
            Scope::Exhibits(these) => these.contains(exhibit),
        };
        covers && self.until.is_none_or(|until| now < until)
    }
}

/// Shows that no hold stood against letting go of one exhibit. Consumed by the erasure.
#[derive(Debug)]
#[must_use]
pub struct Clearance {
    exhibit: ExhibitId,
}

impl Clearance {
    /// The exhibit it is for.
    pub const fn exhibit(&self) -> &ExhibitId {
        &self.exhibit
    }
}

/// Clears one exhibit for erasure, recall or the end of its retention. `holds` must be every hold of the home.
///
/// # Errors
/// CMT-0405 naming the hold that ends last, and when.
pub fn clear(exhibit: ExhibitId, holds: &[Hold], now: Timestamp) -> Result<Clearance, EvidenceError> {
    let last = holds
        .iter()
        .filter(|h| h.stands(&exhibit, now))
        .max_by_key(|h| h.until.unwrap_or(Timestamp(i64::MAX)));
    match last {
        None => Ok(Clearance { exhibit }),
        Some(hold) => Err(EvidenceError::Held {
            exhibit,
            hold: hold.id.clone(),
            ground: hold.ground.clone(),
            until: hold.until,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hold_that_ends_last_is_named_and_ends() {
        let id = ExhibitId::of(b"x");
        let hold = |name: &str, scope, until: Option<i64>| Hold {
            id: name.into(),
            scope,
            ground: "order-de-114".into(),
            until: until.map(Timestamp),
        };
        let these = Scope::Exhibits([id].into());
        let holds = [hold("a", these.clone(), Some(10)), hold("b", Scope::Everything, Some(20))];
        assert!(matches!(
            clear(id, &holds, Timestamp(5)),
            Err(EvidenceError::Held { hold, until: Some(Timestamp(20)), .. }) if hold == "b"
        ));
        assert!(clear(id, &holds, Timestamp(20)).is_ok());
        assert!(clear(id, &[hold("c", these, None)], Timestamp(i64::MAX)).is_err());
        assert!(clear(id, &[hold("d", Scope::Exhibits(BTreeSet::new()), None)], Timestamp(0)).is_ok());
    }
}
