//! Sealed bundles and receipts from strangers.
#![no_main]

use evidence::sealed::Identity;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

static IDENTITY: OnceLock<Identity> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let identity = IDENTITY.get_or_init(Identity::generate);
    let _ = exchange::header(bytes);
    assert!(exchange::open_bundle(bytes, identity).is_err(), "nobody sealed anything for this identity");
    let _ = exchange::receipt::unverified(bytes);
    assert!(exchange::receipt::verify(bytes, &[]).is_err(), "nobody signed");
});
