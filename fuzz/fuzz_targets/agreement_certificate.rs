//! Proof certificates: the one spelling, or a refusal.
#![no_main]

use agreement::prove::Certificate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = Certificate::from_bytes(bytes) {
        let written = certificate.to_bytes();
        assert_eq!(bytes.strip_suffix(b"\n").unwrap_or(bytes), written);
    }
});
