//! A step of a private match, as it rides in a payload (`comity.payload/1`, member `matching`).
//!
//! Here: what is declared beside the message itself. Elsewhere: the message's bytes (`privacy::psi`), the session's
//! order and what is kept of it (`comity`).
//! Both steps are ruled on as one crossing: from the holder, whose items are told, to the asker. A question carries blinded
//! elements, which are random whatever the asker's items are; what it declares counts.
//! Bounds: a reason of 500 characters, no control characters.

use serde::{Deserialize, Serialize};
use terms::Digest;

/// Media type of the item that holds the message.
pub const MEDIA_TYPE: &str = "application/vnd.comity.psi";
const MAX_REASON: usize = 500;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// From the asker to the holder.
    Question,
    /// From the holder to the asker.
    Answer,
}

/// What a step of a match declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The session, a UUID drawn by the asker.
    pub session: String,
    /// Question or answer.
    pub step: Step,
    /// What the items are, in the word of `privacy::psi::Kind`.
    pub kind: String,
    /// Items the asker declared.
    pub set: u64,
    /// Items the holder has; 0 in a question.
    pub holds: u64,
    /// How many matches are revealed at most.
    pub reveal: u64,
    /// Why it is asked.
    pub reason: String,
    /// What the asker committed to: SHA-256 over the blinded elements.
    pub commitment: Digest,
}

impl Match {
    /// Why this cannot stand in a payload.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        let word = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        let session = self.session.len() == 36
            && self.session.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'));
        let reason = self.reason.trim();
        if !session {
            Some("the session of its match is no UUID")
        } else if !word(&self.kind) || self.kind.len() > 32 {
            Some("its match does not say what the items are")
        } else if self.set == 0 || (self.holds == 0) != (self.step == Step::Question) {
            Some("its match declares an impossible number of items")
        } else if reason.is_empty()
            || reason.chars().count() > MAX_REASON
            || reason.chars().any(char::is_control)
        {
            Some("its match gives no reason of 1 to 500 characters")
        } else {
            None
        }
    }
}
