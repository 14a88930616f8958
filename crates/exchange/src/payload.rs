//! What crosses a border: `comity.payload/1`.
//!
//! Here: the payload, its one canonical spelling, and the request for a ruling that follows from it, the same on both
//! sides. Elsewhere: protection of the records (`privacy`), sealing ([`crate::release`]).
//! Bounds: 64 MiB in canonical form, 10,000 items, names of 200 characters.

use crate::ExchangeError;
use crate::matching::{self, Match, Step};
use agreement::{Act, Budget, Extent, Matching, Request};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use terms::{
    CaseId, Category, Digest, ExhibitId, Handling, Label, MemberId, Obtained, PartnerId, Place, Protection,
    Purpose,
};

/// The schema of a payload.
pub const SCHEMA: &str = "comity.payload/1";
/// Largest payload in its canonical form, in bytes.
pub const MAX_PAYLOAD: usize = 64 << 20;
/// Most items of one payload.
pub const MAX_ITEMS: usize = 10_000;
const MAX_NAME: usize = 200;

/// What crosses in one release, with everything a ruling looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// Always `comity.payload/1`.
    pub schema: String,
    /// Who gives.
    pub from: PartnerId,
    /// Who gets.
    pub to: PartnerId,
    /// The member of `to` for whom it is meant.
    pub member: Option<MemberId>,
    /// What is done; `reshare` where the records were another partner's first.
    pub act: Act,
    /// What for.
    pub purpose: Purpose,
    /// The case it belongs to.
    pub case: Option<CaseId>,
    /// The strictest marks on any item.
    pub handling: Handling,
    /// Whose records they were first; `None`: the giver's own.
    pub origin: Option<PartnerId>,
    /// Places of the persons the records concern; empty: not known.
    pub concerns: BTreeSet<Place>,
    /// The exhibit with the provider's written consent, where a handling code asks for it.
    pub consent: Option<ExhibitId>,
    /// What noisy counts cost, as the giver's odometer says; only where the act is `dp-count`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// What a step of a private match declares; its one item is the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<Match>,
    /// What the records span; only where an order compels them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
    /// What crosses.
    pub items: Vec<Item>,
}

/// One file of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// A file name: letters, digits, `-`, `_`, `.`, not beginning with a dot; 1 to 200 characters, once in a payload.
    pub name: String,
    /// Its media type (RFC 6838).
    pub media_type: String,
    /// Every category its records have; empty counts as the strictest.
    pub categories: BTreeSet<Category>,
    /// The form in which its records are.
    pub protection: Protection,
    /// How it was obtained.
    pub obtained: Obtained,
    /// How many records it holds, at least 1.
    pub records: u64,
    /// Its bytes; base64 (RFC 4648 section 4) in JSON.
    #[serde(with = "crate::encoding")]
    pub bytes: Vec<u8>,
    /// At the giver: who says that it is of these categories. It does not cross: what the getter
    /// knows is that the giver states the categories.
    #[serde(skip)]
    pub labels: Vec<Label>,
}

impl Payload {
    /// A payload without items, for nobody's member, case or origin in particular.
    pub fn new(from: PartnerId, to: PartnerId, purpose: Purpose, handling: Handling) -> Self {
        Self {
            schema: SCHEMA.into(),
            from,
            to,
            member: None,
            act: Act::Receive,
            purpose,
            case: None,
            handling,
            origin: None,
            concerns: BTreeSet::new(),
            consent: None,
            budget: None,
            matching: None,
            extent: None,
            items: Vec::new(),
        }
    }

    /// The one spelling of this payload: compact JSON, members in the order of the fields. The digest of these bytes is
    /// what a ruling binds.
    ///
    /// # Errors
    /// CMT-0910 for a payload that breaks a bound.
    pub fn canonical(&self) -> Result<Vec<u8>, ExchangeError> {
        self.check()?;
        let bytes = serde_json::to_vec(self).map_err(|e| refused(e.to_string()))?;
        if bytes.len() > MAX_PAYLOAD {
            return Err(refused("it is larger than 64 MiB; release it in parts".into()));
        }
        Ok(bytes)
    }

    /// Reads a payload in its canonical spelling.
    ///
    /// # Errors
    /// CMT-0910 for anything else, also for another spelling of the same payload.
    pub fn parse(bytes: &[u8]) -> Result<Self, ExchangeError> {
        if bytes.len() > MAX_PAYLOAD {
            return Err(refused("it is larger than 64 MiB".into()));
        }
        let payload: Self =
            serde_json::from_slice(bytes).map_err(|e| refused(format!("it does not read ({e})")))?;
        if payload.canonical()? != bytes {
            return Err(refused("it is not written in the one allowed spelling".into()));
        }
        Ok(payload)
    }

