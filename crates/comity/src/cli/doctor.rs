//! `doctor`: what state a home is in, piece by piece, and how to mend it.
//!
//! Here: the order of the checks, what needs the passphrase, the two acts that mend (`--clock-reason`, `--sweep`).
//! Elsewhere: the checks of the stores (`store::doctor`), whether every byte is as it was signed (`node::verify`).
//! It works on a broken home, and looks behind the keys only where the passphrase is stated.

use super::args::{Doctor, Global};
use super::errors::Fault;
use super::home::Meant;
use super::out::{Out, Table, counted, short};
use super::{Done, Outcome, passphrase};
use crate::node::error::{Ending, NodeError};
use crate::node::keys::{Keys, read_key, read_public};
use crate::node::{Node, Options, origin, publish, withheld};
use crate::store::commit::write;
use crate::store::doctor::{self, Check, Depth};
use crate::store::exhibits::{self, Exhibit};
use crate::store::{
    Batch, ClockAnswer, Config, Home, Loaded, Mode, NodeClock, Sources, State, StoreError, TelemetryStore,
    config, findings, heads, odometers, vault,
};
use crate::work::{Frame, Input, Mode as Work, Pool, WorkError};
use evidence::custody::{Act, Why};
use evidence::{FileKeystore, hold};
use futures::TryStreamExt as _;
use ledger::{NoteKey, Trust, dsse};
use privacy::Odometer;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terms::{Compression, ExhibitId, ExhibitKind, FindingBody, Obtained, PartnerId, Timestamp};

/// The home that is meant; its keys only where something is to be mended, or where the passphrase is stated anyway.
pub fn meant(args: &Doctor, global: &Global) -> Result<Meant, Fault> {
    if args.clock_reason.is_some() || args.sweep || args.compact {
        return Meant::unlocked(global);
    }
    let mut meant = Meant::new(global)?;
    meant.passphrase = passphrase::stated(global)?;
    Ok(meant)
}

/// Looks at everything, or shows the configuration, or mends what it is asked to mend.
pub async fn doctor(meant: &Meant, args: &Doctor, out: &mut Out) -> Done {
    if args.config {
        return settings(meant, out);
    }
    if args.budgets {
        return budgets(meant, out).await;
    }
    if let Some(reason) = &args.clock_reason {
        return clock_went_back(meant, reason, out).await;
    }
    if args.sweep {
        return sweep(meant, out).await;
    }
    if args.compact {
        return compact(meant, out).await;
    }
    let depth = if args.deep { Depth::Bytes } else { Depth::Lists };
    let checks = look(meant, depth).await?;
    let well = checks.iter().all(|c| c.ok);
    out.object(&serde_json::json!({
        "schema": "comity.doctor/1", "home": meant.dir, "well": well, "checks": checks,
    }));
    checks.iter().for_each(|c| told(c, out));
    let unwell = checks.iter().filter(|c| !c.ok).count() as u64;
    out.line("");
    out.line(match well {
        true => format!("`{}` is well", meant.dir.display()),
        false => format!("`{}` is unwell: {}", meant.dir.display(), counted(unwell, "finding")),
    });
    Ok(if well { Outcome::Done } else { Ending::Error.into() })
}

fn told(check: &Check, out: &mut Out) {
    if check.ok {
        return out.labelled(&format!("ok  {:<14}", check.name), &check.what);
    }
    let code = check.code.as_deref().unwrap_or_default();
    out.labelled(&format!("!!  {:<14}", check.name), &format!("{code} {}", check.what));
    if let Some(mend) = &check.mend {
        out.paragraph(19, &format!("help: {mend}"));
    }
}

fn loaded(meant: &Meant) -> Result<Loaded, StoreError> {
    config::load(&Sources::of_process(Some(&meant.dir), meant.flags.clone()))
}

fn settings(meant: &Meant, out: &mut Out) -> Done {
    let settings = loaded(meant)?.settings;
    out.object(
        &serde_json::json!({ "schema": "comity.settings/1", "home": meant.dir, "settings": settings }),
    );
    let mut table = Table::new(&["key", "value", "from"]);
    for one in settings {
        let value = match one.value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => "(none)".to_owned(),
            other => other.to_string(),
        };
        table.row([one.key.to_owned(), value, one.origin]);
    }
    out.table(&table);
    Ok(Outcome::Done)
}

