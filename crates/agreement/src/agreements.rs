//! All agreements of a node: which is in force between whom, and the ruling on a request.
//!
//! Here: [`Agreements`], the only maker of a [`Permit`]. Elsewhere: the facts and the policy's answer (`ask`), why not
//! (`nearest`), signatures and states (`signature`).
//! No agreement in force, two at once, a policy that cannot be read, any error: a refusal.

use crate::{
    Act, Delegation, Denial, Duty, Member, Offence, Permit, Power, Recipient, Redeemed, Request, Ruling,
    SignatureError, SignedAgreement, State,
    ask::{Answer, Facts, ask, clause_order},
    nearest,
};
use ed25519_dalek::VerifyingKey;
use ledger::dsse::Envelope;
use terms::{AgreementId, ClauseId, MICROS_PER_SECOND, PartnerId, Timestamp};

/// How long a permit holds after its ruling: 15 minutes, in microseconds.
pub const PERMIT_MICROS: i64 = 15 * 60 * MICROS_PER_SECOND;

/// The agreements a node knows, and the node keys delegated under them.
#[derive(Debug, Clone, Default)]
pub struct Agreements {
    signed: Vec<SignedAgreement>,
    delegations: Vec<(Delegation, VerifyingKey, VerifyingKey)>,
}

impl Agreements {
    /// Takes agreements whose signatures were checked.
    pub fn new(signed: Vec<SignedAgreement>) -> Self {
        Self { signed, delegations: Vec::new() }
    }

    /// Takes a delegation of a node key, signed by an organisation key that stands in one of the agreements.
    ///
    /// # Errors
    /// CMT-0214 it does not fit, CMT-0303/0305 not signed by the organisation's key.
    pub fn delegate(&mut self, envelope: &Envelope) -> Result<Delegation, SignatureError> {
        let (delegation, node, signer) = Delegation::verify(envelope, |p| {
            self.signed.iter().filter_map(|s| s.agreement().key(p)).collect()
        })?;
        if !self.delegations.iter().any(|(d, _, _)| *d == delegation) {
            self.delegations.push((delegation.clone(), node, signer));
        }
        Ok(delegation)
    }

    /// Every agreement, also those not in force.
    pub fn all(&self) -> &[SignedAgreement] {
        &self.signed
    }

    /// Every version of the agreement with this id.
    pub fn with_id<'a>(&'a self, id: &'a AgreementId) -> impl Iterator<Item = &'a SignedAgreement> {
        self.signed.iter().filter(move |s| s.agreement().id() == id)
    }

    /// The node keys that may speak for `partner` at `now`: delegated for that time by the organisation key that an
    /// agreement in force names.
    pub fn node_keys(&self, partner: &PartnerId, now: Timestamp) -> Vec<VerifyingKey> {
        let organisation: Vec<VerifyingKey> =
            self.in_force(now).filter_map(|s| s.agreement().key(partner)).collect();
        (self.delegations.iter())
            .filter(|(d, _, signer)| {
                d.party == *partner && d.from <= now && now < d.until && organisation.contains(signer)
            })
            .map(|(_, node, _)| *node)
            .collect()
    }

