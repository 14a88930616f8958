//! `agree`: texts checked, filled, signed and taken in; rulings asked for without a trace.

use super::args::Agree;
use super::declare_args::MannerArgs;
use super::errors::Fault;
use super::home::Meant;
use super::out::{Out, Table, count, counted};
use super::{Done, Outcome};
use crate::node::Node;
use crate::node::agree::{Listed, Signatures, compile, parse};
use crate::node::error::{Ending, NodeError};
use crate::node::share::refused;
use crate::store::files::write_durably;
use agreement::{Agreement, Budget, Matching, Period, Permit, Request, Ruling, Spent, Unit};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use terms::{CaseId, Digest, ExhibitId, Handling, MemberId, PartnerId};

/// Most bytes of a text or signature file that are read.
const MOST: u64 = 8 << 20;

/// What is done about agreements, in an open home.
pub async fn agree(meant: &Meant, verb: Option<&Agree>, out: &mut Out) -> Done {
    let node = meant.open("agree").await?;
    match verb {
        None | Some(Agree::List) => list(&node, out).await?,
        Some(Agree::Key) => key(&node, out),
        Some(Agree::Declare(verb)) => super::declaring::declare(&node, verb, out).await?,
        Some(Agree::Sign { file, out: to, countersign, manner }) => {
            sign(&node, file, to, countersign.as_deref(), manner, out)?
        }
        Some(Agree::Join { file, signature }) => join(&node, file, signature, out).await?,
        Some(Agree::Show { agreement, plain, at }) => {
            let at = at.unwrap_or_else(|| node.clock.now());
            let signed = node.agree_at(agreement, at).await?;
            if *plain { super::plain::show(&signed, at, out) } else { show(signed.agreement(), out) }
        }
        Some(test @ Agree::Test { .. }) => ask(&node, test, out).await?,
        // These need no home.
        Some(Agree::Check { file }) => return check(file, out),
        Some(Agree::Fill { template, set, out: to }) => return fill(template, set, to, out),
        Some(Agree::Prove(args)) => return super::proof::prove(args, out),
        Some(Agree::Diff(args)) => return super::proof::diff(args, out),
    }
    node.close().await?;
    Ok(Outcome::Done)
}

/// The text of a file of bounded size.
pub fn read(path: &Path) -> Result<String, NodeError> {
    let failed = |e| NodeError::file("reading", path, e);
    let mut text = String::new();
    File::open(path).and_then(|f| f.take(MOST + 1).read_to_string(&mut text)).map_err(failed)?;
    if text.len() as u64 > MOST {
        return Err(failed(io::Error::other(format!("it is larger than {} MiB", MOST >> 20))));
    }
    Ok(text)
}

/// Writes a file that is whole or not there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), NodeError> {
    write_durably(path, bytes).map_err(|e| NodeError::file("writing", path, e))
}

/// A path as messages name it.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Checks a text; what is wrong with it is the result, with its place.
pub fn check(file: &Path, out: &mut Out) -> Done {
    let text = read(file)?;
    let agreement = match agreement::parse(&shown(file), &text) {
        Ok(agreement) => agreement,
        Err(problems) => {
            out.object(&problems.to_json());
            out.line(problems.render().trim_end());
            return Ok(Ending::Error.into());
        }
    };
    let policy = compile(&agreement)?;
    let idle = agreement.without_effect();
    out.object(&serde_json::json!({
        "schema": "comity.checked/1", "id": agreement.id(), "title": agreement.title(), "version": agreement.version(),
        "policy": policy.digest(), "clauses": agreement.clauses().len(), "without_effect": idle,
    }));
    let clauses = counted(agreement.clauses().len() as u64, "clause");
    out.line(format!("{} is in order: {clauses}", agreement.id()));
    out.labelled("version", &agreement.version().to_string());
    let left = agreement::placeholders(&text);
    if !left.is_empty() {
        out.paragraph(0, &format!("still to be filled: {}", left.join(", ")));
    }
    for one in idle {
        out.paragraph(
            0,
            &format!("note: clause {}: `{}` has no effect yet: {}", one.clause.number, one.word, one.reason),
        );
    }
    Ok(Outcome::Done)
}

