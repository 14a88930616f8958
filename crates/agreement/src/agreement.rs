//! The agreement as read: its clauses, parties, members, powers, recipients and offences.
//!
//! Here: [`parse`] and plain questions to the text. Elsewhere: rules between clauses (`check`), what the text lets
//! pass (`policy`, `agreements`), who signed it (`signature`).

use crate::{
    By, Covered, Diagnostics, Kind, RecipientKind, Survives, check,
    clause::{self, Body, Members, Party, PartyMember},
    diagnostics::Problem,
    fields::At,
    text,
};
use ed25519_dalek::VerifyingKey;
use serde::Serialize;
use std::collections::BTreeSet;
use terms::{
    AgreementId, AssetClass, Category, ClauseId, Digest, Instrument, MemberId, PartnerId, Place, Purpose,
    Timestamp,
};
use toml::de::DeTable;

/// One clause as read.
#[derive(Debug, Clone)]
pub struct Clause {
    pub(crate) number: String,
    pub(crate) number_span: std::ops::Range<usize>,
    title: String,
    prose: String,
    block: String,
    pub(crate) body: Body,
}

impl Clause {
    /// Its number as printed (`3.1`).
    pub fn number(&self) -> &str {
        &self.number
    }
    /// Its heading without the number.
    pub fn title(&self) -> &str {
        &self.title
    }
    /// Its prose, lines joined.
    pub fn prose(&self) -> &str {
        &self.prose
    }
    /// The TOML between its fences.
    pub fn block(&self) -> &str {
        &self.block
    }
    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.body.kind()
    }
}

/// A text that was read without a problem. It holds nothing that is not in the text; who signed it is
/// [`SignedAgreement`](crate::SignedAgreement)'s.
#[derive(Debug, Clone)]
pub struct Agreement {
    id: AgreementId,
    version: u64,
    title: String,
    text: String,
    digest: Digest,
    from: Timestamp,
    end: Timestamp,
    clauses: Vec<Clause>,
}

/// A state or institution of a party, as the text and the date have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its id (`de`).
    pub id: MemberId,
    /// Its name, where the text gives one.
    pub name: Option<String>,
    /// Where it is.
    pub place: Place,
    /// From when it belongs to the agreement.
    pub since: Timestamp,
    /// From when it receives nothing any more.
    pub opted_out: Option<Timestamp>,
    /// Whether it has acceded and not opted out at the time asked about.
    pub active: bool,
}

/// What a partner can do under an agreement once an authority lets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Power {
    /// The clause that grants it.
    pub clause: ClauseId,
    /// Whose it is.
    pub partner: PartnerId,
    /// Which member of the partner acts; `None`: the partner itself.
    pub member: Option<MemberId>,
    /// What is done.
    pub instrument: Instrument,
    /// To what.
    pub class: AssetClass,
    /// Where the asset must stand.
    pub places: Vec<Place>,
    /// Minutes from the order to the effect.
    pub lead_minutes: u32,
    /// What it costs, in cents.
    pub cost_cents: u64,
    /// What for.
    pub purpose: Purpose,
}

/// Who gets something without running a node. A person hands in the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recipient {
    /// The clause that names it.
    pub clause: ClauseId,
    /// Through which partner it belongs here.
    pub partner: PartnerId,
    /// For which member it receives.
    pub member: Option<MemberId>,
    /// Its id (`csirt-ar`).
    pub id: String,
    /// Its name.
    pub name: String,
    /// How something reaches it.
    pub by: By,
    /// Where.
    pub address: String,
    /// What it is, and so which victims are its own; none: no victims are told to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<RecipientKind>,
    /// Networks and address blocks that are its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<Covered>,
    /// The key that mail to it is sealed with (`age1…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Who cosigns the ledgers of both parties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WitnessRule {
    /// The clause that says so.
    pub clause: ClauseId,
    /// The witnesses.
    pub witnesses: Vec<PartnerId>,
    /// How many of them are needed at least.
    pub needed: usize,
}

/// What a cooperation is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offence {
    /// The clause that names it.
    pub clause: ClauseId,
    /// Its id (`computer-sabotage`).
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where the law says so.
    pub statute: String,
}

