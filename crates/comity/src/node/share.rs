//! `share`: what crosses a border, in the protected form, ruled on just before it is sealed; and taking it in.
//!
//! Here: building payloads, asking for the ruling, releasing, receiving, receipts. Elsewhere: the decision (`agreement`),
//! the bundle's format (`exchange`), protections (`privacy`).
//! Every ruling is a leaf, also a refusal. What was sent is sealed as an exhibit of our own, so that it can be shown in
//! court what left and under which clause.

use super::Node;
use super::error::NodeError;
use super::ingest::{Ingested, Manner, Source};
use super::protect::pseudonymiser;
use crate::store::Batch;
use crate::store::exhibits::{self, Exhibit};
use crate::store::leaves::NewLeaf;
use crate::store::records::{self, Record};
use agreement::{Act, Agreements, Denial, Request, Ruling};
use botnet::telemetry::Window;
use evidence::custody::{Act as Did, Why};
use exchange::question::{CovertList, Question};
use exchange::receipt::{self, LedgerPosition};
use exchange::{Accepted, Item, Payload, ReleaseRecord, Signer, stix, victims};
use ledger::Commitment;
use ledger::statement::{PredicateType, Statement};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;
use terms::{
    CaseId, Category, Compression, Digest, ExhibitId, ExhibitKind, Finding, FindingBody, Handling,
    HandlingCode, MemberId, Obtained, PartnerId, Place, Protection, Purpose, ReleaseId, Timestamp, Tlp,
};
use uuid::Uuid;

/// The marks of what this program releases: for the organisations concerned, and for a court only with consent.
const HANDLING: Handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H1 };
/// Individuals below which a place is not counted.
pub const SMALLEST: u32 = 10;
/// Rows of one victims' file or of one file of sightings.
const MOST_ROWS: usize = 200_000;
/// The largest bundle that is taken in.
const MOST_BUNDLE: u64 = exchange::MAX_BUNDLE as u64;
/// The largest authority document or covert list that is read.
const MOST_DOCUMENT: u64 = 64 << 20;

/// What is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

/// One wish to share.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What.
    pub what: What,
    /// The case, or the plan of a question.
    pub of: String,
    /// To whom.
    pub with: PartnerId,
    /// For which member of it.
    pub member: Option<MemberId>,
    /// What for.
    pub purpose: Purpose,
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
    /// Bytes of the payload.
    pub bytes: u64,
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
}

/// What taking a bundle in did.
#[derive(Debug, Clone, Serialize)]
pub struct ReceivedBundle {
    /// Always `comity.received/1`.
    pub schema: &'static str,
    /// The release.
    pub release: ReleaseId,
    /// From whom.
    pub from: PartnerId,
    /// Clauses of our own ruling.
    pub clauses: Vec<String>,
    /// Duties, in words.
    pub duties: Vec<String>,
    /// By when it must be erased.
    pub erase_by: Option<Timestamp>,
    /// Exhibits it held.
    pub exhibits: Vec<ExhibitId>,
    /// The file with the receipt, to be handed back.
    pub receipt: String,
    /// Questions answered with a hit.
    pub hits: usize,
}

/// What taking a receipt in did.
#[derive(Debug, Clone, Serialize)]
pub struct ReceivedReceipt {
    /// Always `comity.receipted/1`.
    pub schema: &'static str,
    /// The release it is for.
    pub release: ReleaseId,
    /// Who has it.
    pub by: PartnerId,
    /// Since when.
    pub received: Timestamp,
    /// Answers with a hit: asset, contact, until when not to act.
    pub hits: Vec<(String, Option<String>, Option<Timestamp>)>,
}

/// The refusal as an error with its clauses.
pub fn refused(denial: &Denial) -> NodeError {
    let clauses = denial.clauses.iter().chain(&denial.nearest).map(ToString::to_string).collect();
    NodeError::Refused { sentence: denial.sentence().to_owned(), code: denial.code.to_owned(), clauses }
}

