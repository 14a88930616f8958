//! What a first responder must look at first: how dangerous what was found in an exhibit is, and how much each finding
//! says.
//!
//! Dangerous is what says that an exhibit is, or does, what honest programs do not. What many honest programs have (an
//! address, a name, code in common) is of weight where something else stands out, and no danger by itself.

use crate::store::findings::kind;
use std::collections::{BTreeMap, BTreeSet};
use terms::{Finding, FindingBody};

/// How dangerous an exhibit is: the first thing to be looked at is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Danger {
    /// By what is found, in the order of [`Kind`].
    pub kind: Kind,
    /// Among those of one kind: how much is said.
    pub weight: u32,
}

/// What makes an exhibit dangerous, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing that stands out.
    Nothing,
    /// It hides what it holds, or holds what honest ones hold too: a locked container, a form for a password, one word of a
    /// script.
    Unclear,
    /// Several things that honest programs seldom have together, whom it is after, or a signature that cannot be read.
    Suspect,
    /// It is packed.
    Packed,
    /// It acts when it is opened, can do what few honest programs can, or broke its examiner.
    Acts,
    /// It wipes, locks or destroys, or does when its control is lost.
    Harms,
    /// It is not what was signed.
    Changed,
    /// It is named: a rule fired, its configuration is read, or others gave it a family.
    Named,
    /// Nobody may look at it, and it is to be reported.
    Withheld,
}

/// Capabilities that destroy, or take away.
const HARM: &[&str] = &[
    "harm-on-loss",
    "wipe-disk",
    "wipe-device-flash",
    "delete-everything",
    "delete-shadow-copies",
    "encrypt-files",
    "ransom-note",
    "boot-record",
];
/// A capability that few honest programs have, in per cent (`malware::capability`: 60 and more).
const FEW: u8 = 65;
/// One that is worth counting.
const SOME: u8 = 45;
/// So many of those together are no chance.
const TOGETHER: usize = 3;
/// Statements of one kind that count.
const COUNTED: usize = 4;
/// Verdicts on a program that is not what was signed.
const CHANGED: &[&str] = &["tampered", "bad-signature", "broken-chain"];
/// Its examination broke off (`work::WorkError`).
const BROKE_OFF: &[&str] = &["CMT-1101", "CMT-1102", "CMT-1103"];
/// No password opened it.
const LOCKED: &str = "CMT-0539";
/// Words of scripts that mean nothing alone: every shell has them.
const PLAIN_WORDS: &[&str] = &["shell", "shell(", "eval(", "execute(", "iex", "iex("];

/// How dangerous an exhibit is by what was found in it.
pub fn danger(all: &[Finding]) -> Danger {
    let alone = all.iter().map(of_one).max().unwrap_or(Kind::Nothing);
    Danger { kind: alone.max(of_many(all)), weight: telling(all) }
}

/// What one finding makes of it.
fn of_one(finding: &Finding) -> Kind {
    let sure = finding.confidence.percent();
    match &finding.body {
        FindingBody::Withheld { .. } => Kind::Withheld,
        FindingBody::RuleMatch { .. } | FindingBody::Configuration { .. } | FindingBody::Family { .. } => {
            Kind::Named
        }
        FindingBody::Signature { verdict, .. } => match verdict.as_str() {
            changed if CHANGED.contains(&changed) => Kind::Changed,
            "unreadable" => Kind::Suspect,
            _ => Kind::Nothing,
        },
        FindingBody::Capability { capability, .. } => match capability.as_str() {
            harm if HARM.contains(&harm) => Kind::Harms,
            "packed" => Kind::Packed,
            _ if sure >= FEW => Kind::Acts,
            _ => Kind::Nothing,
        },
        FindingBody::ActiveContent { what, value, .. } if what == "suspicious-call" => {
            if PLAIN_WORDS.contains(&value.trim()) { Kind::Nothing } else { Kind::Unclear }
        }
        FindingBody::ActiveContent { .. } => {
            if sure >= 60 {
                Kind::Acts
            } else {
                Kind::Unclear
            }
        }
        FindingBody::Text { what, .. } if matches!(what.as_str(), "wallet" | "onion" | "inject-target") => {
            Kind::Suspect
        }
        FindingBody::Unreadable { code, .. } => match code.as_str() {
            broke if BROKE_OFF.contains(&broke) => Kind::Acts,
            LOCKED => Kind::Unclear,
            _ => Kind::Nothing,
        },
        _ => Kind::Nothing,
    }
}

/// What several findings say together that none says alone.
fn of_many(all: &[Finding]) -> Kind {
    let (mut capabilities, mut calls) = (0, BTreeSet::new());
    for finding in all {
        match &finding.body {
            FindingBody::Capability { .. } if finding.confidence.percent() >= SOME => capabilities += 1,
            FindingBody::ActiveContent { what, value, .. }
                if what == "suspicious-call" && !PLAIN_WORDS.contains(&value.trim()) =>
            {
                calls.insert(value.trim());
            }
            _ => {}
        }
    }
    if capabilities >= TOGETHER || calls.len() > 1 { Kind::Suspect } else { Kind::Nothing }
}

