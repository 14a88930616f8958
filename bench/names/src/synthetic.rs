//! Made-up generators of every kind that we could think of. None is that of a malware family: what a model learns from
//! them has to carry over to families that it never saw.

use super::random::Random;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const VOWELS: &[u8] = b"aeiou";
const DECIMAL: &[u8] = b"0123456789";
const HEXADECIMAL: &[u8] = b"0123456789abcdef";
const CONSONANTS: &[u8] = b"bcdfghjklmnpqrstvwxyz";

/// What generators are made of.
pub struct Material<'a> {
    /// Words.
    pub words: &'a [String],
    /// Ordinary labels.
    pub labels: &'a [String],
    /// Suffixes, most frequent first.
    pub suffixes: &'a [String],
}

/// Suffixes that most generators have.
const HEAD: &[&str] = &[
    "com", "com", "com", "com", "net", "net", "net", "org", "org", "info", "info", "biz", "biz", "ru", "ru",
];

/// Suffixes that many generators have.
const CLASSIC: &[&str] = &[
    "ac", "ag", "am", "be", "bid", "bz", "cc", "cc", "cf", "ch", "click", "club", "cm", "cn", "co", "co.uk",
    "de", "eu", "fr", "ga", "gq", "hk", "im", "in", "in", "io", "it", "jp", "ki", "kz", "la", "link", "live",
    "me", "ml", "mn", "mobi", "ms", "name", "nf", "nl", "nu", "online", "pl", "pm", "pro", "pw", "pw", "re",
    "ro", "sh", "site", "so", "space", "su", "su", "sx", "tech", "tf", "tk", "to", "top", "top", "tv", "tw",
    "uk", "us", "website", "win", "work", "ws", "xyz", "xyz", "yt",
];
const ODD: &[&str] = &["bit", "coin", "lib", "emc", "onion", "i2p", "example", "local", "lan", "chan"];
const OPEN: &[&str] = &[
    "ddns.net",
    "duckdns.org",
    "dyndns.org",
    "hopto.org",
    "no-ip.org",
    "mooo.com",
    "github.io",
    "dynserv.com",
];

/// The suffixes of one generator.
fn suffixes(r: &mut Random, m: &Material<'_>) -> Vec<String> {
    let many = match r.within(0, 9) {
        0..=3 => 1,
        4..=6 => r.within(2, 4),
        _ => r.within(4, 12),
    };
    (0..many)
        .map(|_| match r.within(0, 99) {
            0..=57 => (*r.pick(HEAD)).to_owned(),
            58..=85 => (*r.pick(CLASSIC)).to_owned(),
            86..=93 => r.pick(&m.suffixes[..m.suffixes.len().min(500)]).clone(),
            94..=96 => (*r.pick(ODD)).to_owned(),
            _ => (*r.pick(OPEN)).to_owned(),
        })
        .collect()
}

type Label<'a> = Box<dyn FnMut(&mut Random) -> String + 'a>;

fn text(bytes: Vec<u8>) -> String {
    bytes.into_iter().map(char::from).collect()
}

fn drawn(r: &mut Random, alphabet: &[u8], low: usize, high: usize) -> String {
    let len = r.within(low, high);
    text(r.some(alphabet, len))
}

/// Lengths of one generator: often one only, and more often short than long.
fn lengths(r: &mut Random, low: usize, high: usize) -> (usize, usize) {
    let least = r.within(low, high).min(r.within(low, high));
    (least, if r.chance(0.35) { least } else { r.within(least, (least + 12).min(high.max(least))) })
}

/// Which kinds there are, the frequent ones several times.
const KINDS: &[usize] = &[
    0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12, 13, 13, 14, 14, 14, 15, 15,
    15, 16, 17, 17,
];

