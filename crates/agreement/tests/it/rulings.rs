//! The vectors of `conformance/agreement/rulings`: each file is ruled on, and judged once more by the independent
//! interpreter, so that what a file expects is not what this crate happened to say.

use crate::model::{
    decide::{Verdict, crossings, decide},
    text,
};
use crate::samples::{key, partner};
use agreement::{
    Agreement, Agreements, Condition, Declarer, Delegation, Duty, Emergency, Prohibition, Request, Ruling,
    SignedAgreement, Status, StatusChange, countersign, parse, sign,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Mutex,
};
use terms::{PersonId, Role, Timestamp};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    schema: String,
    why: String,
    agreements: BTreeMap<String, Known>,
    now: Timestamp,
    request: serde_json::Value,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    text: String,
    signed: Vec<String>,
    #[serde(default)]
    declared: Vec<Declared>,
}

#[derive(Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
enum Declared {
    Suspended { by: String, declared: Timestamp, at: Timestamp },
    Resumed { by: String, declared: Timestamp, at: Timestamp },
    Ended { by: String, declared: Timestamp, at: Timestamp },
    Emergency { by: String, clause: String, from: Timestamp },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "ruling", rename_all = "kebab-case", deny_unknown_fields)]
enum Expect {
    Permit {
        clauses: BTreeSet<String>,
        duties: BTreeMap<String, serde_json::Value>,
    },
    Deny {
        code: String,
        agreement: Option<String>,
        clauses: BTreeSet<String>,
        prohibitions: BTreeSet<String>,
        nearest: Option<String>,
        condition: String,
    },
    Unreadable,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/agreement/rulings")
}

/// Every file of the folder, by its kind; one of no known kind is a mistake.
fn vectors(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match name.as_str() {
            "README.md" => {}
            n if n.ends_with(".mou.md") => {}
            n if n.ends_with(".json") => out.push(path),
            n => panic!("`{n}` is neither a vector nor a text"),
        }
    }
    out.sort();
    assert!(!out.is_empty(), "no vector in {}", folder.display());
    out
}

fn read_text(file: &str) -> String {
    assert!(!file.contains('/'), "{file} lies beside the vectors");
    std::fs::read_to_string(folder().join(file)).unwrap()
}

fn agreement(k: &Known) -> Agreement {
    parse(&k.text, &read_text(&k.text)).unwrap_or_else(|d| panic!("{}", d.render()))
}

/// The agreement as it was signed; nothing where nobody did. Compiled once, whatever is declared on it.
fn signed(k: &Known) -> Option<SignedAgreement> {
    type Made = BTreeMap<(String, Vec<String>), Option<SignedAgreement>>;
    static MADE: Mutex<Made> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    made.entry((k.text.clone(), k.signed.clone())).or_insert_with(|| sign_anew(k)).clone()
}

fn sign_anew(k: &Known) -> Option<SignedAgreement> {
    let agreement = agreement(k);
    let mut signers = k.signed.iter();
    let first = signers.next()?;
    let mut envelope = sign(&agreement, &partner(first), &key(first)).unwrap();
    for next in signers {
        envelope = countersign(&agreement, envelope, &partner(next), &key(next)).unwrap();
    }
    Some(SignedAgreement::new(agreement, &envelope).unwrap())
}

/// Takes what was declared on an agreement.
fn declare(all: &mut Agreements, k: &Known) {
    let agreement = agreement(k);
    for d in &k.declared {
        let status = |s, by: &str, declared, at| {
            StatusChange::sign(&agreement, &partner(by), s, (declared, at), "why", &key(by)).unwrap()
        };
        let envelope = match d {
            Declared::Suspended { by, declared, at } => status(Status::Suspended, by, *declared, *at),
            Declared::Resumed { by, declared, at } => status(Status::Resumed, by, *declared, *at),
            Declared::Ended { by, declared, at } => status(Status::Ended, by, *declared, *at),
            Declared::Emergency { by, clause, from } => {
                let roles = [Role::Counsel, Role::Commander];
                let two = roles.map(|role| Declarer { person: PersonId(format!("{role:?}")), role });
                let (party, own) = (partner(by), key(by));
                let node = Delegation::sign(&party, &own.verifying_key(), *from, from.plus_days(2), &own);
                all.take(&node.unwrap()).unwrap();
                Emergency::sign(&agreement, &party, clause, two, *from, "life is in danger", &own).unwrap()
            }
        };
        all.take(&envelope).unwrap();
    }
}

