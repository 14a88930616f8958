//! Object keys: one age identity and one salt per exhibit, which live and die together.
//!
//! Here: the key, the trait, the keystore in memory. Elsewhere: the keystore on disk ([`crate::FileKeystore`]).
//! A key is never stored inside the object it opens, nor anywhere below the vault's store.

use crate::{EvidenceError, sealed::Identity};
use ledger::{Commitment, Salt, commit};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};
use terms::ExhibitId;
use zeroize::Zeroizing;

/// What opens one exhibit and its commitments. Never shown by `Debug`.
#[derive(Clone)]
pub struct ObjectKey {
    identity: Identity,
    salt: Salt,
    object: String,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    schema: String,
    identity: String,
    salt: String,
    object: String,
}

const SCHEMA: &str = "comity.object-key/1";

impl ObjectKey {
    /// A new key and salt for an object stored under this name.
    pub fn generate(object: &str) -> Self {
        Self { identity: Identity::generate(), salt: Salt::random(), object: object.to_owned() }
    }
    /// The age identity that opens the object.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }
    /// The salt of the exhibit's commitments: disclosed in packages, else secret.
    pub const fn salt(&self) -> &Salt {
        &self.salt
    }
    /// The object's random name in the vault's store.
    pub fn object(&self) -> &str {
        &self.object
    }
    /// The exhibit's commitment, as the ledger holds it.
    pub fn commitment(&self, id: &ExhibitId) -> Commitment {
        commit(&self.salt, &id.0)
    }

    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let wire = Wire {
            schema: SCHEMA.into(),
            identity: self.identity.secret_text().to_string(),
            salt: self.salt.to_hex(),
            object: self.object.clone(),
        };
        Zeroizing::new(serde_json::to_vec(&wire).unwrap_or_default())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(bytes).ok()?;
        let named = wire.object.len() == 32 && wire.object.bytes().all(|b| b.is_ascii_hexdigit());
        if wire.schema != SCHEMA || !named {
            return None;
        }
        let identity = Identity::from_secret_text(&Zeroizing::new(wire.identity)).ok()?;
        Some(Self { identity, salt: Salt::from_hex(&wire.salt).ok()?, object: wire.object })
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectKey(secret, of {})", self.object)
    }
}

/// Keeps object keys. Every call may block; what it acknowledges is durable.
pub trait Keystore: Send + Sync + fmt::Debug {
    /// Keeps a key, if the exhibit has none yet. Returns whether it was kept; `false` leaves the old one.
    ///
    /// # Errors
    /// CMT-0408 or CMT-0411 when it could not be kept.
    fn put(&self, id: &ExhibitId, key: &ObjectKey) -> Result<bool, EvidenceError>;
    /// The exhibit's key; `None` when there is none or it was destroyed.
    ///
    /// # Errors
    /// CMT-0408 unreadable, CMT-0409 when it does not open.
    fn get(&self, id: &ExhibitId) -> Result<Option<ObjectKey>, EvidenceError>;
    /// Overwrites and removes the key; nobody can open the object afterwards. Returns whether there was one.
    ///
    /// # Errors
    /// CMT-0408; then the key may still be there: try again.
    fn destroy(&self, id: &ExhibitId) -> Result<bool, EvidenceError>;
    /// Every exhibit with a key, in ascending order.
    ///
    /// # Errors
    /// CMT-0408.
    fn list(&self) -> Result<Vec<ExhibitId>, EvidenceError>;
}

/// Keys in memory: for tests and for homes that shall forget.
#[derive(Debug, Default)]
pub struct MemoryKeystore {
    keys: Mutex<BTreeMap<ExhibitId, ObjectKey>>,
}

impl MemoryKeystore {
    /// An empty keystore.
    pub fn new() -> Self {
        Self::default()
    }
    fn keys(&self) -> std::sync::MutexGuard<'_, BTreeMap<ExhibitId, ObjectKey>> {
        // A map that was being changed when a thread stopped is still a map of whole keys.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keystore for MemoryKeystore {
    fn put(&self, id: &ExhibitId, key: &ObjectKey) -> Result<bool, EvidenceError> {
        let mut keys = self.keys();
        if keys.contains_key(id) {
            return Ok(false);
        }
        keys.insert(*id, key.clone());
        Ok(true)
    }
    fn get(&self, id: &ExhibitId) -> Result<Option<ObjectKey>, EvidenceError> {
        Ok(self.keys().get(id).cloned())
    }
    fn destroy(&self, id: &ExhibitId) -> Result<bool, EvidenceError> {
        // Identity and salt overwrite themselves when dropped.
        Ok(self.keys().remove(id).is_some())
    }
    fn list(&self) -> Result<Vec<ExhibitId>, EvidenceError> {
        Ok(self.keys().keys().copied().collect())
    }
}
