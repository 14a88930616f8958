//! The words of Comity as types.
