//! A verdict in words. A reason names what is rare among ordinary names and how rare it is; the trees' own sums would be
//! truer to the score and mean nothing to a reader.

use super::features::{Feature, Features};
use super::pieces::Cut;
use super::split::Parts;
use super::tables::Tables;

const MOST: usize = 4;

/// How often an ordinary name is like this.
fn rarity(share: f32) -> &'static str {
    match share {
        s if s >= 0.1 => "10 of 100",
        s if s >= 0.01 => "1 of 100",
        s if s >= 0.001 => "1 of 1,000",
        s if s >= 0.000_1 => "1 of 10,000",
        _ => "3 of 100,000",
    }
}

/// What a feature beyond a level means. `true`: above, `false`: below.
fn phrase(feature: Feature, high: bool, value: f32) -> Option<String> {
    let n = value.round() as u32;
    Some(match (feature, high) {
        (Feature::GramTotal, true) => "so many unusual turns from letter to letter".to_owned(),
        (Feature::GramBits, true) => "letters follow each other".to_owned(),
        (Feature::WindowWorst, true) => "four symbols in a row are as unusual".to_owned(),
        (Feature::WindowBest, true) => "no part of it reads easily".to_owned(),
        (Feature::PieceBits, true) => "it does not come apart into usual pieces".to_owned(),
        (Feature::Length, true) => format!("length {n}"),
        (Feature::ConsonantRun, true) => format!("{n} consonants in a row"),
        (Feature::VowelRun, true) => format!("{n} vowels in a row"),
        (Feature::VowelShare, false) => "so few vowels".to_owned(),
        (Feature::Turns, true) => format!("{n} changes between letters and digits"),
        (Feature::Digits, true) => format!("{n} digits"),
        (Feature::Hyphens, true) => format!("{n} hyphens"),
        (Feature::Lone, true) => format!("{n} pieces of one letter or two"),
        (Feature::Surprise, true) => "nearer to letters drawn at random than to words".to_owned(),
        (Feature::RarestWord, true) => "such a rare word or piece".to_owned(),
        _ => return None,
    })
}

const ASKED: [(Feature, bool); 15] = [
    (Feature::GramBits, true),
    (Feature::Surprise, true),
    (Feature::PieceBits, true),
    (Feature::GramTotal, true),
    (Feature::WindowWorst, true),
    (Feature::WindowBest, true),
    (Feature::Turns, true),
    (Feature::Digits, true),
    (Feature::ConsonantRun, true),
    (Feature::VowelRun, true),
    (Feature::VowelShare, false),
    (Feature::Length, true),
    (Feature::Hyphens, true),
    (Feature::Lone, true),
    (Feature::RarestWord, true),
];

/// The reasons of a verdict, at most [`MOST`], the rarest first.
pub fn reasons(
    tables: &Tables<'_>,
    parts: &Parts<'_>,
    features: &Features,
    cut: &Cut,
    generated: bool,
) -> Vec<String> {
    let mut found: Vec<(f32, String)> = Vec::new();
    for (feature, high) in ASKED {
        let value = features.get(feature);
        let rare = tables.share(feature, value, high).filter(|s| *s < 0.1);
        if let Some((share, phrase)) = rare.and_then(|s| Some((s, phrase(feature, high, value)?))) {
            found.push((share, format!("{phrase}, as in {} ordinary names", rarity(share))));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut reasons: Vec<String> = found.into_iter().map(|(_, text)| text).take(MOST - 1).collect();
    let bits = features.get(Feature::SuffixBits);
    if parts.open {
        reasons.push(format!("anybody gets a name below `{}`", parts.suffix));
    } else if generated && bits >= 20.0 {
        reasons.push(format!("no popular name ends in `{}`", parts.suffix));
    } else if generated && bits >= 7.0 {
        let one_in = (2f32.powf(bits) / 100.0).round() * 100.0;
        reasons.push(format!("one popular name in {one_in} ends in `{}`", parts.suffix));
    }
    if generated && reasons.is_empty() {
        reasons.push("no single sign is rare; together they are".to_owned());
    }
    if !generated {
        reasons.insert(0, ordinary(parts, features, cut));
        reasons.truncate(MOST);
    }
    reasons
}

/// What speaks for an ordinary name.
fn ordinary(parts: &Parts<'_>, features: &Features, cut: &Cut) -> String {
    let words: Vec<&str> = cut
        .pieces()
        .iter()
        .filter(|p| p.len >= 3)
        .filter_map(|p| parts.label.get(p.start..p.start + p.len))
        .map(|w| w.get(..w.len().min(14)).unwrap_or(w))
        .collect();
    if features.get(Feature::Covered) >= 0.7 && !words.is_empty() {
        format!("made of pieces that ordinary names are made of: {}", words.join(" + "))
    } else if features.get(Feature::Length) <= 7.0 {
        "too short to tell".to_owned()
    } else {
        "not rarer than what people choose".to_owned()
    }
}
