//! Agreements in a home: keys to print, templates to fill, texts to check, signatures to give and to take.
//!
//! A signature file (`comity.signatures/1`) travels between the parties: the envelope over text and policy, and for each
//! party that signed the delegation of its node key and the address its bundles are sealed to, both signed by the
//! organisation key that stands in the text. So the agreement is the trust anchor of the link.

use super::Node;
use super::declare::{self, mandates, refused};
use super::error::NodeError;
use crate::store::records::{self, Record};
use crate::store::statements;
use agreement::Spent;
use agreement::{
    Agreement, Agreements, Bound, Delegation, Policy, Request, Ruling, SignedAgreement, Verified,
};
use evidence::sealed::Recipient;
use ledger::dsse::{self, Envelope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use terms::{AgreementId, PartnerId, Timestamp};

/// Payload type of the envelope that names a party's sealing address.
const SEALING_TYPE: &str = "application/vnd.comity.sealing+json";
/// How long a node key is delegated, in days.
const DELEGATED_DAYS: i64 = 400;
/// How far back a delegation reaches, so that partners' clocks need not agree to the second.
const SLACK_DAYS: i64 = 1;

/// A signature file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signatures {
    /// Always `comity.signatures/1`.
    pub schema: String,
    /// The envelope over text and policy, with the signatures given so far.
    pub envelope: serde_json::Value,
    /// What each party that signed adds.
    pub parties: BTreeMap<PartnerId, Card>,
    /// The mandates of delegates that signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mandates: Vec<serde_json::Value>,
}

/// How a text is signed, where it is not simply with the organisation key.
#[derive(Debug, Default)]
pub struct Manner {
    /// What is bound in; of the first signature only, the others take it over.
    pub bound: Bound,
    /// The mandate under which a person of this node signs as a delegate.
    pub mandate: Option<Envelope>,
}

/// What a party adds to its signature.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The delegation of its node key.
    pub delegation: serde_json::Value,
    /// The address its bundles are sealed to.
    pub sealing: serde_json::Value,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealing {
    schema: String,
    party: PartnerId,
    recipient: String,
}

/// What the home keeps of an agreement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// The text.
    pub text: String,
    /// The signature file.
    pub signatures: Signatures,
}

/// One line of `agree list`.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// Always `comity.agreement/1`.
    pub schema: &'static str,
    /// Its id.
    pub id: AgreementId,
    /// Its heading.
    pub title: String,
    /// Its parties.
    pub parties: Vec<PartnerId>,
    /// From when.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// In what state it is now.
    pub state: String,
    /// SHA-256 of the text.
    pub version: String,
    /// Clauses.
    pub clauses: usize,
}

pub(super) fn trust(what: impl ToString, help: &'static str) -> NodeError {
    NodeError::Trust { what: what.to_string(), help }
}

pub(super) fn envelope(value: &serde_json::Value) -> Result<Envelope, NodeError> {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    Ok(Envelope::from_json(&bytes)?)
}

fn value(envelope: &Envelope) -> serde_json::Value {
    serde_json::from_slice(&envelope.to_json()).unwrap_or_default()
}

/// Reads a text; every problem is in the error, with its place.
pub fn parse(name: &str, text: &str) -> Result<Agreement, NodeError> {
    agreement::parse(name, text).map_err(|d| NodeError::Agreement { text: d.render() })
}

/// The policy a text compiles to.
pub fn compile(agreement: &Agreement) -> Result<Policy, NodeError> {
    agreement::compile(agreement).map_err(|e| NodeError::Agreement { text: e.to_string() })
}

impl Node {
    /// This partner's organisation key, as agreements hold it.
    pub fn organisation_key(&self) -> String {
        agreement::key_text(&self.keys.organisation.verifying_key())
    }

    /// Signs a text, or countersigns it when `given` holds the other party's signature.
    pub fn sign(&self, agreement: &Agreement, given: Option<Signatures>) -> Result<Signatures, NodeError> {
        self.sign_as(agreement, given, Manner::default())
    }

