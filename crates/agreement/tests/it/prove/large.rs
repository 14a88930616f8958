//! An agreement of 200 clauses, as two partners with much to share would write it.

use std::fmt::Write as _;

const PURPOSES: &[&str] = &[
    "malware-analysis",
    "botnet-measurement",
    "threat-assessment",
    "investigation",
    "takedown",
    "victim-notification",
    "evidence-in-court",
];
const OPEN: &[&str] = &["c2-infrastructure", "malware-sample", "network-indicator"];
const PROTECTED: &[&str] = &[
    "sinkhole-log",
    "victim-ip",
    "wallet",
    "transaction",
    "traffic",
    "bank-account",
    "payment-card",
    "subscriber",
];

/// The text: exactly `clauses` of them (at least 150).
pub fn text(clauses: usize) -> String {
    let mut out = String::from("# A large memorandum\n\nThe parties agree.\n\n## 1 All clauses\n\n");
    let mut n = 0;
    let mut add = |block: &str| {
        n += 1;
        let _ = write!(out, "### 1.{n} Clause {n}\n\nAs the block says.\n\n```clause\n{block}\n```\n\n");
        n
    };
    add(
        "kind = \"party\"\nid = \"firm\"\nname = \"A Firm\"\nkey = \"ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=\"\nsignatory = \"Director\"\nplace = \"US\"",
    );
    let places = [
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
        "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    ];
    let members: Vec<String> = places
        .iter()
        .map(|p| {
            format!(
                "{{ id = \"{}\", place = \"{p}\", since = 2026-01-15{} }}",
                p.to_lowercase(),
                if *p == "CY" { ", opted-out = 2026-06-01" } else { "" }
            )
        })
        .collect();
    add(&format!(
        "kind = \"party\"\nid = \"agency\"\nname = \"An Agency\"\nkey = \"ed25519:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=\"\nsignatory = \"Head\"\nplace = \"NL\"\nmembers = [{}]",
        members.join(", ")
    ));
    add("kind = \"term\"\nagreement = \"firm-agency\"\nversion = 1\nfrom = 2026-01-01\nuntil = 2028-12-31");
    add(&format!(
        "kind = \"purpose\"\npurposes = {PURPOSES:?}\nbasis.firm = \"interest\"\nbasis.agency = \"act\""
    ));
    add("kind = \"handling\"\nfloor = \"green\"\ncodes = [\"h0\", \"h1\", \"h2\"]");
    add(&format!(
        "kind = \"place\"\nparty = \"agency\"\nplaces = {places:?}\nground = \"appropriate-safeguards\""
    ));
    add(&format!(
        "kind = \"protect\"\ncategories = {:?}\nform = \"never\"",
        ["victim-identity", "content", "account-credential", "subject-identity"]
    ));
    add(&format!("kind = \"protect\"\ncategories = {OPEN:?}\nform = \"clear\""));
    for (i, c) in PROTECTED.iter().enumerate() {
        for (j, p) in PURPOSES.iter().enumerate() {
            let form = ["pseudonym", "aggregate(10)", "token"][(i + j) % 3];
            add(&format!(
                "kind = \"protect\"\ncategories = [\"{c}\"]\npurpose = [\"{p}\"]\nform = \"{form}\""
            ));
        }
        add(&format!("kind = \"retain\"\ncategories = [\"{c}\"]\ndays = {}", 30 + i * 30));
        add(&format!(
            "kind = \"onward\"\ncategories = [\"{c}\"]\nonward = \"{}\"",
            ["none", "on-consent", "members-only"][i % 3]
        ));
    }
    add(&format!("kind = \"onward\"\ncategories = {OPEN:?}\nonward = \"members-only\""));
    let mut i = 0;
    loop {
        let c = if i % 3 == 0 { OPEN[i / 3 % OPEN.len()] } else { PROTECTED[i % PROTECTED.len()] };
        let (from, to) = if i % 4 == 3 { ("agency", "firm") } else { ("firm", "agency") };
        let act =
            ["receive", "receive\", \"use-in-court", "psi-match", "receive\", \"reshare", "dp-count"][i % 5];
        let kept = PROTECTED.iter().position(|p| *p == c).is_some_and(|at| at % 3 == 0);
        let act = if kept && act.contains("reshare") { "receive" } else { act };
        let purpose = if act.contains("court") { "evidence-in-court" } else { PURPOSES[i % PURPOSES.len()] };
        let members = match (to, i % 3) {
            ("agency", _) if c == "sinkhole-log" => "\nmembers = \"all\"",
            ("agency", 0) => "\nmembers = \"all\"",
            ("agency", 1) if !act.contains("reshare") => "\nmembers = [\"de\", \"fr\", \"es\"]",
            _ => "",
        };
        let own = if !members.is_empty() && c == "sinkhole-log" { "\nconcerns = \"own\"" } else { "" };
        let n = add(&format!(
            "kind = \"share\"\nfrom = \"{from}\"\nto = \"{to}\"{members}{own}\ncategories = [\"{c}\"]\npurpose = [\"{purpose}\"]\nact = [\"{act}\"]"
        ));
        i += 1;
        if n >= clauses {
            return out;
        }
    }
}
