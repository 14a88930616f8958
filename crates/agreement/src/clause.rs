//! The kinds of clause and the words each has.
//!
//! Here: one struct per kind and its reader. Elsewhere: TOML values with places (`fields`), rules between clauses
//! (`check`), what they compile to (`policy`). `FORMAT.md` is the table of this file for people.

use crate::{
    Act, Attribution, Grading, IepActions, Period, Unit,
    covers::{Covered, SealingKey},
    diagnostics::Problem,
    fields::{At, Fields, Wrong, list, nearest, shorten},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::VerifyingKey;
use std::{cell::RefCell, fmt, ops::Range};
use terms::{
    AgreementId, AssetClass, Category, Day, Digest, HandlingCode, Instrument, MemberId, PartnerId, Place,
    Protection, Purpose, Role, Tlp,
};
use toml::de::DeTable;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        /// What a clause is about: the closed vocabulary of `kind`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind { $($(#[$doc])* $variant),+ }
        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The word in the block.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

kinds! {
    /// Who agrees, with which key and members.
    Party = "party",
    /// What data may serve for, and on what legal basis.
    Purpose = "purpose",
    /// What may pass.
    Share = "share",
    /// The weakest form in which a category may leave.
    Protect = "protect",
    /// The marks records carry.
    Handling = "handling",
    /// To whom received records may be handed on.
    Onward = "onward",
    /// How long records are kept.
    Retain = "retain",
    /// Where records may rest.
    Place = "place",
    /// From when until when, and the agreement's own name.
    Term = "term",
    /// What two roles may widen for some hours.
    Emergency = "emergency",
    /// What a partner can do once an authority lets it.
    Power = "power",
    /// Who gets something without running a node.
    Recipient = "recipient",
    /// Who cosigns the ledgers.
    Witness = "witness",
    /// What this cooperation is for.
    Offence = "offence",
    /// What a receiver owes.
    Duty = "duty",
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Party(Party),
    Purpose(PurposeClause),
    Share(Share),
    Protect(Protect),
    Handling(HandlingClause),
    Onward(Onward),
    Retain(Retain),
    Place(PlaceClause),
    Term(Term),
    Emergency(Emergency),
    Power(PowerClause),
    Recipient(RecipientClause),
    Witness(Witness),
    Offence(OffenceClause),
    Duty(DutyClause),
}

impl Body {
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Party(_) => Kind::Party,
            Self::Purpose(_) => Kind::Purpose,
            Self::Share(_) => Kind::Share,
            Self::Protect(_) => Kind::Protect,
            Self::Handling(_) => Kind::Handling,
            Self::Onward(_) => Kind::Onward,
            Self::Retain(_) => Kind::Retain,
            Self::Place(_) => Kind::Place,
            Self::Term(_) => Kind::Term,
            Self::Emergency(_) => Kind::Emergency,
            Self::Power(_) => Kind::Power,
            Self::Recipient(_) => Kind::Recipient,
            Self::Witness(_) => Kind::Witness,
            Self::Offence(_) => Kind::Offence,
            Self::Duty(_) => Kind::Duty,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub id: At<PartnerId>,
    pub name: String,
    pub key: At<VerifyingKey>,
    pub signatory: String,
    pub place: Place,
    pub members: Vec<PartyMember>,
}

#[derive(Debug, Clone)]
pub(crate) struct PartyMember {
    pub id: At<MemberId>,
    pub name: Option<String>,
    pub place: Place,
    pub since: At<Day>,
    pub opted_out: Option<At<Day>>,
}

#[derive(Debug, Clone)]
pub(crate) struct PurposeClause {
    pub purposes: Vec<At<Purpose>>,
    pub basis: Vec<(At<String>, String)>,
    pub basis_span: Range<usize>,
}

/// Which members a clause speaks of.
#[derive(Debug, Clone)]
pub(crate) enum Members {
    /// The partner itself only.
    None,
    /// Every member.
    All,
    /// These.
    These(Vec<At<MemberId>>),
}

impl Members {
    /// Whether somebody is meant by both.
    pub fn meet(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::These(a), Self::These(b)) => a.iter().any(|x| b.iter().any(|y| x.value == y.value)),
            (Self::These(_), Self::None) | (Self::None, Self::These(_)) => false,
            _ => true,
        }
    }
    /// How many are named one by one.
    pub fn named(&self) -> usize {
        if let Self::These(these) = self { these.len() } else { 0 }
    }
}

