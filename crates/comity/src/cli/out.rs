//! Standard output: data for people as short texts and tables, data for programs as JSON lines.
//!
//! Here: writing, tables that fit [`WIDTH`] columns, numbers and ids as people read them. Elsewhere: what is said.
//! A reader that goes away (`| head`) ends the output quietly and not the work. Text from exhibits reaches a terminal
//! without control characters.

use super::errors::Fault;
use serde::Serialize;
use std::io::{self, BufWriter, IsTerminal as _, Write};

/// Columns that a table fits.
pub const WIDTH: usize = 100;
/// Least width of the last column, in which words are wrapped.
const LAST: usize = 28;

/// Where results go.
pub struct Out {
    json: bool,
    quiet: bool,
    to: Box<dyn Write + Send>,
    broken: Option<io::Error>,
}

impl Out {
    /// Standard output.
    pub fn standard(json: bool, quiet: bool) -> Self {
        Self { json, quiet, to: Box::new(BufWriter::new(io::stdout())), broken: None }
    }

    /// Whether programs read this.
    pub fn for_programs(&self) -> bool {
        self.json
    }

    /// Whether long work may draw bars.
    pub fn draws(&self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }

    /// Whether long work may say in words that it goes on.
    pub fn speaks(&self) -> bool {
        !self.json && !self.quiet
    }

    fn put(&mut self, text: &str) {
        if self.broken.is_none()
            && let Err(e) = self.to.write_all(text.as_bytes())
        {
            self.broken = Some(e);
        }
    }

    /// One object, on a line of its own; nothing for people.
    pub fn object(&mut self, value: &impl Serialize) {
        if self.json {
            // What is printed here is our own: maps with text keys, finite numbers.
            let text = escaped(serde_json::to_string(value).unwrap_or_default());
            self.put(&text);
            self.put("\n");
        }
    }

    /// One line for people; nothing for programs.
    pub fn line(&mut self, text: impl AsRef<str>) {
        if !self.json {
            let text = clean(text.as_ref());
            self.put(&text);
            self.put("\n");
        }
    }

    /// One line for people, at once: of a story that is still under way.
    pub fn line_now(&mut self, text: impl AsRef<str>) {
        self.line(text);
        self.flush();
    }

    /// A heading with an empty line above.
    pub fn heading(&mut self, text: &str) {
        self.line("");
        self.line(text);
    }

    /// A value after its label, wrapped beside it.
    pub fn labelled(&mut self, label: &str, text: &str) {
        self.hanging(&format!("{label:<11} "), text);
    }

    /// A text after its beginning, wrapped beside it.
    pub fn hanging(&mut self, label: &str, text: &str) {
        let indent = label.chars().count();
        let pad = " ".repeat(indent);
        for (i, line) in wrap(text, WIDTH.saturating_sub(indent)).iter().enumerate() {
            self.line(format!("{}{line}", if i == 0 { label } else { &pad }));
        }
    }

    /// A long sentence, wrapped and indented.
    pub fn paragraph(&mut self, indent: usize, text: &str) {
        let pad = " ".repeat(indent);
        for line in wrap(text, WIDTH.saturating_sub(indent)) {
            self.line(format!("{pad}{line}"));
        }
    }

    /// A table; nothing where it has no row.
    pub fn table(&mut self, table: &Table) {
        for line in table.lines() {
            self.line(line);
        }
    }

    /// Talk: progress, notes, hints. On standard error, and only for people who did not ask for quiet.
    pub fn talk(&mut self, text: impl AsRef<str>) {
        if !self.json && !self.quiet {
            self.flush();
            let _ = writeln!(io::stderr(), "{}", clean(text.as_ref()));
        }
    }

    /// An error, on standard error: text, or one JSON object.
    pub fn fault(&mut self, fault: &Fault) {
        self.flush();
        tell(fault, self.json);
    }

    pub(super) fn flush(&mut self) {
        if self.broken.is_none()
            && let Err(e) = self.to.flush()
        {
            self.broken = Some(e);
        }
    }

