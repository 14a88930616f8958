//! Deterministic identifiers (STIX 2.1 section 2.9): UUID version 5 (RFC 9562 section 5.5).
//!
//! Here: observables in the standard's own namespace, from the canonical JSON of their contributing properties; other
//! objects in a namespace of this program, from the producer and what the object speaks of.

use sha1::{Digest as _, Sha1};
use uuid::{Builder, Uuid};

/// Namespace of cyber-observable objects (STIX 2.1 section 2.9).
const OBSERVABLES: Uuid = Uuid::from_u128(0x00abedb4_aa42_466c_9c01_fed23315a9b7);
/// Namespace of this program's own objects. Never change it: partners know objects by these names.
const OWN: Uuid = Uuid::from_u128(0x6d1f0c5e_93b7_4c0a_8f42_57a0e1c7d2b4);

fn version_5(namespace: Uuid, name: &[u8]) -> Uuid {
    let mut hash = Sha1::new();
    hash.update(namespace.as_bytes());
    hash.update(name);
    let digest: [u8; 20] = hash.finalize().into();
    let [first @ .., _, _, _, _] = digest;
    Builder::from_sha1_bytes(first).into_uuid()
}

/// The id of an observable whose contributing property is one text. The text holds no character that RFC 8785 and
/// serde_json escape differently: callers give domain names, addresses, URLs and hexadecimal digits.
pub(crate) fn observable(object: &str, property: &str, value: &str) -> String {
    let canonical = serde_json::json!({ property: value }).to_string();
    format!("{object}--{}", version_5(OBSERVABLES, canonical.as_bytes()))
}

/// The id of a file known by one hash (STIX 2.1 section 6.7: contributing property `hashes`).
pub(super) fn file(algorithm: &str, digest: &str) -> String {
    let canonical = serde_json::json!({ "hashes": { algorithm: digest } }).to_string();
    format!("file--{}", version_5(OBSERVABLES, canonical.as_bytes()))
}

/// The id of an object of this program: the same producer and subject give the same id.
pub(crate) fn own(object: &str, producer: &str, subject: &str) -> String {
    let name = serde_json::json!([object, producer, subject]).to_string();
    format!("{object}--{}", version_5(OWN, name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observables_are_named_as_the_standard_names_them() {
        // Made with another implementation of UUID version 5 (Python's uuid.uuid5).
        let domain = observable("domain-name", "value", "example.com");
        assert_eq!(domain, "domain-name--bedb4899-d24b-5401-bc86-8f6b4cc18ec7");
        let address = observable("ipv4-addr", "value", "198.51.100.3");
        assert_eq!(address, "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4");
    }
}
