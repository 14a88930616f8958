//! The permit that rests on an order: four eyes over the very bytes, and what of agreements it overrides.
//!
//! Here: the approval that counsel and another person sign, the ruling, what who gets the records may make of them.
//! Elsewhere: the order and its scope (`compulsion`), the permit's use (`ruling`).
//! An order overrides what partners agreed on and nothing else: what it overrides is stated in the permit and stands on
//! the ledger. A compelled crossing counts under no cap: caps are what partners allowed each other.

use crate::{
    Agreements, Compulsion, Condition, Denial, Duty, Extent, PERMIT_MICROS, Permit, Prohibition, Redeemed,
    Request, Ruling,
};
use ed25519_dalek::VerifyingKey;
use ledger::{
    LedgerError,
    dsse::{self, Envelope},
};
use serde::{Deserialize, Serialize};
use terms::{AgreementId, ClauseId, Digest, MICROS_PER_DAY, PartnerId, PersonId, ReleaseId, Role, Timestamp};

/// DSSE payload type of an approval.
pub const COMPEL_APPROVAL_TYPE: &str = "application/vnd.comity.compel-approval+json";
/// The schema of an approval.
pub const COMPEL_APPROVAL_SCHEMA: &str = "comity.compel-approval/1";
/// How long an approval counts: a day, in microseconds.
pub const APPROVAL_MICROS: i64 = MICROS_PER_DAY;

/// What counsel and another person sign before compelled records leave (`comity.compel-approval/1`): that this order
/// compels this one release of these bytes. It serves for no other release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompelApproval {
    /// Always `comity.compel-approval/1`.
    pub schema: String,
    /// SHA-256 of the order's document.
    pub authority: Digest,
    /// The release.
    pub release: ReleaseId,
    /// SHA-256 of the bytes that may cross.
    pub bytes: Digest,
    /// Who gets them.
    pub to: PartnerId,
    /// The counsel who approves.
    pub counsel: PersonId,
    /// The other person who approves.
    pub second: PersonId,
    /// When.
    pub at: Timestamp,
}

/// A person of the node who may approve, as the node knows them.
#[derive(Debug, Clone)]
pub struct Approver {
    /// Their name.
    pub person: PersonId,
    /// What they may do.
    pub role: Role,
    /// Their key.
    pub key: VerifyingKey,
}

/// What is asked of an order: one release, with what its records span and who approved it.
#[derive(Debug, Clone, Copy)]
pub struct Demanded<'a> {
    /// The crossing, bound to the final bytes.
    pub request: &'a Request,
    /// What the records span.
    pub extent: &'a Extent,
    /// The release.
    pub release: &'a ReleaseId,
    /// The approval, signed by both.
    pub approval: &'a Envelope,
    /// The people of the node.
    pub people: &'a [Approver],
}

/// What a permit rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "source")]
pub enum PermitSource {
    /// An agreement in force between giver and getter.
    Agreement {
        /// The agreement.
        agreement: AgreementId,
        /// Its version: the SHA-256 of its canonical text.
        version: Digest,
    },
    /// An order that compels.
    Compulsion(Box<Compelled>),
}

impl PermitSource {
    /// The word used on the ledger and in JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Agreement { .. } => "agreement",
            Self::Compulsion(_) => "compulsion",
        }
    }

    /// The agreement, where it is one.
    pub fn agreement(&self) -> Option<&AgreementId> {
        match self {
            Self::Agreement { agreement, .. } => Some(agreement),
            Self::Compulsion(_) => None,
        }
    }

    /// The version of the agreement, where it is one.
    pub fn version(&self) -> Option<Digest> {
        match self {
            Self::Agreement { version, .. } => Some(*version),
            Self::Compulsion(_) => None,
        }
    }

    /// The order, where it is one.
    pub fn compelled(&self) -> Option<&Compelled> {
        match self {
            Self::Agreement { .. } => None,
            Self::Compulsion(order) => Some(order),
        }
    }

    /// The source in words that follow "under": `` `company-police` `` or ``order `order-de-207` ``.
    pub fn told(&self) -> String {
        match self {
            Self::Agreement { agreement, .. } => format!("`{agreement}`"),
            Self::Compulsion(order) => format!("order `{}`", order.id),
        }
    }
}

/// The order that a permit rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Compelled {
    /// SHA-256 of its document, an exhibit.
    pub authority: Digest,
    /// Its number.
    pub id: String,
    /// By what instrument it compels.
    pub instrument: crate::Compelling,
    /// Until when nobody may be told.
    pub gag: Option<Timestamp>,
    /// Counsel and the other person who approved; `None` at who gets the records, who was told of neither.
    pub approved: Option<(PersonId, PersonId)>,
    /// What of agreements it overrides; `None` where an agreement would let the records pass as well.
    pub overrides: Option<Overridden>,
}

