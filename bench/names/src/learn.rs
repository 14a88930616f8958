//! Tables of letters, pieces and suffixes, counted on ordinary names.

use super::lexical::model::{
    BORDER, GRAM_STEPS, HASH, MAX_PIECE, PIECE_STEPS, SYMBOLS, hashed, place, split, symbol,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Discount of an event that was seen (absolute discounting, Ney and others, 1994).
const DISCOUNT: f64 = 0.75;
/// Pieces that are kept.
const KEEP: usize = 44_000;

fn quantised(bits: f64, steps: f32) -> u8 {
    (bits * f64::from(steps)).round().clamp(0.0, 255.0) as u8
}

/// The four tables of a model, without trees.
pub struct Learnt {
    pub pairs: Vec<u8>,
    pub grams: Vec<u8>,
    pub pieces: Vec<u8>,
    pub suffixes: Vec<u8>,
    /// Whole labels that people use below three suffixes or more, and parts between hyphens: words to make names of.
    pub words: Vec<String>,
    /// Suffixes of ordinary names, most frequent first.
    pub known_suffixes: Vec<String>,
    /// Ordinary labels, one in seven, to make names of.
    pub labels: Vec<String>,
}

/// Learns from names in lower case.
pub fn learn(names: &[String]) -> Learnt {
    let (mut labels, mut suffixes) = (HashMap::<&str, u32>::new(), BTreeMap::<&str, Vec<&str>>::new());
    let mut seen = HashSet::new();
    for name in names {
        let parts = split(name);
        if seen.insert((parts.label, parts.suffix)) {
            *labels.entry(parts.label).or_default() += 1;
            suffixes.entry(parts.suffix).or_default().push(parts.label);
        }
    }
    let mut unique: Vec<&str> = labels.keys().copied().filter(|l| !l.starts_with("xn--")).collect();
    unique.sort_unstable();
    let (pairs, grams) = letters(&unique);
    let (pieces, _) = pieces(&unique);
    let mut words: HashMap<&str, u32> = HashMap::new();
    for label in &unique {
        let parts: Vec<&str> = label.split('-').collect();
        for part in &parts {
            let weight = if parts.len() > 1 { 1 } else { u32::from(labels[label] >= 3) * 4 };
            if weight > 0 && (3..=12).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()) {
                *words.entry(part).or_default() += weight;
            }
        }
    }
    let mut words: Vec<String> =
        words.into_iter().filter(|(_, n)| *n >= 4).map(|(w, _)| w.to_owned()).collect();
    words.sort();
    let mut known: Vec<(usize, String)> = suffixes.iter().map(|(s, l)| (l.len(), (*s).to_owned())).collect();
    known.sort_by(|a, b| b.cmp(a));
    Learnt {
        suffixes: below(&suffixes, &grams, seen.len()),
        pairs,
        grams,
        pieces,
        words,
        known_suffixes: known.into_iter().filter(|(n, s)| *n >= 3 && !s.is_empty()).map(|(_, s)| s).collect(),
        labels: unique.iter().step_by(7).map(|l| (*l).to_owned()).collect(),
    }
}

/// Bits of a symbol after one and after three others: orders 0 to 3, interpolated.
fn letters(labels: &[&str]) -> (Vec<u8>, Vec<u8>) {
    let counts: Vec<Vec<f64>> = (0..4)
        .map(|order: u32| {
            let mut counts = vec![0.0; SYMBOLS.pow(order + 1)];
            for label in labels {
                let mut at = 0;
                for next in label.bytes().map(symbol).chain([BORDER]) {
                    at = (at * SYMBOLS + usize::from(next)) % counts.len();
                    counts[at] += 1.0;
                }
            }
            counts
        })
        .collect();
    let mut lower = vec![1.0 / SYMBOLS as f64; SYMBOLS];
    let (mut pairs, mut grams) = (Vec::new(), Vec::new());
    for (order, counts) in counts.iter().enumerate() {
        let size = lower.len();
        let mut here = vec![0.0; counts.len()];
        for (context, row) in counts.chunks(SYMBOLS).enumerate() {
            let total: f64 = row.iter().sum();
            let kinds = row.iter().filter(|c| **c > 0.0).count() as f64;
            for (next, count) in row.iter().enumerate() {
                let back = lower[(context * SYMBOLS + next) % size];
                here[context * SYMBOLS + next] = if total > 0.0 {
                    ((count - DISCOUNT).max(0.0) + DISCOUNT * kinds * back) / total
                } else {
                    back
                };
            }
        }
        let table: Vec<u8> = here.iter().map(|p| quantised(-p.log2(), GRAM_STEPS)).collect();
        match order {
            1 => pairs = table,
            3 => grams = table,
            _ => {}
        }
        lower = here;
    }
    (pairs, grams)
}