/// The most that may pass: at once, for one case, in a calendar month (UTC), and over all sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub records: Option<u64>,
    pub case: Option<u64>,
    pub month: Option<u64>,
    pub total: Option<u64>,
}

impl Limits {
    /// Whether what passed before counts.
    pub fn counted(&self) -> bool {
        self.case.or(self.month).or(self.total).is_some()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Share {
    pub from: At<PartnerId>,
    pub to: At<PartnerId>,
    pub categories: Vec<At<Category>>,
    pub purpose: Vec<At<Purpose>>,
    pub act: Vec<At<Act>>,
    pub members: Members,
    /// Only records that concern nobody outside the receiving member's own place.
    pub own: bool,
    pub limits: Limits,
}

/// For what a rule holds. Absent: for everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub categories: Option<Vec<At<Category>>>,
    pub purpose: Option<Vec<At<Purpose>>>,
    pub act: Option<Vec<At<Act>>>,
    pub to: Option<At<PartnerId>>,
}

impl Scope {
    /// Whether some request lies in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        both(self.categories.as_deref(), other.categories.as_deref())
            && both(self.purpose.as_deref(), other.purpose.as_deref())
            && both(self.act.as_deref(), other.act.as_deref())
            && match (&self.to, &other.to) {
                (Some(a), Some(b)) => a.value == b.value,
                _ => true,
            }
    }
    pub fn covers(&self, category: Category, purpose: Purpose, act: Act, to: &PartnerId) -> bool {
        holds(self.categories.as_deref(), category)
            && holds(self.purpose.as_deref(), purpose)
            && holds(self.act.as_deref(), act)
            && self.to.as_ref().is_none_or(|t| t.value == *to)
    }
}

fn both<T: PartialEq>(a: Option<&[At<T>]>, b: Option<&[At<T>]>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.iter().any(|x| b.iter().any(|y| x.value == y.value)),
        _ => true,
    }
}
pub(crate) fn holds<T: PartialEq>(list: Option<&[At<T>]>, value: T) -> bool {
    list.is_none_or(|l| l.iter().any(|x| x.value == value))
}

/// The weakest form allowed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Form {
    Plain(Protection),
    /// By private set intersection only: largest set, most matches revealed.
    Psi {
        set: u64,
        reveal: u64,
    },
    /// By noisy counts only: the budget in millionths of epsilon, the unit it protects, the period it is for.
    Dp {
        epsilon: u64,
        unit: Unit,
        period: Period,
    },
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(p) => p.fmt(f),
            Self::Psi { set, reveal } => write!(f, "psi({set}, {reveal})"),
            Self::Dp { epsilon, unit, period } => {
                let fraction = format!("{:06}", epsilon % 1_000_000);
                let fraction = fraction.trim_end_matches('0');
                let dot = if fraction.is_empty() { "" } else { "." };
                write!(f, "dp({}{dot}{fraction}, {unit}, {period})", epsilon / 1_000_000)
            }
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Protect {
    pub scope: Scope,
    pub form: At<Form>,
}

