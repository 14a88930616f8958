//! What lies inside an exhibit: a child opens one layer, each member is sealed as an exhibit of its own.
//!
//! Here: how far a container may be opened, given what it lies in; members as they come up from the child; their intake.
//! Elsewhere: the opening itself (`malware::unpack`), sealing and reading (`ingest`), as what a derived exhibit counts
//! (`label`: by what it was unpacked from), that it goes with it (`erase`).
//! Bounds: `malware::Limits`, over all depths: a member that is a container has a job of its own, and its depth and what
//! the tree holds already are counted from the state store. Two containers of one tree that are opened at the same moment
//! may together pass the bound on the tree by one container's worth.

use super::Node;
use super::error::NodeError;
use super::ingest::{Left, Manner, Source, unreadable_finding};
use super::withheld::{Listed, Lists, Named};
use crate::store::exhibits::{self, Exhibit};
use crate::store::findings;
use crate::work::{Frame, Input, Member, Opening, WorkError};
use evidence::custody::Act;
use std::collections::BTreeMap;
use terms::{Confidence, ExhibitId, Finding, FindingBody, FindingId, Unsealed};
use tokio::sync::mpsc;

/// An encrypted part that no password opened (`malware`).
pub(super) const LOCKED: &str = "CMT-0539";
/// A container that holds itself (`malware`).
const CYCLE: &str = "CMT-0536";

/// How an examination breaks off (`work::WorkError`).
const FAILED: &[&str] = &["CMT-1101", "CMT-1102", "CMT-1103", "CMT-1285"];

/// Where an exhibit stands in what it was unpacked from.
pub(super) struct Standing {
    /// It and what it lies in, innermost first.
    chain: Vec<ExhibitId>,
    /// How far it is opened.
    pub opening: Opening,
}

/// What one layer gave.
#[derive(Default)]
pub(super) struct Layer {
    /// Findings on the container.
    pub findings: Vec<Finding>,
    /// Why the child ended early, where it did; what came up before stands.
    pub trouble: Option<WorkError>,
}

impl Node {
    /// How far an exhibit may be opened: as deep, and as much, as what it lies in leaves.
    pub(super) async fn standing_in(
        &self,
        exhibit: &Exhibit,
        passwords: &[String],
    ) -> Result<Standing, NodeError> {
        let limits = malware::Limits::default();
        let mut chain = vec![exhibit.id];
        let mut conn = self.state.read().await?;
        let mut above = exhibit.derived_from;
        while let Some(id) = above {
            // Deeper than is ever opened, or a chain that was written by another hand: nothing more is opened.
            if chain.len() > limits.depth as usize || chain.contains(&id) {
                break;
            }
            chain.push(id);
            above = exhibits::find(&mut conn, &id).await?.and_then(|e| e.derived_from);
        }
        let lists = self.lists().await?;
        let root = chain.last().copied().unwrap_or(exhibit.id);
        // Counted where something may come out of it: a thousand members would each count the thousand others.
        let (held, bytes) = match malware::opened(exhibit.kind) {
            true => exhibits::below(&mut conn, &root).await?,
            false => (0, 0),
        };
        let deep = u32::try_from(chain.len() - 1).unwrap_or(u32::MAX);
        let opening = Opening {
            depth: limits.depth.saturating_sub(deep),
            derived: limits.derived.min(limits.tree.saturating_sub(held)),
            total: limits.total.min(limits.tree_total.saturating_sub(bytes)),
            passwords: passwords.to_vec(),
            digests: !lists.is_empty(),
        };
        Ok(Standing { chain, opening })
    }