fn item(
    name: &str,
    media: &str,
    category: Category,
    protection: Protection,
    records: u64,
    bytes: Vec<u8>,
) -> Item {
    Item {
        name: name.to_owned(),
        media_type: media.to_owned(),
        categories: BTreeSet::from([category]),
        protection,
        obtained: Obtained::Voluntary,
        records,
        bytes,
    }
}

/// What an authority document speaks of: criminals' infrastructure, or accounts. One that names no account (`*`) tells of
/// none, and counts as a token; one that does, and one that cannot be read, is in clear.
fn category_of_authority(bytes: &[u8]) -> (Category, Protection) {
    match takedown::Authority::parse(bytes) {
        Ok(a) if a.class != terms::AssetClass::Account => (Category::C2Infrastructure, Protection::Clear),
        Ok(a) if a.targets.iter().all(|t| t == "*") => (Category::BankAccount, Protection::Token),
        Ok(_) => (Category::BankAccount, Protection::Clear),
        Err(_) => (Category::STRICTEST, Protection::Clear),
    }
}

/// The exhibit row of a payload of our own.
fn outgoing(id: ExhibitId, commitment: Commitment, size: u64, name: String, now: Timestamp) -> Exhibit {
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

fn nothing(what: &str, help: &'static str) -> NodeError {
    NodeError::First { what: format!("there is nothing to share: {what}"), help }
}

impl Node {
    /// Rules on a wish and releases it; with `dry` only says what the ruling is. A refusal is an error with the clause, and
    /// is on the ledger as a permit is.
    pub async fn share(&self, wish: &Wish, dry: bool) -> Result<Shared, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let agreements = self.agreements().await?;
        // First the wish itself: what will be refused opens no record.
        if let Some(asked) = self.asked(wish, &agreements, now)
            && let Ruling::Deny(denial) = agreements.rule(&asked, now)
        {
            if !dry {
                let text = serde_json::to_vec(&asked).unwrap_or_default();
                let sealed = self.vault.seal_bytes(&text).await?;
                let said = Ruling::Deny(denial.clone()).statement(&asked, now);
                let leaf = Statement::new(vec![sealed.commitment], PredicateType::Ruling, said)?
                    .sign(&self.keys.node)?;
                self.note_refusal(sealed.id, sealed.commitment, text.len() as u64, leaf, now).await?;
            }
            return Err(refused(&denial));
        }
        let payload = self.payload(wish, now).await?;
        let bytes = payload.canonical()?;
        let request = payload.request(Digest::of(&bytes));
        let ruling = agreements.rule(&request, now);
        let statement = ruling.statement(&request, now);
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
                bytes: bytes.len() as u64,
                bundle: Vec::new(),
            });
        }
        // The payload is kept first: its salted commitment is the subject of every leaf about it.
        let sealed = self.vault.seal_bytes(&bytes).await?;
        let ruled = Statement::new(vec![sealed.commitment], PredicateType::Ruling, statement)?
            .sign(&self.keys.node)?;
        let permit = match ruling {
            Ruling::Permit(permit) => permit,
            Ruling::Deny(denial) => {
                self.note_refusal(sealed.id, sealed.commitment, bytes.len() as u64, ruled, now).await?;
                return Err(refused(&denial));
            }
        };
        let recipient = self.sealing_of(&wish.with).await?;
        let delegation = self.own_delegation().await?;
        let id = ReleaseId::new(&Uuid::now_v7().to_string())?;
        let clauses: Vec<String> = permit.clauses().iter().map(ToString::to_string).collect();
        let duties: Vec<String> = permit.duties().iter().map(ToString::to_string).collect();
        let signer = Signer { key: &self.keys.node, delegation: &delegation };
        let released = exchange::release(permit, &bytes, id.clone(), signer, &recipient, now)?;
        self.keep_release(&released.record, sealed.id, sealed.commitment, bytes.len() as u64, ruled, now)
            .await?;
        Ok(Shared {
            schema: "comity.shared/1",
            release: Some(id),
            to: wish.with.clone(),
            member: wish.member.clone(),
            clauses,
            duties,
            records: request.records,
            bytes: bytes.len() as u64,
            bundle: released.bundle,
        })
    }

    /// The request that a wish comes down to, before anything is opened for it.
    /// None for authorities: only each document tells of what it speaks.
    fn asked(&self, wish: &Wish, agreements: &Agreements, now: Timestamp) -> Option<Request> {
        let (category, form) = match wish.what {
            What::Victims => (Category::VictimIp, Protection::Clear),
            What::Counts => (Category::VictimIp, Protection::Aggregate(SMALLEST)),
            What::Sightings => (Category::SinkholeLog, Protection::Pseudonym),
            What::Accounts => (Category::BankAccount, Protection::Token),
            What::Indicators | What::Question => (Category::C2Infrastructure, Protection::Clear),
            What::Authorities => return None,
        };
        let mut request = self.request(wish).with(category, form);
        if wish.what == What::Victims {
            let member = wish.member.as_ref();
            let known = agreements.members(&wish.with, now).into_iter().find(|m| Some(&m.id) == member);
            request.concerns = known.map(|m| m.place).into_iter().collect();
        }
        Some(request)
    }

    fn request(&self, wish: &Wish) -> Request {
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
    async fn note_refusal(
        &self,
        exhibit: ExhibitId,
        commitment: Commitment,
        size: u64,
        leaf: Vec<u8>,
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
        crate::store::commit(&self.state, &batch, now).await?;
        self.sequencer.run().await?;
        Ok(())
    }

    async fn keep_release(
        &self,
        record: &ReleaseRecord,
        exhibit: ExhibitId,
        commitment: Commitment,
        size: u64,
        ruled: Vec<u8>,
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
            leaves: vec![NewLeaf::new(ruled), NewLeaf::new(leaf), custody_leaf],
            ..Batch::default()
        };
        let kept = Record {
            id: header.release.to_string(),
            belongs: header.to.to_string(),
            status: "released".into(),
            at: now,
            until: header.erase_by,
            body: KeptRelease { record: record.clone(), exhibit, erase_by: header.erase_by },
        };
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        records::RELEASES.put(&mut tx, &kept).await?;
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(())
    }

    async fn payload(&self, wish: &Wish, now: Timestamp) -> Result<Payload, NodeError> {
        let mut payload = Payload::new(self.partner.clone(), wish.with.clone(), wish.purpose, HANDLING);
        payload.member = wish.member.clone();
        match wish.what {
            What::Indicators => {
                payload.case = Some(CaseId::new(&wish.of)?);
                payload.items.push(self.indicators(&wish.of, now).await?);
            }
            What::Victims => {
                let place = self.place_of(wish, now).await?;
                payload.concerns = BTreeSet::from([place]);
                payload.items.push(self.victims(wish, place, now).await?);
            }
            What::Counts => payload.items.push(self.counts().await?),
            What::Question => {
                payload.items.push(Question::new(self.plan_assets(&wish.of).await?)?.item("question.json")?)
            }
            What::Sightings => payload.items.push(self.sightings(wish, now).await?),
            What::Authorities => payload.items = self.authorities().await?,
            What::Accounts => payload.items.push(self.accounts(now).await?),
        }
        Ok(payload)
    }

    /// The findings a case rests on that stand.
    async fn of_case(&self, case: &str) -> Result<Vec<Finding>, NodeError> {
        let case = self.case_show(case).await?;
        Ok(self.standing().await?.into_iter().filter(|f| case.findings.contains(&f.id)).collect())
    }

    async fn indicators(&self, case: &str, now: Timestamp) -> Result<Item, NodeError> {
        // What speaks of the criminals' infrastructure and samples, and of nobody's machine.
        let of_infrastructure = |f: &Finding| {
            matches!(
                f.body,
                FindingBody::Configuration { .. }
                    | FindingBody::Hashes { .. }
                    | FindingBody::Indicator { .. }
                    // Written as its remote endpoint alone: who called stays here.
                    | FindingBody::Beacon { .. }
            )
        };
        let findings: Vec<Finding> =
            self.of_case(case).await?.into_iter().filter(of_infrastructure).collect();
        let producer = stix::Producer {
            partner: self.partner.clone(),
            name: self.partner.to_string(),
            at: now,
            tlp: Tlp::Amber,
        };
        let written = stix::write(&findings, &producer)?;
        if findings.is_empty() || written.objects == 0 {
            return Err(nothing(
                "the case has no channel, sample or indicator",
                "run `comity analyze` and `comity case open`",
            ));
        }
        Ok(item(
            "indicators.stix.json",
            "application/stix+json",
            Category::C2Infrastructure,
            Protection::Clear,
            written.objects,
            written.bytes,
        ))
    }

    async fn place_of(&self, wish: &Wish, now: Timestamp) -> Result<Place, NodeError> {
        let member = wish.member.as_ref().ok_or_else(|| NodeError::First {
            what: "victims are shared with one member: nobody gets another's".into(),
            help: "name the member with --member",
        })?;
        let agreements = self.agreements().await?;
        let found = agreements.members(&wish.with, now).into_iter().find(|m| m.id == *member);
        match found {
            Some(found) => Ok(found.place),
            // The ruling names the clause; a member that nobody knows has the place its id says, if any.
            None => Ok(member.as_str().parse().unwrap_or(Place::UNKNOWN)),
        }
    }

    async fn victims(&self, wish: &Wish, place: Place, now: Timestamp) -> Result<Item, NodeError> {
        let help = "take in sinkhole logs of this place first";
        let found = self.tables().await?.victims(place, Window::ALL, MOST_ROWS).await?;
        if found.is_empty() {
            return Err(nothing(&format!("no victim was seen in {place}"), help));
        }
        // Nothing is revealed before the agreement is asked: a wish that will be refused learns nothing.
        let member = wish.member.clone().ok_or_else(|| nothing("no member was named", help))?;
        let mut rows = Vec::with_capacity(found.len());
        let mut touched: BTreeSet<ExhibitId> = BTreeSet::new();
        for victim in found {
            let address = pseudonymiser(&self.keys.pseudonym, victim.last).reveal(&victim.source)?;
            touched.extend(&victim.exhibits);
            rows.push(victims::Row {
                at: victim.last,
                source: address.to_string(),
                port: 0,
                network: victim.network,
                place,
                // The family alone: a build is nothing to a victim.
                infection: victim
                    .botnet
                    .as_deref()
                    .and_then(|b| b.split('/').next())
                    .unwrap_or_default()
                    .to_owned(),
            });
        }
        self.note_reveal(&touched, now).await?;
        let bytes = victims::csv(&member, place, &rows)?;
        Ok(item(
            &format!("victims-{}.csv", place.as_str().to_ascii_lowercase()),
            "text/csv",
            Category::VictimIp,
            Protection::Clear,
            rows.len() as u64,
            bytes,
        ))
    }

    /// Resolving pseudonyms is an act on the exhibits they came from.
    async fn note_reveal(&self, exhibits: &BTreeSet<ExhibitId>, now: Timestamp) -> Result<(), NodeError> {
        let mut batch = Batch::default();
        for &exhibit in exhibits {
            let commitment = self.vault.commitment(&exhibit).await?;
            let event = self.event(
                vec![commitment],
                Did::Reveal,
                Why::House("victims' own state is told".into()),
                false,
            );
            let (custody, leaf) = self.custody(exhibit, &event)?;
            batch.custody.push(custody);
            batch.leaves.push(leaf);
        }
        crate::store::commit(&self.state, &batch, now).await?;
        Ok(())
    }

    async fn counts(&self) -> Result<Item, NodeError> {
        let places = self.tables().await?.per_place(Window::ALL, 1).await?;
        let counted: Vec<(Place, u64)> = places.iter().map(|p| (p.place, p.bots)).collect();
        let kept = privacy::suppress(&counted, SMALLEST);
        if kept.places.is_empty() {
            return Err(nothing(
                "no place has enough bots to be counted",
                "take in more sinkhole logs first",
            ));
        }
        let lines: String = kept.places.iter().map(|(p, n)| format!("{p},{n}\n")).collect();
        let other = kept.other.map(|n| format!("other,{n}\n")).unwrap_or_default();
        let records = kept.places.len() as u64;
        let bytes = format!("place,bots\n{lines}{other}").into_bytes();
        Ok(item(
            "bots-per-place.csv",
            "text/csv",
            Category::VictimIp,
            Protection::Aggregate(SMALLEST),
            records,
            bytes,
        ))
    }

    async fn sightings(&self, wish: &Wish, now: Timestamp) -> Result<Item, NodeError> {
        let seen = self.tables().await?.sightings_between(Window::ALL, MOST_ROWS).await?;
        if seen.is_empty() {
            return Err(nothing("nothing was seen at a sinkhole", "take in sinkhole logs first"));
        }
        // A key of this link and period: what two partners get cannot be joined.
        let label = format!(
            "link/{}/{}",
            self.partner.as_str().min(wish.with.as_str()),
            self.partner.as_str().max(wish.with.as_str())
        );
        let key = privacy::Key::derive(&self.keys.pseudonym, &label, privacy::Period::of(now));
        let link = privacy::Pseudonymiser::new(&key);
        let mut bytes = b"event,bot,source,botnet,channel,network,place\n".to_vec();
        let records = seen.len() as u64;
        for (s, _) in seen {
            let address = pseudonymiser(&self.keys.pseudonym, s.event).reveal(&s.source)?;
            let line = format!(
                "{},{},{},{},{},{},{}\n",
                s.event,
                link.id(&s.bot),
                link.address(address),
                s.botnet.unwrap_or_default(),
                s.channel,
                s.network,
                s.place
            );
            bytes.extend_from_slice(line.as_bytes());
        }
        Ok(item("sightings.csv", "text/csv", Category::SinkholeLog, Protection::Pseudonym, records, bytes))
    }

    async fn exhibits_of(&self, kind: ExhibitKind) -> Result<Vec<Exhibit>, NodeError> {
        let mut conn = self.state.read().await?;
        let mut all: Vec<Exhibit> = Vec::new();
        loop {
            let page = exhibits::of_kind(&mut conn, kind, all.last().map(|e| &e.id), 1000).await?;
            if page.is_empty() {
                all.retain(|e| e.erased_at.is_none());
                return Ok(all);
            }
            all.extend(page);
        }
    }

    async fn authorities(&self) -> Result<Vec<Item>, NodeError> {
        let mut items = Vec::new();
        for exhibit in self.exhibits_of(ExhibitKind::Authority).await? {
            let bytes = self.vault.read(&exhibit.id, MOST_DOCUMENT).await?;
            let short: String = exhibit.id.to_string().chars().take(16).collect();
            let name = format!("authority-{short}.json");
            let (category, protection) = category_of_authority(&bytes);
            let mut one = item(&name, "application/json", category, protection, 1, bytes);
            one.obtained = exhibit.obtained;
            items.push(one);
        }
        if items.is_empty() {
            return Err(nothing(
                "this home holds no authority",
                "take the documents in with `comity ingest`",
            ));
        }
        Ok(items)
    }

    /// Accounts that money moved through, as tokens under this home's key: who gets them can group and name them, and
    /// only this home can say which account one is.
    async fn accounts(&self, now: Timestamp) -> Result<Item, NodeError> {
        let tokens = pseudonymiser(&self.keys.pseudonym, now);
        let mut bytes = Vec::new();
        let mut records = 0;
        for view in threat::money(&self.of_kind("account").await?) {
            let role = match view.role {
                threat::MoneyRole::Mule => "mule",
                threat::MoneyRole::Collector => "collector",
                threat::MoneyRole::Unclear => continue,
            };
            let line = serde_json::json!({
                "schema": "comity.account/1", "account": tokens.account(&view.institution, &view.account),
                "institution": view.institution, "role": role,
            });
            bytes.extend_from_slice(line.to_string().as_bytes());
            bytes.push(b'\n');
            records += 1;
        }
        if records == 0 {
            return Err(nothing(
                "no account stands out",
                "take in account and transaction lines and run `comity analyze`",
            ));
        }
        Ok(item(
            "accounts.ndjson",
            "application/x-ndjson",
            Category::BankAccount,
            Protection::Token,
            records,
            bytes,
        ))
    }

    /// Takes in the bundles and receipts among what was just ingested.
    pub async fn cross(
        &self,
        ingested: &Ingested,
    ) -> Result<(Vec<ReceivedBundle>, Vec<ReceivedReceipt>), NodeError> {
        let (mut bundles, mut receipts) = (Vec::new(), Vec::new());
        for taken in &ingested.taken {
            match taken.kind {
                ExhibitKind::Bundle => bundles.push(self.take_bundle(taken.exhibit).await?),
                ExhibitKind::Receipt => receipts.push(self.take_receipt(taken.exhibit).await?),
                _ => {}
            }
        }
        Ok((bundles, receipts))
    }

    async fn take_bundle(&self, exhibit: ExhibitId) -> Result<ReceivedBundle, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let bytes = self.vault.read(&exhibit, MOST_BUNDLE).await?;
        let received = exchange::open_bundle(&bytes, &self.keys.sealing)?;
        let agreements = self.agreements().await?;
        let accepted = exchange::receive(&received, &self.partner, &agreements, now)?;
        self.refuse_replay(&accepted).await?;
        let clauses: Vec<String> = accepted.ruling().clauses.iter().map(ToString::to_string).collect();
        let manner = |obtained| Manner {
            obtained,
            why: format!("release {} under {}", accepted.header().release, clauses.join(", ")),
            act: Did::Receive,
        };
        let mut exhibits = Vec::new();
        for item in &accepted.payload().items {
            let name = format!("{}/{}", accepted.header().release, item.name);
            let source = Source::Bytes(name, item.bytes.clone());
            let taken = self.ingest(vec![source], &manner(item.obtained), &|_| ()).await?;
            exhibits.extend(taken.taken.iter().map(|t| t.exhibit));
        }
        let answers = accepted.answers(&self.covert().await?)?;
        let hits = answers.iter().filter(|a| a.hit).count();
        self.keep_received(&accepted, exhibit, &clauses, Digest::of(&bytes), now).await?;
        let head = self.sequencer.head().await?;
        let position = LedgerPosition { origin: head.origin.clone(), size: head.size, root: head.root };
        let receipt = receipt::make(&accepted, &self.keys.node, position, answers)?;
        let path = self.home.outbox().join(format!("receipt-{}.dsse.json", accepted.header().release));
        crate::store::files::write_durably(&path, &receipt)
            .map_err(|e| NodeError::file("writing", &path, e))?;
        Ok(ReceivedBundle {
            schema: "comity.received/1",
            release: accepted.header().release.clone(),
            from: accepted.header().from.clone(),
            clauses,
            duties: accepted.duties().iter().map(ToString::to_string).collect(),
            erase_by: accepted.erase_by(),
            exhibits,
            receipt: path.display().to_string(),
            hits,
        })
    }

    /// The same release again is taken in again and receipted anew; another payload under a known release is a fraud.
    async fn refuse_replay(&self, accepted: &Accepted) -> Result<(), NodeError> {
        let id = &accepted.header().release;
        let mut conn = self.state.read().await?;
        let known: Option<Record<KeptRelease>> = records::RELEASES.get(&mut conn, id.as_str()).await?;
        match known {
            Some(known) if known.body.record.payload != accepted.digest() => {
                let what = format!("release `{id}` was taken in before with other content");
                Err(NodeError::NotVerified { what })
            }
            _ => Ok(()),
        }
    }

    async fn keep_received(
        &self,
        accepted: &Accepted,
        exhibit: ExhibitId,
        clauses: &[String],
        bundle: Digest,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let header = accepted.header();
        let commitment = self.vault.commitment(&exhibit).await?;
        let predicate = serde_json::json!({
            "schema": "comity.receipt-leaf/1", "release": header.release, "from": header.from, "by": header.to,
            "member": header.member, "agreement": header.agreement, "clauses": clauses, "received": now,
            "erase_by": accepted.erase_by(),
        });
        let leaf =
            Statement::new(vec![commitment], PredicateType::Receipt, predicate)?.sign(&self.keys.node)?;
        let record = ReleaseRecord {
            schema: "comity.release-record/1".into(),
            header: header.clone(),
            payload: accepted.digest(),
            bundle,
        };
        let kept = Record {
            id: header.release.to_string(),
            belongs: header.from.to_string(),
            status: "received".into(),
            at: now,
            until: accepted.erase_by(),
            body: KeptRelease { record, exhibit, erase_by: accepted.erase_by() },
        };
        let batch = Batch { leaves: vec![NewLeaf::new(leaf)], ..Batch::default() };
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        records::RELEASES.put(&mut tx, &kept).await?;
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(())
    }

    /// The home's covert assets, over all its lists.
    async fn covert(&self) -> Result<CovertList, NodeError> {
        let mut all = CovertList::default();
        for exhibit in self.exhibits_of(ExhibitKind::CovertList).await? {
            all.add(CovertList::parse(&self.vault.read(&exhibit.id, MOST_DOCUMENT).await?)?);
        }
        Ok(all)
    }

    async fn take_receipt(&self, exhibit: ExhibitId) -> Result<ReceivedReceipt, NodeError> {
        let bytes = self.vault.read(&exhibit, receipt::MAX_RECEIPT as u64).await?;
        let receipt = self.check_receipt(&bytes).await?;
        let now = self.clock.now();
        let mut tx = self.state.begin().await?;
        records::RELEASES.set_status(&mut tx, receipt.release.as_str(), "receipted", now).await?;
        let kept = Record {
            id: receipt.release.to_string(),
            belongs: receipt.by.to_string(),
            status: "verified".into(),
            at: now,
            until: receipt.erase_by,
            body: receipt.clone(),
        };
        records::RECEIPTS.put(&mut tx, &kept).await?;
        let mut hits = Vec::new();
        for answer in &receipt.answers {
            if answer.hit {
                hits.push((answer.asset.clone(), answer.contact.clone(), answer.until));
            }
            let record = Record {
                id: format!("{}/{}", receipt.by, answer.asset),
                belongs: receipt.by.to_string(),
                status: if answer.hit { "hit".into() } else { "no-hit".to_owned() },
                at: now,
                until: answer.until,
                body: super::plan::KeptAnswer {
                    asset: answer.asset.clone(),
                    partner: receipt.by.clone(),
                    hit: answer.hit,
                    contact: answer.contact.clone(),
                    until: answer.until,
                },
            };
            records::ANSWERS.put(&mut tx, &record).await?;
        }
        tx.commit().await?;
        Ok(ReceivedReceipt {
            schema: "comity.receipted/1",
            release: receipt.release,
            by: receipt.by,
            received: receipt.received,
            hits,
        })
    }

    /// Verifies a receipt against the partner's node keys and the release it is for.
    pub async fn check_receipt(&self, bytes: &[u8]) -> Result<receipt::Receipt, NodeError> {
        let claimed = receipt::unverified(bytes)?;
        let agreements = self.agreements().await?;
        let keys: Vec<_> = agreements
            .node_keys(&claimed.by, self.clock.now())
            .into_iter()
            .map(|k| (ledger::dsse::keyid(&k), k))
            .collect();
        let receipt = receipt::verify(bytes, &keys)?;
        let mut conn = self.state.read().await?;
        let sent: Record<KeptRelease> = records::RELEASES
            .get(&mut conn, receipt.release.as_str())
            .await?
            .ok_or_else(|| NodeError::NotVerified {
                what: format!("no release `{}` was given by this home", receipt.release),
            })?;
        receipt.fits(&sent.body.record)?;
        Ok(receipt)
    }

    /// Writes a bundle to a file, whole or not at all.
    pub fn write_bundle(path: &Path, bundle: &[u8]) -> Result<(), NodeError> {
        crate::store::files::write_durably(path, bundle)
            .map_err(|e: std::io::Error| NodeError::file("writing", path, e))
    }
}