    /// The same with a PDF or certificate bound in, or as a delegate.
    pub fn sign_as(
        &self,
        agreement: &Agreement,
        given: Option<Signatures>,
        manner: Manner,
    ) -> Result<Signatures, NodeError> {
        let (first, mut parties, mut kept) = match given {
            Some(given) => (Some(envelope(&given.envelope)?), given.parties, given.mandates),
            None => (None, BTreeMap::new(), Vec::new()),
        };
        let key = match &manner.mandate {
            None => self.keys.organisation.clone(),
            Some(mandate) => {
                kept.push(value(mandate));
                self.keys.of_person(&self.home.keys(), &self.person)?
            }
        };
        let mandates = mandates(&kept)?;
        let signed = match first {
            Some(first) => {
                let known: Verified =
                    agreement::verify_with(agreement, &first, &mandates).map_err(refused)?;
                if manner.bound != Bound::default() && manner.bound != known.bound {
                    let what = "the first signature binds in another PDF or certificate".to_owned();
                    return Err(trust(what, "countersign with the very files the first signer had"));
                }
                agreement::countersign_with(agreement, first, &self.partner, &key, &mandates)
            }
            None => agreement::sign_bound(agreement, manner.bound, &self.partner, &key, &mandates),
        };
        let signed = signed.map_err(refused)?;
        parties.insert(self.partner.clone(), self.card(self.clock.now())?);
        Ok(Signatures {
            schema: "comity.signatures/1".into(),
            envelope: value(&signed),
            parties,
            mandates: kept,
        })
    }

    fn card(&self, now: Timestamp) -> Result<Card, NodeError> {
        let (from, until) = (now.plus_days(-SLACK_DAYS), now.plus_days(DELEGATED_DAYS));
        let delegation = Delegation::sign(
            &self.partner,
            &self.keys.node.verifying_key(),
            from,
            until,
            &self.keys.organisation,
        )
        .map_err(|e| trust(e, "the delegation's dates are wrong: check the clock"))?;
        let sealing = Sealing {
            schema: "comity.sealing/1".into(),
            party: self.partner.clone(),
            recipient: self.keys.recipient().to_string(),
        };
        let text = serde_json::to_vec(&sealing).unwrap_or_default();
        let sealing = dsse::sign(SEALING_TYPE, &text, &self.keys.organisation)?;
        Ok(Card { delegation: value(&delegation), sealing: value(&sealing) })
    }

    /// Takes a text with the signatures of both parties into this home.
    pub async fn join(&self, text: &str, signatures: Signatures) -> Result<Listed, NodeError> {
        let agreement = parse("agreement", text)?;
        compile(&agreement)?;
        if !agreement.parties().contains(&&self.partner) {
            let what = format!("`{}` is not a party of `{}`", self.partner, agreement.id());
            return Err(trust(what, "only a party can take an agreement into its home"));
        }
        let mut kept = Kept { text: agreement.text().to_owned(), signatures };
        let mut all = Vec::new();
        let signed = signed(&kept)?;
        let missing: Vec<String> = agreement
            .parties()
            .iter()
            .filter(|p| !signed.signers().contains(p))
            .map(ToString::to_string)
            .collect();
        if !missing.is_empty() {
            let what = format!("`{}` is not signed by {}", agreement.id(), missing.join(", "));
            return Err(trust(
                what,
                "have the other party run `comity agree countersign TEXT --signature FILE --out BOTH`, then join with BOTH",
            ));
        }
        all.push(signed);
        let mut agreements = Agreements::new(all);
        for party in agreement.parties() {
            check_card(&agreement, party, &kept.signatures, &mut agreements)?;
        }
        let here = self.agreements().await?;
        let same = |s: &&SignedAgreement| s.agreement().number() == agreement.number();
        if let Some(other) = here.with_id(agreement.id()).find(same)
            && other.agreement().version() != agreement.version()
        {
            let (id, number) = (agreement.id(), agreement.number());
            let what = format!("another text stands here as version {number} of `{id}`");
            return Err(trust(
                what,
                "what changes it has the next number and names it: `comity agree amend`",
            ));
        }
        self.keep_newer_cards(&mut kept, &mut agreements).await?;
        if let Some(former) = agreement.amends()
            && here.with_id(agreement.id()).all(|s| s.agreement().version() != former)
        {
            let what = format!("`{}` amends a text that is not here: {former}", agreement.id());
            return Err(trust(what, "take the former text in first, with both signatures"));
        }
        let now = self.clock.now();
        let listed = listed(&agreements, now).pop();
        let (_, until) = agreement.term();
        let record = Record {
            id: match agreement.number() {
                1 => agreement.id().to_string(),
                n => format!("{}@{n}", agreement.id()),
            },
            belongs: self.other(&agreement),
            status: "signed".into(),
            at: now,
            until: Some(until),
            body: kept,
        };
        let mut tx = self.state.begin().await?;
        records::AGREEMENTS.put(&mut tx, &record).await?;
        tx.commit().await?;
        *self.agreed.lock().await = None;
        listed.ok_or_else(|| trust("the agreement was not taken in", "report this"))
    }

