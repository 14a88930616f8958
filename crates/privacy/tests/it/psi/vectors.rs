//! RFC 9497 appendix A.1.1 and A.1.2: every vector of ristretto255-SHA512 in the modes OPRF and VOPRF.

use privacy::psi::oprf::{Blinder, blind_from};
use privacy::psi::{Mode, Proof, SecretKey};

struct Vector {
    mode: Mode,
    inputs: &'static [&'static str],
    blinds: &'static [&'static str],
    blinded: &'static [&'static str],
    evaluated: &'static [&'static str],
    /// Proof and the nonce it is made with.
    proof: Option<(&'static str, &'static str)>,
    outputs: &'static [&'static str],
}

const ONE: &str = "00";
const TWO: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const BLIND: &str = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706";
const NONCE: &str = "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e";
const VOPRF_ONE: &str = "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7da4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c";
const VOPRF_TWO: &str = "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6";

const KEYS: [(Mode, &str, Option<&str>); 2] = [
    (Mode::Oprf, "5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e", None),
    (
        Mode::Voprf,
        "e6f73f344b79b379f1a0dd37e07ff62e38d9f71345ce62ae3a9bc60b04ccd909",
        Some("c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e"),
    ),
];

const VECTORS: &[Vector] = &[
    Vector {
        mode: Mode::Oprf,
        inputs: &[ONE],
        blinds: &[BLIND],
        blinded: &["609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c"],
        evaluated: &["7ec6578ae5120958eb2db1745758ff379e77cb64fe77b0b2d8cc917ea0869c7e"],
        proof: None,
        outputs: &[
            "527759c3d9366f277d8c6020418d96bb393ba2afb20ff90df23fb7708264e2f3ab9135e3bd69955851de4b1f9fe8a0973396719b7912ba9ee8aa7d0b5e24bcf6",
        ],
    },
    Vector {
        mode: Mode::Oprf,
        inputs: &[TWO],
        blinds: &[BLIND],
        blinded: &["da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418"],
        evaluated: &["b4cbf5a4f1eeda5a63ce7b77c7d23f461db3fcab0dd28e4e17cecb5c90d02c25"],
        proof: None,
        outputs: &[
            "f4a74c9c592497375e796aa837e907b1a045d34306a749db9f34221f7e750cb4f2a6413a6bf6fa5e19ba6348eb673934a722a7ede2e7621306d18951e7cf2c73",
        ],
    },
    Vector {
        mode: Mode::Voprf,
        inputs: &[ONE],
        blinds: &[BLIND],
        blinded: &["863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945"],
        evaluated: &["aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e"],
        proof: Some((
            "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd066d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d",
            NONCE,
        )),
        outputs: &[VOPRF_ONE],
    },
    Vector {
        mode: Mode::Voprf,
        inputs: &[TWO],
        blinds: &[BLIND],
        blinded: &["cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c"],
        evaluated: &["60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468"],
        proof: Some((
            "401a0da6264f8cf45bb2f5264bc31e109155600babb3cd4e5af7d181a2c9dc0a67154fabf031fd936051dec80b0b6ae29c9503493dde7393b722eafdf5a50b02",
            NONCE,
        )),
        outputs: &[VOPRF_TWO],
    },
    Vector {
        mode: Mode::Voprf,
        inputs: &[ONE, TWO],
        blinds: &[BLIND, NONCE],
        blinded: &[
            "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
            "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
        ],
        evaluated: &[
            "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
            "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a",
        ],
        proof: Some((
            "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08",
            "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c",
        )),
        outputs: &[VOPRF_ONE, VOPRF_TWO],
    },
];

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}
fn many<const N: usize>(texts: &[&str]) -> Vec<[u8; N]> {
    texts.iter().map(|t| bytes(t)).collect()
}
fn server(mode: Mode) -> SecretKey {
    SecretKey::derive(mode, &[0xa3; 32], b"test key").unwrap()
}

#[test]
fn keys_are_those_of_the_rfc() {
    for (mode, secret, public) in KEYS {
        let key = server(mode);
        assert_eq!(hex::encode(key.reveal_scalar()), secret);
        if let Some(public) = public {
            assert_eq!(hex::encode(key.public().bytes()), public);
        }
    }
}

#[test]
fn every_vector_of_the_rfc_is_met_at_every_step() {
    for v in VECTORS {
        let (key, blinder) = (server(v.mode), Blinder::new(v.mode));
        let inputs: Vec<Vec<u8>> = v.inputs.iter().map(|i| hex::decode(i).unwrap()).collect();
        let items: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
        let mut blinds: Vec<_> = v.blinds.iter().map(|b| blind_from(bytes(b)).unwrap()).collect();

        let blinded = blinder.blind(&items, &blinds).unwrap();
        assert_eq!(blinded, many(v.blinded), "Blind");
        let evaluated = key.blind_evaluate(&blinded, 0).unwrap();
        assert_eq!(evaluated, many(v.evaluated), "BlindEvaluate");
        if let Some((proof, nonce)) = v.proof {
            let made = key.prove(&blinded, &evaluated, blind_from(bytes(nonce)).unwrap()).unwrap();
            assert_eq!(hex::encode(made.bytes()), proof, "GenerateProof");
            let read = Proof::read(&bytes(proof)).unwrap();
            assert!(blinder.verify(&key.public(), &blinded, &evaluated, &read).unwrap(), "VerifyProof");
        }
        let outputs = blinder.finalize(&items, &mut blinds, &evaluated, 0).unwrap();
        assert_eq!(outputs, many::<64>(v.outputs), "Finalize");
        assert_eq!(key.evaluate(&items).unwrap(), outputs, "Evaluate");
    }
}
