//! The agreement text, its diagnostics and signatures, its compilation to Cedar, rulings and permits.
