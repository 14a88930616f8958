//! Work on hostile bytes: one exhibit per sandboxed child.
//!
//! Here: the sandbox, the child's side, the pool of children that wait ready, the sealed memory file a child reads
//! and the framed pipe it answers on.
//! Elsewhere: what an examiner finds (`malware`, `botnet`, `exchange`), where findings are kept (`store`).
//! Bounds: an input above [`input::MEMORY_LIMIT`] is streamed instead of held in memory; one frame is at most
//! [`protocol::FRAME_LIMIT`] bytes; a child has limited memory, processor time and wall time.
//! A subverted child can spoil only its own exhibit's findings.

pub mod child;
mod forks;
pub mod input;
pub mod pool;
pub mod protocol;
pub mod sandbox;
mod scanning;

pub use input::Input;
pub use pool::{Pool, RuleTime, WorkError};
pub use protocol::{Frame, Member, Mode, Opening, Request};
pub use scanning::{Scanning, find, start_sorted};
