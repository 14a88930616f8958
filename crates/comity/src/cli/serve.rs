//! `serve`: what runs until it is stopped. Each role has its own arm.

use super::args::{Serve, ServeRole};
use super::errors::Fault;
use super::home::Meant;
use super::out::{Out, counted};
use super::{Done, Outcome, serve_cluster};
use crate::node::sinkhole::{ForSinkhole, told};
use crate::store::lock;
use sinkhole::{Config, Sinkhole, SinkholeError, Told};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often a running sinkhole looks whether there is something to tell or to take in.
const LOOK: Duration = Duration::from_millis(500);

/// Runs a role until it is stopped.
pub async fn serve(meant: &Meant, args: &Serve, out: &mut Out) -> Done {
    match args.role {
        ServeRole::Sinkhole => sinkhole(meant, args, out).await,
        ServeRole::Scheduler => serve_cluster::scheduler(meant, &args.cluster, out).await,
        ServeRole::Executor => serve_cluster::executor(meant, &args.cluster, out).await,
    }
}

fn configuration(args: &Serve) -> Result<Config, Fault> {
    let path = args
        .config
        .as_ref()
        .ok_or_else(|| Fault::usage("a sinkhole needs its configuration", "name it with --config FILE"))?;
    let text =
        std::fs::read_to_string(path).map_err(|e| crate::node::error::NodeError::file("reading", path, e))?;
    Ok(Config::read(&text).map_err(crate::node::error::NodeError::from)?)
}

/// The folder of a sinkhole's log: named, or in the home.
fn folder(meant: &Meant, args: &Serve, config: &Config) -> PathBuf {
    args.log.clone().unwrap_or_else(|| meant.dir.join("sinkhole").join(&config.id))
}

async fn sinkhole(meant: &Meant, args: &Serve, out: &mut Out) -> Done {
    let config = configuration(args)?;
    let folder = folder(meant, args, &config);
    if args.take_in {
        let told = take_in(meant, &folder, &config).await?;
        out.object(&serde_json::json!({ "schema": "comity.sinkhole-taken/1", "told": told }));
        out.line(told);
        return Ok(Outcome::Done);
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(Fault::Begin)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Fault::Begin)?;
    let home: Arc<ForSinkhole> = {
        let node = meant.open("serve").await?;
        let home = match node.may_sinkhole(&config).await {
            Ok(()) => node.for_sinkhole(&config).await,
            Err(e) => Err(e),
        };
        node.close().await?;
        home?
    };
    let (sender, events) = channel();
    let say = Arc::new(move |told: Told| drop(sender.send(told)));
    let running =
        Sinkhole::start(config.clone(), home, &folder, say).map_err(crate::node::error::NodeError::from)?;
    begun(&running, &config, out);
    let mut waits = true;
    let mut lost = false;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        waits |= tell(&events, out);
        if !running.runs() {
            lost = true;
            break;
        }
        // Others may work in the home just now: then the segments wait.
        if waits && lock::holder(&meant.dir).is_none() {
            match take_in(meant, &folder, &config).await {
                Ok(told) => {
                    out.talk(told);
                    waits = false;
                }
                Err(fault) if fault.told().code == "CMT-1001" => {}
                Err(fault) => {
                    out.talk(format!("warning: segments were not taken in and wait: {}", fault.told().what));
                    waits = false;
                }
            }
        }
    }
    let counts = running.stop().map_err(crate::node::error::NodeError::from)?;
    tell(&events, out);
    match take_in(meant, &folder, &config).await {
        Ok(told) => out.talk(told),
        Err(fault) => {
            out.talk(format!("note: {}; `comity serve --role sinkhole --take-in` does it", fault.told().what))
        }
    }
    out.line(format!(
        "stopped: {} answered, {} limited, {} slow, {} silent",
        counts.answered, counts.limited, counts.slow, counts.silent
    ));
    if lost {
        let why = "one of its threads has ended".into();
        return Err(crate::node::error::NodeError::from(SinkholeError::Lost { id: config.id, why }).into());
    }
    Ok(Outcome::Done)
}

fn begun(running: &Sinkhole, config: &Config, out: &mut Out) {
    let listens: Vec<serde_json::Value> = running
        .addresses()
        .iter()
        .map(|(kind, at)| serde_json::json!({ "kind": kind.word(), "at": at }))
        .collect();
    out.object(&serde_json::json!({
        "schema": "comity.sinkhole-begun/1", "id": config.id, "authority": config.authority, "until": config.until,
        "custodian": config.custodian, "log": running.folder(), "listens": listens,
    }));
    out.line(format!(
        "sinkhole {} of {} under {} until {}",
        config.id, config.custodian.organisation, config.authority, config.until
    ));
    for (kind, at) in running.addresses() {
        out.line(format!("  {} on {at}", kind.word()));
    }
    out.flush();
}

/// Passes on what the sinkhole says; true where a segment ended.
fn tell(events: &Receiver<Told>, out: &mut Out) -> bool {
    let mut ended = false;
    for told in events.try_iter() {
        ended |= matches!(told, Told::Closed { .. });
        let Some(text) = words(told) else { continue };
        // A program that reads JSON hears of trouble, too.
        out.object(&serde_json::json!({ "schema": "comity.sinkhole-told/1", "text": text }));
        out.talk(text);
        out.flush();
    }
    ended
}

fn words(told: Told) -> Option<String> {
    match told {
        Told::Closed { .. } => None,
        Told::Cut { path, bytes, lines } => Some(format!(
            "note: {} and a part of one behind the last whole batch of {} were cut off and kept aside ({bytes} bytes): they \
             were written within the last second before a kill",
            counted(lines, "line"),
            path.display()
        )),
        Told::Silent { why } => {
            Some(format!("WARNING: the log cannot be written ({why}): nothing is answered until it can"))
        }
        Told::Speaking => Some("the log is written again, and answers go out".into()),
        Told::Ended { until } => {
            Some(format!("the end date {until} has passed: nothing but the declaration is answered any more"))
        }
        Told::Lost { why } => Some(format!("WARNING: a core listens no more: {why}")),
    }
}

async fn take_in(meant: &Meant, folder: &Path, config: &Config) -> Result<String, Fault> {
    let node = meant.open("serve").await?;
    let done = node.take_in_hits(folder, config).await;
    node.close().await?;
    Ok(told(&done?))
}

/// Follows the chain of a sinkhole's log; no home is needed.
pub fn check(folder: &Path, out: &mut Out) -> Done {
    let checked = sinkhole::log::check(folder).map_err(crate::node::error::NodeError::from)?;
    out.object(&serde_json::json!({ "schema": "comity.sinkhole-checked/1", "log": checked }));
    out.line(format!(
        "the chain holds: {} here, {} in {} batches",
        counted(checked.segments, "segment"),
        counted(checked.lines, "line"),
        checked.batches
    ));
    match (checked.gone, checked.segments) {
        (0, 0) => out.line("nothing was logged yet"),
        (0, _) => {}
        (n, _) => out.paragraph(
            0,
            &format!(
                "{} ended and went from here, as a running sinkhole takes them in: as exhibits they are checked by `comity \
                 verify`. The chain goes on behind the last of them",
                counted(n, "segment")
            ),
        ),
    }
    if checked.torn > 0 {
        out.line(format!(
            "{} bytes behind the last whole batch: never acknowledged, cut off at the next start",
            checked.torn
        ));
    }
    out.line(format!("chain {}", checked.chain));
    Ok(Outcome::Done)
}
