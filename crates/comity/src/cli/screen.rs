//! The screen that people get of `analyze PATH…`: the most dangerous exhibits first, the rest in counts, in at most
//! [`LINES`] lines, with one that says how to see more.
//!
//! Here: what is told in how many lines. Elsewhere: what is dangerous (`danger`), what is known of an exhibit (`examined`).

use super::args::Analyze;
use super::danger::{Danger, Kind, danger, weight};
use super::examined::Examined;
use super::findings::statement;
use super::out::{Out, WIDTH, bytes, clean, count, counted, cut, short};
use crate::node::analyze::Analyzed;
use crate::node::ingest::Unsealable;
use crate::node::rules::RulesInPart;
use crate::store::findings;
use std::collections::{BTreeMap, BTreeSet};
use terms::{ExhibitId, ExhibitKind, Finding, FindingBody, FindingId};

/// Lines of the whole, where nobody says how many exhibits are wanted.
const LINES: usize = 60;
/// Of those, how many are told in full; more get a line each.
const IN_FULL: usize = 5;
/// Kinds of statements on one exhibit that is told in full, a line each.
const STATEMENTS: usize = 4;
/// Lines on one exhibit where one kind of findings was asked for.
const OF_ONE_KIND: usize = 10;
/// Statements of one kind that stand together on a line.
const TOGETHER: usize = 4;
/// Exhibits that are kept for the screen where nobody says how many.
const KEPT: usize = 40;
/// Reasons why something could not be read, or was not taken in, that people get.
const REASONS: usize = 4;
/// Kinds of exhibits, and of findings, in a line of counts.
const KINDS: usize = 8;

/// What is told beside the exhibits.
pub struct Rest<'a> {
    /// How much came in and was examined.
    pub beginning: String,
    /// What was not taken in.
    pub not_sealed: &'a [Unsealable],
    /// Exhibits whose examination failed, with code and reason.
    pub failed: &'a [(ExhibitId, String, String)],
}

/// Built up exhibit by exhibit, so that only the dangerous ones are held.
pub struct Screen {
    /// How many are told in full, where somebody says so.
    top: Option<usize>,
    /// The findings that were asked for.
    only: Option<String>,
    exhibits: usize,
    /// The most dangerous ones, in the order in which they are told.
    first: Vec<(Danger, Examined)>,
    /// How many exhibits stand out.
    stand_out: usize,
    /// Names of all, to say where something lay.
    names: BTreeMap<ExhibitId, String>,
    /// Those in which nothing stands out.
    others: BTreeMap<ExhibitKind, (u64, u64)>,
    /// Findings of each kind.
    found: BTreeMap<&'static str, u64>,
    /// Findings on several exhibits that were counted.
    between: BTreeSet<FindingId>,
    /// What could not be read, by code: how often, where, why.
    unread: BTreeMap<String, (u64, String, String)>,
    rules: Vec<RulesInPart>,
}

impl Screen {
    /// An empty one, for what these arguments ask.
    pub fn new(args: &Analyze) -> Self {
        Self {
            top: args.top,
            only: args.kind.clone(),
            exhibits: 0,
            first: Vec::new(),
            stand_out: 0,
            names: BTreeMap::new(),
            others: BTreeMap::new(),
            found: BTreeMap::new(),
            between: BTreeSet::new(),
            unread: BTreeMap::new(),
            rules: Vec::new(),
        }
    }

    /// An exhibit without any finding of the kind that was asked for.
    pub fn pass_over(&mut self, one: &Examined) {
        self.names.insert(one.exhibit, one.name());
        self.other(one);
    }

    fn other(&mut self, one: &Examined) {
        self.exhibits += 1;
        let (exhibits, size) = self.others.entry(one.kind).or_default();
        (*exhibits, *size) = (*exhibits + 1, *size + one.size);
    }