fn pack(letters: &[u8]) -> u128 {
    letters.iter().fold(1, |key, b| key << 5 | u128::from(b & 31))
}

fn unpack(mut key: u128) -> Vec<u8> {
    let mut letters = Vec::new();
    while key > 1 {
        letters.push((key & 31) as u8 + b'a' - 1);
        key >>= 5;
    }
    letters.reverse();
    letters
}

/// Runs of letters of the labels, with how many labels have them.
fn runs(labels: &[&str]) -> Vec<(Vec<u8>, f64)> {
    let mut all: BTreeMap<Vec<u8>, f64> = BTreeMap::new();
    for label in labels {
        for run in label.as_bytes().split(|b| !b.is_ascii_lowercase()).filter(|r| !r.is_empty()) {
            *all.entry(run.to_vec()).or_default() += 1.0;
        }
    }
    all.into_iter().collect()
}

/// Substrings that occur often, by length from those one letter shorter.
fn seeds(runs: &[(Vec<u8>, f64)], least: f64) -> HashMap<u128, f64> {
    let mut frequent: HashMap<u128, f64> = HashMap::new();
    for (run, n) in runs {
        for letter in run {
            *frequent.entry(pack(&[*letter])).or_default() += n;
        }
    }
    for len in 2..=MAX_PIECE {
        let mut counts: HashMap<u128, f64> = HashMap::new();
        for (run, n) in runs {
            for part in run.windows(len) {
                if len == 2
                    || (frequent.contains_key(&pack(&part[1..]))
                        && frequent.contains_key(&pack(&part[..len - 1])))
                {
                    *counts.entry(pack(part)).or_default() += n;
                }
            }
        }
        frequent.extend(counts.into_iter().filter(|(_, n)| *n >= least));
    }
    frequent
}

/// The cut of a run with the fewest bits.
fn cut(run: &[u8], bits: &HashMap<u128, f64>) -> Vec<u128> {
    let mut best = vec![(f64::INFINITY, 0usize, 0u128); run.len() + 1];
    best[0].0 = 0.0;
    for start in 0..run.len() {
        let mut key = 1u128;
        for end in start + 1..=run.len().min(start + MAX_PIECE) {
            key = key << 5 | u128::from(run[end - 1] & 31);
            let cost = match bits.get(&key) {
                Some(bits) => *bits,
                None if end == start + 1 => 20.0,
                None => continue,
            };
            if best[start].0 + cost < best[end].0 {
                best[end] = (best[start].0 + cost, start, key);
            }
        }
    }
    let (mut end, mut pieces) = (run.len(), Vec::new());
    while end > 0 {
        pieces.push(best[end].2);
        end = best[end].1;
    }
    pieces.reverse();
    pieces
}

