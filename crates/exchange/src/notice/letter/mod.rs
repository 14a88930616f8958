//! The letter that a victim gets through the provider or institution, and the page for who helps.
//!
//! Plain words, short sentences, large print (20 points and more, black on white), no link, no address, no number to call
//! but the one on the reader's own bill: whoever forges this letter gains nothing by its form. The code lets the provider
//! tell a genuine one. The letter names no infection and no time: it may be opened by anybody in the house.
//! Here: text and page. Elsewhere: the words ([`words`]), the code ([`super::code`]).

mod words;

use maud::{DOCTYPE, PreEscaped, html};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use words::Words;

/// The languages of the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[serde(rename = "en")]
    English,
    /// Spanish.
    #[serde(rename = "es")]
    Spanish,
    /// French.
    #[serde(rename = "fr")]
    French,
    /// Portuguese.
    #[serde(rename = "pt")]
    Portuguese,
}

impl Language {
    /// Every language.
    pub const ALL: &'static [Self] = &[Self::English, Self::Spanish, Self::French, Self::Portuguese];

    /// Its code (ISO 639-1).
    pub const fn word(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
            Self::French => "fr",
            Self::Portuguese => "pt",
        }
    }

    const fn words(self) -> &'static Words {
        match self {
            Self::English => &words::ENGLISH,
            Self::Spanish => &words::SPANISH,
            Self::French => &words::FRENCH,
            Self::Portuguese => &words::PORTUGUESE,
        }
    }
}

/// One letter.
#[derive(Debug, Clone, Copy)]
pub struct Letter<'a> {
    /// Its language.
    pub language: Language,
    /// The code of its row; without one there is a blank that the provider fills in.
    pub code: Option<&'a str>,
    /// Who found the infected machine, by name.
    pub from: &'a str,
}

/// What stands where a provider puts the code of the row (column `code` of `victims.csv`).
pub const BLANK: &str = "________";

/// Characters of a line of text.
const WIDTH: usize = 60;

const STYLE: &str = "@page{size:A4;margin:16mm}\
*{box-sizing:border-box}\
body{font:20pt/1.4 'Atkinson Hyperlegible',Verdana,'DejaVu Sans',sans-serif;color:#000;background:#fff;margin:0 auto;padding:8mm;max-width:190mm;overflow-wrap:break-word}\
h1{font-size:28pt;line-height:1.2;margin:0 0 6mm}\
h2{font-size:23pt;line-height:1.25;margin:9mm 0 3mm;break-after:avoid}\
p{margin:0 0 3mm}\
ol{margin:0;padding-left:13mm}\
li{margin:0 0 4mm;break-inside:avoid}\
.code{border:3px solid #000;padding:5mm;margin:5mm 0;text-align:center;break-inside:avoid}\
.code b{display:block;font:bold 34pt/1.3 'DejaVu Sans Mono',Menlo,Consolas,monospace;letter-spacing:2px}\
.helper{break-before:page;border-top:3px solid #000;margin-top:12mm;padding-top:8mm}\
.from{margin-top:8mm}\
@media print{body{padding:0;max-width:none}.helper{border-top:0;margin-top:0;padding-top:0}}";

impl Letter<'_> {
    fn code(&self) -> &str {
        self.code.unwrap_or(BLANK)
    }

    /// The sentence that says who found it.
    fn found(&self) -> String {
        self.language.words().found.replace("{from}", self.from)
    }

    /// A page that needs nothing beside itself, to be printed.
    pub fn html(&self) -> String {
        let w = self.language.words();
        html! {
            (DOCTYPE)
            html lang=(self.language.word()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (w.title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    main {
                        h1 { (w.title) }
                        @for line in w.opening { p { (line) } }
                        h2 { (w.happened) }
                        @for line in w.what { p { (line) } }
                        h2 { (w.genuine) }
                        ol { @for line in w.check { li { (line) } } }
                        div.code { (w.code) b { (self.code()) } }
                        @for line in w.never { p { (line) } }
                        h2 { (w.steps) }
                        ol { @for line in w.clean { li { (line) } } }
                        p { b { (w.ask) } }
                    }
                    section.helper {
                        h1 { (w.helper) }
                        @for line in w.helper_opening { p { (line) } }
                        ol { @for line in w.helper_steps { li { (line) } } }
                        @for line in w.helper_closing { p { (line) } }
                        p.from { (self.found()) }
                    }
                }
            }
        }
        .into_string()
    }

    /// The same as plain text, lines of at most 60 characters.
    pub fn text(&self) -> String {
        let w = self.language.words();
        let mut out = String::new();
        head(&mut out, w.title);
        lines(&mut out, w.opening);
        head(&mut out, w.happened);
        lines(&mut out, w.what);
        head(&mut out, w.genuine);
        numbered(&mut out, w.check);
        paragraph(&mut out, "", &format!("{} {}", w.code, self.code()));
        lines(&mut out, w.never);
        head(&mut out, w.steps);
        numbered(&mut out, w.clean);
        paragraph(&mut out, "", w.ask);
        out.push('\n');
        head(&mut out, w.helper);
        lines(&mut out, w.helper_opening);
        numbered(&mut out, w.helper_steps);
        lines(&mut out, w.helper_closing);
        paragraph(&mut out, "", &self.found());
        out
    }
}

fn head(out: &mut String, text: &str) {
    paragraph(out, "", &text.to_uppercase());
}

fn lines(out: &mut String, of: &[&str]) {
    of.iter().for_each(|line| paragraph(out, "", line));
}

fn numbered(out: &mut String, of: &[&str]) {
    for (index, line) in of.iter().enumerate() {
        paragraph(out, &format!("{}. ", index + 1), line);
    }
}

/// A paragraph whose further lines stand under its first word, and an empty line.
fn paragraph(out: &mut String, mark: &str, text: &str) {
    let indent = mark.chars().count();
    out.push_str(mark);
    let mut used = indent;
    for (index, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if index > 0 && used + 1 + length > WIDTH {
            // Writing to a String cannot fail.
            let _infallible = write!(out, "\n{:indent$}", "");
            used = indent;
        } else if index > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out.push_str("\n\n");
}
