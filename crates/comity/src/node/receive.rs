//! Taking in what partners hand over: sealed bundles, ruled on again by our own copy of the agreement, and receipts.
//!
//! Elsewhere: giving (`share`), the bundle's format (`exchange`).

use super::Node;
use super::compel::Compelled;
use super::error::NodeError;
use super::ingest::{Ingested, Manner, Source};
use super::share::{KeptRelease, MOST_DOCUMENT};
use crate::store::Batch;
use crate::store::crossings::{self, Crossing};
use crate::store::leaves::NewLeaf;
use crate::store::records::{self, Record};
use evidence::custody::Act as Did;
use exchange::counts::Counts;
use exchange::question::CovertList;
use exchange::receipt::{self, LedgerPosition};
use exchange::{Accepted, ReleaseRecord};
use ledger::statement::{PredicateType, Statement};
use serde::Serialize;
use terms::{Digest, ExhibitId, ExhibitKind, PartnerId, ReleaseId, Timestamp};

/// The largest bundle that is taken in.
const MOST_BUNDLE: u64 = exchange::MAX_BUNDLE as u64;

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
    /// Noisy counts it held, each with how far it may be off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<Counts>,
    /// The order that compelled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compelled: Option<Compelled>,
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

impl Node {
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
        self.refuse_two_faced(&received.header().from).await?;
        let agreements = self.agreements().await?;
        let _counted = self.crossing.lock().await;
        let asked = exchange::asked(&received)?;
        if asked.act == agreement::Act::PsiMatch {
            return Err(NodeError::First {
                what: "this bundle is a step of a match".into(),
                help: "answer it with `comity match --answer`, or finish it with `comity match --finish`",
            });
        }
        let accepted = match exchange::ordered(&received)? {
            Some(authority) => {
                let order = self.order_with(&ExhibitId(authority)).await?;
                let order = order.as_ref().map(|o| &o.compulsion);
                exchange::receive_compelled(&received, &self.partner, &agreements, order, now)?
            }
            None => {
                let spent = self.spent(&agreements, &asked, now, received.header().release.as_str()).await?;
                exchange::receive(&received, &self.partner, &agreements, spent, now)?
            }
        };
        self.refuse_replay(&accepted).await?;
        // Before anything of it is used: a two-faced node is found here.
        let cosignature = self.hear(&accepted.header().from, accepted.shown()).await?;
        let clauses: Vec<String> = accepted.ruling().clauses.iter().map(ToString::to_string).collect();
        let under = match accepted.ruling().source.compelled() {
            Some(order) => order.id.clone(),
            None => clauses.join(", "),
        };
        let manner = |obtained| Manner {
            from: None,
            obtained,
            why: format!("release {} under {under}", accepted.header().release),
            act: Did::Receive,
        };
        let mut exhibits = Vec::new();
        let counts = accepted.counts()?;
        for item in &accepted.payload().items {
            let name = format!("{}/{}", accepted.header().release, item.name);
            let source = Source::Bytes(name, item.bytes.clone());
            let taken = self.ingest(vec![source], &manner(item.obtained), &|_| ()).await?;
            for taken in &taken.taken {
                let giver = &accepted.header().from;
                self.keep_source_label(taken.exhibit, giver, &item.categories, now).await?;
                exhibits.push(taken.exhibit);
            }
        }
        let answers = accepted.answers(&self.covert().await?)?;
        let hits = answers.iter().filter(|a| a.hit).count();
        let crossing = Crossing {
            release: accepted.header().release.to_string(),
            clauses: clauses.clone(),
            case: asked.case,
            records: asked.records,
            at: now,
        };
        self.keep_received(&accepted, exhibit, &exhibits, &crossing, Digest::of(&bytes), now).await?;
        let head = self.sequencer.head().await?;
        let position = LedgerPosition { origin: head.origin.clone(), size: head.size, root: head.root };
        let message = format!("receipt {}", accepted.header().release);
        let shown = self.show(&accepted.header().from, &message, now).await?;
        let beside = (Some(shown), cosignature);
        let receipt = receipt::make_showing(&accepted, &self.keys.node, position, answers, beside)?;
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
            counts,
            compelled: accepted.ruling().source.compelled().map(Compelled::of),
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
        items: &[ExhibitId],
        crossing: &Crossing,
        bundle: Digest,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let header = accepted.header();
        let commitment = self.vault.commitment(&exhibit).await?;
        let predicate = serde_json::json!({
            "schema": "comity.receipt-leaf/1", "release": header.release, "from": header.from, "by": header.to,
            "member": header.member, "agreement": header.agreement, "clauses": crossing.clauses, "received": now,
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
            body: KeptRelease {
                record,
                exhibit,
                erase_by: accepted.erase_by(),
                items: items.to_vec(),
                proof_days: accepted.duties().iter().find_map(|d| match d {
                    agreement::Duty::EraseProofDays(days) => Some(*days),
                    _ => None,
                }),
                compelled: accepted.ruling().source.compelled().map(Compelled::of),
            },
        };
        let batch = Batch { leaves: vec![NewLeaf::new(leaf)], ..Batch::default() };
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        records::RELEASES.put(&mut tx, &kept).await?;
        crossings::add(&mut tx, crossing).await?;
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
        self.refuse_two_faced(&receipt.by).await?;
        self.hear(&receipt.by, receipt.shown.as_ref()).await?;
        if let Some(line) = &receipt.cosignature {
            self.take_cosignature(&receipt.by, line, receipt.release.as_str()).await?;
        }
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
        let now = self.clock.now();
        // What an order compelled is receipted also by a partner with which no agreement is in force.
        let keys = match claimed.agreement {
            Some(_) => agreements.node_keys(&claimed.by, now),
            None => agreements.named_keys(&claimed.by, now),
        };
        let keys: Vec<_> = keys.into_iter().map(|k| (ledger::dsse::keyid(&k), k)).collect();
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
}
