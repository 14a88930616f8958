//! The clause blocks of a text, read as TOML by themselves: nothing of the crate is used, neither its parser nor what
//! it compiles to. What a word means stands in FORMAT.md and DESIGN section 6.

use super::made::{ACTS, CATEGORIES, PURPOSES};
use std::collections::BTreeSet;
use toml::{Table, Value};

pub const DAY: i64 = 86_400_000_000;
pub const TLP: [&str; 5] = ["clear", "green", "amber", "amber+strict", "red"];

/// Words of a closed list as bits.
pub type Words = u32;

pub fn bit(all: &[&str], word: &str) -> Words {
    1 << all.iter().position(|w| *w == word).unwrap_or_else(|| panic!("{word} is no word"))
}

#[derive(Debug, Clone)]
pub struct Member {
    pub id: String,
    pub place: String,
    pub since: i64,
    pub out: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Party {
    pub id: String,
    pub place: String,
    pub members: Vec<Member>,
}

/// For which requests a rule holds.
#[derive(Debug, Clone)]
pub struct Scope {
    pub categories: Words,
    pub purposes: Words,
    pub acts: Words,
    pub to: Option<String>,
}

impl Scope {
    pub fn holds(&self, categories: Words, purpose: Words, act: Words, to: &str) -> bool {
        self.categories & categories != 0
            && self.purposes & purpose != 0
            && self.acts & act != 0
            && self.to.as_deref().is_none_or(|t| t == to)
    }
}

#[derive(Debug, Clone)]
pub enum Who {
    Partner,
    All,
    These(Vec<String>),
}

#[derive(Debug, Clone)]
pub struct Share {
    pub number: String,
    pub from: String,
    pub to: String,
    pub scope: Scope,
    pub who: Who,
    pub own: bool,
    /// At once, in a case, in a month, ever.
    pub caps: [Option<u64>; 4],
}

#[derive(Debug, Clone)]
pub struct Emergency {
    pub number: String,
    pub to: String,
    pub categories: Words,
    pub purposes: Words,
    pub who: Who,
    pub hours: i64,
}

/// What the handling clause says beyond floor and codes; figures so that the least is the strictest.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    pub actions: Option<i64>,
    pub attribution: Option<i64>,
    pub grading: Option<(usize, usize)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// At least so strong: see [`strength`].
    Least(u64),
    Never,
    Psi {
        set: u64,
        reveal: u64,
    },
    /// Budget in millionths, unit, period.
    Dp {
        epsilon: u64,
        unit: String,
        period: String,
    },
}

#[derive(Debug, Clone)]
pub struct Rule<T> {
    pub number: String,
    pub scope: Scope,
    pub says: T,
}

#[derive(Debug, Clone)]
pub enum Onward {
    None,
    Members,
    Named(Vec<String>),
    Consent,
}

