//! Who signed what: the agreement's text, the policy it compiles to, and what is bound in beside them.
//!
//! Here: [`sign`], [`countersign`], [`verify`], [`Bound`], [`SignedAgreement`]. Elsewhere: keys that organisation keys
//! vouch for (`keys`), changes of state (`state`), members and emergencies (`declared`), DSSE (`ledger::dsse`).
//! A signature covers the SHA-256 of the canonical text AND of the compiled policy, so that nobody signs something
//! other than what runs; where there are such, also of the proof certificate and of the PDF that ministers signed. The
//! keys stand in the text: the agreement is the trust anchor of the link, there is no CA.

use crate::{
    Agreement, Declarer, Emergency, Mandate, Member, MemberChange, Membership, Policy, PolicyError, Power,
    State, Status, StatusChange, compile,
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use ledger::{
    LedgerError,
    dsse::{self, Envelope},
};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use terms::{AgreementId, Digest, MemberId, PartnerId, Timestamp};

/// What the payload of an agreement's envelope is.
pub const AGREEMENT_TYPE: &str = "application/vnd.comity.agreement-signature+json";
const SIGNED: &str = "comity.agreement-signature/1";

/// What is wrong with a signature or with who gave it. Codes are stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum SignatureError {
    /// The signer is not a party.
    #[error("`{party}` is not a party of agreement `{agreement}`")]
    #[diagnostic(code("CMT-0210"), help("`comity agree show` lists the parties"))]
    NotAParty {
        /// Who.
        party: PartnerId,
        /// Of what.
        agreement: AgreementId,
    },
    /// The key is not the one in the text.
    #[error("this is not the key that agreement `{agreement}` names for `{party}`")]
    #[diagnostic(
        code("CMT-0211"),
        help("sign with the organisation key whose public half stands in the text")
    )]
    OtherKey {
        /// Who.
        party: PartnerId,
        /// Of what.
        agreement: AgreementId,
    },
    /// The signature is over another text or policy.
    #[error(
        "the signatures are not over this text of agreement `{agreement}`, or not over the policy it compiles to"
    )]
    #[diagnostic(
        code("CMT-0212"),
        help(
            "compare the texts byte by byte; a text that was changed after signing is signed anew by all parties"
        )
    )]
    OtherText {
        /// Of what.
        agreement: AgreementId,
    },
    /// Somebody signed whose key does not stand in the text.
    #[error("agreement `{agreement}` carries the signature of a key that does not stand in its text")]
    #[diagnostic(code("CMT-0213"), help("take the envelope from a party again"))]
    Stranger {
        /// Of what.
        agreement: AgreementId,
    },
    /// A statement about an agreement does not fit it.
    #[error("this statement does not fit: {0}")]
    #[diagnostic(
        code("CMT-0214"),
        help("mend what is named here; one that another party made, that party makes anew")
    )]
    Statement(String),
    /// An end comes before the notice is over.
    #[error("agreement `{agreement}` ends with {days} days' notice: on {} at the earliest", earliest.day())]
    #[diagnostic(
        code("CMT-0215"),
        help("end it from that day on, or suspend it at once with `comity agree suspend`")
    )]
    Notice {
        /// Of what.
        agreement: AgreementId,
        /// Days of notice that the text asks for.
        days: u64,
        /// The first instant at which it may end.
        earliest: Timestamp,
    },
    /// A delegate's signature does not stand on the PDF that the ministers signed.
    #[error("the delegate's signature of `{agreement}` for `{party}` does not count: {why}")]
    #[diagnostic(
        code("CMT-0216"),
        help(
            "sign again with `--pdf FILE`, the very PDF for which the organisation's key mandated the delegate"
        )
    )]
    Delegate {
        /// For whom.
        party: PartnerId,
        /// Of what.
        agreement: AgreementId,
        /// Why.
        why: String,
    },
    /// An emergency does not fit its clause.
    #[error("this emergency under clause {clause} of `{agreement}` does not count: {why}")]
    #[diagnostic(code("CMT-0217"), help("`comity agree show --plain` says who may declare what"))]
    Emergency {
        /// Under what.
        agreement: AgreementId,
        /// The clause it names.
        clause: String,
        /// Why.
        why: String,
    },
    /// A member's accession or opt-out does not fit the text.
    #[error("this accession or opt-out of `{member}` does not count: {why}")]
    #[diagnostic(code("CMT-0218"), help("`comity agree show` lists the members and their dates"))]
    Membership {
        /// Of whom.
        member: MemberId,
        /// Why.
        why: String,
    },
    /// The envelope itself.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Envelope(#[from] LedgerError),
    /// The policy itself.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Policy(#[from] PolicyError),
}

