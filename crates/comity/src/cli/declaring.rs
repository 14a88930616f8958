//! `agree`, for what begins or follows a signature: a new text, countersigning, changes of state, members, emergencies,
//! keys, amendments, and statements of the other party.

use super::declare_args::{Change, Declare, MannerArgs, New};
use super::errors::Fault;
use super::out::{Out, counted, short};
use super::partners;
use crate::node::Node;
use crate::node::agree::{Manner, compile, parse};
use crate::node::declare::Stated;
use crate::node::error::NodeError;
use agreement::{Agreement, Bound, Certificate, MemberChange, Status};
use ledger::dsse::Envelope;
use std::path::Path;
use terms::{Digest, MemberId};

/// The text that `agree new` begins with.
const TEMPLATE: &str = include_str!("new.mou.md");

/// Does what was typed.
pub async fn declare(node: &Node, verb: &Declare, out: &mut Out) -> Result<(), Fault> {
    let member = |id: &str| MemberId::new(id).map_err(NodeError::from);
    match verb {
        Declare::New(new) => write_new(node, new, out),
        Declare::Countersign { file, signature, out: to, manner } => {
            partners::sign(node, file, to, Some(signature), manner, out)
        }
        Declare::Suspend(change) => change_state(node, change, Status::Suspended, out).await,
        Declare::Resume(change) => change_state(node, change, Status::Resumed, out).await,
        Declare::End(change) => change_state(node, change, Status::Ended, out).await,
        Declare::Accede { agreement, member: id, place, name, from, out: to } => {
            let what = MemberChange::Accedes { place: *place, name: name.clone() };
            stated(&node.member(agreement, &member(id)?, what, *from).await?, Some(to), out)
        }
        Declare::OptOut { agreement, member: id, from, out: to } => {
            stated(&node.member(agreement, &member(id)?, MemberChange::OptsOut, *from).await?, Some(to), out)
        }
        Declare::Amend { agreement, from, out: to } => {
            let text = node.amendment(agreement, *from).await?;
            partners::write(to, text.as_bytes())?;
            out.object(
                &serde_json::json!({ "schema": "comity.drafted/1", "agreement": agreement, "path": to }),
            );
            out.line(partners::shown(to));
            out.talk("next: write into it what changes, then comity agree check, sign, countersign and join");
            Ok(())
        }
        Declare::Emergency { agreement, clause, by, reason, from, out: to } => {
            let [a, b] = by.as_slice() else {
                return Err(Fault::usage("an emergency needs two people", "name both: --by NAME=ROLE twice"));
            };
            let people = [a.clone(), b.clone()];
            stated(&node.emergency(agreement, clause, people, *from, reason).await?, Some(to), out)
        }
        Declare::Delegate { key, from, until, out: to } => {
            stated(&node.delegate(key.as_deref(), *from, *until).await?, Some(to), out)
        }
        Declare::Revoke { key, from, out: to } => stated(&node.revoke(key, *from).await?, Some(to), out),
        Declare::Mandate { file, pdf, delegate, key, out: to } => {
            let agreement = parse(&partners::shown(file), &partners::read(file)?)?;
            let mandate = node.mandate(&agreement, digest(pdf)?, delegate, key)?;
            partners::write(to, &mandate.to_json())?;
            out.object(&serde_json::json!({
                "schema": "comity.mandated/1", "agreement": agreement.id(), "delegate": delegate, "path": to,
            }));
            out.line(format!("{delegate} may sign {} for {}", agreement.id(), node.partner));
            out.talk(format!(
                "next: the delegate signs with --mandate {} --pdf {}",
                to.display(),
                pdf.display()
            ));
            Ok(())
        }
        Declare::Take { file } => {
            let taken = node.take_statement(partners::read(file)?.as_bytes()).await?;
            stated(&taken, None, out)
        }
    }
}

async fn change_state(node: &Node, change: &Change, status: Status, out: &mut Out) -> Result<(), Fault> {
    let made = node.change(&change.agreement, status, change.at, &change.reason).await?;
    stated(&made, Some(&change.out), out)
}

