//! Reports of infected machines: CSV of Shadowserver.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| comity_fuzz::reports::shadowserver(bytes));
