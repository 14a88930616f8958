//! Material that nobody may look at: what the lists of an operator name by its digest (DESIGN section 6).
//!
//! Here: reading the lists, comparing what comes in with them, and what follows: it is sealed, and its clock starts; no
//! child reads it, nothing is taken out of it, no rule is applied to it, it is not shown and not released. What lies in a
//! container with such material is examined as ever, without that member; the container itself is withheld as a whole.
//! Elsewhere: the finding (`terms::FindingBody::Withheld`), the setting `withheld_lists` (`store::config`).
//! Bounds: 512 MiB of lists. What was sealed before a list came is known again by its SHA-256, and by MD5 and SHA-1 where an
//! examiner had stated them.

use super::Node;
use super::error::NodeError;
use crate::store::{Batch, commit, exhibits, findings};
use futures::TryStreamExt as _;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terms::{Confidence, Digest, ExhibitId, Finding, FindingBody, Timestamp, Unsealed};

/// Bytes of all lists together.
const MOST: u64 = 512 << 20;
/// The examiner's name in findings.
const EXAMINER: &str = "comity.withheld";

/// Digests that name the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    pub sha256: [u8; 32],
    /// MD5 and SHA-1, where they were computed.
    pub others: Option<([u8; 16], [u8; 20])>,
}

impl Named {
    /// The digests of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { sha256: Digest::of(bytes).0, others: Some(malware::Hashed::of(bytes)) }
    }
}

/// One list.
#[derive(Debug, Default)]
struct List {
    /// SHA-256 of its bytes.
    id: Option<ExhibitId>,
    md5: Vec<[u8; 16]>,
    sha1: Vec<[u8; 20]>,
    sha256: Vec<[u8; 32]>,
}

/// The lists of a home.
#[derive(Debug, Default)]
pub(super) struct Lists(Vec<List>);

