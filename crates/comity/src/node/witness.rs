//! Witnesses by files: asking a partner for its cosignature, giving ours, taking one in, and how many there are.
//!
//! The texts are those of C2SP tlog-witness (`add-checkpoint`): a request with the consistency proof, an answer of
//! signature lines. Beside them every receipt carries the cosignature of a partner that an agreement names as witness.
//! Elsewhere: the checks (`ledger::request`), what is remembered (`store::state::heads`).

use super::error::NodeError;
use super::{Node, origin};
use crate::store::custody::{self, CustodyRow};
use crate::store::files::{Disk, Files as _};
use crate::store::heads::{self, Alarm, Cosignature, PartnerHead};
use crate::store::leaves;
use ledger::request::{self, Request};
use ledger::{Head, LedgerError, NoteKey, checkpoint};
use serde::Serialize;
use terms::{ClauseId, ExhibitId, PartnerId, Timestamp};

/// How one `witness` clause stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Demand {
    /// The clause.
    pub clause: ClauseId,
    /// How many it demands.
    pub needed: usize,
    /// The largest of our checkpoints that so many of its witnesses cosigned; none where no one has.
    pub met_at: Option<u64>,
    /// Witnesses that have cosigned nothing yet.
    pub missing: Vec<PartnerId>,
}

/// What ledgers have shown, ours and others'.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heads {
    /// Always `comity.heads/1`.
    pub schema: &'static str,
    /// Our own signed head: leaves.
    pub size: u64,
    /// Cosignatures on our checkpoints, newest size first.
    pub cosignatures: Vec<Cosignature>,
    /// The witness clauses that bind us.
    pub demands: Vec<Demand>,
    /// The largest head of each partner.
    pub partners: Vec<PartnerHead>,
    /// Two-faced ledgers; an open alarm has no answer.
    pub alarms: Vec<Alarm>,
}

impl Heads {
    /// Whether every witness clause that binds us has been met by some checkpoint.
    pub fn witnessed(&self) -> bool {
        self.demands.iter().all(|d| d.met_at.is_some())
    }
    /// Whether an alarm waits for a person.
    pub fn alarmed(&self) -> bool {
        self.alarms.iter().any(|a| a.answered_at.is_none())
    }
}

/// What asking, answering or taking in did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// Always `comity.witnessed/1`.
    pub schema: &'static str,
    /// `ask`, `cosign` or `take`.
    pub did: &'static str,
    /// The other partner.
    pub partner: PartnerId,
    /// Whose log.
    pub origin: String,
    /// The size that is cosigned.
    pub size: u64,
    /// When it was cosigned, by the witness's clock.
    pub at: Option<Timestamp>,
}

fn witnessed(
    did: &'static str,
    partner: PartnerId,
    origin: String,
    size: u64,
    at: Option<Timestamp>,
) -> Witnessed {
    Witnessed { schema: "comity.witnessed/1", did, partner, origin, size, at }
}

impl Node {
    /// Asks a partner to witness our present checkpoint: the text of the request, from the size it cosigned last, or from
    /// `old` where the witness says that it saw more.
    ///
    /// # Errors
    /// CMT-1191 when our ledger does not continue what it cosigned.
    pub async fn ask_witness(
        &self,
        partner: &PartnerId,
        old: Option<u64>,
    ) -> Result<(Vec<u8>, Witnessed), NodeError> {
        let bytes = self.sequencer.checkpoint().await?;
        let mut conn = self.state.read().await?;
        let given = heads::cosignatures(&mut conn).await?;
        let last = given.iter().find(|c| c.witness == *partner).map(|c| c.size);
        let seen = match last {
            Some(size) => heads::checkpoint(&mut conn, size).await?,
            None => None,
        };
        drop(conn);
        let name = origin(&self.partner);
        let keys = [NoteKey::new(&name, self.keys.node.verifying_key())?];
        let open = |text: &str| checkpoint::open(text.as_bytes(), &name, &keys).map(|s| s.head().clone());
        let seen: Option<Head> = seen.as_deref().map(open).transpose()?;
        let head = checkpoint::open(&bytes, &name, &keys)?.head().clone();
        let (folder, origin, size, root) = (self.home.ledger(), name.clone(), head.size, head.root);
        let (text, for_error) = (bytes.clone(), (partner.clone(), seen.as_ref().map_or(0, |h| h.size)));
        let work = move || {
            let disk = Disk::new(&folder)?;
            let read = |path: &str| disk.read(path);
            let seen = match old {
                Some(size) => Some(ledger::earlier::head(&read, &head, size)?),
                None => seen,
            };
            request::ask(&read, bytes, &origin, &keys, seen.as_ref()).map_err(|e| NodeError::OwnLedger {
                partner: for_error.0,
                size: for_error.1,
                why: e.to_string(),
            })
        };
        let request = tokio::task::spawn_blocking(work).await.map_err(ended)??;
        let now = self.clock.now();
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut tx = self.state.begin().await?;
        heads::keep_checkpoint(&mut tx, size, root, &text, now).await?;
        tx.commit().await?;
        Ok((request.to_text(), witnessed("ask", partner.clone(), name, size, None)))
    }