    fn check(&self) -> Result<(), ExchangeError> {
        if self.schema != SCHEMA {
            return Err(refused(format!("its schema is not `{SCHEMA}`")));
        }
        if self.from == self.to {
            return Err(refused("giver and getter are the same partner".into()));
        }
        if self.items.is_empty() || self.items.len() > MAX_ITEMS {
            return Err(refused("it needs 1 to 10,000 items".into()));
        }
        if let Some(m) = &self.matching {
            self.check_match(m)?;
        }
        let mut names = HashSet::new();
        for item in &self.items {
            item.check()?;
            if !names.insert(item.name.as_str()) {
                return Err(refused(format!("two items are called `{}`", item.name)));
            }
        }
        Ok(())
    }

    fn check_match(&self, m: &Match) -> Result<(), ExchangeError> {
        let one = matches!(self.items.as_slice(), [i] if i.media_type == matching::MEDIA_TYPE && i.records == m.set);
        let why = m.wrong().or_else(|| {
            if self.act != Act::PsiMatch || self.case.is_none() || self.member.is_some() {
                Some("a step of a match is a `psi-match` for a case, between partners")
            } else if !one {
                Some("a step of a match has one item, its message, of as many records as items are asked")
            } else {
                None
            }
        });
        why.map_or(Ok(()), |why| Err(refused(why.into())))
    }

    /// The request for a ruling on this payload, whose canonical bytes have the digest `bytes`. Of several items with
    /// one category the weakest form counts; an item without a category counts as `victim-identity`. What passed before
    /// is for the caller to say.
    pub fn request(&self, bytes: Digest) -> Request {
        let mut forms: BTreeMap<Category, Protection> = BTreeMap::new();
        for item in &self.items {
            for category in item.counted_categories() {
                let form = item.counted_form();
                forms.entry(category).and_modify(|f| *f = form.min(*f)).or_insert(form);
            }
        }
        let mut request =
            Request::new(self.from.clone(), self.to.clone(), self.act, self.purpose, self.handling, bytes);
        request.member = self.member.clone();
        request.categories = forms.keys().copied().collect();
        request.protection = forms;
        for label in self.items.iter().flat_map(|i| &i.labels) {
            request = request.labelled(label);
        }
        request.origin = self.origin.clone();
        request.concerns = self.concerns.clone();
        request.consent = self.consent;
        request.budget = self.budget;
        request.case = self.case.clone();
        if let Some(m) = &self.matching {
            request.reason = Some(m.reason.clone());
            request.matching = Some(Matching { set: m.set, reveal: m.reveal });
            if m.step == Step::Question {
                // What may come of it is told by the holder to the asker.
                std::mem::swap(&mut request.from, &mut request.to);
            }
        }
        request.records = self.items.iter().fold(0, |n, item| n.saturating_add(item.records));
        request
    }
}

impl Item {
    /// The same item, of these categories besides its own, as this label says.
    #[must_use]
    pub fn labelled(mut self, label: Label) -> Self {
        self.categories.extend(&label.categories);
        self.labels.push(label);
        self
    }

    fn check(&self) -> Result<(), ExchangeError> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let fits = (1..=MAX_NAME).contains(&self.name.len());
        if !fits || !self.name.chars().all(good) || self.name.starts_with('.') {
            let shown: String = self.name.chars().take(80).collect();
            return Err(refused(format!("`{}` is no name for an item", shown.escape_debug())));
        }
        let name = &self.name;
        let halves = self.media_type.split_once('/');
        let half = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
        if self.media_type.len() > 127 || !halves.is_some_and(|(a, b)| half(a) && half(b)) {
            return Err(refused(format!("the item `{name}` has no media type")));
        }
        if self.records == 0 {
            return Err(refused(format!("the item `{name}` says that it holds no record")));
        }
        Ok(())
    }

    fn counted_categories(&self) -> BTreeSet<Category> {
        if self.categories.is_empty() {
            BTreeSet::from([Category::STRICTEST])
        } else {
            self.categories.clone()
        }
    }

    /// The form a ruling counts with: what protects nothing is clear.
    fn counted_form(&self) -> Protection {
        match self.protection {
            Protection::Never | Protection::Aggregate(0 | 1) => Protection::Clear,
            form => form,
        }
    }
}

fn refused(why: String) -> ExchangeError {
    ExchangeError::Payload { why }
}
