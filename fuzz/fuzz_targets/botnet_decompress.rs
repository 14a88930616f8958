//! Compressed input: what comes out stays within its limits, whatever goes in.
#![no_main]

use botnet::decompress::{Limits, open_within};
use libfuzzer_sys::fuzz_target;
use std::io::Read as _;

const LIMITS: Limits = Limits { output: 1 << 20, ratio: 100, grace: 1 << 16 };

fuzz_target!(|bytes: &[u8]| {
    let Ok((_, mut inside)) = open_within(bytes, LIMITS) else { return };
    let mut out = Vec::new();
    let _ = inside.read_to_end(&mut out);
    assert!(out.len() as u64 <= LIMITS.output.max(bytes.len() as u64) + (1 << 18));
});