    /// Answers a partner's request as its witness: the signature line, after what it shows was remembered.
    ///
    /// # Errors
    /// CMT-1190 when its ledger has two faces, now or before; CMT-1130 when no agreement in force names us; as
    /// [`request::answer`].
    pub async fn cosign(&self, bytes: &[u8]) -> Result<(Vec<u8>, Witnessed), NodeError> {
        let request = Request::parse(bytes)?;
        let partner = asker(&request)?;
        self.refuse_two_faced(&partner).await?;
        if !self.witnesses(&partner).await? {
            return Err(NodeError::First {
                what: format!("no agreement in force names this partner as a witness of `{partner}`"),
                help: "agree on a `witness` clause first; `comity agree list` shows what is in force",
            });
        }
        let (name, keys) = self.log_keys_of(&partner).await?;
        let now = self.clock.now();
        let mut conn = self.state.read().await?;
        let (_, known) = heads::remembered(&mut conn, &name).await?;
        drop(conn);
        // The head we cosigned last is one we remember; what was shown since lies above it and is joined by the proof.
        let old = known.iter().find(|h| h.size == request.old);
        let seen = old.or(known.first()).map(|h| Head { origin: name.clone(), size: h.size, root: h.root });
        let signer = self.cosigner()?;
        match request::answer(&request, &name, &keys, seen.as_ref(), &signer, now) {
            Ok((line, head)) => {
                self.agrees(&partner, &known, &head, &request, now).await?;
                let kept = PartnerHead {
                    partner: partner.clone(),
                    origin: name.clone(),
                    size: head.size,
                    root: head.root,
                    shown_at: known.first().map_or(Timestamp(0), |h| h.shown_at),
                    heard_at: now,
                    checkpoint: String::from_utf8_lossy(&request.checkpoint).into_owned(),
                };
                let mut tx = self.state.begin().await?;
                heads::remember(&mut tx, &[kept]).await?;
                tx.commit().await?;
                Ok((line, witnessed("cosign", partner, name, head.size, Some(now))))
            }
            Err(LedgerError::Fork { why, .. }) => {
                self.raise_request(&partner, &why, &request, &known, now).await?;
                Err(NodeError::TwoFaced { partner, why })
            }
            Err(other) => Err(other.into()),
        }
    }

    /// A head that continues one that is remembered must not contradict a larger one.
    async fn agrees(
        &self,
        partner: &PartnerId,
        known: &[PartnerHead],
        head: &Head,
        request: &Request,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let Some(largest) = known.first() else { return Ok(()) };
        let same = known.iter().find(|h| h.size == head.size);
        if let Some(other) = same.filter(|h| h.root != head.root) {
            let why = format!("two roots for {} leaves: {} and {}", head.size, other.root, head.root);
            self.raise_request(partner, &why, request, known, now).await?;
            return Err(NodeError::TwoFaced { partner: partner.clone(), why });
        }
        // A witness speaks for the largest head it saw (C2SP tlog-cosignature): a smaller one is not cosigned, and a
        // larger one has to be joined to the largest.
        if head.size < largest.size || (request.old != largest.size && head.size != largest.size) {
            return Err(LedgerError::OtherSize {
                origin: head.origin.clone(),
                asked: request.old,
                seen: largest.size,
            }
            .into());
        }
        Ok(())
    }

    async fn raise_request(
        &self,
        partner: &PartnerId,
        why: &str,
        request: &Request,
        known: &[PartnerHead],
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let text = String::from_utf8_lossy(&request.checkpoint).into_owned();
        let shown = ledger::heads::Shown::new(now, text, Vec::new(), 0);
        self.raise(partner, why, &shown, known, now).await
    }

