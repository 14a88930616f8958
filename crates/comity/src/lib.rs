//! The node: command line, stores, jobs and the sandboxed children.
//!
//! - [`store`]: where things rest and in which order they become durable.
//! - [`work`]: hostile bytes, one exhibit per confined child.
//! - [`node`]: the verbs as functions on one open home.
//! - [`report`]: the case as one HTML file.

pub mod node;
pub mod report;
pub mod store;
pub mod work;
