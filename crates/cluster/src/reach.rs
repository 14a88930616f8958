//! Where a role may be reached.

use crate::ClusterError;
use std::net::SocketAddr;

/// Who may reach a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Programs of this machine alone.
    Loopback,
    /// A network in which every machine is trusted: somebody said so.
    TrustedNetwork,
}

impl Reach {
    /// Refuses an address beyond what was said.
    ///
    /// # Errors
    /// CMT-1430.
    pub fn allow(self, at: SocketAddr) -> Result<(), ClusterError> {
        match self {
            Self::Loopback if !at.ip().is_loopback() => Err(ClusterError::Open { at: at.to_string() }),
            _ => Ok(()),
        }
    }
}
