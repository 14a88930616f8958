//! A Merkle tree in memory (RFC 6962 section 2.1): the root over the records of one batch, which stands in one leaf of
//! the log, and the proof that one record is among them.
//!
//! Elsewhere: the log itself, which is kept in tiles ([`crate::log`]). Bounds: 64 bytes of memory for each record.

use crate::proof::{MAX_HASHES, told};
use crate::{Head, LedgerError, proof};
use terms::Digest;
use tlog_tiles::{Hash, HashReader};

/// The tree over the records pushed so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tree {
    /// By height, the roots of all complete subtrees.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Adds a record.
    pub fn push(&mut self, record: &[u8]) {
        let mut node = tlog_tiles::record_hash(record);
        for height in 0.. {
            if self.levels.len() == height {
                self.levels.push(Vec::new());
            }
            let Some(level) = self.levels.get_mut(height) else { return };
            level.push(node);
            match level.as_slice() {
                [.., left, right] if level.len().is_multiple_of(2) => {
                    node = tlog_tiles::node_hash(*left, *right);
                }
                _ => return,
            }
        }
    }

    /// How many records it has.
    pub fn len(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }
    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The root; over no record that of an empty log.
    ///
    /// # Errors
    /// CMT-0317; cannot occur.
    pub fn root(&self) -> Result<Digest, LedgerError> {
        Ok(Digest(tlog_tiles::tree_hash(self.len(), self).map_err(told)?.0))
    }

    /// Proves that the record at `index`, from 0, is in the tree.
    ///
    /// # Errors
    /// CMT-0317 where there is no such record.
    pub fn prove(&self, index: u64) -> Result<Vec<Digest>, LedgerError> {
        let path = tlog_tiles::prove_record(self.len(), index, self).map_err(told)?;
        Ok(path.into_iter().map(|h| Digest(h.0)).collect())
    }
}

/// Checks that the record stands at `index` of the tree of `len` records with this root.
///
/// # Errors
/// CMT-0317.
pub fn check(root: Digest, len: u64, index: u64, record: &[u8], path: &[Digest]) -> Result<(), LedgerError> {
    if path.len() > MAX_HASHES {
        return Err(LedgerError::Proof("it is larger than any tree".into()));
    }
    let head = Head { origin: String::new(), size: len, root };
    proof::check_inclusion(&head, index, proof::leaf_hash(record), path)
}

impl HashReader for Tree {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let read = |&index: &u64| {
            let (height, n) = tlog_tiles::split_stored_hash_index(index);
            let level = self.levels.get(usize::from(height));
            let found = level.and_then(|l| l.get(usize::try_from(n).ok()?)).copied();
            found.ok_or_else(|| tlog_tiles::Error::InvalidInput("no such subtree".into()))
        };
        indexes.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use crate::Log;

    fn record(n: u64) -> Vec<u8> {
        format!("record {n}").into_bytes()
    }

    /// The same root as a log in tiles with these leaves; every proof holds, and for no other record, place or size.
    #[test]
    fn it_is_the_tree_of_a_log_with_these_leaves() {
        let mut tree = Tree::default();
        let mut log = Log::empty("company.example/ledger").unwrap();
        assert_eq!(tree.root().unwrap(), log.head().root);
        for len in 1..=70u64 {
            tree.push(&record(len - 1));
            log = log.append(&[record(len - 1)]).unwrap().log;
            let root = tree.root().unwrap();
            assert_eq!((tree.len(), root), (len, log.head().root));
            for index in 0..len {
                let path = tree.prove(index).unwrap();
                check(root, len, index, &record(index), &path).unwrap();
                assert!(check(root, len, index, b"another", &path).is_err());
                assert!(check(root, len, (index + 1) % (len + 1), &record(index), &path).is_err());
                assert!(check(Digest::of(b"root"), len, index, &record(index), &path).is_err());
                if let [first, rest @ ..] = path.as_slice() {
                    assert!(check(root, len, index, &record(index), rest).is_err());
                    let longer = [path.clone(), vec![*first]].concat();
                    assert!(check(root, len, index, &record(index), &longer).is_err());
                }
            }
            assert!(tree.prove(len).is_err());
        }
        assert!(check(Digest::of(b"root"), 1, 0, b"x", &[Digest::of(b"x"); 65]).is_err());
    }
}
