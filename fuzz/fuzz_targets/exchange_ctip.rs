//! Reports of infected machines: JSON lines of CTIP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| comity_fuzz::reports::ctip(bytes));
