//! All agreements of a node: which is in force between whom, and the ruling on a request.
//!
//! Here: [`Agreements`], with `compel` the only maker of a [`Permit`]. Elsewhere: the facts and the policy's answer (`ask`), why not
//! (`nearest`), signatures and states (`signature`).
//! No agreement in force, two at once, a policy that cannot be read, any error: a refusal.

use crate::{
    Act, Attribution, Condition, DELEGATION_TYPE, Delegation, Denial, Duty, EMERGENCY_TYPE, IepActions,
    MEMBERSHIP_TYPE, Member, NodeKeys, Offence, Permit, PermitSource, Power, REVOCATION_TYPE, Recipient,
    Redeemed, Request, Revocation, Ruling, STATUS_TYPE, SignatureError, SignedAgreement, State, Survives,
    WitnessRule,
    ask::{Answer, Facts, ask, clause_order},
    clause::{Body, holds},
    nearest,
};
use ed25519_dalek::VerifyingKey;
use ledger::dsse::Envelope;
use terms::{AgreementId, ClauseId, Digest, MICROS_PER_SECOND, PartnerId, Timestamp};

/// How long a permit holds after its ruling: 15 minutes, in microseconds.
pub const PERMIT_MICROS: i64 = 15 * 60 * MICROS_PER_SECOND;

/// The agreements a node knows, and the node keys delegated under them.
#[derive(Debug, Clone, Default)]
pub struct Agreements {
    signed: Vec<SignedAgreement>,
    keys: NodeKeys,
}

impl Agreements {
    /// Takes agreements whose signatures were checked.
    pub fn new(signed: Vec<SignedAgreement>) -> Self {
        Self { signed, keys: NodeKeys::default() }
    }

    /// Takes a delegation of a node key, signed by an organisation key that stands in one of the agreements.
    ///
    /// # Errors
    /// CMT-0214 it does not fit, CMT-0303/0305 not signed by the organisation's key.
    pub fn delegate(&mut self, envelope: &Envelope) -> Result<Delegation, SignatureError> {
        let (keys, signed) = (&mut self.keys, &self.signed);
        keys.delegate(envelope, |p| signed.iter().filter_map(|s| s.agreement().key(p)).collect())
    }

    /// Takes a revocation of a node key, signed as a delegation is.
    ///
    /// # Errors
    /// As [`Agreements::delegate`].
    pub fn revoke(&mut self, envelope: &Envelope) -> Result<Revocation, SignatureError> {
        let (keys, signed) = (&mut self.keys, &self.signed);
        keys.revoke(envelope, |p| signed.iter().filter_map(|s| s.agreement().key(p)).collect())
    }

    /// Takes any statement about what is known here: a change of state, an accession or opt-out, an emergency, a
    /// delegation, a revocation. It is checked first, and nothing changes where it does not hold.
    ///
    /// # Errors
    /// CMT-0214 a statement of no known kind or about nothing known here; else as of its kind.
    pub fn take(&mut self, envelope: &Envelope) -> Result<(), SignatureError> {
        type With = fn(SignedAgreement, &Envelope, &Agreements) -> Result<SignedAgreement, SignatureError>;
        let with: With = match envelope.payload_type() {
            DELEGATION_TYPE => return self.delegate(envelope).map(|_| ()),
            REVOCATION_TYPE => return self.revoke(envelope).map(|_| ()),
            STATUS_TYPE => |s, e, _| s.with_change(e),
            MEMBERSHIP_TYPE => |s, e, _| s.with_membership(e),
            // Whoever may speak for the party by then, also while nothing is in force: the ruling looks at that.
            EMERGENCY_TYPE => |s, e, all| {
                s.with_emergency(e, |p, at| {
                    let organisation: Vec<_> =
                        all.signed.iter().filter_map(|s| s.agreement().key(p)).collect();
                    all.keys.at(p, at, &organisation)
                })
            },
            other => {
                return Err(SignatureError::Statement(format!("`{other}` is no kind of statement")));
            }
        };
        let about: About = crate::keys::read(envelope)?;
        let known = |s: &&SignedAgreement| {
            *s.agreement().id() == about.agreement && s.agreement().version() == about.version
        };
        let Some(signed) = self.signed.iter().find(known) else {
            let short: String = about.version.to_string().chars().take(12).collect();
            let why = format!(
                "it is about version {short} of `{}`, which is not here: the text is joined first (`comity agree join`)",
                about.agreement
            );
            return Err(SignatureError::Statement(why));
        };
        let changed = with(signed.clone(), envelope, self)?;
        for signed in self.signed.iter_mut().filter(|s| known(&&**s)) {
            *signed = changed.clone();
        }
        Ok(())
    }

    /// Every agreement, also those not in force.
    pub fn all(&self) -> &[SignedAgreement] {
        &self.signed
    }

    /// Every version of the agreement with this id.
    pub fn with_id<'a>(&'a self, id: &'a AgreementId) -> impl Iterator<Item = &'a SignedAgreement> {
        self.signed.iter().filter(move |s| s.agreement().id() == id)
    }

