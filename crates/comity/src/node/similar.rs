//! Which exhibits of the home are nearest to a sample: by its TLSH digest, or by its ssdeep digest where that is given.
//!
//! Here: what is asked ([`Sought`]), the exhibits ranked ([`Near`]). Elsewhere: distances and scores (`malware`).
//! A file that is asked about is hostile: a child makes its digests, and it is not taken in.
//! Bounds: findings are streamed, no more than the answer is held; a file of at most [`MEMORY_LIMIT`] bytes.
//! Codes CMT-0570 to CMT-0574 are this module's, CMT-0575 to CMT-0577 of lists of digests (`cli::clustered`).

use super::Node;
use super::error::NodeError;
use super::withheld::{Lists, Named};
use crate::store::{exhibits, findings};
use crate::work::input::{Filling, MEMORY_LIMIT};
use crate::work::{Frame, Mode, WorkError};
use futures::TryStreamExt as _;
use malware::{Ssdeep, TlshText};
use miette::Diagnostic;
use serde::Serialize;
use std::collections::{BTreeSet, BinaryHeap};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use terms::{ExhibitId, FindingBody};

/// Exhibits that are ranked at most.
pub const MOST_NEAR: usize = 10_000;
/// The TLSH distance beyond which it says nothing. Measured over 537 programs of one system, each with each: of unrelated
/// pairs one in twenty is within 100, one in six within 150.
pub const SAYS_NOTHING: u32 = 150;
/// Findings of one exhibit that are read for its family.
const FINDINGS: u32 = 1_000;

/// Why nothing is ranked.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum SimilarError {
    /// Neither form.
    #[error("`{text}` is neither a digest nor a file")]
    #[diagnostic(
        code("CMT-0570"),
        help("give a SHA-256, SHA-1, MD5, TLSH or ssdeep digest, or the path of a file (`./NAME`)")
    )]
    NotDigest {
        /// What was given, cut.
        text: String,
    },
    /// The sample has no TLSH digest.
    #[error("{what} has no TLSH digest: it is too short (below 50 bytes) or too uniform")]
    #[diagnostic(code("CMT-0571"), help("ask by its ssdeep digest: `comity analyze --near '{ssdeep}'`"))]
    NoTlsh {
        /// Which sample.
        what: String,
        /// Its ssdeep digest.
        ssdeep: String,
    },
    /// No exhibit has that digest.
    #[error("no exhibit of this home has the {what} {digest}")]
    #[diagnostic(
        code("CMT-0572"),
        help(
            "ask by its TLSH or ssdeep digest or by the file, or take it in and examine it with `comity analyze PATH`"
        )
    )]
    Unknown {
        /// Which digest.
        what: &'static str,
        /// Its text.
        digest: String,
    },
    /// A file that is too large to be asked about.
    #[error("`{path}` has more than {most} bytes")]
    #[diagnostic(code("CMT-0573"), help("take it in with `comity analyze PATH`, then ask by its SHA-256"))]
    TooLarge {
        /// The path.
        path: String,
        /// The bound.
        most: u64,
    },
    /// A child said nothing of the file.
    #[error("`{path}` is of a kind that has no digests to compare by: a log, a list, or a partner's paper")]
    #[diagnostic(code("CMT-0574"), help("ask about a sample, a document or a container"))]
    NotExamined {
        /// The path.
        path: String,
    },
}

/// What is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// An exhibit by its id.
    Exhibit(ExhibitId),
    /// A sample by a digest of this name (`md5`, `sha1`), lower-case.
    Named(&'static str, String),
    /// What is near this.
    Tlsh(TlshText),
    /// What is like this.
    Ssdeep(Ssdeep),
    /// A file.
    File(PathBuf),
}

impl Sought {
    /// Reads a digest, or else a path: a digest is never taken for the name of a file.
    ///
    /// # Errors
    /// CMT-0570 for what is neither.
    pub fn read(text: &std::ffi::OsStr) -> Result<Self, SimilarError> {
        let path = Path::new(text);
        let text = text.to_string_lossy();
        let text = text.trim();
        let hex = text.bytes().all(|b| b.is_ascii_hexdigit());
        let lower = || text.to_ascii_lowercase();
        match text.len() {
            64 if hex => {
                if let Ok(id) = lower().parse() {
                    return Ok(Self::Exhibit(id));
                }
            }
            40 if hex => return Ok(Self::Named("sha1", lower())),
            32 if hex => return Ok(Self::Named("md5", lower())),
            _ => {}
        }
        if let Ok(tlsh) = text.parse() {
            return Ok(Self::Tlsh(tlsh));
        }
        if let Ok(ssdeep) = text.parse() {
            return Ok(Self::Ssdeep(ssdeep));
        }
        if path.is_file() {
            return Ok(Self::File(path.to_owned()));
        }
        Err(SimilarError::NotDigest { text: text.chars().take(160).collect() })
    }
}