/// What of agreements an order overrides: the refusal that stood against the crossing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Overridden {
    /// The code of the refusal; CMT-0201 and CMT-0202 are an agreement's silence.
    pub code: String,
    /// The agreement that was asked, where there is one.
    pub agreement: Option<AgreementId>,
    /// The clauses that forbid the crossing.
    pub clauses: Vec<ClauseId>,
    /// The names of the standing prohibitions that forbid it.
    pub prohibitions: Vec<String>,
    /// The refusal as one sentence.
    pub sentence: String,
}

impl Overridden {
    fn of(denial: &Denial) -> Self {
        Self {
            code: denial.code.to_owned(),
            agreement: denial.agreement.clone(),
            clauses: denial.clauses.clone(),
            prohibitions: denial.prohibitions.iter().map(|p| p.word().to_owned()).collect(),
            sentence: denial.sentence().to_owned(),
        }
    }
}

impl Agreements {
    /// Rules on one release under an order, at `now`: within its scope, approved by counsel and another person over the
    /// very bytes, and against nothing that no order overrides. The permit is bound and used up as every other.
    ///
    /// A refusal is a [`Denial`] with a code of its own: those of [`Compulsion::scope`]; CMT-0261 one person twice,
    /// CMT-0262 somebody unknown here, CMT-0263 the wrong role, CMT-0264 an approval of another order, release, getter or
    /// other bytes, CMT-0265 a signature that is missing or wrong, CMT-0266 an approval of another time (it is over, or the
    /// clock went back), CMT-0267 a standing prohibition that no order overrides.
    pub fn compel(&self, order: &Compulsion, demanded: Demanded<'_>, now: Timestamp) -> Ruling {
        match self.try_compel(order, demanded, now) {
            Ok(permit) => Ruling::Permit(permit),
            Err(denial) => Ruling::Deny(*denial),
        }
    }

    fn try_compel(
        &self,
        order: &Compulsion,
        demanded: Demanded<'_>,
        now: Timestamp,
    ) -> Result<Permit, Box<Denial>> {
        let Demanded { request, extent, .. } = demanded;
        order.scope(request, extent, now)?;
        let approved = approved(order, demanded, now)?;
        let overrides = self.overridden(order, request, now)?;
        let source = compelled(order, Some(approved), overrides);
        Ok(Permit::new(redeemed(order, request, source, now)))
    }

