//! DSSE v1 envelopes (<https://github.com/secure-systems-lab/dsse>, `protocol.md` and `envelope.md`) with Ed25519.
//!
//! Here: the pre-authentication encoding, signing, countersigning, strict parsing and verification.
//! Elsewhere: whose key a key id is (agreements delegate keys), and what the payload means.
//! Bounds: payload 16 MiB, JSON 24 MiB, 64 signatures, key id and payload type 1 to 256 bytes.

use crate::LedgerError;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Largest payload in bytes that is made or read.
pub const MAX_PAYLOAD: usize = 16 << 20;
/// Largest JSON text of an envelope in bytes that is read.
pub const MAX_JSON: usize = 24 << 20;
/// Most signatures one envelope may carry.
pub const MAX_SIGNATURES: usize = 64;
/// Longest key id and longest payload type, in bytes.
pub const MAX_NAME: usize = 256;

/// A payload, what it is, and who signed both. Made by [`sign`] or read by [`Envelope::from_json`]; the payload of a
/// read envelope is not to be believed before [`verify`] or [`verify_all`] hands it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeSignature {
    keyid: String,
    signature: [u8; 64],
}

impl EnvelopeSignature {
    /// The key id the signer wrote: a hint, which no signature covers. Empty when none was given.
    pub fn keyid(&self) -> &str {
        &self.keyid
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
struct WireSignature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// The key id this program writes: SHA-256 of the 32-byte Ed25519 public key, lower-case hex.
pub fn keyid(key: &VerifyingKey) -> String {
    hex::encode(Sha256::digest(key.as_bytes()))
}

/// The bytes that are signed: `"DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload` (DSSE `protocol.md`, PAE).
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Seals `payload` with one signature.
///
/// # Errors
/// CMT-0301 when the payload is above 16 MiB or the type is empty or too long.
pub fn sign(payload_type: &str, payload: &[u8], key: &SigningKey) -> Result<Envelope, LedgerError> {
    check_bounds(payload_type, payload.len())?;
    let mut envelope =
        Envelope { payload: payload.to_vec(), payload_type: payload_type.to_owned(), signatures: Vec::new() };
    envelope.add_signature(key)?;
    Ok(envelope)
}

/// The payload, when at least one of `keys` signed it as `payload_type`. Signatures that name other keys are ignored;
/// one that names a given key and does not fit refuses the envelope.
///
/// # Errors
/// CMT-0302 another type, CMT-0303 nobody known signed, CMT-0305 a signature of a given key is wrong.
pub fn verify<'e>(
    envelope: &'e Envelope,
    payload_type: &str,
    keys: &[(String, VerifyingKey)],
) -> Result<&'e [u8], LedgerError> {
    let signers = verified_keyids(envelope, payload_type, keys)?;
    if signers.is_empty() {
        let named = envelope.signatures.iter().map(|s| s.keyid.clone()).collect();
        return Err(LedgerError::NotSigned { named });
    }
    Ok(&envelope.payload)
}

/// The payload, when EVERY one of `keys` signed it as `payload_type` (four eyes, both parties of an agreement).
///
/// # Errors
/// As [`verify`], and CMT-0304 naming the first key that did not sign; CMT-0303 when `keys` is empty.
pub fn verify_all<'e>(
    envelope: &'e Envelope,
    payload_type: &str,
    keys: &[(String, VerifyingKey)],
) -> Result<&'e [u8], LedgerError> {
    let payload = verify(envelope, payload_type, keys)?;
    let signers = verified_keyids(envelope, payload_type, keys)?;
    match keys.iter().find(|(id, _)| !signers.contains(id)) {
        Some((id, _)) => Err(LedgerError::SignatureMissing(id.clone())),
        None => Ok(payload),
    }
}

