//! The names that were seized: whole zones with everything below, and single names.
//!
//! Bounds: 100,000 names; a question costs one look-up for each of its labels.

use crate::SinkholeError;
use std::collections::HashMap;
use std::sync::Arc;

/// Names and zones at most.
const MOST: usize = 100_000;
/// Octets of a name in wire form (RFC 1035 section 3.1), without the length of the root.
const LONGEST: usize = 253;

/// A name or zone that was seized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seized {
    /// The name in lower case without final dot.
    pub name: Arc<str>,
    /// Whether everything below is seized with it.
    pub zone: bool,
    /// Its family, by index.
    pub(crate) family: Option<usize>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Names {
    map: HashMap<Box<[u8]>, Seized>,
}

impl Names {
    /// The table of these zones and names. The same name as zone and alone is a zone.
    ///
    /// # Errors
    /// CMT-1401 for what is no host name (RFC 1123 section 2.1, `_` allowed), for a top-level domain, and above 100,000.
    pub fn new<'a>(
        zones: impl IntoIterator<Item = &'a str>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, SinkholeError> {
        let mut map = HashMap::new();
        let both = zones.into_iter().map(|z| (z, true)).chain(names.into_iter().map(|n| (n, false)));
        for (text, zone) in both {
            let name = text.trim_end_matches('.').to_ascii_lowercase();
            if !host(&name) || !name.contains('.') {
                let shown: String = text.chars().take(80).collect();
                return Err(SinkholeError::Sense {
                    why: format!("`{shown}` is no name below a top-level domain"),
                });
            }
            if map.len() >= MOST {
                return Err(SinkholeError::Sense { why: format!("more than {MOST} names") });
            }
            let seized = Seized { name: name.as_str().into(), zone, family: None };
            map.entry(name.into_bytes().into_boxed_slice()).or_insert(seized);
        }
        Ok(Self { map })
    }

    /// Says which family a seized name belongs to; names that are not seized are left alone.
    pub(crate) fn belongs(&mut self, name: &str, family: usize) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.map.get_mut(name.as_bytes()).map(|s| s.family = Some(family)).is_some()
    }

    /// Whether nothing was seized by name.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// The seized name or zone that a name in lower case without final dot falls under; the most special one.
    pub fn find(&self, name: &[u8]) -> Option<&Seized> {
        if name.len() > LONGEST {
            return None;
        }
        let mut rest = name;
        loop {
            if let Some(found) = self.map.get(rest).filter(|s| s.zone || rest.len() == name.len()) {
                return Some(found);
            }
            let dot = rest.iter().position(|b| *b == b'.')?;
            rest = rest.get(dot + 1..)?;
        }
    }

    /// All names, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Seized> {
        self.map.values()
    }
}

fn host(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        })
}
