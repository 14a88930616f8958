//! Leaves, Merkle tree, proofs, checkpoints and cosignatures of the append-only ledger.
