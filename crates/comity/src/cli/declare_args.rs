//! The words of `comity agree` for what begins or follows a signature: a new text, changes of state, members,
//! emergencies, keys, amendments.

use super::args::role;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use terms::{Day, PersonId, Place, Role, Timestamp};

/// `comity agree …`, for what begins or follows a signature.
#[derive(Debug, Subcommand)]
pub enum Declare {
    /// Write a text for two parties to begin with, filled in so that `check` accepts it.
    New(New),
    /// Countersign a text that the other party signed; `sign --countersign` is the same.
    Countersign {
        /// The text.
        file: PathBuf,
        /// The other party's signature file, to which ours is added.
        #[arg(long, value_name = "FILE")]
        signature: PathBuf,
        /// Where to write the signature file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// What is bound in, and as whom.
        #[command(flatten)]
        manner: MannerArgs,
    },
    /// Suspend an agreement: nothing passes until this partner resumes it.
    Suspend(Change),
    /// Lift this partner's own suspension.
    Resume(Change),
    /// End an agreement for good, with the notice that its text asks for.
    End(Change),
    /// Declare that a member of this partner accedes.
    Accede {
        /// The agreement.
        agreement: String,
        /// The member.
        member: String,
        /// Where it is (ISO 3166-1 alpha-2).
        #[arg(long, value_name = "PLACE")]
        place: Place,
        /// Its name.
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// From when; default: now.
        #[arg(long, value_name = "DATE")]
        from: Option<Timestamp>,
        /// Where to write the statement, for the other party.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Declare that a member of this partner opts out: it receives nothing any more.
    OptOut {
        /// The agreement.
        agreement: String,
        /// The member.
        member: String,
        /// From when; default: now.
        #[arg(long, value_name = "DATE")]
        from: Option<Timestamp>,
        /// Where to write the statement, for the other party.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Write the text of an amendment to begin with: the next version, naming the one it takes the place of.
    Amend {
        /// The agreement.
        agreement: String,
        /// Its first day.
        #[arg(long, value_name = "DATE")]
        from: Day,
        /// Where to write the text.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Declare an emergency, two people in two roles together; it ends by itself.
    Emergency {
        /// The agreement.
        agreement: String,
        /// The number of its `emergency` clause.
        #[arg(long, value_name = "NUMBER")]
        clause: String,
        /// One of the two people, as `name=role` (twice).
        #[arg(long, value_name = "NAME=ROLE", value_parser = declarer, required = true)]
        by: Vec<(PersonId, Role)>,
        /// Why; it reaches the other party, so name no victim.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// From when; default: now.
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Where to write the statement, for the other party.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Delegate a node key for a time; a newer delegation takes the place of an older.
    #[command(alias = "rotate")]
    Delegate {
        /// The node key; default: this home's.
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// From when; default: now.
        #[arg(long, value_name = "DATE")]
        from: Option<Timestamp>,
        /// The first day on which it no longer holds, at most 800 days later.
        #[arg(long, value_name = "DATE")]
        until: Timestamp,
        /// Where to write the statement, for the partners.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Revoke a delegated node key from a date on.
    Revoke {
        /// The node key.
        key: String,
        /// From when; default: now.
        #[arg(long, value_name = "DATE")]
        from: Option<Timestamp>,
        /// Where to write the statement, for the partners.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Let a delegate's key sign one text for the ministers who signed its PDF.
    Mandate {
        /// The text.
        file: PathBuf,
        /// The signed PDF.
        #[arg(long, value_name = "FILE")]
        pdf: PathBuf,
        /// The delegate, by name and office.
        #[arg(long, value_name = "TEXT")]
        delegate: String,
        /// The delegate's key, as `comity case people --json` shows it whole, or as an agreement does (`ed25519:…`).
        #[arg(long, value_name = "KEY")]
        key: String,
        /// Where to write the mandate.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take in a statement that the other party made: a change of state, a member, an emergency, a key.
    Take {
        /// The statement.
        file: PathBuf,
    },
}

/// `comity agree new`
#[derive(Debug, Args)]
pub struct New {
    /// The id of the agreement.
    pub agreement: String,
    /// The other party's id.
    #[arg(long, value_name = "PARTNER")]
    pub with: String,
    /// Its key, as its `comity agree key` prints it.
    #[arg(long, value_name = "KEY")]
    pub key: String,
    /// The legal names, ours and theirs; default: the ids.
    #[arg(long, num_args = 2, value_names = ["OURS", "THEIRS"])]
    pub names: Vec<String>,
    /// The places, ours and theirs (ISO 3166-1 alpha-2).
    #[arg(long, num_args = 2, value_names = ["OURS", "THEIRS"], required = true)]
    pub places: Vec<Place>,
    /// First and last day.
    #[arg(long, num_args = 2, value_names = ["FROM", "UNTIL"], required = true)]
    pub term: Vec<Day>,
    /// Where to write the text.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// A change of state.
#[derive(Debug, Args)]
pub struct Change {
    /// The agreement.
    pub agreement: String,
    /// Why, in words.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// From when; default: now, and an end as soon as its notice allows.
    #[arg(long, value_name = "DATE")]
    pub at: Option<Timestamp>,
    /// Where to write the statement, for the other party.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// What is bound into a signature, and as whom it is given.
#[derive(Debug, Clone, Default, Args)]
pub struct MannerArgs {
    /// The PDF that the ministers signed: its SHA-256 is bound in.
    #[arg(long, value_name = "FILE")]
    pub pdf: Option<PathBuf>,
    /// The proof certificate: its SHA-256 is bound in.
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// Sign as a delegate with the key of this home's person, under this mandate.
    #[arg(long, value_name = "FILE")]
    pub mandate: Option<PathBuf>,
}

fn declarer(text: &str) -> Result<(PersonId, Role), String> {
    let (name, word) = text.split_once('=').ok_or("write it as `name=role`")?;
    Ok((PersonId(name.to_owned()), role(word)?))
}
