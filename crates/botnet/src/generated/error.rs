//! Why names cannot be given.

/// Why generated names cannot be given or recognised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum GeneratedError {
    /// No algorithm of such a family is known here.
    #[error("no domain-generation algorithm of a family `{name}` is known")]
    #[diagnostic(code("CMT-0650"), help("the known families are {known}"))]
    UnknownFamily {
        /// What was asked for, cut to 80 characters.
        name: String,
        /// The families, separated by commas.
        known: String,
    },
    /// The family is known, but not under that seed.
    #[error("`{family}` has no published seed `{name}`")]
    #[diagnostic(
        code("CMT-0651"),
        help("its published seeds are {known}; a seed of a sample is given by value")
    )]
    UnknownSeed {
        /// The family.
        family: &'static str,
        /// What was asked for, cut to 80 characters.
        name: String,
        /// The seeds, separated by commas.
        known: String,
    },
    /// The algorithm cannot start from such a seed.
    #[error("`{family}` cannot start from this seed: {why}")]
    #[diagnostic(code("CMT-0652"), help("take the seed from the sample's configuration as it stands there"))]
    Seed {
        /// The family.
        family: &'static str,
        /// What the algorithm needs.
        why: &'static str,
    },
    /// An index over the window would hold too many names.
    #[error("an index over {days} days would hold {names} names, more than {most}")]
    #[diagnostic(code("CMT-0653"), help("ask about fewer days at a time, or about fewer families"))]
    TooMany {
        /// The days asked for.
        days: u64,
        /// The names they have.
        names: u64,
        /// The most an index holds.
        most: u64,
    },
}