    /// One exhibit more.
    pub fn add(&mut self, one: Examined) {
        let name = one.name();
        for finding in &one.findings {
            if finding.exhibits.len() == 1 || self.between.insert(finding.id) {
                *self.found.entry(findings::kind(&finding.body)).or_default() += 1;
            }
            if let FindingBody::Unreadable { code, .. } = &finding.body {
                let first = || (0, name.clone(), finding.reason.clone());
                self.unread.entry(code.clone()).or_insert_with(first).0 += 1;
            }
            self.rules.extend(RulesInPart::of(one.exhibit, &finding.body));
        }
        self.names.insert(one.exhibit, name);
        let danger = danger(&one.findings);
        if danger.kind == Kind::Nothing && self.only.is_none() {
            self.other(&one);
            return;
        }
        self.exhibits += 1;
        self.stand_out += 1;
        let place = self.first.partition_point(|(d, _)| *d >= danger);
        self.first.insert(place, (danger, one));
        self.first.truncate(self.top.unwrap_or(KEPT));
    }

    /// Prints all of it.
    pub fn print(&self, rest: &Rest<'_>, out: &mut Out) {
        if out.for_programs() {
            return;
        }
        out.line(&rest.beginning);
        let tail = self.tail(rest);
        let told = match self.top {
            Some(top) => self.in_full(top),
            // The beginning is one line, and a line may say that there are more.
            None => self.within(LINES.saturating_sub(tail.len() + 2)),
        };
        for line in told.iter().chain(&tail) {
            out.line(line);
        }
    }

    fn heading(&self) -> String {
        let all = counted(self.exhibits as u64, "exhibit");
        match (&self.only, self.stand_out) {
            (Some(kind), 0) => format!("No finding of type {kind} in {all}."),
            (Some(kind), n) => format!("Findings of type {kind}, in {} of {all}:", count(n as u64)),
            (None, 0) => format!("Nothing stands out in {all}."),
            (None, n) => format!("To be looked at first, {} of {all}:", count(n as u64)),
        }
    }

    fn in_full(&self, top: usize) -> Vec<String> {
        let mut lines = vec![String::new(), self.heading()];
        for (n, (_, one)) in self.first.iter().take(top).enumerate() {
            lines.extend(self.exhibit(n + 1, one));
        }
        lines.extend(self.more(self.first.len().min(top)));
        lines
    }

    /// As many as fit: the first ones in full, then a line each.
    fn within(&self, room: usize) -> Vec<String> {
        let mut lines = vec![String::new(), self.heading()];
        let mut told = 0;
        let mut short_ones = false;
        for (n, (_, one)) in self.first.iter().enumerate() {
            let full = self.exhibit(n + 1, one);
            if n < IN_FULL && lines.len() + full.len() + 3 <= room {
                lines.extend(full);
            } else if lines.len() + usize::from(!short_ones) < room {
                if !short_ones {
                    lines.push(String::new());
                    short_ones = true;
                }
                lines.push(self.in_a_line(n + 1, one));
            } else {
                break;
            }
            told = n + 1;
        }
        lines.extend(self.more(told));
        lines
    }

    fn more(&self, told: usize) -> Option<String> {
        let more = self.stand_out.saturating_sub(told);
        (more > 0)
            .then(|| format!("  … and {} more; --top {} tells them", count(more as u64), self.stand_out))
    }

    fn exhibit(&self, n: usize, one: &Examined) -> Vec<String> {
        let inside = one.derived_from.and_then(|id| self.names.get(&id));
        let inside = inside.map(|name| format!(", in {}", cut(&plain(name), 30))).unwrap_or_default();
        let of = format!("({}, {}{inside})", one.kind, bytes(one.size));
        let room = WIDTH.saturating_sub(4 + of.chars().count());
        let mut lines = vec![
            String::new(),
            format!("{n:>2} {} {of}", cut(&plain(&one.name()), room)),
            format!("   sha256 {}", one.exhibit),
        ];
        if self.only.is_some() {
            let mut list: Vec<&Finding> = one.findings.iter().collect();
            order(&mut list);
            let told = list.iter().take(OF_ONE_KIND);
            lines.extend(told.map(|f| statements("   ", one.exhibit, std::slice::from_ref(f), 1)));
            if list.len() > OF_ONE_KIND {
                lines.push(format!("   … and {} more", count((list.len() - OF_ONE_KIND) as u64)));
            }
            return lines;
        }
        let groups = groups(one);
        for (kind, list) in groups.iter().take(STATEMENTS) {
            lines.push(statements(&format!("   {kind:<15} "), one.exhibit, list, list.len()));
        }
        if groups.len() > STATEMENTS {
            let others: Vec<&str> = groups.iter().skip(STATEMENTS).map(|(kind, _)| *kind).collect();
            lines.push(cut(&format!("   and {}", others.join(", ")), WIDTH));
        }
        lines
    }

