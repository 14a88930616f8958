//! `share … --under ORDER`: what an order compels, released without an agreement under the eyes of counsel and another.
//!
//! Here: the two rulings (on the wish before anything is opened, on the final bytes), the approval, the release, and what
//! of it stays. Elsewhere: the order and its scope (`agreement`), what crosses and who is told (`compelled`), taking it in
//! (`receive`).
//! Nothing leaves beyond the order: only what lies within its places, its period and its targets is looked at.
//! On the ledger: both rulings' words without anybody's name, the order's document as a salted commitment beside the
//! payload's. Of a partner's cap nothing is used up.

use super::Node;
use super::error::NodeError;
use super::share::{KeptRelease, Shared, Wish, outgoing};
use crate::store::exhibits::Exhibit;
use crate::store::leaves::NewLeaf;
use crate::store::records::{self, Record};
use crate::store::{Batch, exhibits};
use agreement::{
    Agreements, Approver, COMPEL_APPROVAL_SCHEMA, COMPEL_APPROVAL_TYPE, CompelApproval, Compulsion, Demanded,
    Denial, Extent, Overridden, Permit, Request, Ruling,
};
use ed25519_dalek::SigningKey;
use evidence::custody::{Act as Did, Why};
use evidence::sealed::Recipient;
use exchange::{ReleaseRecord, Signer};
use ledger::Commitment;
use ledger::dsse::{self, Envelope};
use ledger::statement::{PredicateType, Statement};
use serde::{Deserialize, Serialize};
use terms::{Digest, ExhibitId, ExhibitKind, Obtained, PartnerId, PersonId, ReleaseId, Role, Timestamp};
use uuid::Uuid;

/// Who sees evidence and may release it; an operator and an auditor do not.
const SEEING: [Role; 5] =
    [Role::Analyst, Role::CaseLead, Role::Counsel, Role::DataProtectionOfficer, Role::Commander];

/// Under which order something is shared, and who approves it.
#[derive(Debug, Clone)]
pub struct Under {
    /// The order: its number, or its exhibit by id or first digits.
    pub order: String,
    /// The counsel who approves.
    pub counsel: PersonId,
    /// The other person who approves.
    pub second: PersonId,
    /// The part of the order's period that is shared; without it all of it.
    pub period: Option<privacy::Span>,
    /// To whom it is sealed, where no agreement in this home says so.
    pub seal_to: Option<Recipient>,
}

/// What is kept and told of the order behind a release (part of `comity.shared/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compelled {
    /// The exhibit of its document.
    pub authority: ExhibitId,
    /// Its number.
    pub order: String,
    /// Until when nobody may be told.
    pub gag: Option<Timestamp>,
    /// The counsel who approved; `None` at who got the records.
    pub counsel: Option<PersonId>,
    /// The other person who approved.
    pub second: Option<PersonId>,
    /// What of agreements it overrides.
    pub overrides: Option<Overridden>,
    /// What both signed (DSSE), as text; it is kept and not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
}

impl Compelled {
    /// What a ruling says of its order.
    pub fn of(order: &agreement::Compelled) -> Self {
        let (counsel, second) = order.approved.clone().unzip();
        Self {
            authority: ExhibitId(order.authority),
            order: order.id.clone(),
            gag: order.gag,
            counsel,
            second,
            overrides: order.overrides.clone(),
            approval: None,
        }
    }

    /// Until when nobody may be told, where that time is still to come.
    pub fn silent(&self, now: Timestamp) -> Option<Timestamp> {
        self.gag.filter(|until| now < *until)
    }
}

/// An order in this home.
pub(super) struct Order {
    /// The exhibit of its document.
    pub exhibit: ExhibitId,
    /// As the ledger holds the document.
    pub commitment: Commitment,
    /// What it says.
    pub compulsion: Compulsion,
}

/// One ruling under an order, and the approval it was made with.
struct Ruled {
    ruling: Ruling,
    approval: Envelope,
}

