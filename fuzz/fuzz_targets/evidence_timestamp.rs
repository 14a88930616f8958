//! Time-stamp tokens and root certificates from strangers. What reads as a token is one token, and nobody is trusted.
#![no_main]

use evidence::timestamp::{Roots, Token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(token) = Token::read(bytes) {
        let again = Token::read(token.der());
        assert!(again.is_ok_and(|t| t.der() == token.der()), "its own bytes read back");
        let digest = token.hash().of(b"");
        assert!(token.verify(&digest, &Roots::default(), None).is_err(), "no root is trusted");
    }
    let _ = Roots::read(bytes);
});