/// What a statement says in one word, by its payload type.
fn word(kind: &str) -> &'static str {
    match kind {
        agreement::STATUS_TYPE => "change of state",
        agreement::MEMBERSHIP_TYPE => "accession or opt-out",
        agreement::EMERGENCY_TYPE => "emergency",
        agreement::DELEGATION_TYPE => "delegation",
        agreement::REVOCATION_TYPE => "revocation",
        _ => "statement",
    }
}

fn stated(made: &Stated, to: Option<&Path>, out: &mut Out) -> Result<(), Fault> {
    if let Some(to) = to {
        partners::write(to, &made.envelope)?;
    }
    out.object(made);
    let about = if made.agreement.is_empty() { "every agreement" } else { made.agreement.as_str() };
    let known = if made.new { "" } else { " (it was here already)" };
    out.line(format!("{} {} under {about} holds here{known}", word(&made.kind), short(&made.id)));
    if let Some(to) = to {
        out.talk(format!("next: the other party runs comity agree take {}", to.display()));
    }
    Ok(())
}

/// The SHA-256 of a file.
fn digest(path: &Path) -> Result<Digest, NodeError> {
    std::fs::read(path).map(|b| Digest::of(&b)).map_err(|e| NodeError::file("reading", path, e))
}

/// The digest of a certificate that speaks of this very text.
fn certified(path: &Path, agreement: &Agreement) -> Result<Digest, NodeError> {
    let certificate = Certificate::from_bytes(partners::read(path)?.as_bytes())?;
    certificate.fits(agreement, &compile(agreement)?)?;
    Ok(certificate.digest())
}

/// What is bound in and as whom, read from the files that the command line names.
///
/// # Errors
/// CMT-0243 for what is no certificate, or one of another text.
pub fn manner(args: &MannerArgs, agreement: &Agreement) -> Result<Manner, NodeError> {
    let bound = Bound {
        certificate: args.certificate.as_deref().map(|p| certified(p, agreement)).transpose()?,
        pdf: args.pdf.as_deref().map(digest).transpose()?,
    };
    let mandate = match &args.mandate {
        Some(path) => Some(Envelope::from_json(partners::read(path)?.as_bytes())?),
        None => None,
    };
    Ok(Manner { bound, mandate })
}

fn write_new(node: &Node, new: &New, out: &mut Out) -> Result<(), Fault> {
    let id = |text: &str| terms::PartnerId::new(text).map_err(NodeError::from);
    let (ours, theirs) = (node.partner.clone(), id(&new.with)?);
    let name = |i: usize, id: &terms::PartnerId| new.names.get(i).cloned().unwrap_or_else(|| id.to_string());
    let pick = |values: &[String], i: usize| values.get(i).cloned().unwrap_or_default();
    let places: Vec<String> = new.places.iter().map(ToString::to_string).collect();
    let term: Vec<String> = new.term.iter().map(ToString::to_string).collect();
    let basis = "its legitimate interest in secure networks, or the law on which it stands";
    let values = [
        ("agreement", new.agreement.clone()),
        ("ours.id", ours.to_string()),
        ("ours.name", name(0, &ours)),
        ("ours.key", node.organisation_key()),
        ("ours.signatory", "Director".to_owned()),
        ("ours.place", pick(&places, 0)),
        ("ours.basis", basis.to_owned()),
        ("theirs.id", theirs.to_string()),
        ("theirs.name", name(1, &theirs)),
        ("theirs.key", new.key.clone()),
        ("theirs.signatory", "Director".to_owned()),
        ("theirs.place", pick(&places, 1)),
        ("theirs.basis", basis.to_owned()),
        ("from", pick(&term, 0)),
        ("until", pick(&term, 1)),
    ];
    let values: Vec<(&str, &str)> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let text = agreement::fill(TEMPLATE, &values);
    // What was typed may not fit: then nothing is written.
    let read = parse(&partners::shown(&new.out), &text)?;
    partners::write(&new.out, text.as_bytes())?;
    out.object(&serde_json::json!({
        "schema": "comity.drafted/1", "agreement": read.id(), "version": read.version(), "path": new.out,
    }));
    out.line(partners::shown(&new.out));
    out.talk(format!(
        "{}; next: have counsel write what differs, then comity agree check {}",
        counted(read.clauses().len() as u64, "clause"),
        new.out.display()
    ));
    Ok(())
}