impl Node {
    /// Rules on a wish under an order and releases what it compels; with `dry` only says what the ruling is. A refusal is
    /// an error with its reason, and is on the ledger as a permit is.
    ///
    /// # Errors
    /// CMT-1130 where no such order is here; CMT-0251 to CMT-0267 as [`Agreements::compel`]; CMT-1130 where nothing that
    /// it compels is here, or nobody knows to whom it is sealed.
    pub async fn share_compelled(&self, wish: &Wish, under: &Under, dry: bool) -> Result<Shared, NodeError> {
        self.need_role(&self.person, &SEEING, "sharing under an order").await?;
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let order = self.order(&under.order).await?;
        let agreements = self.agreements().await?;
        let id = ReleaseId::new(&Uuid::now_v7().to_string())?;
        let window = super::compelled::window(under.period, &order.compulsion);
        // First the wish itself: what will be refused opens no record.
        let (asked, extent) = self.compelled_wish(wish, &order.compulsion, window)?;
        // What passed before is counted in, so that what it overrides is told as it stands.
        let spent = self.spent(&agreements, &asked, now, "").await?;
        let asked = asked.after(spent);
        let early = self.rule_compelled(&agreements, &order, (&asked, &extent), &id, under, now).await?;
        if let Ruling::Deny(denial) = early.ruling {
            return Err(self.refuse_compelled(denial, &asked, &order, dry, now).await?);
        }
        let recipient = self.sealed_to(&wish.with, under.seal_to.as_ref()).await?;
        let payload = self.compelled_payload(wish, &order.compulsion, window, dry, now).await?;
        let bytes = payload.canonical()?;
        let request = payload.request(Digest::of(&bytes));
        let spent = self.spent(&agreements, &request, now, "").await?;
        let request = request.after(spent);
        let extent = payload.extent.clone().unwrap_or_default();
        let ruled = self.rule_compelled(&agreements, &order, (&request, &extent), &id, under, now).await?;
        let mut statement = ruled.ruling.statement(&request, now);
        let permit = match ruled.ruling {
            Ruling::Permit(permit) => permit,
            Ruling::Deny(denial) => {
                return Err(self.refuse_compelled(denial, &request, &order, dry, now).await?);
            }
        };
        let mut shared = told(&permit, wish, &request, bytes.len() as u64);
        if dry {
            return Ok(shared);
        }
        if let Some(statement) = statement.as_object_mut() {
            let people = self.people().await?;
            let key = |p: &PersonId| people.iter().find(|k| k.person == *p).map(|k| PersonId::of_key(&k.key));
            let names = [&under.counsel, &under.second].map(key);
            statement.insert("approved".into(), serde_json::json!(names));
        }
        // The payload is kept first: its salted commitment is the subject of every leaf about it.
        let sealed = self.vault.seal_bytes(&bytes).await?;
        let subjects = vec![sealed.commitment, order.commitment];
        let leaf = Statement::new(subjects, PredicateType::Ruling, statement)?.sign(&self.keys.node)?;
        // The ruling stands on the ledger before the message shows it: of two faces each shows a leaf of its own.
        let batch = Batch { leaves: vec![NewLeaf::new(leaf)], ..Batch::default() };
        crate::store::commit(&self.state, &batch, now).await?;
        self.sequencer.run().await?;
        let shown = self.show(&wish.with, id.as_str(), now).await?;
        let delegation = self.own_delegation().await?;
        let signer = Signer { key: &self.keys.node, delegation: &delegation };
        let released =
            exchange::release_showing(permit, &bytes, id.clone(), signer, &recipient, Some(shown), now)?;
        let payload =
            outgoing(sealed.id, sealed.commitment, bytes.len() as u64, format!("release {id}"), now);
        let approval = String::from_utf8_lossy(&ruled.approval.to_json()).into_owned();
        if let Some(compelled) = shared.compelled.clone() {
            let compelled = Compelled { approval: Some(approval), ..compelled };
            self.keep_compelled(&released.record, payload, compelled, &order, now).await?;
        }
        shared.release = Some(id);
        shared.bundle = released.bundle;
        Ok(shared)
    }

