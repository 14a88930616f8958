//! Cosigning, k of n, two-faced logs, and proofs that travel.

use crate::home::{Home, ORIGIN, leaf, leaves, log_keys};
use ed25519_dalek::SigningKey;
use ledger::{
    LedgerError, NoteKey, NoteSigner, checkpoint,
    proof::{self, TlogProof},
    witness::{self, Relation},
};
use terms::Timestamp;

const NOW: Timestamp = Timestamp(1_773_100_800_000_000);

fn partner(n: u8) -> NoteSigner {
    NoteSigner::new(&format!("partner-{n}.comity/witness"), SigningKey::from_bytes(&[40 + n; 32])).unwrap()
}

fn keys(signers: &[NoteSigner]) -> Vec<NoteKey> {
    signers.iter().map(|s| s.public().clone()).collect()
}

fn point(home: &Home) -> Vec<u8> {
    home.files[checkpoint::FILE].clone()
}

#[test]
fn k_of_n_witnesses_are_demanded_one_by_one() {
    let mut home = Home::new();
    home.append(&leaves(0, 5));
    let all = [partner(1), partner(2), partner(3)];
    let mut bytes = point(&home);
    for w in &all[..2] {
        bytes = witness::cosign(&bytes, ORIGIN, &log_keys(), &None, &[], w, NOW).unwrap().0;
    }
    // The same witness again replaces its line.
    let again =
        witness::cosign(&bytes, ORIGIN, &log_keys(), &None, &[], &all[0], NOW.plus_days(1)).unwrap().0;
    let signed = checkpoint::open(&again, ORIGIN, &log_keys()).unwrap();
    let found = witness::demand(&signed, &keys(&all), 2).unwrap();
    assert_eq!(found.iter().map(|c| c.at).collect::<Vec<_>>(), [NOW.plus_days(1), NOW]);
    match witness::demand(&signed, &keys(&all), 3).unwrap_err() {
        LedgerError::TooFewWitnesses { demanded: 3, found: 2, missing } => {
            assert_eq!(missing, ["partner-3.comity/witness"]);
        }
        other => panic!("{other}"),
    }
    // The log's own key is no witness, whatever name it takes.
    let own = NoteKey::new(ORIGIN, *log_keys()[0].key()).unwrap();
    assert!(witness::demand(&signed, &[own], 1).is_err());
}

#[test]
fn no_byte_of_a_cosigned_checkpoint_can_change() {
    let mut home = Home::new();
    home.append(&leaves(0, 1));
    let all = [partner(1), partner(2)];
    let mut bytes = point(&home);
    for w in &all {
        bytes = witness::cosign(&bytes, ORIGIN, &log_keys(), &None, &[], w, NOW).unwrap().0;
    }
    let check = |bytes: &[u8]| {
        checkpoint::open(bytes, ORIGIN, &log_keys()).and_then(|s| witness::demand(&s, &keys(&all), 2))
    };
    check(&bytes).unwrap();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(check(&changed).is_err(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn a_two_faced_log_is_found() {
    let mut honest = Home::new();
    honest.append(&leaves(0, 4));
    let (old_head, old) = (honest.head(), point(&honest));
    let mut other_face = honest.clone();
    honest.append(&leaves(4, 3));
    other_face.append(&[leaf(100), leaf(101), leaf(102)]);
    let w = partner(1);
    let seen = |home: &Home| Some(home.head());
    let proof = proof::prove_consistency(&honest.read(), &old_head, &honest.head()).unwrap();

    let (_, head) =
        witness::cosign(&point(&honest), ORIGIN, &log_keys(), &Some(old_head.clone()), &proof, &w, NOW)
            .unwrap();
    assert_eq!(head, honest.head());
    let cosign = |home: &Home, seen| witness::cosign(&point(home), ORIGIN, &log_keys(), &seen, &[], &w, NOW);
    assert!(
        matches!(cosign(&other_face, seen(&honest)), Err(LedgerError::Fork { .. })),
        "same size, another root"
    );
    let shrunk = witness::cosign(&old, ORIGIN, &log_keys(), &seen(&honest), &[], &w, NOW);
    assert!(matches!(shrunk, Err(LedgerError::Fork { .. })), "fewer leaves than before");
    assert!(matches!(cosign(&honest, Some(old_head)), Err(LedgerError::Proof(_))), "no proof");

    let open = |bytes: &[u8]| checkpoint::open(bytes, ORIGIN, &log_keys()).unwrap();
    for (a, b, path, expected) in [
        (&old, &point(&honest), &proof[..], Relation::Continues),
        (&point(&honest), &old, &proof[..], Relation::Continues),
        (&old, &old, &[], Relation::Same),
        (&point(&honest), &point(&other_face), &[], Relation::Forked),
        (&old, &point(&other_face), &proof[..], Relation::NotShown),
    ] {
        assert_eq!(witness::compare(&open(a), &open(b), path), Ok(expected));
    }
}

#[test]
fn a_travelling_proof_holds_for_its_leaf_alone() {
    let mut home = Home::new();
    home.append(&leaves(0, 300));
    let checkpoint =
        witness::cosign(&point(&home), ORIGIN, &log_keys(), &None, &[], &partner(1), NOW).unwrap().0;
    let path = proof::prove_inclusion(&home.read(), &home.head(), 270).unwrap();
    let text = TlogProof { index: 270, path, checkpoint }.to_text();
    assert!(text.starts_with(b"c2sp.org/tlog-proof@v1\nindex 270\n"));

    let proof = TlogProof::parse(&text).unwrap();
    let signed = proof.check(&leaf(270), ORIGIN, &log_keys()).unwrap();
    assert_eq!(witness::demand(&signed, &keys(&[partner(1)]), 1).unwrap().len(), 1);
    assert!(proof.check(&leaf(271), ORIGIN, &log_keys()).is_err());
    assert!(proof.check(&leaf(270), "police.comity/ledger", &log_keys()).is_err());
    for at in 0..text.len() {
        let mut changed = text.clone();
        changed[at] ^= 1;
        let holds = TlogProof::parse(&changed).and_then(|p| {
            witness::demand(&p.check(&leaf(270), ORIGIN, &log_keys())?, &keys(&[partner(1)]), 1)
        });
        assert!(holds.is_err(), "byte {at}");
    }
}

#[test]
fn names_that_a_note_cannot_carry_are_refused() {
    for name in ["", "two words", "a+b", "line\nbreak", "tab\there", &"x".repeat(256)] {
        assert!(NoteKey::new(name, *log_keys()[0].key()).is_err(), "{name:?}");
    }
}
