//! Compulsion: an order that has to be obeyed without an agreement, as its document says (`comity.compulsion/1`).
//!
//! Here: reading the document and its scope: whose records of what kind, place, time and target it compels, from whom, for
//! whom. Elsewhere: the two persons' approval and the permit (`compel`), where the document is kept (`comity`).
//! An order is read narrowly: what it does not name it does not compel, and what is not known of the records lies outside.
//! Bounds: 256 KiB, 15 categories, 300 places, 10,000 targets of 256 characters.

use crate::{Act, Denial, Prohibition, Request, compel::refuse};
use miette::Diagnostic;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};
use terms::{Category, Digest, MemberId, PartnerId, Place, Purpose, Timestamp};

/// Largest document in bytes.
pub const MAX_COMPULSION: usize = 256 << 10;
/// The schema of the document.
pub const COMPULSION_SCHEMA: &str = "comity.compulsion/1";
const MAX_TARGETS: usize = 10_000;
const MAX_PLACES: usize = 300;
/// Longest term for which an order may have the records kept, in days.
const MAX_DAYS: u32 = 36_500;

/// The legal instrument by which an order compels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compelling {
    /// An order to produce records.
    ProductionOrder,
    /// A warrant to search for records.
    SearchWarrant,
    /// A summons to bring records before a court.
    Subpoena,
    /// A demand that a statute lets an authority make by itself.
    StatutoryDemand,
}

impl Compelling {
    /// The word used in documents and on the ledger.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ProductionOrder => "production-order",
            Self::SearchWarrant => "search-warrant",
            Self::Subpoena => "subpoena",
            Self::StatutoryDemand => "statutory-demand",
        }
    }
}

impl fmt::Display for Compelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A stretch of time in which something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPeriod {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

impl DataPeriod {
    /// Whether all of `other` lies in it.
    pub fn holds(&self, other: &Self) -> bool {
        self.from <= other.from && other.until <= self.until
    }
}

impl fmt::Display for DataPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.until)
    }
}

/// What the records span, beside what a [`Request`] states of them. What is left out is not known, and lies outside
/// every limit that an order sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// The time in which all of the records were made.
    pub period: Option<DataPeriod>,
    /// The targets they are about, every one.
    pub targets: BTreeSet<String>,
}

/// The document as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Document {
    schema: String,
    id: String,
    issuer: String,
    instrument: Compelling,
    offence: String,
    addressee: PartnerId,
    to: PartnerId,
    #[serde(default)]
    member: Option<MemberId>,
    purpose: Purpose,
    categories: BTreeSet<Category>,
    places: BTreeSet<Place>,
    #[serde(default)]
    period: Option<DataPeriod>,
    #[serde(default)]
    targets: BTreeSet<String>,
    #[serde(default)]
    served: Option<Timestamp>,
    from: Timestamp,
    until: Timestamp,
    #[serde(default)]
    gag: Option<Timestamp>,
    #[serde(default)]
    report_back_hours: Option<u32>,
    #[serde(default)]
    retain_days: Option<u32>,
}

/// Why a document compels nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
#[error("the document compels nothing: {why}")]
#[diagnostic(
    code("CMT-0250"),
    help("compare it with `docs/compulsion.md`; counsel has its issuer mend it, or enters it anew")
)]
pub struct CompulsionError {
    /// What is wrong, in words.
    pub why: String,
}

/// An order that compels: the words of its document, and the SHA-256 by which that document is an exhibit. Only
/// [`Compulsion::parse`] makes one, so that nothing is compelled that stands in no document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compulsion {
    doc: Document,
    authority: Digest,
}

impl Compulsion {
    /// Reads the document of an order.
    ///
    /// # Errors
    /// CMT-0250 for anything but one whole document that names who is compelled, for whom, what, where and until when.
    pub fn parse(bytes: &[u8]) -> Result<Self, CompulsionError> {
        let wrong = |why: String| Err(CompulsionError { why });
        if bytes.len() > MAX_COMPULSION {
            return wrong("it is larger than 256 KiB".into());
        }
        let doc: Document = match serde_json::from_slice(bytes) {
            Ok(doc) => doc,
            Err(e) => return wrong(format!("it does not read ({e})")),
        };
        match doc.nonsense() {
            Some(why) => wrong(why.into()),
            None => Ok(Self { doc, authority: Digest::of(bytes) }),
        }
    }