/// Fills placeholders; a name that the template does not have is a mistake.
pub fn fill(template: &Path, set: &[(String, String)], to: &Path, out: &mut Out) -> Done {
    let text = read(template)?;
    let there = agreement::placeholders(&text);
    if let Some((name, _)) = set.iter().find(|(name, _)| !there.contains(name)) {
        let what = format!("`{name}` is no placeholder of `{}`", shown(template));
        return Err(Fault::usage(what, format!("its placeholders are {}", there.join(", "))));
    }
    let values: Vec<(&str, &str)> = set.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let filled = agreement::fill(&text, &values);
    let left = agreement::placeholders(&filled);
    write(to, filled.as_bytes())?;
    out.object(&serde_json::json!({ "schema": "comity.filled/1", "path": to, "left": left }));
    out.line(shown(to));
    if left.is_empty() {
        out.talk(format!("next: comity agree check {}", to.display()));
    } else {
        out.talk(format!("still to be filled: {}", left.join(", ")));
    }
    Ok(Outcome::Done)
}

fn key(node: &Node, out: &mut Out) {
    let key = node.organisation_key();
    out.line(&key);
    let signs = crate::node::keys::shown(&node.keys.node.verifying_key());
    out.talk(format!("the node key, which signs packages and the ledger: {signs}"));
    out.object(
        &serde_json::json!({ "schema": "comity.key/1", "partner": node.partner, "key": key, "node": signs }),
    );
}

fn signatures(path: &Path) -> Result<Signatures, NodeError> {
    let text = read(path)?;
    serde_json::from_str(&text).map_err(|e| NodeError::Trust {
        what: format!("`{}` is no signature file: {e}", shown(path)),
        help: "give the file that the other party's `comity agree sign` wrote",
    })
}

pub(super) fn sign(
    node: &Node,
    file: &Path,
    to: &Path,
    given: Option<&Path>,
    manner: &MannerArgs,
    out: &mut Out,
) -> Result<(), Fault> {
    let agreement = parse(&shown(file), &read(file)?)?;
    let manner = super::declaring::manner(manner, &agreement)?;
    let signed = node.sign_as(&agreement, given.map(signatures).transpose()?, manner)?;
    let text = serde_json::to_vec_pretty(&signed).map_err(|e| NodeError::file("writing", to, e.into()))?;
    write(to, &text)?;
    let parties: Vec<String> = signed.parties.keys().map(ToString::to_string).collect();
    out.object(&serde_json::json!({
        "schema": "comity.signed/1", "agreement": agreement.id(), "version": agreement.version(), "parties": parties,
        "path": to,
    }));
    out.line(format!("{} is signed by {}", agreement.id(), parties.join(" and ")));
    out.labelled("version", &agreement.version().to_string());
    let missing = agreement.parties().len() > parties.len();
    out.talk(if missing {
        format!("next: the other party runs comity agree countersign … --signature {}", to.display())
    } else {
        format!("next: both parties run comity agree join {} --signature {}", file.display(), to.display())
    });
    Ok(())
}

async fn join(node: &Node, file: &Path, signature: &Path, out: &mut Out) -> Result<(), Fault> {
    let listed = node.join(&read(file)?, signatures(signature)?).await?;
    out.object(&listed);
    out.table(&table([listed]));
    Ok(())
}

async fn list(node: &Node, out: &mut Out) -> Result<(), Fault> {
    let all = node.agree_list().await?;
    all.iter().for_each(|l| out.object(l));
    if all.is_empty() {
        out.line("no agreement is kept here");
        out.talk("next: comity agree check FILE, then sign and join");
    }
    out.table(&table(all));
    Ok(())
}

fn table(all: impl IntoIterator<Item = Listed>) -> Table {
    let mut table = Table::new(&["agreement", "state", "from", "until", "clauses", "title"]);
    for one in all {
        table.row([
            one.id.to_string(),
            one.state,
            one.from.day().to_string(),
            one.until.day().to_string(),
            count(one.clauses as u64),
            one.title,
        ]);
    }
    table
}