/// The texts in force, by the file's own words alone.
fn in_force(v: &Vector) -> Vec<text::Text> {
    let mut out = Vec::new();
    for k in v.agreements.values() {
        let mut t = text::read(&read_text(&k.text));
        let (mut suspended, mut ended) = (BTreeSet::new(), false);
        for d in &k.declared {
            match d {
                Declared::Suspended { by, at, .. } if *at <= v.now => _ = suspended.insert(by),
                Declared::Resumed { by, at, .. } if *at <= v.now => _ = suspended.remove(by),
                Declared::Ended { at, .. } => ended |= *at <= v.now,
                Declared::Emergency { clause, from, .. } => t.declared.push((clause.clone(), from.0)),
                _ => {}
            }
        }
        if t.parties.iter().all(|p| k.signed.contains(&p.id)) && suspended.is_empty() && !ended {
            out.push(t);
        }
    }
    out
}

fn duties(permit: &agreement::Permit) -> BTreeMap<String, serde_json::Value> {
    let each = permit.duties().iter().map(|d| {
        let mut json = serde_json::to_value(d).unwrap();
        let value = match d {
            Duty::Pseudonymise => true.into(),
            _ => json["value"].take(),
        };
        (json["duty"].as_str().unwrap().to_owned(), value)
    });
    each.collect()
}

/// What the crate says.
fn ruled(v: &Vector, request: &Request) -> Expect {
    let mut all = Agreements::new(v.agreements.values().filter_map(signed).collect());
    v.agreements.values().for_each(|k| declare(&mut all, k));
    match all.rule(request, v.now) {
        Ruling::Permit(p) => Expect::Permit {
            clauses: p.clauses().iter().map(ToString::to_string).collect(),
            duties: duties(&p),
        },
        Ruling::Deny(d) => Expect::Deny {
            code: d.code.to_owned(),
            agreement: d.agreement.as_ref().map(ToString::to_string),
            clauses: d.clauses.iter().map(ToString::to_string).collect(),
            prohibitions: d.prohibitions.iter().map(|p| p.word().to_owned()).collect(),
            nearest: d.nearest.as_ref().map(ToString::to_string),
            condition: d.condition.word().to_owned(),
        },
    }
}

/// What the independent interpreter says, as far as it speaks: of `CMT-0201` and `CMT-0205` it knows the code alone.
fn judged(v: &Vector, request: &Request) -> Expect {
    let texts = in_force(v);
    match decide(&texts, request, v.now.0) {
        Verdict::Permit { clauses, duties } => {
            Expect::Permit { clauses, duties: duties.into_iter().map(|(kind, n)| duty(kind, n)).collect() }
        }
        Verdict::Cannot(code) => Expect::Deny {
            code: code.to_owned(),
            agreement: match &v.expect {
                Expect::Deny { agreement, .. } => agreement.clone(),
                _ => None,
            },
            clauses: BTreeSet::new(),
            prohibitions: BTreeSet::new(),
            nearest: None,
            condition: if code == "CMT-0201" { "agreement" } else { "request" }.to_owned(),
        },
        Verdict::Deny { agreement, clauses, standing } => {
            let t = texts.iter().find(|t| t.id == agreement).unwrap();
            let seen = crossings(request).unwrap();
            let seen = seen.iter().find(|s| t.party(s.giver).is_some() && t.party(s.getter).is_some());
            let (nearest, condition) = t.nearest(request, seen.unwrap(), v.now.0);
            let covered = !standing.contains("each-category");
            let code = match (clauses.is_empty(), covered) {
                (false, _) => "CMT-0203",
                (true, true) => "CMT-0204",
                (true, false) => "CMT-0202",
            };
            Expect::Deny {
                code: code.to_owned(),
                clauses: clauses.iter().map(|n| format!("{agreement} {n}")).collect(),
                prohibitions: standing.into_iter().map(str::to_owned).collect(),
                nearest: nearest.map(|n| format!("{agreement} {n}")),
                condition: condition.to_owned(),
                agreement: Some(agreement),
            }
        }
    }
}

