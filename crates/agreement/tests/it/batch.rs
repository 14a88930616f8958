//! A batch says of each record what one ruling after another would have said, caps included; and its root holds each
//! record to that.

use crate::agrees::{known, made_text};
use crate::model::{ask::Asker, dice::Dice, text::Text};
use crate::samples::{TEXTS, all, hour, partner, sample_text};
use agreement::{Act, Agreements, Counts, Passed, Request, Ruled, RuledRecord, Ruling, Rulings, Spent};
use ledger::statement::{PredicateType, Statement};
use ledger::{Commitment, tree};
use std::collections::BTreeMap;
use std::sync::Arc;
use terms::{
    CaseId, Category, ClauseId, Digest, Handling, HandlingCode, Protection, Purpose, Timestamp, Tlp,
};

/// What passed under each clause, counted here as the state store counts releases: a row for each clause of a permit.
#[derive(Default, Clone)]
struct Odometer {
    before: BTreeMap<ClauseId, Spent>,
    rows: Vec<(ClauseId, Option<CaseId>, u64)>,
}

impl Odometer {
    fn spent(&self, clauses: &[ClauseId], case: &Option<CaseId>) -> Spent {
        let mut most = Spent::NONE;
        for clause in clauses {
            let before = self.before.get(clause).copied().unwrap_or(Spent::NONE);
            let (mut total, mut in_case) = (before.total, before.case);
            let mut month = before.month;
            for (_, of, n) in self.rows.iter().filter(|(c, _, _)| c == clause) {
                (total, month) = (total + n, month + n);
                in_case += if of == case { *n } else { 0 };
            }
            most = Spent {
                case: most.case.max(in_case),
                month: most.month.max(month),
                total: most.total.max(total),
            };
        }
        most
    }

    /// One ruling after the other, as each record would be shared alone.
    fn one_by_one(&mut self, agreements: &Agreements, records: &[Request], now: Timestamp) -> Vec<Ruled> {
        let one = |record: &Request| {
            let counted = agreements.counted(record, now);
            let record = record.clone().after(self.spent(&counted, &record.case));
            let ruling = agreements.rule(&record, now);
            if let Ruling::Permit(permit) = &ruling {
                for clause in permit.clauses() {
                    self.rows.push((clause.clone(), record.case.clone(), record.records));
                }
            }
            Ruled::of(&ruling)
        };
        records.iter().map(one).collect()
    }

    fn passed(&self, agreements: &Agreements, records: &[Request], now: Timestamp) -> Passed {
        let mut passed = Passed::default();
        for record in records {
            for clause in agreements.counted(record, now) {
                let before = self.before.get(&clause).copied().unwrap_or(Spent::NONE);
                passed = passed.with(clause, record.case.clone(), before);
            }
        }
        passed
    }
}

/// A batch of records with few different facts, many of them near an edge, after sums close to the caps.
fn made(texts: &[Text], agreements: &Agreements, seed: u64) -> (Odometer, Vec<Request>, Timestamp) {
    let mut dice = Dice::new(seed);
    let mut asker = Asker::new(texts, seed);
    // Mostly one that is permitted, so that a cap can cut it off.
    let mut tries = (0..40).map(|_| asker.next());
    let found =
        tries.find(|(r, now)| !agreements.rule(r, *now).denied() && !agreements.counted(r, *now).is_empty());
    let (first, now) = found.unwrap_or_else(|| asker.next());
    let mut kinds = vec![first];
    for _ in 0..dice.below(8) {
        let mut next = match dice.below(3) {
            0 => asker.next().0,
            _ => dice.pick(&kinds).clone(),
        };
        match dice.below(6) {
            0 => next.records = 1,
            1 => next.case = [None, Some(CaseId::new("case-2").unwrap())][dice.below(2)].clone(),
            2 => {
                next = next.with(*dice.pick(Category::ALL), Protection::Pseudonym);
            }
            3 => next.reason = Some(format!("lead {}", dice.below(3))),
            _ => next.records = 1 + dice.below(20) as u64,
        }
        kinds.push(next);
    }
    let caps: BTreeMap<String, [Option<u64>; 4]> = (texts.iter())
        .flat_map(|t| t.shares.iter().map(|s| (format!("{} {}", t.id, s.number), s.caps)))
        .collect();
    let mut odometer = Odometer::default();
    for clause in kinds.iter().flat_map(|k| agreements.counted(k, now)) {
        let [_, case, month, total] = caps.get(&clause.to_string()).copied().unwrap_or([None; 4]);
        let mut near = |cap: Option<u64>| match cap {
            Some(cap) if dice.chance(70) => cap.saturating_sub(dice.below(300) as u64),
            _ => 0,
        };
        let before = Spent { case: near(case), month: near(month), total: near(total) };
        odometer.before.insert(clause, before);
    }
    let records = (0..40 + dice.below(60))
        .map(|n| {
            let mut record = dice.pick(&kinds).clone();
            record.bytes = Digest::of(&n.to_be_bytes());
            record
        })
        .collect();
    (odometer, records, now)
}

