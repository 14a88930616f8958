//! Generated names by their look: rows, properties, and the bars on real names where they are.
#![expect(clippy::expect_used, reason = "a failed test should stop")]

use botnet::lexical;
use botnet::lexical::model::{BYTES, COUNT, Feature, Features, LEAF, LONE_BITS, MAX_PIECE, PIECE_STEPS};
use botnet::lexical::model::{HASH, Tables, Trees, features, hashed, split};
use botnet::lexical::{THRESHOLD, Verdict, judge, score};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Read as _;

#[path = "../../../../bench/names/src/lists.rs"]
mod lists;

fn tables() -> Tables<'static> {
    Tables::read(BYTES).expect("the shipped model is whole")
}

#[test]
fn names_come_apart_at_the_suffix() {
    for (name, label, suffix, open) in [
        ("example.com", "example", "com", false),
        ("www.example.com", "example", "com", false),
        ("a.b.example.co.uk", "example", "co.uk", false),
        ("bookshop.com.example", "bookshop", "com.example", false),
        ("example.com.br", "example", "com.br", false),
        ("com.br", "com", "br", false),
        ("co.com", "co", "com", false),
        ("example.company.museum", "company", "museum", false),
        ("kq3v.duckdns.org", "kq3v", "duckdns.org", true),
        ("duckdns.org", "duckdns", "org", false),
        ("localhost", "localhost", "", false),
        ("", "", "", false),
        (".", "", "", false),
        ("..com", "", "com", false),
    ] {
        let parts = split(name);
        assert_eq!((parts.label, parts.suffix, parts.open), (label, suffix, open), "{name}");
    }
    let long = format!("{}\u{e9}.com", "a".repeat(62));
    assert_eq!(split(&long).label, "a".repeat(62), "cut between characters");
}

#[test]
fn verdicts_of_plain_cases() {
    for name in [
        "www.wikipedia.org",
        "bookshop.example",
        "localnews.com",
        "photogallery.co.uk",
        "mail.university.edu",
        "cloudstorage.net",
        "weather.lan",
        "abc.de",
        "24h.com",
    ] {
        let verdict = judge(name);
        assert!(
            !verdict.generated && verdict.score < 0.2 && !verdict.reasons.is_empty(),
            "{name}: {verdict:?}"
        );
    }
    for name in [
        "xkqjzvwpqhtrmnbgcl.biz",
        "qpwvxkzjrthbnmgdlsfc.com",
        "0f3a9c7be21d44887a6be5.info",
        "h7k2q9x4w8z3v5b1n6.net",
        "WXKQZJVPQHTRMNBVCKJHG.SU.",
    ] {
        let verdict = judge(name);
        assert!(verdict.generated && !verdict.reasons.is_empty(), "{name}: {verdict:?}");
    }
    for name in ["", ".", "...", "a", "\u{1f30a}.example", "--.com", "\u{0}\u{1}.com"] {
        assert_eq!(
            judge(name),
            Verdict { score: 0.0, generated: false, family: None, confidence: 50, reasons: Vec::new() },
            "{name:?}"
        );
    }
}

#[test]
fn reasons_say_how_rare() {
    let reasons = judge("xkqjzvwpqhtrmnbgcl.biz").reasons.join("; ");
    assert!(reasons.contains("ordinary names") && reasons.contains("ends in `biz`"), "{reasons}");
    let reasons = judge("photogallery.com").reasons.join("; ");
    assert!(reasons.contains("photo"), "{reasons}");
}