/// Something that is written, read and kept, and has no effect yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WithoutEffect {
    /// The clause.
    pub clause: ClauseId,
    /// The word, or the whole kind.
    pub word: String,
    /// Why, in one sentence.
    pub reason: &'static str,
}

/// Reads an agreement. `name` is what messages call it (a file name).
///
/// # Errors
/// Everything that is wrong with the text, codes CMT-0101 to CMT-0199. No part of a wrong text is ever used.
pub fn parse(name: &str, text: &str) -> Result<Agreement, Diagnostics> {
    // Bounded before it is copied.
    if text.len() > text::MAX_TEXT + 3 {
        let mut problems = Vec::new();
        text::divide(text, &mut problems);
        return Err(Diagnostics::new(name, "", problems));
    }
    let text = text::canonical(text);
    let mut problems = Vec::new();
    let (title, raw) = text::divide(&text, &mut problems);
    // A kind with a broken clause is not judged by what is missing from it.
    let mut broken: BTreeSet<Option<Kind>> = BTreeSet::new();
    if !problems.is_empty() {
        broken.insert(None);
    }
    let mut clauses = Vec::new();
    for clause in raw {
        let block = text.get(clause.block.clone()).unwrap_or("");
        let (table, errors) = DeTable::parse_recoverable(block);
        if !errors.is_empty() {
            problems.extend(errors.iter().map(|e| toml_problem(e, block, clause.block.start)));
            broken.insert(None);
            continue;
        }
        match clause::read(table.get_ref(), clause.block.start, clause.number_span.clone(), &mut problems) {
            (_, Some(body)) => clauses.push(Clause {
                number: clause.number,
                number_span: clause.number_span,
                title: clause.title,
                prose: clause.prose,
                block: block.to_owned(),
                body,
            }),
            (kind, None) => {
                broken.insert(kind);
            }
        }
    }
    check::check(&text, &clauses, &broken, &mut problems);
    let term = clauses.iter().find_map(|c| if let Body::Term(t) = &c.body { Some(t) } else { None });
    match term {
        Some(term) if problems.is_empty() => Ok(Agreement {
            id: term.agreement.value.clone(),
            version: term.version,
            title,
            from: term.from.value.start(),
            end: term.until.value.plus(1).start(),
            clauses,
            digest: Digest::of(text.as_bytes()),
            text,
        }),
        _ => Err(Diagnostics::new(name, &text, problems)),
    }
}

/// The text of an amendment to begin with: the same text with the next number, the SHA-256 of the former, and its first
/// day. `None` where its term is not written one word a line.
pub fn amendment(former: &Agreement, from: terms::Day) -> Option<String> {
    let term = former.clauses.iter().find(|c| c.kind() == Kind::Term)?;
    let mut block = String::new();
    for line in term.block.lines() {
        match line.split('=').next().map(str::trim) {
            Some("amends") => continue,
            Some("version") => {
                let (number, digest) = (former.version + 1, former.version());
                block.push_str(&format!("version = {number}\namends = \"{digest}\"\n"));
            }
            Some("from") => block.push_str(&format!("from = {from}\n")),
            _ => block.push_str(&format!("{line}\n")),
        }
    }
    let text = former.text.replacen(&term.block, &block, 1);
    let read = parse("amendment", &text).ok()?;
    (read.amends() == Some(former.version()) && read.from == from.start()).then_some(text)
}

fn toml_problem(e: &toml::de::Error, block: &str, offset: usize) -> Problem {
    let span = e.span().unwrap_or(0..block.len().min(1));
    let message = e.message().lines().next().unwrap_or("not TOML").to_owned();
    Problem::new("CMT-0110", "the block cannot be read")
        .label(span.start + offset..span.end + offset, message)
        .help("a block is TOML: `word = \"text\"`, `word = [\"one\", \"two\"]`, `word = 30`, `word = 2026-01-15`")
}

