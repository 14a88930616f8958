//! The text as text: canonical form, placeholders, and its division into clauses.
//!
//! Here: what a line is, where a clause begins and its block lies. Elsewhere: what a block says (`fields`, `clause`).
//! Only what every reader sees may count: hidden characters, comments and other fences are refused, because prose
//! that a signer does not see, or a block that a renderer hides, would be signed unread.
//! Bounds: 1 MiB of text, 2,000 clauses, 64 KiB a block.

use crate::diagnostics::{Problem, hidden};
use std::{collections::BTreeMap, ops::Range};

/// Largest text in bytes.
pub const MAX_TEXT: usize = 1 << 20;
const MAX_CLAUSES: usize = 2_000;
const MAX_BLOCK: usize = 64 << 10;

/// The canonical form that is hashed and signed: no byte order mark before it, lines end with LF alone, one LF at the
/// end. The canonical form of a canonical text is that text.
pub fn canonical(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for line in text.trim_start_matches('\u{feff}').split('\n') {
        out.push_str(line.trim_end_matches('\r'));
        out.push('\n');
    }
    out.truncate(out.trim_end_matches('\n').len());
    out.push('\n');
    out
}

/// Replaces each `{{name}}` of a sample text by its value, before anybody signs. Placeholders without a value stay,
/// and [`parse`](crate::parse) refuses them.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let value = named(after).and_then(|(name, tail)| {
            values.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value, tail))
        });
        match value {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The names of the placeholders in a sample text, each once, in order of the alphabet.
pub fn placeholders(text: &str) -> Vec<String> {
    let mut names: Vec<String> = (text.split("{{").skip(1))
        .filter_map(|after| named(after).map(|(name, _)| name.to_owned()))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The name that a `{{` opens, and what follows its `}}`. A name has at most 128 bytes and one line.
fn named(after: &str) -> Option<(&str, &str)> {
    let end = after.as_bytes().windows(2).take(128).position(|w| w == b"}}")?;
    let (name, tail) = after.split_at_checked(end)?;
    (!name.contains('\n')).then(|| (name.trim(), tail.strip_prefix("}}").unwrap_or(tail)))
}

/// A clause as it stands in the text, its block not yet read.
#[derive(Debug, Clone)]
pub(crate) struct RawClause {
    pub number: String,
    pub number_span: Range<usize>,
    pub title: String,
    pub prose: String,
    /// Byte range of the TOML between the fences.
    pub block: Range<usize>,
}

/// Divides a canonical text into its title and clauses.
pub(crate) fn divide(text: &str, problems: &mut Vec<Problem>) -> (String, Vec<RawClause>) {
    if text.len() > MAX_TEXT {
        problems.push(
            Problem::new("CMT-0101", "the text is too long")
                .help(format!("an agreement holds at most {MAX_TEXT} bytes; this one has {}", text.len())),
        );
        return (String::new(), Vec::new());
    }
    refuse_hidden(text, problems);
    refuse_placeholders(text, problems);
    let mut divider = Divider {
        problems,
        title: String::new(),
        open: None,
        clauses: Vec::new(),
        fence: None,
        refused: false,
    };
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches('\n');
        divider.line(content, offset, text);
        offset += line.len();
    }
    divider.finish(text);
    let (title, clauses) = (divider.title, divider.clauses);
    refuse_wrong_numbers(&clauses, problems);
    (title, clauses)
}

fn refuse_hidden(text: &str, problems: &mut Vec<Problem>) {
    let hits =
        text.char_indices().filter(|(_, c)| hidden(*c)).map(|(i, c)| (i..i + c.len_utf8(), "a character"));
    let comments = text.match_indices("<!--").map(|(i, m)| (i..i + m.len(), "a comment"));
    for (span, what) in hits.chain(comments).take(20) {
        problems.push(
            Problem::new("CMT-0109", format!("{what} that readers do not see"))
                .label(span, "hidden here")
                .help("remove it: everything that is signed must be visible"),
        );
    }
}

fn refuse_placeholders(text: &str, problems: &mut Vec<Problem>) {
    for (i, _) in text.match_indices("{{").take(20) {
        let end = text.get(i..).and_then(|t| t.find("}}")).filter(|n| *n <= 130).map_or(i + 2, |n| i + n + 2);
        let word = text.get(i..end).unwrap_or("{{");
        problems.push(
            Problem::new("CMT-0122", format!("placeholder `{word}` is not filled"))
                .label(i..end, "nothing stands here yet")
                .help("fill the sample text before it is read: `comity agree fill` does, with the keys of the parties"),
        );
    }
}

fn refuse_wrong_numbers(clauses: &[RawClause], problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<&str, &RawClause> = BTreeMap::new();
    let mut last: Option<(Vec<u32>, &RawClause)> = None;
    for c in clauses {
        if let Some(first) = seen.insert(&c.number, c) {
            problems.push(
                Problem::new("CMT-0103", format!("two clauses have the number {}", c.number))
                    .label(c.number_span.clone(), "used again")
                    .label(first.number_span.clone(), "first used here")
                    .help("give each clause its own number; rulings cite clauses by it"),
            );
        } else {
            let parts: Vec<u32> = c.number.split('.').filter_map(|n| n.parse().ok()).collect();
            if let Some((before, other)) = &last
                && *before > parts
            {
                problems.push(
                    Problem::new(
                        "CMT-0104",
                        format!("clause {} stands after clause {}", c.number, other.number),
                    )
                    .label(c.number_span.clone(), "out of order")
                    .help("number the clauses in the order in which they stand"),
                );
            }
            last = Some((parts, c));
        }
    }
}

/// A clause whose end is not reached yet.
struct Open {
    clause: RawClause,
    blocks: usize,
}

struct Divider<'p> {
    problems: &'p mut Vec<Problem>,
    title: String,
    open: Option<Open>,
    clauses: Vec<RawClause>,
    /// Start of the fence line and of the block behind it; the flag says whether it is a clause block.
    fence: Option<(Range<usize>, usize, bool)>,
    /// Whether the last heading was refused: its block is not reported as well.
    refused: bool,
}

