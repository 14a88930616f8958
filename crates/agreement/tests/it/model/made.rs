//! Agreements made by chance: sound texts of any size, with the words of every clause that a ruling looks at.
//!
//! Each category's purposes and acts are divided into parts, and each part gets one rule of each kind, so that no two
//! rules contradict each other and nothing stays unprotected. A text that does not read is a mistake of this file.

use super::dice::Dice;
use std::fmt::Write as _;

pub const CATEGORIES: [&str; 15] = [
    "c2-infrastructure",
    "malware-sample",
    "network-indicator",
    "sinkhole-log",
    "wallet",
    "transaction",
    "traffic",
    "victim-ip",
    "subscriber",
    "bank-account",
    "payment-card",
    "account-credential",
    "subject-identity",
    "content",
    "victim-identity",
];
pub const PURPOSES: [&str; 7] = [
    "malware-analysis",
    "botnet-measurement",
    "threat-assessment",
    "investigation",
    "takedown",
    "victim-notification",
    "evidence-in-court",
];
pub const ACTS: [&str; 5] = ["receive", "psi-match", "dp-count", "reshare", "use-in-court"];
pub const PLACES: [&str; 8] = ["US", "NL", "DE", "FR", "BR", "AR", "PA", "CY"];
const TLP: [&str; 5] = ["clear", "green", "amber", "amber+strict", "red"];

/// What a part of the requests is: a category, with some of the purposes and acts, to one party or to both.
#[derive(Clone)]
struct Part {
    category: &'static str,
    purposes: Vec<&'static str>,
    acts: Option<Vec<&'static str>>,
    to: Option<String>,
    says: String,
}

impl Part {
    fn covers(&self, category: &str, purpose: &str, act: &str, to: &str) -> bool {
        self.category == category
            && self.purposes.contains(&purpose)
            && self.acts.as_ref().is_none_or(|a| a.contains(&act))
            && self.to.as_deref().is_none_or(|t| t == to)
    }
}

struct Maker {
    dice: Dice,
    parties: [String; 2],
    members: [Vec<String>; 2],
    purposes: Vec<&'static str>,
    blocks: Vec<String>,
    shares: Vec<Given>,
}

/// What a share gives, and on which conditions: two that give the same do so on the same ones.
struct Given {
    to: String,
    categories: Vec<&'static str>,
    purposes: Vec<&'static str>,
    acts: Vec<&'static str>,
    conditions: String,
}

fn list<S: AsRef<str>>(words: &[S]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("\"{}\"", w.as_ref())).collect();
    format!("[{}]", quoted.join(", "))
}

/// The text of an agreement between two partners with about this many clauses; its keys are `{{PARTNER.key}}`.
pub fn text(seed: u64, parties: [&str; 2], clauses: usize) -> String {
    let mut dice = Dice::new(seed);
    let purposes = if clauses > 100 { PURPOSES.to_vec() } else { dice.some(&PURPOSES, 75) };
    let mut m = Maker {
        dice,
        parties: parties.map(str::to_owned),
        members: Default::default(),
        purposes,
        blocks: vec![],
        shares: vec![],
    };
    m.heads(clauses);
    let protect = m.parts(true, Maker::form);
    let retain = m.parts(false, |m, _, _| format!("days = {}", 1 + m.dice.below(400)));
    let onward = m.onward();
    m.write("protect", &protect, |says| format!("form = \"{says}\""));
    m.write("retain", &retain, str::to_owned);
    m.write("onward", &onward, str::to_owned);
    m.duties(clauses / 20 + 1);
    m.emergency(&protect);
    let rules = m.blocks.len();
    // Small texts have some shares too.
    for _ in 0..100 * clauses {
        if m.blocks.len() >= clauses.max(rules + 10) {
            break;
        }
        m.share(&protect, &onward);
    }
    m.done(parties)
}

