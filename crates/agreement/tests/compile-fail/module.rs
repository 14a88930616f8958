//! refuse E0603: the module where permits are made is private.
pub use agreement::ruling::Permit;
