//! Pseudonyms and protected counts.