/// What is bound into a signature beside text and policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The SHA-256 of the proof certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Digest>,
    /// The SHA-256 of the PDF that ministers signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdf: Option<Digest>,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    schema: String,
    agreement: AgreementId,
    number: u64,
    text: Digest,
    policy: Digest,
    parties: Vec<PartnerId>,
    #[serde(flatten)]
    bound: Bound,
}

/// The bytes that the parties sign: the same for every party and at every time.
fn payload(agreement: &Agreement, policy: &Policy, bound: Bound) -> Vec<u8> {
    let signed = Signed {
        schema: SIGNED.into(),
        agreement: agreement.id().clone(),
        number: agreement.number(),
        text: agreement.version(),
        policy: policy.digest(),
        parties: agreement.parties().into_iter().cloned().collect(),
        bound,
    };
    // Text, numbers and digests always serialise.
    serde_json::to_vec(&signed).unwrap_or_default()
}

pub(crate) fn own_key(
    agreement: &Agreement,
    party: &PartnerId,
    key: &VerifyingKey,
) -> Result<(), SignatureError> {
    let agreement_id = agreement.id().clone();
    match agreement.key(party) {
        None => Err(SignatureError::NotAParty { party: party.clone(), agreement: agreement_id }),
        Some(k) if k != *key => {
            Err(SignatureError::OtherKey { party: party.clone(), agreement: agreement_id })
        }
        Some(_) => Ok(()),
    }
}

/// Whether `key` may sign for `party`: its organisation key, or a delegate's with a mandate for this text and PDF.
fn may_sign(
    agreement: &Agreement,
    bound: Bound,
    party: &PartnerId,
    key: &VerifyingKey,
    mandates: &[Envelope],
) -> Result<(), SignatureError> {
    let own = own_key(agreement, party, key);
    if matches!(own, Err(SignatureError::OtherKey { .. })) {
        for envelope in mandates {
            let (mandate, delegate) = Mandate::verify(envelope, agreement)?;
            if delegate == *key && mandate.party == *party {
                return mandated(agreement, bound, &mandate);
            }
        }
    }
    own
}

fn mandated(agreement: &Agreement, bound: Bound, mandate: &Mandate) -> Result<(), SignatureError> {
    let why = match bound.pdf {
        Some(pdf) if pdf == mandate.pdf => return Ok(()),
        Some(_) => "the PDF bound into the signature is another than the mandate's",
        None => "no PDF is bound into the signature",
    };
    let (party, agreement) = (mandate.party.clone(), agreement.id().clone());
    Err(SignatureError::Delegate { party, agreement, why: why.into() })
}

/// Signs an agreement as its first party.
///
/// # Errors
/// CMT-0210 not a party, CMT-0211 another key than the text's, CMT-0206 the text does not compile.
pub fn sign(agreement: &Agreement, party: &PartnerId, key: &SigningKey) -> Result<Envelope, SignatureError> {
    sign_bound(agreement, Bound::default(), party, key, &[])
}

/// Signs an agreement as its first party, with a proof certificate or a PDF bound in; as a delegate where one of
/// `mandates` is for `key`.
///
/// # Errors
/// As [`sign`]; CMT-0216 a delegate without the PDF of the mandate.
pub fn sign_bound(
    agreement: &Agreement,
    bound: Bound,
    party: &PartnerId,
    key: &SigningKey,
    mandates: &[Envelope],
) -> Result<Envelope, SignatureError> {
    may_sign(agreement, bound, party, &key.verifying_key(), mandates)?;
    let policy = compile(agreement)?;
    Ok(dsse::sign(AGREEMENT_TYPE, &payload(agreement, &policy, bound), key)?)
}

/// Adds a party's signature to those already given, after checking them. What they bound in is bound in by this one.
///
/// # Errors
/// As [`sign`] and [`verify`].
pub fn countersign(
    agreement: &Agreement,
    envelope: Envelope,
    party: &PartnerId,
    key: &SigningKey,
) -> Result<Envelope, SignatureError> {
    countersign_with(agreement, envelope, party, key, &[])
}

/// The same where delegates sign or signed.
///
/// # Errors
/// As [`sign_bound`] and [`verify_with`].
pub fn countersign_with(
    agreement: &Agreement,
    mut envelope: Envelope,
    party: &PartnerId,
    key: &SigningKey,
    mandates: &[Envelope],
) -> Result<Envelope, SignatureError> {
    let given = verify_with(agreement, &envelope, mandates)?;
    may_sign(agreement, given.bound, party, &key.verifying_key(), mandates)?;
    envelope.add_signature(key)?;
    Ok(envelope)
}

/// Which parties signed this very text and the policy it compiles to, in the order of the text.
///
/// # Errors
/// CMT-0212 signed something else, CMT-0213 a stranger's key, CMT-0303/0305 no or a wrong signature.
pub fn verify(agreement: &Agreement, envelope: &Envelope) -> Result<Vec<PartnerId>, SignatureError> {
    Ok(verify_with(agreement, envelope, &[])?.parties)
}