    /// The SHA-256 of the document: the exhibit on which everything done under it rests.
    pub fn authority(&self) -> Digest {
        self.authority
    }
    /// Its own number, as its issuer files it.
    pub fn id(&self) -> &str {
        &self.doc.id
    }
    /// Who issued it.
    pub fn issuer(&self) -> &str {
        &self.doc.issuer
    }
    /// By what instrument it compels.
    pub fn instrument(&self) -> Compelling {
        self.doc.instrument
    }
    /// For what offence.
    pub fn offence(&self) -> &str {
        &self.doc.offence
    }
    /// Who is compelled.
    pub fn addressee(&self) -> &PartnerId {
        &self.doc.addressee
    }
    /// Who gets the records.
    pub fn to(&self) -> &PartnerId {
        &self.doc.to
    }
    /// For which member of who gets them.
    pub fn member(&self) -> Option<&MemberId> {
        self.doc.member.as_ref()
    }
    /// What for.
    pub fn purpose(&self) -> Purpose {
        self.doc.purpose
    }
    /// The categories it names.
    pub fn categories(&self) -> &BTreeSet<Category> {
        &self.doc.categories
    }
    /// The places whose people it concerns.
    pub fn places(&self) -> &BTreeSet<Place> {
        &self.doc.places
    }
    /// The time in which the records were made; `None` where it sets no limit.
    pub fn period(&self) -> Option<DataPeriod> {
        self.doc.period
    }
    /// What the records are about; empty where it sets no limit.
    pub fn targets(&self) -> &BTreeSet<String> {
        &self.doc.targets
    }
    /// When it was served; `None` while it is not.
    pub fn served(&self) -> Option<Timestamp> {
        self.doc.served
    }
    /// From when it holds.
    pub fn from(&self) -> Timestamp {
        self.doc.from
    }
    /// The first instant at which it no longer holds.
    pub fn until(&self) -> Timestamp {
        self.doc.until
    }
    /// Until when nobody may be told of it.
    pub fn gag(&self) -> Option<Timestamp> {
        self.doc.gag
    }
    /// Until when nobody may be told of it, where that time is still to come.
    pub fn gagged(&self, now: Timestamp) -> Option<Timestamp> {
        self.doc.gag.filter(|until| now < *until)
    }
    /// Within how many hours who gets the records reports back.
    pub fn report_back_hours(&self) -> Option<u32> {
        self.doc.report_back_hours
    }
    /// How many days who gets the records may keep them.
    pub fn retain_days(&self) -> Option<u32> {
        self.doc.retain_days
    }

    /// Whether an order may set a standing prohibition aside. Those that only say what partners agreed on yield to a
    /// court; a victim's identity yields because [`Compulsion::scope`] demands that the order names that category.
    /// Never: handing on what is another partner's (its provider is to be compelled), noisy counts for a court (they
    /// are no record of anything), and private matching (an order compels records, no search).
    pub const fn may_override(prohibition: Prohibition) -> bool {
        match prohibition {
            Prohibition::VictimIdentity
            | Prohibition::EachCategory
            | Prohibition::Term
            | Prohibition::OptedOut
            | Prohibition::Court
            | Prohibition::Purpose
            | Prohibition::Parties => true,
            Prohibition::Reshare
            | Prohibition::Onward
            | Prohibition::NoisyCounts
            | Prohibition::NoFishing => false,
        }
    }

    /// Whether the order, as it stands at `now`, compels this crossing of these records.
    ///
    /// # Errors
    /// CMT-0251 not served or not begun, CMT-0252 over, CMT-0253 another giver, getter or member, CMT-0254 something that
    /// no order compels (another act, another partner's records), CMT-0255 another purpose, CMT-0256 records without a
    /// label, CMT-0257 a category, CMT-0258 a place, CMT-0259 a time, CMT-0260 a target that it does not name.
    pub fn scope(&self, request: &Request, extent: &Extent, now: Timestamp) -> Result<(), Box<Denial>> {
        self.stands(now)?;
        self.crossing(request)?;
        self.records(request)?;
        self.extent(extent)
    }

    fn stands(&self, now: Timestamp) -> Result<(), Box<Denial>> {
        let Document { id, served, from, until, .. } = &self.doc;
        match served {
            None => {
                return Err(refuse(
                    "CMT-0251",
                    "an order that was served",
                    format!("order `{id}` was not served yet"),
                ));
            }
            Some(served) if now < *served => {
                let sentence = format!("order `{id}` is served on {served} only, and it is {now}");
                return Err(refuse("CMT-0251", "an order that was served", sentence));
            }
            Some(_) => {}
        }
        if now < *from {
            let sentence = format!("order `{id}` holds from {from} only, and it is {now}");
            return Err(refuse("CMT-0251", "an order that has begun", sentence));
        }
        if now >= *until {
            let sentence = format!("order `{id}` held until {until}, and it is {now}");
            return Err(refuse("CMT-0252", "an order that is not over", sentence));
        }
        Ok(())
    }

    fn crossing(&self, request: &Request) -> Result<(), Box<Denial>> {
        let Document { id, addressee, to, member, purpose, .. } = &self.doc;
        let other = |what: &str, named: &str, asked: &str| {
            let sentence = format!("order `{id}` names {named} as {what}, not {asked}");
            Err(refuse("CMT-0253", "who is named in the order", sentence))
        };
        let told = |m: &Option<MemberId>| m.as_ref().map_or("nobody".to_owned(), |m| format!("`{m}`"));
        if request.from != *addressee {
            return other(
                "the one who is compelled",
                &format!("`{addressee}`"),
                &format!("`{}`", request.from),
            );
        }
        if request.to != *to {
            return other("the one who gets the records", &format!("`{to}`"), &format!("`{}`", request.to));
        }
        if request.member != *member {
            return other("the member they are for", &told(member), &told(&request.member));
        }
        if request.act != Act::Receive {
            let sentence =
                format!("order `{id}` compels records, and `{}` is no handing over of records", request.act);
            return Err(refuse("CMT-0254", "records that are handed over as they are", sentence));
        }
        if let Some(origin) = request.origin.as_ref().filter(|o| **o != request.from) {
            let sentence =
                format!("the records are `{origin}`'s first: order `{id}` compels `{addressee}`'s own only");
            return Err(refuse("CMT-0254", "records of one's own", sentence));
        }
        if request.purpose != *purpose {
            let sentence = format!("order `{id}` is for {purpose}, not for {}", request.purpose);
            return Err(refuse("CMT-0255", "the purpose of the order", sentence));
        }
        Ok(())
    }

