//! Rulings under an agreement of 200 clauses: one at a time, and records filtered in a batch.
//!
//! The agreement and the requests are those of the tests' generator, near the edges of what the clauses allow. Two batches of
//! 100,000 records: as a sinkhole has them (few categories, places, networks), and the worst case, no two alike.

#[path = "../../../crates/agreement/tests/it/model/mod.rs"]
#[expect(dead_code, reason = "only the generator and the requests are used here, not the interpreter")]
mod model;

use agreement as tested;
use agreement::{
    Agreements, Passed, Request, SignedAgreement, Spent, countersign, fill, key_text, parse, sign,
};
use comity_bench::{measured, percentile};
use ed25519_dalek::SigningKey;
use model::{ask::Asker, made, text};
use rustix::time::{ClockId, clock_gettime};
use terms::{PartnerId, Timestamp};

const CLAUSES: usize = 200;
const RULINGS: usize = 50_000;
const RECORDS: usize = 100_000;
/// Kinds of record that a sinkhole's log has: places, networks' owners and categories taken together.
const KINDS: usize = 20;

/// Processor seconds of this thread: what else the machine does is not a ruling's time.
fn spent() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn main() {
    let keys = [SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32])];
    let parties = ["company", "police"];
    let named: Vec<(String, String)> =
        parties.iter().zip(&keys).map(|(p, k)| (format!("{p}.key"), key_text(&k.verifying_key()))).collect();
    let named: Vec<(&str, &str)> = named.iter().map(|(n, k)| (n.as_str(), k.as_str())).collect();
    let written = fill(&made::text(7, parties, CLAUSES), &named);
    let agreement = parse("bench", &written).unwrap_or_else(|d| panic!("{}", d.render()));
    let clauses = agreement.clauses().len();
    let [a, b] = parties.map(|p| PartnerId::new(p).expect("an id"));
    let half = sign(&agreement, &a, &keys[0]).expect("signed");
    let both = countersign(&agreement, half, &b, &keys[1]).expect("signed");
    let signed = SignedAgreement::new(agreement, &both).expect("in force");
    let agreements = Agreements::new(vec![signed]);

    let texts = vec![text::read(&written)];
    let mut asker = Asker::new(&texts, 1);
    let requests: Vec<(Request, Timestamp)> = (0..RULINGS).map(|_| asker.next()).collect();
    // The first ruling reads the policy for slicing: told apart.
    let start = spent();
    let _ = agreements.rule(&requests[0].0, requests[0].1);
    let first = spent() - start;

    let mut permitted = 0;
    let mut times = Vec::with_capacity(RULINGS);
    let ((), cpu, _) = measured(|| {
        for (request, now) in &requests {
            let start = spent();
            let ruling = agreements.rule(request, *now);
            times.push((spent() - start) * 1e6);
            permitted += usize::from(!ruling.denied());
        }
    });
    times.sort_by(f64::total_cmp);
    println!("{clauses} clauses, {RULINGS} requests near the edges, {permitted} permitted");
    println!("first ruling {:.1} ms", first * 1e3);
    println!(
        "one ruling, processor time: median {:.0} µs, p99 {:.0} µs, largest {:.0} µs; {:.0} rulings per CPU-s",
        percentile(&times, 0.5),
        percentile(&times, 0.99),
        percentile(&times, 1.0),
        RULINGS as f64 / cpu
    );

    // One instant for a whole batch: that of the first request.
    let now = requests[0].1;
    let kinds: Vec<Request> =
        requests.iter().take(KINDS).map(|(r, _)| Request { records: 1, ..r.clone() }).collect();
    let mixed: Vec<Request> = (0..RECORDS).map(|n| kinds[(n * 7 + n / 13) % KINDS].clone()).collect();
    filtered("a sinkhole's log, 20 kinds", &agreements, &mixed, now);
    let differ: Vec<Request> =
        (0..RECORDS).map(|n| Request { records: 1 + n as u64, ..requests[n % RULINGS].0.clone() }).collect();
    filtered("no two alike", &agreements, &differ, now);
}

/// Filters in one batch, and says what a tenth of it takes one by one.
fn filtered(name: &str, agreements: &Agreements, records: &[Request], now: Timestamp) {
    let passed = records.iter().flat_map(|r| agreements.counted(r, now).into_iter().map(move |c| (c, r)));
    let passed = passed.fold(Passed::default(), |p, (c, r)| p.with(c, r.case.clone(), Spent::NONE));
    let (counts, cpu, wall) = measured(|| {
        let mut batch = agreements.rule_batch(passed, now);
        for part in records.chunks(10_000) {
            batch.rule(part);
        }
        batch.close().expect("every ruling could be made")
    });
    let few = &records[..records.len() / 10];
    let (alone, alone_cpu, _) = measured(|| few.iter().filter(|r| !agreements.rule(r, now).denied()).count());
    println!(
        "{name}: {} records in {:.2} s ({:.2} CPU-s), {:.0} records/s, {:.0} per CPU-s; {} permitted, {} rulings made",
        records.len(),
        wall.as_secs_f64(),
        cpu,
        records.len() as f64 / wall.as_secs_f64(),
        records.len() as f64 / cpu,
        counts.permitted,
        counts.asked
    );
    println!(
        "  one by one: {:.0} per CPU-s ({alone} of {} permitted)",
        few.len() as f64 / alone_cpu,
        few.len()
    );
}
