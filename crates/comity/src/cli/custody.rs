//! The verbs of `case` about evidence itself: holds, retention, erasure, admission, disclosure, packages, time stamps, people.

use super::args::{CaseVerb, Grounds};
use super::out::{Out, Table, counted, short, telling};
use super::{Done, Outcome};
use crate::node::Node;
use crate::node::disclose::Schedule;
use crate::node::erase::Erasure;
use crate::node::error::{Ending, NodeError};
use crate::node::hand::{Addressed, Handed};
use crate::node::hold::{Ground, KeptHold};
use crate::node::people::role_word;
use crate::node::retain::{Retained, Standing};
use evidence::disclosure::Mark;
use evidence::sealed::Recipient;
use terms::{PersonId, Timestamp};

/// Rows of a list that people get; programs get all.
const SHOWN: usize = 100;

impl From<&Grounds> for Ground {
    fn from(grounds: &Grounds) -> Self {
        match (&grounds.authority, &grounds.reason) {
            (Some(id), _) => Self::Authority(id.clone()),
            (None, reason) => Self::Reason(reason.clone().unwrap_or_default()),
        }
    }
}

/// Does what a verb about evidence says.
pub async fn custody(node: &Node, verb: &CaseVerb, out: &mut Out) -> Done {
    match verb {
        CaseVerb::Hold { on, until, ground } => hold(&node.hold(on, *until, ground.into()).await?, out),
        CaseVerb::Lift { hold: id, reason } => hold(&node.lift(id, reason).await?, out),
        CaseVerb::Holds => holds(&node.holds_kept().await?, out),
        CaseVerb::Retention { erase, second } => {
            let second = second.as_ref().filter(|_| *erase).map(|s| PersonId(s.clone()));
            return Ok(retention(&node.retention(second.as_ref()).await?, out));
        }
        CaseVerb::Erase { case, exhibit, reason, second } => {
            let erased = node.erase(case, exhibit, reason, &PersonId(second.clone())).await?;
            erasure(&erased, out);
        }
        CaseVerb::Admit { exhibit, obtained, ground } => {
            let admitted = node.admit(exhibit, ground.into(), obtained.map(Into::into)).await?;
            out.object(&admitted);
            out.line(format!("exhibit {} is evidence since {}", short(admitted.exhibit), admitted.at));
        }
        CaseVerb::Disclosure { case, exhibit, mark, reason } => {
            if !exhibit.is_empty() {
                node.mark(case, exhibit, mark.clone(), reason.as_deref().unwrap_or_default()).await?;
            }
            schedule(&node.disclosure(case).await?, out);
        }
        CaseVerb::Package { case, to, out: folder, seal_to, authority, dry_run } => {
            let seal_to = seal_to.as_deref().map(str::parse::<Recipient>).transpose();
            let seal_to = seal_to.map_err(|e| NodeError::Value { what: e.to_string() })?;
            let addressed =
                Addressed { to: to.clone(), out: folder.clone(), seal_to, authority: authority.clone() };
            package(&node.hand(case, &addressed, *dry_run).await?, out);
        }
        CaseVerb::Stamp { on, token, nonce } => {
            stamp(node, on, token.as_deref(), nonce.as_ref(), out).await?
        }
        CaseVerb::People { add, role } => {
            if let (Some(name), Some(role)) = (add, role) {
                node.person_add(&PersonId(name.clone()), *role).await?;
            }
            people(node, out).await?;
        }
        _ => {}
    }
    Ok(Outcome::Done)
}

fn until(until: Option<Timestamp>) -> String {
    until.map_or_else(|| "until it is lifted".to_owned(), |t| format!("until {t}"))
}

fn hold(hold: &KeptHold, out: &mut Out) {
    out.object(hold);
    match &hold.lifted {
        Some((who, at, _)) => out.line(format!("{} is lifted by {who} at {at}", hold.id)),
        None => out.line(format!("{} stands on {} {}", hold.id, hold.on, until(hold.until))),
    }
}

fn holds(all: &[KeptHold], out: &mut Out) {
    let mut table = Table::new(&["hold", "stands", "by", "on", "ground"]);
    for hold in all {
        out.object(hold);
        let stands = match &hold.lifted {
            Some((_, at, _)) => format!("lifted {}", at.day()),
            None => until(hold.until),
        };
        table.row([hold.id.clone(), stands, hold.by.to_string(), hold.on.clone(), hold.ground.clone()]);
    }
    if table.is_empty() {
        out.line("no hold was placed here");
    }
    out.table(&table);
}

fn retention(all: &[Retained], out: &mut Out) -> Outcome {
    let mut table = Table::new(&["release", "from", "erase by", "stands", "exhibits"]);
    // Ids begin with the time: what was released together looks alike in its first digits.
    let digits = telling(all.iter().map(|one| one.release.as_str()));
    for one in all {
        out.object(one);
        let stands = match (one.standing, &one.hold) {
            (Standing::Due, _) => "DUE".to_owned(),
            (Standing::Erased, _) => "erased".to_owned(),
            (_, Some((id, _, end))) => format!("held by {id} {}", until(*end)),
            (Standing::Kept | Standing::Held, None) => "not due yet".to_owned(),
        };
        let exhibits = one.exhibits.len() + one.also_ours.len();
        table.row([
            one.release.as_str().chars().take(digits).collect(),
            one.from.to_string(),
            one.erase_by.to_string(),
            stands,
            exhibits.to_string(),
        ]);
        if let Some(proof) = &one.proof {
            out.talk(format!("hand back to {}: {}", one.from, proof.display()));
        }
    }
    if table.is_empty() {
        out.line("nothing that was received has a date by which it must be erased");
    }
    out.table(&table);
    let due = all.iter().filter(|r| r.standing == Standing::Due).count() as u64;
    if due > 0 {
        out.talk(format!("{} due: comity case retention --erase --second PERSON", counted(due, "release")));
        return Ending::Incomplete.into();
    }
    Outcome::Done
}

