//! Cases of a home.