#[derive(Debug, Clone)]
pub(crate) struct HandlingClause {
    pub floor: Tlp,
    pub codes: Vec<HandlingCode>,
    /// The most that receivers may do on what they learn.
    pub actions: Option<IepActions>,
    pub attribution: Option<Attribution>,
    /// The weakest grading that is accepted.
    pub grading: Option<Grading>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OnwardRule {
    None,
    MembersOnly,
    Named(Vec<String>),
    OnConsent,
}

#[derive(Debug, Clone)]
pub(crate) struct Onward {
    pub scope: Scope,
    pub rule: At<OnwardRule>,
}

#[derive(Debug, Clone)]
pub(crate) struct Retain {
    pub scope: Scope,
    pub days: At<u64>,
    pub review: Option<u64>,
    pub proof: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct PlaceClause {
    pub party: At<PartnerId>,
    pub places: Vec<At<Place>>,
    /// On what ground records may be transferred there.
    pub ground: Option<Ground>,
}

#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub agreement: At<AgreementId>,
    pub version: u64,
    pub from: At<Day>,
    pub until: At<Day>,
    /// The text that this one takes the place of.
    pub amends: Option<At<Digest>>,
    /// Days from a notice to the end.
    pub notice: Option<u64>,
    /// Which kinds of clause still bind after the end.
    pub survives: Vec<At<Survives>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Emergency {
    pub roles: Vec<Role>,
    pub categories: Vec<At<Category>>,
    pub purpose: Vec<At<Purpose>>,
    pub to: At<PartnerId>,
    pub members: Members,
    pub hours: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct PowerClause {
    pub party: At<PartnerId>,
    pub members: Members,
    pub instrument: Instrument,
    pub class: Vec<AssetClass>,
    /// `None`: each member in its own place.
    pub places: Option<Vec<Place>>,
    pub lead_minutes: u32,
    pub cost_cents: u64,
    pub purpose: At<Purpose>,
}

#[derive(Debug, Clone)]
pub(crate) struct RecipientClause {
    pub party: At<PartnerId>,
    pub recipients: Vec<RecipientEntry>,
}

#[derive(Debug, Clone)]
pub(crate) struct RecipientEntry {
    pub id: At<String>,
    pub member: Option<At<MemberId>>,
    pub name: String,
    pub by: By,
    pub address: String,
    /// `None`: a member's team where it receives for a member, else nothing that victims are told to.
    pub what: Option<RecipientKind>,
    pub covers: Vec<Covered>,
    pub key: Option<SealingKey>,
}

/// What a recipient is, and so which victims are its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientKind {
    /// An institution: victims at the networks and address blocks that the clause names.
    Institution,
    /// The owner of the networks that the clause names.
    NetworkOwner,
    /// The incident response team of a member's place.
    Csirt,
    /// A member state, where it has no team of its own.
    MemberState,
}

impl RecipientKind {
    const ALL: &'static [Self] = &[Self::Institution, Self::NetworkOwner, Self::Csirt, Self::MemberState];

    /// The word in agreements.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Institution => "institution",
            Self::NetworkOwner => "network-owner",
            Self::Csirt => "csirt",
            Self::MemberState => "member-state",
        }
    }
}

/// How something reaches a recipient that runs no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// By mail, sealed for the recipient.
    SealedMail,
    /// Handed over on a medium.
    Courier,
    /// Fetched from a portal of the partner.
    Portal,
}

