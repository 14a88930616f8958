//! Authority documents: a power rests on them, so what reads must be exactly what was written.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(authority) = takedown::Authority::parse(bytes) {
        assert!(bytes.len() <= takedown::MAX_AUTHORITY_BYTES);
        assert!(!authority.targets.is_empty());
    }
});