/// The ids of those of `keys` whose signature on the envelope is right, in the order of `keys`. May be empty.
///
/// # Errors
/// CMT-0302 another type, CMT-0305 a signature that names one of `keys` is wrong.
pub fn verified_keyids(
    envelope: &Envelope,
    payload_type: &str,
    keys: &[(String, VerifyingKey)],
) -> Result<Vec<String>, LedgerError> {
    if envelope.payload_type != payload_type {
        return Err(LedgerError::PayloadType {
            expected: payload_type.to_owned(),
            found: envelope.payload_type.clone(),
        });
    }
    let message = pae(&envelope.payload_type, &envelope.payload);
    let mut good = Vec::new();
    for (id, key) in keys {
        let mut named_but_wrong = false;
        let mut fits = false;
        for s in envelope.signatures.iter().filter(|s| s.keyid.is_empty() || s.keyid == *id) {
            let right = key.verify_strict(&message, &Signature::from_bytes(&s.signature)).is_ok();
            fits |= right;
            named_but_wrong |= !right && !s.keyid.is_empty();
        }
        if named_but_wrong {
            return Err(LedgerError::BadSignature(id.clone()));
        }
        if fits && !good.contains(id) {
            good.push(id.clone());
        }
    }
    Ok(good)
}

impl Envelope {
    /// What the payload is said to be (a media type). Covered by every signature.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload as it stands in the envelope, NOT verified. For routing only (which agreement's keys to look up).
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signatures, in order.
    pub fn signatures(&self) -> &[EnvelopeSignature] {
        &self.signatures
    }

    /// Adds the signature of `key` under its [`keyid`]; replaces an earlier one of the same key.
    ///
    /// # Errors
    /// CMT-0301 when 64 others signed already.
    pub fn add_signature(&mut self, key: &SigningKey) -> Result<(), LedgerError> {
        let id = keyid(&key.verifying_key());
        self.signatures.retain(|s| s.keyid != id);
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(LedgerError::Envelope(format!("more than {MAX_SIGNATURES} signatures")));
        }
        let signature = key.sign(&pae(&self.payload_type, &self.payload)).to_bytes();
        self.signatures.push(EnvelopeSignature { keyid: id, signature });
        Ok(())
    }

    /// The envelope as compact JSON with standard base64: the same envelope always gives the same bytes.
    pub fn to_json(&self) -> Vec<u8> {
        let wire = Wire {
            payload: STANDARD.encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: (self.signatures.iter())
                .map(|s| WireSignature { keyid: s.keyid.clone(), sig: STANDARD.encode(s.signature) })
                .collect(),
        };
        // Text and lists of text always serialise.
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Reads an envelope. Standard and URL-safe base64 are read and unknown fields ignored (DSSE `envelope.md`).
    ///
    /// # Errors
    /// CMT-0301 for anything that is not an envelope within the bounds, has no signature or a field twice.
    pub fn from_json(json: &[u8]) -> Result<Self, LedgerError> {
        let bad = |why: &str| LedgerError::Envelope(why.to_owned());
        if json.len() > MAX_JSON {
            return Err(bad("more than 24 MiB"));
        }
        let wire: Wire = serde_json::from_slice(json).map_err(|e| LedgerError::Envelope(e.to_string()))?;
        let payload = decode(&wire.payload).ok_or_else(|| bad("the payload is not base64"))?;
        check_bounds(&wire.payload_type, payload.len())?;
        if wire.signatures.is_empty() || wire.signatures.len() > MAX_SIGNATURES {
            return Err(bad("it needs 1 to 64 signatures"));
        }
        let signatures = (wire.signatures.into_iter()).map(read_signature).collect::<Result<_, _>>()?;
        Ok(Self { payload, payload_type: wire.payload_type, signatures })
    }

    /// Reads an envelope as [`from_json`](Self::from_json) and demands the very bytes that [`to_json`](Self::to_json)
    /// writes, so that no byte of the file can change unseen.
    ///
    /// # Errors
    /// CMT-0301 also for another spelling of the same envelope.
    pub fn from_canonical_json(json: &[u8]) -> Result<Self, LedgerError> {
        let envelope = Self::from_json(json)?;
        if envelope.to_json() != json {
            return Err(LedgerError::Envelope("it is not written in the one allowed spelling".into()));
        }
        Ok(envelope)
    }
}

