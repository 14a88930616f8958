//! What the four partners may and may not do: one request a row, mostly refusals.
//!
//! A row is `from to[/member] act purpose category:form[,category:form] [word=value …]`, and what is expected:
//! `permit` and every clause cited, or `deny`, the code, and words of the sentence.

use crate::samples::{all, hour, partner, time};
use agreement::{Act, Agreements, Matching, Request, Ruling, Spent};
use std::sync::LazyLock;
use terms::{
    CaseId, Category, Digest, ExhibitId, Handling, HandlingCode, MemberId, Protection, Purpose, Timestamp,
    Tlp,
};

pub fn form(word: &str) -> Protection {
    match word {
        "clear" => Protection::Clear,
        "token" => Protection::Token,
        "pseudonym" => Protection::Pseudonym,
        "never" => Protection::Never,
        k => Protection::Aggregate(k.strip_prefix("aggregate").unwrap().parse().unwrap()),
    }
}

pub fn request(line: &str) -> (Request, Timestamp) {
    let mut words = line.split_whitespace();
    let mut next = || words.next().unwrap_or_else(|| panic!("too few words: {line}"));
    let (from, to, act, purpose, categories) = (next(), next(), next(), next(), next());
    let (to, member) = to.split_once('/').map_or((to, None), |(t, m)| (t, Some(m)));
    let mut r = Request::new(
        partner(from),
        partner(to),
        Act::from_word(act).unwrap(),
        Purpose::from_word(purpose).unwrap(),
        Handling { tlp: Tlp::Amber, code: HandlingCode::H0 },
        Digest::of(line.as_bytes()),
    )
    .after(Spent::NONE);
    r.member = member.map(|m| MemberId::new(m).unwrap());
    for part in categories.split(',').filter(|c| *c != "unlabelled") {
        let (category, protection) = part.split_once(':').unwrap();
        r = r.with(Category::from_word(category).unwrap(), form(protection));
    }
    let mut now = hour();
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        match name {
            "tlp" => r.handling.tlp = Tlp::from_word(value).unwrap(),
            "code" => r.handling.code = HandlingCode::from_word(value).unwrap(),
            "origin" => r.origin = Some(partner(value)),
            "place" => r.place = Some(value.parse().unwrap()),
            "concerns" => r.concerns = value.split(',').map(|p| p.parse().unwrap()).collect(),
            "records" => r.records = value.parse().unwrap(),
            "case" => r.case = Some(CaseId::new(value).unwrap()),
            "reason" => r.reason = Some(value.to_owned()),
            "spent" => {
                let n: Vec<u64> = value.split('/').map(|n| n.parse().unwrap()).collect();
                r.spent = Spent { case: n[0], month: n[1], total: n[2] };
            }
            "reveal" => r.matching = Some(Matching { set: r.records, reveal: value.parse().unwrap() }),
            "grading" => r.grading = Some(value.parse().unwrap()),
            "consent" => r.consent = Some(ExhibitId::of(value.as_bytes())),
            "at" => now = time(value),
            _ => panic!("{word}"),
        }
    }
    (r, now)
}

#[track_caller]
fn ruling(line: &str, expect: &str) {
    static ALL: LazyLock<Agreements> = LazyLock::new(all);
    let (request, now) = request(line);
    let ruling = ALL.rule(&request, now);
    let statement = ruling.statement(&request, now).to_string();
    assert!(!statement.contains(&request.bytes.to_string()), "the ledger holds no digest of the bytes");
    let said = match &ruling {
        Ruling::Permit(p) => {
            let clauses: Vec<String> = p.clauses().iter().map(ToString::to_string).collect();
            format!("permit {}", clauses.join(", "))
        }
        Ruling::Deny(d) => format!("deny {} {}", d.code, d.sentence()),
    };
    match expect.strip_prefix("deny ") {
        Some(parts) => {
            assert!(said.starts_with("deny "), "{line}\n  {said}");
            for part in parts.split(" | ") {
                assert!(said.contains(part), "{line}\n  {said}\n  lacks {part}");
            }
        }
        None => assert_eq!(said, expect, "{line}"),
    }
}

#[test]
fn harbour_lights() {
    for (line, expect) in ROWS {
        ruling(line, expect);
    }
    let denied = ROWS.iter().filter(|(_, e)| e.starts_with("deny")).count();
    assert!(ROWS.len() >= 40 && denied * 2 > ROWS.len());
}

