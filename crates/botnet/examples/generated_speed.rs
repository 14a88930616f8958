//! How many generated names a CPU second gives, by family: `cargo run --release --example generated_speed -p botnet`.
//!
//! Processor time of this process's one thread, from the kernel's own account (Linux); no other clock.
#![expect(clippy::expect_used, reason = "an example stops where it cannot measure")]

use botnet::generated::{Index, all};
use std::hint::black_box;
use terms::Day;

/// Nanoseconds on a processor so far.
fn spent() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("a kernel with schedstat");
    text.split(' ').next().and_then(|n| n.parse().ok()).expect("a number of nanoseconds")
}

fn main() {
    println!("{:16} {:>10} {:>14}", "family", "names", "names/CPU-s");
    let (mut all_names, mut all_spent) = (0u64, 0u64);
    for generator in all() {
        let (mut made, mut bytes, start) = (0u64, 0usize, spent());
        let mut day = Day(16_000);
        while spent() - start < 200_000_000 {
            for _ in 0..64 {
                for seed in generator.seeds {
                    let mut names = generator.names(seed, day).expect("a published seed");
                    while let Some(name) = names.next_name() {
                        made += 1;
                        bytes += black_box(name).len();
                    }
                }
                day = day.plus(1);
            }
        }
        let took = spent() - start;
        black_box(bytes);
        println!("{:16} {made:>10} {:>14.0}", generator.family, made as f64 * 1e9 / took as f64);
        all_names += made;
        all_spent += took;
    }
    println!("{:16} {all_names:>10} {:>14.0}", "all", all_names as f64 * 1e9 / all_spent as f64);
    let start = spent();
    let index = Index::over(Day(16_000)..=Day(16_029)).expect("thirty days fit");
    let took = spent() - start;
    println!("index of 30 days: {} fingerprints in {:.2} CPU-s", index.len(), took as f64 / 1e9);
}