/// What [`verify_with`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The parties that signed, in the order of the text.
    pub parties: Vec<PartnerId>,
    /// What they bound in.
    pub bound: Bound,
}

/// Which parties signed, delegates with one of `mandates` included.
///
/// # Errors
/// As [`verify`]; CMT-0216 a delegate's signature without the PDF of its mandate, CMT-0214 a mandate for something else.
pub fn verify_with(
    agreement: &Agreement,
    envelope: &Envelope,
    mandates: &[Envelope],
) -> Result<Verified, SignatureError> {
    verify_compiled(agreement, &compile(agreement)?, envelope, mandates)
}

fn verify_compiled(
    agreement: &Agreement,
    policy: &Policy,
    envelope: &Envelope,
    mandates: &[Envelope],
) -> Result<Verified, SignatureError> {
    let mut keys: Vec<(PartnerId, String, VerifyingKey)> = (agreement.parties().into_iter())
        .filter_map(|p| agreement.key(p).map(|k| (p.clone(), dsse::keyid(&k), k)))
        .collect();
    let mut delegates = Vec::new();
    for envelope in mandates {
        let (mandate, key) = Mandate::verify(envelope, agreement)?;
        keys.push((mandate.party.clone(), dsse::keyid(&key), key));
        delegates.push((dsse::keyid(&key), mandate));
    }
    let known: Vec<(String, VerifyingKey)> = keys.iter().map(|(_, id, k)| (id.clone(), *k)).collect();
    let bytes = dsse::verify(envelope, AGREEMENT_TYPE, &known)?;
    let other = || SignatureError::OtherText { agreement: agreement.id().clone() };
    let bound = serde_json::from_slice::<Signed>(bytes).map_err(|_| other())?.bound;
    if bytes != payload(agreement, policy, bound) {
        return Err(other());
    }
    if envelope.signatures().iter().any(|s| known.iter().all(|(id, _)| id != s.keyid())) {
        return Err(SignatureError::Stranger { agreement: agreement.id().clone() });
    }
    let good = dsse::verified_keyids(envelope, AGREEMENT_TYPE, &known)?;
    for (_, mandate) in delegates.iter().filter(|(id, _)| good.contains(id)) {
        mandated(agreement, bound, mandate)?;
    }
    let signed = |p: &&PartnerId| keys.iter().any(|(q, id, _)| q == *p && good.contains(id));
    Ok(Verified { parties: agreement.parties().into_iter().filter(signed).cloned().collect(), bound })
}

/// An agreement with the signatures that were checked, its policy and its changes of state.
#[derive(Debug, Clone)]
pub struct SignedAgreement {
    agreement: Agreement,
    policy: Policy,
    signers: Vec<PartnerId>,
    bound: Bound,
    changes: Vec<StatusChange>,
    memberships: Vec<Membership>,
    emergencies: Vec<Emergency>,
}

/// An emergency that lasts at the instant asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lasting {
    /// Its clause.
    pub clause: String,
    /// Who declared it.
    pub declared_by: [Declarer; 2],
    /// From when.
    pub from: Timestamp,
    /// The first instant at which it is over.
    pub until: Timestamp,
    /// How many hours the clause gives it.
    pub hours: u32,
}