    /// An order by its number or its exhibit.
    async fn order(&self, named: &str) -> Result<Order, NodeError> {
        let digits = named.len() >= 6 && named.bytes().all(|b| b.is_ascii_hexdigit());
        let named_so = |id: &ExhibitId| digits && id.to_string().starts_with(&named.to_ascii_lowercase());
        let (mut found, mut unread) = (Vec::new(), 0);
        for exhibit in self.exhibits_of(ExhibitKind::Compulsion).await? {
            match self.read_order(&exhibit).await {
                Ok(order) if order.compulsion.id() == named || named_so(&exhibit.id) => found.push(order),
                // One that does not read stands in nobody's way.
                Err(NodeError::Compulsion(_)) if !named_so(&exhibit.id) => unread += 1,
                Ok(_) => {}
                Err(e) => return Err(e),
            }
        }
        let several = found.len() > 1;
        match found.pop().filter(|_| !several) {
            Some(order) => Ok(order),
            None if several => Err(NodeError::First {
                what: format!("several documents in this home are order `{named}`"),
                help: "name the exhibit of the one that holds, by its id or first digits",
            }),
            None if unread > 0 => Err(NodeError::First {
                what: format!(
                    "no order `{named}` reads in this home; {unread} documents of orders do not read"
                ),
                help: "`comity analyze` and then `comity analyze --kind unreadable` say what is wrong with them",
            }),
            None => Err(NodeError::First {
                what: format!("no order `{named}` that compels is an exhibit of this home"),
                help: "take its document (`comity.compulsion/1`) in with `comity ingest FILE --obtained compelled`",
            }),
        }
    }

    /// The order whose document is this exhibit, if it is here.
    pub(super) async fn order_with(&self, id: &ExhibitId) -> Result<Option<Order>, NodeError> {
        let mut conn = self.state.read().await?;
        let found = exhibits::find(&mut conn, id).await?;
        drop(conn);
        match found.filter(|e| e.kind == ExhibitKind::Compulsion && e.erased_at.is_none()) {
            Some(exhibit) => Ok(Some(self.read_order(&exhibit).await?)),
            None => Ok(None),
        }
    }

    pub(super) async fn read_order(&self, exhibit: &Exhibit) -> Result<Order, NodeError> {
        let bytes = self.vault.read(&exhibit.id, agreement::MAX_COMPULSION as u64).await?;
        let compulsion = Compulsion::parse(&bytes)?;
        Ok(Order { exhibit: exhibit.id, commitment: exhibit.commitment, compulsion })
    }

    /// The approval of both over these bytes, and the ruling with it.
    async fn rule_compelled(
        &self,
        agreements: &Agreements,
        order: &Order,
        (request, extent): (&Request, &Extent),
        release: &ReleaseId,
        under: &Under,
        now: Timestamp,
    ) -> Result<Ruled, NodeError> {
        let people = self.approvers().await?;
        let approval = CompelApproval {
            schema: COMPEL_APPROVAL_SCHEMA.into(),
            authority: order.compulsion.authority(),
            release: release.clone(),
            bytes: request.bytes,
            to: request.to.clone(),
            counsel: under.counsel.clone(),
            second: under.second.clone(),
            at: now,
        };
        let approval = self.approve(&approval, &people)?;
        let demanded = Demanded { request, extent, release, approval: &approval, people: &people };
        Ok(Ruled { ruling: agreements.compel(&order.compulsion, demanded, now), approval })
    }

    /// To whom the bundle is sealed: an addressee whose address its partner signed gets it there and nowhere else.
    async fn sealed_to(
        &self,
        partner: &PartnerId,
        given: Option<&Recipient>,
    ) -> Result<Recipient, NodeError> {
        match (given, self.sealing_of(partner).await) {
            (Some(given), Ok(signed)) if given.to_string() != signed.to_string() => Err(NodeError::Value {
                what: format!(
                    "`{partner}` signed another sealing address than the one of `--seal-to`; leave the option out"
                ),
            }),
            (_, Ok(signed)) => Ok(signed),
            (Some(given), Err(NodeError::First { .. })) => Ok(given.clone()),
            (_, Err(e)) => Err(e),
        }
    }

    /// The people of this home with their keys.
    async fn approvers(&self) -> Result<Vec<Approver>, NodeError> {
        let mut out = Vec::new();
        for person in self.people().await? {
            // One whose key does not read can approve nothing.
            out.extend(super::keys::read_key(&person.key).map(|key| Approver {
                person: person.person,
                role: person.role,
                key,
            }));
        }
        Ok(out)
    }

