//! Findings: typed statements about exhibits.

use crate::{AssetSheet, Channel, Day, DgaSpec, Digest, ExhibitId, ExhibitKind, FindingId, Place};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How sure a finding is, 0 to 100 (the scale of STIX 2.1 section 3.2, `confidence`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Confidence(u8);

impl Confidence {
    /// A confidence; above 100 becomes 100.
    pub const fn new(percent: u8) -> Self {
        if percent > 100 { Self(100) } else { Self(percent) }
    }
    /// 0 to 100.
    pub const fn percent(self) -> u8 {
        self.0
    }
}
impl TryFrom<u8> for Confidence {
    type Error = String;
    fn try_from(v: u8) -> Result<Self, String> {
        if v <= 100 { Ok(Self(v)) } else { Err(format!("confidence {v} is above 100")) }
    }
}
impl From<Confidence> for u8 {
    fn from(c: Confidence) -> u8 {
        c.0
    }
}
impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// What a finding states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum FindingBody {
    /// The exhibit's format and the features a responder asks for first.
    Format {
        /// What it is.
        kind: ExhibitKind,
        /// Machine, sections, imports and the like, name to value, in a fixed order.
        features: Vec<(String, String)>,
    },
    /// Something in a document or container that acts when it is opened, or that hides what it is.
    ActiveContent {
        /// What it is, as a lower-case word (`auto-run-macro`, `launch-action`, `path-traversal`).
        what: String,
        /// The text that shows it: a command, an address, a name.
        value: String,
        /// Where it stands, in words.
        at: String,
    },
    /// Another exhibit was taken out of this one.
    Derived {
        /// The derived exhibit.
        exhibit: ExhibitId,
        /// Its path inside this one, as text. It names no place in a file system.
        path: String,
        /// How it was taken out.
        how: String,
    },
    /// Digests that others name the exhibit by: `md5`, `sha1`, `sha256`, `tlsh`, `imphash`.
    Hashes {
        /// Name of the digest to its hexadecimal text.
        digests: Vec<(String, String)>,
    },
    /// A configuration taken out of a sample.
    Configuration {
        /// Malware family, as a lower-case name.
        family: String,
        /// The operator's campaign id, where there is one.
        campaign: Option<String>,
        /// Build or variant, where there is one. A sensor that learns it from the bots' protocol labels its sightings
        /// `family/variant`.
        #[serde(default)]
        variant: Option<String>,
        /// Fixed channels.
        channels: Vec<Channel>,
        /// Domain-generation algorithm, where there is one.
        dga: Option<DgaSpec>,
        /// What else it sets, name to value: keys, mutexes, intervals, paths.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        values: Vec<(String, String)>,
    },
    /// Two samples are alike (a correlator's finding).
    Similar {
        /// The other exhibit.
        other: ExhibitId,
        /// Distance by TLSH (0 is equal).
        distance: u32,
    },
    /// A remote endpoint that hosts call regularly (a correlator's finding over flows).
    Beacon {
        /// The caller: a pseudonym where it is a customer's.
        source: String,
        /// The remote address.
        remote: Channel,
        /// Transport (`tcp`, `udp`).
        transport: String,
        /// Connections seen.
        connections: u64,
        /// Median seconds between connections.
        interval: f64,
        /// How much it looks like command and control, 0 to 1.
        score: f64,
    },
    /// A host asks for many generated names.
    GeneratedNames {
        /// The asking host: a pseudonym where it is a customer's.
        source: String,
        /// Names asked for that look generated.
        names: u64,
        /// How many of them did not exist.
        nonexistent: u64,
        /// A few of them.
        examples: Vec<String>,
    },
    /// A channel with the bots that were seen on it on one day.
    Activity {
        /// The channel.
        channel: Channel,
        /// The day.
        day: Day,
        /// Distinct bots by identity.
        bots: u64,
        /// Distinct addresses, which churn makes larger and shared addresses smaller.
        addresses: u64,
        /// Distinct bots per country, largest first.
        places: Vec<(Place, u64)>,
    },
    /// An indicator a list or bundle names.
    Indicator {
        /// `domain`, `address`, `hash`, or a STIX object type.
        kind: String,
        /// Its value or pattern.
        value: String,
        /// What the source calls it.
        label: Option<String>,
    },
    /// One object of a STIX bundle arrived.
    StixObject {
        /// The object's id.
        id: String,
        /// Its type.
        object: String,
        /// Its name, where it has one.
        name: Option<String>,
    },
    /// An asset register's line: where an asset stands and whose it is.
    Asset {
        /// The line.
        sheet: AssetSheet,
    },
    /// An account through which money moved.
    Account {
        /// The account, as its institution names it (a token where an agreement says so).
        account: String,
        /// The institution.
        institution: String,
        /// Why it stands out.
        role: String,
        /// Sum that passed, in cents.
        cents: i64,
    },
    /// A rule set was compiled.
    RuleSet {
        /// Rules that work.
        rules: u64,
        /// Rules, or parts of the set, that were left out; each is a finding of its own, as far as they are told.
        left_out: u64,
    },
    /// A rule set was applied to a sample (both are its exhibits): what it does not say fired did not fire.
    Scanned {
        /// Rules that were applied.
        rules: u64,
        /// Rules that fired.
        matched: u64,
    },
    /// A rule of a rule set fired on a sample (both are its exhibits). It says that the rule fired, not that it is right.
    RuleMatch {
        /// The rule's name.
        rule: String,
        /// Its tags.
        tags: Vec<String>,
        /// What its author says of it, name to value.
        meta: Vec<(String, String)>,
        /// The strings that fired; none where the rule looks at the file's structure alone.
        strings: Vec<FiredString>,
    },
    /// What a program's signature says, and whether it holds: Authenticode.
    Signature {
        /// The verdict as a word: `valid`, `tampered`, `untrusted-chain`, `expired`, `unreadable` and the like.
        verdict: String,
        /// Subject of the signing certificate, where it could be read.
        signer: Option<String>,
        /// What was read of it, name to value: issuer, serial, digests, certificates of the chain, time stamp.
        details: Vec<(String, String)>,
    },
    /// A text inside a sample that tells a responder where it reaches, or whom it is after.
    Text {
        /// What it is, as a word: `url`, `domain`, `address`, `mail-address`, `wallet`, `inject-target`, `path`, `text`.
        what: String,
        /// The text.
        value: String,
        /// How it was written: `ascii`, `utf-16le`, `base64`, `xor-5a`, `stack` and the like.
        encoding: String,
        /// Where it begins, as an offset in the exhibit.
        offset: u64,
    },
    /// Something a sample can do, by a rule over its features. It says what the code has, not that it is used.
    Capability {
        /// The rule's name.
        capability: String,
        /// Techniques of ATT&CK (`T1486`, `T1055.012`).
        techniques: Vec<String>,
        /// Which features fired, in words.
        evidence: Vec<String>,
    },
    /// What a sample's code looks like, function by function, so that code used again is found.
    Code {
        /// Functions that were large enough to tell.
        functions: u64,
        /// Smallest hashes over all functions' digests (MinHash), 16 hexadecimal digits each, ascending.
        sketch: Vec<String>,
    },
    /// Two samples share code (a correlator's finding).
    SharedCode {
        /// The other exhibit.
        other: ExhibitId,
        /// Estimated share of functions in common, in per cent of those of both together.
        percent: u8,
        /// Functions of the smaller one.
        functions: u64,
    },
    /// The family of a sample by the names that others give it.
    Family {
        /// The family, by its first name in the taxonomy.
        family: String,
        /// The names that were given, as they were given.
        given: Vec<String>,
    },
    /// The exhibit must not be viewed: its digest is on a list of material that nobody may look at. It is sealed, and
    /// neither shown, nor unpacked, nor released.
    Withheld {
        /// The list, by the SHA-256 of its bytes.
        list: ExhibitId,
        /// Which digest is listed (`md5`, `sha1`, `sha256`).
        digest: String,
        /// Until when it has to be reported.
        report_until: crate::Timestamp,
        /// Whether it is not the exhibit itself that is listed, but something in it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        inside: bool,
    },
    /// The exhibit, or a part of it, could not be read. It is sealed all the same.
    Unreadable {
        /// Stable code.
        code: String,
        /// Where, in words (`line 17`, `packet 5`, `offset 0x400`).
        at: String,
        /// How many records were left out for this reason.
        records: u64,
    },
}