/// Pieces by repeated cutting and counting, from many to [`KEEP`].
fn pieces(labels: &[&str]) -> (Vec<u8>, usize) {
    let runs = runs(labels);
    let all = seeds(&runs, 15.0);
    let weigh = |counts: &HashMap<u128, f64>| -> HashMap<u128, f64> {
        let total: f64 = counts.values().sum();
        counts.iter().map(|(k, n)| (*k, -(n / total).log2())).collect()
    };
    // A long substring is worth the letters that it covers.
    let start: HashMap<u128, f64> =
        all.iter().map(|(k, n)| (*k, n * f64::from((127 - k.leading_zeros()) / 5).powi(2))).collect();
    let mut bits = weigh(&start);
    let (mut first, mut last) = (HashMap::new(), HashMap::new());
    let mut counts = HashMap::new();
    for keep in [240_000, 120_000, 70_000, KEEP, KEEP, KEEP] {
        (counts, first, last) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (run, n) in &runs {
            let pieces = cut(run, &bits);
            for piece in &pieces {
                *counts.entry(*piece).or_default() += n;
            }
            if let [head, .., tail] = pieces.as_slice() {
                *first.entry(*head).or_default() += n;
                *last.entry(*tail).or_default() += n;
            }
        }
        for letter in b'a'..=b'z' {
            let count: &mut f64 = counts.entry(pack(&[letter])).or_default();
            *count = count.max(1.0);
        }
        let mut order: Vec<(u128, f64)> = counts.iter().map(|(k, n)| (*k, *n)).collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let cut_off: HashSet<u128> = order.iter().take(keep).map(|(k, _)| *k).collect();
        counts.retain(|k, _| cut_off.contains(k) || *k < 64);
        bits = weigh(&counts);
    }
    let sums: [f64; 2] = [first.values().sum(), last.values().sum()];
    let total: f64 = counts.values().sum();
    let mut entries: Vec<(u64, [u8; 3])> = counts
        .iter()
        .map(|(key, n)| {
            let place = |seen: &HashMap<u128, f64>, sum: f64| {
                let p = (seen.get(key).copied().unwrap_or(0.0) + 20.0 * n / total) / (sum + 20.0);
                quantised(-p.log2(), PIECE_STEPS)
            };
            let hash = unpack(*key).into_iter().fold(HASH, hashed);
            let values =
                [quantised(-(n / total).log2(), PIECE_STEPS), place(&first, sums[0]), place(&last, sums[1])];
            (hash, values)
        })
        .collect();
    entries.sort_unstable();
    (table(&entries, 1 << 16), entries.len())
}

/// Open addressing, as the reader of the model looks it up.
fn table(entries: &[(u64, [u8; 3])], slots: usize) -> Vec<u8> {
    let mut table = vec![0u8; slots * 8];
    for (hash, values) in entries {
        let (mut at, mark) = place(*hash, slots);
        while table[at * 8..at * 8 + 4] != [0; 4] {
            at = (at + 1) & (slots - 1);
        }
        table[at * 8..at * 8 + 4].copy_from_slice(&mark.to_le_bytes());
        table[at * 8 + 4..at * 8 + 7].copy_from_slice(values);
    }
    table
}

/// How common each suffix is, and what labels look like below it.
fn below(suffixes: &BTreeMap<&str, Vec<&str>>, grams: &[u8], total: usize) -> Vec<u8> {
    let mean = |label: &str| {
        let (mut at, mut sum, mut n) = (0, 0.0, 0.0);
        for next in label.bytes().map(symbol).chain([BORDER]) {
            at = (at * SYMBOLS + usize::from(next)) % SYMBOLS.pow(4);
            sum += f64::from(grams[at]) / f64::from(GRAM_STEPS);
            n += 1.0;
        }
        sum / n
    };
    let all = |labels: &[&str]| -> (f64, f64) {
        let means: Vec<f64> = labels.iter().map(|l| mean(l)).collect();
        (means.iter().sum(), means.iter().filter(|m| **m >= 5.5).count() as f64)
    };
    let (mut sum, mut odd) = (0.0, 0.0);
    for labels in suffixes.values() {
        let (s, o) = all(labels);
        (sum, odd) = (sum + s, odd + o);
    }
    let entries: Vec<(u64, [u8; 3])> = suffixes
        .iter()
        .filter(|(s, l)| !s.is_empty() && l.len() >= 2)
        .map(|(suffix, labels)| {
            let n = labels.len() as f64;
            let (s, o) = all(labels);
            let mean = (s + 30.0 * sum / total as f64) / (n + 30.0);
            let share = (o + 100.0 * odd / total as f64) / (n + 100.0);
            let bits = -((n + 0.3) / total as f64).log2();
            let values = [bits, mean, -share.log2()].map(|v| quantised(v, PIECE_STEPS));
            (suffix.bytes().fold(HASH, hashed), values)
        })
        .collect();
    table(&entries, (entries.len() * 2).next_power_of_two())
}
