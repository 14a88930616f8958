//! The text inside a package that tells a court how to verify it with tools that are not ours.
//!
//! Every line that begins with four blanks and a `$` is a command, to be typed in the package's folder; a test runs
//! exactly these.

const HEAD: &str = "\
HOW TO VERIFY THIS PACKAGE

This folder is a BagIt package (RFC 8493). Below data/ lies what was handed over to you; below proofs/ lie proofs. You need
none of the sender's programs to check it. Every command below is typed in this folder, on a computer that need not be
connected to anything. Each must end without an error; if one does not, do not use the package and ask for it again.

1. No file was changed. Each of these prints nothing when all is well (program: sha256sum, of every GNU system):

    $ sha256sum --check --strict --quiet tagmanifest-sha256.txt
    $ sha256sum --check --strict --quiet manifest-sha256.txt

2. No file came or went (program: bagit.py, from the Python package \"bagit\" of the Library of Congress):

    $ bagit.py --validate .

3. The sender signed exactly this list of files. It prints \"Signature Verified Successfully\" (program: openssl, 3.0 or newer):

    $ openssl pkeyutl -verify -pubin -inkey proofs/signer.pem -rawin -in tagmanifest-sha256.txt -sigfile signature.ed25519

   The key in proofs/signer.pem came with the package. It proves something only when it is the sender's: compare it with the
   sender's node key, which `comity agree key` prints there and the sender's office reads out to you. This prints it as hexadecimal digits:

    $ openssl pkey -pubin -in proofs/signer.pem -noout -text
";

const CASE: &str = "
4. The description data/case.jsonld is written in CASE/UCO, the ontology for investigations (program: case_validate, from the
   Python package \"case-utils\"; it carries the ontology with it):

    $ case_validate data/case.jsonld
";

const TAIL: &str = "
The proofs. proofs/package.leaf.json is what the sender's ledger says of this package; proofs/package.tlog-proof shows that it
stands there (C2SP tlog-proof), under a checkpoint that the sender and its witnesses signed. The ledger names no exhibit: it
holds for each a commitment, HMAC-SHA256 with a salt as key over the SHA-256 of the file. The salts are in data/salts.json;
with them anybody can compute the commitments and find them in the leaves. For the first line of salts.json that is

    printf SHA256-OF-THE-FILE | xxd -r -p | openssl mac -digest SHA256 -macopt hexkey:SALT HMAC

If the package came as one sealed file (NAME.tar.age), it was opened with the program age and the key that only you hold:

    age --decrypt --identity YOUR-KEY.txt --output package.tar NAME.tar.age
    tar -xf package.tar

The sender's own program does all of this at once: comity verify FOLDER --key KEY
";

/// The text; `case` where there is a description in CASE/UCO, `stamps` the time-stamp tokens without their `.tsr`.
pub(crate) fn readme(case: bool, stamps: &[&str]) -> String {
    let mut text = HEAD.to_owned();
    if case {
        text.push_str(CASE);
    }
    if !stamps.is_empty() {
        text.push_str(
            "\nTime stamps (RFC 3161): others than the sender say that these bytes existed at a time. FILE is what was stamped, \
             ROOTS.pem\nthe certificates of authorities that you trust (program: openssl):\n\n",
        );
        for stamp in stamps {
            text.push_str(&format!(
                "    openssl ts -verify -token_in -in {stamp}.tsr -data FILE -CAfile ROOTS.pem\n"
            ));
        }
    }
    text.push_str(TAIL);
    text
}
