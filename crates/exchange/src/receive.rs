//! Taking a release in: signature, addressee, agreement, and a ruling by our own copy of it.
//!
//! Here: the only way from an opened bundle to its payload. Elsewhere: opening ([`crate::open_bundle`]), keeping what was
//! accepted and refusing a release that was taken in before (`comity`, which knows the state).

use crate::bundle::{self, Header, Manifest, Received};
use crate::counts::{self, Counts};
use crate::payload::Payload;
use crate::question::{self, CovertList, DeconflictionAnswer, Question};
use crate::release::same_crossing;
use crate::{ExchangeError, signer};
use agreement::{Agreements, Compulsion, Duty, Redeemed, Request, Ruling, Spent};
use ledger::dsse;
use ledger::heads::Shown;
use terms::{Digest, PartnerId, Timestamp};

/// A release that was taken in: verified, addressed to us and allowed by our own copy of the agreement. Only
/// [`receive`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    header: Header,
    payload: Payload,
    ruling: Redeemed,
    erase_by: Option<Timestamp>,
    ledger: Option<Shown>,
}

impl Accepted {
    /// What stood on the outside, now verified.
    pub fn header(&self) -> &Header {
        &self.header
    }
    /// What crossed.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }
    /// SHA-256 of the payload's canonical bytes.
    pub fn digest(&self) -> Digest {
        self.ruling.bytes
    }
    /// Our own ruling: agreement, clauses, duties.
    pub fn ruling(&self) -> &Redeemed {
        &self.ruling
    }
    /// What we are obliged to do.
    pub fn duties(&self) -> &[Duty] {
        &self.ruling.duties
    }
    /// By when it must be erased: the earlier of the giver's ruling and ours.
    pub fn erase_by(&self) -> Option<Timestamp> {
        self.erase_by
    }

    /// The noisy counts of the payload.
    ///
    /// # Errors
    /// CMT-0933 for an item that says it is noisy counts and is none, or that costs less or another unit than was ruled on.
    pub fn counts(&self) -> Result<Vec<Counts>, ExchangeError> {
        let items = self.payload.items.iter().filter(|i| i.media_type == counts::MEDIA_TYPE);
        items.map(|i| Counts::parse(&i.bytes)?.fits(self.payload.budget)).collect()
    }

    /// What the giver shows of its ledger, as its node signed it. Judge it before anything is used: `ledger::heads`.
    pub fn shown(&self) -> Option<&Shown> {
        self.ledger.as_ref()
    }

    /// The answers to the payload's questions from our covert list, in the order asked; none where nothing was asked.
    ///
    /// # Errors
    /// CMT-0932 for an item that says it is a question and is none.
    pub fn answers(&self, covert: &CovertList) -> Result<Vec<DeconflictionAnswer>, ExchangeError> {
        let mut out = Vec::new();
        for item in self.payload.items.iter().filter(|i| i.media_type == question::MEDIA_TYPE) {
            out.extend(covert.answer(&Question::parse(&item.bytes)?));
        }
        Ok(out)
    }
}

/// What an opened bundle asks for. Nothing of it is verified: it serves to look up what passed before under the clauses
/// with caps ([`Agreements::counted`]).
///
/// # Errors
/// CMT-0910 a payload that does not read.
pub fn asked(received: &Received) -> Result<Request, ExchangeError> {
    Ok(Payload::parse(&received.payload)?.request(Digest::of(&received.payload)))
}

/// The session of a match that an opened bundle names, if it is a step of one. Nothing of it is verified.
///
/// # Errors
/// CMT-0910 a payload that does not read.
pub fn session(received: &Received) -> Result<Option<String>, ExchangeError> {
    Ok(Payload::parse(&received.payload)?.matching.map(|m| m.session))
}

/// SHA-256 of the document of the order that an opened bundle names, if an order compelled it. Nothing of it is
/// verified: it serves to find our own copy.
///
/// # Errors
/// CMT-0925 a manifest that does not read.
pub fn ordered(received: &Received) -> Result<Option<Digest>, ExchangeError> {
    let release = &received.header.release;
    let manifest = serde_json::from_slice::<Manifest>(received.envelope.unverified_payload());
    let fails = |e: serde_json::Error| ExchangeError::Signature {
        what: format!("release `{release}`"),
        why: e.to_string(),
    };
    Ok(manifest.map_err(fails)?.authority)
}

/// Takes an opened bundle that an order compelled in as `us`, at `now`: as [`receive()`], but ruled on by our own copy of
/// the order, as it stood at the release. Whose key signed follows from any text here that all signed, in force or not.
///
/// # Errors
/// CMT-0951 the order is not here or does not compel it, or no text here says whose key is whose; else as [`receive()`].
pub fn receive_compelled(
    received: &Received,
    us: &PartnerId,
    agreements: &Agreements,
    order: Option<&Compulsion>,
    now: Timestamp,
) -> Result<Accepted, ExchangeError> {
    let opened = opened(received, us, agreements, now)?;
    let refuse = |why: String| {
        let (release, from) = (received.header.release.clone(), received.header.from.clone());
        Err(ExchangeError::Order { release, from, why })
    };
    if received.header.agreement.is_some() || received.header.version.is_some() {
        return refuse("and its header names an agreement".into());
    }
    let Some(order) = order.filter(|o| opened.manifest.authority == Some(o.authority())) else {
        return refuse("whose document is not in this home".into());
    };
    let (payload, digest) = (&opened.payload, opened.digest);
    let extent = payload.extent.clone().unwrap_or_default();
    let ruling = match order.receive(&payload.request(digest), &extent, received.header.released, now) {
        Ok(ruling) => ruling,
        Err(denial) => return refuse(format!("which does not compel it: {denial}")),
    };
    same_crossing(&ruling, payload)?;
    Ok(opened.accepted(ruling))
}

