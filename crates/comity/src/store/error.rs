//! Everything that can go wrong with a home and its stores, each with its code and the act that mends it.
//!
//! Codes CMT-1001 to CMT-1039 are this module's. They are stable and never used again for another meaning.

use std::{io, path::Path};
use terms::{PersonId, Timestamp};

/// What went wrong with a home or a store.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum StoreError {
    /// Another process owns the home.
    #[error("`{home}` is in use by {holder}")]
    #[diagnostic(
        code("CMT-1001"),
        help(
            "wait until that command ends, or stop it by its process id; one process owns a home at a time"
        )
    )]
    InUse {
        /// The home.
        home: String,
        /// Who holds it, in words.
        holder: String,
    },
    /// The folder is no home.
    #[error("`{home}` is not a home of Comity")]
    #[diagnostic(
        code("CMT-1002"),
        help("`comity init --home {home} --partner NAME` makes one; `--home` or COMITY_HOME names another")
    )]
    NotAHome {
        /// The folder.
        home: String,
    },
    /// A newer program wrote the home.
    #[error("`{home}` has format `{found}`; this program knows up to format {known}")]
    #[diagnostic(code("CMT-1003"), help("use the newer program that wrote it; nothing was changed"))]
    NewerFormat {
        /// The home.
        home: String,
        /// What its `format` file says.
        found: String,
        /// The newest format known here.
        known: u32,
    },
    /// A piece of the home is not there.
    #[error("`{piece}` of the home is missing: {path}")]
    #[diagnostic(code("CMT-1004"), help("{mend}"))]
    Missing {
        /// Name of the piece (`keys`, `vault`, `state.db`).
        piece: &'static str,
        /// Where it should be.
        path: String,
        /// The command that mends it.
        mend: String,
    },
    /// Others than the owner can reach the private keys.
    #[error("{path} can be reached by others (mode {mode:o})")]
    #[diagnostic(
        code("CMT-1005"),
        help("`chmod -R u=rwX,go= {path}` closes it; if others could read it, rotate the keys")
    )]
    Permissions {
        /// The folder or file.
        path: String,
        /// Its mode bits.
        mode: u32,
    },
    /// There is something already where a home should be made.
    #[error("`{home}` cannot become a home: {why}")]
    #[diagnostic(code("CMT-1006"), help("choose an empty or new folder"))]
    Occupied {
        /// The folder.
        home: String,
        /// What is there.
        why: String,
    },
    /// The clock went back.
    #[error("the clock says {now}, but this node has already seen {highest}: no ruling can rest on it")]
    #[diagnostic(
        code("CMT-1007"),
        help(
            "set the clock right; if it is right now, a person says why: `comity doctor --clock-reason \"…\"`"
        )
    )]
    ClockBack {
        /// What the clock says.
        now: Timestamp,
        /// The highest time this node has seen.
        highest: Timestamp,
    },
    /// No space is left.
    #[error("no space is left while {what}")]
    #[diagnostic(
        code("CMT-1008"),
        help("free space on the disk of the home and run the command again; what was acknowledged is safe")
    )]
    Full {
        /// What was being done.
        what: String,
    },
    /// A file could not be read or written.
    #[error("{what} failed: {source}")]
    #[diagnostic(code("CMT-1009"), help("`comity doctor` says which piece of the home is unwell"))]
    Io {
        /// What was being done, with the path.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration cannot be used.
    #[error("the configuration cannot be used: {what}")]
    #[diagnostic(code("CMT-1010"), help("`comity doctor --config` shows each value and where it comes from"))]
    Config {
        /// Which key, from where, and why.
        what: String,
    },
    /// The state store refused a statement.
    #[error("the state store refused `{statement}`: {source}")]
    #[diagnostic(
        code("CMT-1011"),
        help("`comity doctor` checks the state store; nothing of this step was kept")
    )]
    Database {
        /// Name of the statement.
        statement: &'static str,
        /// What the database said.
        source: Box<sqlx::Error>,
    },
    /// The state store's tables are not those this program knows.
    #[error("the tables of the state store do not fit this program: {why}")]
    #[diagnostic(
        code("CMT-1012"),
        help("use the newer program that changed them; migrations are never undone")
    )]
    Migration {
        /// Why.
        why: String,
    },
    /// The state store cannot be reached.
    #[error("the state store {url} cannot be reached: {why}")]
    #[diagnostic(
        code("CMT-1013"),
        help("check `state` in the configuration (`comity doctor --config`) and that the database runs")
    )]
    Unreachable {
        /// Its URL without the password.
        url: String,
        /// Why.
        why: String,
    },
    /// A row cannot be read as what it should be.
    #[error("row `{row}` of `{table}` cannot be read: {why}")]
    #[diagnostic(
        code("CMT-1014"),
        help("restore the state store from a backup; `comity doctor` lists what is unwell")
    )]
    Row {
        /// The table.
        table: &'static str,
        /// The row's id.
        row: String,
        /// Why.
        why: String,
    },
    /// Two noisy counts at once.
    #[error("another noisy count was drawn at the same time: `{data_set}` stands elsewhere by now")]
    #[diagnostic(code("CMT-1036"), help("ask again: nothing was spent, and nothing left this home"))]
    OdometerMoved {
        /// The data set, or the question that was answered by then.
        data_set: String,
    },
    /// More than is left of a data set's budget.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Budget(#[from] privacy::PrivacyError),
    /// A job is no longer this worker's.
    #[error("job {job} is no longer held by this worker: its lease ran out and another took it")]
    #[diagnostic(
        code("CMT-1015"),
        help("nothing to do: the results of the other worker count, these were dropped")
    )]
    LeaseLost {
        /// The job.
        job: String,
    },
    /// Another sequencer has taken over.
    #[error("another process writes the ledger since epoch {epoch}")]
    #[diagnostic(code("CMT-1016"), help("nothing to do: that process writes the waiting leaves"))]
    Fenced {
        /// The epoch that was lost.
        epoch: i64,
    },
    /// Ledger and state store contradict each other.
    #[error("ledger and state store disagree: {why}")]
    #[diagnostic(
        code("CMT-1017"),
        help(
            "do not write on: restore both from the same backup, then run `comity verify` and `comity doctor`"
        )
    )]
    LedgerDisagrees {
        /// In what.
        why: String,
    },
    /// The ledger could not be written or read.
    #[error("the ledger cannot be written: {why}")]
    #[diagnostic(
        code("CMT-1018"),
        help("run `comity verify`; the leaves wait in the state store and are not lost")
    )]
    Ledger {
        /// Why.
        why: String,
    },
    /// A store's URL is of a kind that is not known.
    #[error("`{url}` is not a {store} store this program can open")]
    #[diagnostic(code("CMT-1019"), help("{expected}"))]
    Url {
        /// Which store (`state`, `vault`, `telemetry`).
        store: &'static str,
        /// What was given, without the password.
        url: String,
        /// What can be given.
        expected: &'static str,
    },
    /// The acting person gave no reason.
    #[error("{person} gave no reason for going on with the clock set back")]
    #[diagnostic(code("CMT-1020"), help("say in words why the clock went back"))]
    NoReason {
        /// Who.
        person: PersonId,
    },
    /// A telemetry file went away in the hands of another process.
    #[error(
        "telemetry file {path} counts no more: another process of this home took it in hand in this moment"
    )]
    #[diagnostic(code("CMT-1450"), help("run the command again; nothing was changed"))]
    Outrun {
        /// The file.
        path: String,
    },
    /// A telemetry file is not what it should be.
    #[error("telemetry file {path} cannot be taken in: {why}")]
    #[diagnostic(code("CMT-1021"), help("run the job again; the file is not visible to any question"))]
    Telemetry {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// A bucket's settings do not fit.
    #[error("the bucket {url} cannot be used: {why}")]
    #[diagnostic(
        code("CMT-1436"),
        help(
            "give s3://BUCKET/PREFIX, and AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION (for a store of your own \
             also AWS_ENDPOINT) in the environment"
        )
    )]
    Bucket {
        /// The URL.
        url: String,
        /// Why.
        why: String,
    },
    /// The place of telemetry is another home's.
    #[error("telemetry of another home lies in {place}: this home would take its files away")]
    #[diagnostic(
        code("CMT-1439"),
        help(
            "give each home a place of its own (`telemetry` in config.toml); only where that other home is gone for good, \
             remove the object `comity-home` there and run the command again"
        )
    )]
    Claimed {
        /// The folder, or the bucket's URL with its prefix.
        place: String,
    },
    /// A bucket does not do what it was asked.
    #[error("{doing} {url} in the bucket failed: {why}")]
    #[diagnostic(
        code("CMT-1437"),
        help(
            "check that the bucket is there, reachable, and open to these credentials; then run the command again"
        )
    )]
    Object {
        /// What was being done.
        doing: &'static str,
        /// The object's URL.
        url: String,
        /// Why.
        why: String,
    },
    /// The vault could not be opened.
    #[error("the vault {url} cannot be opened: {why}")]
    #[diagnostic(code("CMT-1022"), help("check `vault` in the configuration (`comity doctor --config`)"))]
    Vault {
        /// Where.
        url: String,
        /// Why.
        why: String,
    },
    /// Something too large for a table.
    #[error("{what} has {size} bytes; at most {most} are kept")]
    #[diagnostic(code("CMT-1023"), help("split it; what is larger belongs into the vault as an exhibit"))]
    TooLarge {
        /// What.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The bound in bytes.
        most: u64,
    },
    /// Another writer held the state store for too long.
    #[error("the state store was busy with another writer during `{statement}`")]
    #[diagnostic(code("CMT-1024"), help("run the command again; nothing of this step was kept"))]
    Busy {
        /// Name of the statement.
        statement: &'static str,
    },
    /// Little space is left.
    #[error("{free} MiB are free at {path}, and {least} MiB are wanted")]
    #[diagnostic(
        code("CMT-1025"),
        help("free space before taking in more, or set `least_free_mib`; what is sealed is safe")
    )]
    LittleSpace {
        /// The folder.
        path: String,
        /// Free MiB.
        free: u64,
        /// MiB that are wanted.
        least: u64,
    },
    /// Jobs were given up.
    #[error("{count} jobs were given up, the first: {first}")]
    #[diagnostic(code("CMT-1026"), help("mend the cause; `comity analyze --retry` lets them run again"))]
    DeadJobs {
        /// How many.
        count: u64,
        /// The first of them, with its error.
        first: String,
    },
    /// Listed exhibits have lost a piece.
    #[error("{count} exhibits have no {piece}: {which}")]
    #[diagnostic(
        code("CMT-1027"),
        help("restore `vault/` and `keys/` from their backups; the other exhibits are well")
    )]
    Lost {
        /// What is missing.
        piece: &'static str,
        /// How many.
        count: u64,
        /// Some of them.
        which: String,
    },
    /// Pieces of exhibits that are not listed.
    #[error("{count} exhibits have a {piece} and are not listed: {which}")]
    #[diagnostic(
        code("CMT-1028"),
        help(
            "left by a command that was cut short: ingest the same input again, or `comity doctor --sweep`"
        )
    )]
    Stray {
        /// What is there.
        piece: &'static str,
        /// How many.
        count: u64,
        /// Some of them.
        which: String,
    },
    /// The embedded state store's file is damaged.
    #[error("the state store is damaged: {why}")]
    #[diagnostic(
        code("CMT-1029"),
        help(
            "restore `state.db` (with `state.db-wal`) from a backup; vault and ledger are files of their own"
        )
    )]
    Damaged {
        /// What the database said.
        why: String,
    },
}