impl Divider<'_> {
    fn line(&mut self, line: &str, offset: usize, text: &str) {
        if let Some((fence, start, clause)) = self.fence.clone() {
            if line.trim_end() == "```" {
                self.fence = None;
                if clause {
                    self.block(fence, start..offset, text);
                }
            }
            return;
        }
        let fenced = line.trim_start();
        if fenced.starts_with("```") || fenced.starts_with("~~~") {
            let span = offset..offset + line.len();
            let clause = line.trim_end() == "```clause";
            if !clause {
                self.problems.push(
                    Problem::new("CMT-0109", "a fence that is not a clause block")
                        .label(span.clone(), "only ```clause may be fenced")
                        .help("write it as prose, or open the block with ```clause at the start of the line"),
                );
            }
            self.fence = Some((span, offset + line.len() + 1, clause));
        } else if let Some(heading) = line.strip_prefix("### ") {
            self.close();
            self.open(heading, offset + 4);
        } else if line.starts_with("## ") {
            self.close();
        } else if let Some(title) = line.strip_prefix("# ") {
            self.close();
            if self.title.is_empty() {
                self.title = title.trim().to_owned();
            }
        } else if let Some(open) = &mut self.open
            && !line.trim().is_empty()
        {
            if !open.clause.prose.is_empty() {
                open.clause.prose.push(' ');
            }
            open.clause.prose.push_str(line.trim());
        }
    }

    fn open(&mut self, heading: &str, offset: usize) {
        let word = heading.split_whitespace().next().unwrap_or("");
        let number = word.trim_end_matches('.');
        let good = number.len() <= 16
            && number.contains('.')
            && number.split('.').all(|n| {
                !n.is_empty() && n.len() <= 4 && !n.starts_with('0') && n.bytes().all(|b| b.is_ascii_digit())
            });
        let at = offset + heading.find(word).unwrap_or(0);
        let span = at..at + number.len().max(1);
        if !good {
            self.problems.push(
                Problem::new("CMT-0102", "a clause has no number")
                    .label(span, "a number like 3.1 belongs here")
                    .help("write the heading as `### 3.1 Title`"),
            );
            self.refused = true;
            return;
        }
        if self.clauses.len() >= MAX_CLAUSES {
            self.refused = true;
            if self.clauses.len() == MAX_CLAUSES {
                self.problems.push(
                    Problem::new("CMT-0101", "the text has too many clauses")
                        .label(span, "one clause too many")
                        .help(format!("an agreement holds at most {MAX_CLAUSES} clauses")),
                );
            }
            return;
        }
        let title =
            heading.get(heading.find(word).unwrap_or(0) + word.len()..).unwrap_or("").trim().to_owned();
        let clause = RawClause {
            number: number.to_owned(),
            number_span: span,
            title,
            prose: String::new(),
            block: 0..0,
        };
        self.open = Some(Open { clause, blocks: 0 });
    }

    fn block(&mut self, fence: Range<usize>, block: Range<usize>, text: &str) {
        let Some(open) = &mut self.open else {
            if self.refused {
                return;
            }
            self.problems.push(
                Problem::new("CMT-0107", "a block belongs to no clause")
                    .label(fence, "no numbered heading stands above it")
                    .help("put a heading like `### 3.1 Title` and its prose above the block"),
            );
            return;
        };
        open.blocks += 1;
        if open.blocks > 1 {
            self.problems.push(
                Problem::new("CMT-0106", format!("clause {} has two blocks", open.clause.number))
                    .label(fence, "a second block")
                    .help("give the second block its own number and prose"),
            );
        } else if text.get(block.clone()).is_none_or(|b| b.len() > MAX_BLOCK) {
            self.problems.push(
                Problem::new("CMT-0101", format!("the block of clause {} is too long", open.clause.number))
                    .label(fence, "this block")
                    .help(format!("a block holds at most {MAX_BLOCK} bytes")),
            );
            (self.open, self.refused) = (None, true);
        } else {
            if open.clause.prose.is_empty() {
                self.problems.push(
                    Problem::new("CMT-0131", format!("clause {} has no prose", open.clause.number))
                        .label(open.clause.number_span.clone(), "nothing for a person to read")
                        .help("say above the block, in words, what the block says"),
                );
            }
            open.clause.block = block;
        }
    }

    fn close(&mut self) {
        self.refused = false;
        let Some(Open { clause, blocks }) = self.open.take() else { return };
        if blocks == 0 {
            self.problems.push(
                Problem::new("CMT-0105", format!("clause {} has no block", clause.number))
                    .label(clause.number_span, "its prose binds nobody's machine")
                    .help("add a ```clause block below the prose, or drop the number"),
            );
        } else {
            self.clauses.push(clause);
        }
    }

    fn finish(&mut self, text: &str) {
        if let Some((fence, _, clause)) = self.fence.take() {
            self.problems.push(
                Problem::new("CMT-0108", "a block has no end")
                    .label(fence, "opened here")
                    .help("close it with a line that holds ``` and nothing else"),
            );
            if clause {
                // The missing end is said; that the clause has no block would be said twice.
                self.open = None;
            }
        }
        self.close();
        if self.clauses.is_empty() && self.problems.is_empty() {
            self.problems.push(
                Problem::new("CMT-0138", "the text has no clause")
                    .label(0..text.find('\n').unwrap_or(0), "an agreement was expected")
                    .help("an agreement is prose with numbered clauses, each followed by a ```clause block"),
            );
        }
    }
}
