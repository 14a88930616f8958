//! Rulings under an agreement of 200 clauses: one at a time, and a batch of records that each differ.
//!
//! The agreement and the requests are those of the tests' generator, near the edges of what the clauses allow.

#[path = "../../../crates/agreement/tests/it/model/mod.rs"]
#[expect(dead_code, reason = "only the generator and the requests are used here, not the interpreter")]
mod model;

use agreement as tested;
use agreement::{Agreements, Request, SignedAgreement, countersign, fill, key_text, parse, sign};
use comity_bench::{measured, percentile};
use ed25519_dalek::SigningKey;
use model::{ask::Asker, made, text};
use rustix::time::{ClockId, clock_gettime};
use terms::{PartnerId, Timestamp};

const CLAUSES: usize = 200;
const RULINGS: usize = 50_000;

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
}