/// What noisy counts have cost; no key is needed, and nothing is changed.
async fn budgets(meant: &Meant, out: &mut Out) -> Done {
    let options = meant.options()?;
    let home = Home::open(&meant.dir, Mode::Look, options.clock.now())?;
    let config = loaded(meant)?.config;
    let state = State::of_home(&home, config.state.as_deref(), false).await?;
    let mut conn = state.read().await?;
    let all = odometers::list(&mut conn).await?;
    drop(conn);
    state.close().await;
    let left = |s: &odometers::Spent| Odometer { budget: config.epsilon_budget, spent: s.spent }.left();
    let sets: Vec<serde_json::Value> = all
        .iter()
        .map(|s| {
            let partners: Vec<serde_json::Value> = (s.partners.iter())
                .map(|p| serde_json::json!({ "partner": p.partner, "spent": p.spent.to_string(), "answers": p.answers }))
                .collect();
            serde_json::json!({
                "data_set": s.data_set, "spent": s.spent.to_string(), "left": left(s).to_string(), "partners": partners,
            })
        })
        .collect();
    out.object(&serde_json::json!({
        "schema": "comity.budgets/1", "budget": config.epsilon_budget.to_string(), "data_sets": sets,
    }));
    if all.is_empty() {
        out.line(format!("no noisy count was drawn; each data set has epsilon {}", config.epsilon_budget));
        return Ok(Outcome::Done);
    }
    let mut table = Table::new(&["data set", "partner", "answers", "spent", "left"]);
    for s in &all {
        table.row([
            s.data_set.clone(),
            "(all)".into(),
            String::new(),
            s.spent.to_string(),
            left(s).to_string(),
        ]);
        for p in &s.partners {
            table.row([
                String::new(),
                p.partner.clone(),
                p.answers.to_string(),
                p.spent.to_string(),
                String::new(),
            ]);
        }
    }
    out.table(&table);
    Ok(Outcome::Done)
}

/// Every check that can be made; one that fails does not keep the others from being made.
async fn look(meant: &Meant, depth: Depth) -> Result<Vec<Check>, Fault> {
    let options = meant.options()?;
    let mut checks = doctor::folder(&meant.dir);
    if checks.len() == 1 {
        // It is no home, and nothing else can be said of it.
        return Ok(checks);
    }
    let config = match loaded(meant) {
        Ok(loaded) => {
            checks.push(Check::well("configuration", "every value can be used"));
            loaded.config
        }
        Err(e) => {
            checks.push(Check::unwell("configuration", &e));
            Config::default()
        }
    };
    checks.push(doctor::disk(&meant.dir, config.least_free_mib));
    checks.push(sandbox(&options, &config).await);
    match Home::open(&meant.dir, Mode::Look, options.clock.now()) {
        Ok(home) => checks.extend(stores(&home, &options, &config, depth).await),
        // What keeps it from being opened is among the checks of the folder already.
        Err(e) if checks.iter().any(|c| !c.ok && c.what == e.to_string()) => {}
        Err(e) => checks.push(Check::unwell("home", &e)),
    }
    Ok(checks)
}

async fn stores(home: &Home, options: &Options, config: &Config, depth: Depth) -> Vec<Check> {
    let state = match State::of_home(home, config.state.as_deref(), false).await {
        Ok(state) => state,
        Err(e) => return vec![Check::unwell("state", &e)],
    };
    let mut checks = doctor::state(&state).await;
    let clock = NodeClock::new(options.clock.clone(), config.clock_tolerance_ms);
    checks.push(doctor::node_clock(&state, &clock).await);
    match TelemetryStore::open(home, config.telemetry.as_deref()) {
        Ok(folder) => checks.push(doctor::telemetry(&folder, &state).await),
        Err(e) => checks.push(Check::unwell("telemetry", &e)),
    }
    checks.push(ledger(home, &state, config.partner.as_ref()).await);
    checks.push(Check::of("partners", two_faced(&state).await));
    checks.push(Check::of("withheld-lists", lists(&config.withheld_lists)));
    checks.push(Check::of("withheld", to_report(&state, options.clock.now()).await));
    if let Some(folder) = &config.ledger_publish {
        checks
            .push(Check::of("published", published(home, &state, config, folder, options.clock.now()).await));
    }
    checks.extend(sealed(home, options, config, &state, depth).await);
    state.close().await;
    checks
}

/// Whether every list can be read: while one cannot, nothing is taken in.
fn lists(paths: &[PathBuf]) -> Result<String, NodeError> {
    withheld::readable(paths)?;
    Ok(match paths.len() {
        0 => "no list of what must not be viewed is configured".into(),
        n => format!("{} can be read", counted(n as u64, "list")),
    })
}