fn show(agreement: &Agreement, out: &mut Out) {
    let (from, until) = agreement.term();
    let party = |id: &&PartnerId| {
        let key = agreement.key(id).map(|k| agreement::key_text(&k));
        let (name, signatory) = agreement.party_name(id).unwrap_or_default();
        (id.to_string(), name.to_owned(), signatory.to_owned(), key.unwrap_or_default())
    };
    let parties: Vec<_> = agreement.parties().iter().map(party).collect();
    let told = |(id, name, signatory, key): &(String, String, String, String)| serde_json::json!({ "id": id, "name": name, "signatory": signatory, "key": key });
    let clause = |c: &agreement::Clause| serde_json::json!({ "number": c.number(), "kind": c.kind(), "title": c.title(), "prose": c.prose(), "block": c.block() });
    out.object(&serde_json::json!({
        "schema": "comity.agreement-text/1", "id": agreement.id(), "title": agreement.title(),
        "version": agreement.version(), "from": from, "until": until,
        "parties": parties.iter().map(told).collect::<Vec<_>>(),
        "clauses": agreement.clauses().iter().map(clause).collect::<Vec<_>>(),
    }));
    out.labelled("agreement", &format!("{}: {}", agreement.id(), agreement.title()));
    out.labelled("version", &agreement.version().to_string());
    out.labelled("term", &format!("from {from} until {until}"));
    for (id, name, signatory, key) in &parties {
        out.labelled("party", &format!("{id}: {name}, signed for by {signatory}"));
        out.labelled("  key", key);
    }
    for clause in agreement.clauses() {
        out.heading(&format!("{} {} ({})", clause.number(), clause.title(), clause.kind()));
        clause.prose().split("\n\n").for_each(|p| out.paragraph(4, p));
    }
}

async fn ask(node: &Node, test: &Agree, out: &mut Out) -> Result<(), Fault> {
    let Agree::Test { to, member, purpose, record, records, from, more } = test else { return Ok(()) };
    let id = |text: &str| PartnerId::new(text).map_err(NodeError::from);
    let from = from.as_deref().map_or_else(|| Ok(node.partner.clone()), id)?;
    let handling = Handling { tlp: more.tlp, code: more.code };
    let mut request = Request::new(from, id(to)?, more.act, *purpose, handling, Digest::of(b""));
    request.member = member.as_deref().map(MemberId::new).transpose().map_err(NodeError::from)?;
    request.records = *records;
    request.case = more.case.as_deref().map(CaseId::new).transpose().map_err(NodeError::from)?;
    request.reason.clone_from(&more.reason);
    if let [set, reveal] = more.matching.as_slice() {
        request.matching = Some(Matching { set: *set, reveal: *reveal });
    }
    if let [asked, spent] = more.budget.as_slice() {
        let (unit, period) = (Unit::Bot, Period::Month);
        request.budget = Some(Budget { asked: *asked, spent: *spent, unit, period });
    }
    request.grading = more.grading;
    request.consent = more.consent.then(|| ExhibitId::of(b"stated to be there"));
    request.origin = more.origin.as_deref().map(id).transpose()?;
    request.place = more.place;
    request.concerns = more.concerns.iter().copied().collect();
    for (category, form) in record {
        request = request.with(*category, *form);
    }
    let spent = match more.spent.as_slice() {
        [case, month, total] => Some(Spent { case: *case, month: *month, total: *total }),
        _ => None,
    };
    let (ruling, at) = node.agree_test(request.clone(), spent, more.at).await?;
    let mut said = ruling.statement(&request, at);
    if let (Ruling::Deny(denial), Some(said)) = (&ruling, said.as_object_mut()) {
        said.insert("missing".into(), denial.missing.clone().into());
        said.insert("sentence".into(), denial.sentence().into());
    }
    out.object(&said);
    match ruling {
        Ruling::Permit(permit) => {
            permitted(&permit, out);
            Ok(())
        }
        Ruling::Deny(denial) => Err(refused(&denial).into()),
    }
}

fn permitted(permit: &Permit, out: &mut Out) {
    let under = permit.agreement().map_or_else(|| permit.source().told(), ToString::to_string);
    out.line(format!("permitted under {under}"));
    permit.clauses().iter().for_each(|c| out.line(format!("  clause  {c}")));
    permit.duties().iter().for_each(|d| out.line(format!("  duty    {d}")));
}