    /// Writes what is left. A reader that went away is no error.
    pub fn finish(mut self) -> Result<(), Fault> {
        self.flush();
        match self.broken {
            Some(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Fault::Output(e)),
            _ => Ok(()),
        }
    }
}

/// Tells an error on standard error.
pub fn tell(fault: &Fault, json: bool) {
    let told = fault.told();
    let mut stderr = io::stderr().lock();
    let _ =
        if json { writeln!(stderr, "{}", told.json()) } else { write!(stderr, "{}", told.text(colour())) };
}

/// Whether standard error takes colour: a terminal, and nobody set `NO_COLOR` (no-color.org).
fn colour() -> bool {
    let asked_not = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    io::stderr().is_terminal() && !asked_not && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// Characters that are not seen and steer what is: marks of direction, joiners, separators, tags (Unicode categories Cf,
/// Zl and Zp).
fn unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0001}'..='\u{e007f}')
}

/// JSON of the same meaning in which such characters are written as escapes (RFC 8259, section 7).
fn escaped(json: String) -> String {
    let steers = |c: char| unseen(c) || ('\u{7f}'..='\u{9f}').contains(&c);
    if json.is_ascii() || !json.contains(steers) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if steers(c) {
            let mut units = [0u16; 2];
            c.encode_utf16(&mut units).iter().for_each(|u| out.push_str(&format!("\\u{u:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// Text without what steers a terminal or reorders what is seen. Line ends stay.
pub fn clean(text: &str) -> String {
    let hidden = |c: char| (c.is_control() && c != '\n') || unseen(c);
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

/// Words in lines of at most `width` characters; a longer word is broken.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace().flat_map(|word| pieces(word, width)) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(&word);
            used += length;
        }
    }
    lines
}

/// A word in pieces of at most `width` characters.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    letters.chunks(width.max(1)).map(|piece| piece.iter().collect()).collect()
}

/// Text of at most `width` characters; what is cut out of its middle is shown as `…`.
pub fn cut(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let (head, tail) = (width.saturating_sub(1).div_ceil(2), width.saturating_sub(1) / 2);
    text.chars().take(head).chain(['…']).chain(text.chars().skip(length - tail)).collect()
}

/// A table: columns as wide as they need, numbers to the right, the last column wrapped.
#[derive(Debug, Clone, Default)]
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(heads: &[&'static str]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// One more row, a cell for each heading.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|c| c.replace('\n', " ")).collect());
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |r| r.get(column)).map(String::as_str)
    }

    /// How wide each column is: as it needs, the widest cut until all fit beside the last one.
    fn widths(&self) -> Vec<usize> {
        let need = |(i, head): (usize, &&str)| {
            self.cells(i).map(|c| c.chars().count()).max().unwrap_or(0).max(head.chars().count())
        };
        let mut widths: Vec<usize> = self.heads.iter().enumerate().map(need).collect();
        let gaps = 2 * widths.len();
        let Some(last) = widths.pop() else { return widths };
        let room = WIDTH.saturating_sub(gaps + last.min(LAST));
        while widths.iter().sum::<usize>() > room {
            let Some(widest) = widths.iter_mut().max() else { break };
            *widest -= 1;
        }
        widths.push(last.min(WIDTH.saturating_sub(gaps + widths.iter().sum::<usize>())));
        widths
    }

    fn numeric(&self, column: usize) -> bool {
        self.cells(column).any(|c| !c.is_empty())
            && self.cells(column).all(|c| c.chars().all(|c| c.is_ascii_digit() || " ,.%-".contains(c)))
    }

    fn lines(&self) -> Vec<String> {
        if self.rows.is_empty() {
            return Vec::new();
        }
        let widths = self.widths();
        let right: Vec<bool> = (0..self.heads.len()).map(|i| self.numeric(i)).collect();
        let heads: Vec<String> = self.heads.iter().map(|h| (*h).to_owned()).collect();
        let mut out = draw(&heads, &widths, &right);
        for row in &self.rows {
            out.extend(draw(row, &widths, &right));
        }
        out
    }
}

/// One row, over as many lines as its last cell needs.
fn draw(cells: &[String], widths: &[usize], right: &[bool]) -> Vec<String> {
    let Some((last, first)) = cells.split_last() else { return Vec::new() };
    let width = widths.last().copied().unwrap_or(WIDTH);
    let mut start = String::new();
    for ((cell, width), right) in first.iter().zip(widths).zip(right) {
        let cell = cut(cell, *width);
        let cell = if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
        start.push_str("  ");
        start.push_str(&cell);
    }
    let indent = " ".repeat(start.chars().count());
    let aligned = |line: String| {
        if right.last() == Some(&true) { format!("{line:>width$}") } else { line }
    };
    let mut lines = wrap(last, width).into_iter().map(aligned);
    let mut out = vec![format!("{start}  {}", lines.next().unwrap_or_default()).trim_end().to_owned()];
    out.extend(lines.map(|l| format!("{indent}  {l}")));
    out
}

/// The first digits of an id: enough to name it again.
pub fn short(id: impl ToString) -> String {
    id.to_string().chars().take(12).collect()
}

/// How many first digits tell these ids apart; no fewer than [`short`] shows.
pub fn telling<'a>(ids: impl Iterator<Item = &'a str>) -> usize {
    let mut all: Vec<&str> = ids.collect();
    all.sort_unstable();
    all.dedup();
    let common = |(a, b): (&&str, &&str)| a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count() + 1;
    all.iter().zip(all.iter().skip(1)).map(common).max().unwrap_or(0).max(12)
}

