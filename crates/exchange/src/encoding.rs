//! Bytes as base64 (RFC 4648 section 4) in JSON, in one spelling only.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
use std::borrow::Cow;

pub(crate) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&STANDARD.encode(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
    let text = Cow::<'de, str>::deserialize(d)?;
    STANDARD.decode(text.as_bytes()).map_err(D::Error::custom)
}