    /// Examines one exhibit in a child; what lies in it is sealed as it comes up.
    ///
    /// # Errors
    /// What is the home's own trouble. What is the exhibit's is told in the answer.
    pub(super) async fn examine_layer(
        &self,
        exhibit: &Exhibit,
        passwords: &[String],
    ) -> Result<Layer, NodeError> {
        let standing = self.standing_in(exhibit, passwords).await?;
        let input = self.input(&exhibit.id, exhibit.size, None).await?;
        // One at a time: the child waits while a member is sealed, so that no more than two lie in memory.
        let (send, mut members) = mpsc::channel(1);
        let (pool, id, opening) = (self.pool.clone(), exhibit.id, standing.opening.clone());
        let lists = self.lists().await?;
        let child = tokio::task::spawn_blocking(move || hear(&pool, opening, input, id, (&lists, &send)));
        let mut layer = Layer::default();
        let mut broken = None;
        let mut names = BTreeMap::new();
        while let Some((member, bytes)) = members.recv().await {
            match self.derive(exhibit, &standing, member, bytes, &mut names).await {
                Ok(found) => layer.findings.extend(found),
                Err(e) => {
                    broken = Some(e);
                    break;
                }
            }
        }
        drop(members);
        let ended = child.await;
        if let Some(e) = broken {
            return Err(e);
        }
        let (mut found, listed, told) =
            ended.map_err(|e| WorkError::Refused(format!("the examining thread ended: {e}")))?;
        if let Some(listed) = listed {
            found.extend(self.withhold(&standing.chain, listed, true).await?);
        }
        layer.findings.append(&mut found);
        layer.trouble = told.err();
        Ok(layer)
    }

    /// Seals one member and says where it came from.
    async fn derive(
        &self,
        from: &Exhibit,
        standing: &Standing,
        member: Member,
        bytes: Vec<u8>,
        names: &mut BTreeMap<String, u32>,
    ) -> Result<Vec<Finding>, NodeError> {
        let id = ExhibitId(terms::Digest::of(&bytes));
        let Member { path, how, .. } = member;
        if standing.chain.contains(&id) {
            let why = format!("{path} has the bytes of what it lies in: it is not opened again");
            let left = Left { code: CYCLE.into(), at: path, why, records: 1 };
            return Ok(vec![unreadable_finding(&left, from.id)]);
        }
        let lists = self.lists().await?;
        if !lists.is_empty()
            && let Some(listed) = lists.find(&Named::of(&bytes))
        {
            // No exhibit is made of it: it lies sealed in what it came out of, which is withheld with all around it.
            let mut found = self.withhold(&standing.chain, listed, true).await?;
            let mut conn = self.state.read().await?;
            let here = exhibits::find(&mut conn, &id).await?.filter(|e| e.erased_at.is_none());
            drop(conn);
            // One was made before the list came.
            if let Some(here) = here {
                found.extend(self.withhold(&[here.id], listed, false).await?);
            }
            return Ok(found);
        }
        // Two members of one name are two names here.
        let times = names.entry(path.clone()).or_default();
        *times += 1;
        // A member without a name is called by what it is, so that a line about it is not empty.
        let path = if path.trim().is_empty() {
            format!("(no name) {}", id.to_string().get(..12).unwrap_or_default())
        } else {
            path
        };
        let name = if *times == 1 { path.clone() } else { format!("{path} ({times})") };
        let manner = Manner {
            obtained: from.obtained,
            why: format!("unpacked from {}", from.id),
            act: Act::Derive,
            from: Some(Box::new(from.clone())),
        };
        let taken = self.take_in(Source::Bytes(name, bytes), &manner).await?;
        Ok(vec![derived(from.id, taken.exhibit, path, how)])
    }

    /// What an earlier examination could not open and this one did: refuted by what came out.
    pub(super) async fn no_longer_locked(
        &self,
        exhibit: &ExhibitId,
        now: &[Finding],
    ) -> Result<Vec<(FindingId, FindingId)>, NodeError> {
        let Some(by) = now.iter().find(|f| matches!(f.body, FindingBody::Derived { .. })) else {
            return Ok(Vec::new());
        };
        let stands = self.unreadable_of(exhibit).await?;
        let gone = stands.iter().filter(|f| is_locked(f) && now.iter().all(|n| n.id != f.id));
        Ok(gone.map(|f| (f.id, by.id)).collect())
    }

