//! Packages, one for each addressee.
