//! The keys of a home: made once, wrapped at rest, opened with the passphrase.
//!
//! ```text
//! keys/home.age           the home's identity, under the passphrase (scrypt)
//! keys/organisation.age   signs agreements and delegates node keys
//! keys/node.age           signs leaves, checkpoints, bundles, packages
//! keys/sealing.age        opens bundles sealed for this partner
//! keys/pseudonym.age      master of all pseudonym keys
//! keys/person-NAME.age    one per person
//! keys/public.json        the public halves, for verifying without the passphrase
//! keys/objects/           one key per exhibit
//! ```
//! Everything but the first is wrapped for the home's identity.

use super::error::NodeError;
use ed25519_dalek::{SigningKey, VerifyingKey};
use evidence::sealed::{Identity, Recipient};
use evidence::secret::{self, SecretFile};
use privacy::Key;
use rand_core::{OsRng, RngCore as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use terms::PersonId;
use zeroize::Zeroizing;

/// The public halves of a home's keys (`comity.public/1`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Public {
    /// Always `comity.public/1`.
    pub schema: String,
    /// The organisation key, 64 hexadecimal digits.
    pub organisation: String,
    /// The node key.
    pub node: String,
    /// The sealing recipient, `age1…`.
    pub sealing: String,
    /// People's keys by name.
    pub people: BTreeMap<String, String>,
}

/// The opened keys of a home.
pub struct Keys {
    /// Wraps every other key.
    pub home: Identity,
    /// Signs agreements and delegations.
    pub organisation: SigningKey,
    /// Signs leaves, checkpoints, bundles and packages.
    pub node: SigningKey,
    /// Opens bundles for this partner.
    pub sealing: Identity,
    /// Master of pseudonym keys.
    pub pseudonym: Key,
    /// The public halves.
    pub public: Public,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.public.organisation)
    }
}

/// A verifying key as hexadecimal text.
pub fn shown(key: &VerifyingKey) -> String {
    hex::encode(key.as_bytes())
}

/// Reads what [`shown`] wrote.
pub fn read_key(text: &str) -> Option<VerifyingKey> {
    let bytes: [u8; 32] = hex::decode(text).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}

/// Whether the name of a person can be the name of a key file.
fn check_name(name: &str) -> Result<(), NodeError> {
    let fits = !name.is_empty()
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !name.starts_with('.');
    if fits {
        Ok(())
    } else {
        Err(NodeError::Value {
            what: format!("`{name}` cannot name a person: letters, digits, `-`, `_` and `.` can"),
        })
    }
}

/// What to do where a passphrase does not open a home.
const WRONG: &str = "give this home's own passphrase: look whether --home or COMITY_HOME names the home you mean, and whether \
                     COMITY_PASSPHRASE or --passphrase-file still holds another's (they are taken before you are asked; \
                     letters, case and spaces count). Nobody can reset it: without it restore `keys/` from a backup whose \
                     passphrase is known";
/// What to do where a folder of keys is damaged.
const RESTORE: &str = "restore `keys/` from its backup";

impl Keys {
    /// Makes all keys of a new home for its first person. The passphrase must not be empty.
    pub fn create(folder: &Path, passphrase: &str, person: &PersonId) -> Result<Self, NodeError> {
        if passphrase.is_empty() {
            let mend =
                "set COMITY_PASSPHRASE to a passphrase, give --passphrase-file, or type one on a terminal";
            return Err(NodeError::Locked { why: "an empty passphrase protects nothing".into(), mend });
        }
        check_name(&person.0)?;
        let home = Identity::generate();
        let recipient = home.recipient();
        let organisation = SigningKey::generate(&mut OsRng);
        let node = SigningKey::generate(&mut OsRng);
        let sealing = Identity::generate();
        let mut master = Zeroizing::new([0u8; 32]);
        OsRng.fill_bytes(master.as_mut_slice());
        let someone = SigningKey::generate(&mut OsRng);

        write_signing(folder, "organisation", &recipient, &organisation)?;
        write_signing(folder, "node", &recipient, &node)?;
        write_signing(folder, &format!("person-{person}"), &recipient, &someone)?;
        SecretFile::write(&folder.join("sealing.age"), &recipient, sealing.secret_text().as_bytes())?;
        SecretFile::write(&folder.join("pseudonym.age"), &recipient, master.as_slice())?;
        let public = Public {
            schema: "comity.public/1".into(),
            organisation: shown(&organisation.verifying_key()),
            node: shown(&node.verifying_key()),
            sealing: sealing.recipient().to_string(),
            people: BTreeMap::from([(person.0.clone(), shown(&someone.verifying_key()))]),
        };
        write_public(folder, &public)?;
        // Last: a home whose keys are half made has no identity and says so.
        let wrapped = secret::wrap_identity(&home, passphrase, secret::DEFAULT_WORK_FACTOR)?;
        let path = folder.join("home.age");
        crate::store::files::write_durably(&path, &wrapped)
            .map_err(|e| NodeError::file("writing", &path, e))?;
        private(&path)?;
        Ok(Self { home, organisation, node, sealing, pseudonym: Key::new(master), public })
    }

