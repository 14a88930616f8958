//! The decision on one request: a denial that names its clauses, or a permit that only a ruling can make.
//!
//! Here: [`Ruling`], [`Denial`], [`Permit`], [`Duty`], and what goes to the ledger about them.
//! Elsewhere: how the decision is found (`agreements`), how a denial finds its nearest clause (`nearest`).

use crate::{Act, Attribution, Condition, IepActions, PermitSource, Request, compel};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};
use terms::{AgreementId, Category, ClauseId, Digest, MemberId, PartnerId, Purpose, Timestamp};

/// A rule that stands above every agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prohibition {
    /// A victim's identity never leaves in a form weaker than a pseudonym.
    VictimIdentity,
    /// Records of several categories pass only when each category is let through by a clause that names it: a record
    /// that is both `network-indicator` and `victim-ip` is treated as `victim-ip`.
    EachCategory,
    /// Records marked TLP red or amber+strict are never reshared (TLP 2.0); H2 only with the provider's consent.
    Reshare,
    /// Nothing passes before the first or after the last day of the term.
    Term,
    /// A member that has not acceded yet, or opted out, receives nothing.
    OptedOut,
    /// H1 is not for evidence in court without the provider's consent.
    Court,
    /// Nothing passes for a purpose that no purpose clause grants; a court only with `evidence-in-court`.
    Purpose,
    /// Nothing passes between others than the two parties: agreements do not chain.
    Parties,
    /// Onward only as an onward clause grants.
    Onward,
    /// Noisy counts never enter a court's package.
    NoisyCounts,
    /// No private matching without a case and a reason.
    NoFishing,
}

impl Prohibition {
    /// Every standing prohibition.
    pub const ALL: &'static [Self] = &[
        Self::VictimIdentity,
        Self::EachCategory,
        Self::Reshare,
        Self::Term,
        Self::OptedOut,
        Self::Court,
        Self::Purpose,
        Self::Parties,
        Self::Onward,
        Self::NoisyCounts,
        Self::NoFishing,
    ];

    /// Its name in the compiled policy.
    pub const fn word(self) -> &'static str {
        match self {
            Self::VictimIdentity => "victim-identity",
            Self::EachCategory => "each-category",
            Self::Reshare => "reshare",
            Self::Term => "term",
            Self::OptedOut => "opted-out",
            Self::Court => "court",
            Self::Purpose => "purpose",
            Self::Parties => "parties",
            Self::Onward => "onward",
            Self::NoisyCounts => "noisy-counts",
            Self::NoFishing => "no-fishing",
        }
    }

    /// The prohibition a name stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|p| p.word() == word)
    }
}

