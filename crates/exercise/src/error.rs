//! Why an operation could not be generated (codes CMT-1301 to CMT-1309).

use miette::Diagnostic;
use std::path::PathBuf;
use thiserror::Error;

/// Why an operation or its aftermath could not be written.
#[derive(Debug, Error, Diagnostic)]
pub enum ExerciseError {
    /// Too few or too many bots.
    #[error("`{0}` bots cannot be generated: an operation has 50 to 1,000,000")]
    #[diagnostic(code("CMT-1301"), help("choose `bots` from 50 to 1000000"))]
    Bots(u32),
    /// Too few or too many days before the takedown.
    #[error("`{0}` days cannot be generated: the window before the takedown has 2 to 28")]
    #[diagnostic(code("CMT-1302"), help("choose `days` from 2 to 28"))]
    Days(u32),
    /// Too few or too many hosts in the customer's network.
    #[error("`{0}` hosts cannot be generated: the customer's network has 8 to 2,000")]
    #[diagnostic(code("CMT-1303"), help("choose `hosts` from 8 to 2000"))]
    Hosts(u32),
    /// A file or folder could not be written or read.
    #[error("cannot use `{}`", path.display())]
    #[diagnostic(
        code("CMT-1304"),
        help("check that the folder exists, may be written, and that the disk is not full")
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder already holds an operation.
    #[error("`{}` already holds an operation", .0.display())]
    #[diagnostic(code("CMT-1305"), help("choose an empty folder, or remove this one first"))]
    Occupied(PathBuf),
    /// The truth file cannot be understood.
    #[error("`{}` is not the truth of a generated operation", path.display())]
    #[diagnostic(code("CMT-1306"), help("generate the operation again, into an empty folder"))]
    Truth {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A sample could not be laid out.
    #[error("a sample cannot be written: {0}")]
    #[diagnostic(code("CMT-1307"), help("make its configuration smaller: at most 65,536 bytes of JSON"))]
    Sample(String),
    /// An action names nothing that could be acted on.
    #[error("an action of {at} names no channel")]
    #[diagnostic(
        code("CMT-1308"),
        help("give each action the key of a channel, as `relay-one.com.example` or `198.18.7.10:4443`")
    )]
    NoChannel {
        /// When the action was done.
        at: terms::Timestamp,
    },
    /// Something could not be turned into JSON.
    #[error("a record cannot be written as JSON")]
    #[diagnostic(code("CMT-1309"), help("this is a defect of the generator: report it with the seed"))]
    Json(#[source] serde_json::Error),
}