    fn records(&self, request: &Request) -> Result<(), Box<Denial>> {
        let Document { id, categories, places, .. } = &self.doc;
        if request.categories.is_empty() {
            let sentence =
                format!("the records have no label: nobody can say that they are what order `{id}` names");
            return Err(refuse("CMT-0256", "a label on every record", sentence));
        }
        let counted = request.counted_categories();
        if let Some(other) = counted.iter().find(|c| !categories.contains(c)) {
            let sentence = format!("order `{id}` names {}, not {other}", listed(categories));
            return Err(refuse("CMT-0257", "a category that the order names", sentence));
        }
        let personal = counted.iter().any(|c| c.personal());
        if personal && request.concerns.is_empty() {
            let sentence = format!(
                "it is not known whose people the records concern: order `{id}` names {}",
                listed(places)
            );
            return Err(refuse("CMT-0258", "the places of the people concerned", sentence));
        }
        if let Some(other) = request.concerns.iter().find(|p| !places.contains(p)) {
            let sentence = format!("order `{id}` names {}, not {other}", listed(places));
            return Err(refuse("CMT-0258", "a place that the order names", sentence));
        }
        Ok(())
    }

    fn extent(&self, extent: &Extent) -> Result<(), Box<Denial>> {
        let Document { id, period, targets, .. } = &self.doc;
        if let Some(named) = period {
            let missing = "records of the time that the order names";
            match &extent.period {
                None => {
                    let sentence =
                        format!("it is not known when the records were made: order `{id}` names {named}");
                    return Err(refuse("CMT-0259", missing, sentence));
                }
                Some(made) if made.from >= made.until || !named.holds(made) => {
                    let sentence = format!("order `{id}` names {named}, and the records are of {made}");
                    return Err(refuse("CMT-0259", missing, sentence));
                }
                Some(_) => {}
            }
        }
        if targets.is_empty() {
            return Ok(());
        }
        let missing = "a target that the order names";
        if extent.targets.is_empty() {
            let sentence =
                format!("it is not known what the records are about, and order `{id}` names targets");
            return Err(refuse("CMT-0260", missing, sentence));
        }
        match extent.targets.iter().find(|t| !targets.contains(*t)) {
            // The target itself stays out of the words: they reach lists and logs.
            Some(_) => Err(refuse(
                "CMT-0260",
                missing,
                format!("order `{id}` does not name what some records are about"),
            )),
            None => Ok(()),
        }
    }
}

impl Document {
    fn nonsense(&self) -> Option<&'static str> {
        let named = |s: &String| (1..=256).contains(&s.len()) && !s.chars().any(char::is_control);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        let id = (1..=128).contains(&self.id.len())
            && self.id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && self.id.chars().all(plain);
        // Ends that say nothing, and numbers beyond a life, are slips of the pen.
        let days = self.retain_days.is_none_or(|d| (1..=MAX_DAYS).contains(&d));
        let hours = self.report_back_hours.is_none_or(|h| (1..=MAX_DAYS).contains(&h));
        match () {
            () if self.schema != COMPULSION_SCHEMA => Some("its schema is not `comity.compulsion/1`"),
            () if !id => {
                Some("its id needs 1 to 128 letters, digits, `-`, `_`, `.` and `/`, a letter or digit first")
            }
            () if !named(&self.issuer) || !named(&self.offence) => {
                Some("issuer and offence need 1 to 256 characters")
            }
            () if self.addressee == self.to => {
                Some("who is compelled and who gets the records are the same partner")
            }
            () if self.categories.is_empty() => Some("it names no category"),
            () if self.places.is_empty() || self.places.len() > MAX_PLACES => {
                Some("it needs 1 to 300 places")
            }
            () if self.places.contains(&Place::UNKNOWN) => Some("an unknown place is no place"),
            () if self.targets.len() > MAX_TARGETS || !self.targets.iter().all(named) => {
                Some("it has at most 10,000 targets of 1 to 256 characters")
            }
            () if self.from >= self.until => Some("it ends before it begins"),
            () if self.period.is_some_and(|p| p.from >= p.until) => Some("its period ends before it begins"),
            () if self.gag.is_some_and(|g| g <= self.from) => {
                Some("its silence ends before the order begins")
            }
            () if !days || !hours => Some("days and hours are 1 to 36,500"),
            () => None,
        }
    }
}

fn listed<T: fmt::Display>(items: &BTreeSet<T>) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
