//! Generated operations with known truth, for the demo, tests and training.
