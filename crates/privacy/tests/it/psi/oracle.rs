//! The crate `voprf` (another implementation, on an older curve25519-dalek) beside ours: equal outputs, and each accepts
//! the other's proofs.

use privacy::psi::oprf::{Blinder, blind_from};
use privacy::psi::{Mode, Proof, PublicKey, SecretKey};
use proptest::prelude::*;
use rand_core::OsRng;
use voprf::{OprfClient, OprfServer, Ristretto255, VoprfClient, VoprfServer};

fn item() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..200)
}

/// A canonical scalar that is not 0: below 2^252.
fn scalar() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>().prop_map(|mut b| {
        b[31] &= 0x0f;
        b[0] |= 1;
        b
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn outputs_are_equal(seed: [u8; 32], items in prop::collection::vec(item(), 1..9), info in prop::collection::vec(any::<u8>(), 0..40)) {
        let ours = SecretKey::derive(Mode::Oprf, &seed, &info).unwrap();
        let theirs = OprfServer::<Ristretto255>::new_from_seed(&seed, &info).unwrap();
        let refs: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
        for (output, item) in ours.evaluate(&refs).unwrap().iter().zip(&refs) {
            let other = theirs.evaluate(item).unwrap();
            prop_assert_eq!(output.as_slice(), other.as_slice());
        }
    }

    #[test]
    fn their_asker_understands_our_holder(seed: [u8; 32], item in item()) {
        let holder = SecretKey::derive(Mode::Oprf, &seed, b"x").unwrap();
        let asked = OprfClient::<Ristretto255>::blind(&item, &mut OsRng).unwrap();
        let blinded: [u8; 32] = asked.message.serialize().as_slice().try_into().unwrap();
        let evaluated = holder.blind_evaluate(&[blinded], 0).unwrap();
        let evaluated = voprf::EvaluationElement::deserialize(&evaluated[0]).unwrap();
        let output = asked.state.finalize(&item, &evaluated).unwrap();
        let evaluated = holder.evaluate(&[&item]).unwrap()[0];
        prop_assert_eq!(output.as_slice(), evaluated.as_slice());
    }

    #[test]
    fn their_asker_accepts_our_proof_and_no_other(seed: [u8; 32], item in item(), nonce in scalar()) {
        let holder = SecretKey::derive(Mode::Voprf, &seed, b"x").unwrap();
        let asked = VoprfClient::<Ristretto255>::blind(&item, &mut OsRng).unwrap();
        let blinded: [u8; 32] = asked.message.serialize().as_slice().try_into().unwrap();
        let evaluated = holder.blind_evaluate(&[blinded], 0).unwrap();
        let proof = holder.prove(&[blinded], &evaluated, blind_from(nonce).unwrap()).unwrap();
        let theirs = VoprfServer::<Ristretto255>::new_from_seed(&seed, b"x").unwrap();
        let read = |p: &[u8]| voprf::Proof::deserialize(p).unwrap();
        let element = voprf::EvaluationElement::deserialize(&evaluated[0]).unwrap();
        let output = asked.state.finalize(&item, &element, &read(&proof.bytes()), theirs.get_public_key()).unwrap();
        let evaluated = holder.evaluate(&[&item]).unwrap()[0];
        prop_assert_eq!(output.as_slice(), evaluated.as_slice());
        let mut other = proof.bytes();
        other[0] ^= 1;
        prop_assert!(asked.state.finalize(&item, &element, &read(&other), theirs.get_public_key()).is_err());
    }

    #[test]
    fn our_asker_accepts_their_proof_and_no_other(seed: [u8; 32], item in item(), blind in scalar()) {
        let holder = VoprfServer::<Ristretto255>::new_from_seed(&seed, b"x").unwrap();
        let key = PublicKey::read(&SecretKey::derive(Mode::Voprf, &seed, b"x").unwrap().public().bytes()).unwrap();
        let asker = Blinder::new(Mode::Voprf);
        let blinded = asker.blind(&[&item], &[blind_from(blind).unwrap()]).unwrap();
        let answered = holder.blind_evaluate(&mut OsRng, &voprf::BlindedElement::deserialize(&blinded[0]).unwrap());
        let evaluated: [u8; 32] = answered.message.serialize().as_slice().try_into().unwrap();
        let mut proof: [u8; 64] = answered.proof.serialize().as_slice().try_into().unwrap();
        prop_assert!(asker.verify(&key, &blinded, &[evaluated], &Proof::read(&proof).unwrap()).unwrap());
        proof[32] ^= 1;
        let holds = Proof::read(&proof).is_some_and(|p| asker.verify(&key, &blinded, &[evaluated], &p).unwrap());
        prop_assert!(!holds);
    }
}
