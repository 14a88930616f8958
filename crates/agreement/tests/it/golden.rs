//! Pairs of a text and the message it must give: `golden/NAME.mou.md` and `golden/NAME.expected`.
//!
//! A text may begin with `@base` and lines `@- old` / `@+ new`: it is then the small good text below with those lines
//! replaced. `UPDATE_EXPECT=1 cargo test -p agreement` rewrites the messages; read the difference.

use agreement::parse;
use miette::Diagnostic;
use std::{collections::BTreeSet, path::PathBuf};

const BASE: &str = include_str!("golden/base.txt");

fn text_of(source: &str) -> String {
    if !source.starts_with("@base") {
        return source.to_owned();
    }
    let mut text = BASE.to_owned();
    let mut old: Option<String> = None;
    for line in source.lines().skip(1) {
        if let Some(l) = line.strip_prefix("@- ") {
            old = Some(unescape(l));
        } else if let Some(l) = line.strip_prefix("@+ ").or(line.strip_prefix("@+")) {
            let old = old.take().unwrap();
            assert!(text.contains(&old), "the base does not hold {old:?}");
            text = text.replacen(&old, &unescape(l), 1);
        }
    }
    text
}

fn unescape(line: &str) -> String {
    line.replace("\\n", "\n").replace("\\u202e", "\u{202e}")
}

#[test]
fn every_wrong_text_is_told_what_is_wrong() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut names: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.to_string_lossy().ends_with(".mou.md"))
        .collect();
    names.sort();
    assert!(names.len() >= 60, "{} golden texts", names.len());
    let mut codes = BTreeSet::new();
    let mut differing = Vec::new();
    for path in names {
        let text = text_of(&std::fs::read_to_string(&path).unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let said = match parse(&name, &text) {
            Ok(_) => "accepted\n".to_owned(),
            Err(d) => {
                codes.extend(d.problems().iter().map(|p| p.code()));
                // The same in JSON, and for a graphical renderer.
                assert_eq!(d.to_json()["problems"].as_array().unwrap().len(), d.problems().len());
                for p in d.problems() {
                    assert!(!p.help_text().is_empty() && p.source_code().is_some());
                    for l in p.labels().into_iter().flatten() {
                        assert!(agreement::canonical(&text).get(l.offset()..l.offset() + l.len()).is_some());
                    }
                }
                d.render()
            }
        };
        let expected = path.with_file_name(name.replace(".mou.md", ".expected"));
        if update {
            std::fs::write(&expected, &said).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            differing.push(format!("--- {name}\n{said}"));
        }
    }
    assert!(differing.is_empty(), "UPDATE_EXPECT=1 rewrites them\n{}", differing.join("\n"));
    // Every code of a text has a row.
    let missing: Vec<String> =
        (101..=139).map(|n| format!("CMT-{n:04}")).filter(|c| !codes.contains(c.as_str())).collect();
    assert!(missing.is_empty(), "no golden text gives {missing:?}");
}

#[test]
fn the_base_is_a_good_text() {
    if let Err(d) = parse("base", BASE) {
        panic!("{}", d.render());
    }
}

#[test]
fn no_text_stops_the_reader() {
    // Every prefix and many single changes of a good text are read or refused, and never stop the program.
    for (end, _) in BASE.char_indices().step_by(3) {
        let _ = parse("cut", &BASE[..end]);
    }
    for at in (0..BASE.len()).step_by(5) {
        for byte in [b'`', b'"', b'\n', b'{', b'#', b'9'] {
            let mut bytes = BASE.as_bytes().to_vec();
            bytes[at] = byte;
            if let Ok(text) = String::from_utf8(bytes) {
                let _ = parse("changed", &text).map_err(|d| d.render());
            }
        }
    }
    let deep = BASE.replace("[\"h0\", \"h1\"]", &"[".repeat(50_000));
    assert!(parse("deep", &deep).is_err());
    assert!(parse("long", &"x".repeat(2 << 20)).is_err());
    assert!(parse("empty", "").is_err());
}

#[test]
fn a_text_that_would_explode_is_refused_before_it_does() {
    // 1,200 members and 80 shares for each of them by name of everything fit into a text and not into a policy.
    let members: String =
        (0..1_200).map(|n| format!("  {{ id = \"m{n}\", place = \"DE\", since = 2026-01-15 }},\n")).collect();
    let named = (0..1_200).map(|n| format!("\"m{n}\"")).collect::<Vec<_>>().join(", ");
    let share = |n: usize| {
        format!(
            "### 6.{n} More\n\nAnd more.\n\n```clause\nkind = \"share\"\nfrom = \"firm\"\nto = \"agency\"\nmembers = [{named}]\n\
             categories = [\"malware-sample\", \"c2-infrastructure\", \"network-indicator\", \"wallet\"]\npurpose = [\"malware-analysis\"]\nact = [\"receive\"]\n```\n\n"
        )
    };
    let shares: String = (1..85).map(share).collect();
    let text = BASE.replacen("members = [\n", &format!("members = [\n{members}"), 1) + &shares;
    let text = text.replacen(
        "categories = [\"malware-sample\"]\nform",
        "categories = [\"malware-sample\", \"c2-infrastructure\", \"network-indicator\", \"wallet\"]\nform",
        1,
    );
    let text = text.replacen("[\"victim-ip\"]\ndays", "[\"victim-ip\", \"wallet\"]\ndays", 1);
    let a = match parse("big", &text) {
        Ok(a) => a,
        Err(d) => panic!("{}", d.problems()[0]),
    };
    assert!(agreement::compile(&a).is_err_and(|e| e.why.contains("too large")));
}