/// One exhibit that is near (`comity.near/1`).
#[derive(Debug, Clone, Serialize)]
pub struct Near {
    schema: &'static str,
    /// From 1; equal distances are ranked by the exhibit's id.
    pub rank: usize,
    /// The TLSH distance: 0 is the same digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<u32>,
    /// The ssdeep score, 1 to 100, where an ssdeep digest was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<u32>,
    /// Whether that says anything: a TLSH distance beyond [`SAYS_NOTHING`] does not.
    pub near: bool,
    /// The exhibit.
    pub exhibit: ExhibitId,
    /// Names under which it came.
    pub names: Vec<String>,
    /// Families that findings on it name.
    pub families: BTreeSet<String>,
}

/// What the exhibits are measured by.
enum Measure {
    Tlsh(TlshText),
    Ssdeep(Ssdeep),
}

impl Measure {
    /// How far away it is: the distance, or what the score lacks to 100. `None` where nothing is shared.
    fn far(&self, body: &FindingBody) -> Option<u32> {
        match self {
            Self::Tlsh(to) => TlshText::of_finding(body).map(|digest| digest.distance(to)),
            Self::Ssdeep(to) => {
                let score = digest(body, "ssdeep")?.parse::<Ssdeep>().ok()?.score(to);
                (score > 0).then(|| 100 - score.min(100))
            }
        }
    }
}

fn digest<'a>(body: &'a FindingBody, name: &str) -> Option<&'a str> {
    let FindingBody::Hashes { digests } = body else { return None };
    digests.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str())
}

/// What a sample is measured by.
fn measure(body: &FindingBody, what: String) -> Result<Measure, SimilarError> {
    let ssdeep = || digest(body, "ssdeep").unwrap_or_default().to_owned();
    let tlsh = TlshText::of_finding(body);
    tlsh.map(Measure::Tlsh).ok_or_else(|| SimilarError::NoTlsh { what, ssdeep: ssdeep() })
}

impl Node {
    /// The `most` nearest exhibits (at most [`MOST_NEAR`]), nearest first. An exhibit that is asked about by one of its
    /// own digests is not among them.
    ///
    /// # Errors
    /// CMT-0571 to CMT-0574; what reading the state store gives.
    pub async fn near(&self, sought: &Sought, most: usize) -> Result<Vec<Near>, NodeError> {
        let most = most.min(MOST_NEAR);
        let withheld = self.withheld().await?;
        let (measure, but) = self.measured_by(sought).await?;
        if let Some(exhibit) = but.filter(|id| withheld.contains(id)) {
            return Err(NodeError::Withheld { exhibit });
        }
        let mut best: BinaryHeap<(u32, ExhibitId)> = BinaryHeap::new();
        let mut all = Box::pin(findings::stream(&self.state, Some("hashes".into())));
        while let Some(kept) = all.try_next().await? {
            let [exhibit] = kept.finding.exhibits.as_slice() else { continue };
            if kept.refuted_by.is_some() || Some(*exhibit) == but || withheld.contains(exhibit) {
                continue;
            }
            let Some(far) = measure.far(&kept.finding.body) else { continue };
            best.push((far, *exhibit));
            if best.len() > most {
                best.pop();
            }
        }
        drop(all);
        let mut out: Vec<Near> = Vec::new();
        for (far, exhibit) in best.into_sorted_vec() {
            let (distance, score) = match measure {
                Measure::Tlsh(_) => (Some(far), None),
                Measure::Ssdeep(_) => (None, Some(100 - far)),
            };
            if out.last().is_some_and(|last| last.exhibit == exhibit) {
                continue;
            }
            let rank = out.len() + 1;
            let near = distance.is_none_or(|d| d <= SAYS_NOTHING);
            let (names, families) = self.known_as(&exhibit).await?;
            out.push(Near { schema: "comity.near/1", rank, distance, score, near, exhibit, names, families });
        }
        Ok(out)
    }

    /// By what the exhibits are measured, and which one is left out.
    async fn measured_by(&self, sought: &Sought) -> Result<(Measure, Option<ExhibitId>), NodeError> {
        let (id, name, text) = match sought {
            Sought::Tlsh(tlsh) => return Ok((Measure::Tlsh(tlsh.clone()), None)),
            Sought::Ssdeep(ssdeep) => return Ok((Measure::Ssdeep(ssdeep.clone()), None)),
            Sought::File(path) => return Ok((measure(&self.hashed(path).await?, shown(path))?, None)),
            Sought::Exhibit(id) => (Some(id), "sha256", id.to_string()),
            Sought::Named(name, text) => (None, *name, text.clone()),
        };
        let found = match id {
            Some(id) => self.hashes_of(id).await?,
            None => self.with_digest(name, &text).await?,
        };
        let what = match name {
            "md5" => "MD5",
            "sha1" => "SHA-1",
            _ => "SHA-256",
        };
        let unknown = || SimilarError::Unknown { what, digest: text.clone() };
        let (exhibit, body) = found.ok_or_else(unknown)?;
        Ok((measure(&body, format!("exhibit {exhibit}"))?, Some(exhibit)))
    }

