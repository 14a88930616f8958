//! Victims of a home's own sinkhole, kept for their notification alone.
//!
//! A sinkhole whose configuration has `[notification]` seals the address of each bot to a public key that is made here
//! (`sinkhole::victims`). Here: whether its ground allows that, the key, taking in what was sealed, opening it for `notify`, and
//! what `case retention` erases when the day has come. Elsewhere: who is told (`notify`), the erasure itself (`erase`).
//!
//! The secret half rests in the vault as an object of its own, and so under a key of its own that is destroyed with it: after that
//! nothing that was sealed to it opens, wherever copies of it lie. Key and exhibits bear a kind that is never shared.
//! One key serves one sinkhole, ground and day of erasure; from that day on nothing is opened, also where nobody erased it yet.

use super::Node;
use super::error::NodeError;
use super::ingest::{Ingested, Manner, Source, Unsealable};
use super::plan;
use super::retain::{Retained, Standing};
use super::share::outgoing;
use super::sinkhole::covers;
use crate::store::exhibits::{self, Exhibit};
use crate::store::{Batch, settings};
use crate::work::Input;
use crate::work::input::Filling;
use evidence::custody::{Act, Why};
use evidence::sealed::{self, Identity, Recipient};
use evidence::{EvidenceError, hold};
use serde::{Deserialize, Serialize};
use sinkhole::victims::{PART, head, next};
use sinkhole::{Config, SinkholeError};
use std::collections::BTreeSet;
use std::io::{self, BufReader};
use std::path::Path;
use terms::{ExhibitId, ExhibitKind, Instrument, ReleaseId, Timestamp};

/// Where the keys are listed.
const KEYS: &str = "sinkhole-victims";
/// Bytes of a secret key as text.
const SECRET: u64 = 4 << 10;
/// Bytes of one file of victims: it ends with its segment.
const MOST: u64 = 4 << 30;

/// A key for notification, with what was taken in under it. Names no machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VictimKey {
    sinkhole: String,
    ground: String,
    erase_by: Timestamp,
    /// The public half, `age1…`.
    recipient: String,
    /// The secret half, in the vault.
    secret: ExhibitId,
    /// What was sealed to it and is here, or was.
    pub(super) exhibits: Vec<ExhibitId>,
}

impl VictimKey {
    fn is_of(&self, sinkhole: &str, ground: &str, erase_by: Timestamp) -> bool {
        (self.sinkhole.as_str(), self.ground.as_str(), self.erase_by) == (sinkhole, ground, erase_by)
    }
    /// Whether its day has come.
    pub(super) fn over(&self, now: Timestamp) -> bool {
        self.erase_by <= now
    }
}

