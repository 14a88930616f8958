//! x
use super::state::statement::Statement;
pub(crate) const STATEMENTS: &[&Statement] = &[];
