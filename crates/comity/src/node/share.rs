//! `share`: what crosses a border, in the protected form, ruled on just before it is sealed.
//!
//! Here: asking for the ruling, releasing, and what of it stays. Elsewhere: what crosses (`payload`), taking in what
//! partners hand over (`receive`), the decision (`agreement`), the bundle's format (`exchange`).
//! Every ruling is a leaf, also a refusal. What was sent is sealed as an exhibit of our own, so that it can be shown in
//! court what left and under which clause.

use super::Node;
use super::compel::Compelled;
use super::error::NodeError;
use super::filter::{Filtered, Rooted, Stays};
use super::noisy::{Asked, Cost, Noisy};
use crate::store::Batch;
use crate::store::StoreError;
use crate::store::crossings::{self, Crossing};
use crate::store::exhibits::Exhibit;
use crate::store::leaves::NewLeaf;
use crate::store::records::{self, Record};
use agreement::{Act, Agreements, Denial, Request, Ruling, Spent};
use botnet::telemetry::Window;
use evidence::custody::{Act as Did, Why};
use exchange::{ReleaseRecord, Signer};
use ledger::Commitment;
use ledger::statement::{PredicateType, Statement};
use serde::{Deserialize, Serialize};
use std::path::Path;
use terms::{
    CaseId, Category, Compression, Digest, ExhibitId, ExhibitKind, Handling, HandlingCode, Label, MemberId,
    Obtained, PartnerId, Protection, Purpose, ReleaseId, Timestamp, Tlp,
};
use uuid::Uuid;

/// The marks of what this program releases: for the organisations concerned, and for a court only with consent.
pub(super) const HANDLING: Handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H1 };
/// Individuals below which a place is not counted.
pub const SMALLEST: u32 = 10;
/// The largest authority document or covert list that is read.
pub(super) const MOST_DOCUMENT: u64 = 64 << 20;

/// What is shared. The command line offers these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// A case's channels and family as STIX.
    Indicators,
    /// One member's own victims.
    Victims,
    /// Bots per country, small numbers left out.
    Counts,
    /// A question about a plan's targets.
    Question,
    /// Sightings, bots as pseudonyms under a key of the agreement.
    Sightings,
    /// Authority documents of this home.
    Authorities,
    /// Accounts through which money moved, as tokens.
    Accounts,
    /// One exhibit of a case as it is, in the categories of its labels.
    Exhibit,
}

/// One wish to share.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What.
    pub what: What,
    /// The case, the plan of a question, or `CASE/EXHIBIT`.
    pub of: String,
    /// To whom.
    pub with: PartnerId,
    /// For which member of it.
    pub member: Option<MemberId>,
    /// What for.
    pub purpose: Purpose,
    /// Counts with noise, at what they cost; without it small numbers are left out instead.
    pub noisy: Option<Asked>,
    /// Victims and sightings of this time alone.
    pub seen: Window,
}

impl Wish {
    /// The case it is for. A question is about a plan.
    pub(super) fn case(&self) -> Result<Option<CaseId>, NodeError> {
        if self.what == What::Exhibit {
            return super::exhibit::case_of(&self.of).map(Some);
        }
        let stated = self.what != What::Question && !self.of.is_empty();
        Ok(stated.then(|| CaseId::new(&self.of)).transpose()?)
    }
}

/// What a share did or would do.
#[derive(Debug, Clone, Serialize)]
pub struct Shared {
    /// Always `comity.shared/1`.
    pub schema: &'static str,
    /// The release; none on a dry run.
    pub release: Option<ReleaseId>,
    /// To whom.
    pub to: PartnerId,
    /// For which member.
    pub member: Option<MemberId>,
    /// The clauses of the permit.
    pub clauses: Vec<String>,
    /// The duties, in words.
    pub duties: Vec<String>,
    /// Records that cross.
    pub records: u64,
    /// Records that stay home, by reason.
    pub stays: Vec<Stays>,
    /// The batch of rulings on the records (`comity verify ruling`); none on a dry run and where the whole was ruled on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// Bytes of the payload.
    pub bytes: u64,
    /// What noisy counts cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The order that compels it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compelled: Option<Compelled>,
    /// The sealed bundle; empty on a dry run.
    #[serde(skip)]
    pub bundle: Vec<u8>,
}