    fn in_a_line(&self, n: usize, one: &Examined) -> String {
        let name = cut(&plain(&one.name()), 34);
        let said = groups(one).first().map_or_else(String::new, |(kind, list)| {
            let label = format!("{n:>2} {} {name}  {kind}: ", short(one.exhibit));
            statements(&label, one.exhibit, list, list.len())
        });
        if said.is_empty() { format!("{n:>2} {} {name}", short(one.exhibit)) } else { said }
    }

    /// What follows the exhibits: those in which nothing stands out, what could not be read, how to see more.
    fn tail(&self, rest: &Rest<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.others.is_empty() {
            let all = count(self.others.values().map(|(n, _)| n).sum::<u64>());
            let label = match (&self.only, self.stand_out) {
                (Some(_), _) => format!("{all} without such a finding: "),
                (None, 0) => "they are: ".to_owned(),
                (None, _) => format!("{all} others, in which nothing stands out: "),
            };
            let kind = |(kind, (n, size)): (&ExhibitKind, &(u64, u64))| {
                (*n, format!("{} {kind} ({})", count(*n), bytes(*size)))
            };
            lines.push(String::new());
            lines.push(counts(&label, self.others.iter().map(kind).collect()));
        }
        // What every exhibit has is counted by nobody.
        let plain =
            |kind: &str| matches!(kind, "format" | "hashes" | "code" | "derived" | "scanned" | "unreadable");
        let found: Vec<_> = self.found.iter().filter(|(kind, _)| !plain(kind)).collect();
        if self.only.is_none() && !found.is_empty() {
            let kind = |(kind, n): (&&str, &u64)| (*n, format!("{} {kind}", count(*n)));
            lines.push(counts("found in all: ", found.into_iter().map(kind).collect()));
        }
        lines.extend(self.rule_sets());
        let unread = self
            .unread
            .iter()
            .map(|(code, (times, at, why))| (*times, code.clone(), plain_at(at, *times), why.clone()));
        lines.extend(reasons("not, or not wholly, readable:", unread.collect()));
        lines.extend(reasons("not examined, or not wholly:", self.failed(rest)));
        lines.extend(reasons("not taken in:", not_sealed(rest)));
        lines.push(String::new());
        lines.push(
            "more: the same with --top N (exhibits), --kind TYPE (findings of one type), --json (all)".into(),
        );
        lines
    }

    /// Rule sets that work in part: what is not applied finds nothing.
    fn rule_sets(&self) -> Vec<String> {
        let one = |part: &RulesInPart| {
            let name = self.names.get(&part.exhibit).map_or_else(|| short(part.exhibit), |n| plain(n));
            let room = WIDTH.saturating_sub(in_part(part, "").chars().count());
            in_part(part, &cut(&name, room))
        };
        let mut lines: Vec<String> = self.rules.iter().take(REASONS).map(one).collect();
        if self.rules.len() > REASONS {
            let more = counted((self.rules.len() - REASONS) as u64, "rule set");
            lines.push(format!("… and {more} more that work in part"));
        }
        lines
    }

    fn failed(&self, rest: &Rest<'_>) -> Vec<(u64, String, String, String)> {
        let mut of: BTreeMap<&str, (u64, String, &str)> = BTreeMap::new();
        for (id, code, why) in rest.failed {
            // A finding on it is counted above.
            if self.unread.contains_key(code) {
                continue;
            }
            let name = || self.names.get(id).map_or_else(|| short(id), |n| plain(n));
            of.entry(code).or_insert_with(|| (0, name(), why)).0 += 1;
        }
        of.into_iter()
            .map(|(code, (n, at, why))| (n, code.to_owned(), plain_at(&at, n), why.to_owned()))
            .collect()
    }
}