    /// The agreements in force at `now`. Of several versions of one only the newest that all signed and that has
    /// begun; an older one does not come back when the newest is suspended or ended.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &SignedAgreement> {
        self.signed.iter().filter(move |s| s.state(now) == State::InForce && !self.superseded(s, now))
    }

    fn superseded(&self, s: &SignedAgreement, now: Timestamp) -> bool {
        self.signed.iter().any(|other| {
            other.agreement().id() == s.agreement().id()
                && other.agreement().number() > s.agreement().number()
                && !matches!(other.state(now), State::Unsigned { .. } | State::NotBegun { .. })
        })
    }

    /// The one agreement in force between two partners.
    fn between(&self, a: &PartnerId, b: &PartnerId, now: Timestamp) -> Result<&SignedAgreement, Box<Denial>> {
        let parties = |s: &&SignedAgreement| {
            let p = s.agreement().parties();
            a != b && p.contains(&a) && p.contains(&b)
        };
        let mut in_force = self.in_force(now).filter(parties);
        match (in_force.next(), in_force.next()) {
            (Some(one), None) => Ok(one),
            (Some(one), Some(two)) => Err(refuse(
                "CMT-0201",
                Some(one),
                format!(
                    "agreements `{}` and `{}` are both in force",
                    one.agreement().id(),
                    two.agreement().id()
                ),
                format!(
                    "two agreements between `{a}` and `{b}` are in force at once; which one rules is for them to say"
                ),
            )),
            (None, _) => Err(self.none_in_force(a, b, now, self.signed.iter().rfind(parties))),
        }
    }

    fn none_in_force(
        &self,
        a: &PartnerId,
        b: &PartnerId,
        now: Timestamp,
        other: Option<&SignedAgreement>,
    ) -> Box<Denial> {
        let Some(s) = other else {
            let missing = format!("an agreement between `{a}` and `{b}`");
            let sentence =
                format!("there is no agreement between `{a}` and `{b}`, and agreements do not chain");
            return refuse("CMT-0201", None, missing, sentence);
        };
        let id = s.agreement().id();
        let why = match s.state(now) {
            State::Unsigned { missing } => {
                let who: Vec<String> = missing.iter().map(|p| format!("`{p}`")).collect();
                format!("is not signed by {}", who.join(" and "))
            }
            State::NotBegun { from } => format!("begins on {} only", from.day()),
            State::Suspended { by, since } => format!("is suspended by `{by}` since {since}"),
            State::Ended { since } => format!("ended on {}", since.plus_micros(-1).day()),
            State::InForce => "was replaced by a newer version that is not in force".to_owned(),
        };
        refuse("CMT-0201", Some(s), "an agreement in force".to_owned(), format!("agreement `{id}` {why}"))
    }

    /// Rules on one request at `now`. Records of another partner (`origin`) need both: that their provider lets the
    /// giver hand them on, and that the giver's own agreement with the getter lets them pass.
    pub fn rule(&self, request: &Request, now: Timestamp) -> Ruling {
        match self.try_rule(request, now) {
            Ok(permit) => Ruling::Permit(permit),
            Err(denial) => Ruling::Deny(*denial),
        }
    }

    fn try_rule(&self, request: &Request, now: Timestamp) -> Result<Permit, Box<Denial>> {
        let Request { from, to, .. } = request;
        let foreign = request.origin.as_ref().filter(|o| *o != from);
        let malformed = |missing: &str, sentence: &str| {
            Err(refuse("CMT-0205", None, missing.to_owned(), sentence.to_owned()))
        };
        match (request.act, foreign) {
            (Act::Reshare, None) => malformed(
                "the partner whose records they were first",
                "records are reshared only when it is stated whose they were first; one's own are sent with `receive`",
            ),
            (Act::Reshare, Some(o)) if o == to => malformed(
                "a receiver other than the provider",
                "records that go back to their provider are sent with `receive`",
            ),
            (Act::Reshare, Some(_)) if from == to && request.member.is_none() => malformed(
                "the member to whom they are handed on",
                "it is not stated to whom the records are handed on",
            ),
            (Act::Reshare, Some(o)) if from == to => self.handed_on(request, o, now),
            (act, Some(o)) if o != to => {
                let onward = self.handed_on(request, o, now)?;
                let act = if act == Act::Reshare { Act::Receive } else { act };
                let direct = self.direct(request, act, now)?;
                Ok(both(direct, onward))
            }
            (act, _) => self.direct(request, act, now),
        }
    }

    fn direct(&self, request: &Request, act: Act, now: Timestamp) -> Result<Permit, Box<Denial>> {
        let signed = self.between(&request.from, &request.to, now)?;
        self.asked(signed, request, &Facts::direct(request, act, signed.agreement(), now))
    }

    fn handed_on(
        &self,
        request: &Request,
        provider: &PartnerId,
        now: Timestamp,
    ) -> Result<Permit, Box<Denial>> {
        let signed = self.between(provider, &request.from, now)?;
        self.asked(signed, request, &Facts::handed_on(request, provider, signed.agreement(), now))
    }

    fn asked(
        &self,
        signed: &SignedAgreement,
        request: &Request,
        facts: &Facts,
    ) -> Result<Permit, Box<Denial>> {
        let agreement = signed.agreement();
        match ask(signed.policy(), facts) {
            Answer::Unreadable(why) => Err(refuse(
                "CMT-0205",
                Some(signed),
                "a policy that can be evaluated".to_owned(),
                format!("the policy of `{}` could not be evaluated on this request: {why}", agreement.id()),
            )),
            Answer::Deny { clauses, standing } => {
                Err(Box::new(nearest::explain(agreement, facts, clauses, standing)))
            }
            Answer::Permit { clauses, duties } => {
                let Some(owed) = Owed::read(&duties) else {
                    return Err(refuse(
                        "CMT-0205",
                        Some(signed),
                        "duties that can be read".to_owned(),
                        format!("the duties of `{}` could not be read", agreement.id()),
                    ));
                };
                let (_, end) = agreement.term();
                let mut cited = clauses;
                cited.extend(duties.into_iter().map(|(clause, _)| clause));
                Ok(Permit::new(Redeemed {
                    agreement: agreement.id().clone(),
                    version: agreement.version(),
                    clauses: clause_ids(agreement.id(), cited),
                    duties: owed.duties(facts.now),
                    from: request.from.clone(),
                    to: request.to.clone(),
                    member: request.member.clone(),
                    act: request.act,
                    purpose: request.purpose,
                    categories: facts.categories.clone(),
                    bytes: request.bytes,
                    ruled: facts.now,
                    expires: facts.now.plus_micros(PERMIT_MICROS).min(end),
                }))
            }
        }
    }

    /// What `partner` can do at `now`, under every agreement in force, once an authority lets it.
    pub fn powers(&self, partner: &PartnerId, now: Timestamp) -> Vec<Power> {
        self.in_force(now).flat_map(|s| s.agreement().powers(partner, now)).collect()
    }
    /// Who gets something without running a node, under every agreement in force at `now`.
    pub fn recipients(&self, now: Timestamp) -> Vec<Recipient> {
        self.in_force(now).flat_map(|s| s.agreement().recipients()).collect()
    }
    /// The members of `partner` under every agreement in force at `now`, each once.
    pub fn members(&self, partner: &PartnerId, now: Timestamp) -> Vec<Member> {
        let mut out: Vec<Member> = Vec::new();
        for m in self.in_force(now).flat_map(|s| s.agreement().members(partner, now)) {
            if !out.iter().any(|k| k.id == m.id) {
                out.push(m);
            }
        }
        out
    }
    /// What cooperation is for, under every agreement in force at `now`.
    pub fn offences(&self, now: Timestamp) -> Vec<Offence> {
        self.in_force(now).flat_map(|s| s.agreement().offences()).collect()
    }
}

