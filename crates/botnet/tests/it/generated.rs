//! The algorithms of known families against names in reports, real traffic and whole published lists.

use botnet::generated::{
    GeneratedError, Generator, Index, MAX_INDEXED, Period, Seed, all, family, recognise,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use terms::Day;

fn names(family_name: &str, seed: &str, day: &str) -> Vec<String> {
    let generator = family(family_name).unwrap();
    let names = generator.names(generator.seed(seed).unwrap(), day.parse().unwrap()).unwrap();
    names.collect()
}

/// Family, seed, day, how many names come before, names that follow one another, where they were published.
type Row = (&'static str, &'static str, &'static str, usize, &'static [&'static str], &'static str);

const PUBLISHED: &[Row] = &[
    (
        "banjori",
        "earnestnessbiophysicalohax",
        "2013-05-01",
        0,
        &["kwtoestnessbiophysicalohax.com", "rvcxestnessbiophysicalohax.com"],
        "J. Bader, The DGA of Banjori; examples of the project DGAfamilies",
    ),
    ("ccleaner", "5.33", "2017-02-14", 0, &["ab6d54340c1a.com"], "Cisco Talos, CCleanup"),
    ("ccleaner", "5.33", "2017-03-14", 0, &["aba9a949bc1d.com"], "Cisco Talos, CCleanup"),
    ("ccleaner", "5.33", "2017-04-14", 0, &["ab2da3d400c20.com"], "Cisco Talos, CCleanup"),
    ("ccleaner", "5.33", "2017-05-14", 0, &["ab3520430c23.com"], "Cisco Talos, CCleanup"),
    ("ccleaner", "5.33", "2017-06-14", 0, &["ab1c403220c27.com"], "Cisco Talos, CCleanup"),
    ("ccleaner", "5.33", "2017-07-14", 0, &["ab1abad1d0c2a.com"], "Cisco Talos, CCleanup"),
    ("ccleaner", "5.33", "2017-08-14", 0, &["ab8cee60c2d.com"], "Cisco Talos, CCleanup"),
    ("ccleaner", "5.33", "2017-09-14", 0, &["ab1145b758c30.com"], "Cisco Talos, CCleanup"),
    ("ccleaner", "5.33", "2017-10-14", 0, &["ab890e964c34.com"], "Cisco Talos, CCleanup"),
    ("ccleaner", "5.33", "2017-11-14", 0, &["ab3d685a0c37.com"], "Cisco Talos, CCleanup"),
    ("ccleaner", "5.33", "2017-12-14", 0, &["ab70a139cc3a.com"], "Cisco Talos, CCleanup"),
    (
        "corebot",
        "1dba8930",
        "2015-09-08",
        5,
        &[
            "3lgrupwdivsfm2w4kng2iha.ddns.net",
            "i8a0q2wdu8otulkfylo2gdq.ddns.net",
            "kh1her76avy0qnelivijwd1.ddns.net",
        ],
        "examples of the project DGAfamilies",
    ),
    (
        "dircrypt",
        "47bce626",
        "2014-07-01",
        0,
        &["wbgzpjfxlxlcvbth.com", "pibqzedhzwt.com", "vlbqryjd.com"],
        "examples of the project DGAfamilies",
    ),
    ("dmsniff", "sn", "2019-03-01", 0, &["snbhdfln.com"], "examples of the project DGAfamilies (UD4)"),
    (
        "dnschanger",
        "60000",
        "2012-07-01",
        0,
        &["xyinotlgjm.com", "pzebjxgftf.com", "jsgjmbtbdr.com"],
        "examples of the project DGAfamilies",
    ),
    ("infy", "NRV1", "2017-05-17", 7 * 3 + 2, &["3b580fa7.top"], "examples of the project DGAfamilies"),
    ("infy", "NRV1", "2017-05-17", 8 * 3 + 1, &["abe71236.net"], "examples of the project DGAfamilies"),
    ("infy", "NRV1", "2017-05-17", 9 * 3, &["dce022a0.space"], "examples of the project DGAfamilies"),
    ("proslikefan", "prospect", "2016-05-13", 26, &["jsfupqzg.org"], "examples of the project DGAfamilies"),
    (
        "ramnit",
        "4bfcbc6a",
        "2014-12-21",
        3,
        &["nhedwmmg.com"],
        "examples of the project DGAfamilies; seed by J. Bader",
    ),
    (
        "shiotob",
        "wtipubctwiekhir",
        "2015-01-12",
        0,
        &[
            "rwmu35avqo12tqc.com",
            "rskb5bsfhm2fk5h.net",
            "rbp9pprrxgflut9.com",
            "zzxeyzgy45yy2a.net",
            "e3oa4wglvd21xa.com",
            "mqmq1hvmtxzjv.net",
            "pd4o4wu24vimn.com",
            "tlmrzvpbpsqsb.net",
            "pbmnz59uzndpo.com",
            "x2lxslqz3wztw.net",
        ],
        "J. Bader, The DGA of Shiotob",
    ),
    (
        "simda",
        "45ae94b2",
        "2018-05-14",
        0,
        &["gatyfus.com", "lyvyxor.com"],
        "the first of many blocklists; traffic below",
    ),
    ("tofsee", "biz and ch", "2016-12-24", 0, &["dqhdqha.biz"], "examples of the project DGAfamilies"),
    ("tofsee", "biz and ch", "2016-12-24", 9, &["dqhdqhj.biz"], "examples of the project DGAfamilies"),
    ("tofsee", "biz and ch", "2016-12-24", 11, &["dqhdqhb.ch"], "examples of the project DGAfamilies"),
];

#[test]
fn names_are_those_of_the_reports() {
    for (family, seed, day, before, expected, source) in PUBLISHED {
        let got: Vec<_> = names(family, seed, day).into_iter().skip(*before).take(expected.len()).collect();
        assert_eq!(got, *expected, "{family} {seed} {day}, printed in: {source}");
    }
}

#[test]
fn names_without_a_known_place_are_among_those_of_the_day() {
    // In examples of the project DGAfamilies; FluBot among indicators of March 2021.
    for (family, seed, day, expected) in [
        ("dmsniff", "sn", "2019-03-01", &["snfrpmnq.org", "snvspnor.in", "snmvspru.net", "snpnwsuy.ru"][..]),
        ("flubot", "1136", "2021-03-05", &["nfiuerwtftasnuk.com"]),
        (
            "fobber",
            "1",
            "2015-07-01",
            &["vhkintjtksyxgjrzz.net", "ukfmknjdenthvktgc.net", "btpnxlsfdqbhzazyx.net"],
        ),
        ("orchard", "3", "2022-09-29", &["867e6101.com", "abf88222.duckdns.org", "abf88222.net"]),
        ("sisron", "ten days", "2016-06-02", &["mdewnjiwmtya.net", "mjkwntiwmtya.org", "mjuwntiwmtya.com"]),
    ] {
        let got: BTreeSet<_> = names(family, seed, day).into_iter().collect();
        for name in expected {
            assert!(got.contains(*name), "{family} {seed} {day} lacks {name}");
        }
    }
}

fn data() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = std::env::var_os("COMITY_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let folder = data.join("botnet");
    if folder.join("dga/dga_public.csv.gz").is_file() {
        return Some(folder);
    }
    println!("skipped: no published lists at {} (set COMITY_DATA)", folder.display());
    None
}

fn unpacked(file: &Path) -> String {
    let mut text = String::new();
    let packed = std::fs::File::open(file).unwrap();
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

/// What a published list holds of the names of its seed and day.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    /// All of them.
    All,
    /// A part of them: the list was cut.
    Part,
    /// All of them, beside names that nobody can make in advance.
    AllAndMore,
}

/// List, family, seed, a day of the list's stretch, what it holds. The days were found by making the lists.
const LISTS: &[(&str, &str, &str, &str, Holds)] = &[
    ("bazarbackdoor_example_domains_beta", "bazarbackdoor", "beta", "2021-12-01", Holds::All),
    ("dmsniff_domains_al", "dmsniff", "al", "2019-03-01", Holds::All),
    ("dnschanger_example_domains", "dnschanger", "87373", "2012-07-01", Holds::All),
    ("fobber_domains_1", "fobber", "1", "2015-07-01", Holds::All),
    ("locky_example_domains", "locky", "62", "2016-02-28", Holds::All),
    ("m0yv_example_domains", "m0yv", "2484a00", "2022-01-01", Holds::All),
    (
        "monerodownloader_example_domains",
        "monerodownloader",
        "jkhhksugrhtijys78g46",
        "2020-01-12",
        Holds::All,
    ),
    ("orchard_example_domains", "orchard", "3", "2022-09-29", Holds::AllAndMore),
    ("qakbot_example_domains", "qakbot", "0", "2016-02-25", Holds::Part),
    ("ranbyus_may_example_domains", "ranbyus", "b6354bc3", "2015-05-14", Holds::All),
    ("sharkbot_example_domains_v0.0", "sharkbot", "0.0", "2022-05-30", Holds::All),
    ("sharkbot_example_domains_v1.63", "sharkbot", "1.63", "2022-05-30", Holds::All),
    ("sharkbot_example_domains_v2.1", "sharkbot", "2.1", "2022-05-30", Holds::All),
    ("sharkbot_example_domains_v2.8", "sharkbot", "2.8", "2022-05-30", Holds::All),
    ("sisron_example_domains", "sisron", "ten days", "2016-06-02", Holds::All),
    ("verblecon_example_domains", "verblecon", "verble", "2022-07-14", Holds::All),
];

#[test]
fn published_lists_are_reproduced() {
    let Some(folder) = data() else { return };
    let mut lists: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let text = unpacked(&folder.join("dga/dga_public.csv.gz"));
    for line in text.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        lists.entry(fields[3].into()).or_default().insert(fields[0].into());
    }
    println!("| list | names | family | seed | day | made | in the list |\n|---|---|---|---|---|---|---|");
    for (list, family, seed, day, holds) in LISTS {
        let published = lists.remove(*list).unwrap_or_else(|| panic!("no list {list}"));
        let made: BTreeSet<_> = names(family, seed, day).into_iter().collect();
        let both = made.intersection(&published).count();
        println!("| {list} | {} | {family} | {seed} | {day} | {} | {both} |", published.len(), made.len());
        if *holds != Holds::AllAndMore {
            assert_eq!(both, published.len(), "{list}: {:?}", published.difference(&made).next());
        }
        if *holds != Holds::Part {
            assert_eq!(both, made.len(), "{list}: {:?}", made.difference(&published).next());
        }
        assert!(both * 2 >= published.len(), "{list}");
    }
    println!("not reproduced: {}", lists.into_keys().collect::<Vec<_>>().join(", "));
}

#[test]
fn every_name_that_simda_asked_for_in_real_traffic_is_one_of_its_names() {
    let Some(folder) = data() else { return };
    let logs = std::fs::read_dir(folder.join("zeek-labelled")).unwrap().flatten();
    let Some(log) = logs.map(|l| l.path()).find(|p| p.to_string_lossy().contains("/005-")) else { return };
    let made: BTreeSet<_> = names("simda", "45ae94b2", "2018-05-14").into_iter().collect();
    let text = unpacked(&log.join("dns.log.gz"));
    let asked: BTreeSet<_> = text
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split('\t').nth(9))
        .map(str::to_ascii_lowercase)
        // The capture's other names are Windows' own.
        .filter(|n| n.len() == 11 && n.ends_with(".com"))
        .collect();
    assert!(asked.len() > 200, "{}", asked.len());
    assert_eq!(asked.difference(&made).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn a_window_of_days_is_indexed_once_and_tells_families_with_their_days() {
    let days = "2016-05-01".parse().unwrap()..="2016-06-10".parse().unwrap();
    let index = Index::over(days.clone()).unwrap();
    println!("{} fingerprints over 41 days", index.len());
    for (name, family, first, last) in [
        ("JSFUPQZG.org.", "proslikefan", "2016-05-13", "2016-05-13"),
        ("gatyfus.com", "simda", "2016-05-01", "2016-06-10"),
        ("mdewnjiwmtya.com", "sisron", "2016-06-01", "2016-06-01"),
    ] {
        let known = index.recognise(name);
        assert_eq!(known.first().map(|k| k.family), Some(family), "{name}");
        assert_eq!(known[0].first.to_string(), first, "{name}");
        assert_eq!(known[0].last.to_string(), last, "{name}");
        assert_eq!(known, recognise(name, days.clone()), "{name}");
    }
    // Sisron's bots ask for a date's name on that day and on the nine after it.
    assert_eq!(index.recognise("mdewnjiwmtya.com").len(), 10);
    for honest in ["example.com", "wikipedia.org", "", ".", "xn--bcher-kva.example"] {
        assert_eq!(index.recognise(honest), vec![], "{honest}");
    }
}

#[test]
fn what_is_not_known_is_said() {
    assert!(
        matches!(family("nobody"), Err(GeneratedError::UnknownFamily { known, .. }) if known.contains("simda"))
    );
    let simda = family("simda").unwrap();
    assert!(matches!(simda.seed("x"), Err(GeneratedError::UnknownSeed { family: "simda", .. })));
    let banjori = family("banjori").unwrap();
    for text in ["", "a.com", "1234.com", "ÄÖÜäöü.com", "a b c d.com"] {
        let seed = Seed::of_sample("mine", 0, text, 3);
        assert!(matches!(banjori.names(&seed, Day(0)), Err(GeneratedError::Seed { .. })), "{text}");
    }
    let wide = Index::over(Day(0)..=Day(1_000_000));
    assert!(matches!(wide, Err(GeneratedError::TooMany { names, .. }) if names > MAX_INDEXED));
    assert!(Index::over(Day(5)..=Day(4)).unwrap().is_empty());
}

#[test]
fn families_are_told_once_and_in_order() {
    let told: Vec<_> = all().iter().map(|g| g.family).collect();
    let mut sorted = told.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(told, sorted);
    assert!(told.len() >= 20, "{}", told.len());
    for generator in all() {
        assert!(!generator.seeds.is_empty() && !generator.source.is_empty());
        let seeds: BTreeSet<_> = generator.seeds.iter().map(Seed::name).collect();
        assert_eq!(seeds.len(), generator.seeds.len(), "{}", generator.family);
    }
}

/// Letters, digits, hyphens and underscores in labels of at most 63, a suffix of letters.
fn assert_host_name(generator: &Generator, name: &str, day: Day) {
    let bad = || panic!("{} on {day}: `{name}`", generator.family);
    let labels: Vec<_> = name.split('.').collect();
    if labels.len() < 2 || name.len() > 253 {
        bad();
    }
    for label in &labels {
        let letters = label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if label.is_empty() || label.len() > 63 || !letters || label.starts_with('-') || label.ends_with('-')
        {
            bad();
        }
    }
    if !labels.last().is_some_and(|l| l.bytes().all(|b| b.is_ascii_lowercase())) {
        bad();
    }
}

fn check_day(day: Day) {
    for generator in all() {
        for seed in generator.seeds {
            let first: Vec<_> = generator.names(seed, day).unwrap().take(60).collect();
            assert_eq!(first.len(), (seed.names() as usize).min(60));
            first.iter().for_each(|name| assert_host_name(generator, name, day));
            let again: Vec<_> = generator.names(seed, day).unwrap().take(60).collect();
            assert_eq!(first, again, "{}", generator.family);
            let (start, end) = generator.period.around(day);
            assert!(start <= day && day <= end);
            if generator.period != Period::Always {
                for edge in [start, end] {
                    let there: Vec<_> = generator.names(seed, edge).unwrap().take(60).collect();
                    assert_eq!(first, there, "{} {day} {edge}", generator.family);
                }
            }
        }
    }
}

#[test]
fn strange_days_give_names_too() {
    for day in
        ["0001-01-01", "0017-12-31", "1969-12-31", "1970-01-01", "2000-02-29", "2024-02-29", "9999-12-31"]
    {
        check_day(day.parse().unwrap());
    }
    for day in [i32::MIN, i32::MIN + 1, -719_163, i32::MAX - 1, i32::MAX] {
        check_day(Day(day));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_day_gives_host_names_and_the_same_ones_again(day in -720_000..3_000_000i32) {
        check_day(Day(day));
    }

    #[test]
    fn any_seed_gives_host_names_or_a_reason(number: u64, text in "[ -~]{0,40}|[a-z]{6,20}\\.(com|net)", day in 0..40_000i32) {
        let seed = Seed::of_sample("any", number, &text, 40);
        for generator in all() {
            if let Ok(names) = generator.names(&seed, Day(day)) {
                for name in names {
                    assert_host_name(generator, &name, Day(day));
                }
            }
        }
    }

    #[test]
    fn what_a_family_makes_is_recognised_as_its_own(which: prop::sample::Index, skip in 0usize..40, offset in 0..14i32) {
        let start = Day(17_000);
        let window = start..=start.plus(13);
        let generator = all()[which.index(all().len())];
        let seed = &generator.seeds[which.index(generator.seeds.len())];
        let day = start.plus(offset);
        if let Some(name) = generator.names(seed, day).unwrap().nth(skip) {
            let index = Index::of(&[generator], window).unwrap();
            let known = index.recognise(&name);
            let own = |k: &botnet::generated::Known| {
                k.family == generator.family && k.seed == seed.name() && k.first <= day && day <= k.last
            };
            prop_assert!(known.iter().any(own), "{name}: {known:?}");
        }
    }
}