    /// Of what a party added to its signature of this text, here and in the file, the later stays: an old file brings
    /// back neither a node key nor a sealing address.
    async fn keep_newer_cards(&self, kept: &mut Kept, agreements: &mut Agreements) -> Result<(), NodeError> {
        let Some(here) = self.kept().await?.into_iter().find(|k| k.text == kept.text) else { return Ok(()) };
        let mut from = |card: &Card| -> Result<Timestamp, NodeError> {
            let delegation = agreements.delegate(&envelope(&card.delegation)?).map_err(refused)?;
            Ok(delegation.from)
        };
        for (party, old) in here.signatures.parties {
            if let Some(card) = kept.signatures.parties.get_mut(&party)
                && from(&old)? > from(card)?
            {
                *card = old;
            }
        }
        Ok(())
    }

    fn other(&self, agreement: &Agreement) -> String {
        agreement
            .parties()
            .into_iter()
            .find(|p| **p != self.partner)
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    async fn kept(&self) -> Result<Vec<Kept>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(records::AGREEMENTS.all::<Kept>(&mut conn).await?.into_iter().map(|r| r.body).collect())
    }

    /// Every agreement of this home with its checked signatures and node keys. What does not verify (a changed state
    /// store) is an error: nothing fails open. Read and compiled once while this home is open, and again after `join`.
    pub async fn agreements(&self) -> Result<Arc<Agreements>, NodeError> {
        let mut agreed = self.agreed.lock().await;
        if let Some(known) = agreed.as_ref() {
            return Ok(known.clone());
        }
        let read = Arc::new(self.read_agreements().await?);
        *agreed = Some(read.clone());
        Ok(read)
    }

    async fn read_agreements(&self) -> Result<Agreements, NodeError> {
        let kept = self.kept().await?;
        let mut agreements = Agreements::new(kept.iter().map(signed).collect::<Result<_, _>>()?);
        for kept in &kept {
            for card in kept.signatures.parties.values() {
                agreements
                    .delegate(&envelope(&card.delegation)?)
                    .map_err(|e| trust(e, "sign the agreement anew: `comity agree sign`"))?;
            }
        }
        let mut conn = self.state.read().await?;
        declare::take_all(&mut agreements, &statements::all(&mut conn).await?)?;
        Ok(agreements)
    }

    /// The agreements, one line each.
    pub async fn agree_list(&self) -> Result<Vec<Listed>, NodeError> {
        Ok(listed(&*self.agreements().await?, self.clock.now()))
    }

    /// One agreement's text.
    pub async fn agree_show(&self, id: &str) -> Result<Agreement, NodeError> {
        Ok(self.agree_at(id, self.clock.now()).await?.agreement().clone())
    }

    /// One agreement with its signatures and what was declared under it, the version that is in force at `at`; else the
    /// newest.
    pub async fn agree_at(&self, id: &str, at: Timestamp) -> Result<SignedAgreement, NodeError> {
        let agreements = self.agreements().await?;
        let of = |s: &&SignedAgreement| s.agreement().id().as_str() == id;
        let newest = || agreements.all().iter().filter(of).max_by_key(|s| s.agreement().number());
        agreements.in_force(at).find(of).or_else(newest).cloned().ok_or_else(|| NodeError::Missing {
            what: "agreement",
            id: id.to_owned(),
            list: "`comity agree list`",
        })
    }

    /// Where bundles for `partner` are sealed to, as it signed beside an agreement with us.
    pub async fn sealing_of(&self, partner: &PartnerId) -> Result<Recipient, NodeError> {
        // The newest text's first.
        let mut kept = self.kept().await?;
        kept.reverse();
        for kept in kept {
            if let Some(card) = kept.signatures.parties.get(partner) {
                let agreement = parse("agreement", &kept.text)?;
                return read_sealing(&agreement, partner, card);
            }
        }
        Err(NodeError::First {
            what: format!("no agreement in this home names where bundles for `{partner}` are sealed to"),
            help: "sign an agreement with this partner and take it in with `comity agree join`",
        })
    }

