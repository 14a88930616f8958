//! Envelopes, checkpoints, statements and proofs from strangers. What reads has one spelling.
#![no_main]

use ledger::dsse::Envelope;
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
    let _ = ledger::proof::TlogProof::parse(bytes);
});