/// What the home keeps of a release it gave or took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptRelease {
    /// What was released.
    pub record: ReleaseRecord,
    /// The exhibit that holds the payload or bundle here.
    pub exhibit: ExhibitId,
    /// By when it must be erased.
    pub erase_by: Option<Timestamp>,
    /// The exhibits that were taken out of it, where it was received.
    #[serde(default)]
    pub items: Vec<ExhibitId>,
    /// Days after the erasure within which the giver wants a proof of it.
    #[serde(default)]
    pub proof_days: Option<u32>,
    /// The order that compelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compelled: Option<Compelled>,
}

/// The refusal as an error with its clauses.
pub fn refused(denial: &Denial) -> NodeError {
    let clauses = denial.clauses.iter().chain(&denial.nearest).map(ToString::to_string).collect();
    NodeError::Refused { sentence: denial.sentence().to_owned(), code: denial.code.to_owned(), clauses }
}

/// The exhibit row of a payload of our own.
pub(super) fn outgoing(
    id: ExhibitId,
    commitment: Commitment,
    size: u64,
    name: String,
    now: Timestamp,
) -> Exhibit {
    Exhibit {
        id,
        kind: ExhibitKind::Text,
        compression: Compression::None,
        size,
        names: vec![name],
        obtained: Obtained::Voluntary,
        sealed_at: now,
        commitment,
        derived_from: None,
        erased_at: None,
    }
}

impl Node {
    /// Rules on a wish and releases it; with `dry` only says what the ruling is. A refusal is an error with the clause, and
    /// is on the ledger as a permit is.
    pub async fn share(&self, wish: &Wish, dry: bool) -> Result<Shared, NodeError> {
        // Where another process paid from the same odometer meanwhile, the ruling is made again on where it stands now.
        for _ in 0..3 {
            match self.share_once(wish, dry).await {
                Err(NodeError::Store(StoreError::OdometerMoved { .. })) => {}
                done => return done,
            }
        }
        self.share_once(wish, dry).await
    }

