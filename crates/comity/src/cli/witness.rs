//! `verify heads|ask|cosign|take|proof|ruling|letter|publish`: what ledgers show, who vouches for it, what a code stands for.

use super::args::VerifyVerb;
use super::errors::Fault;
use super::home::Meant;
use super::out::{Out, Table, count, counted};
use super::{Done, Outcome};
use crate::node::Node;
use crate::node::batches::RulingProof;
use crate::node::error::{Ending, NodeError};
use crate::node::witness::{Heads, LeafProof, Witnessed};
use crate::store::files::write_durably;
use ledger::checkpoint::MAX_CHECKPOINT;
use ledger::request::MAX_REQUEST;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use terms::PartnerId;

/// Heads and cosignatures that people get; programs get all.
const SHOWN: usize = 20;

/// Opens the home and does one of the verbs.
pub async fn witness(meant: &Meant, verb: &VerifyVerb, out: &mut Out) -> Done {
    let node = meant.open("verify").await?;
    let done = one(&node, verb, out).await;
    node.close().await?;
    done
}

async fn one(node: &Node, verb: &VerifyVerb, out: &mut Out) -> Done {
    match verb {
        VerifyVerb::Sinkhole { folder } => return super::serve::check(folder, out),
        VerifyVerb::Heads { answer: Some(name), why } => {
            let answered = node.answer_alarm(&partner(name)?, why.as_deref().unwrap_or_default()).await?;
            out.object(&serde_json::json!({
                "schema": "comity.alarm-answered/1", "partner": name, "alarms": answered,
            }));
            out.line(format!("{name} is heard again; {} answered", counted(answered, "alarm")));
        }
        VerifyVerb::Heads { .. } => {
            let heads = node.heads().await?;
            out.object(&heads);
            told(&heads, out);
            return Ok(ending(&heads));
        }
        VerifyVerb::Ask { witness, out: to, old } => {
            let (text, done) = node.ask_witness(&partner(witness)?, *old).await?;
            write(to, &text)?;
            did(&done, "hand the request to the witness; `comity verify cosign` answers it", out);
        }
        VerifyVerb::Cosign { file, out: to } => {
            let (line, done) = node.cosign(&read(file, MAX_REQUEST)?).await?;
            write(to, &line)?;
            did(&done, "hand the answer back; `comity verify take` takes it in", out);
        }
        VerifyVerb::Take { file, witness } => {
            let done = node.take_answer(&partner(witness)?, &read(file, MAX_CHECKPOINT)?).await?;
            did(&done, "`comity verify heads` shows who has cosigned", out);
        }
        VerifyVerb::Proof { of, leaf } => proof(&node.leaf_proof(of).await?, leaf.as_deref(), out)?,
        VerifyVerb::Compelled => super::sharing::compelled(&node.compelled().await?, out),
        VerifyVerb::Ruling { of, record, out: to } => {
            let proof = node.ruling_proof(of, *record).await?;
            ruling(&proof, to.as_deref(), out)?;
        }
        VerifyVerb::Letter { code } => {
            let report = node.verify_letter(code).await?;
            out.object(&report);
            super::notifying::letter(&report, out);
            return Ok(if report.genuine() { Outcome::Done } else { Ending::NotVerified.into() });
        }
        VerifyVerb::Publish => {
            let done = node.publish().await?;
            out.object(&done);
            out.line(format!(
                "{}: {} leaves, {} written",
                done.folder,
                count(done.size),
                counted(done.tiles, "tile")
            ));
            out.labelled("next slot", &done.next.to_string());
        }
    }
    Ok(Outcome::Done)
}

/// An open alarm is a failed verification; a demanded cosignature that is missing makes it incomplete.
fn ending(heads: &Heads) -> Outcome {
    if heads.alarmed() {
        Ending::NotVerified.into()
    } else if heads.witnessed() {
        Outcome::Done
    } else {
        Ending::Incomplete.into()
    }
}

fn partner(name: &str) -> Result<PartnerId, NodeError> {
    Ok(PartnerId::new(name)?)
}

fn read(path: &Path, most: usize) -> Result<Vec<u8>, NodeError> {
    let failed = |e| NodeError::file("reading", path, e);
    let mut bytes = Vec::new();
    File::open(path).and_then(|f| f.take(most as u64 + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() > most {
        return Err(failed(io::Error::other(format!("it is larger than {} KiB", most >> 10))));
    }
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), NodeError> {
    write_durably(path, bytes).map_err(|e| NodeError::file("writing", path, e))
}

fn did(done: &Witnessed, next: &str, out: &mut Out) {
    out.object(done);
    out.line(format!("{} at {} leaves: {} ({})", done.origin, count(done.size), done.did, done.partner));
    out.line(next);
}

/// The proof is data and goes to standard output as it is, so that it can be kept as a `.tlog-proof` file.
fn proof(proof: &LeafProof, leaf: Option<&Path>, out: &mut Out) -> Result<(), Fault> {
    if let Some(path) = leaf {
        write(path, proof.body.as_bytes())?;
    }
    out.object(proof);
    for line in proof.proof.lines() {
        out.line(line);
    }
    out.talk(format!("leaf {} of {}; key {}", proof.index, proof.leaf, proof.vkey));
    Ok(())
}

/// The proof as a file, or on standard output as it is.
fn ruling(proof: &RulingProof, to: Option<&Path>, out: &mut Out) -> Result<(), Fault> {
    let text = serde_json::to_string_pretty(proof).unwrap_or_default();
    out.object(proof);
    match to {
        Some(path) => {
            write(path, text.as_bytes())?;
            out.line(format!(
                "record {} of {} of batch {}: proof written to {}",
                count(proof.index),
                count(proof.records),
                proof.batch,
                path.display()
            ));
        }
        None => text.lines().for_each(|line| out.line(line)),
    }
    out.talk("check it with: comity verify FILE");
    Ok(())
}

fn told(heads: &Heads, out: &mut Out) {
    out.line(format!("our ledger: {} leaves", count(heads.size)));
    for demand in &heads.demands {
        let met = match demand.met_at {
            Some(size) => format!("met at {} leaves", count(size)),
            None => "not met".to_owned(),
        };
        let missing: Vec<String> = demand.missing.iter().map(ToString::to_string).collect();
        let missing =
            if missing.is_empty() { String::new() } else { format!("; silent: {}", missing.join(", ")) };
        out.labelled(&demand.clause.to_string(), &format!("{} demanded, {met}{missing}", demand.needed));
    }
    if !heads.partners.is_empty() {
        out.heading("Partners' ledgers:");
        let mut table = Table::new(&["partner", "leaves", "shown", "root"]);
        for head in heads.partners.iter().take(SHOWN) {
            let cells = [
                head.partner.to_string(),
                count(head.size),
                head.shown_at.to_string(),
                head.root.to_string(),
            ];
            table.row(cells);
        }
        out.table(&table);
    }
    let open = heads.alarms.iter().filter(|a| a.answered_at.is_none());
    for alarm in open {
        out.heading("Two faces:");
        out.line(format!("{}: {}", alarm.partner, alarm.why));
        out.labelled("exhibit", &alarm.exhibit);
    }
}