    /// An examination that failed before and did not now: what was said of the failure is refuted by what was found.
    pub(super) async fn no_longer_failed(
        &self,
        exhibit: &ExhibitId,
        now: &[Finding],
    ) -> Result<Vec<(FindingId, FindingId)>, NodeError> {
        let Some(by) = now.first() else { return Ok(Vec::new()) };
        let mut stands = self.unreadable_of(exhibit).await?;
        stands.retain(|f| has_failed(f) && f.exhibits == [*exhibit] && now.iter().all(|n| n.id != f.id));
        Ok(stands.iter().map(|f| (f.id, by.id)).collect())
    }

    /// What could not be read of one exhibit, as it stands: those of all others may be very many.
    async fn unreadable_of(&self, exhibit: &ExhibitId) -> Result<Vec<Finding>, NodeError> {
        let (mut all, mut after) = (Vec::new(), None);
        let mut conn = self.state.read().await?;
        loop {
            let page = findings::of_exhibit(&mut conn, exhibit, after.as_ref(), 1000).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.finding.id);
            let unread = |k: &findings::Kept| {
                k.refuted_by.is_none() && matches!(k.finding.body, FindingBody::Unreadable { .. })
            };
            all.extend(page.into_iter().filter(unread).map(|k| k.finding));
        }
    }

    /// Findings that say that an examination broke off.
    pub(super) async fn failed_before(&self) -> Result<Vec<Finding>, NodeError> {
        let mut all = self.of_kind("unreadable").await?;
        all.retain(has_failed);
        Ok(all)
    }

    /// Findings that say that no password opened a part of an exhibit.
    pub(super) async fn locked(&self) -> Result<Vec<Finding>, NodeError> {
        let mut all = self.of_kind("unreadable").await?;
        all.retain(is_locked);
        Ok(all)
    }
}

fn has_failed(finding: &Finding) -> bool {
    finding.examiner == "comity.work"
        && matches!(&finding.body, FindingBody::Unreadable { code, .. } if FAILED.contains(&code.as_str()))
}

fn is_locked(finding: &Finding) -> bool {
    matches!(&finding.body, FindingBody::Unreadable { code, .. } if code == LOCKED)
}

/// Where a derived exhibit came from.
fn derived(from: ExhibitId, exhibit: ExhibitId, path: String, how: String) -> Finding {
    Unsealed {
        examiner: malware::UNPACKER.split('/').next().unwrap_or_default().to_owned(),
        version: 1,
        confidence: Confidence::new(100),
        reason: format!("{path} was taken out of it ({how})"),
        body: FindingBody::Derived { exhibit, path, how },
    }
    .seal(vec![from])
}

/// Findings, the first list that names something in it, and how the child ended.
type Heard = (Vec<Finding>, Option<Listed>, Result<(), WorkError>);

/// Listens to the child: findings are kept, members handed on when they are whole.
fn hear(
    pool: &crate::work::Pool,
    opening: Opening,
    input: Input,
    id: ExhibitId,
    (lists, send): (&Lists, &mpsc::Sender<(Member, Vec<u8>)>),
) -> Heard {
    let mut gathering = Gathering::new(&opening);
    let (mut found, mut listed) = (Vec::new(), None);
    let told = pool.open(opening, input, |frame| match frame {
        Frame::Finding(finding) => {
            found.push(finding.seal(vec![id]));
            Ok(())
        }
        Frame::Member(_) | Frame::Part(_) => match gathering.frame(frame)? {
            Some(whole) => {
                let gone = |_| WorkError::Refused("what was unpacked could not be sealed".into());
                send.blocking_send(whole).map_err(gone)
            }
            None => Ok(()),
        },
        Frame::Summary(_) => gathering.end(),
        Frame::Kind(..) => Ok(()),
        Frame::Inner(sha256, md5, sha1) => {
            let named = Named { sha256, others: Some((md5, sha1)) };
            // What it is itself was compared when it was sealed.
            if listed.is_none() && sha256 != id.0.0 {
                listed = lists.find(&named);
            }
            Ok(())
        }
        Frame::Rows(_) | Frame::Escapes(_) | Frame::OfSet(..) => {
            Err(WorkError::Protocol { why: "an examining child reads no rows".into() })
        }
    });
    (found, listed, told)
}