    async fn share_once(&self, wish: &Wish, dry: bool) -> Result<Shared, NodeError> {
        let _counted = self.crossing.lock().await;
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let agreements = self.agreements().await?;
        // First the wish itself: what will be refused opens no record.
        let mut noisy = self.noisy_asked(wish, now).await?;
        let (labelled, settled) = match wish.what {
            What::Exhibit => {
                let (request, settled) = self.exhibit_asked(wish, self.request(wish)).await?;
                (Some(request), Some(settled))
            }
            _ => (self.asked(wish, noisy.as_ref(), &agreements, now)?, None),
        };
        let asked = match labelled {
            Some(asked) => {
                let spent = self.spent(&agreements, &asked, now, "").await?;
                Some(asked.after(spent))
            }
            None => None,
        };
        if let Some(asked) = asked {
            let said = match agreements.rule(&asked, now) {
                Ruling::Deny(denial) => {
                    let said = Ruling::Deny(denial.clone()).statement(&asked, now);
                    Some((refused(&denial), said))
                }
                Ruling::Permit(permit) => noisy.as_ref().and_then(|n| n.over_budget(&permit, now)),
            };
            if let Some((mut error, said)) = said {
                if let Some(noisy) = &noisy {
                    noisy.explain(&mut error);
                }
                if let Some(settled) = &settled {
                    super::exhibit::explain(&wish.of, settled, &mut error);
                }
                if !dry {
                    let text = serde_json::to_vec(&asked).unwrap_or_default();
                    let sealed = self.vault.seal_bytes(&text).await?;
                    let leaf = Statement::new(vec![sealed.commitment], PredicateType::Ruling, said)?
                        .sign(&self.keys.node)?;
                    self.note_refusal(sealed.id, sealed.commitment, text.len() as u64, leaf, now).await?;
                }
                return Err(error);
            }
        }
        let (payload, filtered) = match &mut noisy {
            Some(noisy) => (self.noisy_payload(wish, noisy, dry, now).await?, None),
            None => self.payload(wish, dry, now).await?,
        };
        if let Some((filtered, none)) = filtered.as_ref().and_then(|f| Some((f, f.refused()?))) {
            return Err(self.refuse_all(none, filtered, dry, now).await?);
        }
        let stays = filtered.as_ref().map(Filtered::stays).unwrap_or_default();
        let bytes = payload.canonical()?;
        let request = payload.request(Digest::of(&bytes));
        let spent = self.spent(&agreements, &request, now, "").await?;
        let request = request.after(spent);
        let ruling = agreements.rule(&request, now);
        let mut statement = ruling.statement(&request, now);
        if dry {
            let permit = ruling.permit().map_err(|d| refused(&d))?;
            return Ok(Shared {
                schema: "comity.shared/1",
                release: None,
                to: wish.with.clone(),
                member: wish.member.clone(),
                clauses: permit.clauses().iter().map(ToString::to_string).collect(),
                duties: permit.duties().iter().map(ToString::to_string).collect(),
                records: request.records,
                stays,
                batch: None,
                bytes: bytes.len() as u64,
                cost: noisy.as_ref().map(Noisy::told),
                compelled: None,
                bundle: Vec::new(),
            });
        }
        // The payload is kept first: its salted commitment is the subject of every leaf about it.
        let sealed = self.vault.seal_bytes(&bytes).await?;
        let rooted = self.rooted(filtered.as_ref(), sealed.id).await?;
        rooted.iter().for_each(|r| r.told_in(&mut statement));
        let ruled = Statement::new(vec![sealed.commitment], PredicateType::Ruling, statement)?
            .sign(&self.keys.node)?;
        let permit = match ruling {
            Ruling::Permit(permit) => permit,
            Ruling::Deny(denial) => {
                let kept = (sealed.id, sealed.commitment, bytes.len() as u64);
                self.note_refusal_of(kept, ruled, rooted, now).await?;
                return Err(refused(&denial));
            }
        };
        let recipient = self.sealing_of(&wish.with).await?;
        let delegation = self.own_delegation().await?;
        let id = ReleaseId::new(&Uuid::now_v7().to_string())?;
        let clauses: Vec<String> = permit.clauses().iter().map(ToString::to_string).collect();
        let duties: Vec<String> = permit.duties().iter().map(ToString::to_string).collect();
        let signer = Signer { key: &self.keys.node, delegation: &delegation };
        // The ruling stands on the ledger before the message shows it: of two faces each shows a leaf of its own.
        let leaf = NewLeaf::new(ruled);
        let batch = rooted.is_some().then(|| leaf.id.clone());
        self.note_ruling(Batch { leaves: vec![leaf], ..Batch::default() }, rooted, now).await?;
        let shown = self.show(&wish.with, id.as_str(), now).await?;
        let released =
            exchange::release_showing(permit, &bytes, id.clone(), signer, &recipient, Some(shown), now)?;
        let crossing = Crossing {
            release: id.to_string(),
            clauses: clauses.clone(),
            case: request.case.clone(),
            records: request.records,
            at: now,
        };
        let kept = (sealed.id, sealed.commitment, bytes.len() as u64);
        self.keep_release(&released.record, kept, &crossing, noisy.as_ref(), now).await?;
        if wish.what == What::Exhibit {
            self.note_exhibit(&wish.of, &clauses).await?;
        }
        Ok(Shared {
            schema: "comity.shared/1",
            release: Some(id),
            to: wish.with.clone(),
            member: wish.member.clone(),
            clauses,
            duties,
            records: request.records,
            stays,
            batch,
            bytes: bytes.len() as u64,
            cost: noisy.as_ref().map(Noisy::told),
            compelled: None,
            bundle: released.bundle,
        })
    }

    /// The request that a wish comes down to, before anything is opened for it.
    /// None for authorities and exhibits: only each document, and the labels, tell of what they speak.
    fn asked(
        &self,
        wish: &Wish,
        noisy: Option<&Noisy>,
        agreements: &Agreements,
        now: Timestamp,
    ) -> Result<Option<Request>, NodeError> {
        let (category, form) = match wish.what {
            What::Counts if noisy.is_some() => (Category::VictimIp, Protection::Pseudonym),
            What::Victims => (Category::VictimIp, Protection::Clear),
            What::Counts => (Category::VictimIp, Protection::Aggregate(SMALLEST)),
            What::Sightings => (Category::SinkholeLog, Protection::Pseudonym),
            What::Accounts => (Category::BankAccount, Protection::Token),
            What::Indicators | What::Question => (Category::C2Infrastructure, Protection::Clear),
            What::Authorities | What::Exhibit => return Ok(None),
        };
        let rule = Label::by_rule("comity.share", 1, [category], now);
        let mut request = self.request(wish).with(category, form).labelled(&rule);
        request.case = wish.case()?;
        if let Some(noisy) = noisy {
            request.act = Act::DpCount;
            request.budget = Some(noisy.budget());
        }
        // The records of one's own place are those that can pass wherever any can: which do is ruled record by record.
        if matches!(wish.what, What::Victims | What::Sightings) {
            let member = wish.member.as_ref();
            let known = agreements.members(&wish.with, now).into_iter().find(|m| Some(&m.id) == member);
            request.concerns = known.map(|m| m.place).into_iter().collect();
        }
        Ok(Some(request))
    }

