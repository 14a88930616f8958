//! Plans: the situation of a home and what comes out of it.