/// Takes an opened bundle in as `us`, at `now`, after so many records under the same clauses: the node's signature up to the organisation key that stands in the
/// agreement, the addressee, header and payload as signed, and a fresh ruling by `agreements`, our own copies.
///
/// # Errors
/// CMT-0923 addressed to another, CMT-0924 no such agreement here or another version of it, CMT-0925 a signature that
/// does not hold, CMT-0922 something differs from what was signed, CMT-0910 a payload that does not read, CMT-0926 our
/// copy refuses it, with the clauses.
pub fn receive(
    received: &Received,
    us: &PartnerId,
    agreements: &Agreements,
    spent: Spent,
    now: Timestamp,
) -> Result<Accepted, ExchangeError> {
    let opened = opened(received, us, agreements, now)?;
    if opened.manifest.authority.is_some() {
        let (release, from) = (received.header.release.clone(), received.header.from.clone());
        return Err(ExchangeError::Changed { release, from, what: "what it rests on" });
    }
    let request = opened.payload.request(opened.digest).after(spent);
    let ruling = rule(&received.header, &opened.payload, request, agreements, now)?;
    Ok(opened.accepted(ruling))
}

/// A bundle whose signature and addressee hold, and whose parts are those that were signed. Nobody has ruled on it yet.
struct Opened {
    manifest: Manifest,
    payload: Payload,
    digest: Digest,
}

impl Opened {
    fn accepted(self, ruling: Redeemed) -> Accepted {
        let Manifest { header, ledger, .. } = self.manifest;
        let ours = ruling.duties.iter().find_map(|d| if let Duty::EraseBy(t) = d { Some(*t) } else { None });
        let erase_by = [header.erase_by, ours].into_iter().flatten().min();
        Accepted { header, payload: self.payload, ruling, erase_by, ledger }
    }
}

fn opened(
    received: &Received,
    us: &PartnerId,
    agreements: &Agreements,
    now: Timestamp,
) -> Result<Opened, ExchangeError> {
    let outside = &received.header;
    if outside.to != *us {
        let (release, to) = (outside.release.clone(), outside.to.clone());
        return Err(ExchangeError::Addressee { release, to, us: us.clone() });
    }
    let manifest = signed(received, agreements, now)?;
    let changed = |what| {
        let (release, from) = (outside.release.clone(), outside.from.clone());
        Err(ExchangeError::Changed { release, from, what })
    };
    if manifest.schema != bundle::MANIFEST_SCHEMA {
        return changed("the manifest's schema");
    }
    if manifest.header != *outside {
        return changed("the header");
    }
    let digest = Digest::of(&received.payload);
    if manifest.payload != digest || outside.size != received.payload.len() as u64 {
        return changed("the payload");
    }
    let payload = Payload::parse(&received.payload)?;
    if payload.from != outside.from || payload.to != outside.to || payload.member != outside.member {
        return changed("giver, getter or member");
    }
    Ok(Opened { manifest, payload, digest })
}

/// The manifest, after the signature of a node key that the giver's organisation key delegated.
fn signed(received: &Received, agreements: &Agreements, now: Timestamp) -> Result<Manifest, ExchangeError> {
    let header = &received.header;
    let fails = |why: String| ExchangeError::Signature { what: format!("release `{}`", header.release), why };
    let read = |bytes: &[u8]| serde_json::from_slice::<Manifest>(bytes).map_err(|e| fails(e.to_string()));
    let claimed = read(received.envelope.unverified_payload())?;
    let keys = signer::theirs(&claimed.delegation, header, agreements, now)?;
    let payload =
        dsse::verify(&received.envelope, bundle::PAYLOAD_TYPE, &keys).map_err(|e| fails(e.to_string()))?;
    read(payload)
}

fn rule(
    header: &Header,
    payload: &Payload,
    request: Request,
    agreements: &Agreements,
    now: Timestamp,
) -> Result<Redeemed, ExchangeError> {
    let release = header.release.clone();
    let permit = match agreements.rule(&request, now) {
        Ruling::Permit(permit) => permit,
        Ruling::Deny(denial) => {
            let from = header.from.clone();
            return Err(ExchangeError::Refused { release, from, denial: Box::new(denial) });
        }
    };
    let ruling = permit.redeem(request.bytes, now)?;
    let source = &ruling.source;
    if source.agreement() != header.agreement.as_ref() || source.version() != header.version {
        let (from, what) = (header.from.clone(), "the agreement that this home's ruling rests on");
        return Err(match &header.agreement {
            Some(agreement) => {
                let version = source.version().map_or_else(String::new, |v| format!(" in the version {v}"));
                let why = format!("and this home's ruling rests on {}{version}", source.told());
                ExchangeError::Agreement { release, agreement: agreement.clone(), why }
            }
            None => ExchangeError::Changed { release, from, what },
        });
    }
    same_crossing(&ruling, payload)?;
    Ok(ruling)
}