    /// What passed before under the clauses with caps that could let `request` pass; `but` is the release itself, where
    /// it is taken in again.
    pub(super) async fn spent(
        &self,
        agreements: &Agreements,
        request: &Request,
        now: Timestamp,
        but: &str,
    ) -> Result<Spent, NodeError> {
        let clauses = agreements.counted(request, now);
        let mut conn = self.state.read().await?;
        Ok(crossings::spent(&mut conn, &clauses, request.case.as_ref(), now, but).await?)
    }

    pub(super) fn request(&self, wish: &Wish) -> Request {
        let bytes = Digest::of(b"");
        let mut request = Request::new(
            self.partner.clone(),
            wish.with.clone(),
            Act::Receive,
            wish.purpose,
            HANDLING,
            bytes,
        );
        request.member = wish.member.clone();
        request
    }

    /// A refusal stands on the ledger, and what was refused stays here, so that it can be shown what did not leave.
    pub(super) async fn note_refusal(
        &self,
        exhibit: ExhibitId,
        commitment: Commitment,
        size: u64,
        leaf: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        self.note_refusal_of((exhibit, commitment, size), leaf, None, now).await
    }

    /// The same with the batch of rulings on the records.
    pub(super) async fn note_refusal_of(
        &self,
        (exhibit, commitment, size): (ExhibitId, Commitment, u64),
        leaf: Vec<u8>,
        rooted: Option<Rooted>,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let event = self.event(vec![commitment], Did::Seal, Why::House("refused release".into()), false);
        let (custody, custody_leaf) = self.custody(exhibit, &event)?;
        let row = outgoing(exhibit, commitment, size, "refused release".into(), now);
        let batch = Batch {
            exhibits: vec![row],
            custody: vec![custody],
            leaves: vec![NewLeaf::new(leaf), custody_leaf],
            ..Batch::default()
        };
        self.note_ruling(batch, rooted, now).await
    }

    /// A ruling with the batch behind it: one transaction, and the ledger follows. The first leaf is the ruling's.
    async fn note_ruling(
        &self,
        batch: Batch,
        rooted: Option<Rooted>,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        if let (Some(rooted), Some(leaf)) = (rooted, batch.leaves.first()) {
            rooted.keep(&mut tx, leaf, now).await?;
        }
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(())
    }

    pub(super) async fn keep_release(
        &self,
        record: &ReleaseRecord,
        (exhibit, commitment, size): (ExhibitId, Commitment, u64),
        crossing: &Crossing,
        noisy: Option<&Noisy>,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let header = &record.header;
        let predicate = serde_json::json!({
            "schema": "comity.release-leaf/1", "release": header.release, "from": header.from, "to": header.to,
            "member": header.member, "purpose": header.purpose, "agreement": header.agreement, "clauses": header.clauses,
            "released": header.released,
        });
        let leaf =
            Statement::new(vec![commitment], PredicateType::Release, predicate)?.sign(&self.keys.node)?;
        let event = self.event(vec![commitment], Did::Release, Why::Clauses(header.clauses.clone()), false);
        let (custody, custody_leaf) = self.custody(exhibit, &event)?;
        let row =
            outgoing(exhibit, commitment, size, format!("release {} to {}", header.release, header.to), now);
        let batch = Batch {
            exhibits: vec![row],
            custody: vec![custody],
            leaves: vec![NewLeaf::new(leaf), custody_leaf],
            ..Batch::default()
        };
        let kept = Record {
            id: header.release.to_string(),
            belongs: header.to.to_string(),
            status: "released".into(),
            at: now,
            until: header.erase_by,
            body: KeptRelease {
                record: record.clone(),
                exhibit,
                erase_by: header.erase_by,
                items: Vec::new(),
                proof_days: None,
                compelled: None,
            },
        };
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        records::RELEASES.put(&mut tx, &kept).await?;
        crossings::add(&mut tx, crossing).await?;
        if let Some(noisy) = noisy {
            self.spend(&mut tx, noisy, record, commitment, now).await?;
        }
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(())
    }

    /// Writes a bundle to a file, whole or not at all.
    pub fn write_bundle(path: &Path, bundle: &[u8]) -> Result<(), NodeError> {
        crate::store::files::write_durably(path, bundle)
            .map_err(|e: std::io::Error| NodeError::file("writing", path, e))
    }
}