    /// What stands against the crossing in agreements.
    ///
    /// # Errors
    /// CMT-0267 where something stands against it that no order overrides.
    pub fn overridden(
        &self,
        order: &Compulsion,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<Overridden>, Box<Denial>> {
        let Ruling::Deny(denial) = self.rule(request, now) else { return Ok(None) };
        let firm = |p: &&Prohibition| !Compulsion::may_override(**p);
        if let Some(firm) = denial.prohibitions.iter().find(firm) {
            let sentence = format!(
                "order `{}` does not override the standing prohibition `{}`",
                order.id(),
                firm.word()
            );
            return Err(refuse("CMT-0267", "a crossing that no firm prohibition forbids", sentence));
        }
        Ok(Some(Overridden::of(&denial)))
    }
}

impl Compulsion {
    /// The ruling of who gets compelled records, by its own copy of the order: whether they lie within its scope, as it
    /// stood when they were released, and what the getter owes. Who approved at the giver is not told and not asked. The
    /// record opens nothing.
    ///
    /// # Errors
    /// As [`Compulsion::scope`]; CMT-0266 for a release that lies in the future.
    pub fn receive(
        &self,
        request: &Request,
        extent: &Extent,
        released: Timestamp,
        now: Timestamp,
    ) -> Result<Redeemed, Box<Denial>> {
        if now < released {
            let sentence = format!("the records were released on {released}, and it is {now}");
            return Err(refuse("CMT-0266", "a clock that did not go back", sentence));
        }
        self.scope(request, extent, released)?;
        Ok(redeemed(self, request, compelled(self, None, None), now))
    }
}

fn compelled(
    order: &Compulsion,
    approved: Option<(PersonId, PersonId)>,
    overrides: Option<Overridden>,
) -> PermitSource {
    PermitSource::Compulsion(Box::new(Compelled {
        authority: order.authority(),
        id: order.id().to_owned(),
        instrument: order.instrument(),
        gag: order.gag(),
        approved,
        overrides,
    }))
}

fn redeemed(order: &Compulsion, request: &Request, source: PermitSource, now: Timestamp) -> Redeemed {
    let days = order.retain_days();
    let duties = [
        order.gagged(now).map(Duty::Silence),
        days.map(Duty::RetainDays),
        days.map(|d| Duty::EraseBy(now.plus_days(i64::from(d)))),
        order.report_back_hours().map(Duty::ReportBackHours),
    ];
    Redeemed {
        source,
        clauses: Vec::new(),
        duties: duties.into_iter().flatten().collect(),
        from: request.from.clone(),
        to: request.to.clone(),
        member: request.member.clone(),
        act: request.act,
        purpose: request.purpose,
        categories: request.counted_categories(),
        bytes: request.bytes,
        ruled: now,
        expires: now.plus_micros(PERMIT_MICROS).min(order.until()),
    }
}

/// Who approved: counsel and another person, both known here, over this order, this release and these bytes.
fn approved(
    order: &Compulsion,
    demanded: Demanded<'_>,
    now: Timestamp,
) -> Result<(PersonId, PersonId), Box<Denial>> {
    let Demanded { request, release, approval, people, .. } = demanded;
    let unsigned = |why: String| {
        refuse(
            "CMT-0265",
            "both signatures",
            format!("the approval of order `{}` does not hold: {why}", order.id()),
        )
    };
    if approval.payload_type() != COMPEL_APPROVAL_TYPE {
        return Err(unsigned(format!("`{}` is no approval", approval.payload_type())));
    }
    let said: CompelApproval =
        serde_json::from_slice(approval.unverified_payload()).map_err(|e| unsigned(e.to_string()))?;
    if said.counsel == said.second {
        let sentence = format!("`{}` alone is two eyes, not four", said.counsel);
        return Err(refuse("CMT-0261", "a second person", sentence));
    }
    let known = |person: &PersonId| {
        people.iter().find(|p| p.person == *person).ok_or_else(|| {
            refuse("CMT-0262", "people of this node", format!("`{person}` is nobody at this node"))
        })
    };
    let (counsel, second) = (known(&said.counsel)?, known(&said.second)?);
    if counsel.key == second.key {
        let sentence =
            format!("`{}` and `{}` sign with one key: that is two eyes", said.counsel, said.second);
        return Err(refuse("CMT-0261", "a second person", sentence));
    }
    if counsel.role != Role::Counsel {
        let sentence = format!("`{}` is not counsel: an order is counsel's to read", said.counsel);
        return Err(refuse("CMT-0263", "a counsel", sentence));
    }
    if matches!(second.role, Role::Auditor | Role::Operator) {
        let sentence = format!("`{}` sees no evidence and decides on none", said.second);
        return Err(refuse("CMT-0263", "a second who decides on evidence", sentence));
    }
    let keys = [counsel, second].map(|p| (dsse::keyid(&p.key), p.key));
    dsse::verify_all(approval, COMPEL_APPROVAL_TYPE, &keys)
        .map_err(|e: LedgerError| unsigned(e.to_string()))?;
    let other = [
        ("schema", said.schema != COMPEL_APPROVAL_SCHEMA),
        ("order", said.authority != order.authority()),
        ("release", said.release != *release),
        ("getter", said.to != request.to),
        ("set of bytes", said.bytes != request.bytes),
    ];
    if let Some((what, _)) = other.iter().find(|(_, differs)| *differs) {
        let sentence = format!("`{}` and `{}` approved another {what}", said.counsel, said.second);
        return Err(refuse("CMT-0264", "an approval of this very release", sentence));
    }
    if now < said.at || now >= said.at.plus_micros(APPROVAL_MICROS) {
        let sentence = format!("the approval is of {}, counts for a day, and it is {now}", said.at);
        return Err(refuse("CMT-0266", "an approval of today", sentence));
    }
    Ok((said.counsel, said.second))
}

/// A refusal under an order.
pub(crate) fn refuse(code: &'static str, missing: &str, sentence: String) -> Box<Denial> {
    let condition = match code {
        "CMT-0261" | "CMT-0262" | "CMT-0263" | "CMT-0264" | "CMT-0265" | "CMT-0266" => Condition::Approval,
        _ => Condition::Order,
    };
    Box::new(Denial {
        code,
        agreement: None,
        clauses: Vec::new(),
        prohibitions: Vec::new(),
        nearest: None,
        condition,
        missing: missing.to_owned(),
        sentence,
    })
}

/// What mends a refusal under an order; `None` for codes of agreements.
pub(crate) fn help(code: &str) -> Option<&'static str> {
    Some(match code {
        "CMT-0251" => {
            "have it served; the document with its date of service is a new exhibit: `comity ingest FILE`"
        }
        "CMT-0252" => "ask its issuer to renew it, and take the new document in with `comity ingest FILE`",
        "CMT-0253" => {
            "only who the order names is compelled, and only for whom it names: --with and --member say for whom"
        }
        "CMT-0254" => {
            "an order compels this home's own records as they are: have the provider of others' compelled itself"
        }
        "CMT-0255" => "state the purpose that the order names with --purpose",
        "CMT-0256" => "label the records, and ask again: without a label a record counts as the strictest",
        "CMT-0257" | "CMT-0258" | "CMT-0260" => {
            "share what the order names; for the rest counsel asks its issuer for another order"
        }
        "CMT-0259" => "name a period within the order's with --period, and share what has a time",
        "CMT-0261" | "CMT-0262" | "CMT-0263" => {
            "`comity case people` lists who is here in which role; name a counsel with --counsel and another with --second"
        }
        "CMT-0264" | "CMT-0265" | "CMT-0266" => {
            "have counsel and the second approve this release anew: `comity share … --under ORDER --counsel PERSON --second PERSON`"
        }
        "CMT-0267" => "no order overrides it: counsel contests the order with its issuer",
        _ => return None,
    })
}
