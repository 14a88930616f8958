//! Two partners with a signed agreement, their keys, and a payload, for the tests of release and receipt.

use agreement::{Act, Agreements, Delegation, Permit, Ruling, SignedAgreement, Status, StatusChange};
use ed25519_dalek::SigningKey;
use evidence::sealed::Identity;
use exchange::question::Question;
use exchange::receipt::LedgerPosition;
use exchange::{Item, Payload, Released, Signer};
use terms::{
    Category, Digest, Handling, HandlingCode, MemberId, Obtained, PartnerId, Protection, Purpose, ReleaseId,
    Timestamp, Tlp,
};

pub const NOW: &str = "2026-03-08T10:00:00Z";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
pub fn partner(id: &str) -> PartnerId {
    PartnerId::new(id).unwrap()
}
fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// Giver `company`, getter `police` with the member `de`.
pub struct World {
    pub agreements: Agreements,
    pub signed: SignedAgreement,
    pub company_organisation: SigningKey,
    pub police_organisation: SigningKey,
    pub company_node: SigningKey,
    pub police_node: SigningKey,
    pub delegation: Vec<u8>,
    pub police_delegation: Vec<u8>,
    pub identity: Identity,
}

/// Clauses that let a member be told of its own victims.
const NOTIFYING: [(&str, &str); 2] = [
    (
        "9.1 Own victims",
        "kind = \"share\"\nfrom = \"company\"\nto = \"police\"\nmembers = \"all\"\nconcerns = \"own\"\ncategories = [\"victim-ip\"]\npurpose = [\"victim-notification\"]\nact = [\"receive\"]",
    ),
    (
        "9.2 Own victims in clear",
        "kind = \"protect\"\ncategories = [\"victim-ip\"]\npurpose = [\"victim-notification\"]\nform = \"clear\"",
    ),
];

pub fn text(company: &SigningKey, police: &SigningKey, number: u64) -> String {
    with_clauses(company, police, number, &[])
}

fn with_clauses(company: &SigningKey, police: &SigningKey, number: u64, more: &[(&str, &str)]) -> String {
    let before = (number > 1).then(|| Digest::of(text(company, police, number - 1).as_bytes()));
    let amends = before.map(|d| format!("amends = \"{d}\"\n")).unwrap_or_default();
    let (company, police) =
        (agreement::key_text(&company.verifying_key()), agreement::key_text(&police.verifying_key()));
    let clauses = [
        ("1.1 The company", format!("kind = \"party\"\nid = \"company\"\nname = \"Meridian Software\"\nkey = \"{company}\"\nsignatory = \"General Counsel\"\nplace = \"US\"")),
        ("1.2 The bureau", format!("kind = \"party\"\nid = \"police\"\nname = \"Bureau for Joint Policing\"\nkey = \"{police}\"\nsignatory = \"Director\"\nplace = \"NL\"\nmembers = [{{ id = \"de\", place = \"DE\", since = 2026-01-01 }}]")),
        ("2.1 What for", "kind = \"purpose\"\npurposes = [\"takedown\", \"investigation\", \"victim-notification\"]\nbasis = { company = \"contract\", police = \"statute\" }".into()),
        ("3.1 Infrastructure", "kind = \"share\"\nfrom = \"company\"\nto = \"police\"\ncategories = [\"c2-infrastructure\", \"network-indicator\"]\npurpose = [\"takedown\", \"investigation\"]\nact = [\"receive\"]\nmembers = \"all\"".into()),
        ("3.2 Victims", "kind = \"share\"\nfrom = \"company\"\nto = \"police\"\ncategories = [\"victim-ip\"]\npurpose = [\"investigation\"]\nact = [\"receive\"]".into()),
        ("4.1 In clear", "kind = \"protect\"\ncategories = [\"c2-infrastructure\", \"network-indicator\"]\nform = \"clear\"".into()),
        ("4.2 Pseudonyms", "kind = \"protect\"\ncategories = [\"victim-ip\"]\nform = \"pseudonym\"".into()),
        ("5.1 Marks", "kind = \"handling\"\nfloor = \"clear\"\ncodes = [\"h0\", \"h1\"]".into()),
        ("6.1 Keeping", "kind = \"retain\"\ndays = 90\nproof = 10".into()),
        ("7.1 Report", "kind = \"duty\"\nduty = \"report-back\"\nhours = 72".into()),
        ("8.1 Term", format!("kind = \"term\"\nagreement = \"company-police\"\nversion = {number}\n{amends}from = 2026-01-01\nuntil = 2026-12-31")),
    ];
    let mut out = String::from("# Company and Bureau\n");
    let more = more.iter().map(|(heading, block)| (*heading, (*block).to_owned()));
    let victims_for_members = !more.len().eq(&0);
    for (heading, block) in clauses.into_iter().chain(more) {
        // A clause for another purpose must not ask for pseudonyms here.
        let block = if victims_for_members && heading == "4.2 Pseudonyms" {
            format!("{block}\npurpose = [\"investigation\"]")
        } else {
            block
        };
        out.push_str(&format!("\n### {heading}\n\nThe parties agree.\n\n```clause\n{block}\n```\n"));
    }
    out
}