#[test]
fn a_batch_is_one_ruling_after_another() {
    let mut worlds = vec![TEXTS.iter().map(|n| sample_text(n)).collect::<Vec<_>>()];
    worlds.extend((0..3).map(|seed| {
        let pairs = [["company", "police"], ["police", "region"]];
        pairs.iter().zip(0..).map(|(p, i)| made_text(70 + seed * 10 + i, *p, 40)).collect()
    }));
    let (mut rulings, mut asked, mut capped, mut both) = (0, 0, 0, 0);
    for (n, world) in worlds.iter().enumerate() {
        let (agreements, texts) = known(world);
        for batch in 0..24 {
            let (odometer, records, now) = made(&texts, &agreements, n as u64 * 1_000 + batch);
            let expected = odometer.clone().one_by_one(&agreements, &records, now);
            let mut ruled = agreements.rule_batch(odometer.passed(&agreements, &records, now), now);
            // Handed in at once or in parts.
            let part = [records.len(), 1, 7][batch as usize % 3];
            let said: Vec<Arc<Ruled>> = records.chunks(part).flat_map(|part| ruled.rule(part)).collect();
            for (i, (said, expected)) in said.iter().zip(&expected).enumerate() {
                assert_eq!(**said, *expected, "world {n}, batch {batch}, record {i}: {:?}", records[i]);
            }
            let counts = ruled.close().unwrap();
            let permitted = expected.iter().filter(|r| r.permitted()).count() as u64;
            assert_eq!((counts.permitted, counts.denied), (permitted, records.len() as u64 - permitted));
            rulings += records.len() as u64;
            asked += counts.asked;
            both += u64::from(counts.permitted > 0 && counts.denied > 0);
            // The same record, permitted and then no more: a cap within the batch.
            let same = |a: usize, b: usize| {
                let like = |r: &Request| Request { bytes: records[0].bytes, ..r.clone() };
                like(&records[a]) == like(&records[b])
            };
            let cut = |j: usize| !said[j].permitted() && (0..j).any(|i| said[i].permitted() && same(i, j));
            capped += u64::from((0..said.len()).any(cut));
        }
    }
    println!("{rulings} rulings, {asked} asked, {both} batches with both answers, {capped} cut by a cap");
    assert!(both >= 20 && capped >= 10, "{both} {capped}");
    assert!(asked * 2 < rulings, "equal facts share a ruling: {asked} of {rulings}");
}

/// A request for `n` sinkhole records of a case, pseudonyms, from the company to the police.
fn sinkhole() -> Request {
    let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H1 };
    let (company, police) = (partner("company"), partner("police"));
    Request::new(company, police, Act::Receive, Purpose::Investigation, handling, Digest::of(b""))
        .with(Category::SinkholeLog, Protection::Pseudonym)
        .in_case(CaseId::new("case-1").unwrap(), "a lead")
}

#[test]
fn a_cap_in_the_middle_lets_exactly_the_first_pass() {
    let agreements = all();
    let cap = 20_000_000;
    let record = sinkhole();
    let counted = agreements.counted(&record, hour());
    assert!(!counted.is_empty());
    for (before, first) in [(cap - 37, 37), (cap - 1, 1), (cap, 0), (cap + 5, 0), (u64::MAX, 0)] {
        let spent = Spent { case: before, month: 0, total: 0 };
        let passed = counted
            .iter()
            .fold(Passed::default(), |p, clause| p.with(clause.clone(), record.case.clone(), spent));
        let mut batch = agreements.rule_batch(passed, hour());
        let said = batch.rule(&vec![record.clone(); 100]);
        let permitted = said.iter().take_while(|r| r.permitted()).count();
        assert_eq!((permitted, said.iter().filter(|r| r.permitted()).count()), (first, first), "{before}");
        let last = said.last().unwrap();
        assert!(last.sentence.as_ref().unwrap().contains("at most 20000000 records in one case"), "{last:?}");
        assert_eq!(last.nearest.as_deref(), Some(counted[0].to_string().as_str()));
        let Counts { permitted, denied, .. } = batch.close().unwrap();
        assert_eq!((permitted, denied), (first as u64, 100 - first as u64));
    }
    // What was not counted leaves no room.
    let mut batch = agreements.rule_batch(Passed::default(), hour());
    assert!(!batch.rule(&[record])[0].permitted());
}

