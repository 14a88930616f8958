//! The control group: a random part of the networks, which is told later, so that what telling does can be measured.

use sha2::{Digest as _, Sha256};

/// Which networks are told later. Whole networks, never single machines: one provider's action reaches all its customers,
/// so that machines of one network are no independent trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// What makes the choice: written down before it is known whom it meets.
    pub seed: [u8; 32],
    /// Networks in a thousand; 0: none.
    pub per_mille: u16,
}

impl Later {
    /// Nobody waits.
    pub const NOBODY: Self = Self { seed: [0; 32], per_mille: 0 };

    /// Whether a network waits. One that is not known never does: it could not be found again.
    pub fn holds(&self, network: u32) -> bool {
        if network == 0 || self.per_mille == 0 {
            return false;
        }
        let mut hash = Sha256::new();
        hash.update(self.seed);
        hash.update(network.to_be_bytes());
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        u64::from(u32::from_be_bytes([a, b, c, d])) * 1000 < u64::from(self.per_mille) << 32
    }
}