impl SignedAgreement {
    /// Takes an agreement with its envelope after checking every signature. Half-signed ones are taken too, and are
    /// not in force.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn new(agreement: Agreement, envelope: &Envelope) -> Result<Self, SignatureError> {
        Self::with_mandates(agreement, envelope, &[])
    }

    /// The same where delegates signed with these mandates.
    ///
    /// # Errors
    /// As [`verify_with`].
    pub fn with_mandates(
        agreement: Agreement,
        envelope: &Envelope,
        mandates: &[Envelope],
    ) -> Result<Self, SignatureError> {
        let policy = compile(&agreement)?;
        let Verified { parties: signers, bound } = verify_compiled(&agreement, &policy, envelope, mandates)?;
        let (changes, memberships, emergencies) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { agreement, policy, signers, bound, changes, memberships, emergencies })
    }

    /// The same with another policy, as no signature would let it be.
    #[cfg(test)]
    pub(crate) fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The same with a signed change of state.
    ///
    /// # Errors
    /// CMT-0214 about another agreement or version, CMT-0215 an end without the notice, CMT-0210/0303/0305 not signed by
    /// a party's organisation key.
    pub fn with_change(mut self, envelope: &Envelope) -> Result<Self, SignatureError> {
        let change = StatusChange::verify(envelope, &self.agreement)?;
        if !self.changes.contains(&change) {
            self.changes.push(change);
            self.changes.sort_by_key(|c| c.at);
        }
        Ok(self)
    }

    /// The same with a member's accession or opt-out.
    ///
    /// # Errors
    /// CMT-0218 it does not fit the text, CMT-0210/0303/0305 not signed by the party's organisation key.
    pub fn with_membership(mut self, envelope: &Envelope) -> Result<Self, SignatureError> {
        let it = Membership::verify(envelope, &self.agreement)?;
        if !self.memberships.contains(&it) {
            self.memberships.push(it);
            self.memberships.sort_by_key(|m| m.from);
        }
        Ok(self)
    }

    /// The same with a declared emergency; `keys` answers who may speak for a party at an instant besides its
    /// organisation key.
    ///
    /// # Errors
    /// CMT-0217 it does not fit its clause, CMT-0210/0303/0305 not signed by a party's key.
    pub fn with_emergency(
        mut self,
        envelope: &Envelope,
        keys: impl Fn(&PartnerId, Timestamp) -> Vec<VerifyingKey>,
    ) -> Result<Self, SignatureError> {
        let it = Emergency::verify(envelope, &self.agreement, |party, at| {
            self.agreement.key(party).into_iter().chain(keys(party, at)).collect()
        })?;
        if !self.emergencies.contains(&it) {
            self.emergencies.push(it);
        }
        Ok(self)
    }

    /// Whether every party signed.
    pub(crate) fn signed_by_all(&self) -> bool {
        self.agreement.parties().iter().all(|p| self.signers.contains(p))
    }
    /// What the parties bound in beside text and policy.
    pub fn bound(&self) -> Bound {
        self.bound
    }
    /// The members of a party: those of the text and those that acceded since, with opt-outs (`active` tells at `now`).
    pub fn members(&self, party: &PartnerId, now: Timestamp) -> Vec<Member> {
        let mut all = self.agreement.members(party, now);
        for m in self.memberships.iter().filter(|m| m.party == *party) {
            match (&m.what, all.iter_mut().find(|known| known.id == m.member)) {
                (MemberChange::Accedes { place, name }, known) => {
                    let fresh = Member {
                        id: m.member.clone(),
                        name: name.clone(),
                        place: *place,
                        since: m.from,
                        opted_out: None,
                        active: m.from <= now,
                    };
                    match known {
                        // One that left may come back; one that is in stays as it is.
                        Some(known) if known.opted_out.is_some_and(|out| out <= m.from) && m.from <= now => {
                            *known = fresh;
                        }
                        Some(_) => {}
                        None => all.push(fresh),
                    }
                }
                (MemberChange::OptsOut, Some(known)) => {
                    let out = known.opted_out.map_or(m.from, |out| out.min(m.from));
                    known.opted_out = Some(out);
                    known.active = known.active && now < out;
                }
                (MemberChange::OptsOut, None) => {}
            }
        }
        all
    }
    /// What `partner` can do under this agreement once an authority lets it, members that acceded since included.
    pub fn powers(&self, partner: &PartnerId, now: Timestamp) -> Vec<Power> {
        self.agreement.powers_of(partner, &self.members(partner, now))
    }
    /// The emergencies that last at `now`.
    pub fn emergencies(&self, now: Timestamp) -> Vec<Lasting> {
        (self.emergencies.iter())
            .filter_map(|e| {
                let (until, hours) = e.until(&self.agreement)?;
                (e.from <= now && now < until).then(|| Lasting {
                    clause: e.clause.clone(),
                    declared_by: e.declared_by.clone(),
                    from: e.from,
                    until,
                    hours,
                })
            })
            .collect()
    }

    /// The text as read.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }
    /// The policy it compiles to.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
    /// The parties whose signatures were checked.
    pub fn signers(&self) -> &[PartnerId] {
        &self.signers
    }
    /// The changes of state, oldest first.
    pub fn changes(&self) -> &[StatusChange] {
        &self.changes
    }

    /// In what state it is at `now`. An end is final; a suspension is lifted by the party that declared it.
    pub fn state(&self, now: Timestamp) -> State {
        let parties = self.agreement.parties();
        let missing: Vec<PartnerId> =
            parties.iter().filter(|p| !self.signers.contains(p)).map(|p| (*p).clone()).collect();
        if !missing.is_empty() || parties.is_empty() {
            return State::Unsigned { missing };
        }
        let past = || self.changes.iter().filter(|c| c.at <= now);
        let (from, end) = self.agreement.term();
        if let Some(c) = past().find(|c| c.status == Status::Ended) {
            return State::Ended { since: c.at };
        }
        if now >= end {
            return State::Ended { since: end };
        }
        for party in parties {
            let last = past().rfind(|c| c.by == *party);
            if let Some(c) = last.filter(|c| c.status == Status::Suspended) {
                return State::Suspended { by: c.by.clone(), since: c.at };
            }
        }
        if now < from { State::NotBegun { from } } else { State::InForce }
    }
}