fn signed(company: &SigningKey, police: &SigningKey, number: u64) -> SignedAgreement {
    signed_text(company, police, &text(company, police, number))
}

fn signed_text(company: &SigningKey, police: &SigningKey, text: &str) -> SignedAgreement {
    let agreement = match agreement::parse("company-police.mou.md", text) {
        Ok(agreement) => agreement,
        Err(problems) => panic!("{problems:?}"),
    };
    let half = agreement::sign(&agreement, &partner("company"), company).unwrap();
    let whole = agreement::countersign(&agreement, half, &partner("police"), police).unwrap();
    SignedAgreement::new(agreement, &whole).unwrap()
}

impl World {
    pub fn new() -> Self {
        let (company, police) = (key(1), key(2));
        let (company_node, police_node) = (key(3), key(4));
        let signed = signed(&company, &police, 1);
        let until = at("2027-01-01T00:00:00Z");
        let from = at("2026-01-01T00:00:00Z");
        let delegate = |id: &str, node: &SigningKey, organisation: &SigningKey| {
            let node = node.verifying_key();
            Delegation::sign(&partner(id), &node, from, until, organisation).unwrap().to_json()
        };
        Self {
            agreements: Agreements::new(vec![signed.clone()]),
            delegation: delegate("company", &company_node, &company),
            police_delegation: delegate("police", &police_node, &police),
            signed,
            company_organisation: company,
            police_organisation: police,
            company_node,
            police_node,
            identity: Identity::generate(),
        }
    }

    /// The same with clauses that let a member be told of its own victims.
    pub fn notifying() -> Self {
        let world = Self::new();
        let text = with_clauses(&key(1), &key(2), 1, &NOTIFYING);
        let signed = signed_text(&key(1), &key(2), &text);
        Self { agreements: Agreements::new(vec![signed.clone()]), signed, ..world }
    }

    pub fn signer(&self) -> Signer<'_> {
        Signer { key: &self.company_node, delegation: &self.delegation }
    }

    pub fn permit(&self, payload: &Payload) -> Permit {
        let bytes = Digest::of(&payload.canonical().unwrap());
        match self.agreements.rule(&payload.request(bytes), at(NOW)) {
            Ruling::Permit(permit) => permit,
            Ruling::Deny(denial) => panic!("{denial}"),
        }
    }

    pub fn release(&self, payload: &Payload) -> Released {
        let bytes = payload.canonical().unwrap();
        let id = ReleaseId::new("release-1").unwrap();
        let to = self.identity.recipient();
        exchange::release(self.permit(payload), &bytes, id, self.signer(), &to, at(NOW)).unwrap()
    }

    /// The agreements after a party declared a status.
    pub fn with(&self, status: Status, since: &str) -> Agreements {
        let company = &self.company_organisation;
        let agreement = self.signed.agreement();
        let change = StatusChange::sign(
            agreement,
            &partner("company"),
            status,
            (at(since), at(since)),
            "a test",
            company,
        )
        .unwrap();
        Agreements::new(vec![self.signed.clone().with_change(&change).unwrap()])
    }

    /// Another text of the same agreement.
    pub fn other_text(&self) -> SignedAgreement {
        signed(&key(1), &key(2), 2)
    }

    pub fn position() -> LedgerPosition {
        LedgerPosition { origin: "police.example/ledger".into(), size: 7, root: Digest::of(b"root") }
    }
}

pub fn item(name: &str, category: Category, protection: Protection) -> Item {
    Item {
        name: name.into(),
        media_type: "text/plain".into(),
        categories: [category].into(),
        protection,
        obtained: Obtained::Voluntary,
        records: 1,
        bytes: b"relay-one.com.example\n".to_vec(),
        labels: Vec::new(),
    }
}

/// An infrastructure item and a question, for takedown.
pub fn payload() -> Payload {
    let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H1 };
    let mut payload = Payload::new(partner("company"), partner("police"), Purpose::Takedown, handling);
    let question = Question::new(["198.18.9.9:4443".into(), "relay-one.com.example".into()]).unwrap();
    payload.items.push(item("domains.txt", Category::C2Infrastructure, Protection::Clear));
    payload.items.push(question.item("question.json").unwrap());
    payload
}

pub fn for_member(mut payload: Payload, member: &str) -> Payload {
    payload.member = Some(MemberId::new(member).unwrap());
    payload
}

/// The act every payload of these tests has.
pub const ACT: Act = Act::Receive;
