//! RFC 3161 tokens made by OpenSSL (`tests/data/timestamp/make.sh`): the good ones hold, everything else is refused.

use evidence::timestamp::{Roots, Stamp, StampError, Token};
use proptest::prelude::*;
use std::{fs, path::PathBuf};
use terms::Timestamp;

fn data(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/timestamp").join(name)).unwrap()
}

fn roots() -> Roots {
    Roots::read(&data("roots.pem")).unwrap()
}

fn verify(token: &[u8], message: &[u8], roots: &Roots, nonce: Option<&[u8]>) -> Result<Stamp, StampError> {
    let token = Token::read(token)?;
    token.verify(&token.hash().of(message), roots, nonce)
}

#[test]
fn good_tokens_of_every_kind_hold() {
    let message = data("message.txt");
    for (name, authority, root) in [
        ("rsa-sha256.token", "Stamp RSA", "Lighthouse RSA Root"),
        ("rsa-sha512.token", "Stamp RSA", "Lighthouse RSA Root"),
        ("p256-sha256.token", "Stamp P-256", "Lighthouse Root"),
        ("p256-ess-v1.token", "Stamp P-256", "Lighthouse Root"),
        ("p384-sha384.token", "Stamp P-384", "Lighthouse Root"),
        ("answer.tsr", "Stamp RSA", "Lighthouse RSA Root"),
    ] {
        let stamp = verify(&data(name), &message, &roots(), None).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(stamp.authority.contains(authority) && stamp.root.contains(root), "{name}: {stamp:?}");
        assert_eq!((stamp.policy.as_str(), stamp.accuracy), ("1.2.3.4.1", Some(1_500_100)));
        let made: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
        assert!(stamp.time > made && stamp.time < made.plus_days(3650), "{name}: {}", stamp.time);
        assert_ne!(stamp.time.0 % 1_000_000, 0, "{name}: the fraction of its second is kept");
    }
    // The whole answer and the bare token inside are the same token.
    let (answer, token) = (data("answer.tsr"), data("rsa-sha256.token"));
    assert_eq!(Token::read(&answer).unwrap().der(), token);
}

#[test]
fn every_other_token_is_refused_for_its_reason() {
    let message = data("message.txt");
    let why = |name: &str| verify(&data(name), &message, &roots(), None).unwrap_err();
    type Is = fn(&StampError) -> bool;
    let rows: &[(&str, Is)] = &[
        ("sha1-imprint.token", |e| matches!(e, StampError::Weak(_))),
        ("sha1-signature.token", |e| matches!(e, StampError::Weak(_))),
        ("p521.token", |e| matches!(e, StampError::Weak(_))),
        ("weak-key.token", |e| matches!(e, StampError::Signature)),
        ("sha1-chain.token", |e| matches!(e, StampError::Untrusted(_))),
        ("stranger.token", |e| matches!(e, StampError::Untrusted(_))),
        ("no-middle.token", |e| matches!(e, StampError::Untrusted(_))),
        ("clerk.token", |e| matches!(e, StampError::Usage(who) if who.contains("Clerk"))),
        ("expired.token", |e| matches!(e, StampError::Validity { .. })),
        ("early.token", |e| matches!(e, StampError::Validity { .. })),
        ("mail.token", |e| matches!(e, StampError::Usage(_))),
        ("both.token", |e| matches!(e, StampError::Usage(_))),
        ("soft.token", |e| matches!(e, StampError::Usage(_))),
        ("none.token", |e| matches!(e, StampError::Usage(_))),
        ("agree.token", |e| matches!(e, StampError::Usage(_))),
        ("odd.token", |e| matches!(e, StampError::Usage(_))),
        ("no-certificate.token", |e| matches!(e, StampError::Signer(_))),
        ("two-signers.token", |e| matches!(e, StampError::Signer(_))),
        ("no-ess.token", |e| matches!(e, StampError::Attributes(_))),
        ("no-attributes.token", |e| matches!(e, StampError::Attributes(_))),
        ("other-content.token", |e| matches!(e, StampError::Form(_))),
        ("plain-data.token", |e| matches!(e, StampError::Form(_))),
        ("refused.tsr", |e| matches!(e, StampError::NotGranted(2))),
        ("message.txt", |e| matches!(e, StampError::Form(_))),
    ];
    for (name, is) in rows {
        let why = why(name);
        assert!(is(&why), "{name}: {why:?}");
    }
}