/// What is said of a rule set that works in part.
pub fn in_part(part: &RulesInPart, name: &str) -> String {
    let works = if part.rules == 1 { "works" } else { "work" };
    let (rules, out) = (counted(part.rules, "rule"), count(part.left_out));
    format!("rule set {name}: {rules} {works}, {out} left out and not applied (--kind unreadable lists them)")
}

/// One line on how much came in and was examined.
pub fn beginning(files: usize, analyzed: &Analyzed) -> String {
    let failed = match analyzed.failed.len() {
        0 => String::new(),
        n => format!("; {} could not be examined", counted(n as u64, "exhibit")),
    };
    let (files, exhibits) = (counted(files as u64, "file"), counted(analyzed.examined, "exhibit"));
    format!("took in {files}, examined {exhibits}: {}{failed}", counted(analyzed.new_findings, "new finding"))
}

/// Examinations that failed, by reason.
pub fn failed(all: &[(ExhibitId, String, String)]) -> Vec<String> {
    let mut of: BTreeMap<(&str, &str), (u64, String)> = BTreeMap::new();
    for (id, code, why) in all {
        of.entry((code, why)).or_insert_with(|| (0, short(id))).0 += 1;
    }
    let row = |((code, why), (n, at)): ((&str, &str), (u64, String))| {
        (n, code.to_owned(), plain_at(&at, n), why.to_owned())
    };
    reasons("not examined, or not wholly:", of.into_iter().map(row).collect())
}

fn not_sealed(rest: &Rest<'_>) -> Vec<(u64, String, String, String)> {
    let mut of: BTreeMap<(&str, &str), (u64, &str)> = BTreeMap::new();
    for one in rest.not_sealed {
        of.entry((one.code, &one.why)).or_insert((0, &one.name)).0 += 1;
    }
    let row = |((code, why), (n, at)): ((&str, &str), (u64, &str))| {
        (n, code.to_owned(), plain_at(at, n), why.to_owned())
    };
    of.into_iter().map(row).collect()
}

/// A text on one line, without what steers a terminal.
fn plain(text: &str) -> String {
    clean(text).replace('\n', " ")
}

fn plain_at(at: &str, times: u64) -> String {
    let at = cut(&plain(at), 32);
    if times > 1 { format!("{at}, …") } else { at }
}