/// What a permit obliges its holder to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "duty", content = "value")]
pub enum Duty {
    /// Keep no longer than so many days after the ruling.
    RetainDays(u32),
    /// Erase by this instant (the ruling plus the days of retention).
    EraseBy(Timestamp),
    /// Prove the erasure within so many days after it.
    EraseProofDays(u32),
    /// Review after so many days whether the records are still needed.
    ReviewDays(u32),
    /// Report back to the provider within so many hours.
    ReportBackHours(u32),
    /// Put pseudonyms in the place of what names a person before storing.
    Pseudonymise,
    /// Do no more than this on what is learnt.
    Actions(IepActions),
    /// Whether the provider is named where the records are used.
    Attribution(Attribution),
    /// Tell nobody before this instant: an order's gag date.
    Silence(Timestamp),
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RetainDays(n) => write!(f, "keep at most {n} days"),
            Self::EraseBy(t) => write!(f, "erase by {t}"),
            Self::EraseProofDays(n) => write!(f, "prove the erasure within {n} days"),
            Self::ReviewDays(n) => write!(f, "review after {n} days"),
            Self::ReportBackHours(n) => write!(f, "report back within {n} hours"),
            Self::Pseudonymise => f.write_str("pseudonymise before storing"),
            Self::Actions(a) => write!(f, "act on it at most as `{a}` allows"),
            Self::Attribution(a) => match a {
                Attribution::May => f.write_str("the provider may be named"),
                Attribution::Must => f.write_str("name the provider where it is used"),
                Attribution::MustNot => f.write_str("never name the provider"),
            },
            Self::Silence(t) => write!(f, "tell nobody before {t}"),
        }
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Denial {
    /// Stable code: CMT-0201 no agreement in force, CMT-0202 no clause lets it pass, CMT-0203 a clause forbids it,
    /// CMT-0204 a standing prohibition forbids it, CMT-0205 the request or policy cannot be ruled on;
    /// CMT-0251 to CMT-0267 an order does not compel it ([`Agreements::compel`](crate::Agreements::compel)).
    pub code: &'static str,
    /// The agreement that was asked, if there is one.
    pub agreement: Option<AgreementId>,
    /// The clauses that forbid it. Empty where nothing forbids and nothing permits.
    pub clauses: Vec<ClauseId>,
    /// The standing prohibitions that forbid it.
    pub prohibitions: Vec<Prohibition>,
    /// The `share` clause that comes nearest to letting it pass.
    pub nearest: Option<ClauseId>,
    /// The missing condition as a word of the closed list: the first that the nearest clause asks for, or what the first
    /// clause or prohibition that forbids asks for.
    pub condition: Condition,
    /// The missing condition, in words that complete "the nearest clause …" or stand alone.
    pub missing: String,
    pub(crate) sentence: String,
}

impl Denial {
    /// The refusal as one sentence with clause numbers.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
impl std::error::Error for Denial {}
impl Diagnostic for Denial {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        if let Some(help) = compel::help(self.code) {
            return Some(Box::new(help));
        }
        Some(match &self.agreement {
            Some(id) => Box::new(format!("`comity agree show {id}` lists what may pass")),
            None => Box::new("`comity agree` lists the agreements and their state"),
        })
    }
}

/// Shows that an agreement in force allowed these very bytes to cross, once, or that an order compels it. Only
/// [`Agreements::rule`](crate::Agreements::rule) and [`Agreements::compel`](crate::Agreements::compel) make one: it has
/// no constructor, no public field and no `Clone`.
///
/// It cannot be made outside:
/// ```compile_fail,E0451
/// let permit = agreement::Permit { inner: todo!() };
/// ```
/// ```compile_fail,E0599
/// let permit = agreement::Permit::default();
/// ```
/// ```compile_fail,E0277
/// let permit: agreement::Permit = serde_json::from_str("{}").unwrap();
/// ```
/// It cannot be copied:
/// ```compile_fail,E0599
/// fn twice(permit: agreement::Permit) -> (agreement::Permit, agreement::Permit) {
///     (permit.clone(), permit)
/// }
/// ```
/// It is gone once redeemed:
/// ```compile_fail,E0382
/// fn twice(permit: agreement::Permit, bytes: terms::Digest, now: terms::Timestamp) {
///     let _first = permit.redeem(bytes, now);
///     let _second = permit.redeem(bytes, now);
/// }
/// ```
/// What is allowed compiles:
/// ```
/// fn once(permit: agreement::Permit, bytes: terms::Digest, now: terms::Timestamp) {
///     let _clauses = permit.clauses();
///     let _only = permit.redeem(bytes, now);
/// }
/// ```
#[must_use = "a permit that is not redeemed lets nothing pass"]
#[derive(Debug)]
pub struct Permit {
    inner: Redeemed,
}