impl Agreement {
    /// Its id, as its `term` clause says.
    pub fn id(&self) -> &AgreementId {
        &self.id
    }
    /// The number of its version, as its `term` clause says.
    pub fn number(&self) -> u64 {
        self.version
    }
    /// Its heading.
    pub fn title(&self) -> &str {
        &self.title
    }
    /// The canonical text: what is hashed and signed.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The SHA-256 of the canonical text, which names this version.
    pub fn version(&self) -> Digest {
        self.digest
    }
    /// Its clauses in the order of the text.
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }
    /// The clause with this number.
    pub fn clause(&self, number: &str) -> Option<&Clause> {
        self.clauses.iter().find(|c| c.number == number)
    }
    /// When its term begins, and the first instant after it.
    pub fn term(&self) -> (Timestamp, Timestamp) {
        (self.from, self.end)
    }

    /// The same with one more clause that no check saw: what a clause adds, whatever else the text says.
    #[cfg(test)]
    pub(crate) fn with_unchecked(mut self, number: &str, block: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let (table, _) = DeTable::parse_recoverable(block);
        let (_, body) = clause::read(table.get_ref(), 0, 0..0, &mut problems);
        let Some(body) = body else { return Err(problems) };
        self.clauses.push(Clause {
            number: number.to_owned(),
            number_span: 0..0,
            title: "Added".to_owned(),
            prose: "Added.".to_owned(),
            block: block.to_owned(),
            body,
        });
        Ok(self)
    }

    pub(crate) fn clause_id(&self, number: &str) -> ClauseId {
        ClauseId { agreement: self.id.clone(), number: number.to_owned() }
    }
    pub(crate) fn bodies(&self) -> impl Iterator<Item = (&Clause, &Body)> {
        self.clauses.iter().map(|c| (c, &c.body))
    }
    pub(crate) fn party(&self, id: &PartnerId) -> Option<&Party> {
        self.bodies().find_map(|(_, b)| match b {
            Body::Party(p) if p.id.value == *id => Some(p),
            _ => None,
        })
    }

    /// The two parties.
    pub fn parties(&self) -> Vec<&PartnerId> {
        self.bodies()
            .filter_map(|(_, b)| if let Body::Party(p) = b { Some(&p.id.value) } else { None })
            .collect()
    }
    /// The legal name of a party, and its signatory.
    pub fn party_name(&self, id: &PartnerId) -> Option<(&str, &str)> {
        self.party(id).map(|p| (p.name.as_str(), p.signatory.as_str()))
    }
    /// Days for which victims' addresses may be kept for their notification; none where no clause has them received for it,
    /// or none says how long.
    pub fn notification_days(&self) -> Option<u64> {
        let meant = |p: &At<Purpose>| p.value == Purpose::VictimNotification;
        let addresses = |c: &At<Category>| c.value == Category::VictimIp;
        let received = |b: &Body| matches!(b, Body::Share(s) if s.purpose.iter().any(meant) && s.categories.iter().any(addresses));
        self.bodies().find(|(_, b)| received(b))?;
        let kept = |b: &Body| match b {
            Body::Retain(r) => {
                let purpose = r.scope.purpose.as_ref().is_none_or(|p| p.iter().any(meant));
                let category = r.scope.categories.as_ref().is_none_or(|c| c.iter().any(addresses));
                (purpose && category).then_some(r.days.value)
            }
            _ => None,
        };
        self.bodies().filter_map(|(_, b)| kept(b)).min()
    }
    /// The organisation key of a party.
    pub fn key(&self, id: &PartnerId) -> Option<VerifyingKey> {
        self.party(id).map(|p| p.key.value)
    }
    /// Days from a notice to the end, where the text asks for a notice.
    pub fn notice_days(&self) -> Option<u64> {
        self.term_clause().and_then(|t| t.notice)
    }
    /// The version that this text takes the place of: the SHA-256 of its canonical text.
    pub fn amends(&self) -> Option<Digest> {
        self.term_clause().and_then(|t| t.amends.as_ref()).map(|a| a.value)
    }
    /// What still binds after the end.
    pub fn survives(&self) -> Vec<Survives> {
        self.term_clause().map(|t| t.survives.iter().map(|s| s.value).collect()).unwrap_or_default()
    }
    /// Who cosigns the ledgers, and how many of them are needed.
    pub fn witnesses(&self) -> Vec<WitnessRule> {
        (self.bodies())
            .filter_map(|(c, b)| match b {
                Body::Witness(w) => Some(WitnessRule {
                    clause: self.clause_id(&c.number),
                    witnesses: w.witnesses.iter().map(|w| w.value.clone()).collect(),
                    needed: usize::try_from(w.needed.value).unwrap_or(usize::MAX),
                }),
                _ => None,
            })
            .collect()
    }
    fn term_clause(&self) -> Option<&clause::Term> {
        self.bodies().find_map(|(_, b)| if let Body::Term(t) = b { Some(t) } else { None })
    }
    /// The seat of a party.
    pub fn seat(&self, id: &PartnerId) -> Option<Place> {
        self.party(id).map(|p| p.place)
    }
    /// The members of a party, also those that have not acceded yet or opted out (`active` tells at `now`).
    pub fn members(&self, id: &PartnerId, now: Timestamp) -> Vec<Member> {
        self.party(id).map(|p| p.members.iter().map(|m| member(m, now)).collect()).unwrap_or_default()
    }

    /// What `partner` can do under this agreement once an authority lets it: one entry for each member, instrument
    /// and class. Members that have not acceded at `now`, or opted out, have none.
    pub fn powers(&self, partner: &PartnerId, now: Timestamp) -> Vec<Power> {
        self.powers_of(partner, &self.members(partner, now))
    }

    pub(crate) fn powers_of(&self, partner: &PartnerId, known: &[Member]) -> Vec<Power> {
        let mut out = Vec::new();
        for (clause, body) in self.bodies() {
            let Body::Power(p) = body else { continue };
            if p.party.value != *partner {
                continue;
            }
            let seat = self.seat(partner);
            for (member, own) in acting(known, &p.members) {
                let places = match &p.places {
                    Some(places) => places.clone(),
                    None => own.or(seat).into_iter().collect(),
                };
                out.extend(p.class.iter().map(|class| Power {
                    clause: self.clause_id(&clause.number),
                    partner: partner.clone(),
                    member: member.clone(),
                    instrument: p.instrument,
                    class: *class,
                    places: places.clone(),
                    lead_minutes: p.lead_minutes,
                    cost_cents: p.cost_cents,
                    purpose: p.purpose.value,
                }));
            }
        }
        out
    }

    /// Who gets something without running a node.
    pub fn recipients(&self) -> Vec<Recipient> {
        let mut out = Vec::new();
        for (clause, body) in self.bodies() {
            let Body::Recipient(r) = body else { continue };
            out.extend(r.recipients.iter().map(|e| Recipient {
                clause: self.clause_id(&clause.number),
                partner: r.party.value.clone(),
                member: e.member.as_ref().map(|m| m.value.clone()),
                id: e.id.value.clone(),
                name: e.name.clone(),
                by: e.by,
                address: e.address.clone(),
                kind: e.what.or_else(|| e.member.is_some().then_some(RecipientKind::Csirt)),
                covers: e.covers.clone(),
                key: e.key.as_ref().map(|k| k.0.clone()),
            }));
        }
        out
    }

    /// What this cooperation is for.
    pub fn offences(&self) -> Vec<Offence> {
        let mut out = Vec::new();
        for (clause, body) in self.bodies() {
            let Body::Offence(o) = body else { continue };
            out.extend(o.offences.iter().map(|e| Offence {
                clause: self.clause_id(&clause.number),
                id: e.id.value.clone(),
                name: e.name.clone(),
                statute: e.statute.clone(),
            }));
        }
        out
    }

    /// What is written, read and kept, and has no effect yet, so that nobody relies on it: at present nothing.
    pub fn without_effect(&self) -> Vec<WithoutEffect> {
        Vec::new()
    }
}

/// The members that a clause means and that are active, each with its place; the partner itself as `None`.
fn acting(known: &[Member], members: &Members) -> Vec<(Option<MemberId>, Option<Place>)> {
    let named = |id: &MemberId| match members {
        Members::None => false,
        Members::All => true,
        Members::These(these) => these.iter().any(|t| t.value == *id),
    };
    if matches!(members, Members::None) {
        return vec![(None, None)];
    }
    let active = known.iter().filter(|m| m.active && named(&m.id));
    active.map(|m| (Some(m.id.clone()), Some(m.place))).collect()
}

fn member(m: &PartyMember, now: Timestamp) -> Member {
    let since = m.since.value.start();
    let opted_out = m.opted_out.as_ref().map(|d| d.value.start());
    let active = since <= now && opted_out.is_none_or(|t| now < t);
    Member { id: m.id.value.clone(), name: m.name.clone(), place: m.place, since, opted_out, active }
}