    /// The newest delegation of our own node key, as an envelope's canonical JSON.
    pub async fn own_delegation(&self) -> Result<Vec<u8>, NodeError> {
        let now = self.clock.now();
        let fresh = self.card(now)?;
        Ok(envelope(&fresh.delegation)?.to_json())
    }

    /// Asks for a ruling without leaving a trace.
    /// What passed before is what this home counted, where it is not said; the time is now, where no other is.
    pub async fn agree_test(
        &self,
        request: Request,
        spent: Option<Spent>,
        at: Option<Timestamp>,
    ) -> Result<(Ruling, Timestamp), NodeError> {
        let now = match at {
            Some(at) => at,
            None => self.ruling_clock.ruling_time(&self.state).await?,
        };
        let agreements = self.agreements().await?;
        let spent = match spent {
            Some(spent) => spent,
            None => self.spent(&agreements, &request, now, "").await?,
        };
        Ok((agreements.rule(&request.after(spent), now), now))
    }
}

fn signed(kept: &Kept) -> Result<SignedAgreement, NodeError> {
    let agreement = parse("agreement", &kept.text)?;
    let mandates = mandates(&kept.signatures.mandates)?;
    SignedAgreement::with_mandates(agreement, &envelope(&kept.signatures.envelope)?, &mandates)
        .map_err(|e| trust(e, "take the agreement in again from the signed text: `comity agree join`"))
}

fn check_card(
    agreement: &Agreement,
    party: &PartnerId,
    signatures: &Signatures,
    agreements: &mut Agreements,
) -> Result<(), NodeError> {
    let help = "have this party sign again: `comity agree sign` writes its node key and sealing address too";
    let card = signatures.parties.get(party).ok_or_else(|| {
        trust(format!("the signature file lacks what `{party}` adds to its signature"), help)
    })?;
    let delegation = agreements.delegate(&envelope(&card.delegation)?).map_err(|e| trust(e, help))?;
    if delegation.party != *party {
        return Err(trust(format!("the delegation beside `{party}` is of `{}`", delegation.party), help));
    }
    read_sealing(agreement, party, card).map(|_| ())
}

fn read_sealing(agreement: &Agreement, party: &PartnerId, card: &Card) -> Result<Recipient, NodeError> {
    let help = "have this party sign the agreement again";
    let key = agreement
        .key(party)
        .ok_or_else(|| trust(format!("`{party}` has no key in `{}`", agreement.id()), help))?;
    let sealing = envelope(&card.sealing)?;
    let text = dsse::verify(&sealing, SEALING_TYPE, &[(dsse::keyid(&key), key)])?;
    let read: Sealing = serde_json::from_slice(text).map_err(|e| trust(e, help))?;
    if read.party != *party || read.schema != "comity.sealing/1" {
        return Err(trust(format!("the sealing address beside `{party}` is another's"), help));
    }
    read.recipient.parse().map_err(|e| trust(e, help))
}

fn listed(agreements: &Agreements, now: Timestamp) -> Vec<Listed> {
    let each = |signed: &SignedAgreement| {
        let agreement = signed.agreement();
        let (from, until) = agreement.term();
        Listed {
            schema: "comity.agreement/1",
            id: agreement.id().clone(),
            title: agreement.title().to_owned(),
            parties: agreement.parties().into_iter().cloned().collect(),
            from,
            until,
            state: match agreements.replaced_by(signed, now) {
                Some(newer) => format!("replaced by a newer version, {}", state_word(&newer.state(now))),
                None => state_word(&signed.state(now)),
            },
            version: agreement.version().to_string(),
            clauses: agreement.clauses().len(),
        }
    };
    agreements.all().iter().map(each).collect()
}

/// The state in words.
pub fn state_word(state: &agreement::State) -> String {
    use agreement::State;
    match state {
        State::Unsigned { missing } => {
            format!(
                "not signed by {}",
                missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            )
        }
        State::NotBegun { from } => format!("begins on {}", from.day()),
        State::InForce => "in force".into(),
        State::Suspended { by, since } => format!("suspended by {by} since {since}"),
        State::Ended { since } => format!("ended on {}", since.day()),
    }
}
