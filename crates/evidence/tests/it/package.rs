//! A package verifies as packed and in no other state.

use crate::vault::{files, in_memory};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use evidence::{
    EvidenceError,
    package::{Item, Packed, verify_package, write_package},
};
use ledger::dsse;
use proptest::prelude::*;
use std::{fs, path::Path};
use terms::{Day, Digest};

const DAY: Day = Day(20_514);

fn node(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn known(n: u8) -> Vec<(String, VerifyingKey)> {
    let key = node(n).verifying_key();
    vec![(dsse::keyid(&key), key)]
}

fn pack(dir: &Path) -> Packed {
    let items = [
        Item::payload("orders/order-de-114.json", &b"{\"order\":1}"[..]),
        Item::payload("exhibits/sample.bin", &[0u8, 255, 7][..]),
        Item::payload("empty", &b""[..]),
        Item::proof("0001.tlog-proof", &b"c2sp.org/tlog-proof@v1\n"[..]),
    ];
    let info = [("External-Identifier", "spring-tide-de"), ("Source-Organization", "Meridian Software")];
    write_package(dir, items, &info, DAY, &node(1)).unwrap()
}

#[test]
fn a_package_is_the_golden_folder_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("out/package-de");
    let packed = pack(&dir);
    let report = verify_package(&dir, &known(1)).unwrap();
    assert_eq!((report.digest, report.bytes), (packed.digest, packed.bytes));
    assert_eq!((packed.files, packed.bytes), (3, 14));
    assert_eq!(report.signed_by, [known(1).remove(0).0]);
    assert_eq!(report.payload["data/exhibits/sample.bin"], Digest::of(&[0, 255, 7]));
    assert_eq!(report.tags.keys().collect::<Vec<_>>(), ["proofs/0001.tlog-proof"]);
    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!(text("bagit.txt"), "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n");
    assert_eq!(
        text("bag-info.txt"),
        "Bagging-Date: 2026-03-02\nPayload-Oxum: 14.3\nExternal-Identifier: spring-tide-de\nSource-Organization: Meridian Software\n"
    );
    assert_eq!(
        text("manifest-sha256.txt").lines().map(|l| l.split_once("  ").unwrap().1).collect::<Vec<_>>(),
        ["data/empty", "data/exhibits/sample.bin", "data/orders/order-de-114.json"]
    );
    // The same content packs to the same bytes.
    let twin = folder.path().join("twin");
    assert_eq!(pack(&twin), packed);
    for (a, b) in files(&dir).iter().zip(files(&twin)) {
        assert_eq!(fs::read(a).unwrap(), fs::read(b).unwrap());
    }
    assert!(matches!(write_package(&dir, [], &[], DAY, &node(1)), Err(EvidenceError::PackageExists(_))));
    assert!(matches!(verify_package(&dir, &known(2)), Err(EvidenceError::PackageSignature(_))));
    assert!(matches!(verify_package(&dir, &[]), Err(EvidenceError::PackageSignature(_))));
}

#[test]
fn every_byte_of_every_file_counts() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("p");
    pack(&dir);
    for file in files(&dir) {
        let bytes = fs::read(&file).unwrap();
        let name = file.strip_prefix(&dir).unwrap().to_string_lossy().into_owned();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&file, &changed).unwrap();
            match verify_package(&dir, &known(1)).unwrap_err() {
                EvidenceError::PackageChanged { file, .. } => assert_eq!(file, name, "byte {at}"),
                EvidenceError::PackageSignature(_) => assert_eq!(name, "signature.dsse.json", "byte {at}"),
                other => panic!("byte {at} of {name}: {other}"),
            }
        }
        fs::write(&file, [&bytes[..], b"\n"].concat()).unwrap();
        assert!(verify_package(&dir, &known(1)).is_err(), "one byte more in {name}");
        fs::remove_file(&file).unwrap();
        assert_eq!(verify_package(&dir, &known(1)).unwrap_err(), EvidenceError::PackageMissing(name));
        fs::write(&file, &bytes).unwrap();
    }
    verify_package(&dir, &known(1)).unwrap();
}

#[test]
fn what_was_added_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("p");
    pack(&dir);
    for stray in
        ["data/more.txt", "note.txt", "proofs/x", "data/orders/..hidden", "with blank", "manifest-md5.txt"]
    {
        fs::write(dir.join(stray), b"x").unwrap();
        assert_eq!(verify_package(&dir, &known(1)).unwrap_err(), EvidenceError::PackageStray(stray.into()));
        fs::remove_file(dir.join(stray)).unwrap();
    }
    fs::create_dir(dir.join("data/void")).unwrap();
    assert_eq!(verify_package(&dir, &known(1)).unwrap_err(), EvidenceError::PackageStray("data/void".into()));
    fs::remove_dir(dir.join("data/void")).unwrap();
    #[cfg(unix)]
    {
        // A link with the very bytes is still no file of a package.
        fs::rename(dir.join("data/empty"), folder.path().join("empty")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("empty"), dir.join("data/empty")).unwrap();
        assert_eq!(
            verify_package(&dir, &known(1)).unwrap_err(),
            EvidenceError::PackageStray("data/empty".into())
        );
    }
}

