//! The crate's rulings and the independent interpreter agree on a million requests near the edges.

use crate::model::{
    ask::Asker,
    decide::{Verdict, decide},
    made, text,
};
use crate::samples::{TEXTS, key, partner, sample_text, signed, time};
use agreement::{Agreements, Declarer, Delegation, Duty, Emergency, Ruling, fill, key_text, parse};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use terms::{PersonId, Role};

/// Requests in all, over all worlds and threads.
const REQUESTS: u64 = 1_000_000;

/// A text made by chance, its keys filled in.
pub fn made_text(seed: u64, parties: [&str; 2], clauses: usize) -> String {
    let keys: Vec<(String, String)> =
        parties.iter().map(|p| (format!("{p}.key"), key_text(&key(p).verifying_key()))).collect();
    let keys: Vec<(&str, &str)> = keys.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    fill(&made::text(seed, parties, clauses), &keys)
}

/// The texts that stand together between four partners.
fn worlds() -> Vec<Vec<String>> {
    let mut out = vec![TEXTS.iter().map(|n| sample_text(n)).collect()];
    for seed in 0..6 {
        let pairs = [["company", "police"], ["police", "region"], ["company", "fintech"]];
        let sizes = [40, 60, 30, 120, 50, 200];
        let text =
            |(i, pair): (usize, [&str; 2])| made_text(seed * 10 + i as u64, pair, sizes[seed as usize]);
        out.push(pairs.into_iter().enumerate().map(text).collect());
    }
    out
}

/// The agreements of a world, signed and in force, with an emergency declared under each clause that allows one; and
/// the interpreter's own reading of the same texts.
pub fn known(world: &[String]) -> (Agreements, Vec<text::Text>) {
    let read: Vec<_> =
        world.iter().map(|t| parse("made", t).unwrap_or_else(|d| panic!("{}", d.render()))).collect();
    let mut agreements = Agreements::new(read.iter().cloned().map(signed).collect());
    let mut texts: Vec<text::Text> = world.iter().map(|t| text::read(t)).collect();
    let from = time("2026-06-01T10:00:00Z");
    let counsel = Declarer { person: PersonId("counsel-1".into()), role: Role::Counsel };
    let commander = Declarer { person: PersonId("commander-1".into()), role: Role::Commander };
    for (agreement, text) in read.iter().zip(&mut texts) {
        for e in &text.emergencies {
            let party = partner(&text.parties[0].id);
            let (own, two) = (key(party.as_str()), [counsel.clone(), commander.clone()]);
            let until = from.plus_days(100);
            let node = Delegation::sign(&party, &own.verifying_key(), from, until, &own).unwrap();
            agreements.take(&node).unwrap();
            let said =
                Emergency::sign(agreement, &party, &e.number, two, from, "life is in danger", &own).unwrap();
            agreements.take(&said).unwrap();
            text.declared.push((e.number.clone(), from.0));
        }
    }
    (agreements, texts)
}

fn said(ruling: &Ruling) -> Verdict {
    match ruling {
        Ruling::Permit(p) => {
            let duties = p.duties().iter().map(|d| match d {
                Duty::RetainDays(n) => ("days", i64::from(*n)),
                Duty::ReviewDays(n) => ("review", i64::from(*n)),
                Duty::EraseProofDays(n) => ("proof", i64::from(*n)),
                Duty::ReportBackHours(n) => ("hours", i64::from(*n)),
                Duty::Pseudonymise => ("pseudonymise", 1),
                Duty::EraseBy(t) => ("erase", t.0),
                Duty::Actions(a) => ("actions", made::at(&text::ACTIONS, a.word())),
                Duty::Attribution(a) => ("attribution", made::at(&text::NAMING, a.word())),
                Duty::Silence(t) => ("silence", t.0),
            });
            Verdict::Permit {
                clauses: p.clauses().iter().map(ToString::to_string).collect(),
                duties: duties.collect(),
            }
        }
        Ruling::Deny(d) if ["CMT-0202", "CMT-0203", "CMT-0204"].contains(&d.code) => Verdict::Deny {
            agreement: d.agreement.as_ref().unwrap().to_string(),
            clauses: d.clauses.iter().map(|c| c.number.clone()).collect(),
            standing: d.prohibitions.iter().map(|p| p.word()).collect(),
        },
        Ruling::Deny(d) => Verdict::Cannot(d.code),
    }
}

#[test]
fn the_policy_and_an_independent_interpreter_agree_on_a_million_requests() {
    let worlds = worlds();
    let share = REQUESTS / worlds.len() as u64 + 1;
    let (asked, permitted) = (AtomicU64::new(0), AtomicU64::new(0));
    let clauses = std::sync::Mutex::new(BTreeMap::new());
    for (n, world) in worlds.iter().enumerate() {
        let (agreements, texts) = known(world);
        std::thread::scope(|scope| {
            for half in 0..2 {
                let (agreements, texts, asked, permitted, clauses) =
                    (&agreements, &texts, &asked, &permitted, &clauses);
                scope.spawn(move || {
                    let mut asker = Asker::new(texts, n as u64 * 2 + half);
                    let mut cited: BTreeMap<String, u64> = BTreeMap::new();
                    for i in 0..share.div_ceil(2) {
                        let (request, now) = asker.next();
                        let ruling = agreements.rule(&request, now);
                        let verdict = decide(texts, &request, now.0);
                        let said = said(&ruling);
                        assert_eq!(
                            said, verdict,
                            "world {n}, half {half}, request {i} at {now}: {request:?}\n{ruling:?}"
                        );
                        if let Verdict::Permit { clauses, .. } = said {
                            permitted.fetch_add(1, Ordering::Relaxed);
                            clauses
                                .into_iter()
                                .for_each(|c| *cited.entry(format!("{n} {c}")).or_default() += 1);
                        }
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                    let mut all = clauses.lock().unwrap();
                    cited.into_iter().for_each(|(c, n)| *all.entry(c).or_insert(0) += n);
                });
            }
        });
    }
    let (asked, permitted) = (asked.into_inner(), permitted.into_inner());
    let shares: usize = worlds.iter().flatten().map(|t| text::read(t).shares.len()).sum();
    let cited = clauses.into_inner().unwrap();
    println!(
        "{asked} requests, {permitted} permitted ({:.1} %), {} clauses of permits seen, {shares} shares",
        permitted as f64 * 100.0 / asked as f64,
        cited.len()
    );
    assert!(asked >= REQUESTS);
    assert!(permitted * 100 >= asked * 15, "only {permitted} of {asked} were permitted");
}
