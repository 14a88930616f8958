//! Targets, powers and places, plans, the independent checker, outcome.