/// The member that is coming up, and what may still come: a child is held to what it was asked for.
struct Gathering {
    members: u64,
    bytes: u64,
    most_member: u64,
    now: Option<(Member, Vec<u8>)>,
}

impl Gathering {
    fn new(opening: &Opening) -> Self {
        let most_member = malware::Limits::default().member;
        Self { members: opening.derived, bytes: opening.total, most_member, now: None }
    }

    /// The member, when its last byte is here.
    fn frame(&mut self, frame: Frame) -> Result<Option<(Member, Vec<u8>)>, WorkError> {
        let lied = |why: &str| Err(WorkError::Protocol { why: why.to_owned() });
        match frame {
            Frame::Member(member) => {
                let (Some(members), Some(bytes)) =
                    (self.members.checked_sub(1), self.bytes.checked_sub(member.size))
                else {
                    return lied("more came out of an exhibit than was asked for");
                };
                if self.now.is_some() || member.size > self.most_member {
                    return lied("a derived exhibit is not of the size that was announced");
                }
                (self.members, self.bytes) = (members, bytes);
                self.now = Some((member, Vec::new()));
            }
            Frame::Part(part) => {
                let Some((member, bytes)) = &mut self.now else {
                    return lied("bytes came without a derived exhibit");
                };
                if (bytes.len() + part.len()) as u64 > member.size {
                    return lied("a derived exhibit is not of the size that was announced");
                }
                bytes.extend_from_slice(&part);
            }
            _ => return Ok(None),
        }
        let whole = self.now.as_ref().is_some_and(|(member, bytes)| bytes.len() as u64 == member.size);
        Ok(if whole { self.now.take() } else { None })
    }

    fn end(&self) -> Result<(), WorkError> {
        match &self.now {
            None => Ok(()),
            Some(_) => Err(WorkError::Protocol { why: "a derived exhibit came up in part".into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;

    fn member(size: u64) -> Frame {
        Frame::Member(Member { path: "a".into(), how: "stored".into(), size })
    }

    #[test]
    fn a_member_is_handed_on_when_it_is_whole() {
        let mut gathering =
            Gathering::new(&Opening { depth: 1, derived: 2, total: 10, ..Opening::default() });
        assert!(gathering.frame(member(3)).unwrap().is_none());
        assert!(gathering.frame(Frame::Part(vec![1, 2])).unwrap().is_none());
        assert!(gathering.end().is_err());
        assert_eq!(gathering.frame(Frame::Part(vec![3])).unwrap().unwrap().1, [1, 2, 3]);
        assert!(gathering.end().is_ok());
        // An empty file is whole at once.
        assert!(gathering.frame(member(0)).unwrap().is_some());
        assert!(gathering.frame(member(0)).is_err(), "two were asked for");
    }

    #[test]
    fn a_child_that_sends_other_than_it_said_is_an_attack() {
        let opening = Opening { depth: 1, derived: 9, total: 10, ..Opening::default() };
        let fresh = || Gathering::new(&opening);
        assert!(fresh().frame(Frame::Part(vec![1])).is_err());
        assert!(fresh().frame(member(11)).is_err());
        let mut one = fresh();
        one.frame(member(2)).unwrap();
        assert!(one.frame(Frame::Part(vec![1, 2, 3])).is_err());
        let mut two = fresh();
        two.frame(member(2)).unwrap();
        assert!(two.frame(member(2)).is_err());
    }
}