fn refuse(
    code: &'static str,
    signed: Option<&SignedAgreement>,
    missing: String,
    sentence: String,
) -> Box<Denial> {
    Box::new(Denial {
        code,
        agreement: signed.map(|s| s.agreement().id().clone()),
        clauses: Vec::new(),
        prohibitions: Vec::new(),
        nearest: None,
        missing,
        sentence,
    })
}

/// Each clause once, in the order of the numbers.
fn clause_ids(agreement: &AgreementId, mut numbers: Vec<String>) -> Vec<ClauseId> {
    numbers.sort_by_cached_key(|n| clause_order(n));
    numbers.dedup();
    numbers.into_iter().map(|number| ClauseId { agreement: agreement.clone(), number }).collect()
}

/// Two permits for one crossing: every clause of both, the strictest duty of each kind, the earlier expiry.
fn both(direct: Permit, onward: Permit) -> Permit {
    let (mut a, b) = (direct.into_inner(), onward.into_inner());
    a.clauses.extend(b.clauses);
    let mut owed = Owed::default();
    a.duties.iter().chain(&b.duties).for_each(|d| owed.add(*d));
    a.duties = owed.duties(a.ruled);
    a.expires = a.expires.min(b.expires);
    Permit::new(a)
}

/// The strictest duty of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Owed {
    retain: Option<u32>,
    proof: Option<u32>,
    review: Option<u32>,
    report: Option<u32>,
    pseudonymise: bool,
}

impl Owed {
    /// Reads the `@duty` notes. `None` when one is not of the vocabulary: a duty that is not understood cannot be
    /// kept.
    fn read(notes: &[(String, String)]) -> Option<Self> {
        let mut out = Self::default();
        for (_, note) in notes {
            for part in note.split(' ') {
                let (word, value) = part.split_once('=')?;
                let n: u32 = value.parse().ok()?;
                out.add(match word {
                    "retain-days" => Duty::RetainDays(n),
                    "review-days" => Duty::ReviewDays(n),
                    "erase-proof-days" => Duty::EraseProofDays(n),
                    "report-back-hours" => Duty::ReportBackHours(n),
                    "pseudonymise" => Duty::Pseudonymise,
                    _ => return None,
                });
            }
        }
        Some(out)
    }

    fn add(&mut self, duty: Duty) {
        let least = |slot: &mut Option<u32>, n: u32| *slot = Some(slot.map_or(n, |m| m.min(n)));
        match duty {
            Duty::RetainDays(n) => least(&mut self.retain, n),
            Duty::ReviewDays(n) => least(&mut self.review, n),
            Duty::EraseProofDays(n) => least(&mut self.proof, n),
            Duty::ReportBackHours(n) => least(&mut self.report, n),
            Duty::Pseudonymise => self.pseudonymise = true,
            // Follows from the days.
            Duty::EraseBy(_) => {}
        }
    }

    fn duties(&self, now: Timestamp) -> Vec<Duty> {
        let mut out = Vec::new();
        if let Some(n) = self.retain {
            out.extend([Duty::RetainDays(n), Duty::EraseBy(now.plus_days(i64::from(n)))]);
        }
        out.extend(self.proof.map(Duty::EraseProofDays));
        out.extend(self.review.map(Duty::ReviewDays));
        out.extend(self.report.map(Duty::ReportBackHours));
        out.extend(self.pseudonymise.then_some(Duty::Pseudonymise));
        out
    }
}