/// Signs a package folder again after its manifest was rewritten: what a hostile packer with a known key can do.
fn sign_again(dir: &Path, manifest: &str) {
    fs::write(dir.join("manifest-sha256.txt"), manifest).unwrap();
    let names = [
        "README.txt",
        "bag-info.txt",
        "bagit.txt",
        "manifest-sha256.txt",
        "proofs/0001.tlog-proof",
        "proofs/signer.pem",
    ];
    let tags: String =
        (names.iter()).map(|n| format!("{}  {n}\n", Digest::of(&fs::read(dir.join(n)).unwrap()))).collect();
    fs::write(dir.join("tagmanifest-sha256.txt"), &tags).unwrap();
    let signed =
        format!(r#"{{"schema":"comity.package/2","tagmanifest":"{}"}}"#, Digest::of(tags.as_bytes()));
    let envelope = dsse::sign(evidence::package::PAYLOAD_TYPE, signed.as_bytes(), &node(1)).unwrap();
    fs::write(dir.join("signature.dsse.json"), envelope.to_json()).unwrap();
    fs::write(dir.join("signature.ed25519"), node(1).sign(tags.as_bytes()).to_bytes()).unwrap();
}

#[test]
fn a_signed_manifest_may_not_lead_outside() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("p");
    pack(&dir);
    fs::write(folder.path().join("secret"), b"x").unwrap();
    let digest = Digest::of(b"x");
    let manifest = fs::read_to_string(dir.join("manifest-sha256.txt")).unwrap();
    sign_again(&dir, &manifest);
    verify_package(&dir, &known(1)).unwrap();
    let absolute = folder.path().join("secret");
    for path in [
        "../secret",
        "data/../../secret",
        "data/./empty",
        "data//empty",
        "/etc/hostname",
        absolute.to_str().unwrap(),
        "data\\..\\..\\secret",
        "data/%2e%2e/secret",
        "bagit.txt",
        "data/",
        "",
        &format!("data/{}", "a/".repeat(400)),
    ] {
        sign_again(&dir, &format!("{manifest}{digest}  {path}\n"));
        match verify_package(&dir, &known(1)).unwrap_err() {
            EvidenceError::PackageChanged { file, .. } => assert_eq!(file, "manifest-sha256.txt", "{path}"),
            other => panic!("{path}: {other}"),
        }
    }
    sign_again(&dir, &format!("{manifest}{manifest}"));
    assert!(verify_package(&dir, &known(1)).is_err(), "a file twice");
}

#[test]
fn bad_names_and_descriptions_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("p");
    for path in
        ["", "../x", "/x", "a//b", "a/./b", "a/..", "a b", "ä", "a\nb", "x.", "a/b/", &"n".repeat(256)]
    {
        let refused = write_package(&dir, [Item::payload(path, &b"x"[..])], &[], DAY, &node(1)).unwrap_err();
        assert!(matches!(refused, EvidenceError::PackagePath(_)), "{path:?}");
    }
    let twice = [Item::payload("A.txt", &b"x"[..]), Item::payload("a.txt", &b"y"[..])];
    assert!(matches!(write_package(&dir, twice, &[], DAY, &node(1)), Err(EvidenceError::PackagePath(_))));
    for info in [("", "x"), ("a:b", "x"), ("A", ""), ("A", "x\ny"), ("Payload-Oxum", "1.1"), (" A", "x")] {
        let refused = write_package(&dir, [], &[info], DAY, &node(1)).unwrap_err();
        assert!(matches!(refused, EvidenceError::PackageInfo(_)), "{info:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    write_package(&dir, [], &[], DAY, &node(1)).unwrap();
    assert_eq!(verify_package(&dir, &known(1)).unwrap().bytes, 0);
}

#[tokio::test]
async fn an_exhibit_goes_from_the_vault_into_a_package_unread_by_others() {
    let vault = in_memory();
    let bytes = vec![5u8; 300_000];
    let id = vault.seal_bytes(&bytes).await.unwrap().id;
    let reader = vault.open_blocking(&id).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("p");
    let at = dir.clone();
    let packed = tokio::task::spawn_blocking(move || {
        write_package(&at, [Item::payload(&format!("exhibits/{id}"), reader)], &[], DAY, &node(1))
    });
    assert_eq!(packed.await.unwrap().unwrap().bytes, 300_000);
    assert_eq!(verify_package(&dir, &known(1)).unwrap().payload[&format!("data/exhibits/{id}")], id.0);
}

/// Any one bit of a package, wherever it lies.
#[test]
fn ten_thousand_flipped_bits_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("p");
    pack(&dir);
    let files: Vec<_> = files(&dir).into_iter().map(|f| (fs::read(&f).unwrap(), f)).collect();
    let total: usize = files.iter().map(|(bytes, _)| bytes.len()).sum();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut touched = std::collections::BTreeSet::new();
    for _ in 0..10_000 {
        // xorshift64* (Vigna): a seed, so that a failure comes again.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let dice = usize::try_from(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16).unwrap();
        let (mut at, bit) = (dice / 8 % total, dice % 8);
        let (bytes, file) = (files.iter())
            .find(|(bytes, _)| {
                let here = at < bytes.len();
                at -= if here { 0 } else { bytes.len() };
                here
            })
            .unwrap();
        let mut changed = bytes.clone();
        changed[at] ^= 1 << bit;
        fs::write(file, &changed).unwrap();
        let refused = verify_package(&dir, &known(1));
        fs::write(file, bytes).unwrap();
        assert!(refused.is_err(), "byte {at} bit {bit} of {}", file.display());
        touched.insert(file.clone());
    }
    assert!(touched.len() >= 8, "{touched:?}");
    verify_package(&dir, &known(1)).unwrap();
}