#[derive(Debug, Clone)]
pub struct Place {
    pub number: String,
    pub party: String,
    pub places: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub struct Text {
    pub id: String,
    pub from: i64,
    /// The first instant after its last day.
    pub end: i64,
    pub parties: Vec<Party>,
    pub purposes: Words,
    pub handling: String,
    pub floor: usize,
    pub codes: Vec<String>,
    pub shares: Vec<Share>,
    pub protects: Vec<Rule<Form>>,
    pub onwards: Vec<Rule<Onward>>,
    pub places: Vec<Place>,
    /// Kind of duty and its figure.
    pub duties: Vec<Rule<Vec<(&'static str, i64)>>>,
    pub marks: Marks,
    /// Whether records may be kept after the end.
    pub kept: bool,
    pub emergencies: Vec<Emergency>,
    /// Emergencies that were declared: the clause, and from when.
    pub declared: Vec<(String, i64)>,
}

pub const ACTIONS: [&str; 5] = [
    "none",
    "contact-for-instruction",
    "internally-visible",
    "externally-visible-indirect",
    "externally-visible-direct",
];
/// From the strictest.
pub const NAMING: [&str; 3] = ["must-not", "must", "may"];

/// A grading as (source, information), 1 the best.
pub fn grading(text: &str) -> (usize, usize) {
    let (source, information) = text.split_at(1);
    ("abcx".find(source).unwrap() + 1, information.parse().unwrap())
}

/// How strong a form is: clear, token, pseudonym, then counts by their size.
pub fn strength(form: &str) -> u64 {
    match form {
        "clear" | "never" => 0,
        "token" => 1,
        "pseudonym" => 2,
        f => match f.strip_prefix("aggregate(").unwrap().strip_suffix(')').unwrap().parse::<u64>().unwrap() {
            0 | 1 => 0,
            k => 100 + k,
        },
    }
}

fn word<'a>(c: &'a Table, key: &str) -> &'a str {
    c.get(key).and_then(Value::as_str).unwrap_or("")
}
fn words(c: &Table, key: &str) -> Option<Vec<String>> {
    c.get(key).and_then(Value::as_array).map(|a| a.iter().map(|v| v.as_str().unwrap().to_owned()).collect())
}
fn number(c: &Table, key: &str) -> Option<u64> {
    c.get(key).and_then(Value::as_integer).map(|n| n.try_into().unwrap())
}
/// Midnight, UTC, of a day as microseconds since 1970 (the days-from-civil formula of the Gregorian calendar).
fn day(c: &Table, key: &str) -> Option<i64> {
    let text = c.get(key)?.as_datetime().unwrap().to_string();
    let mut parts = text.split('-').map(|n| n.parse::<i64>().unwrap());
    let (y, m, d) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let y = if m <= 2 { y - 1 } else { y };
    let (era, of_era) = (y.div_euclid(400), y.rem_euclid(400));
    let of_year = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * DAY)
}
fn bits(all: &[&str], c: &Table, key: &str) -> Words {
    words(c, key).map_or(Words::MAX, |w| w.iter().map(|w| bit(all, w)).sum())
}
fn scope(c: &Table) -> Scope {
    Scope {
        categories: bits(&CATEGORIES, c, "categories"),
        purposes: bits(&PURPOSES, c, "purpose"),
        acts: bits(&ACTS, c, "act"),
        to: c.get("to").map(|t| t.as_str().unwrap().to_owned()),
    }
}

fn form(text: &str) -> Form {
    match text.split_once('(') {
        Some((word, rest)) if word != "aggregate" => {
            let parts: Vec<&str> = rest.trim_end_matches(')').split(',').map(str::trim).collect();
            match (word, parts.as_slice()) {
                ("psi", [set, reveal]) => {
                    Form::Psi { set: set.parse().unwrap(), reveal: reveal.parse().unwrap() }
                }
                ("dp", [epsilon, unit, period]) => Form::Dp {
                    // Exact for the few decimals that are written.
                    epsilon: (epsilon.parse::<f64>().unwrap() * 1e6).round() as u64,
                    unit: (*unit).to_owned(),
                    period: (*period).to_owned(),
                },
                _ => panic!("{text}"),
            }
        }
        _ if text == "never" => Form::Never,
        _ => Form::Least(strength(text)),
    }
}

/// Reads the blocks of a text.
pub fn read(text: &str) -> Text {
    let mut t = Text {
        id: String::new(),
        from: 0,
        end: 0,
        parties: Vec::new(),
        purposes: 0,
        handling: String::new(),
        floor: 0,
        codes: Vec::new(),
        shares: Vec::new(),
        protects: Vec::new(),
        onwards: Vec::new(),
        places: Vec::new(),
        duties: Vec::new(),
        marks: Marks::default(),
        kept: false,
        emergencies: Vec::new(),
        declared: Vec::new(),
    };
    for part in text.split("\n### ").skip(1) {
        let number = part.split(' ').next().unwrap().to_owned();
        let block = part.split("```clause\n").nth(1).unwrap().split("\n```").next().unwrap();
        t.clause(number, &block.parse().unwrap());
    }
    t
}