impl By {
    const ALL: &'static [Self] = &[Self::SealedMail, Self::Courier, Self::Portal];
    /// The word in the block.
    pub const fn word(self) -> &'static str {
        match self {
            Self::SealedMail => "sealed-mail",
            Self::Courier => "courier",
            Self::Portal => "portal",
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Witness {
    pub witnesses: Vec<At<PartnerId>>,
    pub needed: At<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct OffenceClause {
    pub offences: Vec<OffenceEntry>,
}

#[derive(Debug, Clone)]
pub(crate) struct OffenceEntry {
    pub id: At<String>,
    pub name: String,
    pub statute: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DutyRule {
    ReportBack(u32),
    Pseudonymise,
}

#[derive(Debug, Clone)]
pub(crate) struct DutyClause {
    pub scope: Scope,
    pub rule: DutyRule,
}

/// Reads one block. `None`: something is wrong with it and noted.
pub(crate) fn read(
    table: &DeTable<'_>,
    offset: usize,
    number: Range<usize>,
    problems: &mut Vec<Problem>,
) -> (Option<Kind>, Option<Body>) {
    let before = problems.len();
    let cell = RefCell::new(std::mem::take(problems));
    let result = read_kind(table, offset, number, &cell);
    *problems = cell.into_inner();
    match result {
        Some((kind, body)) => (Some(kind), body.filter(|_| problems.len() == before)),
        None => (None, None),
    }
}

fn read_kind<'a>(
    table: &'a DeTable<'a>,
    offset: usize,
    number: Range<usize>,
    problems: &'a RefCell<Vec<Problem>>,
) -> Option<(Kind, Option<Body>)> {
    let first = Fields::new(table, offset, number, "a clause".into(), problems);
    let word = first.text("kind")?;
    let Some(kind) = Kind::ALL.iter().copied().find(|k| k.word() == word.value) else {
        let words: Vec<&str> = Kind::ALL.iter().map(|k| k.word()).collect();
        first.problem(
            Problem::new("CMT-0111", format!("`{}` is not a kind of clause", shorten(&word.value)))
                .label(
                    word.span,
                    nearest(&word.value, &words)
                        .map_or_else(|| "not in the vocabulary".into(), |w| format!("did you mean `{w}`?")),
                )
                .help(format!("`kind` is one of {}", list(&words))),
        );
        return None;
    };
    let f = Fields::new(table, offset, word.span, format!("a `{kind}` clause"), problems);
    f.has("kind");
    let body = match kind {
        Kind::Party => party(&f).map(Body::Party),
        Kind::Purpose => purpose(&f).map(Body::Purpose),
        Kind::Share => share(&f).map(Body::Share),
        Kind::Protect => protect(&f).map(Body::Protect),
        Kind::Handling => handling(&f).map(Body::Handling),
        Kind::Onward => onward(&f).map(Body::Onward),
        Kind::Retain => retain(&f).map(Body::Retain),
        Kind::Place => place(&f).map(Body::Place),
        Kind::Term => term(&f).map(Body::Term),
        Kind::Emergency => emergency(&f).map(Body::Emergency),
        Kind::Power => power(&f).map(Body::Power),
        Kind::Recipient => recipient(&f).map(Body::Recipient),
        Kind::Witness => witness(&f).map(Body::Witness),
        Kind::Offence => offence(&f).map(Body::Offence),
        Kind::Duty => duty(&f).map(Body::Duty),
    };
    f.finish();
    Some((kind, body))
}

// Each reader asks for every word first, so that one missing word does not hide what else is wrong.

fn party(f: &Fields<'_>) -> Option<Party> {
    let (id, name, key) = (f.parsed("id"), f.text("name"), f.text("key"));
    let (signatory, place) = (f.text("signatory"), f.parsed::<Place>("place"));
    let members = if f.has("members") { f.tables("members", "a member") } else { Some(Vec::new()) };
    let n = members.as_ref().map_or(0, Vec::len);
    let members: Vec<_> = members?.iter().filter_map(member).collect();
    let key = key.and_then(|k| public_key(f, k));
    (members.len() == n).then_some(())?;
    Some(Party {
        id: id?,
        name: name?.value,
        key: key?,
        signatory: signatory?.value,
        place: place?.value,
        members,
    })
}

fn member(f: &Fields<'_>) -> Option<PartyMember> {
    let (id, place, since) = (f.parsed("id"), f.parsed::<Place>("place"), f.day("since"));
    let (name, opted_out) = (f.maybe_text("name"), f.maybe_day("opted-out"));
    f.finish();
    Some(PartyMember {
        id: id?,
        name: name.map(|n| n.value),
        place: place?.value,
        since: since?,
        opted_out: opted_out.ok()?,
    })
}

fn public_key(f: &Fields<'_>, text: At<String>) -> Option<At<VerifyingKey>> {
    let key = (text.value.strip_prefix("ed25519:"))
        .and_then(|b| STANDARD.decode(b).ok())
        .and_then(|b| <[u8; 32]>::try_from(b).ok())
        .and_then(|b| VerifyingKey::from_bytes(&b).ok())
        .filter(|k| !k.is_weak());
    if key.is_none() && !text.value.contains("{{") {
        f.problem(
            Problem::new("CMT-0121", "this is not a public key")
                .label(text.span.clone(), "`ed25519:` and a sound key of 32 bytes in base64 were expected")
                .help("copy the key from `comity doctor` of that party, whole"),
        );
    }
    key.map(|value| At { value, span: text.span })
}

fn purpose(f: &Fields<'_>) -> Option<PurposeClause> {
    let purposes = f.words("purposes", Purpose::ALL, Purpose::word);
    let basis = f.table("basis", "`basis`");
    let basis = basis.map(|b| (b.entries(), b.span));
    let (entries, basis_span) = basis?;
    Some(PurposeClause {
        purposes: purposes?,
        basis: entries.into_iter().map(|(k, v)| (k, v.value)).collect(),
        basis_span,
    })
}

fn members(f: &Fields<'_>) -> Result<Members, Wrong> {
    if !f.has("members") {
        return Ok(Members::None);
    }
    match f.fixed_or_list::<MemberId>("members", "all") {
        Some(None) => Ok(Members::All),
        Some(Some(these)) => Ok(Members::These(these)),
        None => Err(Wrong),
    }
}

fn share(f: &Fields<'_>) -> Option<Share> {
    let (from, to) = (f.parsed("from"), f.parsed("to"));
    let categories = f.words("categories", Category::ALL, Category::word);
    let purpose = f.words("purpose", Purpose::ALL, Purpose::word);
    let act = f.words("act", Act::ALL, Act::word);
    let members = members(f);
    let own = if f.has("concerns") { f.word("concerns", &["own"], |w| w).is_some() } else { false };
    let limits = if f.has("limits") { f.table("limits", "`limits`").map(|l| limits(&l)) } else { None };
    let limits = match limits {
        None => Some(Limits::default()),
        Some(read) => read,
    };
    Some(Share {
        from: from?,
        to: to?,
        categories: categories?,
        purpose: purpose?,
        act: act?,
        members: members.ok()?,
        own,
        limits: limits?,
    })
}

fn limits(f: &Fields<'_>) -> Option<Limits> {
    const MOST: u64 = 1_000_000_000_000;
    let [records, case, month, total] =
        ["records", "per-case", "per-month", "total"].map(|word| f.maybe_number(word, 1, MOST));
    f.finish();
    let [records, case, month, total] = [records.ok()?, case.ok()?, month.ok()?, total.ok()?];
    let mut widest: Option<&At<u64>> = None;
    for cap in [&records, &case, &month, &total].into_iter().flatten() {
        if let Some(before) = widest.filter(|w| w.value > cap.value) {
            f.problem(
                Problem::new("CMT-0127", "a cap that the next wider one never lets be reached")
                    .label(cap.span.clone(), format!("less than {}", before.value))
                    .label(before.span.clone(), "this cap is for less")
                    .help("`records` is at most `per-case`, that at most `per-month`, that at most `total`"),
            );
            return None;
        }
        widest = Some(cap);
    }
    let plain = |cap: Option<At<u64>>| cap.map(|n| n.value);
    Some(Limits { records: plain(records), case: plain(case), month: plain(month), total: plain(total) })
}

fn scope(f: &Fields<'_>) -> Result<Scope, Wrong> {
    let categories = f.maybe_words("categories", Category::ALL, Category::word);
    let purpose = f.maybe_words("purpose", Purpose::ALL, Purpose::word);
    let act = f.maybe_words("act", Act::ALL, Act::word);
    let to = if f.has("to") { f.parsed("to").map(Some).ok_or(Wrong) } else { Ok(None) };
    Ok(Scope { categories: categories?, purpose: purpose?, act: act?, to: to? })
}

fn protect(f: &Fields<'_>) -> Option<Protect> {
    let categories = f.words("categories", Category::ALL, Category::word);
    let (scope, form) = (scope(f), f.text("form"));
    let form = form.and_then(|t| match parse_form(&t.value) {
        Some(value) => Some(At { value, span: t.span }),
        None => {
            f.problem(
                Problem::new("CMT-0116", format!("`{}` is not a form of protection", shorten(&t.value)))
                    .label(t.span, "not in the vocabulary, or a parameter is out of bounds")
                    .help("`form` is `clear`, `token`, `pseudonym`, `aggregate(k)` with k from 2, `never`, `psi(set, reveal)` or `dp(epsilon, unit, period)`"),
            );
            None
        }
    });
    categories?;
    Some(Protect { scope: scope.ok()?, form: form? })
}

fn parse_form(text: &str) -> Option<Form> {
    let plain = |p| Some(Form::Plain(p));
    match text {
        "clear" => return plain(Protection::Clear),
        "token" => return plain(Protection::Token),
        "pseudonym" => return plain(Protection::Pseudonym),
        "never" => return plain(Protection::Never),
        _ => {}
    }
    let (word, rest) = text.split_once('(')?;
    let inside: Vec<&str> = rest.strip_suffix(')')?.split(',').map(str::trim).collect();
    let number = |s: &str| s.parse::<u64>().ok().filter(|n| (1..=1_000_000_000).contains(n));
    match (word, inside.as_slice()) {
        ("aggregate", [k]) => {
            let k = k.parse::<u32>().ok().filter(|k| (2..=1_000_000).contains(k))?;
            plain(Protection::Aggregate(k))
        }
        ("psi", [set, reveal]) => Some(Form::Psi { set: number(set)?, reveal: number(reveal)? }),
        ("dp", [epsilon, unit, period]) => Some(Form::Dp {
            epsilon: millionths(epsilon)?,
            unit: Unit::from_word(unit)?,
            period: Period::from_word(period)?,
        }),
        _ => None,
    }
}

/// A budget above 0 and at most 10, with at most six decimals, in millionths.
fn millionths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 2 || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
        return None;
    }
    if text.contains('.') && fraction.is_empty() {
        return None;
    }
    let n = whole.parse::<u64>().ok()? * 1_000_000 + format!("{fraction:0<6}").parse::<u64>().ok()?;
    (1..=10_000_000).contains(&n).then_some(n)
}

fn handling(f: &Fields<'_>) -> Option<HandlingClause> {
    let floor = f.word("floor", Tlp::ALL, Tlp::word);
    let codes = f.words("codes", HandlingCode::ALL, HandlingCode::word);
    let maybe = |word| f.has(word);
    let actions = maybe("actions").then(|| f.word("actions", IepActions::ALL, IepActions::word));
    let attribution =
        maybe("attribution").then(|| f.word("attribution", Attribution::ALL, Attribution::word));
    let grading = maybe("grading").then(|| f.parsed::<Grading>("grading"));
    // Said and wrong: noted already, and the clause is not read.
    let (actions, attribution) = (actions.map_or(Some(None), |a| a.map(|a| Some(a.value)))?, attribution);
    let attribution = attribution.map_or(Some(None), |a| a.map(|a| Some(a.value)))?;
    Some(HandlingClause {
        floor: floor?.value,
        codes: codes?.into_iter().map(|c| c.value).collect(),
        actions,
        attribution,
        grading: grading.map_or(Some(None), |g| g.map(|g| Some(g.value)))?,
    })
}

fn onward(f: &Fields<'_>) -> Option<Onward> {
    let (scope, rule) = (scope(f), f.word("onward", &["none", "members-only", "named", "on-consent"], |w| w));
    let named = if f.has("named") { f.parsed_list::<PartnerId>("named") } else { Some(Vec::new()) };
    let (rule, named) = (rule?, named?);
    let named: Vec<String> = named.into_iter().map(|n| n.value.as_str().to_owned()).collect();
    let value = match rule.value {
        "none" => OnwardRule::None,
        "members-only" => OnwardRule::MembersOnly,
        "on-consent" => OnwardRule::OnConsent,
        _ => OnwardRule::Named(named.clone()),
    };
    if matches!(value, OnwardRule::Named(_)) == named.is_empty() {
        f.problem(
            Problem::new("CMT-0113", "`onward = \"named\"` and `named = […]` go together")
                .label(rule.span, "only one of the two is given")
                .help("list the partners in `named`, or choose another rule and drop the list"),
        );
        return None;
    }
    Some(Onward { scope: scope.ok()?, rule: At { value, span: rule.span } })
}

fn retain(f: &Fields<'_>) -> Option<Retain> {
    const YEARS: u64 = 36_525;
    let (scope, days) = (scope(f), f.number("days", 1, YEARS));
    let (review, proof) = (f.maybe_number("review", 1, YEARS), f.maybe_number("proof", 1, 365));
    let (days, review, proof) = (days?, review.ok()?, proof.ok()?);
    if let Some(r) = review.as_ref().filter(|r| r.value > days.value) {
        f.problem(
            Problem::new("CMT-0120", "the review comes after the erasure")
                .label(r.span.clone(), format!("later than {} days", days.value))
                .help("review before the records are erased"),
        );
        return None;
    }
    Some(Retain { scope: scope.ok()?, days, review: review.map(|n| n.value), proof: proof.map(|n| n.value) })
}

fn place(f: &Fields<'_>) -> Option<PlaceClause> {
    let (party, places) = (f.parsed("party"), f.parsed_list("places"));
    let ground = f.has("ground").then(|| f.word("ground", Ground::ALL, Ground::word));
    // Said and wrong: noted already, and the clause is not read.
    let ground = ground.map_or(Some(None), |g| g.map(|g| Some(g.value)));
    Some(PlaceClause { party: party?, places: places?, ground: ground? })
}

fn term(f: &Fields<'_>) -> Option<Term> {
    let (agreement, version) = (f.parsed("agreement"), f.number("version", 1, 1_000_000));
    let (from, until) = (f.day("from"), f.day("until"));
    let notice = f.maybe_number("notice-days", 1, 3_650);
    let survives = f.maybe_words("survives", Survives::ALL, Survives::word);
    let amends = if f.has("amends") { f.parsed::<Digest>("amends").map(Some).ok_or(Wrong) } else { Ok(None) };
    let (from, until) = (from?, until?);
    let (notice, survives, amends) = (notice.ok()?, survives.ok()?.unwrap_or_default(), amends.ok()?);
    if until.value < from.value {
        f.problem(
            Problem::new("CMT-0120", "the term ends before it begins")
                .label(until.span, format!("earlier than {}", from.value))
                .help("`until` is the last day on which the agreement holds"),
        );
        return None;
    }
    let version = version?;
    if (version.value > 1) != amends.is_some() {
        f.problem(
            Problem::new("CMT-0113", "`amends` and a `version` above 1 go together")
                .label(amends.map_or(version.span, |a| a.span), "only one of the two is given")
                .help("an amendment has the next `version`, and in `amends` the SHA-256 of the text it takes the place of; `comity agree amend` writes both"),
        );
        return None;
    }
    let notice = notice.map(|n| n.value);
    Some(Term { agreement: agreement?, version: version.value, from, until, amends, notice, survives })
}

fn emergency(f: &Fields<'_>) -> Option<Emergency> {
    let roles = f.words("roles", DECLARING, role_word);
    let categories = f.words("categories", Category::ALL, Category::word);
    let purpose = f.words("purpose", Purpose::ALL, Purpose::word);
    let (to, members, hours) = (f.parsed("to"), members(f), f.number("hours", 1, 168));
    if let Some(role) = roles.as_deref().filter(|r| r.len() != 2).and_then(<[_]>::last) {
        f.problem(
            Problem::new("CMT-0127", "an emergency needs two roles")
                .label(role.span.clone(), "two persons declare it, neither more nor less")
                .help("name two different roles, who declare it together"),
        );
        return None;
    }
    let hours = hours?.value;
    Some(Emergency {
        roles: roles?.into_iter().map(|r| r.value).collect(),
        categories: categories?,
        purpose: purpose?,
        to: to?,
        members: members.ok()?,
        hours: u32::try_from(hours).unwrap_or(u32::MAX),
    })
}

/// Who may declare an emergency.
const DECLARING: &[Role] = &[Role::CaseLead, Role::Counsel, Role::DataProtectionOfficer, Role::Commander];

/// The word of a role in a block, as in JSON.
pub(crate) const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Analyst => "analyst",
        Role::CaseLead => "case-lead",
        Role::Counsel => "counsel",
        Role::DataProtectionOfficer => "data-protection-officer",
        Role::Commander => "commander",
        Role::Auditor => "auditor",
        Role::Operator => "operator",
    }
}