/// How much an exhibit says: of each kind as much as is told of it, so that many addresses are not more than one
/// configuration.
fn telling(all: &[Finding]) -> u32 {
    let mut kinds: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for finding in all {
        kinds.entry(kind(&finding.body)).or_default().push(weight(finding));
    }
    let told = |mut weights: Vec<u32>| -> u32 {
        weights.sort_unstable_by_key(|w| std::cmp::Reverse(*w));
        weights.iter().take(COUNTED).sum()
    };
    kinds.into_values().map(told).sum()
}

/// How much a finding says to a responder; 0 for what every exhibit has.
pub fn weight(finding: &Finding) -> u32 {
    let sure = u32::from(finding.confidence.percent());
    match &finding.body {
        FindingBody::Withheld { .. } => 10_000,
        FindingBody::Configuration { .. } => 1_000,
        FindingBody::Signature { verdict, .. } => match verdict.as_str() {
            "valid" => 0,
            changed if CHANGED.contains(&changed) => 500,
            _ => 20,
        },
        FindingBody::Family { .. } => 400,
        FindingBody::RuleMatch { .. } => 200,
        // A script names many calls; what a document would do by itself tells more.
        FindingBody::ActiveContent { what, .. } if what == "suspicious-call" => sure / 4,
        FindingBody::ActiveContent { .. } => 100,
        FindingBody::Capability { capability, .. } if HARM.contains(&capability.as_str()) => 150,
        FindingBody::Capability { .. } => sure / 5,
        FindingBody::Text { what, .. } => match what.as_str() {
            "wallet" | "onion" | "inject-target" => 100,
            "url" | "address" => 5,
            _ => 1,
        },
        FindingBody::Unreadable { code, .. } => match code.as_str() {
            broke if BROKE_OFF.contains(&broke) => 120,
            LOCKED => 30,
            _ => 0,
        },
        FindingBody::SharedCode { .. } | FindingBody::Similar { .. } => 3,
        FindingBody::Indicator { .. } => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::{Confidence, ExhibitId, Unsealed};

    fn found(sure: u8, body: FindingBody) -> Finding {
        let confidence = Confidence::new(sure);
        Unsealed { examiner: "test".into(), version: 1, confidence, reason: String::new(), body }
            .seal(vec![ExhibitId::of(b"a")])
    }
    fn can(capability: &str, sure: u8) -> Finding {
        let (techniques, evidence) = (Vec::new(), Vec::new());
        found(sure, FindingBody::Capability { capability: capability.into(), techniques, evidence })
    }
    fn signed(verdict: &str) -> Finding {
        found(100, FindingBody::Signature { verdict: verdict.into(), signer: None, details: Vec::new() })
    }
    fn active(what: &str, value: &str, sure: u8) -> Finding {
        found(sure, FindingBody::ActiveContent { what: what.into(), value: value.into(), at: "x".into() })
    }
    fn text(what: &str) -> Finding {
        let (value, encoding) = ("v".into(), "ascii".into());
        found(95, FindingBody::Text { what: what.into(), value, encoding, offset: 0 })
    }
    fn unread(code: &str) -> Finding {
        found(100, FindingBody::Unreadable { code: code.into(), at: "x".into(), records: 1 })
    }
    fn rule() -> Finding {
        let (tags, meta, strings) = (Vec::new(), Vec::new(), Vec::new());
        found(100, FindingBody::RuleMatch { rule: "r".into(), tags, meta, strings })
    }

    #[test]
    fn what_a_responder_looks_at_first_is_the_greatest() {
        // Each row is more dangerous than all below it, however much those say.
        let rows: Vec<(Kind, Vec<Finding>)> = vec![
            (Kind::Named, vec![rule()]),
            (Kind::Changed, vec![signed("tampered")]),
            (Kind::Harms, vec![can("harm-on-loss", 40)]),
            (Kind::Acts, vec![active("auto-run-macro", "AutoOpen", 90)]),
            (Kind::Packed, vec![can("packed", 55)]),
            (Kind::Suspect, vec![can("run-key", 45), can("cron-entry", 50), can("create-service", 45)]),
            (Kind::Unclear, vec![unread("CMT-0539")]),
            (Kind::Nothing, vec![signed("valid"), text("url"), text("url"), can("cron-entry", 50)]),
        ];
        for (kind, all) in &rows {
            assert_eq!(danger(all).kind, *kind, "{all:?}");
        }
        assert!(rows.is_sorted_by(|a, b| a.0 > b.0));
        let many: Vec<Finding> = (0..100).map(|_| active("auto-run-macro", "AutoOpen", 90)).collect();
        assert!(danger(&[rule()]) > danger(&many));
        // Of one kind, what says more.
        assert!(danger(&[rule(), rule()]) > danger(&[rule()]));
    }

    #[test]
    fn what_honest_programs_have_is_no_danger() {
        for all in [
            vec![],
            vec![can("look-for-virtual-machine", 60)],
            vec![can("private-keys", 40), can("refuse-to-be-traced", 40)],
            vec![active("suspicious-call", "shell", 50), active("suspicious-call", "eval(", 50)],
            vec![signed("self-signed"), text("address"), text("mail-address")],
            vec![unread("CMT-0525")],
        ] {
            assert_eq!(danger(&all).kind, Kind::Nothing, "{all:?}");
        }
        let two =
            [active("suspicious-call", "downloadstring", 50), active("suspicious-call", "-w hidden", 50)];
        assert_eq!(danger(&two).kind, Kind::Suspect);
        assert_eq!(danger(two.get(..1).unwrap_or_default()).kind, Kind::Unclear);
    }
}