/// What a redeemed permit said: a plain record for manifests and the ledger. It opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Redeemed {
    /// The agreement or order it rests on.
    #[serde(flatten)]
    pub source: PermitSource,
    /// The clauses it rests on, each once, in order; none where it rests on an order.
    pub clauses: Vec<ClauseId>,
    /// The strictest duty of each kind.
    pub duties: Vec<Duty>,
    /// Who gives.
    pub from: PartnerId,
    /// Who gets.
    pub to: PartnerId,
    /// For which member.
    pub member: Option<MemberId>,
    /// What is done.
    pub act: Act,
    /// What for.
    pub purpose: Purpose,
    /// The categories that were ruled on.
    pub categories: BTreeSet<Category>,
    /// SHA-256 of the bytes that may cross.
    pub bytes: Digest,
    /// When it was ruled.
    pub ruled: Timestamp,
    /// The first instant at which it no longer holds.
    pub expires: Timestamp,
}

/// Why a permit was not honoured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum PermitError {
    /// Its time is over (or the clock stands before the ruling).
    #[error("the permit under {under} held from {ruled} until {expires}, and it is {now}")]
    #[diagnostic(code("CMT-0221"), help("ask again: the ruling is made just before the release"))]
    Expired {
        /// The agreement or order, in words.
        under: String,
        /// When it was ruled.
        ruled: Timestamp,
        /// When it ended.
        expires: Timestamp,
        /// The time given.
        now: Timestamp,
    },
    /// It was given for other bytes.
    #[error("the permit under {under} was given for other bytes than these")]
    #[diagnostic(code("CMT-0222"), help("rule on the final bytes, after protection and packing"))]
    OtherBytes {
        /// The agreement or order, in words.
        under: String,
    },
}

impl Permit {
    pub(crate) fn new(inner: Redeemed) -> Self {
        Self { inner }
    }
    pub(crate) fn into_inner(self) -> Redeemed {
        self.inner
    }

    /// Uses the permit up for the release of bytes with this digest.
    ///
    /// # Errors
    /// CMT-0221 before the ruling or from the expiry on, CMT-0222 for other bytes. The permit is gone either way.
    pub fn redeem(self, bytes: Digest, now: Timestamp) -> Result<Redeemed, PermitError> {
        let Redeemed { source, ruled, expires, .. } = &self.inner;
        if now < *ruled || now >= *expires {
            return Err(PermitError::Expired { under: source.told(), ruled: *ruled, expires: *expires, now });
        }
        if bytes != self.inner.bytes {
            return Err(PermitError::OtherBytes { under: source.told() });
        }
        Ok(self.inner)
    }

    /// The agreement or order it rests on.
    pub fn source(&self) -> &PermitSource {
        &self.inner.source
    }
    /// The agreement between giver and getter; `None` where it rests on an order.
    pub fn agreement(&self) -> Option<&AgreementId> {
        self.inner.source.agreement()
    }
    /// The clauses it rests on, each once, in order.
    pub fn clauses(&self) -> &[ClauseId] {
        &self.inner.clauses
    }
    /// The strictest duty of each kind.
    pub fn duties(&self) -> &[Duty] {
        &self.inner.duties
    }
    /// Days the records may be kept; `None` where no clause limits it.
    pub fn retain_days(&self) -> Option<u32> {
        self.duties().iter().find_map(|d| if let Duty::RetainDays(n) = d { Some(*n) } else { None })
    }
    /// The instant by which they must be erased; `None` where no clause limits it.
    pub fn erase_by(&self) -> Option<Timestamp> {
        self.duties().iter().find_map(|d| if let Duty::EraseBy(t) = d { Some(*t) } else { None })
    }
    /// Hours within which the receiver reports back; `None` where no clause asks.
    pub fn report_back_hours(&self) -> Option<u32> {
        self.duties().iter().find_map(|d| if let Duty::ReportBackHours(n) = d { Some(*n) } else { None })
    }
    /// Whether the receiver must pseudonymise before storing.
    pub fn pseudonymise(&self) -> bool {
        self.duties().contains(&Duty::Pseudonymise)
    }
    /// SHA-256 of the bytes that may cross.
    pub fn bytes(&self) -> Digest {
        self.inner.bytes
    }
    /// Who gives.
    pub fn from(&self) -> &PartnerId {
        &self.inner.from
    }
    /// Who gets.
    pub fn to(&self) -> &PartnerId {
        &self.inner.to
    }
    /// For which member.
    pub fn member(&self) -> Option<&MemberId> {
        self.inner.member.as_ref()
    }
    /// What is done.
    pub fn act(&self) -> Act {
        self.inner.act
    }
    /// What for.
    pub fn purpose(&self) -> Purpose {
        self.inner.purpose
    }
    /// The categories that were ruled on.
    pub fn categories(&self) -> &BTreeSet<Category> {
        &self.inner.categories
    }
    /// The first instant at which it no longer holds.
    pub fn expires(&self) -> Timestamp {
        self.inner.expires
    }
}