impl StoreError {
    /// A failed act on a file; a full disk gets its own error.
    pub(crate) fn io(act: &str, path: &Path, source: io::Error) -> Self {
        let what = format!("{act} {}", path.display());
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { what },
            _ => Self::Io { what, source },
        }
    }

    /// A refused statement; a full disk and a busy database get their own errors.
    pub(crate) fn sql(statement: &'static str, source: sqlx::Error) -> Self {
        let code = source.as_database_error().and_then(|e| e.code().map(|c| c.into_owned()));
        let full_file = matches!(&source, sqlx::Error::Io(e) if e.kind() == io::ErrorKind::StorageFull);
        match code.as_deref() {
            // SQLITE_FULL; PostgreSQL disk_full.
            Some("13" | "53100") => Self::Full { what: format!("writing the state store (`{statement}`)") },
            // SQLITE_BUSY, SQLITE_BUSY_SNAPSHOT, SQLITE_LOCKED; PostgreSQL lock_not_available.
            Some("5" | "517" | "6" | "55P03") => Self::Busy { statement },
            // SQLITE_CORRUPT (with its extended codes), SQLITE_NOTADB.
            Some("11" | "26" | "267" | "523" | "779") => Self::Damaged { why: source.to_string() },
            _ if full_file => Self::Full { what: format!("writing the state store (`{statement}`)") },
            _ => Self::Database { statement, source: Box::new(source) },
        }
    }

    pub(crate) fn row(table: &'static str, row: impl ToString, why: impl ToString) -> Self {
        Self::Row { table, row: row.to_string(), why: why.to_string() }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use miette::Diagnostic as _;
    use std::io::Write as _;

    #[test]
    fn a_full_disk_has_its_own_code() {
        let full = Path::new("/dev/full");
        let told = std::fs::OpenOptions::new().write(true).open(full).and_then(|mut f| f.write_all(b"x"));
        let error = StoreError::io("writing", full, told.unwrap_err());
        assert_eq!(error.code().unwrap().to_string(), "CMT-1008", "{error}");
        assert_eq!(error.to_string(), "no space is left while writing /dev/full");
        let other = StoreError::io("writing", full, io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(other.code().unwrap().to_string(), "CMT-1009");
        let inside = StoreError::sql("x.y", sqlx::Error::Io(io::Error::from(io::ErrorKind::StorageFull)));
        assert_eq!(inside.code().unwrap().to_string(), "CMT-1008");
    }
}
