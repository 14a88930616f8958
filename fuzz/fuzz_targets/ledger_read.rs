//! Envelopes, checkpoints, statements, proofs, requests for cosignatures and shown heads from strangers. What reads has one spelling.
#![no_main]

use ledger::dsse::Envelope;
use ledger::heads::Shown;
use ledger::request::Request;
use ledger::statement::Statement;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(envelope) = Envelope::from_json(bytes) {
        let again = Envelope::from_canonical_json(&envelope.to_json());
        assert_eq!(again.as_ref(), Ok(&envelope));
        assert!(ledger::dsse::verify(&envelope, envelope.payload_type(), &[]).is_err(), "nobody signed");
    }
    if let Ok(statement) = Statement::parse(bytes) {
        assert_eq!(Statement::parse(&statement.to_bytes()).as_ref(), Ok(&statement));
    }
    assert!(ledger::checkpoint::open(bytes, "company.comity/ledger", &[]).is_err(), "nobody signed");
    if let Ok(proof) = ledger::proof::TlogProof::parse(bytes) {
        assert_eq!(proof.to_text(), bytes);
        assert!(proof.check(b"", "company.comity/ledger", &[]).is_err(), "nobody signed");
    }
    if let Ok(request) = Request::parse(bytes) {
        assert_eq!(request.to_text(), bytes);
    }
    assert!(
        ledger::request::add(bytes, bytes, "company.comity/ledger", &[], &[]).is_err(),
        "nobody cosigned"
    );
    if let Ok(shown) = serde_json::from_slice::<Shown>(bytes) {
        let _ = shown.check_bounds();
    }
});