const ROWS: &[(&str, &str)] = &[
    // Infrastructure goes in clear, both ways.
    (
        "company police receive takedown c2-infrastructure:clear",
        "permit company-police 3.1, company-police 4.6, company-police 5.8",
    ),
    (
        "company police/de receive takedown c2-infrastructure:clear",
        "permit company-police 3.1, company-police 4.6, company-police 5.8",
    ),
    (
        "police company receive takedown c2-infrastructure:clear",
        "permit company-police 3.6, company-police 4.6, company-police 5.8",
    ),
    ("company region/br receive takedown c2-infrastructure:clear", "permit company-region 3.1"),
    ("company fintech receive takedown c2-infrastructure:clear", "permit company-fintech 3.3"),
    (
        "police company psi-match takedown c2-infrastructure:clear records=500 case=c1 reason=lead",
        "permit company-police 3.7, company-police 4.6, company-police 5.8",
    ),
    (
        "police company psi-match takedown c2-infrastructure:clear records=20000 case=c1 reason=lead",
        "deny CMT-0202 | nearest is 3.7, which asks for at most 10000 records",
    ),
    // Investigators get victims' addresses under pseudonyms only.
    (
        "company police receive investigation sinkhole-log:pseudonym,victim-ip:pseudonym case=c1",
        "permit company-police 3.3, company-police 4.6, company-police 5.6",
    ),
    (
        "company police receive investigation victim-ip:aggregate10 case=c1",
        "permit company-police 3.3, company-police 4.6, company-police 5.6",
    ),
    (
        "company police receive investigation victim-ip:clear",
        "deny CMT-0203 | clause 4.2 asks for protection `pseudonym`, and `victim-ip` was to be sent as `clear`",
    ),
    ("company police receive investigation victim-ip:token", "deny CMT-0203 | clause 4.2"),
    ("company police receive investigation victim-ip:never", "deny CMT-0203 | clause 4.2"),
    (
        "company police receive investigation sinkhole-log:pseudonym,victim-ip:clear",
        "deny CMT-0203 | clause 4.2",
    ),
    (
        "company police receive botnet-measurement victim-ip:aggregate10",
        "permit company-police 3.4, company-police 4.6, company-police 5.7",
    ),
    (
        "company police receive botnet-measurement victim-ip:aggregate9",
        "deny clause 4.3 asks for protection `aggregate(10)`",
    ),
    (
        "company police receive investigation victim-ip:pseudonym records=1000001 case=c1",
        "deny CMT-0202 | asks for at most 1000000 records",
    ),
    // A record of two categories needs a clause for each.
    (
        "company police receive malware-analysis network-indicator:clear",
        "permit company-police 3.2, company-police 4.6",
    ),
    (
        "company police receive malware-analysis network-indicator:clear,victim-ip:clear",
        "deny no clause of `company-police` lets `victim-ip` pass to `police` for `malware-analysis`",
    ),
    (
        "company fintech receive investigation network-indicator:clear,victim-ip:pseudonym",
        "deny no clause of `company-fintech` lets `victim-ip` pass | clause 4.7 says that `victim-ip` never leaves",
    ),
    // Caps: over a case, and where nobody counted there is no room.
    (
        "company police receive investigation victim-ip:pseudonym records=1000 case=c1 spent=19999000/0/0",
        "permit company-police 3.3, company-police 4.6, company-police 5.6",
    ),
    (
        "company police receive investigation victim-ip:pseudonym records=1000 case=c1 spent=19999001/0/0",
        "deny CMT-0202 | nearest is 3.3, which asks for at most 20000000 records in one case, of which 19999001 passed before",
    ),
    (
        "company police receive investigation victim-ip:pseudonym records=1000 case=c1 spent=18446744073709551615/0/0",
        "deny CMT-0202 | in one case, and what passed before was not counted",
    ),
    (
        "company police receive investigation victim-ip:pseudonym records=1000",
        "deny CMT-0202 | nearest is 3.3, which asks for a case",
    ),
    // No fishing: a match needs a case and a reason, and says what it may reveal.
    (
        "police company psi-match takedown c2-infrastructure:clear records=500 case=c1",
        "deny CMT-0204 | a match needs a case and a reason",
    ),
    (
        "police company psi-match takedown c2-infrastructure:clear records=500 reason=lead",
        "deny CMT-0202 | nearest is 3.7, which asks for a case | a match needs a case and a reason",
    ),
    (
        "company fintech psi-match investigation account-credential:token records=10 case=c1 reason=lead reveal=5001",
        "deny clause 4.3 allows it by `psi-match` over at most 100000 records with at most 5000 revealed only",
    ),
    (
        "company fintech psi-match investigation account-credential:token records=10 case=c1 reason=lead",
        "deny clause 4.3",
    ),
    // What never leaves.
    (
        "company police receive investigation victim-identity:clear",
        "deny no clause of `company-police` lets `victim-identity` pass to `police` for `investigation` | clause 4.5 says that `victim-identity` never leaves | above every agreement",
    ),
    ("company police receive investigation victim-identity:aggregate1000", "deny CMT-0203 | clause 4.5"),
    ("company police receive investigation unlabelled", "deny `victim-identity` | clause 4.5"),
    (
        "company region/br receive victim-notification victim-identity:pseudonym concerns=BR",
        "deny clause 4.5",
    ),
    // Each state gets its own victims and nobody else's.
    (
        "company region/br receive victim-notification victim-ip:clear,sinkhole-log:clear concerns=BR",
        "permit company-region 3.5, company-region 5.5, company-region 5.7",
    ),
    (
        "company region/ar receive victim-notification victim-ip:clear concerns=AR",
        "permit company-region 3.5, company-region 5.5, company-region 5.7",
    ),
    (
        "company police/fr receive victim-notification victim-ip:clear concerns=FR",
        "permit company-police 3.5, company-police 4.6, company-police 5.5, company-police 5.8",
    ),
    (
        "company region/br receive victim-notification victim-ip:clear concerns=AR",
        "deny CMT-0202 | nearest is 3.5, which asks that every record concern the receiving member's own place",
    ),
    ("company region/br receive victim-notification victim-ip:clear concerns=AR,BR", "deny nearest is 3.5"),
    ("company region/br receive victim-notification victim-ip:clear", "deny nearest is 3.5"),
    ("company region receive victim-notification victim-ip:clear concerns=BR", "deny nearest is 3.5"),
    (
        "company region/br receive investigation victim-ip:clear concerns=BR",
        "deny CMT-0203 | nearest is 3.4, which asks for the purpose `botnet-measurement`, `threat-assessment` and `takedown`",
    ),
    (
        "company region/de receive victim-notification victim-ip:clear concerns=DE",
        "deny `de` is not an active member of `region`",
    ),
    // Members that have not acceded yet, or opted out.
    (
        "company police/cy receive victim-notification victim-ip:clear concerns=CY",
        "deny CMT-0204 | `cy` is not an active member of `police` on 2026-03-10",
    ),
    (
        "company police/cy receive victim-notification victim-ip:clear concerns=CY at=2026-02-14",
        "permit company-police 3.5, company-police 4.6, company-police 5.5, company-police 5.8",
    ),
    (
        "company police/mt receive takedown c2-infrastructure:clear",
        "deny CMT-0204 | `mt` is not an active member",
    ),
    (
        "company police/mt receive takedown c2-infrastructure:clear at=2026-04-15",
        "permit company-police 3.1, company-police 4.6, company-police 5.8",
    ),
    ("company region/kn receive takedown c2-infrastructure:clear", "deny CMT-0204 | `kn`"),
    // Money.
    (
        "company fintech/harbour-bank receive victim-notification account-credential:token",
        "permit company-fintech 3.1, company-fintech 5.4, company-fintech 5.6",
    ),
    (
        "company fintech/harbour-bank receive victim-notification account-credential:clear",
        "deny clause 4.2 asks for protection `token`",
    ),
    (
        "company fintech psi-match investigation account-credential:token records=100000 case=c1 reason=lead reveal=5000",
        "permit company-fintech 3.2, company-fintech 5.4, company-fintech 5.6",
    ),
    (
        "company fintech psi-match investigation account-credential:token records=100001 case=c1 reason=lead reveal=5000",
        "deny clause 4.3 allows it by `psi-match` over at most 100000 records with at most 5000 revealed only",
    ),
    (
        "fintech company receive takedown bank-account:token",
        "permit company-fintech 3.4, company-fintech 5.5",
    ),
    ("fintech company receive takedown bank-account:clear", "deny clause 4.4"),
    (
        "fintech company receive investigation transaction:pseudonym",
        "permit company-fintech 3.5, company-fintech 5.5, company-fintech 5.7",
    ),
    (
        "company fintech receive takedown c2-infrastructure:clear tlp=green",
        "deny clause 4.8 asks for the mark TLP `amber` or narrower",
    ),
    (
        "company police receive evidence-in-court bank-account:token",
        "deny no clause of `company-police` lets `bank-account` pass",
    ),
    // Marks.
    (
        "company police receive takedown c2-infrastructure:clear code=h3",
        "deny clause 4.6 accepts the handling codes `h0`, `h1` and `h2`",
    ),
    (
        "company police use-in-court evidence-in-court c2-infrastructure:clear code=h1",
        "deny CMT-0204 | `h1` are not for evidence in court",
    ),
    (
        "company police use-in-court evidence-in-court c2-infrastructure:clear code=h1 consent=letter",
        "permit company-police 3.1, company-police 4.6",
    ),
    (
        "company police use-in-court investigation c2-infrastructure:clear",
        "deny a court gets records for the purpose `evidence-in-court` only",
    ),
    (
        "company region receive evidence-in-court c2-infrastructure:clear",
        "deny the parties did not agree on the purpose `evidence-in-court`",
    ),
    // Handing on, and places.
    (
        "police police/de reshare takedown c2-infrastructure:clear origin=company",
        "permit company-police 3.1, company-police 4.6, company-police 5.8",
    ),
    (
        "police police/de reshare takedown c2-infrastructure:clear origin=company tlp=red",
        "deny CMT-0204 | TLP `red` are never reshared",
    ),
    (
        "police police/de reshare takedown c2-infrastructure:clear origin=company code=h2",
        "deny CMT-0204 | `h2` are handed on with the provider's written consent only",
    ),
    ("police police/de reshare takedown c2-infrastructure:clear", "deny CMT-0205 | whose they were first"),
    (
        "police police/de reshare investigation victim-ip:pseudonym origin=company",
        "deny CMT-0203 | clause 5.3 says that nothing is handed on",
    ),
    (
        "company police receive takedown c2-infrastructure:clear place=BR",
        "deny clause 5.1 lets it rest in 27 named places, and `BR` is none of them",
    ),
    // Nothing stands between the others, and agreements do not chain.
    (
        "police region receive takedown c2-infrastructure:clear",
        "deny CMT-0201 | there is no agreement between `police` and `region`",
    ),
    ("police fintech receive takedown c2-infrastructure:clear", "deny CMT-0201"),
    (
        "police region reshare takedown c2-infrastructure:clear origin=company",
        "deny clause 5.2 lets it be handed on to members of `police` only",
    ),
    (
        "company police receive takedown bank-account:token origin=fintech",
        "deny CMT-0203 | no clause of `company-fintech` lets `bank-account` pass to `police` | clause 5.3 says that nothing is handed on",
    ),
    ("company police receive takedown c2-infrastructure:clear origin=region", "deny `company-region`"),
    ("company company receive takedown c2-infrastructure:clear", "deny CMT-0201"),
    // The term.
    (
        "company police receive takedown c2-infrastructure:clear at=2025-12-31",
        "deny CMT-0201 | begins on 2026-01-01 only",
    ),
    (
        "company fintech receive takedown c2-infrastructure:clear at=2028-01-01",
        "deny CMT-0201 | ended on 2027-12-31",
    ),
];

#[test]
fn duties_are_the_strictest_and_follow_from_the_clauses() {
    let all = all();
    let (r, now) = request("company police/fr receive victim-notification victim-ip:clear concerns=FR");
    let p = all.rule(&r, now).permit().unwrap();
    assert_eq!(p.retain_days(), Some(30));
    assert_eq!(p.erase_by(), Some(time("2026-04-09T10:00:00Z")));
    assert_eq!(p.report_back_hours(), Some(72));
    assert!(!p.pseudonymise());
    let (r, now) = request("fintech company receive investigation transaction:pseudonym");
    assert!(all.rule(&r, now).permit().unwrap().pseudonymise());
    let statement = all.rule(&r, now).statement(&r, now);
    assert_eq!(statement["schema"], "comity.ruling/1");
    assert_eq!(statement["ruling"], "permit-with");
    assert_eq!(statement["clauses"][0], "company-fintech 3.5");
}
