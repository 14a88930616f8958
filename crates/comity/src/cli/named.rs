//! `analyze --names FILE`: which names of a list were generated, by whose algorithm, and why. It needs no home.
//!
//! Here: reading the list, the days that are asked about, writing the answer. Elsewhere: the algorithms
//! (`botnet::generated`), the look of a name (`botnet::lexical`).
//! Of a URL its host is judged. A first line that only says what the column holds is left out, and said.
//! All names of the list are judged together too, as if one host had asked for them (`lexical::Together`).
//! A family is told where its algorithm makes exactly this name on one of the days; a look alone tells none.
//! Bounds: a line of [`MOST_LINE`] bytes; any number of lines, one at a time.

use super::args::Analyze;
use super::errors::Fault;
use super::out::{Out, counted, cut};
use super::{Done, Outcome};
use crate::node::error::{Ending, NodeError};
use crate::store::{Clock as _, SystemClock};
use botnet::generated::Index;
use botnet::lexical;
use serde::Serialize;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Bytes of a line: a name has 253 at most (RFC 1035, section 2.3.4), a line of a list may say more behind it.
const MOST_LINE: u64 = 4096;
/// Days before and after the one that is asked about: logs are late, clocks of bots are wrong.
const AROUND: i32 = 7;
/// Registrable domains that are judged together; what comes after is judged one by one only.
const MOST_DOMAINS: usize = 100_000;
/// Reasons that people get, the weightiest; programs get all.
const REASONS: usize = 2;

/// First lines that name a column and are no name.
const HEADERS: [&str; 14] = [
    "domain",
    "domains",
    "domain_name",
    "domainname",
    "name",
    "names",
    "host",
    "hosts",
    "hostname",
    "fqdn",
    "query",
    "qname",
    "url",
    "urls",
];

/// What is said of one name (`comity.name/1`).
#[derive(Debug, Serialize)]
struct Named<'a> {
    schema: &'static str,
    name: &'a str,
    /// How much it looks generated, 0 to 1; 1 where an algorithm makes it.
    score: f32,
    generated: bool,
    /// `None`: unknown.
    family: Option<&'static str>,
    /// In percent.
    confidence: u8,
    reasons: Vec<String>,
}

/// What is said of all names of a list as if one host had asked for them (`comity.names-together/1`).
#[derive(Debug, Serialize)]
struct Together {
    schema: &'static str,
    /// Names that were judged, one a registrable domain.
    names: usize,
    /// Mean log odds that one of them is generated.
    mean: f32,
    /// How far the mean lies above what one group in a thousand of as many popular names has; negative below.
    above: f32,
    generated: bool,
}

/// One name of each registrable domain, at most [`MOST_DOMAINS`].
#[derive(Default)]
struct Crowd {
    all: lexical::Together,
    domains: HashSet<String>,
}

impl Crowd {
    fn take(&mut self, name: &str) {
        let lower = name.to_ascii_lowercase();
        let parts = lexical::model::split(&lower);
        if self.domains.len() < MOST_DOMAINS
            && self.domains.insert(format!("{}.{}", parts.label, parts.suffix))
        {
            self.all.add(name);
        }
    }

    /// A mixed list says little together; a host's own list says more than each of its names.
    fn tell(&self, out: &mut Out) {
        let (Some(mean), Some(above)) = (self.all.mean(), self.all.above()) else { return };
        let (names, generated) = (self.all.names(), self.all.generated());
        if out.for_programs() {
            let schema = "comity.names-together/1";
            return out.object(&Together { schema, names, mean, above, generated });
        }
        let looks = if generated { "look generated" } else { "do not look generated" };
        out.talk(format!(
            "together, as if one host had asked for them, {names} names {looks}: mean log odds {mean:.1}, {:.1} {} what one \
             group in a thousand of popular names has",
            above.abs(),
            if generated { "above" } else { "below" }
        ));
    }
}