#[test]
fn other_bytes_roots_and_nonces_are_refused() {
    let (message, other) = (data("message.txt"), data("other.txt"));
    let token = data("p256-sha256.token");
    let whole = verify(&token, &message, &roots(), None).unwrap();
    assert_eq!(verify(&token, &other, &roots(), None), Err(StampError::OtherMessage));
    assert_eq!(verify(&token, b"", &roots(), None), Err(StampError::OtherMessage));
    let stranger = Roots::read(&data("stranger.pem")).unwrap();
    for roots in [stranger, Roots::default()] {
        assert!(matches!(verify(&token, &message, &roots, None), Err(StampError::Untrusted(_))));
    }
    // The nonce stands in the token as OpenSSL chose it: found by asking with every window of its bytes.
    let asked = (token.windows(8)).find(|w| verify(&token, &message, &roots(), Some(w)).is_ok()).unwrap();
    assert_eq!(verify(&token, &message, &roots(), Some(&[&[0, 0], asked].concat())), Ok(whole));
    for wrong in [&b"\x01"[..], b"", &[asked, b"\0"].concat()] {
        assert_eq!(verify(&token, &message, &roots(), Some(wrong)), Err(StampError::Nonce));
    }
    let without = data("rsa-sha512.token");
    assert_eq!(verify(&without, &message, &roots(), Some(b"\x01")), Err(StampError::Nonce), "it has none");
    for bad in
        [&b""[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"0\x03\x02\x01\x05"]
    {
        assert!(matches!(Roots::read(bad), Err(StampError::Roots(_))), "{bad:?}");
    }
}

#[test]
fn no_bit_of_a_token_can_change() {
    let message = data("message.txt");
    for name in ["p256-sha256.token", "p256-ess-v1.token"] {
        let token = data(name);
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut changed = token.clone();
                changed[at] ^= 1 << bit;
                let seen = verify(&changed, &message, &roots(), None);
                assert!(seen.is_err(), "byte {at} bit {bit} of {name}: {seen:?}");
            }
        }
        for end in 0..token.len() {
            assert!(verify(&token[..end], &message, &roots(), None).is_err(), "cut at {end}");
        }
        for behind in [&b"\0"[..], b"0", &token] {
            let long = [&token[..], behind].concat();
            assert!(
                matches!(verify(&long, &message, &roots(), None), Err(StampError::Form(_))),
                "trailing data"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    /// What a fuzzer would do first: pieces of good tokens cut, repeated and strewn with other bytes. Nothing panics, and
    /// what still reads as a token reads back as itself and is trusted by nobody.
    #[test]
    fn strewn_tokens_are_no_tokens(
        which in 0..5usize,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..8)), 1..6),
    ) {
        let names = ["rsa-sha256.token", "p256-ess-v1.token", "p384-sha384.token", "answer.tsr", "roots.pem"];
        let mut bytes = data(names[which]);
        for (from, to, with) in &cuts {
            let (a, b) = (from.index(bytes.len() + 1), to.index(bytes.len() + 1));
            let (a, b) = (a.min(b), a.max(b).min(a.min(b) + 40));
            bytes.splice(a..b, with.iter().copied());
        }
        if let Ok(token) = Token::read(&bytes) {
            let again = Token::read(token.der()).unwrap();
            prop_assert_eq!(again.der(), token.der());
            prop_assert!(token.verify(&token.hash().of(b""), &Roots::default(), None).is_err());
        }
        let _ = Roots::read(&bytes);
    }
}