fn read_signature(wire: WireSignature) -> Result<EnvelopeSignature, LedgerError> {
    if wire.keyid.len() > MAX_NAME {
        return Err(LedgerError::Envelope("a key id is longer than 256 bytes".into()));
    }
    let signature = (decode(&wire.sig).and_then(|s| s.try_into().ok()))
        .ok_or_else(|| LedgerError::Envelope("a signature is not 64 bytes in base64".into()))?;
    Ok(EnvelopeSignature { keyid: wire.keyid, signature })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

fn check_bounds(payload_type: &str, payload: usize) -> Result<(), LedgerError> {
    if payload_type.is_empty() || payload_type.len() > MAX_NAME {
        return Err(LedgerError::Envelope("the payload type needs 1 to 256 bytes".into()));
    }
    if payload > MAX_PAYLOAD {
        return Err(LedgerError::Envelope("the payload is above 16 MiB".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;

    fn key(n: u8) -> (SigningKey, (String, VerifyingKey)) {
        let key = SigningKey::from_bytes(&[n; 32]);
        let public = key.verifying_key();
        (key, (keyid(&public), public))
    }

    #[test]
    fn the_encoding_is_the_one_of_the_specification() {
        // protocol.md, "Test vectors".
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(pae("é", b""), "DSSEv1 2 é 0 ".as_bytes());
    }

    #[test]
    fn each_key_is_demanded_when_all_are() {
        let ((one, one_id), (two, two_id), (_, three_id)) = (key(1), key(2), key(3));
        let mut e = sign("a/b", b"text", &one).unwrap();
        assert_eq!(verify(&e, "a/b", &[three_id.clone(), one_id.clone()]), Ok(b"text".as_slice()));
        assert_eq!(
            verify_all(&e, "a/b", &[one_id.clone(), two_id.clone()]),
            Err(LedgerError::SignatureMissing(two_id.0.clone()))
        );
        e.add_signature(&two).unwrap();
        assert_eq!(verify_all(&e, "a/b", &[one_id.clone(), two_id]), Ok(b"text".as_slice()));
        assert!(matches!(verify(&e, "a/c", &[one_id]), Err(LedgerError::PayloadType { .. })));
        assert!(matches!(verify(&e, "a/b", &[three_id]), Err(LedgerError::NotSigned { .. })));
        assert!(verify_all(&e, "a/b", &[]).is_err());
    }

    #[test]
    fn no_byte_of_a_canonical_envelope_can_change() {
        let (one, id) = key(1);
        let json = sign("a/b", b"text, and more of it", &one).unwrap().to_json();
        let read = |j: &[u8]| {
            Envelope::from_canonical_json(j)
                .and_then(|e| verify(&e, "a/b", std::slice::from_ref(&id)).map(<[u8]>::to_vec))
        };
        assert!(read(&json).is_ok());
        for at in 0..json.len() {
            for bit in 0..8 {
                let mut changed = json.clone();
                if let Some(b) = changed.get_mut(at) {
                    *b ^= 1 << bit;
                }
                assert!(read(&changed).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn hostile_envelopes_are_refused() {
        let sig = STANDARD.encode([0u8; 64]);
        for json in [
            "{}".to_owned(),
            r#"{"payload":"","payloadType":"a","signatures":[]}"#.to_owned(),
            format!(r#"{{"payload":"","payloadType":"","signatures":[{{"sig":"{sig}"}}]}}"#),
            format!(r#"{{"payload":"*","payloadType":"a","signatures":[{{"sig":"{sig}"}}]}}"#),
            format!(r#"{{"payload":"","payload":"","payloadType":"a","signatures":[{{"sig":"{sig}"}}]}}"#),
            r#"{"payload":"","payloadType":"a","signatures":[{"sig":"AAAA"}]}"#.to_owned(),
            format!(
                r#"{{"payload":"","payloadType":"a","signatures":[{}]}}"#,
                vec![format!(r#"{{"sig":"{sig}"}}"#); 65].join(",")
            ),
        ] {
            assert!(Envelope::from_json(json.as_bytes()).is_err(), "{json}");
        }
        let spoken =
            format!(r#"{{"payload":"aGk_","x":1,"payloadType":"a","signatures":[{{"sig":"{sig}"}}]}}"#);
        assert_eq!(Envelope::from_json(spoken.as_bytes()).unwrap().unverified_payload(), b"hi?");
    }
}
