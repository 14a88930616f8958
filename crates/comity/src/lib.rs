//! The node: command line, stores, jobs and the sandboxed children.
//!
//! - [`cli`]: the command line.
//! - [`store`]: where things rest and in which order they become durable.
//! - [`work`]: hostile bytes, one exhibit per confined child.
//! - [`node`]: the verbs as functions on one open home.
//! - [`demo`]: one whole operation with four partners.
//! - [`report`]: the case as one HTML file.

pub mod cli;
pub mod demo;
pub mod node;
pub mod report;
pub mod store;
pub mod work;