/// The decision on one request.
#[must_use = "nothing may pass before the ruling is looked at"]
#[derive(Debug)]
pub enum Ruling {
    /// Refused.
    Deny(Denial),
    /// Allowed, with the clauses it rests on and the duties it brings.
    Permit(Permit),
}

impl Ruling {
    /// The permit.
    ///
    /// # Errors
    /// The denial.
    pub fn permit(self) -> Result<Permit, Box<Denial>> {
        match self {
            Self::Permit(p) => Ok(p),
            Self::Deny(d) => Err(Box::new(d)),
        }
    }

    /// Whether it was refused.
    pub fn denied(&self) -> bool {
        matches!(self, Self::Deny(_))
    }

    /// What the ledger says about this ruling (`comity.ruling/1`): partners, member, act, purpose, categories, who
    /// labelled each and how, clauses, duties, and of an order its number, gag date and what it overrides. It holds no
    /// personal data (a person stands under a pseudonym, and no reason is told) and NOT the digest of the bytes: the
    /// leaf's subject is the caller's salted commitment of it.
    pub fn statement(&self, request: &Request, now: Timestamp) -> serde_json::Value {
        let mut out = serde_json::json!({
            "schema": "comity.ruling/1",
            "ruled": now,
            "from": request.from,
            "to": request.to,
            "member": request.member,
            "act": request.act,
            "purpose": request.purpose,
            "categories": request.counted_categories(),
            "labels": request.told_labels(),
            "records": request.records,
        });
        let more = match self {
            Self::Permit(Permit { inner }) => serde_json::json!({
                "ruling": if inner.duties.is_empty() { "permit" } else { "permit-with" },
                "source": inner.source.word(), "agreement": inner.source.agreement(),
                "version": inner.source.version(), "clauses": numbers(&inner.clauses), "duties": inner.duties,
                "expires": inner.expires,
            }),
            Self::Deny(d) => serde_json::json!({
                "ruling": "deny", "code": d.code, "agreement": d.agreement, "clauses": numbers(&d.clauses),
                "prohibitions": d.prohibitions, "nearest": d.nearest.as_ref().map(ToString::to_string),
            }),
        };
        if let (Some(out), serde_json::Value::Object(more)) = (out.as_object_mut(), more) {
            out.extend(more);
            if let Self::Permit(Permit { inner }) = self {
                out.extend(inner.source.compelled().map(|order| ("order".to_owned(), ordered(order))));
            }
        }
        out
    }
}

/// What the ledger says of an order: its number and gag date, and what it overrides. Who approved is a commitment's to
/// say, and the document is one of the leaf's subjects, salted.
fn ordered(order: &compel::Compelled) -> serde_json::Value {
    let overrides = order.overrides.as_ref().map(|o| {
        serde_json::json!({
            "code": o.code, "agreement": o.agreement, "clauses": numbers(&o.clauses), "prohibitions": o.prohibitions,
        })
    });
    serde_json::json!({
        "id": order.id, "instrument": order.instrument, "gag": order.gag, "overrides": overrides,
    })
}

fn numbers(clauses: &[ClauseId]) -> Vec<String> {
    clauses.iter().map(ToString::to_string).collect()
}