/// A string of a rule that was found in a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FiredString {
    /// Its name in the rule (`$a`).
    pub name: String,
    /// How often it was found; at least once. Where the rule asks only whether, the first find is counted.
    pub count: u64,
    /// Where: the first few offsets.
    pub at: Vec<u64>,
    /// The first find as printable text, cut.
    pub text: String,
    /// The key by which the find was deciphered, for a string with the modifier `xor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xor_key: Option<u8>,
}

/// A typed statement with its exhibits, method, version and confidence: refuted rather than deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Named by content; see [`Unsealed::seal`].
    pub id: FindingId,
    /// What it rests on, sorted, without doubles; never empty.
    pub exhibits: Vec<ExhibitId>,
    /// The examiner or correlator (`malware.pe`).
    pub examiner: String,
    /// Its version; a change of method is a new version.
    pub version: u32,
    /// How sure.
    pub confidence: Confidence,
    /// Why, in one or two sentences that a person can read.
    pub reason: String,
    /// What is stated.
    pub body: FindingBody,
}

/// A finding that has no id yet: what an examiner returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unsealed {
    /// The examiner or correlator.
    pub examiner: String,
    /// Its version.
    pub version: u32,
    /// How sure.
    pub confidence: Confidence,
    /// Why, in words.
    pub reason: String,
    /// What is stated.
    pub body: FindingBody,
}

impl Unsealed {
    /// Gives the finding its exhibits and its id: the SHA-256 over exhibits, examiner, version and content as JSON.
    pub fn seal(self, mut exhibits: Vec<ExhibitId>) -> Finding {
        exhibits.sort_unstable();
        exhibits.dedup();
        let content = serde_json::json!([
            "comity.finding/1",
            exhibits,
            self.examiner,
            self.version,
            self.confidence,
            self.reason,
            self.body
        ]);
        let id = FindingId(Digest::of(content.to_string().as_bytes()));
        let Self { examiner, version, confidence, reason, body } = self;
        Finding { id, exhibits, examiner, version, confidence, reason, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreadable(records: u64) -> Unsealed {
        Unsealed {
            examiner: "test".into(),
            version: 1,
            confidence: Confidence::new(100),
            reason: "cut short".into(),
            body: FindingBody::Unreadable { code: "CMT-0601".into(), at: "line 1".into(), records },
        }
    }

    #[test]
    fn an_id_follows_content_and_not_the_order_of_exhibits() {
        let (a, b) = (ExhibitId::of(b"a"), ExhibitId::of(b"b"));
        assert_eq!(unreadable(1).seal(vec![a, b, a]).id, unreadable(1).seal(vec![b, a]).id);
        assert_ne!(unreadable(1).seal(vec![a]).id, unreadable(2).seal(vec![a]).id);
        assert_ne!(unreadable(1).seal(vec![a]).id, unreadable(1).seal(vec![b]).id);
    }
}