crate::figures::words! {
    /// The ground on which records may be transferred to where they rest (chapter V of Regulation (EU) 2016/679 and of
    /// Directive (EU) 2016/680).
    Ground {
        /// The place protects them adequately, by decision of the authority that says so.
        Adequacy = "adequacy",
        /// Standard clauses or another instrument that the law names.
        AppropriateSafeguards = "appropriate-safeguards",
        /// A treaty or a law on cooperation of police and courts.
        Treaty = "treaty",
        /// The exception of the law for one case, so never for what passes again and again.
        Derogation = "derogation",
    }
}

crate::figures::words! {
    /// What still binds after the end of an agreement. Nothing passes then in any case.
    Survives {
        /// How long records are kept. Without it they are erased at the end of the term at the latest.
        Retain = "retain",
        /// To whom they may be handed on.
        Onward = "onward",
        /// The marks they carry.
        Handling = "handling",
        /// Where they rest.
        Place = "place",
        /// What their receiver owes.
        Duty = "duty",
    }
}

fn power(f: &Fields<'_>) -> Option<PowerClause> {
    let (party, members) = (f.parsed("party"), members(f));
    let instrument = f.word("instrument", Instrument::ALL, Instrument::word);
    let class = f.words("class", AssetClass::ALL, AssetClass::word);
    let places = f.fixed_or_list::<Place>("places", "own");
    let (lead, cost) = (f.number("lead-minutes", 0, 5_256_000), f.number("cost-cents", 0, 1_000_000_000_000));
    let purpose = f.word("purpose", Purpose::ALL, Purpose::word);
    let (lead, cost) = (lead?.value, cost?.value);
    Some(PowerClause {
        party: party?,
        members: members.ok()?,
        instrument: instrument?.value,
        class: class?.into_iter().map(|c| c.value).collect(),
        places: places?.map(|p| p.into_iter().map(|p| p.value).collect()),
        lead_minutes: u32::try_from(lead).unwrap_or(u32::MAX),
        cost_cents: cost,
        purpose: purpose?,
    })
}