impl Maker {
    fn heads(&mut self, clauses: usize) {
        for side in 0..2 {
            let id = self.parties[side].clone();
            let seat = *self.dice.pick(&PLACES);
            let n = if self.dice.chance(70) {
                1 + self.dice.below(if clauses > 100 { 20 } else { 6 })
            } else {
                0
            };
            let mut members = Vec::new();
            for i in 0..n {
                let name = format!("{id}-{i}");
                let since = *self.dice.pick(&["2026-01-01", "2026-03-01", "2026-05-15"]);
                let out = if self.dice.chance(30) { ", opted-out = 2026-07-01" } else { "" };
                let place = *self.dice.pick(&PLACES);
                members
                    .push(format!("  {{ id = \"{name}\", place = \"{place}\", since = {since}{out} }},\n"));
                self.members[side].push(name);
            }
            let members = match members.is_empty() {
                true => String::new(),
                false => format!("members = [\n{}]\n", members.concat()),
            };
            self.blocks.push(format!(
                "kind = \"party\"\nid = \"{id}\"\nname = \"{id}\"\nkey = \"{{{{{id}.key}}}}\"\nsignatory = \"Head\"\nplace = \"{seat}\"\n{members}"
            ));
        }
        let [a, b] = self.parties.clone();
        let survives = if self.dice.chance(50) { "survives = [\"retain\"]\n" } else { "" };
        self.blocks.push(format!(
            "kind = \"term\"\nagreement = \"{a}-{b}\"\nversion = 1\nfrom = 2026-01-01\nuntil = 2026-12-31\n{survives}"
        ));
        let purposes = list(&self.purposes);
        self.blocks.push(format!(
            "kind = \"purpose\"\npurposes = {purposes}\nbasis.{a} = \"contract\"\nbasis.{b} = \"statute\"\n"
        ));
        let floor = *self.dice.pick(&TLP[..4]);
        let codes = list(&self.dice.some(&["h0", "h1", "h2", "h3"], 70));
        let mut marks = format!("kind = \"handling\"\nfloor = \"{floor}\"\ncodes = {codes}\n");
        if self.dice.chance(40) {
            let most = *self.dice.pick(&[
                "internally-visible",
                "externally-visible-indirect",
                "externally-visible-direct",
            ]);
            let _ = writeln!(marks, "actions = \"{most}\"");
        }
        if self.dice.chance(50) {
            let _ = writeln!(marks, "attribution = \"{}\"", self.dice.pick(&["may", "must", "must-not"]));
        }
        if self.dice.chance(50) {
            let _ =
                writeln!(marks, "grading = \"{}{}\"", self.dice.pick(&["b", "c"]), 2 + self.dice.below(2));
        }
        self.blocks.push(marks);
        for side in 0..2 {
            if self.dice.chance(60) {
                let places = list(&self.dice.some(&PLACES, 80));
                let id = &self.parties[side];
                self.blocks.push(format!(
                    "kind = \"place\"\nparty = \"{id}\"\nplaces = {places}\nground = \"treaty\"\n"
                ));
            }
        }
    }

    /// Every category's purposes, and where `split` its acts or receivers too, divided by chance.
    fn parts(&mut self, split: bool, says: fn(&mut Self, &str, Option<&[&str]>) -> String) -> Vec<Part> {
        let mut out = Vec::new();
        for category in CATEGORIES {
            let mut groups: Vec<Vec<&'static str>> = vec![Vec::new(); 1 + self.dice.below(3)];
            for p in self.purposes.clone() {
                let n = self.dice.below(groups.len());
                groups[n].push(p);
            }
            for purposes in groups.into_iter().filter(|g| !g.is_empty()) {
                let ways: Vec<(Option<Vec<&'static str>>, Option<String>)> = match self.dice.below(6) {
                    0 if split => {
                        vec![
                            (Some(vec!["psi-match", "dp-count"]), None),
                            (Some(vec!["receive", "reshare", "use-in-court"]), None),
                        ]
                    }
                    1 => self.parties.iter().map(|p| (None, Some(p.clone()))).collect(),
                    _ => vec![(None, None)],
                };
                for (acts, to) in ways {
                    let says = says(self, category, acts.as_deref());
                    out.push(Part { category, purposes: purposes.clone(), acts, to, says });
                }
            }
        }
        out
    }