#[test]
fn a_model_that_is_not_whole_is_refused() {
    for cut in [0, 1, 8, 31, 32, 1_000, BYTES.len() - 1] {
        assert!(Tables::read(&BYTES[..cut]).is_none(), "{cut} bytes");
    }
    let longer = [BYTES, &[0]].concat();
    assert!(Tables::read(&longer).is_none());
    let leaf = [LEAF, 0, 0, 0, 0, 0, 128, 63];
    let ask = |feature, left, right| [feature, left, right, 0, 0, 0, 0, 0];
    let tree = |depth: u8, nodes: &[[u8; 8]]| {
        [&[0u8; 4][..], &1u32.to_le_bytes(), &[0, 0, 0, depth], &nodes.concat()].concat()
    };
    assert!(Trees::read(&tree(0, &[leaf])).is_some());
    assert!(Trees::read(&tree(1, &[ask(0, 1, 2), leaf, leaf])).is_some());
    for (what, bytes) in [
        ("no node", tree(0, &[])),
        ("a question without answers", tree(0, &[ask(0, 1, 2)])),
        ("a right child that is the left", tree(1, &[ask(0, 1, 1), leaf, leaf])),
        ("a right child outside", tree(1, &[ask(0, 1, 3), leaf, leaf])),
        ("a left child elsewhere", tree(1, &[ask(0, 2, 2), leaf, leaf])),
        ("a feature that is none", tree(1, &[ask(COUNT as u8, 1, 2), leaf, leaf])),
        ("a leaf with a child", tree(1, &[[LEAF, 1, 1, 0, 0, 0, 0, 0], leaf])),
        ("a leaf without a number", tree(0, &[[LEAF, 0, 0, 0, 0, 0, 192, 127]])),
        ("a depth too small", tree(0, &[ask(0, 1, 2), leaf, leaf])),
        ("a depth too great", tree(2, &[ask(0, 1, 2), leaf, leaf])),
        ("a depth beyond bounds", {
            let chain: Vec<[u8; 8]> = (0..100).flat_map(|i| [ask(0, 1, 200 - i * 2), leaf]).collect();
            tree(100, &[&chain[..], &[leaf]].concat())
        }),
        ("bytes after the nodes", [tree(0, &[leaf]), vec![0]].concat()),
        ("a first node elsewhere", {
            let mut bytes = tree(0, &[leaf, leaf]);
            bytes[8] = 1;
            bytes
        }),
    ] {
        assert!(Trees::read(&bytes).is_none(), "{what}");
    }
}

/// A tree as people draw one.
#[derive(Debug, Clone)]
enum Plain {
    Answer(f32),
    Ask(u8, f32, Box<[Plain; 2]>),
}

impl Plain {
    fn answer(&self, features: &Features) -> f32 {
        match self {
            Self::Answer(value) => *value,
            Self::Ask(feature, value, children) => {
                let right = features.0[usize::from(*feature)] > *value;
                children[usize::from(right)].answer(features)
            }
        }
    }

    fn depth(&self) -> u8 {
        match self {
            Self::Answer(_) => 0,
            Self::Ask(_, _, children) => 1 + children[0].depth().max(children[1].depth()),
        }
    }

    fn nodes(&self) -> Vec<[u8; 8]> {
        let node = |head: [u8; 3], value: f32| {
            let [a, b, c, d] = value.to_le_bytes();
            [head[0], head[1], head[2], 0, a, b, c, d]
        };
        match self {
            Self::Answer(value) => vec![node([LEAF, 0, 0], *value)],
            Self::Ask(feature, value, children) => {
                let [left, right] = [children[0].nodes(), children[1].nodes()];
                let head = node([*feature, 1, left.len() as u8 + 1], *value);
                [vec![head], left, right].concat()
            }
        }
    }
}

fn plain_tree() -> impl Strategy<Value = Plain> {
    (-8i8..8).prop_map(|v| Plain::Answer(f32::from(v))).prop_recursive(6, 40, 2, |inner| {
        (0..COUNT as u8, -4i8..4, inner.clone(), inner)
            .prop_map(|(f, v, left, right)| Plain::Ask(f, f32::from(v), Box::new([left, right])))
    })
}

