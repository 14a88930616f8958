//! What stops a sinkhole from beginning, or its log from being believed. Codes CMT-1400 to CMT-1429.

use miette::Diagnostic;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use terms::Timestamp;

/// Why a sinkhole does not begin or a log is not believed.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum SinkholeError {
    /// The configuration cannot be read.
    #[error("the sinkhole's configuration cannot be read: {why}")]
    #[diagnostic(
        code("CMT-1400"),
        help("`docs/sinkhole.md` lists its words; `comity act PLAN sinkhole` writes one")
    )]
    Form {
        /// What and where.
        why: String,
    },
    /// The configuration says something that cannot be done.
    #[error("the sinkhole's configuration says what cannot be done: {why}")]
    #[diagnostic(
        code("CMT-1401"),
        help("mend the configuration that `--config` names; `docs/sinkhole.md` lists its words")
    )]
    Sense {
        /// What.
        why: String,
    },
    /// The end date has passed.
    #[error("the authority of sinkhole `{id}` ended at {until}: it answers nothing any more")]
    #[diagnostic(
        code("CMT-1402"),
        help(
            "obtain a new authority, ingest it, and make a new configuration with `comity act PLAN sinkhole`"
        )
    )]
    Ended {
        /// The sinkhole.
        id: String,
        /// Its end.
        until: Timestamp,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {at} for {kind}: {source}")]
    #[diagnostic(
        code("CMT-1403"),
        help("`ss -lnptu` shows who listens there; ports below 1024 need CAP_NET_BIND_SERVICE")
    )]
    Listen {
        /// Where.
        at: SocketAddr,
        /// For what.
        kind: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A file of the log.
    #[error("{doing} `{}`: {source}", path.display())]
    #[diagnostic(code("CMT-1404"), help("check the folder's permissions and the free space of its disk"))]
    File {
        /// What was done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The chain does not hold.
    #[error("`{}` is not as it was written: {why}", path.display())]
    #[diagnostic(
        code("CMT-1405"),
        help(
            "keep the file as it is: ingest it as an exhibit, and compare it with the copies that were taken before"
        )
    )]
    Chain {
        /// Which segment.
        path: PathBuf,
        /// Where and how.
        why: String,
    },
    /// The certificate could not be made.
    #[error("the certificate of this sinkhole could not be made: {why}")]
    #[diagnostic(code("CMT-1406"), help("take names out of the configuration that no certificate can carry"))]
    Certificate {
        /// Why.
        why: String,
    },
    /// The machine does not give what is needed.
    #[error("the sinkhole cannot begin: {0}")]
    #[diagnostic(
        code("CMT-1407"),
        help("check this user's limits on files, processes and memory (`ulimit -a`)")
    )]
    Begin(io::Error),
    /// Another process writes this log.
    #[error("another process writes the log in `{}`", path.display())]
    #[diagnostic(code("CMT-1408"), help("end that sinkhole first, or give this one another `id`"))]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// No authority allows it.
    #[error("authority `{authority}` does not allow this sinkhole: {why}")]
    #[diagnostic(
        code("CMT-1409"),
        help("`comity ingest` the authority that does, and name it in the configuration")
    )]
    Authority {
        /// Its number.
        authority: String,
        /// Why not.
        why: String,
    },
    /// A plan has nothing for a sinkhole of ours.
    #[error("plan `{plan}` gives no sinkhole to `{home}`, whose home this is: {why}")]
    #[diagnostic(
        code("CMT-1410"),
        help(
            "`comity plan --show {plan}` lists each action with whose it is and under which authority; others get their orders by \
             `comity act {plan}` and run the sinkhole from a home of their own; for one of `{home}`, ingest an authority of its \
             own and plan again"
        )
    )]
    NoAction {
        /// The plan.
        plan: String,
        /// Whose home it is.
        home: String,
        /// Why there is none, and whose the others are.
        why: String,
    },
    /// A file of victims is not the one that its log names.
    #[error("`{}` is not what the log of its segment says: {why}", path.display())]
    #[diagnostic(
        code("CMT-1412"),
        help(
            "nobody is told of it: keep the file as it is, and compare it with the copies that were taken before"
        )
    )]
    Victims {
        /// Which file.
        path: PathBuf,
        /// How.
        why: String,
    },
    /// No ground for telling victims.
    #[error("`{ground}` does not allow this sinkhole to keep addresses for notification: {why}")]
    #[diagnostic(
        code("CMT-1413"),
        help(
            "name an agreement in force with a clause for `victim-notification`, or an authority in force, as `ground` of \
             `[notification]`, and a day of erasure; without the section no address is kept"
        )
    )]
    Ground {
        /// Its id or number.
        ground: String,
        /// Why not.
        why: String,
    },
    /// It stopped without being told to.
    #[error("sinkhole `{id}` stopped: {why}; what was answered is in its log")]
    #[diagnostic(
        code("CMT-1419"),
        help("start it again with the same `--config`; until then the seized names have no answer")
    )]
    Lost {
        /// The sinkhole.
        id: String,
        /// Why.
        why: String,
    },
}

impl SinkholeError {
    /// A failure with a file.
    pub(crate) fn file(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { doing, path: path.to_owned(), source }
    }
}