fn recipient(f: &Fields<'_>) -> Option<RecipientClause> {
    let party = f.parsed("party");
    let tables = f.tables("recipients", "a recipient")?;
    let recipients: Vec<_> = tables.iter().filter_map(recipient_entry).collect();
    (recipients.len() == tables.len()).then_some(())?;
    Some(RecipientClause { party: party?, recipients })
}

fn recipient_entry(f: &Fields<'_>) -> Option<RecipientEntry> {
    let (id, name) = (f.parsed::<MemberId>("id"), f.text("name"));
    let (by, address) = (f.word("by", By::ALL, By::word), f.text("address"));
    let member = if f.has("member") { f.parsed("member").map(Some) } else { Some(None) };
    let what = if f.has("kind") {
        f.word("kind", RecipientKind::ALL, RecipientKind::word).map(|w| Some(w.value))
    } else {
        Some(None)
    };
    let covers = if f.has("covers") { f.parsed_list::<Covered>("covers") } else { Some(Vec::new()) };
    let key = if f.has("key") { f.parsed::<SealingKey>("key").map(Some) } else { Some(None) };
    f.finish();
    let id = id?;
    Some(RecipientEntry {
        id: At { value: id.value.as_str().to_owned(), span: id.span },
        member: member?,
        name: name?.value,
        by: by?.value,
        address: address?.value,
        what: what?,
        covers: covers?.into_iter().map(|c| c.value).collect(),
        key: key?.map(|k| k.value),
    })
}

