//! `agree prove` and `agree diff`: the standing guarantees and what an amendment changes, proved by a solver.
//!
//! Here: the solver as a program, what is printed. Elsewhere: the questions (`agreement::prove`). A build without the
//! feature `prove` has the verbs and says how to get one that proves.

#[cfg(feature = "prove")]
mod diff;
#[cfg(feature = "prove")]
mod print;
#[cfg(feature = "prove")]
mod solver;
#[cfg(feature = "prove")]
mod verbs;

#[cfg(feature = "prove")]
pub use diff::diff;
#[cfg(feature = "prove")]
pub use verbs::prove;

#[cfg(not(feature = "prove"))]
pub use absent::{diff, prove};

#[cfg(not(feature = "prove"))]
mod absent {
    use crate::cli::Done;
    use crate::cli::args::{DiffArgs, Prove};
    use crate::cli::errors::Fault;
    use crate::cli::out::Out;

    pub fn prove(_: &Prove, _: &mut Out) -> Done {
        Err(Fault::CannotProve)
    }
    pub fn diff(_: &DiffArgs, _: &mut Out) -> Done {
        Err(Fault::CannotProve)
    }
}
