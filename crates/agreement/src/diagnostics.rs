//! What is wrong with a text: stable code, title, label on the exact word, help.
//!
//! Here: [`Problem`], [`Diagnostics`], their plain text and JSON. Elsewhere: who finds them (`text`, `fields`,
//! `clause`, `check`).
//! Bounds: at most 100 problems are kept, a shown line is at most 120 characters.

use miette::{Diagnostic, LabeledSpan, SourceCode};
use std::{fmt, ops::Range, sync::Arc};

/// Most problems that are kept of one text.
const MAX_PROBLEMS: usize = 100;
/// Most characters of a source line that are shown.
const MAX_SHOWN: usize = 120;

/// A stretch of the text and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub span: Range<usize>,
    pub text: String,
}

/// One thing that is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: &'static str,
    title: String,
    help: String,
    labels: Vec<Label>,
    file: Option<Arc<File>>,
}

#[derive(Debug, PartialEq, Eq)]
struct File {
    name: String,
    text: String,
}

impl Problem {
    pub(crate) fn new(code: &'static str, title: impl Into<String>) -> Self {
        Self { code, title: title.into(), help: String::new(), labels: Vec::new(), file: None }
    }
    pub(crate) fn label(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
    /// The stable code (`CMT-0114`).
    pub fn code(&self) -> &'static str {
        self.code
    }
    /// What is wrong, in one line.
    pub fn title(&self) -> &str {
        &self.title
    }
    /// What mends it.
    pub fn help_text(&self) -> &str {
        &self.help
    }
    fn first(&self) -> usize {
        self.labels.first().map_or(0, |l| l.span.start)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}
impl std::error::Error for Problem {}
impl Diagnostic for Problem {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new((self.labels.iter()).map(|l| LabeledSpan::at(l.span.clone(), l.text.clone()))))
    }
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.file.as_ref().map(|f| &f.text as &dyn SourceCode)
    }
}

/// Everything that is wrong with one text, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    file: Arc<File>,
    problems: Vec<Problem>,
    more: usize,
}

impl Diagnostics {
    pub(crate) fn new(name: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        let file = Arc::new(File { name: name.to_owned(), text: text.to_owned() });
        problems.sort_by_key(Problem::first);
        problems.dedup();
        let more = problems.len().saturating_sub(MAX_PROBLEMS);
        problems.truncate(MAX_PROBLEMS);
        for p in &mut problems {
            p.file = Some(Arc::clone(&file));
        }
        Self { file, problems, more }
    }

    /// The problems, at most 100.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// All problems as plain text, in the manner of a compiler.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for p in &self.problems {
            self.render_one(p, &mut out);
            out.push('\n');
        }
        match (self.problems.len(), self.more) {
            (1, 0) => out.push_str("1 error\n"),
            (n, 0) => out.push_str(&format!("{n} errors\n")),
            (n, more) => out.push_str(&format!("{n} errors shown, {more} more\n")),
        }
        out
    }

    /// All problems as one JSON object (`comity.diagnostics/1`). Lines and columns count from 1, in characters;
    /// `offset` and `length` in bytes of the canonical text.
    pub fn to_json(&self) -> serde_json::Value {
        let label = |l: &Label| {
            let (line, column, _) = self.at(l.span.start);
            serde_json::json!({
                "line": line, "column": column, "offset": l.span.start, "length": l.span.len(), "text": l.text,
            })
        };
        let problem = |p: &Problem| {
            serde_json::json!({
                "code": p.code, "severity": "error", "title": p.title, "help": p.help,
                "labels": p.labels.iter().map(label).collect::<Vec<_>>(),
            })
        };
        serde_json::json!({
            "schema": "comity.diagnostics/1",
            "file": self.file.name,
            "problems": self.problems.iter().map(problem).collect::<Vec<_>>(),
            "more": self.more,
        })
    }

    /// Line and column (from 1, in characters) of a byte offset, and the line's byte range.
    fn at(&self, offset: usize) -> (usize, usize, Range<usize>) {
        let text = &self.file.text;
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let (before, after) = text.split_at(offset);
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        let end = after.find('\n').map_or(text.len(), |i| offset + i);
        let line = before.matches('\n').count() + 1;
        let column = before.get(start..).unwrap_or("").chars().count() + 1;
        (line, column, start..end)
    }

    fn render_one(&self, p: &Problem, out: &mut String) {
        out.push_str(&format!("error[{}]: {}\n", p.code, clean(&p.title)));
        let lines = p.labels.iter().map(|l| self.at(l.span.start).0).max().unwrap_or(1);
        let width = lines.to_string().len();
        for (i, l) in p.labels.iter().enumerate() {
            self.render_label(l, i == 0, width, out);
        }
        if p.labels.is_empty() {
            out.push_str(&format!("{:width$}--> {}\n", "", clean(&self.file.name)));
        }
        out.push_str(&format!("{:width$} = help: {}\n", "", clean(&p.help)));
    }

    fn render_label(&self, l: &Label, primary: bool, width: usize, out: &mut String) {
        let (line, column, range) = self.at(l.span.start);
        let arrow = if primary { "-->" } else { ":::" };
        out.push_str(&format!("{:width$}{arrow} {}:{line}:{column}\n", "", clean(&self.file.name)));
        let source: Vec<char> = self.file.text.get(range.clone()).unwrap_or("").chars().collect();
        // A long line is shown from a little before the word.
        let skip = if column > MAX_SHOWN / 2 { column - MAX_SHOWN / 4 } else { 0 };
        let shown: String = source.iter().skip(skip).take(MAX_SHOWN).collect();
        let length =
            self.file.text.get(l.span.start..l.span.end.min(range.end)).unwrap_or("").chars().count();
        let room = (skip + MAX_SHOWN).saturating_sub(column - 1).max(1);
        let mark = if primary { "^" } else { "-" }.repeat(length.clamp(1, room));
        let pad = " ".repeat(column - 1 - skip);
        out.push_str(&format!("{:width$} |\n{line:width$} | {}\n", "", clean(&shown)));
        out.push_str(&format!("{:width$} | {pad}{mark} {}\n", "", clean(&l.text)));
    }
}

/// Control and direction characters must not reach a terminal.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if hidden(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Characters that a reader cannot see or that reorder what is seen.
pub(crate) fn hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.problems.len() + self.more;
        write!(f, "`{}` has {n} error{}", self.file.name, if n == 1 { "" } else { "s" })
    }
}
impl std::error::Error for Diagnostics {}
impl Diagnostic for Diagnostics {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problems.first().map(|p| Box::new(p.code) as Box<dyn fmt::Display>)
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new("mend the text and check it again with `comity agree check FILE`"))
    }
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|p| p as &dyn Diagnostic)))
    }
}
