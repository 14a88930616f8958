//! The node: command line, stores, jobs and the sandboxed children.