    /// The node keys that may speak for `partner` at `now`: of the newest delegation that has begun by then, signed by
    /// the organisation key that an agreement in force names, unless it is over or revoked.
    pub fn node_keys(&self, partner: &PartnerId, now: Timestamp) -> Vec<VerifyingKey> {
        let organisation: Vec<VerifyingKey> =
            self.in_force(now).filter_map(|s| s.agreement().key(partner)).collect();
        self.keys.at(partner, now, &organisation)
    }

    /// The node keys that may speak for `partner` at `now`, by the organisation key of any text here that all signed,
    /// in force or not: an order is obeyed without an agreement in force, and a text that ended still says whose key is
    /// whose.
    pub fn named_keys(&self, partner: &PartnerId, now: Timestamp) -> Vec<VerifyingKey> {
        let signed = self.signed.iter().filter(|s| s.signed_by_all());
        let organisation: Vec<VerifyingKey> = signed.filter_map(|s| s.agreement().key(partner)).collect();
        self.keys.at(partner, now, &organisation)
    }

    /// The delegations and revocations of node keys that are known.
    pub fn keys(&self) -> &NodeKeys {
        &self.keys
    }

    /// The agreements in force at `now`. Of several versions of one only the newest that all signed and that has
    /// begun; an older one does not come back when the newest is suspended or ended. An amendment of a text that is not
    /// here is not in force.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &SignedAgreement> {
        self.signed.iter().filter(move |s| {
            s.state(now) == State::InForce && !self.superseded(s, now) && self.amends_known(s)
        })
    }

    /// The newest version in whose favour this one stands back at `now`: signed by all and begun, also where it is
    /// suspended or ended since.
    pub fn replaced_by(&self, s: &SignedAgreement, now: Timestamp) -> Option<&SignedAgreement> {
        self.signed.iter().filter(|other| self.replaces(other, s, now)).max_by_key(|o| o.agreement().number())
    }

    fn replaces(&self, other: &SignedAgreement, s: &SignedAgreement, now: Timestamp) -> bool {
        other.agreement().id() == s.agreement().id()
            && other.agreement().number() > s.agreement().number()
            && !matches!(other.state(now), State::Unsigned { .. } | State::NotBegun { .. })
            && self.amends_known(other)
    }

    /// Whether the text that an amendment takes the place of is here, signed by all.
    fn amends_known(&self, s: &SignedAgreement) -> bool {
        s.agreement().amends().is_none_or(|former| {
            self.with_id(s.agreement().id()).any(|o| {
                o.agreement().version() == former
                    && o.agreement().number() < s.agreement().number()
                    && o.signed_by_all()
            })
        })
    }

    fn superseded(&self, s: &SignedAgreement, now: Timestamp) -> bool {
        self.signed.iter().any(|other| self.replaces(other, s, now))
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
                ("CMT-0201", Condition::Agreement),
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
            return refuse(("CMT-0201", Condition::Agreement), None, missing, sentence);
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
            State::InForce if !self.amends_known(s) => {
                "amends a text that is not here, signed by both parties".to_owned()
            }
            State::InForce => "was replaced by a newer version that is not in force".to_owned(),
        };
        refuse(
            ("CMT-0201", Condition::Agreement),
            Some(s),
            "an agreement in force".to_owned(),
            format!("agreement `{id}` {why}"),
        )
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
            Err(refuse(("CMT-0205", Condition::Request), None, missing.to_owned(), sentence.to_owned()))
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
        self.asked(signed, request, Facts::direct(request, act, signed, now))
    }

    fn handed_on(
        &self,
        request: &Request,
        provider: &PartnerId,
        now: Timestamp,
    ) -> Result<Permit, Box<Denial>> {
        let signed = self.between(provider, &request.from, now)?;
        self.asked(signed, request, Facts::handed_on(request, provider, signed, now))
    }

    fn asked(
        &self,
        signed: &SignedAgreement,
        request: &Request,
        facts: Facts,
    ) -> Result<Permit, Box<Denial>> {
        let agreement = signed.agreement();
        let (mut facts, mut answer) = (facts.clone(), ask(signed.policy(), &facts));
        // An emergency is called upon only where it is needed.
        for emergency in signed.emergencies(facts.now) {
            if !matches!(answer, Answer::Deny { .. }) {
                break;
            }
            let widened = Facts { emergency: Some(emergency), ..facts.clone() };
            if let permit @ Answer::Permit { .. } = ask(signed.policy(), &widened) {
                (facts, answer) = (widened, permit);
            }
        }
        match answer {
            Answer::Unreadable(why) => Err(refuse(
                ("CMT-0205", Condition::Policy),
                Some(signed),
                "a policy that can be evaluated".to_owned(),
                format!("the policy of `{}` could not be evaluated on this request: {why}", agreement.id()),
            )),
            Answer::Deny { clauses, standing } => {
                Err(Box::new(nearest::explain(agreement, &facts, clauses, standing)))
            }
            Answer::Permit { clauses, duties } => {
                let Some(mut owed) = Owed::read(&duties) else {
                    return Err(refuse(
                        ("CMT-0205", Condition::Policy),
                        Some(signed),
                        "duties that can be read".to_owned(),
                        format!("the duties of `{}` could not be read", agreement.id()),
                    ));
                };
                let (_, end) = agreement.term();
                if !agreement.survives().contains(&Survives::Retain) {
                    owed.add(Duty::EraseBy(end));
                }
                let until = facts.emergency.as_ref().map_or(end, |e| end.min(e.until));
                let mut cited = clauses;
                cited.extend(duties.into_iter().map(|(clause, _)| clause));
                Ok(Permit::new(Redeemed {
                    source: PermitSource::Agreement {
                        agreement: agreement.id().clone(),
                        version: agreement.version(),
                    },
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
                    expires: facts.now.plus_micros(PERMIT_MICROS).min(until),
                }))
            }
        }
    }

    /// What `partner` can do at `now`, under every agreement in force, once an authority lets it.
    pub fn powers(&self, partner: &PartnerId, now: Timestamp) -> Vec<Power> {
        self.in_force(now).flat_map(|s| s.powers(partner, now)).collect()
    }
    /// Who cosigns the ledgers, under every agreement in force at `now`.
    pub fn witnesses(&self, now: Timestamp) -> Vec<WitnessRule> {
        self.in_force(now).flat_map(|s| s.agreement().witnesses()).collect()
    }

    /// The `share` clauses with a cap over a case, a month or all sessions that could let `request` pass: those whose
    /// records the caller counts and hands in as [`Spent`](crate::Spent), of several the most. A release counts under
    /// every clause its permit cites.
    pub fn counted(&self, request: &Request, now: Timestamp) -> Vec<ClauseId> {
        let handed = request.origin.as_ref().filter(|o| **o != request.from).map(|o| (o, &request.from));
        let mut out = Vec::new();
        for (from, to) in [Some((&request.from, &request.to)), handed].into_iter().flatten() {
            let Ok(signed) = self.between(from, to, now) else { continue };
            let agreement = signed.agreement();
            let categories = request.counted_categories();
            for (clause, body) in agreement.bodies() {
                let Body::Share(s) = body else { continue };
                let speaks = s.from.value == *from
                    && s.to.value == *to
                    && holds(Some(&s.purpose), request.purpose)
                    && s.categories.iter().any(|c| categories.contains(&c.value));
                if speaks && s.limits.counted() {
                    out.push(agreement.clause_id(clause.number()));
                }
            }
        }
        out
    }
    /// Who gets something without running a node, under every agreement in force at `now`.
    pub fn recipients(&self, now: Timestamp) -> Vec<Recipient> {
        self.in_force(now).flat_map(|s| s.agreement().recipients()).collect()
    }
    /// The members of `partner` under every agreement in force at `now`, each once.
    pub fn members(&self, partner: &PartnerId, now: Timestamp) -> Vec<Member> {
        let mut out: Vec<Member> = Vec::new();
        for m in self.in_force(now).flat_map(|s| s.members(partner, now)) {
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

/// What a statement about an agreement is about. Its other words are its kind's to read.
#[derive(serde::Deserialize)]
struct About {
    agreement: AgreementId,
    version: Digest,
}

fn refuse(
    (code, condition): (&'static str, Condition),
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
        condition,
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
    erase: Option<Timestamp>,
    actions: Option<IepActions>,
    attribution: Option<Attribution>,
    silence: Option<Timestamp>,
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
                    "actions" => Duty::Actions(*IepActions::ALL.get(n as usize)?),
                    "attribution" => Duty::Attribution(*Attribution::ALL.get(n as usize)?),
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
            Duty::EraseBy(t) => self.erase = Some(self.erase.map_or(t, |e| e.min(t))),
            Duty::Actions(a) => self.actions = Some(self.actions.map_or(a, |b| b.min(a))),
            Duty::Attribution(a) => self.attribution = Some(self.attribution.map_or(a, |b| b.max(a))),
            // The later: nobody is told before both have ended.
            Duty::Silence(t) => self.silence = Some(self.silence.map_or(t, |b| b.max(t))),
        }
    }

    fn duties(&self, now: Timestamp) -> Vec<Duty> {
        let mut out = Vec::new();
        out.extend(self.retain.map(Duty::RetainDays));
        let kept = self.retain.map(|n| now.plus_days(i64::from(n)));
        out.extend(kept.into_iter().chain(self.erase).min().map(Duty::EraseBy));
        out.extend(self.proof.map(Duty::EraseProofDays));
        out.extend(self.review.map(Duty::ReviewDays));
        out.extend(self.report.map(Duty::ReportBackHours));
        out.extend(self.pseudonymise.then_some(Duty::Pseudonymise));
        out.extend(self.actions.map(Duty::Actions));
        out.extend(self.attribution.map(Duty::Attribution));
        out.extend(self.silence.map(Duty::Silence));
        out
    }
}