/// As much of a text as fits, from its beginning.
fn until(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Reasons with how often and where, the most frequent first, a line each.
fn reasons(heading: &str, mut all: Vec<(u64, String, String, String)>) -> Vec<String> {
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut lines = Vec::new();
    for (times, code, at, why) in all.iter().take(REASONS) {
        let label = format!("{:>5}  {code}  ", count(*times));
        let place = format!(" ({at})");
        let room = WIDTH.saturating_sub(label.chars().count() + place.chars().count());
        lines.push(format!("{label}{}{place}", until(&plain(why), room)));
    }
    if all.len() > REASONS {
        let more = all.iter().skip(REASONS).map(|(n, ..)| n).sum::<u64>();
        lines.push(format!("{:>5}  for other reasons", count(more)));
    }
    if !lines.is_empty() {
        lines.insert(0, heading.to_owned());
        lines.insert(0, String::new());
    }
    lines
}

/// Counts in one line, the largest first.
fn counts(label: &str, mut all: Vec<(u64, String)>) -> String {
    all.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut line = label.to_owned();
    for (n, (_, text)) in all.iter().enumerate() {
        let next = if n == 0 { text.clone() } else { format!(", {text}") };
        if n >= KINDS || line.chars().count() + next.chars().count() + 16 > WIDTH {
            line.push_str(&format!(" and {} more", counted((all.len() - n) as u64, "kind")));
            break;
        }
        line.push_str(&next);
    }
    line
}

/// What is said of an exhibit, by kind: the kind that says most first, and in it the finding that does.
fn groups(one: &Examined) -> Vec<(&'static str, Vec<&Finding>)> {
    let mut groups: Vec<(&'static str, u32, Vec<&Finding>)> = Vec::new();
    for finding in one.findings.iter().filter(|f| weight(f) > 0) {
        let kind = findings::kind(&finding.body);
        match groups.iter_mut().find(|(k, ..)| *k == kind) {
            Some((_, most, list)) => {
                *most = (*most).max(weight(finding));
                list.push(finding);
            }
            None => groups.push((kind, weight(finding), vec![finding])),
        }
    }
    groups.sort_by_key(|(_, most, _)| std::cmp::Reverse(*most));
    groups.iter_mut().for_each(|(_, _, list)| order(list));
    groups.into_iter().map(|(kind, _, list)| (kind, list)).collect()
}

fn order(list: &mut [&Finding]) {
    list.sort_by_key(|f| (std::cmp::Reverse(weight(f)), far(f)));
}

/// Of what is alike the nearest comes first.
fn far(finding: &Finding) -> u32 {
    match &finding.body {
        FindingBody::Similar { distance, .. } => *distance,
        FindingBody::SharedCode { percent, .. } => 100u32.saturating_sub(u32::from(*percent)),
        _ => 0,
    }
}

/// As many statements as fit a line, each with the id that explains it, and how many more there are.
fn statements(label: &str, on: ExhibitId, list: &[&Finding], all: usize) -> String {
    let mut line = label.to_owned();
    for (n, finding) in list.iter().enumerate() {
        let rest = all.saturating_sub(n);
        let more = format!("; and {} more", count(rest as u64));
        let id = format!(" [{}]", short(finding.id));
        let used = line.chars().count();
        let said = plain(&said(finding, on));
        // The first is cut to fit; another comes where it fits whole.
        let room = WIDTH.saturating_sub(used + id.len() + if rest > 1 { more.len() } else { 0 });
        if n == 0 {
            line.push_str(&format!("{}{id}", cut(&said, room)));
        } else if n < TOGETHER && said.chars().count() + 2 <= room {
            line.push_str(&format!("; {said}{id}"));
        } else {
            line.push_str(&more);
            break;
        }
    }
    line
}

/// A statement without what the line's beginning says already.
fn said(finding: &Finding, on: ExhibitId) -> String {
    // Of two that are alike the reader looks at one: what is meant is the other.
    let other = || finding.exhibits.iter().find(|e| **e != on).map_or_else(String::new, short);
    match &finding.body {
        FindingBody::Configuration { family, campaign, variant, channels, dga, .. } => {
            let mut parts =
                vec![variant.as_ref().map_or_else(|| family.clone(), |v| format!("{family}/{v}"))];
            parts.extend(campaign.as_ref().map(|c| format!("campaign {c}")));
            parts.extend(channels.iter().take(6).map(terms::Channel::key));
            parts.extend(dga.as_ref().map(|d| format!("{} names a day by {}", d.per_day, d.algorithm)));
            parts.join(", ")
        }
        FindingBody::Capability { capability, techniques, .. } if techniques.is_empty() => capability.clone(),
        FindingBody::Capability { capability, techniques, .. } => {
            format!("{capability} ({})", techniques.join(", "))
        }
        FindingBody::Text { what, value, .. } | FindingBody::ActiveContent { what, value, .. } => {
            format!("{what} {value}")
        }
        FindingBody::RuleMatch { rule, .. } => rule.clone(),
        FindingBody::Family { family, .. } => family.clone(),
        FindingBody::Signature { verdict, signer, .. } => {
            signer.as_ref().map_or_else(|| verdict.clone(), |s| format!("{verdict}: {s}"))
        }
        FindingBody::Withheld { inside, report_until, .. } => {
            let what = if *inside { "what lies in it" } else { "it" };
            format!("{what} is listed: must not be viewed, report until {report_until}")
        }
        FindingBody::Unreadable { code, .. } => format!("{code}: {}", finding.reason),
        FindingBody::Similar { distance, .. } => format!("like {} (distance {distance})", other()),
        FindingBody::SharedCode { percent, .. } => format!("{percent} % of code with {}", other()),
        body => statement(body),
    }
}
