//! The ruling on one record, as a proof of it carries it. What reads has one spelling.
#![no_main]

use agreement::RuledRecord;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = RuledRecord::parse(bytes) {
        assert_eq!(record.to_bytes(), bytes);
    }
});