    async fn hashes_of(&self, id: &ExhibitId) -> Result<Option<(ExhibitId, FindingBody)>, NodeError> {
        let mut conn = self.state.read().await?;
        let of = findings::of_exhibit(&mut conn, id, None, FINDINGS).await?;
        let hashes = |f: &findings::Kept| {
            f.refuted_by.is_none() && matches!(f.finding.body, FindingBody::Hashes { .. })
        };
        Ok(of.into_iter().find(hashes).map(|kept| (*id, kept.finding.body)))
    }

    /// The exhibit with a digest of this name.
    async fn with_digest(
        &self,
        name: &str,
        text: &str,
    ) -> Result<Option<(ExhibitId, FindingBody)>, NodeError> {
        let mut all = Box::pin(findings::stream(&self.state, Some("hashes".into())));
        while let Some(kept) = all.try_next().await? {
            if let ([exhibit], Some(found)) =
                (kept.finding.exhibits.as_slice(), digest(&kept.finding.body, name))
                && kept.refuted_by.is_none()
                && found.eq_ignore_ascii_case(text)
            {
                return Ok(Some((*exhibit, kept.finding.body)));
            }
        }
        Ok(None)
    }

    /// Names of an exhibit, and the families that findings on it name.
    async fn known_as(&self, id: &ExhibitId) -> Result<(Vec<String>, BTreeSet<String>), NodeError> {
        let mut conn = self.state.read().await?;
        let names = exhibits::find(&mut conn, id).await?.map(|e| e.names).unwrap_or_default();
        let of = findings::of_exhibit(&mut conn, id, None, FINDINGS).await?;
        let families = of.into_iter().filter(|kept| kept.refuted_by.is_none()).filter_map(|kept| match kept
            .finding
            .body
        {
            FindingBody::Family { family, .. } | FindingBody::Configuration { family, .. } => Some(family),
            _ => None,
        });
        Ok((names, families.collect()))
    }

    /// The digests of a file that is not taken in, by a child.
    async fn hashed(&self, path: &Path) -> Result<FindingBody, NodeError> {
        let (pool, from, lists) = (self.pool.clone(), path.to_owned(), self.lists().await?);
        let work = move || {
            // Before any child reads it.
            refuse_listed(&from, &lists)?;
            let input = handed(&from)?.seal().map_err(|e| NodeError::file("reading", &from, e))?;
            let mut hashes = None;
            let ended = pool.run(Mode::Examine, input, |frame| {
                if let Frame::Finding(finding) = frame
                    && matches!(finding.body, FindingBody::Hashes { .. })
                {
                    hashes = Some(finding.body);
                }
                Ok(())
            });
            // What a child said of digests before it failed at something else stands: it is only compared.
            match (hashes, ended) {
                (Some(hashes), _) => Ok(hashes),
                (None, Err(e)) => Err(e.into()),
                (None, Ok(())) => Err(SimilarError::NotExamined { path: shown(&from) }.into()),
            }
        };
        let ended = tokio::task::spawn_blocking(work).await;
        ended.map_err(|e| WorkError::Refused(format!("the examining thread ended: {e}")))?
    }
}

/// A file that is on a list of what must not be viewed is not compared with anything.
fn refuse_listed(path: &Path, lists: &Lists) -> Result<(), NodeError> {
    if lists.is_empty() || !fs::metadata(path).is_ok_and(|m| m.is_file()) {
        return Ok(());
    }
    let broken = |e: io::Error| NodeError::file("reading", path, e);
    let mut bytes = Vec::new();
    File::open(path).map_err(broken)?.take(MEMORY_LIMIT).read_to_end(&mut bytes).map_err(broken)?;
    match lists.find(&Named::of(&bytes)) {
        Some(_) => Err(NodeError::Withheld { exhibit: ExhibitId::of(&bytes) }),
        None => Ok(()),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The file's bytes in memory that a child may read.
fn handed(path: &Path) -> Result<Filling, NodeError> {
    let broken = |e: io::Error| NodeError::file("reading", path, e);
    if !fs::metadata(path).map_err(broken)?.is_file() {
        return Err(SimilarError::NotDigest { text: shown(path) }.into());
    }
    let mut from = File::open(path).map_err(broken)?.take(MEMORY_LIMIT + 1);
    let mut filling = Filling::new().map_err(broken)?;
    io::copy(&mut from, &mut filling).map_err(broken)?;
    if filling.size() > MEMORY_LIMIT {
        return Err(SimilarError::TooLarge { path: shown(path), most: MEMORY_LIMIT }.into());
    }
    Ok(filling)
}
