//! What the trees look at: numbers about one label and its suffix.

use super::pieces::Cut;
use super::split::{Parts, in_house};
use super::tables::{BORDER, DIGIT, OTHER, PIECE_STEPS, SYMBOLS, Tables, symbol};

macro_rules! features {
    ($($name:ident: $doc:literal,)*) => {
        /// A feature's number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Feature { $(#[doc = $doc] $name,)* }
        /// The features' names, in their order.
        pub const NAMES: &[&str] = &[$(stringify!($name),)*];
        /// Number of features.
        pub const COUNT: usize = NAMES.len();
    };
}

features! {
    Length: "Bytes of the label.",
    Digits: "Digits.",
    DigitShare: "Digits a byte.",
    Turns: "Changes between letters and digits.",
    Hyphens: "Hyphens and other bytes.",
    VowelShare: "Vowels (a, e, i, o, u) a letter.",
    ConsonantRun: "Longest run of consonants.",
    VowelRun: "Longest run of vowels.",
    DigitRun: "Longest run of digits.",
    DistinctShare: "Different bytes a byte.",
    Entropy: "Shannon entropy of the bytes, in bits.",
    Hex: "0, or 1 where all bytes are hexadecimal digits, 2 where letters and digits are among them.",
    Alternation: "Changes between vowels and consonants a pair of letters.",
    MostCommon: "Occurrences of the most frequent byte.",
    PairBits: "Mean bits of a symbol after the one before it.",
    GramBits: "Mean bits of a symbol after the three before it.",
    GramTotal: "Sum of these.",
    GramWorst: "Most bits of one symbol.",
    WindowWorst: "Most bits of four symbols in a row.",
    WindowBest: "Fewest bits of four symbols in a row.",
    OddShare: "Share of symbols of eight bits or more.",
    PieceBits: "Bits a letter of the best cut into pieces.",
    PieceTotal: "Bits of that cut.",
    Pieces: "Pieces of that cut.",
    LongestPiece: "Letters of the longest piece.",
    Covered: "Share of the letters in pieces of four letters or more.",
    Words: "Pieces of four letters or more.",
    Lone: "Pieces of one letter or two.",
    RarestWord: "Most bits of a piece of four letters or more.",
    CommonestWord: "Fewest bits of a piece of four letters or more.",
    FirstFit: "How much less the first piece begins labels than it occurs, in bits.",
    LastFit: "How much less the last piece ends labels than it occurs, in bits.",
    SuffixBits: "Bits of the suffix.",
    SuffixLetters: "Mean bits of a symbol of labels below the suffix.",
    SuffixOdd: "Bits of an odd label below the suffix.",
    SuffixLabels: "Labels of the suffix; one more where anybody gets a name below it.",
    International: "1 for an encoded international label.",
    StartsDigit: "1 where a digit is first.",
    EndsDigit: "1 where a digit is last.",
    Surprise: "Bits of the label under the model of letters, less those under equal odds of its alphabet.",
    SurpriseSuffix: "The same and the bits of the suffix.",
}

/// Numbers about one name, by [`Feature`].
#[derive(Debug, Clone, PartialEq)]
pub struct Features(pub [f32; COUNT]);

impl Features {
    /// One of them.
    pub fn get(&self, feature: Feature) -> f32 {
        self.0.get(feature as usize).copied().unwrap_or_default()
    }

    fn set(&mut self, feature: Feature, value: f32) {
        if let Some(place) = self.0.get_mut(feature as usize) {
            *place = value;
        }
    }
}

/// The features of a name, and the cut of its label that explains them.
pub fn features(tables: &Tables<'_>, parts: &Parts<'_>) -> (Features, Cut) {
    let mut f = Features([0.0; COUNT]);
    let label = parts.label.as_bytes();
    shape(&mut f, label);
    let total = letters(&mut f, tables, label);
    let cut = words(&mut f, tables, label);
    suffix(&mut f, tables, parts);
    let alphabet =
        if f.get(Feature::Digits) > 0.0 { if f.get(Feature::Hex) > 1.0 { 4.0 } else { 5.17 } } else { 4.7 };
    let surprise = total - alphabet * label.len() as f32;
    f.set(Feature::Surprise, surprise);
    f.set(Feature::SurpriseSuffix, surprise + f.get(Feature::SuffixBits));
    f.set(Feature::International, f32::from(u8::from(parts.label.starts_with("xn--"))));
    (f, cut)
}