/// Names are part of what is signed; rights and times are not: they do not survive a stick or a mail.
#[test]
fn names_count_and_rights_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("p");
    pack(&dir);
    for (from, to) in [
        ("data/empty", "data/Empty"),
        ("data/empty", "data/emptz"),
        ("data/empty", "empty"),
        ("data/exhibits/sample.bin", "data/sample.bin"),
        ("data/exhibits", "data/exhibit"),
        ("proofs/0001.tlog-proof", "proofs/0002.tlog-proof"),
        ("proofs/signer.pem", "proofs/signer.pem.bak"),
        ("README.txt", "readme.txt"),
        ("bagit.txt", "bagit.tx"),
        ("bag-info.txt", "data/bag-info.txt"),
        ("manifest-sha256.txt", "manifest-sha512.txt"),
        ("tagmanifest-sha256.txt", "tagmanifest-sha1.txt"),
        ("signature.dsse.json", "signature.json"),
        ("signature.ed25519", "signature.bin"),
    ] {
        fs::rename(dir.join(from), dir.join(to)).unwrap();
        assert!(verify_package(&dir, &known(1)).is_err(), "{from} as {to}");
        fs::rename(dir.join(to), dir.join(from)).unwrap();
    }
    // Two files change places: each name is there, each content is there.
    let (a, b, c) = (dir.join("data/empty"), dir.join("data/exhibits/sample.bin"), folder.path().join("c"));
    let swap = || {
        fs::rename(&a, &c).unwrap();
        fs::rename(&b, &a).unwrap();
        fs::rename(&c, &b).unwrap();
    };
    swap();
    assert!(verify_package(&dir, &known(1)).is_err());
    swap();
    let whole = verify_package(&dir, &known(1)).unwrap();
    #[cfg(unix)]
    for mode in [0o400, 0o600, 0o644, 0o755, 0o777] {
        use std::os::unix::fs::PermissionsExt as _;
        for file in files(&dir) {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(verify_package(&dir, &known(1)).unwrap(), whole, "{mode:o}");
    }
}

/// The two signatures are of one signer: an envelope by one known key and a detached signature by another is no package.
#[test]
fn both_signatures_are_of_the_same_signer() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("p");
    pack(&dir);
    let tags = fs::read(dir.join("tagmanifest-sha256.txt")).unwrap();
    let both: Vec<_> = [known(1), known(2)].concat();
    verify_package(&dir, &both).unwrap();
    fs::write(dir.join("signature.ed25519"), node(2).sign(&tags).to_bytes()).unwrap();
    for keys in [known(1), both] {
        let refused = verify_package(&dir, &keys).unwrap_err();
        assert!(
            matches!(&refused, EvidenceError::PackageChanged { file, .. } if file == "signature.ed25519"),
            "{refused}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_content_packs_and_verifies(contents in prop::collection::btree_map("[a-z0-9]{1,8}(/[a-z0-9_-]{1,8}){0,3}\\.bin", prop::collection::vec(any::<u8>(), 0..200), 0..6)) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("p");
        let items = contents.iter().map(|(path, bytes)| Item::payload(path, bytes.as_slice()));
        write_package(&dir, items, &[], DAY, &node(1)).unwrap();
        let report = verify_package(&dir, &known(1)).unwrap();
        prop_assert_eq!(report.payload.len(), contents.len());
        for (path, bytes) in &contents {
            prop_assert_eq!(report.payload[&format!("data/{path}")], Digest::of(bytes));
        }
    }
}