fn witness(f: &Fields<'_>) -> Option<Witness> {
    let (witnesses, needed) = (f.parsed_list("witnesses"), f.number("needed", 1, 64));
    Some(Witness { witnesses: witnesses?, needed: needed? })
}

fn offence(f: &Fields<'_>) -> Option<OffenceClause> {
    let tables = f.tables("offences", "an offence")?;
    let offences: Vec<_> = tables.iter().filter_map(offence_entry).collect();
    (offences.len() == tables.len()).then_some(OffenceClause { offences })
}

/// What the pursuit of opinion calls itself.
const POLITICAL: &[&str] = &[
    "political",
    "treason",
    "sedition",
    "subversion",
    "lese-majeste",
    "insult-of-the-state",
    "propaganda",
    "dissent",
    "blasphemy",
    "apostasy",
];

fn offence_entry(f: &Fields<'_>) -> Option<OffenceEntry> {
    let (id, name, statute) = (f.parsed::<MemberId>("id"), f.text("name"), f.text("statute"));
    f.finish();
    let id = id?;
    let named = name.as_ref().filter(|n| {
        let spoken = n.value.to_lowercase();
        POLITICAL.iter().any(|w| spoken.contains(&w.replace('-', " ")))
    });
    let span = POLITICAL.iter().any(|w| id.value.as_str().contains(w)).then(|| id.span.clone());
    if let Some(span) = span.or_else(|| named.map(|n| n.span.clone())) {
        f.problem(
            Problem::new("CMT-0130", "a political offence")
                .label(span, "never the subject of this cooperation")
                .help("take it out: no agreement may serve the pursuit of political offences"),
        );
        return None;
    }
    Some(OffenceEntry {
        id: At { value: id.value.as_str().to_owned(), span: id.span },
        name: name?.value,
        statute: statute?.value,
    })
}

fn duty(f: &Fields<'_>) -> Option<DutyClause> {
    let (scope, duty) = (scope(f), f.word("duty", &["report-back", "pseudonymise"], |w| w));
    let hours = f.maybe_number("hours", 1, 87_600);
    let (duty, hours) = (duty?, hours.ok()?);
    let rule = match (duty.value, &hours) {
        ("report-back", Some(h)) => DutyRule::ReportBack(u32::try_from(h.value).unwrap_or(u32::MAX)),
        ("pseudonymise", None) => DutyRule::Pseudonymise,
        _ => {
            f.problem(
                Problem::new("CMT-0113", "`duty = \"report-back\"` and `hours` go together")
                    .label(duty.span, "only one of the two is given")
                    .help("give `hours` to report back within; `pseudonymise` has none"),
            );
            return None;
        }
    };
    Some(DutyClause { scope: scope.ok()?, rule })
}