fn vowel(byte: u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u')
}

/// Longest runs, counts, entropy.
fn shape(f: &mut Features, label: &[u8]) {
    let (mut counts, mut runs, mut longest) = ([0u8; 256], [0u32; 3], [0u32; 3]);
    let (mut digits, mut alphas, mut vowels, mut turns, mut pairs, mut changes, mut others, mut hex) =
        (0u32, 0u32, 0u32, 0u32, 0u32, 0u32, 0u32, 0u32);
    let mut last = 0u8;
    for &byte in label {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
        let kinds = [byte.is_ascii_alphabetic() && !vowel(byte), vowel(byte), byte.is_ascii_digit()];
        for ((run, longest), is) in runs.iter_mut().zip(&mut longest).zip(kinds) {
            *run = if is { *run + 1 } else { 0 };
            *longest = (*longest).max(*run);
        }
        digits += u32::from(byte.is_ascii_digit());
        alphas += u32::from(byte.is_ascii_alphabetic());
        vowels += u32::from(vowel(byte));
        others += u32::from(!byte.is_ascii_alphanumeric());
        hex += u32::from(byte.is_ascii_hexdigit());
        turns += u32::from(
            (last.is_ascii_digit() && byte.is_ascii_alphabetic())
                || (last.is_ascii_alphabetic() && byte.is_ascii_digit()),
        );
        if last.is_ascii_alphabetic() && byte.is_ascii_alphabetic() {
            pairs += 1;
            changes += u32::from(vowel(last) != vowel(byte));
        }
        last = byte;
    }
    let len = label.len() as f32;
    let share = |n: u32, of: f32| if of > 0.0 { n as f32 / of } else { 0.0 };
    let (mut entropy, mut distinct, mut most) = (0.0f32, 0u32, 0u8);
    // Only bytes that occur: a label has at most 63 of them.
    for (i, byte) in label.iter().enumerate() {
        let count = counts.get(usize::from(*byte)).copied().unwrap_or(1);
        let p = f32::from(count) / len;
        entropy -= p.log2() / len;
        most = most.max(count);
        distinct += u32::from(!label.get(..i).unwrap_or_default().contains(byte));
    }
    let [consonant_run, vowel_run, digit_run] = longest;
    let all_hex = hex as usize == label.len() && !label.is_empty();
    let starts = label.first().is_some_and(u8::is_ascii_digit);
    for (feature, value) in [
        (Feature::Length, len),
        (Feature::Digits, digits as f32),
        (Feature::DigitShare, share(digits, len)),
        (Feature::Turns, turns as f32),
        (Feature::Hyphens, others as f32),
        (Feature::VowelShare, share(vowels, alphas as f32)),
        (Feature::ConsonantRun, consonant_run as f32),
        (Feature::VowelRun, vowel_run as f32),
        (Feature::DigitRun, digit_run as f32),
        (Feature::DistinctShare, share(distinct, len)),
        (Feature::Entropy, entropy),
        (Feature::Hex, f32::from(u8::from(all_hex) + u8::from(all_hex && digits > 0 && alphas > 0))),
        (Feature::Alternation, share(changes, pairs as f32)),
        (Feature::MostCommon, f32::from(most)),
        (Feature::StartsDigit, f32::from(u8::from(starts))),
        (Feature::EndsDigit, f32::from(u8::from(last.is_ascii_digit()))),
    ] {
        f.set(feature, value);
    }
}