/// Fewest bits of any cut, by trying all of them.
fn fewest(tables: &Tables<'_>, run: &[u8]) -> f32 {
    if run.is_empty() {
        return 0.0;
    }
    (1..=run.len().min(MAX_PIECE))
        .filter_map(|len| {
            let known = tables.piece(run[..len].iter().copied().fold(HASH, hashed));
            let bits = match known {
                Some([bits, ..]) => f32::from(bits) / PIECE_STEPS,
                None if len == 1 => LONE_BITS,
                None => return None,
            };
            Some(bits + fewest(tables, &run[len..]))
        })
        .fold(f32::INFINITY, f32::min)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_a_verdict_within_bounds(name in "\\PC{0,300}") {
        let verdict = judge(&name);
        prop_assert!((0.0..=1.0).contains(&verdict.score));
        prop_assert_eq!(verdict.generated, verdict.score >= THRESHOLD);
        prop_assert!((50..=99).contains(&verdict.confidence) && verdict.reasons.len() <= 4);
        prop_assert_eq!(verdict.score, score(&name));
        prop_assert_eq!(judge(&name), verdict);
    }

    #[test]
    fn case_dot_and_hosts_change_nothing(name in "[a-z0-9_-]{1,70}\\.(com|co\\.uk|biz|bit)", host in "[a-z0-9-]{1,9}") {
        let verdict = judge(&name);
        for other in [name.to_ascii_uppercase(), format!("{name}."), format!(" {name} "), format!("{host}.{name}")] {
            prop_assert_eq!(&judge(&other), &verdict, "{}", other);
        }
    }

    #[test]
    fn the_cut_is_the_one_with_the_fewest_bits(label in "[a-z]{1,11}") {
        let tables = tables();
        let (found, cut) = features(&tables, &split(&format!("{label}.com")));
        let best = fewest(&tables, label.as_bytes());
        prop_assert!((found.get(Feature::PieceTotal) - best).abs() < 0.01, "{} {best}", found.get(Feature::PieceTotal));
        let letters: String = cut.pieces().iter().map(|p| &label[p.start..p.start + p.len]).collect();
        prop_assert_eq!(letters, label, "the pieces are the label");
    }

    #[test]
    fn trees_side_by_side_answer_as_one_after_the_other(
        trees in prop::collection::vec(plain_tree(), 0..40), values in prop::collection::vec(-5i8..5, COUNT)
    ) {
        let (mut starts, mut nodes) = (Vec::new(), Vec::new());
        for tree in &trees {
            starts.extend((u32::from(tree.depth()) << 24 | nodes.len() as u32).to_le_bytes());
            nodes.extend(tree.nodes());
        }
        let head = [0.5f32.to_le_bytes(), (trees.len() as u32).to_le_bytes()].concat();
        let bytes = [head, starts, nodes.concat()].concat();
        let features = Features(std::array::from_fn(|i| f32::from(values[i])));
        let wanted: f32 = trees.iter().map(|t| t.answer(&features)).sum();
        prop_assert_eq!(Trees::read(&bytes).map(|t| t.odds(&features)), Some(wanted + 0.5));
    }

    #[test]
    fn bytes_that_are_no_trees_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(trees) = Trees::read(&bytes) {
            trees.odds(&features(&tables(), &split("example.com")).0);
        }
    }
}

/// Names of `file`, by their second column.
fn real(file: &str) -> Option<BTreeMap<String, Vec<String>>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("COMITY_DATA").map_or(root, std::path::PathBuf::from);
    let path = data.join("botnet/dga").join(file);
    let Ok(packed) = std::fs::File::open(&path) else {
        println!("skipped: no {} (set COMITY_DATA)", path.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut cells = line.split(',');
        if let (Some(name), Some(of)) = (cells.next(), cells.next()) {
            names.entry(of.to_owned()).or_default().push(name.to_owned());
        }
    }
    Some(names)
}

/// A small copy of what `bench/names` measures on 200,000 names: it catches a model that has come apart
/// from its code, not a change of a percent.
#[test]
fn real_families_are_told_from_popular_names() {
    let (Some(families), Some(popular)) = (real("dga_public.csv.gz"), real("benign_public.csv.gz")) else {
        return;
    };
    let share = |names: &[&String]| {
        names.iter().filter(|n| score(n) >= THRESHOLD).count() as f64 / names.len().max(1) as f64
    };
    for (list, names) in &popular {
        let test: Vec<_> = names.iter().filter(|n| lists::part(n) == lists::Part::Test).collect();
        assert!(test.len() > 5_000, "{list}");
        assert!(share(&test) <= 0.003, "{list}: {:.4} of {}", share(&test), test.len());
    }
    let found: Vec<f64> = families
        .values()
        .map(|names| share(&names.iter().step_by(names.len().div_ceil(100)).collect::<Vec<_>>()))
        .collect();
    let mean = found.iter().sum::<f64>() / found.len() as f64;
    assert!(mean >= 0.4, "{mean}: {found:?}");
}