    /// Opens the keys of a home.
    pub fn open(folder: &Path, passphrase: &str) -> Result<Self, NodeError> {
        let path = folder.join("home.age");
        let wrapped = std::fs::read(&path).map_err(|e| NodeError::file("reading", &path, e))?;
        let home = secret::unwrap_identity(&wrapped, passphrase).map_err(|e| NodeError::Locked {
            why: format!("the passphrase does not open them ({e})"),
            mend: WRONG,
        })?;
        let organisation = read_signing(folder, "organisation", &home)?;
        let node = read_signing(folder, "node", &home)?;
        let sealing = SecretFile::read(&folder.join("sealing.age"), &home)?;
        let sealing = std::str::from_utf8(&sealing)
            .ok()
            .and_then(|t| Identity::from_secret_text(t).ok())
            .ok_or_else(|| damaged("sealing"))?;
        let master = SecretFile::read(&folder.join("pseudonym.age"), &home)?;
        let master: [u8; 32] = master.as_slice().try_into().map_err(|_| damaged("pseudonym"))?;
        let public = read_public(folder)?;
        let own = public.organisation == shown(&organisation.verifying_key())
            && public.node == shown(&node.verifying_key())
            && public.sealing == sealing.recipient().to_string();
        if !own {
            let why = "keys/public.json belongs to other keys".into();
            return Err(NodeError::Locked { why, mend: RESTORE });
        }
        Ok(Self { home, organisation, node, sealing, pseudonym: Key::new(Zeroizing::new(master)), public })
    }

    /// Where bundles for this partner are sealed to.
    pub fn recipient(&self) -> Recipient {
        self.sealing.recipient()
    }

    /// Gives a person a key of their own, unless they have one; the public half. What this value itself shows of people
    /// stays as it was opened.
    pub fn enrol(&self, folder: &Path, person: &PersonId) -> Result<String, NodeError> {
        let mut public = read_public(folder)?;
        check_name(&person.0)?;
        if let Some(known) = public.people.get(&person.0) {
            return Ok(known.clone());
        }
        let key = SigningKey::generate(&mut OsRng);
        write_signing(folder, &format!("person-{person}"), &self.home.recipient(), &key)?;
        let shown = shown(&key.verifying_key());
        public.people.insert(person.0.clone(), shown.clone());
        write_public(folder, &public)?;
        Ok(shown)
    }

    /// A person's key.
    pub fn of_person(&self, folder: &Path, person: &PersonId) -> Result<SigningKey, NodeError> {
        check_name(&person.0)?;
        read_signing(folder, &format!("person-{person}"), &self.home)
    }

    /// Adds a person with a key of their own; nothing happens where they have one.
    pub fn add_person(&mut self, folder: &Path, person: &PersonId) -> Result<(), NodeError> {
        check_name(&person.0)?;
        if self.public.people.contains_key(&person.0) {
            return Ok(());
        }
        let key = SigningKey::generate(&mut OsRng);
        write_signing(folder, &format!("person-{person}"), &self.home.recipient(), &key)?;
        self.public.people.insert(person.0.clone(), shown(&key.verifying_key()));
        write_public(folder, &self.public)
    }
}

fn damaged(which: &str) -> NodeError {
    NodeError::Locked { why: format!("keys/{which}.age holds no such key"), mend: RESTORE }
}

fn write_signing(folder: &Path, name: &str, home: &Recipient, key: &SigningKey) -> Result<(), NodeError> {
    let secret = Zeroizing::new(key.to_bytes());
    Ok(SecretFile::write(&folder.join(format!("{name}.age")), home, secret.as_slice())?)
}

fn read_signing(folder: &Path, name: &str, home: &Identity) -> Result<SigningKey, NodeError> {
    let secret = SecretFile::read(&folder.join(format!("{name}.age")), home)?;
    let secret: [u8; 32] = secret.as_slice().try_into().map_err(|_| damaged(name))?;
    Ok(SigningKey::from_bytes(&secret))
}

/// The public halves, readable without the passphrase.
pub fn read_public(folder: &Path) -> Result<Public, NodeError> {
    let path = folder.join("public.json");
    let bytes = std::fs::read(&path).map_err(|e| NodeError::file("reading", &path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| NodeError::file("reading", &path, e.into()))
}

fn write_public(folder: &Path, public: &Public) -> Result<(), NodeError> {
    let path = folder.join("public.json");
    let text = serde_json::to_vec_pretty(public).map_err(|e| NodeError::file("writing", &path, e.into()))?;
    crate::store::files::write_durably(&path, &text).map_err(|e| NodeError::file("writing", &path, e))?;
    private(&path)
}

/// For the owner's eyes only, as everything in `keys/`.
fn private(path: &Path) -> Result<(), NodeError> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(|e| NodeError::file("protecting", path, e))
}
