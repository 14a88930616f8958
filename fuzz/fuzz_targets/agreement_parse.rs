//! Agreement texts: an agreement that compiles, or diagnostics that can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match agreement::parse("fuzz.mou.md", text) {
        Ok(parsed) => {
            let _ = agreement::compile(&parsed);
        }
        Err(diagnostics) => assert!(!diagnostics.render().is_empty()),
    }
});
