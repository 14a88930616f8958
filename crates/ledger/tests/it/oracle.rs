//! Roots and proofs equal those of `ct-merkle`, an independent implementation, for any sequence of batches.

use crate::home::Home;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use ledger::{Head, LedgerError, Log, proof};
use proptest::prelude::*;
use sha2_oracle::Sha256;
use terms::Digest;

type Oracle = MemoryBackedTree<Sha256, Vec<u8>>;

fn batches() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![0usize..9, 200usize..320, Just(256), Just(255), Just(1)], 1..8)
}

fn small(n: usize) -> Vec<u8> {
    format!("leaf {n}").into_bytes()
}

fn root(oracle: &Oracle) -> Digest {
    Digest(oracle.root().as_bytes().as_slice().try_into().unwrap())
}

fn flat(proof: &[Digest]) -> Vec<u8> {
    proof.iter().flat_map(|d| d.0).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn roots_and_proofs_are_the_oracles(batches in batches(), pick in any::<prop::sample::Index>()) {
        let (mut home, mut oracle) = (Home::new(), Oracle::new());
        let mut heads = vec![home.head()];
        for n in batches {
            let from = usize::try_from(home.log.size()).unwrap();
            let new: Vec<_> = (from..from + n).map(small).collect();
            home.append(&new);
            new.into_iter().for_each(|l| oracle.push(l));
            if !oracle.is_empty() {
                prop_assert_eq!(home.head().root, root(&oracle));
            }
            // What a restart reads back is what stood in memory.
            let resumed = Log::resume(&home.head(), &home.read()).unwrap();
            prop_assert_eq!(resumed.append(&[b"next"]).unwrap(), home.log.append(&[b"next"]).unwrap());
            heads.push(home.head());
        }
        let now = home.head();
        prop_assume!(now.size > 0);

        let index = pick.index(usize::try_from(now.size).unwrap());
        let path = proof::prove_inclusion(&home.read(), &now, index as u64).unwrap();
        let theirs = oracle.prove_inclusion(index);
        prop_assert_eq!(flat(&path), theirs.as_bytes());
        oracle.root().verify_inclusion(&small(index), index as u64, &InclusionProof::from_bytes(flat(&path))).unwrap();
        prop_assert_eq!(proof::read_leaf(&home.read(), &now, index as u64).unwrap(), small(index));

        for old in heads.iter().filter(|h| h.size > 0 && h.size < now.size) {
            let path = proof::prove_consistency(&home.read(), old, &now).unwrap();
            let old_root = RootHash::<Sha256>::new(old.root.0.into(), old.size);
            let theirs = ConsistencyProof::<Sha256>::try_from_bytes(flat(&path)).unwrap();
            oracle.root().verify_consistency(&old_root, &theirs).unwrap();
            let mut wrong = path.clone();
            if let Some(first) = wrong.first_mut() {
                first.0[0] ^= 1;
                prop_assert!(proof::check_consistency(old, &now, &wrong).is_err());
            }
            wrong.push(Digest([0; 32]));
            prop_assert!(proof::check_consistency(old, &now, &wrong).is_err());
        }
    }
}

#[test]
fn hostile_proofs_are_refused_without_harm() {
    let head = |size| Head { origin: "o".into(), size, root: Digest([1; 32]) };
    let many = vec![Digest([2; 32]); 65];
    for (size, index, path) in [
        (0, 0, &many[..0]),
        (1, 1, &many[..0]),
        (u64::MAX, 5, &many[..60]),
        (1 << 40, (1 << 40) - 1, &many[..64]),
        (1 << 41, 0, &many[..1]),
        (9, 3, &many[..]),
    ] {
        let answer = proof::check_inclusion(&head(size), index, Digest([3; 32]), path);
        assert!(matches!(answer, Err(LedgerError::Proof(_))), "{size} {index}");
    }
    for (old, new, path) in
        [(2, 1, &many[..0]), (1, u64::MAX, &many[..3]), (3, 8, &many[..]), (0, 5, &many[..1])]
    {
        assert!(proof::check_consistency(&head(old), &head(new), path).is_err(), "{old} {new}");
    }
}

#[test]
fn a_leaf_of_65535_bytes_fits_and_one_more_does_not() {
    let mut home = Home::new();
    let full = vec![7u8; 65_535];
    home.append(&[&full, &full]);
    assert_eq!(proof::read_leaf(&home.read(), &home.head(), 1).unwrap(), full);
    let refused = home.log.append(&[vec![], vec![7u8; 65_536]]);
    assert_eq!(refused.unwrap_err(), LedgerError::LeafTooLarge { index: 1, size: 65_536 });
}
