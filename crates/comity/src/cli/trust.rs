//! `verify`: a home, a package or a receipt, as it was signed and sealed, or not.

use super::args::{Global, Verify};
use super::errors::Fault;
use super::home::Meant;
use super::laboratory::more;
use super::out::{Out, Table, bytes, counted};
use super::progress::Progress;
use super::{Done, Outcome};
use crate::node::error::Ending;
use crate::node::verify::{self, Problem, Verified};
use crate::node::{self, keys};
use crate::store::home;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use std::path::Path;

/// Problems that people get; programs get all.
const SHOWN: usize = 40;

/// A package alone needs no home: a court has none.
pub fn meant(args: &Verify, global: &Global) -> Result<Meant, Fault> {
    if args.verb.is_some() {
        return Meant::unlocked(global);
    }
    let unopened = Meant::new(global)?;
    if args.stamps.is_some() {
        return Ok(unopened);
    }
    let package = args.path.as_ref().is_some_and(|p| p.is_dir());
    let no_home = home::read_format(&unopened.dir).is_err();
    if package && (!args.key.is_empty() || no_home) { Ok(unopened) } else { Meant::unlocked(global) }
}

/// Verifies and says what is not as it was.
pub async fn verify(meant: &Meant, args: &Verify, out: &mut Out) -> Done {
    if let Some(verb) = &args.verb {
        return super::witness::witness(meant, verb, out).await;
    }
    if let (Some(token), Some(on), Some(roots)) = (&args.path, &args.stamps, &args.roots) {
        return stamp(token, on, roots, args, out);
    }
    let bar = Progress::open(out, "verifying");
    let verified = match &args.path {
        None => verify::home(&meant.options()?, &|name| bar.tick(name)).await?,
        Some(path) if path.is_dir() => {
            let keys = keys_for(meant, &args.key).await?;
            verify::verify_package(path, &keys)
        }
        Some(path) => receipt(meant, path).await?,
    };
    drop(bar);
    out.object(&verified);
    told(&verified, out);
    Ok(if verified.whole() { Outcome::Done } else { Ending::NotVerified.into() })
}

/// A time-stamp token over a file or a package: no home is needed.
fn stamp(token: &Path, on: &Path, roots: &Path, args: &Verify, out: &mut Out) -> Done {
    let nonce = args.nonce.as_ref().map(|n| n.0.as_slice());
    let stamp = node::stamp::verify(token, on, &node::stamp::roots(roots)?, nonce)?;
    out.object(&serde_json::json!({ "schema": "comity.stamp/1", "on": on, "stamp": stamp }));
    out.line(format!("the time stamp holds: {} existed at {}", on.display(), stamp.time));
    out.labelled("by", &stamp.authority);
    out.labelled("under", &stamp.root);
    Ok(Outcome::Done)
}

async fn receipt(meant: &Meant, path: &Path) -> Result<Verified, Fault> {
    let node = meant.open("verify").await?;
    let verified = node.verify_file(path).await?;
    node.close().await?;
    Ok(verified)
}

/// The keys given, else those a home knows, else none: then the package's own word is taken, and said.
async fn keys_for(meant: &Meant, given: &[String]) -> Result<Vec<VerifyingKey>, Fault> {
    if !given.is_empty() || meant.passphrase.is_none() {
        return given.iter().map(|text| key(text)).collect();
    }
    let node = meant.open("verify").await?;
    let keys = node.package_keys().await?;
    node.close().await?;
    Ok(keys)
}

/// A key as 64 hexadecimal digits, or as agreements write it.
fn key(text: &str) -> Result<VerifyingKey, Fault> {
    let written = || {
        let bytes = STANDARD.decode(text.strip_prefix("ed25519:")?).ok()?;
        VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()
    };
    keys::read_key(text).or_else(written).ok_or_else(|| {
        Fault::usage(
            format!("`{text}` is no key"),
            "give the node key that the partner's `comity agree key` prints: 64 hexadecimal digits",
        )
    })
}

fn told(verified: &Verified, out: &mut Out) {
    let what = verified.what;
    let read = format!("{}, {} read", counted(verified.files, "file"), bytes(verified.bytes));
    if verified.whole() {
        let exhibits = counted(verified.exhibits, "exhibit");
        out.line(format!("the {what} is whole: {exhibits}, {read}"));
    } else {
        let n = verified.problems.len() as u64 + verified.unlisted;
        out.line(format!("the {what} is NOT whole: {}; {read}", counted(n, "problem")));
    }
    if let Some(head) = &verified.ledger {
        out.line(format!("ledger {}: {}", head.origin, leaves(head.size)));
        out.line(format!("root   {}", head.root));
    }
    if let Some(ruled) = &verified.ruled {
        super::sharing::ruled(ruled, out);
    }
    for signer in &verified.signed_by {
        out.line(format!("signed by {signer}"));
    }
    list("Not as it was:", &verified.problems, out);
    list("Notes:", &verified.notes, out);
}

fn list(heading: &str, all: &[Problem], out: &mut Out) {
    if all.is_empty() {
        return;
    }
    out.heading(heading);
    let mut table = Table::new(&["code", "file", "what"]);
    for one in all.iter().take(SHOWN) {
        table.row([one.code.clone(), one.file.clone(), one.what.clone()]);
    }
    out.table(&table);
    more(all.len(), SHOWN, out);
}

fn leaves(n: u64) -> String {
    if n == 1 { "1 leaf".to_owned() } else { format!("{} leaves", super::out::count(n)) }
}