/// A number with commas: 1,234,567.
pub fn count(n: impl Into<u64>) -> String {
    let digits = n.into().to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 exhibit`, `2 exhibits`.
pub fn counted(n: impl Into<u64>, one: &str) -> String {
    let n = n.into();
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {one}{plural}", count(n))
}

/// Bytes in the unit a person would choose.
pub fn bytes(n: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(size, _)| n >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", n as f64 / *size as f64),
        None => format!("{n} B"),
    }
}

/// Cents as whole money with two decimals.
pub fn money(cents: u64) -> String {
    format!("{}.{:02}", count(cents / 100), cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_read_them() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(n as u64), text);
        }
        assert_eq!((counted(1u64, "bot"), counted(0u64, "bot")), ("1 bot".to_owned(), "0 bots".to_owned()));
        assert_eq!((bytes(1023), bytes(1536)), ("1023 B".to_owned(), "1.5 KiB".to_owned()));
        assert_eq!(money(123_456), "1,234.56");
    }

    #[test]
    fn ids_that_begin_alike_are_shown_until_they_differ() {
        let alike = ["notice-0199a1b2-7c31-1", "notice-0199a1b2-7c32-2", "victims-s-1"];
        let digits = telling(alike.into_iter());
        let shown: std::collections::BTreeSet<String> =
            alike.iter().map(|id| id.chars().take(digits).collect()).collect();
        assert_eq!((digits, shown.len()), (20, 3));
        assert_eq!((telling(["a", "b"].into_iter()), telling(std::iter::empty())), (12, 12));
    }

    #[test]
    fn tables_fit_and_lose_no_word_of_the_last_column() {
        let mut table = Table::new(&["id", "n", "why"]);
        let long = "word ".repeat(60);
        table.row(["x".repeat(300), "7".into(), long.clone()]);
        table.row(["short".into(), "1,000".into(), "b".repeat(200)]);
        let lines = table.lines();
        assert!(lines.iter().all(|l| l.chars().count() <= WIDTH), "{lines:#?}");
        let words: usize = lines.iter().map(|l| l.matches("word").count()).sum();
        assert_eq!(words, 60);
        assert!(Table::new(&["a"]).lines().is_empty());
    }

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(clean("a\x1b[2Jb\u{202e}c\nd\te"), "a\u{fffd}[2Jb\u{fffd}c\nd e");
        assert_eq!(cut("0123456789", 5), "01…89");
    }
}