/// What must not be viewed, and when it has to be reported.
async fn to_report(state: &State, now: Timestamp) -> Result<String, NodeError> {
    let (mut exhibits, mut ahead, mut past) = (BTreeSet::new(), None::<Timestamp>, 0u64);
    let mut all = std::pin::pin!(findings::stream(state, Some("withheld".into())));
    while let Some(kept) = all.try_next().await? {
        if let FindingBody::Withheld { report_until, .. } = kept.finding.body {
            exhibits.extend(kept.finding.exhibits);
            if report_until < now {
                past += 1;
            } else {
                ahead = Some(ahead.map_or(report_until, |a| a.min(report_until)));
            }
        }
    }
    if exhibits.is_empty() {
        return Ok("nothing in the home is on a list of what must not be viewed".into());
    }
    let first: Vec<String> = exhibits.iter().take(8).map(short).collect();
    let rest = if exhibits.len() > first.len() { ", …" } else { "" };
    let what = format!("{} ({}{rest})", counted(exhibits.len() as u64, "exhibit"), first.join(", "));
    let next = ahead.map_or_else(String::new, |until| format!("; the next report is due by {until}"));
    let late = if past > 0 { format!("; {past} were due before now") } else { String::new() };
    Ok(format!("{what} must not be viewed and must be reported{next}{late}"))
}

/// Partners whose ledger showed two faces and who are not heard.
async fn two_faced(state: &State) -> Result<String, NodeError> {
    let mut conn = state.read().await?;
    let known = heads::largest(&mut conn).await?.len() as u64;
    let open = heads::alarms(&mut conn).await?.into_iter().find(|a| a.answered_at.is_none());
    match open {
        Some(alarm) => Err(NodeError::TwoFaced { partner: alarm.partner, why: alarm.why }),
        None => Ok(format!("the ledgers of {} have shown one face", counted(known, "partner"))),
    }
}

async fn published(
    home: &Home,
    state: &State,
    config: &Config,
    folder: &Path,
    now: Timestamp,
) -> Result<String, NodeError> {
    let key = own_key(home, config.partner.as_ref())?;
    publish::look(state, folder, config.ledger_publish_delay_s, &key, now).await
}

/// The ledger's key as the home states it.
fn own_key(home: &Home, partner: Option<&PartnerId>) -> Result<NoteKey, NodeError> {
    let unset = || NodeError::First {
        what: "the configuration does not say which partner this is".into(),
        help: "set `partner` in the home's config.toml",
    };
    let name = origin(partner.ok_or_else(unset)?);
    let public = read_public(&home.keys())?;
    let key = read_key(&public.node).ok_or_else(|| NodeError::First {
        what: "keys/public.json holds no node key".into(),
        help: "restore `keys/` from its backup",
    })?;
    Ok(NoteKey::new(&name, key)?)
}

/// The ledger against the node's public key as the home states it; `comity verify` uses the key itself.
async fn ledger(home: &Home, state: &State, partner: Option<&PartnerId>) -> Check {
    let key = match own_key(home, partner) {
        Ok(key) => key,
        Err(e) => return Check::unwell("ledger", &e),
    };
    let name = key.name().to_owned();
    let node = *key.key();
    let resolve = |id: &str| (dsse::keyid(&node) == id).then_some(node);
    let keys = [key];
    let trust = Trust { origin: &name, keys: &keys, witnesses: &[], demanded: 0, resolve: &resolve };
    doctor::ledger(home, state, &trust).await
}

/// Keys and sealed exhibits, where the passphrase is stated.
async fn sealed(home: &Home, options: &Options, config: &Config, state: &State, depth: Depth) -> Vec<Check> {
    if options.passphrase.is_empty() {
        let what = "not looked at: state the passphrase (COMITY_PASSPHRASE, --passphrase-file)";
        return vec![Check::well("keys", what)];
    }
    let keys = match Keys::open(&home.keys(), &options.passphrase) {
        Ok(keys) => keys,
        Err(e) => return vec![Check::unwell("keys", &e)],
    };
    let mut checks = vec![Check::well("keys", "the passphrase opens every key")];
    let opened = FileKeystore::open(&home.keys().join("objects"), keys.home.clone());
    let keystore = match opened {
        Ok(keystore) => Arc::new(keystore),
        Err(e) => {
            checks.push(Check::unwell("vault", &e));
            return checks;
        }
    };
    checks.push(match vault::open(home, config.vault.as_deref(), keystore) {
        Ok(vault) => doctor::exhibits(state, &vault, depth).await,
        Err(e) => Check::unwell("vault", &e),
    });
    checks
}