/// The list that names something, and by which digest.
pub(super) type Listed = (ExhibitId, &'static str);

impl Lists {
    /// Reads all of them.
    ///
    /// # Errors
    /// CMT-1112 for a list that cannot be read as one: without it, something on it could be looked at.
    pub fn read(paths: &[PathBuf]) -> Result<Self, NodeError> {
        let mut room = MOST;
        paths.iter().map(|path| list(path, &mut room)).collect::<Result<_, _>>().map(Self)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lists by the SHA-256 of their bytes, sorted.
    pub fn ids(&self) -> Vec<ExhibitId> {
        let mut ids: Vec<ExhibitId> = self.0.iter().filter_map(|l| l.id).collect();
        ids.sort_unstable();
        ids
    }

    /// Whether a list names something by MD5 or SHA-1.
    pub fn want_others(&self) -> bool {
        self.0.iter().any(|l| !l.md5.is_empty() || !l.sha1.is_empty())
    }

    /// The first list that names this.
    pub fn find(&self, named: &Named) -> Option<Listed> {
        self.0.iter().find_map(|list| {
            let id = list.id?;
            if list.sha256.binary_search(&named.sha256).is_ok() {
                return Some((id, "sha256"));
            }
            let (md5, sha1) = named.others.as_ref()?;
            if list.sha1.binary_search(sha1).is_ok() {
                return Some((id, "sha1"));
            }
            list.md5.binary_search(md5).is_ok().then_some((id, "md5"))
        })
    }
}

/// Whether every list can be read.
///
/// # Errors
/// CMT-1112 for the first that cannot.
pub fn readable(paths: &[PathBuf]) -> Result<(), NodeError> {
    Lists::read(paths).map(|_| ())
}

/// Named in full: a relative path means another file in another folder.
fn unusable(path: &Path, why: impl std::fmt::Display) -> NodeError {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let hint = if path.is_relative() {
        "; `withheld_lists` has a relative path, which counts from the folder where the command runs: name the list in full"
    } else {
        ""
    };
    NodeError::WithheldList { path: full.display().to_string(), why: format!("{why}{hint}") }
}

/// A list: one digest a line in hexadecimal digits, first on its line. Empty lines, those that begin with `#`, and a first
/// line of column names are passed over.
fn list(path: &Path, room: &mut u64) -> Result<List, NodeError> {
    if !std::fs::metadata(path).map_err(|e| unusable(path, e))?.is_file() {
        return Err(unusable(path, "it is no file"));
    }
    let file = std::fs::File::open(path).map_err(|e| unusable(path, e))?;
    let mut bytes = Vec::new();
    let read = file.take(*room + 1).read_to_end(&mut bytes).map_err(|e| unusable(path, e))?;
    *room = room
        .checked_sub(read as u64)
        .ok_or_else(|| unusable(path, format!("all lists together have more than {} MiB", MOST >> 20)))?;
    let mut list = List { id: Some(ExhibitId::of(&bytes)), ..List::default() };
    for (number, line) in bytes.lines().enumerate() {
        let line = line.map_err(|e| unusable(path, e))?;
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let word = line.split([',', ';', ' ', '\t']).next().unwrap_or_default().trim_matches('"');
        let known = match word.len() {
            32 => hex(word).map(|d| list.md5.push(d)),
            40 => hex(word).map(|d| list.sha1.push(d)),
            64 => hex(word).map(|d| list.sha256.push(d)),
            _ => None,
        };
        // A first line names columns, unless something in it could be a digest.
        let column_names =
            number == 0 && !line.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() >= 32);
        if known.is_none() && !column_names {
            let what = "no MD5, SHA-1 or SHA-256 in hexadecimal digits stands at its beginning";
            return Err(unusable(path, format!("line {}: {what}", number + 1)));
        }
    }
    if list.md5.is_empty() && list.sha1.is_empty() && list.sha256.is_empty() {
        return Err(unusable(path, "it names nothing"));
    }
    list.md5.sort_unstable();
    list.sha1.sort_unstable();
    list.sha256.sort_unstable();
    Ok(list)
}

fn hex<const N: usize>(word: &str) -> Option<[u8; N]> {
    let mut out = [0u8; N];
    let digits = word.as_bytes().chunks_exact(2);
    for (byte, pair) in out.iter_mut().zip(digits) {
        let pair = pair.iter().all(u8::is_ascii_hexdigit).then_some(pair)?;
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

impl Node {
    /// The lists, read once.
    pub(super) async fn lists(&self) -> Result<Arc<Lists>, NodeError> {
        let read = || async {
            let paths = self.config.withheld_lists.clone();
            let lists = tokio::task::spawn_blocking(move || Lists::read(&paths)).await;
            let lists = lists.map_err(|e| NodeError::Value { what: e.to_string() })??;
            Ok::<_, NodeError>(Arc::new(lists))
        };
        self.withheld.get_or_try_init(read).await.cloned()
    }

    /// The finding that an exhibit must not be viewed. `inside`: because of what lies in it.
    pub(super) fn must_not_be_viewed(
        &self,
        on: ExhibitId,
        listed: Listed,
        inside: bool,
        now: Timestamp,
    ) -> Finding {
        let (list, digest) = listed;
        let until = now
            .0
            .saturating_add(self.config.withheld_report_hours.saturating_mul(3_600_000_000).cast_signed());
        let what = if inside { "of what lies in it" } else { "of its bytes" };
        Unsealed {
            examiner: EXAMINER.into(),
            version: 1,
            confidence: Confidence::new(100),
            reason: format!("the {digest} {what} is on a list of material that must not be viewed"),
            body: FindingBody::Withheld {
                list,
                digest: digest.into(),
                report_until: Timestamp(until),
                inside,
            },
        }
        .seal(vec![on])
    }

    /// The same of each of these that is not withheld yet: told again, a clock would begin anew.
    pub(super) async fn withhold(
        &self,
        these: &[ExhibitId],
        listed: Listed,
        inside: bool,
    ) -> Result<Vec<Finding>, NodeError> {
        let (told, now) = (self.withheld().await?, self.clock.now());
        let new = these.iter().filter(|id| !told.contains(id));
        Ok(new.map(|id| self.must_not_be_viewed(*id, listed, inside, now)).collect())
    }

    /// Exhibits that are listed themselves: nothing is read out of them.
    pub(super) async fn listed(&self) -> Result<BTreeSet<ExhibitId>, NodeError> {
        let all = self.whatever_of_kind("withheld").await?.into_iter();
        let itself = |f: &Finding| matches!(f.body, FindingBody::Withheld { inside: false, .. });
        Ok(all.filter(itself).flat_map(|f| f.exhibits).collect())
    }

    /// Exhibits that must not be viewed, those with a listed one in them too.
    pub async fn withheld(&self) -> Result<BTreeSet<ExhibitId>, NodeError> {
        Ok(self.whatever_of_kind("withheld").await?.into_iter().flat_map(|f| f.exhibits).collect())
    }

    /// Whether a finding may be shown: of what must not be viewed, only that it must not, and where it lay.
    pub fn shown(withheld: &BTreeSet<ExhibitId>, finding: &Finding) -> bool {
        matches!(finding.body, FindingBody::Withheld { .. } | FindingBody::Derived { .. })
            || !finding.exhibits.iter().any(|e| withheld.contains(e))
    }

    /// Refuses to let any of these out.
    ///
    /// # Errors
    /// CMT-1113; CMT-1286 for what was not compared with the lists.
    pub(super) async fn refuse_withheld(&self, of: &BTreeSet<ExhibitId>) -> Result<(), NodeError> {
        match self.withheld().await?.intersection(of).next() {
            None => self.refuse_uncompared(of).await,
            Some(exhibit) => Err(NodeError::Withheld { exhibit: *exhibit }),
        }
    }

    /// What is here already and on a list that came later: told, with its clock. How many.
    pub(super) async fn withhold_known(&self) -> Result<u64, NodeError> {
        let lists = self.lists().await?;
        self.compare_again().await?;
        if lists.is_empty() {
            return Ok(0);
        }
        let told = self.withheld().await?;
        let digests = self.digests_inside(&lists).await?;
        let lies = self.where_it_lies().await?;
        let now = self.clock.now();
        let mut beside = Vec::new();
        let mut after = None;
        loop {
            let mut conn = self.state.read().await?;
            let page = exhibits::page(&mut conn, after.as_ref(), 1000).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for exhibit in page.iter().filter(|e| e.erased_at.is_none()) {
                let own = Named { sha256: exhibit.id.0.0, others: None };
                let inside = digests.get(&exhibit.id);
                let Some(listed) = lists.find(&own).or_else(|| inside.and_then(|named| lists.find(named)))
                else {
                    continue;
                };
                beside.push((exhibit.id, listed, false));
            }
        }
        // What was withheld before: another container with the same bytes may have come since.
        for finding in self.whatever_of_kind("withheld").await? {
            if let (FindingBody::Withheld { list, digest, .. }, [of]) =
                (&finding.body, finding.exhibits.as_slice())
            {
                let name = ["sha256", "sha1", "md5"].into_iter().find(|n| n == digest).unwrap_or("sha256");
                beside.push((*of, (*list, name), true));
            }
        }
        let found = self.spread(&beside, &lies, &told, now);
        let batch = Batch { findings: found, ..Batch::default() };
        Ok(commit(&self.state, &batch, now).await?.new_findings)
    }

    /// What follows from what is listed, each exhibit once: itself and what came out of it, then every container around it. Of
    /// what is around only, a container that was withheld for what lies in it, only what lies around that.
    fn spread(
        &self,
        listed: &[(ExhibitId, Listed, bool)],
        lies: &Lies,
        told: &BTreeSet<ExhibitId>,
        now: Timestamp,
    ) -> Vec<Finding> {
        let mut found: BTreeMap<ExhibitId, Finding> = BTreeMap::new();
        let mut add = |id: ExhibitId, by: Listed, inside: bool| {
            if !told.contains(&id) {
                found.entry(id).or_insert_with(|| self.must_not_be_viewed(id, by, inside, now));
            }
        };
        for (id, by, _) in listed.iter().filter(|(.., around_only)| !around_only) {
            closure(*id, &lies.holds).into_iter().chain([*id]).for_each(|id| add(id, *by, false));
        }
        for (id, by, _) in listed {
            closure(*id, &lies.lies_in).into_iter().for_each(|id| add(id, *by, true));
        }
        found.into_values().collect()
    }

    /// Digests that examinations told: of what a compressed stream holds, and those that are no ids.
    async fn digests_inside(&self, lists: &Lists) -> Result<BTreeMap<ExhibitId, Named>, NodeError> {
        let mut out = BTreeMap::new();
        if lists.is_empty() {
            return Ok(out);
        }
        let mut all = std::pin::pin!(findings::stream(&self.state, Some("hashes".into())));
        while let Some(kept) = all.try_next().await? {
            if let (FindingBody::Hashes { digests }, [of]) =
                (&kept.finding.body, kept.finding.exhibits.as_slice())
            {
                let others = digest(digests, "md5").zip(digest(digests, "sha1"));
                let sha256 = digest(digests, "sha256").unwrap_or(of.0.0);
                out.insert(*of, Named { sha256, others });
            }
        }
        Ok(out)
    }

    /// Which exhibits lie in which: by every derivation that was told, and not only by the first.
    pub(super) async fn where_it_lies(&self) -> Result<Lies, NodeError> {
        let mut lies = Lies::default();
        let mut all = std::pin::pin!(findings::stream(&self.state, Some("derived".into())));
        while let Some(kept) = all.try_next().await? {
            if let (FindingBody::Derived { exhibit, .. }, [from]) =
                (&kept.finding.body, kept.finding.exhibits.as_slice())
            {
                lies.add(*exhibit, *from);
            }
        }
        let mut after = None;
        loop {
            let mut conn = self.state.read().await?;
            let page = exhibits::page(&mut conn, after.as_ref(), 1000).await?;
            let Some(last) = page.last() else { return Ok(lies) };
            after = Some(last.id);
            page.iter().filter_map(|e| e.derived_from.map(|f| (e.id, f))).for_each(|(e, f)| lies.add(e, f));
        }
    }

    /// What is here already comes again, and a list that came since names it by a digest that only its bytes tell.
    pub(super) async fn withhold_again(
        &self,
        known: &exhibits::Exhibit,
        listed: Listed,
    ) -> Result<(), NodeError> {
        let (told, now) = (self.withheld().await?, self.clock.now());
        let findings = self.spread(&[(known.id, listed, false)], &self.where_it_lies().await?, &told, now);
        commit(&self.state, &Batch { findings, ..Batch::default() }, now).await?;
        Ok(())
    }
}

/// Exhibits and what they were taken out of.
#[derive(Default)]
pub(super) struct Lies {
    lies_in: BTreeMap<ExhibitId, BTreeSet<ExhibitId>>,
    pub holds: BTreeMap<ExhibitId, BTreeSet<ExhibitId>>,
}

impl Lies {
    fn add(&mut self, exhibit: ExhibitId, from: ExhibitId) {
        self.lies_in.entry(exhibit).or_default().insert(from);
        self.holds.entry(from).or_default().insert(exhibit);
    }
}

/// Everything that is reached from one exhibit, itself left out.
pub(super) fn closure(
    from: ExhibitId,
    ways: &BTreeMap<ExhibitId, BTreeSet<ExhibitId>>,
) -> BTreeSet<ExhibitId> {
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(id) = waiting.pop() {
        waiting.extend(ways.get(&id).into_iter().flatten().filter(|next| seen.insert(**next)));
    }
    seen.remove(&from);
    seen
}

fn digest<const N: usize>(digests: &[(String, String)], name: &str) -> Option<[u8; N]> {
    digests.iter().find(|(kind, _)| kind == name).and_then(|(_, value)| hex(value))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;

    fn read(text: &str) -> Result<Lists, NodeError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        std::fs::write(&path, text).unwrap();
        Lists::read(&[path])
    }

    #[test]
    fn a_list_names_by_any_of_three_digests() {
        let named = Named::of(b"abc");
        for (line, by) in [
            ("900150983cd24fb0d6963f7d28e17f72", "md5"),
            ("A9993E364706816ABA3E25717850C26C9CD0D89D,picture", "sha1"),
            ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  *x", "sha256"),
        ] {
            let lists = read(&format!("digest,name\n# words\n\n{line}\n")).unwrap();
            assert_eq!(lists.find(&named).map(|(_, by)| by), Some(by));
            assert_eq!(lists.find(&Named::of(b"abd")), None);
        }
    }

    #[test]
    fn a_list_that_is_none_is_refused() {
        for text in [
            "",
            "# nothing\n",
            "digest\n",
            "d41d8cd98f00b204e9800998ecf8427e\nnot a digest\n",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
            "pic,d41d8cd98f00b204e9800998ecf8427e\nd41d8cd98f00b204e9800998ecf8427e\n",
            "d41d8cd98f00b204e9800998ecf8427e\n+41d8cd98f00b204e9800998ecf8427e\n",
        ] {
            let error = read(text).unwrap_err();
            assert!(matches!(error, NodeError::WithheldList { .. }), "{text:?}: {error}");
        }
        // Where it was looked for is told in full, and what a relative path means.
        for (path, relative) in [("/no/such/list", false), ("no-such-list", true)] {
            let told = Lists::read(&[path.into()]).unwrap_err().to_string();
            let full = std::path::absolute(path).unwrap();
            assert!(told.contains(full.to_str().unwrap()), "{told}");
            assert_eq!(told.contains("relative"), relative, "{told}");
        }
    }
}
