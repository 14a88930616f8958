//! Orders that compel: what reads names who, what and where, and stands for the very bytes that were read.
#![no_main]

use agreement::{Compulsion, MAX_COMPULSION};
use libfuzzer_sys::fuzz_target;
use terms::Digest;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(order) = Compulsion::parse(bytes) {
        assert!(bytes.len() <= MAX_COMPULSION);
        assert_eq!(order.authority(), Digest::of(bytes));
        assert!(!order.categories().is_empty() && !order.places().is_empty());
        assert!(order.addressee() != order.to() && order.from() < order.until());
    }
});
