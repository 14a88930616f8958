//! A partner's noisy counts, and the agreement between what reads and what is written again.
#![no_main]

use exchange::counts::Counts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(counts) = Counts::parse(bytes) {
        let again = counts.item("counts.json").map(|item| Counts::parse(&item.bytes));
        assert!(matches!(again, Ok(Ok(ref same)) if *same == counts));
    }
});