impl Text {
    /// Reads one clause more.
    pub fn clause(&mut self, number: String, c: &Table) {
        match word(c, "kind") {
            "term" => {
                self.id = word(c, "agreement").to_owned();
                self.from = day(c, "from").unwrap();
                self.end = day(c, "until").unwrap() + DAY;
                self.kept = words(c, "survives").is_some_and(|w| w.iter().any(|w| w == "retain"));
            }
            "party" => self.parties.push(party(c)),
            "purpose" => self.purposes |= bits(&PURPOSES, c, "purposes"),
            "handling" => {
                self.floor = TLP.iter().position(|t| *t == word(c, "floor")).unwrap();
                self.codes = words(c, "codes").unwrap();
                self.handling = number.clone();
                let index = |all: &[&str], key| all.iter().position(|w| *w == word(c, key)).map(|n| n as i64);
                self.marks = Marks {
                    actions: index(&ACTIONS, "actions"),
                    attribution: index(&NAMING, "attribution"),
                    grading: c.get("grading").map(|g| grading(g.as_str().unwrap())),
                };
                let says: Vec<(&'static str, i64)> =
                    [("actions", self.marks.actions), ("attribution", self.marks.attribution)]
                        .into_iter()
                        .filter_map(|(kind, n)| n.map(|n| (kind, n)))
                        .collect();
                if !says.is_empty() {
                    self.duties.push(Rule { number, scope: scope(&Table::new()), says });
                }
            }
            "share" => self.shares.push(share(number, c)),
            "protect" => {
                self.protects.push(Rule { number, scope: scope(c), says: form(word(c, "form")) });
            }
            "onward" => {
                let says = match word(c, "onward") {
                    "none" => Onward::None,
                    "members-only" => Onward::Members,
                    "on-consent" => Onward::Consent,
                    _ => Onward::Named(words(c, "named").unwrap()),
                };
                self.onwards.push(Rule { number, scope: scope(c), says });
            }
            "emergency" => self.emergencies.push(Emergency {
                number,
                to: word(c, "to").to_owned(),
                categories: bits(&CATEGORIES, c, "categories"),
                purposes: bits(&PURPOSES, c, "purpose"),
                who: who(c),
                hours: c.get("hours").and_then(Value::as_integer).unwrap(),
            }),
            "place" => self.places.push(Place {
                number,
                party: word(c, "party").to_owned(),
                places: words(c, "places").unwrap().into_iter().collect(),
            }),
            "retain" | "duty" => {
                let mut says: Vec<(&'static str, i64)> = ["days", "review", "proof", "hours"]
                    .into_iter()
                    .filter_map(|key| c.get(key).and_then(Value::as_integer).map(|n| (key, n)))
                    .collect();
                if word(c, "duty") == "pseudonymise" {
                    says.push(("pseudonymise", 1));
                }
                self.duties.push(Rule { number, scope: scope(c), says });
            }
            _ => {}
        }
    }

    pub fn party(&self, id: &str) -> Option<&Party> {
        self.parties.iter().find(|p| p.id == id)
    }
}

impl Party {
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.id == id)
    }
}

fn party(c: &Table) -> Party {
    let members = c.get("members").and_then(Value::as_array).into_iter().flatten();
    let member = |m: &Table| Member {
        id: word(m, "id").to_owned(),
        place: word(m, "place").to_owned(),
        since: day(m, "since").unwrap(),
        out: day(m, "opted-out"),
    };
    Party {
        id: word(c, "id").to_owned(),
        place: word(c, "place").to_owned(),
        members: members.map(|m| member(m.as_table().unwrap())).collect(),
    }
}

fn who(c: &Table) -> Who {
    match c.get("members") {
        None => Who::Partner,
        Some(Value::String(_)) => Who::All,
        Some(_) => Who::These(words(c, "members").unwrap()),
    }
}

fn share(number: String, c: &Table) -> Share {
    let limits = c.get("limits").and_then(Value::as_table);
    Share {
        number,
        from: word(c, "from").to_owned(),
        to: word(c, "to").to_owned(),
        scope: Scope { to: None, ..scope(c) },
        who: who(c),
        own: word(c, "concerns") == "own",
        caps: ["records", "per-case", "per-month", "total"]
            .map(|cap| limits.and_then(|l| self::number(l, cap))),
    }
}