    /// Takes a witness's answer in: its cosignature on the checkpoint that it was asked for.
    ///
    /// # Errors
    /// CMT-0322 for an answer without a line of a known witness, CMT-0311 for one that does not fit.
    pub async fn take_answer(&self, partner: &PartnerId, answer: &[u8]) -> Result<Witnessed, NodeError> {
        let answer = std::str::from_utf8(answer)
            .map_err(|_| LedgerError::Request("the answer is no list of signature lines".into()))?;
        let mut conn = self.state.read().await?;
        let kept = heads::checkpoints(&mut conn).await?;
        drop(conn);
        let mut last = None;
        for (size, text) in kept {
            match self.keep_cosignature(partner, size, &text, answer).await {
                Ok(kept) => {
                    let name = origin(&self.partner);
                    return Ok(witnessed("take", partner.clone(), name, kept.size, Some(kept.at)));
                }
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or_else(|| NodeError::First {
            what: "nothing was asked of a witness yet".into(),
            help: "`comity verify ask --witness PARTNER --out FILE` asks",
        }))
    }

    /// What ledgers have shown, and whether our witnesses have cosigned as agreements demand.
    ///
    /// # Errors
    /// When state store or agreements cannot be read.
    pub async fn heads(&self) -> Result<Heads, NodeError> {
        let size = self.sequencer.head().await?.size;
        let agreements = self.agreements().await?;
        let clauses = agreements.witnesses(self.clock.now());
        let mut conn = self.state.read().await?;
        let cosignatures = heads::cosignatures(&mut conn).await?;
        let (partners, alarms) = (heads::largest(&mut conn).await?, heads::alarms(&mut conn).await?);
        let demand = |c: agreement::WitnessRule| {
            let others: Vec<PartnerId> = c.witnesses.into_iter().filter(|w| *w != self.partner).collect();
            let mut sizes: Vec<u64> = cosignatures.iter().map(|c| c.size).collect();
            sizes.dedup();
            let by = |size: u64| {
                cosignatures.iter().filter(|c| c.size == size && others.contains(&c.witness)).count()
            };
            let met_at = sizes.into_iter().find(|s| by(*s) >= c.needed);
            let silent = |w: &PartnerId| cosignatures.iter().all(|c| c.witness != *w);
            let missing = others.iter().filter(|w| silent(w)).cloned().collect();
            Demand { clause: c.clause, needed: c.needed, met_at, missing }
        };
        let demands = clauses.into_iter().map(demand).collect();
        Ok(Heads { schema: "comity.heads/1", size, cosignatures, demands, partners, alarms })
    }
}

/// A leaf with the proof that it stands on this home's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeafProof {
    /// Always `comity.leaf-proof/1`.
    pub schema: &'static str,
    /// Its id in the state store.
    pub leaf: String,
    /// Its index on the ledger.
    pub index: u64,
    /// The leaf itself: a signed statement.
    pub body: String,
    /// The C2SP tlog-proof text: index, path, signed checkpoint.
    pub proof: String,
    /// The log's key, as a verifier key (C2SP signed-note).
    pub vkey: String,
}

impl Node {
    /// The proof of a leaf, by the leaf's id or by an exhibit: then of the leaf that took it in.
    ///
    /// # Errors
    /// CMT-1123 when there is neither; CMT-1130 when no checkpoint covers it yet.
    pub async fn leaf_proof(&self, of: &str) -> Result<LeafProof, NodeError> {
        let mut conn = self.state.read().await?;
        let id = match of.parse::<ExhibitId>() {
            Ok(exhibit) => {
                let acts: Vec<CustodyRow<serde_json::Value>> =
                    custody::of(&mut conn, &exhibit, "", 1).await?;
                acts.into_iter().next().map(|act| act.leaf)
            }
            Err(_) => Some(of.to_owned()),
        };
        let found = match id {
            Some(id) => leaves::find(&mut conn, &id).await?,
            None => None,
        };
        drop(conn);
        let missing =
            NodeError::Missing { what: "exhibit or leaf", id: of.to_owned(), list: "`comity case report`" };
        let leaf = found.ok_or(missing)?;
        let proof = self.prove(&leaf.id).await?.ok_or_else(|| NodeError::First {
            what: "no checkpoint covers this leaf yet".into(),
            help: "run any command that writes, then ask again",
        })?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(LeafProof {
            schema: "comity.leaf-proof/1",
            leaf: leaf.id,
            index: proof.index,
            body: text(leaf.body),
            proof: text(proof.text),
            vkey: proof.vkey.trim_end().to_owned(),
        })
    }
}

/// Whose log a request is about, by its origin line. The keys of that partner decide whether it is true.
fn asker(request: &Request) -> Result<PartnerId, NodeError> {
    let name = request.origin().unwrap_or_default();
    let id = name.strip_suffix(".comity/ledger").unwrap_or_default();
    let partner = PartnerId::new(id)?;
    Ok(partner)
}

fn ended(e: tokio::task::JoinError) -> NodeError {
    NodeError::NotVerified { what: format!("the working thread ended: {e}") }
}