/// One generator of `kind`.
fn generator<'a>(kind: usize, r: &mut Random, m: &'a Material<'a>) -> Label<'a> {
    match kind {
        0 => {
            let (a, b) = lengths(r, 5, 28);
            Box::new(move |r| drawn(r, LETTERS, a, b))
        }
        1 => {
            let (a, b) = lengths(r, 6, 24);
            let size = r.within(6, 22);
            let alphabet = if r.chance(0.4) { LETTERS[..size].to_vec() } else { r.some(LETTERS, size) };
            Box::new(move |r| drawn(r, &alphabet, a, b))
        }
        2 => {
            let (a, b) = lengths(r, 6, 30);
            Box::new(move |r| drawn(r, b"abcdefghijklmnopqrstuvwxyz0123456789", a, b))
        }
        3 => {
            let len = *r.pick(&[7, 8, 10, 12, 12, 13, 14, 16, 16, 20, 24, 32, 32]);
            Box::new(move |r| drawn(r, HEXADECIMAL, len, len))
        }
        4 => {
            let (a, b) = lengths(r, 8, 16);
            let hyphens = r.chance(0.2);
            Box::new(move |r| {
                let mut digits = drawn(r, DECIMAL, a, b);
                if hyphens {
                    digits.insert(4, '-');
                }
                digits
            })
        }
        5 => {
            let (a, b) = lengths(r, 6, 16);
            let doubled = r.chance(0.3);
            Box::new(move |r| alternating(r, a, b, doubled))
        }
        6 => {
            let count = r.within(8, 40);
            let table: Vec<String> = (0..count).map(|_| alternating(r, 2, 4, false)).collect();
            let (a, b) = lengths(r, 2, 5);
            Box::new(move |r| {
                let n = r.within(a, b);
                r.some(&table, n).concat()
            })
        }
        7 | 8 => {
            let order = r.within(1, 3);
            let (a, b) = lengths(r, 6, 18);
            let corpus = r.some(m.labels, 3_000);
            Box::new(move |r| markov(r, &corpus, order, a, b))
        }
        9 => words(r, m, 2, ""),
        10 => {
            let many = r.within(2, 3);
            let glue = if r.chance(0.4) { "-" } else { "" };
            words(r, m, many, glue)
        }
        11 => {
            let mut inner = words(r, m, 1, "");
            let (a, b) = lengths(r, 3, 8);
            let alphabet = *r.pick(&[DECIMAL, LETTERS, HEXADECIMAL]);
            let before = r.chance(0.3);
            Box::new(move |r| {
                let (word, tail) = (inner(r), drawn(r, alphabet, a, b));
                if before { tail + &word } else { word + &tail }
            })
        }
        12 => {
            let many = r.within(2, 3);
            Box::new(move |r| {
                let mut label = r.pick(m.labels).clone().into_bytes();
                for _ in 0..many {
                    let at = r.within(0, label.len() - 1);
                    label[at] = *r.pick(b"abcdefghijklmnopqrstuvwxyz0123456789");
                }
                text(label)
            })
        }
        13 => {
            // A fixed text of words, some of whose letters change.
            let base: Vec<u8> = r.some(m.words, 3).concat().into_bytes();
            let base = base[..base.len().min(r.within(10, 28))].to_vec();
            let free = r.within(2, 5).min(base.len());
            Box::new(move |r| {
                let mut label = base.clone();
                for place in label.iter_mut().take(free) {
                    *place = *r.pick(LETTERS);
                }
                text(label)
            })
        }
        14 => {
            // Beginnings, a made-up root, endings.
            let count = r.within(5, 20);
            let heads: Vec<String> = (0..count).map(|_| alternating(r, 2, 5, true)).collect();
            let tails: Vec<String> = (0..count).map(|_| alternating(r, 2, 6, true)).collect();
            let parts = r.within(1, 3);
            let glue = if r.chance(0.6) { "-" } else { "" };
            Box::new(move |r| {
                let one = |r: &mut Random| {
                    let root = alternating(r, 4, 7, false);
                    r.pick(&heads).clone() + &root + r.pick(&tails).as_str()
                };
                (0..parts).map(|_| one(r)).collect::<Vec<_>>().join(glue)
            })
        }
        15 => {
            // Each place has letters of its own, as encodings of dates and counters have.
            let (a, _) = lengths(r, 7, 16);
            let places: Vec<Vec<u8>> = (0..a)
                .map(|_| {
                    let n = r.within(1, 9);
                    let letters = if r.chance(0.15) { DECIMAL } else { LETTERS };
                    r.some(letters, n)
                })
                .collect();
            Box::new(move |r| text(places.iter().map(|letters| *r.pick(letters)).collect()))
        }
        16 => {
            // Words of a text, cut at a length.
            let (a, b) = lengths(r, 12, 26);
            let count = r.within(100, 2_000);
            let list = r.some(m.words, count);
            Box::new(move |r| {
                let len = r.within(a, b);
                let mut label = String::new();
                while label.len() < len {
                    label += r.pick(&list).as_str();
                }
                if r.chance(0.5) {
                    label.truncate(len);
                }
                label
            })
        }
        _ => {
            let shape: Vec<bool> = (0..r.within(6, 14)).map(|_| r.chance(0.5)).collect();
            Box::new(move |r| {
                let one = |letter: &bool| if *letter { *r.pick(LETTERS) } else { *r.pick(DECIMAL) };
                text(shape.iter().map(one).collect())
            })
        }
    }
}

fn words<'a>(r: &mut Random, m: &'a Material<'a>, many: usize, glue: &'static str) -> Label<'a> {
    let count = r.within(60, 4_000);
    let least = r.within(3, 5);
    let mut list = Vec::new();
    while list.len() < count {
        let word = r.pick(m.words);
        if word.len() >= least {
            list.push(word.as_str());
        }
    }
    Box::new(move |r| r.some(&list, many).join(glue))
}

fn alternating(r: &mut Random, low: usize, high: usize, doubled: bool) -> String {
    let len = r.within(low, high);
    let mut vowel = r.chance(0.4);
    let mut label = Vec::new();
    while label.len() < len {
        label.push(*r.pick(if vowel { VOWELS } else { CONSONANTS }));
        if !(doubled && r.chance(0.2)) {
            vowel = !vowel;
        }
    }
    text(label)
}

/// Letters that follow as they do somewhere in the corpus.
fn markov(r: &mut Random, corpus: &[String], order: usize, low: usize, high: usize) -> String {
    let len = r.within(low, high);
    let mut label: Vec<u8> = r.pick(corpus).bytes().take(order).collect();
    for _ in 0..len * 4 {
        if label.len() >= len {
            break;
        }
        let tail = &label[label.len().saturating_sub(order)..];
        let from = r.within(0, corpus.len() - 1);
        let next = corpus.iter().cycle().skip(from).take(corpus.len()).find_map(|word| {
            let word = word.as_bytes();
            let at = word.windows(order + 1).position(|w| &w[..order.min(tail.len())] == tail)?;
            word.get(at + order).copied().filter(u8::is_ascii_alphabetic)
        });
        label.push(next.unwrap_or_else(|| *r.pick(LETTERS)));
    }
    text(label)
}

/// Names of `families` generators, `each` of one, with the number of the generator.
pub fn names(seed: u64, families: usize, each: usize, m: &Material<'_>) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    for family in 0..families {
        let mut r = Random(seed ^ (family as u64) << 20);
        let suffixes = suffixes(&mut r, m);
        let mut label = generator(KINDS[family % KINDS.len()], &mut r, m);
        for _ in 0..each {
            let label = label(&mut r);
            all.push((family, format!("{label}.{}", r.pick(&suffixes))));
        }
    }
    all
}
