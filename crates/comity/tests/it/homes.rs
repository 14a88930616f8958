//! Homes for tests.

use comity::node::{Birth, Node, Options};
use comity::store::{Flags, SetClock};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use terms::{PartnerId, PersonId};

/// A new home of the partner `company` in a folder of its own, its clock standing at 2026-03-09.
pub async fn new_node() -> (TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::init(&options(&folder.path().join("home")), &birth()).await.unwrap();
    (folder, node)
}

/// How that home is opened again.
pub fn options(dir: &Path) -> Options {
    Options {
        dir: dir.to_owned(),
        passphrase: zeroize::Zeroizing::new("a test has no secrets".to_owned()),
        person: None,
        clock: Arc::new(SetClock::new("2026-03-09T09:00:00Z".parse().unwrap())),
        program: Path::new(env!("CARGO_BIN_EXE_comity")).to_owned(),
        flags: Flags::default(),
    }
}

fn birth() -> Birth {
    Birth {
        partner: PartnerId::new("company").unwrap(),
        person: PersonId("analyst-1".into()),
        customer_networks: Vec::new(),
        geo: None,
    }
}