    fn form(&mut self, category: &str, acts: Option<&[&str]>) -> String {
        let strict = category == "victim-identity";
        match self.dice.below(12) {
            0 => "never".to_owned(),
            1 | 2 if acts.is_some_and(|a| a.contains(&"psi-match")) => "psi(500, 50)".to_owned(),
            3 | 4 if acts.is_some_and(|a| a.contains(&"dp-count")) => "dp(0.5, bot, month)".to_owned(),
            5 | 6 => format!("aggregate({})", 2 + self.dice.below(20)),
            7 if !strict => "token".to_owned(),
            8 | 9 => "pseudonym".to_owned(),
            _ if strict => "pseudonym".to_owned(),
            _ => "clear".to_owned(),
        }
    }

    fn onward(&mut self) -> Vec<Part> {
        let mut out = Vec::new();
        for category in CATEGORIES {
            for to in self.parties.clone() {
                let says = match self.dice.below(5) {
                    0 => "onward = \"none\"".to_owned(),
                    1 => "onward = \"members-only\"".to_owned(),
                    2 => "onward = \"on-consent\"".to_owned(),
                    3 => "onward = \"named\"\nnamed = [\"company\", \"police\", \"region\", \"fintech\"]"
                        .to_owned(),
                    _ => continue,
                };
                let mut purposes = self.purposes.clone();
                if self.dice.chance(40) {
                    purposes = self.dice.some(&self.purposes.clone(), 60);
                }
                out.push(Part { category, purposes, acts: None, to: Some(to), says });
            }
        }
        out
    }

    /// Parts that say the same of the same requests stand in one clause.
    fn write(&mut self, kind: &str, parts: &[Part], says: fn(&str) -> String) {
        let mut written: Vec<(Part, Vec<&str>)> = Vec::new();
        for part in parts {
            let same = |p: &Part| {
                p.says == part.says && p.purposes == part.purposes && p.acts == part.acts && p.to == part.to
            };
            match written.iter_mut().find(|(p, _)| same(p)) {
                Some((_, categories)) => categories.push(part.category),
                None => written.push((part.clone(), vec![part.category])),
            }
        }
        for (part, categories) in written {
            let mut block = format!("kind = \"{kind}\"\ncategories = {}\n", list(&categories));
            if part.purposes.len() < self.purposes.len() {
                let _ = writeln!(block, "purpose = {}", list(&part.purposes));
            }
            if let Some(acts) = &part.acts {
                let _ = writeln!(block, "act = {}", list(acts));
            }
            if let Some(to) = &part.to {
                let _ = writeln!(block, "to = \"{to}\"");
            }
            let _ = writeln!(block, "{}", says(&part.says));
            if kind == "retain" && self.dice.chance(40) {
                let _ = writeln!(block, "proof = {}", 1 + self.dice.below(60));
            }
            if kind == "retain" && self.dice.chance(30) {
                let _ = writeln!(block, "review = 1");
            }
            self.blocks.push(block);
        }
    }

    fn duties(&mut self, n: usize) {
        for i in 0..n {
            let mut block = match i % 3 {
                2 => "kind = \"duty\"\nduty = \"pseudonymise\"\n".to_owned(),
                _ => {
                    format!("kind = \"duty\"\nduty = \"report-back\"\nhours = {}\n", 1 + self.dice.below(500))
                }
            };
            if self.dice.chance(50) {
                let _ = writeln!(block, "categories = {}", list(&self.dice.some(&CATEGORIES, 30)));
            }
            if self.dice.chance(40) {
                let _ = writeln!(block, "purpose = {}", list(&self.dice.some(&self.purposes.clone(), 40)));
            }
            if self.dice.chance(30) {
                let _ = writeln!(block, "act = {}", list(&self.dice.some(&ACTS, 40)));
            }
            if self.dice.chance(30) {
                let _ = writeln!(block, "to = \"{}\"", self.parties[self.dice.below(2)].clone());
            }
            self.blocks.push(block);
        }
    }

