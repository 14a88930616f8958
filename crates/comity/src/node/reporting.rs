//! What the case report says.