impl Node {
    pub(super) async fn victim_keys(&self) -> Result<Vec<VictimKey>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(settings::get(&mut conn, KEYS).await?.unwrap_or_default())
    }

    /// The public half to which a sinkhole seals addresses of bots; none where its configuration does not ask for it, or
    /// where the day of erasure has passed: then it writes none.
    ///
    /// # Errors
    /// CMT-1413 where the ground does not allow it, or not for as long.
    pub(super) async fn victim_key(&self, config: &Config) -> Result<Option<Recipient>, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let Some(wanted) = config.notification.as_ref().filter(|n| n.erase > now) else { return Ok(None) };
        self.may_tell(config, &wanted.ground, wanted.erase, now).await?;
        let mut keys = self.victim_keys().await?;
        let mut conn = self.state.read().await?;
        for key in keys.iter().filter(|k| k.is_of(&config.id, &wanted.ground, wanted.erase)) {
            if exhibits::is_here(&mut conn, &key.secret).await? {
                return Ok(Some(key.recipient.parse().map_err(told)?));
            }
        }
        drop(conn);
        let identity = Identity::generate();
        let recipient = identity.recipient();
        let secret = self.vault.seal_bytes(identity.secret_text().as_bytes()).await?;
        let why = Why::House(format!("key for the notification of victims of sinkhole {}", config.id));
        let event = self.event(vec![secret.commitment], Act::Seal, why, false);
        let (custody, leaf) = self.custody(secret.id, &event)?;
        let name = format!("key for notification of {}", config.id);
        let size = identity.secret_text().len() as u64;
        let row = Exhibit {
            kind: ExhibitKind::SinkholeVictims,
            ..outgoing(secret.id, secret.commitment, size, name, now)
        };
        let batch =
            Batch { exhibits: vec![row], custody: vec![custody], leaves: vec![leaf], ..Batch::default() };
        keys.push(VictimKey {
            sinkhole: config.id.clone(),
            ground: wanted.ground.clone(),
            erase_by: wanted.erase,
            recipient: recipient.to_string(),
            secret: secret.id,
            exhibits: Vec::new(),
        });
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        settings::put(&mut tx, KEYS, &keys).await?;
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(Some(recipient))
    }

    /// An agreement in force that has victims told, or an authority to notify or seize that names all of it; neither for longer
    /// than it says itself.
    pub(super) async fn may_tell(
        &self,
        config: &Config,
        ground: &str,
        erase: Timestamp,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let refuse = |why: String| SinkholeError::Ground { ground: ground.to_owned(), why };
        if erase <= now {
            return Err(refuse(format!("the day of erasure, {erase}, has passed")).into());
        }
        let agreements = self.agreements().await?;
        if let Some(signed) = agreements.in_force(now).find(|s| s.agreement().id().as_str() == ground) {
            let days = signed.agreement().notification_days().ok_or_else(|| {
                refuse(
                    "no clause of it lets victims' addresses be received for their notification and erased"
                        .into(),
                )
            })?;
            let latest =
                now.plus_days(i64::try_from(days).unwrap_or(i64::MAX)).min(signed.agreement().term().1);
            if erase > latest {
                return Err(refuse(format!("by its own words they are erased by {latest}")).into());
            }
            return Ok(());
        }
        let (all, _) = plan::documents(self).await?;
        covers(&all, ground, &[Instrument::Notify, Instrument::Seize], config, now).map_err(|e| match e {
            SinkholeError::Authority { why, .. } => refuse(why),
            other => other,
        })?;
        let ends = all.iter().filter(|a| a.id == ground).map(|a| a.until).min();
        match ends.filter(|until| erase > *until) {
            Some(until) => Err(refuse(format!("it ends at {until}, before the day of erasure")).into()),
            None => Ok(()),
        }
    }

    /// Takes in the files of victims beside segments that ended, and removes them there; what is past its day is deleted and
    /// not taken in.
    ///
    /// # Errors
    /// CMT-1412 for a file that its log does not name, or that no key of this home opens.
    pub(super) async fn take_in_victims(
        &self,
        folder: &Path,
        manner: &Manner,
    ) -> Result<Ingested, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let mut all = Ingested::default();
        for path in sinkhole::log::victims(folder)? {
            let file = std::fs::File::open(&path).map_err(|e| NodeError::file("opening", &path, e))?;
            let head = head(&mut BufReader::new(file)).map_err(|e| NodeError::file("reading", &path, e))?;
            if head.erase <= now {
                std::fs::remove_file(&path).map_err(|e| NodeError::file("removing", &path, e))?;
                all.not_sealed.push(Unsealable {
                    schema: "comity.not-sealed/1",
                    name: path.display().to_string(),
                    code: "CMT-1414",
                    why: format!(
                        "its day of erasure, {}, has passed: it was deleted, and nobody is told",
                        head.erase
                    ),
                });
                continue;
            }
            let mut keys = self.victim_keys().await?;
            let key = keys.iter_mut().find(|k| k.is_of(&head.sinkhole, &head.ground, head.erase));
            let Some(key) = key else {
                let why = "no key of this home opens it".to_owned();
                return Err(SinkholeError::Victims { path, why }.into());
            };
            let done = self.ingest(vec![Source::File(path.clone())], manner, &|_| ()).await?;
            key.exhibits.extend(
                done.taken
                    .iter()
                    .map(|t| t.exhibit)
                    .filter(|id| !key.exhibits.contains(id))
                    .collect::<Vec<_>>(),
            );
            let mut tx = self.state.begin().await?;
            settings::put(&mut tx, KEYS, &keys).await?;
            tx.commit().await?;
            if done.not_sealed.is_empty() {
                std::fs::remove_file(&path).map_err(|e| NodeError::file("removing", &path, e))?;
            }
            all.taken.extend(done.taken);
            all.not_sealed.extend(done.not_sealed);
        }
        Ok(all)
    }

    /// The keys with a day, as `case retention` lists them.
    pub(super) async fn victims_retained(&self, now: Timestamp) -> Result<Vec<Retained>, NodeError> {
        let holds = self.holds().await?;
        let mut out = Vec::new();
        let mut conn = self.state.read().await?;
        for (n, key) in self.victim_keys().await?.into_iter().enumerate() {
            let mut here = Vec::new();
            for id in key.exhibits.iter().chain([&key.secret]) {
                if exhibits::is_here(&mut conn, id).await? {
                    here.push(*id);
                }
            }
            let standing = match (here.is_empty(), key.over(now)) {
                (true, _) => Standing::Erased,
                (_, true) => Standing::Due,
                _ => Standing::Kept,
            };
            let mut one = Retained {
                schema: "comity.retained/1",
                release: ReleaseId::new(&format!("victims-{}-{}", key.sinkhole, n + 1))?,
                from: self.partner.clone(),
                erase_by: key.erase_by,
                standing,
                exhibits: here,
                also_ours: Vec::new(),
                hold: None,
                proof_by: None,
                proof: None,
            };
            for id in &one.exhibits {
                if let Err(EvidenceError::Held { hold, ground, until, .. }) = hold::clear(*id, &holds, now) {
                    one.hold = Some((hold, ground, until));
                    one.standing = if one.standing == Standing::Due { Standing::Held } else { one.standing };
                }
            }
            out.push(one);
        }
        Ok(out)
    }

    /// The secret half of a key and what was taken in under it, without what may not be seen; none where the secret half is
    /// gone.
    pub(super) async fn victims_of(
        &self,
        key: &VictimKey,
        unseen: &BTreeSet<ExhibitId>,
    ) -> Result<Option<(Identity, Vec<ExhibitId>)>, NodeError> {
        let mut conn = self.state.read().await?;
        if !exhibits::is_here(&mut conn, &key.secret).await? {
            return Ok(None);
        }
        let mut ids = Vec::new();
        for id in key.exhibits.iter().filter(|id| !unseen.contains(id)) {
            if exhibits::is_here(&mut conn, id).await? {
                ids.push(*id);
            }
        }
        drop(conn);
        let text = zeroize::Zeroizing::new(self.vault.read(&key.secret, SECRET).await?);
        let identity = Identity::from_secret_text(&String::from_utf8_lossy(&text)).map_err(told)?;
        Ok(Some((identity, ids)))
    }

    /// Opens one exhibit for a reading child: what was sealed rests in memory alone.
    pub(super) async fn victims_input(
        &self,
        identity: &Identity,
        id: &ExhibitId,
    ) -> Result<Input, NodeError> {
        let bytes = self.vault.read(id, MOST).await?;
        let identity = identity.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let mut rest = bytes.as_slice();
            let _head = head(&mut rest)?;
            let mut filling = Filling::new()?;
            while let Some(part) = next(&mut rest)? {
                let lines = sealed::open(&identity, &part, PART as usize).map_err(io::Error::other)?;
                filling.add(&lines)?;
            }
            filling.seal()
        });
        let opened = opened.await.map_err(|e| NodeError::Unfinished { what: e.to_string() })?;
        opened.map_err(|e| NodeError::file("opening", Path::new("victims of a sinkhole"), e))
    }
}

fn told(e: sealed::SealedError) -> NodeError {
    NodeError::Value { what: e.to_string() }
}
