//! What goes wrong between roles.

/// Why a role does not serve, or a session cannot be had.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum ClusterError {
    /// The address is not loopback and nobody said that it may be another.
    #[error("{at} is not loopback, and whoever reaches it could run plans: nobody is asked who they are")]
    #[diagnostic(
        code("CMT-1430"),
        help(
            "bind to 127.0.0.1, or give --trusted-network where only machines of the cluster reach the address"
        )
    )]
    Open {
        /// The address.
        at: String,
    },
    /// The other side is another program.
    #[error("{at} does not fit this program: {why}")]
    #[diagnostic(code("CMT-1431"), help("run the same version of the program in every role"))]
    Mismatch {
        /// Which scheduler.
        at: String,
        /// What differs.
        why: String,
    },
    /// The scheduler does not answer.
    #[error("the scheduler at {at} does not answer: {why}")]
    #[diagnostic(
        code("CMT-1432"),
        help("start it with `comity serve --role scheduler`, or name another with --scheduler")
    )]
    Silent {
        /// Which scheduler.
        at: String,
        /// What was met.
        why: String,
    },
    /// The role ended.
    #[error("the {role} at {at} ended: {why}")]
    #[diagnostic(
        code("CMT-1433"),
        help("look whether the port is free and the work folder can be written to")
    )]
    Ended {
        /// Which role.
        role: &'static str,
        /// Its address.
        at: String,
        /// Why.
        why: String,
    },
    /// The session cannot be made.
    #[error("no session for the cluster can be made: {why}")]
    #[diagnostic(
        code("CMT-1434"),
        help("give the scheduler as df://HOST:PORT, and the telemetry store as s3://BUCKET/PREFIX")
    )]
    Session {
        /// Why.
        why: String,
    },
    /// A function is missing in this very program.
    #[error("this program does not know its own functions: {missing} missing")]
    #[diagnostic(code("CMT-1435"), help("this is a fault of the program: report it with `comity doctor`"))]
    Functions {
        /// Their names.
        missing: String,
    },
}
