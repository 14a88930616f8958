//! Asking for a cosignature and taking it in, as files carry it.

use crate::home::{Home, ORIGIN, leaves, log_keys};
use ed25519_dalek::SigningKey;
use ledger::{
    LedgerError, NoteSigner, checkpoint,
    request::{self, Request},
    witness,
};
use terms::{Digest, Timestamp};

const NOW: Timestamp = Timestamp(1_773_100_800_000_000);

fn partner(n: u8) -> NoteSigner {
    NoteSigner::new(&format!("partner-{n}.comity/witness"), SigningKey::from_bytes(&[40 + n; 32])).unwrap()
}

fn ask(home: &Home, seen: Option<&ledger::Head>) -> Request {
    let point = home.files[checkpoint::FILE].clone();
    request::ask(&home.read(), point, ORIGIN, &log_keys(), seen).unwrap()
}

#[test]
fn a_request_travels_as_text_and_its_answer_stands_on_the_checkpoint() {
    let mut home = Home::new();
    home.append(&leaves(0, 3));
    let (one, two) = (partner(1), partner(2));
    let first = ask(&home, None);
    assert!(first.to_text().starts_with(b"old 0\n\ncompany.comity/ledger\n3\n"));
    assert_eq!(Request::parse(&first.to_text()).unwrap(), first);
    assert_eq!(first.origin(), Some(ORIGIN));
    let (_, seen) = request::answer(&first, ORIGIN, &log_keys(), None, &one, NOW).unwrap();
    home.append(&leaves(3, 4));
    let next = Request::parse(&ask(&home, Some(&seen)).to_text()).unwrap();
    assert!(next.old == 3 && !next.proof.is_empty());
    let (line, seen) = request::answer(&next, ORIGIN, &log_keys(), Some(&seen), &one, NOW).unwrap();
    assert_eq!(seen, home.head());

    // The line of a stranger beside it is left out; the known one stands on the checkpoint, once.
    let (other, _) = request::answer(&ask(&home, None), ORIGIN, &log_keys(), None, &two, NOW).unwrap();
    let known = [one.public().clone()];
    let answer = [other.clone(), line.clone()].concat();
    let (point, cosigned) =
        request::add(&home.files[checkpoint::FILE], &answer, ORIGIN, &log_keys(), &known).unwrap();
    assert_eq!(cosigned.len(), 1);
    let (again, _) = request::add(&point, &line, ORIGIN, &log_keys(), &known).unwrap();
    assert_eq!(again, point);
    let signed = checkpoint::open(&point, ORIGIN, &log_keys()).unwrap();
    assert!(witness::demand(&signed, &known, 1).is_ok());
    for bad in [&b""[..], b"\n", &other, &line[..line.len() - 1], b"no signature line\n"] {
        assert!(request::add(&point, bad, ORIGIN, &log_keys(), &known).is_err());
    }
    // A cosignature on another checkpoint does not fit this one.
    home.append(&leaves(7, 1));
    assert!(request::add(&home.files[checkpoint::FILE], &line, ORIGIN, &log_keys(), &known).is_err());
}

#[test]
fn a_witness_refuses_in_the_specifications_words() {
    let mut home = Home::new();
    home.append(&leaves(0, 3));
    let early = ask(&home, None);
    let (_, seen) = request::answer(&early, ORIGIN, &log_keys(), None, &partner(1), NOW).unwrap();
    home.append(&leaves(3, 4));
    let good = ask(&home, Some(&seen));
    let with = |change: &dyn Fn(&mut Request)| {
        let mut request = good.clone();
        change(&mut request);
        request::answer(&request, ORIGIN, &log_keys(), Some(&seen), &partner(1), NOW).unwrap_err()
    };
    assert!(matches!(with(&|r| r.old = 2), LedgerError::OtherSize { asked: 2, seen: 3, .. }));
    assert!(matches!(with(&|r| r.old = 9), LedgerError::Request(_)));
    assert!(matches!(with(&|r| r.proof.clear()), LedgerError::Proof(_)));
    assert!(matches!(with(&|r| r.proof[0].0[0] ^= 1), LedgerError::Proof(_)));
    assert!(matches!(with(&|r| r.proof.push(Digest([0; 32]))), LedgerError::Proof(_)));
    assert!(matches!(with(&|r| r.checkpoint = b"x".to_vec()), LedgerError::Checkpoint { .. }));
    // Never seen before: no proof belongs there.
    let mut first = ask(&home, None);
    first.proof.push(Digest([0; 32]));
    let refused = request::answer(&first, ORIGIN, &log_keys(), None, &partner(1), NOW);
    assert!(matches!(refused, Err(LedgerError::Proof(_))));
    // A clock before 1970 cannot cosign: 0 would mean "no time".
    let early = ask(&home, None);
    for now in [Timestamp(-5), Timestamp(0)] {
        assert!(request::answer(&early, ORIGIN, &log_keys(), None, &partner(1), now).is_err());
    }
}