/// A record that is refused opens no door for its neighbour, and takes no room under a cap.
#[test]
fn a_denied_record_changes_nothing_for_the_next() {
    let agreements = all();
    let good = sinkhole();
    let clear = sinkhole().with(Category::VictimIdentity, Protection::Clear);
    let other = Request { purpose: Purpose::Takedown, ..sinkhole() };
    let passed = agreements
        .counted(&good, hour())
        .into_iter()
        .fold(Passed::default(), |p, clause| p.with(clause, good.case.clone(), Spent::NONE));
    let records: Vec<Request> =
        [&good, &clear, &other, &good, &clear].into_iter().cloned().cycle().take(500).collect();
    let mut batch = agreements.rule_batch(passed, hour());
    let said = batch.rule(&records);
    for (record, said) in records.iter().zip(&said) {
        assert_eq!(said.permitted(), *record == good, "{said:?}");
    }
    assert_eq!(batch.close().unwrap().asked, 3);
}

/// Memory is bounded by what is kept, not by what is asked: beyond it, it is asked again.
#[test]
fn more_different_facts_than_are_kept() {
    let agreements = all();
    let records: Vec<Request> =
        (0..6_000).map(|n| Request { to: partner("nobody"), records: n, ..sinkhole() }).collect();
    let mut batch = agreements.rule_batch(Passed::default(), hour());
    for _ in 0..2 {
        let said = batch.rule(&records);
        assert!(said.iter().all(|r| r.code.as_deref() == Some("CMT-0201")));
    }
    assert_eq!(batch.close().unwrap().asked, 12_000);
}

#[test]
fn the_root_holds_every_record_to_its_ruling() {
    let agreements = all();
    let kinds = [sinkhole(), sinkhole().with(Category::VictimIdentity, Protection::Clear)];
    let records: Vec<Request> = kinds.iter().cloned().cycle().take(37).collect();
    let passed = agreements
        .counted(&records[0], hour())
        .into_iter()
        .fold(Passed::default(), |p, clause| p.with(clause, records[0].case.clone(), Spent::NONE));
    let mut batch = agreements.rule_batch(passed, hour());
    let ruled: Vec<RuledRecord> = (batch.rule(&records).iter().zip(0u8..))
        .map(|(ruled, n)| RuledRecord::new(Commitment([n; 32]), (**ruled).clone()))
        .collect();
    let mut rulings = Rulings::default();
    ruled.iter().for_each(|r| rulings.push(r));
    let statement = rulings.statement().unwrap();
    assert_eq!(
        (&statement["records"], &statement["permitted"], &statement["denied"]),
        (&37.into(), &19.into(), &18.into())
    );
    assert_eq!(statement["clauses"][0]["records"], 19);
    assert_eq!(statement["denials"].as_array().unwrap().len(), 1);
    // It goes to the ledger as it is.
    Statement::new(vec![Commitment([9; 32])], PredicateType::Ruling, statement).unwrap();

    let root = rulings.root().unwrap();
    for (i, record) in (0..).zip(&ruled) {
        let (bytes, path) = (record.to_bytes(), rulings.prove(i).unwrap());
        assert_eq!(RuledRecord::parse(&bytes).unwrap(), *record);
        tree::check(root, 37, i, &bytes, &path).unwrap();
        // Another outcome, other clauses or another record is another root.
        let mut other = record.clone();
        other.ruled.clauses.push("company-police 9.9".into());
        assert!(tree::check(root, 37, i, &other.to_bytes(), &path).is_err());
        let other = RuledRecord::new(Commitment([200; 32]), record.ruled.clone());
        assert!(tree::check(root, 37, i, &other.to_bytes(), &path).is_err());
    }
    let bytes = ruled[0].to_bytes();
    let text = String::from_utf8(bytes.clone()).unwrap();
    for bad in [
        text.replace("ruled-record/1", "ruled-record/2"),
        text.replace("{\"schema\"", "{ \"schema\""),
        text.replacen('{', "{\"more\":1,", 1),
        text.replace("permit-with", "perhaps\u{0}"),
        text[..text.len() - 1].to_owned(),
        String::new(),
    ] {
        let read = RuledRecord::parse(bad.as_bytes());
        assert!(read.is_err() || !read.unwrap().ruled.permitted(), "{bad}");
    }
    assert!(RuledRecord::parse(&vec![b' '; 70_000]).is_err());
}
