//! Population before, outcome after.
