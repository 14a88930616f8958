//! `verify letter CODE`: whether a letter that somebody holds goes with a notice of this home.
//!
//! Nothing is asked elsewhere and no machine is named: the kept copies of notices are opened here, and all that is said is
//! whether one of them has the code, and which. What is erased tells nothing any more, and that is said too.

use super::error::NodeError;
use super::share::KeptRelease;
use super::{Node, notify};
use crate::store::exhibits;
use crate::store::records::{self, Record};
use exchange::Payload;
use exchange::notice::code;
use serde::Serialize;
use terms::{MemberId, PartnerId, ReleaseId, Timestamp};

/// Bytes of one notice: 50,000 rows in four formats, and room.
const MOST_NOTICE: u64 = 512 << 20;

/// What is known of a code on a letter (`comity.letter/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LetterReport {
    /// Always `comity.letter/1`.
    pub schema: &'static str,
    /// The code in its own spelling; none where what was read is no code: a sign of it is wrong or missing.
    pub code: Option<String>,
    /// The notices that have it. Another code is met by chance once in 34,000 million for each row.
    pub notices: Vec<LetterNotice>,
    /// Notices that were looked through.
    pub opened: u64,
    /// Notices that were erased on their day: a letter of theirs cannot be told from a forged one any more.
    pub erased: u64,
}

/// A notice that has a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LetterNotice {
    /// The release.
    pub release: ReleaseId,
    /// Through which partner it went.
    pub to: PartnerId,
    /// For which member.
    pub member: Option<MemberId>,
    /// When.
    pub at: Timestamp,
}

impl LetterReport {
    /// Whether the letter is genuine as far as its code tells.
    pub fn genuine(&self) -> bool {
        !self.notices.is_empty()
    }
}

impl Node {
    /// Looks a letter's code up in the notices that this home keeps.
    ///
    /// # Errors
    /// Those of the stores; a code that no notice has is none.
    pub async fn verify_letter(&self, said: &str) -> Result<LetterReport, NodeError> {
        let mut report = LetterReport {
            schema: "comity.letter/1",
            code: code::read(said),
            notices: Vec::new(),
            opened: 0,
            erased: 0,
        };
        let Some(code) = report.code.clone() else { return Ok(report) };
        let mut conn = self.state.read().await?;
        let all: Vec<Record<KeptRelease>> = records::RELEASES.all(&mut conn).await?;
        let ours = |r: &Record<KeptRelease>| {
            r.id.starts_with(notify::PREFIX) && r.body.record.header.from == self.partner
        };
        for record in all.into_iter().filter(ours) {
            if !exhibits::is_here(&mut conn, &record.body.exhibit).await? {
                report.erased += 1;
                continue;
            }
            let bytes = self.vault.read(&record.body.exhibit, MOST_NOTICE).await?;
            let payload = Payload::parse(&bytes)?;
            report.opened += 1;
            let victims = payload.items.iter().find(|i| i.name == "victims.csv");
            if victims.is_some_and(|i| code::listed(&i.bytes, &code)) {
                let header = record.body.record.header;
                report.notices.push(LetterNotice {
                    release: header.release,
                    to: header.to,
                    member: header.member,
                    at: header.released,
                });
            }
        }
        Ok(report)
    }
}