    /// Signed by those of the two who are here. Who is missing, and who must not, the ruling says.
    fn approve(&self, approval: &CompelApproval, people: &[Approver]) -> Result<Envelope, NodeError> {
        let text = serde_json::to_vec(approval).map_err(|e| NodeError::Value { what: e.to_string() })?;
        let folder = self.home.keys();
        let mut keys: Vec<SigningKey> = Vec::new();
        for person in [&approval.counsel, &approval.second] {
            if people.iter().any(|p| p.person == *person) {
                let key = self.keys.of_person(&folder, person)?;
                if keys.iter().all(|k| k.verifying_key() != key.verifying_key()) {
                    keys.push(key);
                }
            }
        }
        let mut keys = keys.into_iter();
        // An envelope has a signature: where nobody is known it is the node's, which approves nothing.
        let first = keys.next().unwrap_or_else(|| self.keys.node.clone());
        let mut envelope = dsse::sign(COMPEL_APPROVAL_TYPE, &text, &first)?;
        for key in keys {
            envelope.add_signature(&key)?;
        }
        Ok(envelope)
    }

    /// The refusal as an error, noted on the ledger unless it is a dry run.
    async fn refuse_compelled(
        &self,
        denial: Denial,
        request: &Request,
        order: &Order,
        dry: bool,
        now: Timestamp,
    ) -> Result<NodeError, NodeError> {
        if !dry {
            let said = Ruling::Deny(denial.clone()).statement(request, now);
            let text = serde_json::to_vec(request).unwrap_or_default();
            let sealed = self.vault.seal_bytes(&text).await?;
            let subjects = vec![sealed.commitment, order.commitment];
            let leaf = Statement::new(subjects, PredicateType::Ruling, said)?.sign(&self.keys.node)?;
            self.note_refusal(sealed.id, sealed.commitment, text.len() as u64, leaf, now).await?;
        }
        let help = miette::Diagnostic::help(&denial).map(|h| h.to_string()).unwrap_or_default();
        let (sentence, code) = (denial.sentence().to_owned(), denial.code.to_owned());
        Ok(NodeError::NotCompelled { sentence, code, help })
    }

    async fn keep_compelled(
        &self,
        record: &ReleaseRecord,
        payload: Exhibit,
        compelled: Compelled,
        order: &Order,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let header = &record.header;
        let predicate = serde_json::json!({
            "schema": "comity.release-leaf/1", "release": header.release, "from": header.from, "to": header.to,
            "member": header.member, "purpose": header.purpose, "source": "compulsion", "order": compelled.order,
            "gag": compelled.gag, "released": header.released,
        });
        let subjects = vec![payload.commitment, order.commitment];
        let leaf =
            Statement::new(subjects.clone(), PredicateType::Release, predicate)?.sign(&self.keys.node)?;
        let mut event = self.event(subjects, Did::Release, Why::Authority(compelled.order.clone()), false);
        event.obtained = Some(Obtained::Compelled);
        event.document = compelled.approval.as_ref().map(|a| Digest::of(a.as_bytes()));
        let (custody, custody_leaf) = self.custody(payload.id, &event)?;
        let kept = Record {
            id: header.release.to_string(),
            belongs: header.to.to_string(),
            status: "released".into(),
            at: now,
            until: None,
            body: KeptRelease {
                record: record.clone(),
                exhibit: payload.id,
                erase_by: None,
                items: Vec::new(),
                proof_days: None,
                compelled: Some(compelled),
            },
        };
        let batch = Batch {
            exhibits: vec![Exhibit { obtained: Obtained::Compelled, ..payload }],
            custody: vec![custody],
            leaves: vec![NewLeaf::new(leaf), custody_leaf],
            ..Batch::default()
        };
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        records::RELEASES.put(&mut tx, &kept).await?;
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(())
    }
}

/// What the command says of a permit under an order.
fn told(permit: &Permit, wish: &Wish, request: &Request, bytes: u64) -> Shared {
    Shared {
        schema: "comity.shared/1",
        release: None,
        to: wish.with.clone(),
        member: wish.member.clone(),
        clauses: Vec::new(),
        duties: permit.duties().iter().map(ToString::to_string).collect(),
        records: request.records,
        stays: Vec::new(),
        batch: None,
        bytes,
        cost: None,
        compelled: permit.source().compelled().map(Compelled::of),
        bundle: Vec::new(),
    }
}
