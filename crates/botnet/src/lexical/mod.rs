//! Whether a domain name was made by a generator, judged by the name alone.
//!
//! [`judge`] takes one name and says how much its registrable label and suffix look generated, and why. Three tables
//! of ordinary names are its knowledge: how letters follow each other, which pieces labels are made of, and how common a
//! suffix is. Boosted trees weigh the numbers drawn from them ([`model::Feature`]). The trees were trained on popular
//! names against names of made-up generators; **no name of a malware family was used**, so that what the
//! quality command measures on real families is measured on families the model never saw. The recipe is
//! `bench/names/src/recipe.rs`; the figures are in `docs/quality-names.md`.
//!
//! A score of [`THRESHOLD`] is reached by one popular name in a thousand. A look is no proof: short names, names of
//! dictionary words and typing errors of popular names are mostly below it. [`Together`] judges the names of one host at
//! once, which tells most of those too. Elsewhere: names that a known algorithm gives for a day (exact lists), and whose
//! names are judged together ([`crate::telemetry`]).
//!
//! Labels left of the registrable one are not looked at: content networks fill them with random letters.
//! International labels (`xn--`) are judged as they are spelt, which the trees know for a language.

mod features;
mod pieces;
mod reasons;
mod split;
mod tables;
mod together;
mod trees;

pub use together::{FEWEST, LINES, Together};

use std::sync::LazyLock;
use tables::Tables;

/// What the recipe of the model and the quality command need: tables, features, and their layout.
pub mod model {
    pub use super::features::{COUNT, Feature, Features, NAMES, features};
    pub use super::pieces::{Cut, LONE_BITS, Piece};
    pub use super::split::{MAX_LABEL, Parts, split};
    pub use super::tables::{
        BORDER, DIGIT, GRAM_STEPS, HASH, LEVELS, MAGIC, MAX_PIECE, OTHER, PIECE_STEPS, SYMBOLS, Tables,
        hashed, place, symbol,
    };
    pub use super::trees::{LEAF, Trees};

    /// The bytes of the model that [`super::judge`] uses.
    pub const BYTES: &[u8] = super::MODEL;
}

/// Least score of a name that counts as generated: one popular name in a thousand has it.
pub const THRESHOLD: f32 = 0.5;

const MODEL: &[u8] = include_bytes!("model.bin");

static TABLES: LazyLock<Option<Tables<'static>>> = LazyLock::new(|| Tables::read(MODEL));

/// What the look of one name says.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// From 0 (as ordinary names look) to 1. Ordered, not a probability: how many names of a log are generated
    /// depends on the log.
    pub score: f32,
    /// Whether the score reaches [`THRESHOLD`].
    pub generated: bool,
    /// The family whose algorithm makes such names; `None`: unknown. The look of one name tells no family yet.
    pub family: Option<String>,
    /// Confidence in the answer *generated* or *not generated*, 50 to 99, in percent.
    pub confidence: u8,
    /// Why, in words, the weightiest first; empty for a name without letters to judge.
    pub reasons: Vec<String>,
}

/// Judges one name. Any text has a verdict: letters count in either case, a dot at the end does not count.
pub fn judge(name: &str) -> Verdict {
    let lower = lower(name);
    let parts = split::split(&lower);
    let Some(tables) = TABLES.as_ref().filter(|_| judged(&parts)) else {
        return Verdict { score: 0.0, generated: false, family: None, confidence: 50, reasons: Vec::new() };
    };
    let (features, cut) = features::features(tables, &parts);
    let score = squashed(tables.trees.odds(&features));
    let generated = score >= THRESHOLD;
    let confidence = (50.0 + 49.0 * (2.0 * score - 1.0).abs()) as u8;
    let reasons = reasons::reasons(tables, &parts, &features, &cut, generated);
    Verdict { score, generated, family: None, confidence, reasons }
}

/// The score of [`judge`] without its words.
pub fn score(name: &str) -> f32 {
    odds(name).map_or(0.0, squashed)
}

/// Log odds that a name is generated, nought at [`THRESHOLD`]; none for a name without letters to judge.
pub fn odds(name: &str) -> Option<f32> {
    let lower = lower(name);
    let parts = split::split(&lower);
    let tables = TABLES.as_ref().filter(|_| judged(&parts))?;
    Some(tables.trees.odds(&features::features(tables, &parts).0))
}

/// Lower case, without blanks around it and the dot of the root.
fn lower(name: &str) -> std::borrow::Cow<'_, str> {
    let name = name.trim();
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|b| b.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name.into() }
}

/// A label of one or two bytes says nothing; neither does one without ASCII letters and digits.
fn judged(parts: &split::Parts<'_>) -> bool {
    parts.label.len() > 2 && parts.label.bytes().any(|b| b.is_ascii_alphanumeric())
}

fn squashed(odds: f32) -> f32 {
    1.0 / (1.0 + (-odds).exp())
}