    /// An emergency, where some category has no rule that says never.
    fn emergency(&mut self, protect: &[Part]) {
        let free: Vec<&'static str> = (CATEGORIES.iter().copied())
            .filter(|c| protect.iter().all(|p| p.category != *c || p.says != "never"))
            .collect();
        if free.is_empty() {
            return;
        }
        let side = self.dice.below(2);
        let to = self.parties[side].clone();
        let categories = self.dice.some(&free, 40);
        let purposes = self.dice.some(&self.purposes.clone(), 50);
        let members = if self.dice.chance(50) { "members = \"all\"\n" } else { "" };
        self.blocks.push(format!(
            "kind = \"emergency\"\nroles = [\"counsel\", \"commander\"]\nto = \"{to}\"\ncategories = {}\npurpose = {}\nhours = 48\n{members}",
            list(&categories),
            list(&purposes)
        ));
    }

    /// One share of what may be shared: what a rule says never leaves, or may not be handed on, is left out.
    fn share(&mut self, protect: &[Part], onward: &[Part]) {
        let side = self.dice.below(2);
        let (from, to) = (self.parties[1 - side].clone(), self.parties[side].clone());
        let some = |dice: &mut Dice, all: &[&'static str]| dice.some(all, 35);
        let purposes = some(&mut self.dice, &self.purposes.clone());
        let acts = some(&mut self.dice, &ACTS);
        let wanted = self.dice.some(&CATEGORIES, 20);
        let good = |c: &&&str| {
            purposes.iter().all(|p| {
                let leaves =
                    acts.iter().all(|a| protect.iter().any(|r| r.covers(c, p, a, &to) && r.says != "never"));
                let handed = !acts.contains(&"reshare")
                    || onward.iter().any(|r| r.covers(c, p, "reshare", &to) && !r.says.contains("none"));
                leaves && handed
            })
        };
        let mut categories: Vec<&'static str> = wanted.iter().filter(good).copied().collect();
        let members = self.members[side].clone();
        let mut block = String::new();
        let mut with_members = false;
        match self.dice.below(4) {
            0 | 1 => {
                block.push_str("members = \"all\"\n");
                with_members = true;
            }
            2 if !members.is_empty() => {
                let these: Vec<&str> = members.iter().map(String::as_str).collect();
                let _ = writeln!(block, "members = {}", list(&self.dice.some(&these, 50)));
                with_members = true;
            }
            _ => {}
        }
        let mut conditions = String::new();
        if self.dice.chance(20) && (with_members || members.is_empty()) {
            conditions.push_str("concerns = \"own\"\n");
        }
        if self.dice.chance(40) {
            let _ = writeln!(conditions, "limits = {{ {} }}", self.caps());
        }
        let meets = |a: &[&str], b: &[&str]| a.iter().any(|x| b.contains(x));
        let rival = |g: &&Given| {
            g.to == to && meets(&g.purposes, &purposes) && meets(&g.acts, &acts) && g.conditions != conditions
        };
        for given in self.shares.iter().filter(rival) {
            categories.retain(|c| !given.categories.contains(c));
        }
        if categories.is_empty() {
            return;
        }
        self.blocks.push(format!(
            "kind = \"share\"\nfrom = \"{from}\"\nto = \"{to}\"\ncategories = {}\npurpose = {}\nact = {}\n{block}{conditions}",
            list(&categories),
            list(&purposes),
            list(&acts)
        ));
        self.shares.push(Given { to, categories, purposes, acts, conditions });
    }

    /// Caps, each wider one at least as much.
    fn caps(&mut self) -> String {
        let mut caps = Vec::new();
        let mut most = 1 + self.dice.below(1000);
        for cap in ["records", "per-case", "per-month", "total"] {
            most += self.dice.below(500);
            if self.dice.chance(50) || (cap == "total" && caps.is_empty()) {
                caps.push(format!("{cap} = {most}"));
            }
        }
        caps.join(", ")
    }

    fn done(self, parties: [&str; 2]) -> String {
        let mut out = format!("# Memorandum of {} and {}\n\n## 1 Everything\n", parties[0], parties[1]);
        for (i, block) in self.blocks.iter().enumerate() {
            let _ = write!(
                out,
                "\n### 1.{} Clause\n\nThe parties agree on what the block below says in the words of the vocabulary.\n\n```clause\n{block}```\n",
                i + 1
            );
        }
        out
    }
}

/// Where a word stands in a list.
pub fn at(all: &[&str], word: &str) -> i64 {
    all.iter().position(|w| *w == word).unwrap() as i64
}