/// Bits of the label's symbols under the models of pairs and of four; the sum of the latter.
fn letters(f: &mut Features, tables: &Tables<'_>, label: &[u8]) -> f32 {
    let size = SYMBOLS.pow(3);
    let (mut context, mut last) = (0usize, BORDER);
    let (mut pair_total, mut total, mut worst, mut odd, mut count) = (0.0f32, 0.0f32, 0.0f32, 0u32, 0u32);
    let (mut window, mut window_worst, mut window_best) = ([0.0f32; 4], 0.0f32, f32::INFINITY);
    for next in label.iter().map(|b| symbol(*b)).chain([BORDER]) {
        let bits = tables.gram(context * SYMBOLS + usize::from(next));
        pair_total += tables.pair(last, next);
        context = (context * SYMBOLS + usize::from(next)) % size;
        last = next;
        total += bits;
        worst = worst.max(bits);
        odd += u32::from(bits >= 8.0);
        if let Some(oldest) = window.get_mut(count as usize % 4) {
            *oldest = bits;
        }
        count += 1;
        if count >= 4 {
            let sum = window.iter().sum::<f32>();
            window_worst = window_worst.max(sum);
            window_best = window_best.min(sum);
        }
    }
    let n = count as f32;
    for (feature, value) in [
        (Feature::PairBits, pair_total / n),
        (Feature::GramBits, total / n),
        (Feature::GramTotal, total),
        (Feature::GramWorst, worst),
        (Feature::WindowWorst, window_worst),
        (Feature::WindowBest, if window_best.is_finite() { window_best } else { total }),
        (Feature::OddShare, odd as f32 / n),
    ] {
        f.set(feature, value);
    }
    total
}

/// The cut into pieces, run of letters by run of letters.
fn words(f: &mut Features, tables: &Tables<'_>, label: &[u8]) -> Cut {
    let (mut cut, mut start) = (Cut::default(), 0);
    for run in label.split(|b| matches!(symbol(*b), DIGIT | OTHER)) {
        cut.add(tables, run, start);
        start += run.len() + 1;
    }
    let pieces = cut.pieces();
    let letters: usize = pieces.iter().map(|p| p.len).sum();
    let bits: f32 = pieces.iter().map(|p| p.bits).sum();
    let long = || pieces.iter().filter(|p| p.len >= 4);
    let covered: usize = long().map(|p| p.len).sum();
    let share = |n: f32| if letters > 0 { n / letters as f32 } else { 0.0 };
    let ends = pieces.len() > 1;
    for (feature, value) in [
        (Feature::PieceBits, share(bits)),
        (Feature::PieceTotal, bits),
        (Feature::Pieces, pieces.len() as f32),
        (Feature::LongestPiece, pieces.iter().map(|p| p.len).max().unwrap_or(0) as f32),
        (Feature::Covered, share(covered as f32)),
        (Feature::Words, long().count() as f32),
        (Feature::Lone, pieces.iter().filter(|p| p.len <= 2).count() as f32),
        (Feature::RarestWord, long().map(|p| p.bits).fold(0.0, f32::max)),
        (Feature::CommonestWord, long().map(|p| p.bits).fold(25.0, f32::min)),
        (Feature::FirstFit, pieces.first().filter(|_| ends).map_or(0.0, |p| p.first)),
        (Feature::LastFit, pieces.last().filter(|_| ends).map_or(0.0, |p| p.last)),
    ] {
        f.set(feature, value);
    }
    cut
}

/// How common the suffix is, and what labels look like below it. A suffix that nobody popular uses has most bits; one of
/// names inside a house counts as the most common one.
fn suffix(f: &mut Features, tables: &Tables<'_>, parts: &Parts<'_>) {
    let last = parts.suffix.rsplit_once('.').map_or(parts.suffix, |(_, last)| last);
    let known = if in_house(last) {
        tables.suffix("com")
    } else {
        tables.suffix(parts.suffix).or_else(|| tables.suffix(last))
    };
    let [bits, letters, odd] = known.map_or([21.0, 3.5, 5.0], |v| v.map(|q| f32::from(q) / PIECE_STEPS));
    let labels = parts.suffix.split('.').filter(|l| !l.is_empty()).count();
    for (feature, value) in [
        (Feature::SuffixBits, bits),
        (Feature::SuffixLetters, letters),
        (Feature::SuffixOdd, odd),
        (Feature::SuffixLabels, labels as f32 + f32::from(u8::from(parts.open))),
    ] {
        f.set(feature, value);
    }
}
