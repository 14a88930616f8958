//! Reading the words of one block: values with their place in the text, and what is wrong with them.
//!
//! Here: a cursor over a TOML table that knows which words were asked for, so that the rest are unknown words.
//! Elsewhere: which words a kind of clause has (`clause`).
//! Bounds: lists of 2,000 entries, texts of 4,096 bytes.

use crate::diagnostics::Problem;
use std::{cell::RefCell, ops::Range};
use terms::{Day, IdError};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

const MAX_LIST: usize = 2_000;
const MAX_VALUE: usize = 4_096;

/// A value and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// The words of one table, each asked for at most once.
pub(crate) struct Fields<'a> {
    table: &'a DeTable<'a>,
    /// Where the block begins in the text.
    offset: usize,
    /// What a missing word is reported on.
    pub span: Range<usize>,
    /// `a \`share\` clause`, for messages.
    what: String,
    known: RefCell<Vec<&'static str>>,
    problems: &'a RefCell<Vec<Problem>>,
}

impl<'a> Fields<'a> {
    pub fn new(
        table: &'a DeTable<'a>,
        offset: usize,
        span: Range<usize>,
        what: String,
        problems: &'a RefCell<Vec<Problem>>,
    ) -> Self {
        Self { table, offset, span, what, known: RefCell::default(), problems }
    }

    pub fn problem(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    fn at<T>(&self, spanned: &Spanned<T>) -> Range<usize> {
        let span = spanned.span();
        span.start + self.offset..span.end + self.offset
    }

    fn get(&self, word: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&word) {
            known.push(word);
        }
        self.table.iter().find(|(k, _)| k.get_ref().as_ref() == word).map(|(_, v)| v)
    }

    pub fn has(&self, word: &'static str) -> bool {
        self.get(word).is_some()
    }

    fn need(&self, word: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let value = self.get(word);
        if value.is_none() {
            self.problem(
                Problem::new("CMT-0113", format!("{} needs `{word}`", self.what))
                    .label(self.span.clone(), format!("`{word}` is missing"))
                    .help(format!(
                        "add `{word} = …`; crates/agreement/FORMAT.md lists the words of each kind"
                    )),
            );
        }
        value
    }

    fn wrong_type(&self, value: &Spanned<DeValue<'_>>, wanted: &str) {
        self.problem(
            Problem::new("CMT-0115", format!("{wanted} was expected"))
                .label(self.at(value), format!("this is {}", spoken_type(value.get_ref())))
                .help(format!("write {wanted} here")),
        );
    }

    fn as_text(&self, value: &Spanned<DeValue<'_>>) -> Option<At<String>> {
        match value.get_ref().as_str() {
            Some(s) if s.len() <= MAX_VALUE && !s.trim().is_empty() => {
                Some(At { value: s.to_owned(), span: self.at(value) })
            }
            Some(s) => {
                let why = if s.len() > MAX_VALUE { "too long" } else { "empty" };
                self.problem(
                    Problem::new("CMT-0127", format!("a text that is {why}"))
                        .label(self.at(value), why)
                        .help(format!("a text has 1 to {MAX_VALUE} bytes")),
                );
                None
            }
            None => {
                self.wrong_type(value, "a text in quotes");
                None
            }
        }
    }

    pub fn text(&self, word: &'static str) -> Option<At<String>> {
        self.need(word).and_then(|v| self.as_text(v))
    }
    pub fn maybe_text(&self, word: &'static str) -> Option<At<String>> {
        self.get(word).and_then(|v| self.as_text(v))
    }

    /// An id or another value read from a text.
    pub fn parsed<T: std::str::FromStr<Err = IdError>>(&self, word: &'static str) -> Option<At<T>> {
        self.text(word).and_then(|t| self.parse(t))
    }
    pub fn parse<T: std::str::FromStr<Err = IdError>>(&self, text: At<String>) -> Option<At<T>> {
        match text.value.parse() {
            Ok(value) => Some(At { value, span: text.span }),
            Err(e) => {
                self.problem(
                    Problem::new("CMT-0137", e.to_string())
                        .label(text.span, format!("not {}", e.expected))
                        .help(format!("write {}", e.expected)),
                );
                None
            }
        }
    }