/// A child tries what it must not be able to do.
async fn sandbox(options: &Options, config: &Config) -> Check {
    let pool = Pool::new(options.program.clone(), 0, config.allow_no_sandbox);
    let probe = move || {
        let mut escapes = None;
        pool.run(Work::Probe, Input::of(b"")?, |frame| {
            if let Frame::Escapes(found) = frame {
                escapes = Some(found);
            }
            Ok(())
        })?;
        Ok::<_, WorkError>(escapes)
    };
    let told = match tokio::task::spawn_blocking(probe).await {
        Ok(Ok(Some(escapes))) if escapes.is_empty() => {
            Ok("hostile bytes are parsed where nothing else can be reached".to_owned())
        }
        Ok(Ok(Some(escapes))) => {
            Err(WorkError::Unconfined { why: format!("a child could {}", escapes.join(", ")) })
        }
        Ok(Ok(None)) => Err(WorkError::Protocol { why: "a child did not answer the probe".into() }),
        Ok(Err(e)) => Err(e),
        Err(e) => Err(WorkError::Refused(e.to_string())),
    };
    Check::of("sandbox", told)
}

async fn clock_went_back(meant: &Meant, reason: &str, out: &mut Out) -> Done {
    let node = meant.open("doctor").await?;
    let answer = answer(&node, reason).await?;
    node.close().await?;
    out.line(format!(
        "{} says why the clock went back; from {} on it counts again",
        answer.person, answer.at
    ));
    out.object(&serde_json::json!({ "schema": "comity.clock-answer/1", "answer": answer }));
    Ok(Outcome::Done)
}

/// The answer is sealed as an exhibit, so that the ledger can speak of it and holds none of its words.
async fn answer(node: &Node, reason: &str) -> Result<ClockAnswer, NodeError> {
    let mut tx = node.state.begin().await?;
    let answer = node.ruling_clock.acknowledge_clock(&mut tx, reason, &node.person).await?;
    let text = serde_json::json!({ "schema": "comity.clock-answer/1", "answer": answer }).to_string();
    let sealed = node.vault.seal_bytes(text.as_bytes()).await?;
    let why = Why::House("a person says why the clock went back".into());
    let event = node.event(vec![sealed.commitment], Act::Seal, why, false);
    let (custody, leaf) = node.custody(sealed.id, &event)?;
    let exhibit = Exhibit {
        id: sealed.id,
        kind: ExhibitKind::Text,
        compression: Compression::None,
        size: sealed.size,
        names: vec!["why the clock went back".into()],
        obtained: Obtained::Voluntary,
        sealed_at: event.when,
        commitment: sealed.commitment,
        derived_from: None,
        erased_at: None,
    };
    let batch =
        Batch { exhibits: vec![exhibit], custody: vec![custody], leaves: vec![leaf], ..Batch::default() };
    write(&mut tx, &batch, event.when).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Opening the home mends what a killed command left; what is left beyond that are sealed objects that no exhibit names.
async fn sweep(meant: &Meant, out: &mut Out) -> Done {
    let node = meant.open("doctor").await?;
    let strays = strays(&node).await?;
    let holds = node.holds().await?;
    for id in &strays {
        let cleared = hold::clear(*id, &holds, node.clock.now()).map_err(NodeError::from)?;
        node.vault.erase(cleared).await.map_err(NodeError::from)?;
    }
    node.close().await?;
    let erased = strays.len() as u64;
    out.line(format!("swept; {} that no exhibit names erased", counted(erased, "sealed object")));
    out.object(&serde_json::json!({ "schema": "comity.swept/1", "erased": strays }));
    Ok(Outcome::Done)
}

async fn compact(meant: &Meant, out: &mut Out) -> Done {
    let node = meant.open("doctor").await?;
    let done = node.compact().await;
    node.close().await?;
    let done = done?;
    out.line(match done.files {
        0 => "no small files of telemetry that are worth putting together".to_owned(),
        _ => format!(
            "{} put together into {}, {}",
            counted(done.files, "file"),
            done.into,
            counted(done.rows, "row")
        ),
    });
    out.object(&serde_json::json!(done));
    Ok(Outcome::Done)
}

async fn strays(node: &Node) -> Result<Vec<ExhibitId>, NodeError> {
    let mut keys: BTreeSet<_> = node.vault.list().await?.into_iter().collect();
    let mut conn = node.state.read().await?;
    let mut after = None;
    loop {
        let page = exhibits::page(&mut conn, after.as_ref(), 1000).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for exhibit in page.iter().filter(|e| e.erased_at.is_none()) {
            keys.remove(&exhibit.id);
        }
    }
    Ok(keys.into_iter().collect())
}
