//! The same plans on many machines: scheduler and executor roles on Apache DataFusion Ballista.