    /// A word of a closed vocabulary.
    pub fn word<T: Copy>(&self, word: &'static str, all: &[T], name: fn(T) -> &'static str) -> Option<At<T>> {
        self.text(word).and_then(|t| self.one_of(word, t, all, name))
    }
    fn one_of<T: Copy>(
        &self,
        word: &str,
        t: At<String>,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Option<At<T>> {
        if let Some(value) = all.iter().copied().find(|v| name(*v) == t.value) {
            return Some(At { value, span: t.span });
        }
        let words: Vec<&str> = all.iter().map(|v| name(*v)).collect();
        let shown = shorten(&t.value);
        let mut problem = Problem::new("CMT-0116", format!("`{shown}` is not a word that `{word}` knows"))
            .label(
                t.span,
                nearest(&t.value, &words)
                    .map_or_else(|| "not in the vocabulary".into(), |w| format!("did you mean `{w}`?")),
            );
        problem = problem.help(format!("`{word}` is one of {}", list(&words)));
        self.problem(problem);
        None
    }

    /// A list of texts; `None` when the word is absent or something in the list is wrong.
    fn as_texts(&self, value: &'a Spanned<DeValue<'a>>) -> Option<Vec<At<String>>> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, "a list like [\"one\", \"two\"]");
            return None;
        };
        if array.is_empty() || array.len() > MAX_LIST {
            let why = if array.is_empty() { "an empty list" } else { "a list that is too long" };
            self.problem(
                Problem::new("CMT-0127", why)
                    .label(self.at(value), "here")
                    .help(format!("a list has 1 to {MAX_LIST} entries; leave the word out to say nothing")),
            );
            return None;
        }
        let texts: Vec<_> = array.iter().filter_map(|v| self.as_text(v)).collect();
        for (i, t) in texts.iter().enumerate().take(200) {
            if texts.iter().take(i).any(|u| u.value == t.value) {
                self.problem(
                    Problem::new("CMT-0126", format!("`{}` is listed twice", shorten(&t.value)))
                        .label(t.span.clone(), "listed before")
                        .help("list it once"),
                );
                return None;
            }
        }
        (texts.len() == array.len()).then_some(texts)
    }

    pub fn words<T: Copy>(
        &self,
        word: &'static str,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Option<Vec<At<T>>> {
        let texts = self.need(word).and_then(|v| self.as_texts(v))?;
        self.each(texts, |t| self.one_of(word, t, all, name))
    }
    /// `Ok(None)`: not said. `Err`: said, and wrong.
    pub fn maybe_words<T: Copy>(
        &self,
        word: &'static str,
        all: &[T],
        name: fn(T) -> &'static str,
    ) -> Result<Option<Vec<At<T>>>, Wrong> {
        if self.has(word) { self.words(word, all, name).map(Some).ok_or(Wrong) } else { Ok(None) }
    }
    pub fn parsed_list<T: std::str::FromStr<Err = IdError>>(&self, word: &'static str) -> Option<Vec<At<T>>> {
        let texts = self.need(word).and_then(|v| self.as_texts(v))?;
        self.each(texts, |t| self.parse(t))
    }
    fn each<T>(
        &self,
        texts: Vec<At<String>>,
        read: impl Fn(At<String>) -> Option<At<T>>,
    ) -> Option<Vec<At<T>>> {
        let n = texts.len();
        let read: Vec<_> = texts.into_iter().filter_map(read).collect();
        (read.len() == n).then_some(read)
    }

    /// Either one of the `fixed` words as a text, or a list of ids.
    pub fn fixed_or_list<T: std::str::FromStr<Err = IdError>>(
        &self,
        word: &'static str,
        fixed: &'static str,
    ) -> Option<Option<Vec<At<T>>>> {
        let value = self.need(word)?;
        match value.get_ref().as_str() {
            Some(s) if s == fixed => Some(None),
            Some(_) => {
                self.wrong_type(value, &format!("`\"{fixed}\"` or a list"));
                None
            }
            None => self.parsed_list(word).map(Some),
        }
    }

    /// A whole number within bounds.
    pub fn number(&self, word: &'static str, min: u64, max: u64) -> Option<At<u64>> {
        let value = self.need(word)?;
        let Some(i) = value.get_ref().as_integer() else {
            self.wrong_type(value, "a whole number");
            return None;
        };
        let digits = i.as_str().replace('_', "");
        match u64::from_str_radix(&digits, i.radix()) {
            Ok(n) if (min..=max).contains(&n) => Some(At { value: n, span: self.at(value) }),
            _ => {
                self.problem(
                    Problem::new("CMT-0127", format!("`{word}` is out of bounds"))
                        .label(self.at(value), format!("{min} to {max} is allowed"))
                        .help(format!("write a whole number from {min} to {max}")),
                );
                None
            }
        }
    }
    pub fn maybe_number(&self, word: &'static str, min: u64, max: u64) -> Result<Option<At<u64>>, Wrong> {
        if self.has(word) { self.number(word, min, max).map(Some).ok_or(Wrong) } else { Ok(None) }
    }

    /// A calendar day, written bare (`2026-01-15`) or in quotes.
    pub fn day(&self, word: &'static str) -> Option<At<Day>> {
        let value = self.need(word)?;
        let written = match value.get_ref() {
            DeValue::String(s) => s.to_string(),
            DeValue::Datetime(d) => d.to_string(),
            _ => {
                self.wrong_type(value, "a date like 2026-01-15");
                return None;
            }
        };
        let plain = written.len() == 10 && written.starts_with("20");
        match written.parse::<Day>() {
            Ok(day) if plain => Some(At { value: day, span: self.at(value) }),
            _ => {
                self.problem(
                    Problem::new("CMT-0119", format!("`{}` is not a date", shorten(&written)))
                        .label(self.at(value), "not a day of the calendar")
                        .help("write a day of this century as year-month-day, like 2026-01-15"),
                );
                None
            }
        }
    }
    pub fn maybe_day(&self, word: &'static str) -> Result<Option<At<Day>>, Wrong> {
        if self.has(word) { self.day(word).map(Some).ok_or(Wrong) } else { Ok(None) }
    }

    /// The tables of a list, or one table.
    pub fn tables(&self, word: &'static str, what: &str) -> Option<Vec<Fields<'a>>> {
        let value = self.need(word)?;
        let Some(array) = value.get_ref().as_array().filter(|a| !a.is_empty() && a.len() <= MAX_LIST) else {
            self.wrong_type(value, "a list of entries like [{ id = \"one\" }]");
            return None;
        };
        let read: Vec<_> = (array.iter()).filter_map(|v| self.as_table(v, what)).collect();
        (read.len() == array.len()).then_some(read)
    }
    pub fn table(&self, word: &'static str, what: &str) -> Option<Fields<'a>> {
        self.need(word).and_then(|v| self.as_table(v, what))
    }
    fn as_table(&self, value: &'a Spanned<DeValue<'a>>, what: &str) -> Option<Fields<'a>> {
        match value.get_ref().as_table() {
            Some(t) => Some(Fields::new(t, self.offset, self.at(value), what.to_owned(), self.problems)),
            None => {
                self.wrong_type(value, "an entry like { id = \"one\" }");
                None
            }
        }
    }
    /// Every word and text of the table, for tables whose words are names.
    pub fn entries(&self) -> Vec<(At<String>, At<String>)> {
        (self.table.iter())
            .filter_map(|(k, v)| {
                let key = At { value: k.get_ref().to_string(), span: self.at(k) };
                self.as_text(v).map(|v| (key, v))
            })
            .collect()
    }

    /// Reports every word that was never asked for.
    pub fn finish(&self) {
        let known = self.known.borrow();
        for (key, _) in self.table.iter().filter(|(k, _)| !known.contains(&k.get_ref().as_ref())) {
            let word = key.get_ref().as_ref();
            let label = nearest(word, &known)
                .map_or_else(|| "not in the vocabulary".into(), |w| format!("did you mean `{w}`?"));
            self.problem(
                Problem::new("CMT-0112", format!("{} has no word `{}`", self.what, shorten(word)))
                    .label(self.at(key), label)
                    .help(format!("{} knows {}", self.what, list(&known))),
            );
        }
    }
}

/// A word was given and is wrong; the problem is noted already.
#[derive(Debug)]
pub(crate) struct Wrong;

fn spoken_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "an entry in braces",
    }
}

/// `a`, `b` and `c`, each in backticks.
pub(crate) fn list<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("`{}`", w.as_ref())).collect();
    match quoted.split_last() {
        None => "nothing".into(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

pub(crate) fn shorten(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(59).chain(['…']).collect() }
}

/// The word that a mistyped one probably meant: at most a third of its letters differ.
pub(crate) fn nearest<'w>(typed: &str, words: &[&'w str]) -> Option<&'w str> {
    if typed.len() > 64 {
        return None;
    }
    words
        .iter()
        .map(|w| (distance(typed, w), *w))
        .filter(|(d, w)| *d <= (w.len() / 3).max(1))
        .min_by_key(|(d, _)| *d)
        .map(|(_, w)| w)
}

/// Levenshtein distance, in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, up) in b.bytes().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != y)).min(up + 1).min(left + 1);
            diagonal = *up;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