fn duty(kind: &str, n: i64) -> (String, serde_json::Value) {
    let at = |words: &[&str]| words[usize::try_from(n).unwrap()].to_owned();
    let (word, value) = match kind {
        "days" => ("retain-days", n.into()),
        "review" => ("review-days", n.into()),
        "proof" => ("erase-proof-days", n.into()),
        "hours" => ("report-back-hours", n.into()),
        "pseudonymise" => ("pseudonymise", true.into()),
        "erase" => ("erase-by", Timestamp(n).to_string().into()),
        "actions" => ("actions", at(&text::ACTIONS).into()),
        "attribution" => ("attribution", at(&text::NAMING).into()),
        other => panic!("{other}"),
    };
    (word.to_owned(), value)
}

#[test]
fn every_vector_is_ruled_as_it_says_and_as_the_interpreter_says() {
    let (mut refused, mut wrong) = (0, Vec::new());
    let (mut categories, mut acts, mut conditions, mut standing) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let files = vectors(&folder());
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let v: Vector = serde_json::from_str(&std::fs::read_to_string(path).unwrap())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(v.schema, "comity.conformance.ruling/1", "{name}");
        assert!(v.why.split_whitespace().count() >= 4 && v.why.ends_with('.'), "{name} says why");
        let said = name.split_once('-').unwrap().0;
        let Ok(request) = serde_json::from_value::<Request>(v.request.clone()) else {
            assert_eq!((said, &v.expect), ("unreadable", &Expect::Unreadable), "{name}");
            refused += 1;
            continue;
        };
        categories.extend(request.counted_categories());
        acts.insert(request.act);
        match &v.expect {
            Expect::Deny { condition, prohibitions, .. } => {
                assert_eq!(said, "deny", "{name}");
                refused += 1;
                conditions.insert(condition.clone());
                standing.extend(prohibitions.clone());
            }
            Expect::Permit { .. } => assert_eq!(said, "permit", "{name}"),
            Expect::Unreadable => panic!("{name} can be read"),
        }
        for (who, answer) in [("this crate", ruled(&v, &request)), ("the interpreter", judged(&v, &request))]
        {
            if answer != v.expect {
                wrong.push(format!("{name}: {who} says\n  {answer:?}\nand not\n  {:?}", v.expect));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), files.len(), wrong.join("\n"));
    assert!(files.len() >= 60 && refused * 2 > files.len(), "{refused} refusals of {}", files.len());
    assert_eq!(categories.len(), terms::Category::ALL.len(), "every category is asked");
    assert_eq!(acts.len(), agreement::Act::ALL.len(), "every act is asked");
    // `parties` and `term` never come to a policy: the agreement is looked for by its parties and its term.
    let untold: Vec<&str> = (Prohibition::ALL.iter().map(|p| p.word()))
        .filter(|p| !["parties", "term"].contains(p) && !standing.contains(*p))
        .collect();
    assert!(untold.is_empty(), "no vector for the prohibitions {untold:?}");
    // Of orders and their approvals no agreement's ruling speaks.
    let seldom = [
        "policy",
        "share",
        "way",
        "never",
        "victim-identity",
        "term",
        "parties",
        "noisy-counts",
        "order",
        "approval",
    ];
    let untold: Vec<&str> = (Condition::ALL.iter().map(|c| c.word()))
        .filter(|c| !seldom.contains(c) && !conditions.contains(*c))
        .collect();
    assert!(untold.is_empty(), "no vector lacks {untold:?}");
}

#[test]
fn an_empty_folder_and_a_stray_file_are_mistakes() {
    let dir = std::env::temp_dir().join(format!("comity-rulings-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let empty = std::panic::catch_unwind(|| vectors(&dir));
    std::fs::write(dir.join("notes.txt"), "stray").unwrap();
    let stray = std::panic::catch_unwind(|| vectors(&dir));
    std::fs::remove_dir_all(&dir).unwrap();
    assert!(empty.is_err() && stray.is_err());
}