/// Judges every name of a list (`-`: standard input) and prints a line for each.
pub fn names(path: &Path, args: &Analyze, out: &mut Out) -> Done {
    let on = args.on.unwrap_or_else(|| SystemClock.now().day());
    let window = on.plus(-AROUND)..=on.plus(AROUND);
    let index = Index::over(window.clone())
        .map_err(|e| Fault::Usage { what: e.to_string(), help: "ask about another day with --on".into() })?;
    let mut lines = open(path)?;
    let (mut line, mut judged, mut generated, mut known, mut unread) = (Vec::new(), 0u64, 0u64, 0u64, 0u64);
    let (mut first, mut together) = (true, Crowd::default());
    while let Some(whole) = next(&mut lines, &mut line).map_err(|e| NodeError::file("reading", path, e))? {
        let text = String::from_utf8_lossy(&line);
        let name = text.trim().trim_start_matches('\u{feff}');
        let name = name.split([',', ';', ' ', '\t']).next().unwrap_or_default().trim_matches('"');
        if whole && (name.is_empty() || name.starts_with('#')) {
            continue;
        }
        if std::mem::take(&mut first) && HEADERS.iter().any(|h| name.eq_ignore_ascii_case(h)) {
            out.talk(format!("the first line, `{name}`, names a column and is left out"));
            continue;
        }
        let name = host(name);
        if !whole || name.len() > 253 {
            unread += 1;
            out.talk(format!("a line of more than a name's length is left out: {}", cut(name, 40)));
            continue;
        }
        let said = judge(name, &index);
        together.take(name);
        judged += 1;
        generated += u64::from(said.generated);
        known += u64::from(said.family.is_some());
        let wanted = said.score >= args.min_score.unwrap_or(0.0) && (said.generated || !args.generated);
        if wanted {
            tell(&said, out);
        }
    }
    together.tell(out);
    out.talk(format!(
        "{}: {generated} look generated, {known} of them made by a known algorithm on a day from {} to {}",
        counted(judged, "name"),
        window.start(),
        window.end()
    ));
    Ok(if unread > 0 { Ending::Partly.into() } else { Outcome::Done })
}

fn judge<'a>(name: &'a str, index: &Index) -> Named<'a> {
    let look = lexical::judge(name);
    let schema = "comity.name/1";
    let Some(known) = index.recognise(name).into_iter().next() else {
        let lexical::Verdict { score, generated, confidence, mut reasons, .. } = look;
        if reasons.is_empty() {
            reasons.push(unjudged(name).to_owned());
        }
        return Named { schema, name, score, generated, family: None, confidence, reasons };
    };
    let days = if known.first == known.last {
        format!("on {}", known.first)
    } else {
        format!("from {} to {}", known.first, known.last)
    };
    let mut reasons =
        vec![format!("the algorithm of {} (seed {}) makes this name {days}", known.family, known.seed)];
    reasons.extend(look.reasons);
    Named { schema, name, score: 1.0, generated: true, family: Some(known.family), confidence: 99, reasons }
}

/// The host of a URL, or of what is written like one; a name stays as it is.
fn host(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    match host.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    }
}

/// Why nothing is said of a name.
fn unjudged(name: &str) -> &'static str {
    if name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() {
        "an address and no name"
    } else {
        "too short to tell: fewer than three characters of its own"
    }
}

fn tell(said: &Named<'_>, out: &mut Out) {
    if out.for_programs() {
        return out.object(said);
    }
    let family = match (said.generated, said.family) {
        (_, Some(family)) => family,
        (true, None) => "unknown",
        (false, None) => "-",
    };
    let why: Vec<&str> = said.reasons.iter().take(REASONS).map(String::as_str).collect();
    out.line(format!("{:.2}  {family:<12} {}  {}", said.score, said.name, why.join("; ")));
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Fault> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = File::open(path).map_err(|e| NodeError::file("reading", path, e))?;
    Ok(Box::new(BufReader::with_capacity(256 << 10, file)))
}

/// The next line; `false` where it was too long, and only its beginning is given.
fn next(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    Read::by_ref(lines).take(MOST_LINE).read_until(b'\n', line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.len() as u64 == MOST_LINE && line.last() != Some(&b'\n') {
        lines.skip_until(b'\n')?;
        return Ok(Some(false));
    }
    Ok(Some(true))
}