fn erasure(erased: &Erasure, out: &mut Out) {
    out.object(erased);
    let exhibits = counted(erased.exhibits.len() as u64, "exhibit");
    out.line(format!("erased {exhibits} and {} that rested on them", counted(erased.findings, "finding")));
    for (id, why) in &erased.joined {
        out.paragraph(2, &format!("{} too: {why}", short(id)));
    }
    for (table, gone) in &erased.taken_out {
        out.paragraph(2, &format!("{} of {table}: {}", gone.len(), gone.join(", ")));
    }
    if erased.blanked > 0 {
        out.paragraph(2, &format!("{} of cases blanked", counted(erased.blanked, "text")));
    }
    for folder in &erased.packages {
        out.paragraph(0, &format!("note: a package holds a copy outside this home: {folder}"));
    }
    if let Some(operator) = &erased.operator {
        out.paragraph(0, &format!("note: {operator}"));
    }
}

fn schedule(schedule: &Schedule, out: &mut Out) {
    out.object(schedule);
    let mut table = Table::new(&["no", "exhibit", "kind", "marks", "by", "why"]);
    for item in schedule.items.iter().take(SHOWN) {
        let marks: Vec<&str> = item.marks.iter().map(|m| m.word()).collect();
        let marks = match (item.erased, marks.is_empty()) {
            (true, _) => format!("{} (erased)", marks.join(" ")),
            (false, true) => "not marked".to_owned(),
            (false, false) => marks.join(" "),
        };
        table.row([
            item.number.to_string(),
            short(item.exhibit),
            item.kind.word().to_owned(),
            marks,
            item.by.as_ref().map(ToString::to_string).unwrap_or_default(),
            item.reason.clone().unwrap_or_default(),
        ]);
    }
    if table.is_empty() {
        out.line("the case holds no exhibit");
    }
    out.table(&table);
    super::laboratory::more(schedule.items.len(), SHOWN, out);
    let unmarked = schedule.items.iter().filter(|i| i.marks.is_empty()).count() as u64;
    let sensitive = schedule.items.iter().filter(|i| i.is(Mark::Sensitive)).count() as u64;
    out.talk(format!("{} not marked, {sensitive} sensitive", counted(unmarked, "exhibit")));
}

fn package(handed: &Handed, out: &mut Out) {
    out.object(handed);
    match handed.digest {
        Some(_) => out.line(handed.folder.display().to_string()),
        None => out.line(format!("would write {}", handed.folder.display())),
    }
    if let Some(sealed) = handed.sealed.as_ref().filter(|_| handed.digest.is_some()) {
        out.line(sealed.display().to_string());
    }
    out.paragraph(
        0,
        &format!(
            "{} enclosed, {} listed without content, {} not marked and only listed; {}, {}.",
            counted(handed.exhibits.len() as u64, "exhibit"),
            handed.sensitive,
            handed.unmarked,
            counted(handed.findings as u64, "finding"),
            counted(handed.proofs as u64, "proof"),
        ),
    );
    if handed.noisy > 0 {
        out.paragraph(
            0,
            &format!("note: {} left out: it is no evidence", counted(handed.noisy as u64, "noisy count")),
        );
    }
    out.talk("README.txt in the folder says how to verify it with tools that are not ours");
}

async fn stamp(
    node: &Node,
    on: &str,
    token: Option<&std::path::Path>,
    nonce: Option<&super::args::Nonce>,
    out: &mut Out,
) -> Result<(), NodeError> {
    let Some(token) = token else {
        let (on, sha256) = node.to_be_stamped(on).await?;
        out.object(&serde_json::json!({ "schema": "comity.to-be-stamped/1", "on": on, "sha256": sha256 }));
        out.line(sha256.to_string());
        out.talk(format!(
            "next, on a connected machine: openssl ts -query -digest {sha256} -sha256 -cert -out q.tsq; then \
             comity case stamp ON --token ANSWER"
        ));
        return Ok(());
    };
    let stamped = node.stamp(token, on, nonce.map(|n| n.0.as_slice())).await?;
    out.object(&stamped);
    out.line(format!("{} existed at {}, says {}", stamped.on, stamped.stamp.time, stamped.stamp.authority));
    Ok(())
}

async fn people(node: &Node, out: &mut Out) -> Result<(), NodeError> {
    let mut table = Table::new(&["person", "role", "since", "key"]);
    for person in node.people().await? {
        out.object(&person);
        table.row([
            person.person.to_string(),
            role_word(person.role),
            person.since.day().to_string(),
            short(&person.key),
        ]);
    }
    out.table(&table);
    Ok(())
}
