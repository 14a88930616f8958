//! The command line as declared: verbs, flags, their help. No logic.

use super::declare_args::{Declare, MannerArgs};
use crate::node::share::What;
use agreement::Grading;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use evidence::disclosure::Mark;
use privacy::psi::Kind;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use terms::{Category, HandlingCode, Obtained, Place, Protection, Purpose, Role, ThreatId, Timestamp, Tlp};

/// One partner's node.
#[derive(Debug, Parser)]
#[command(
    name = "comity",
    version,
    about = "The framework in which companies and law enforcement take criminal organisations apart together.",
    after_help = "Exit codes: 0 done · 1 error · 2 usage · 3 refused by an agreement · 4 verification failed · 5 incomplete \
                  (partners missing) · 6 partly done (some input was unreadable and is listed, the rest is in) · 7 the \
                  data cannot tell · 130 interrupted.",
    propagate_version = true
)]
pub struct Cli {
    /// Flags of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The home: the folder in which this node keeps everything.
    #[arg(long, global = true, env = "COMITY_HOME", hide_env_values = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Print JSON on standard output: one object, or one a line for lists.
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but results and errors.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Who acts, as custody names them.
    #[arg(long, global = true, env = "COMITY_PERSON", hide_env_values = true, value_name = "NAME")]
    pub person: Option<String>,
    /// File whose first line is the passphrase that unlocks the keys (else `COMITY_PASSPHRASE`, else it is asked for).
    #[arg(long, global = true, env = "COMITY_PASSPHRASE_FILE", hide_env_values = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// What overrides the configuration.
    #[command(flatten)]
    pub settings: Settings,
}

/// Flags that override the configuration; `comity doctor --config` shows what holds.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub struct Settings {
    /// URL of the state store, instead of the file in the home.
    #[arg(long, global = true, hide_short_help = true, value_name = "URL")]
    pub state: Option<String>,
    /// URL of the vault, instead of the folder in the home.
    #[arg(long, global = true, hide_short_help = true, value_name = "URL")]
    pub vault: Option<String>,
    /// URL of the telemetry store, instead of the folder in the home.
    #[arg(long, global = true, hide_short_help = true, value_name = "URL")]
    pub telemetry: Option<String>,
    /// How far the clock may go back, in milliseconds.
    #[arg(long, global = true, hide_short_help = true, value_name = "MS")]
    pub clock_tolerance_ms: Option<u64>,
    /// Parse hostile bytes also where the system offers no sandbox.
    #[arg(long, global = true, hide_short_help = true)]
    pub allow_no_sandbox: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a home: keys, stores, ledger.
    Init(Init),
    /// Run one whole operation on generated evidence, with four partners on this machine.
    Demo(Demo),
    /// Explain what state a home is in and how to mend it.
    Doctor(Doctor),
    /// Seal files, folders or standard input as exhibits and read logs into telemetry.
    Ingest(Ingest),
    /// Examine what is sealed and list the findings.
    Analyze(Analyze),
    /// Judge findings together and rank the threats.
    Assess(Assess),
    /// Open, fill and report cases.
    #[command(subcommand)]
    Case(CaseVerb),
    /// Plan who removes what, by which power, at one hour.
    Plan(PlanArgs),
    /// Write one package for each addressee of a plan; record what was done.
    Act(Act),
    /// Count the bots, and compare before and after.
    Measure(Measure),
    /// Check, sign and ask agreements; alone it lists them.
    Agree(AgreeArgs),
    /// Hand records to a partner under an agreement, or what an order compels.
    Share(Share),
    /// Find with a partner which items both hold, or how many, and nothing besides: ask, answer or finish.
    Match(Match),
    /// Verify a home, a package or a receipt.
    Verify(Verify),
    /// Run a role until it is stopped: a sinkhole, or a scheduler or executor of a cluster.
    Serve(Serve),
    /// Print shell completions or man pages.
    #[command(hide = true)]
    Generate(Generate),
}

/// `comity init`
#[derive(Debug, Args)]
pub struct Init {
    /// This partner's id (lower-case letters, digits, `-`, `.`).
    #[arg(long, value_name = "ID")]
    pub partner: String,
    /// The first person of the node.
    #[arg(long, value_name = "NAME", default_value = "analyst-1")]
    pub first_person: String,
    /// Networks whose hosts are customers (repeatable); private ranges always are.
    #[arg(long, value_name = "CIDR")]
    pub customer_network: Vec<String>,
    /// MMDB file that gives country and network of an address.
    #[arg(long, value_name = "FILE")]
    pub geo: Option<PathBuf>,
}

/// `comity demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Bots of the generated botnet.
    #[arg(long, default_value_t = 5_000)]
    pub bots: u32,
    /// Seed: the same seed gives the same operation.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Keep homes, evidence and report here instead of in a new folder beside the temporary files.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print the story only; do not try to open the report.
    #[arg(long)]
    pub headless: bool,
}

/// `comity doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// Show each configuration value with its origin.
    #[arg(long)]
    pub config: bool,
    /// Show what noisy counts have cost of each data set, by partner, and what is left.
    #[arg(long, conflicts_with = "config")]
    pub budgets: bool,
    /// Look at every sealed byte too, not only at the lists.
    #[arg(long)]
    pub deep: bool,
    /// Say why the node's clock went back, so that rulings are given again.
    #[arg(long, value_name = "REASON")]
    pub clock_reason: Option<String>,
    /// Remove what commands that were cut short left behind.
    #[arg(long, conflicts_with = "clock_reason")]
    pub sweep: bool,
    /// Put small telemetry files together, month by month: questions are quicker then.
    #[arg(long, conflicts_with_all = ["clock_reason", "sweep"])]
    pub compact: bool,
}

/// How an exhibit came.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum How {
    /// Its holder gave it freely.
    Voluntary,
    /// It was asked for.
    Requested,
    /// An order compelled it.
    Compelled,
}

impl From<How> for Obtained {
    fn from(how: How) -> Self {
        match how {
            How::Voluntary => Self::Voluntary,
            How::Requested => Self::Requested,
            How::Compelled => Self::Compelled,
        }
    }
}

/// `comity ingest`
#[derive(Debug, Args)]
pub struct Ingest {
    /// Files and folders; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How it was obtained.
    #[arg(long, value_enum, default_value = "voluntary")]
    pub obtained: How,
    /// Why it was taken, for custody.
    #[arg(long, value_name = "TEXT", default_value = "ingest")]
    pub why: String,
}

/// `comity analyze`
#[derive(Debug, Args)]
pub struct Analyze {
    /// Files and folders to take in first and to report on (`-`: standard input); without any, what waits is examined.
    #[arg(value_name = "PATH", conflicts_with = "why")]
    pub paths: Vec<PathBuf>,
    /// Explain one finding (its id, or the first digits of it).
    #[arg(long, value_name = "ID")]
    pub why: Option<String>,
    /// Print at most this many findings of a type, or with PATHs this many exhibits in full; with --json findings of a type on each exhibit [default: a screen; with --json all]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// Print findings of this type only; with PATHs only exhibits that have one.
    #[arg(long, value_name = "TYPE", value_parser = PossibleValuesParser::new(KINDS))]
    pub kind: Option<String>,
    /// Let jobs that were given up run again.
    #[arg(long)]
    pub retry: bool,
    /// A password to try on encrypted containers, beside the customary `infected` (repeatable); what stayed shut is opened again.
    #[arg(long, value_name = "TEXT")]
    pub password: Vec<String>,
    /// Rank the exhibits nearest to a sample: its SHA-256, SHA-1, MD5, TLSH or ssdeep digest, or a file, which is not taken in.
    #[arg(long, value_name = "HASH|FILE", conflicts_with_all = ["paths", "why", "kind", "retry", "password"])]
    pub near: Option<OsString>,
    /// Cluster the digests of a list (CSV with a column `tlsh`; an id and a date where there is one); needs no home.
    #[arg(long, value_name = "DIGESTS.csv", conflicts_with_all = ["paths", "why", "top", "kind", "retry", "password", "near"])]
    pub cluster: Option<PathBuf>,
    /// Say of each domain of a list, one a line, whether it was generated, by which family's algorithm, and why (`-`: standard input); needs no home.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "why", "top", "kind", "retry", "password", "near", "cluster"])]
    pub names: Option<PathBuf>,
    /// The day whose generated names are known, a week before and after included [default: today]
    #[arg(long, value_name = "YYYY-MM-DD", requires = "names")]
    pub on: Option<terms::Day>,
    /// Of `--names`: print only what looks generated.
    #[arg(long, requires = "names")]
    pub generated: bool,
    /// Of `--names`: print only what has at least this score, 0 to 1.
    #[arg(long, value_name = "X", requires = "names", value_parser = share)]
    pub min_score: Option<f32>,
}

/// `comity assess`
#[derive(Debug, Args)]
pub struct Assess {
    /// Print at most this many threats.
    #[arg(long, default_value_t = 10)]
    pub top: usize,
}

/// `comity case …`
#[derive(Debug, Subcommand)]
pub enum CaseVerb {
    /// Open a case on threats.
    Open {
        /// Title.
        title: String,
        /// Threats to gather (repeatable).
        #[arg(long, value_name = "ID", required = true)]
        threat: Vec<ThreatId>,
    },
    /// List the cases.
    List,
    /// Show one case.
    Show {
        /// The case.
        case: String,
    },
    /// Gather again after a new `analyze` and `assess`.
    Refresh {
        /// The case.
        case: String,
    },
    /// Add a note.
    Note {
        /// The case.
        case: String,
        /// The note.
        text: String,
    },
    /// Write the case as one HTML file that opens offline.
    Report {
        /// The case.
        case: String,
        /// Where to write it.
        #[arg(long, value_name = "FILE", default_value = "report.html")]
        out: PathBuf,
    },
    /// Close a case.
    Close {
        /// The case.
        case: String,
    },
    /// Open a closed case again.
    Reopen {
        /// The case.
        case: String,
    },
    /// Give exhibits to a case, with the findings that rest on them.
    Gather {
        /// The case.
        case: String,
        /// An exhibit, by its id or first digits (repeatable).
        #[arg(long, value_name = "ID", required = true)]
        exhibit: Vec<String>,
    },
    /// Show of which categories a case's exhibits are and who says so, or label exhibits by hand.
    Label {
        /// The case.
        case: String,
        /// An exhibit, by its id or first digits (repeatable); without one, every exhibit of the case is shown.
        #[arg(long, value_name = "ID")]
        exhibit: Vec<String>,
        /// A category that they are of (repeatable); without one they are shown only.
        #[arg(long, value_name = "WORD", requires = "exhibit")]
        category: Vec<String>,
        /// Why; needed where the label is weaker than what counts. It stays here, the ledger holds a commitment to it.
        #[arg(long, value_name = "TEXT", requires = "category")]
        reason: Option<String>,
    },
    /// Place a preservation duty: it beats recall, retention and erasure.
    Hold {
        /// A case, an exhibit (its id or first digits), or `everything`.
        on: String,
        /// The first moment at which it no longer stands; without it, until it is lifted.
        #[arg(long, value_name = "DATE")]
        until: Option<Timestamp>,
        /// What it rests on.
        #[command(flatten)]
        ground: Grounds,
    },
    /// Lift a hold.
    Lift {
        /// The hold.
        hold: String,
        /// Why; it stands on the ledger, so name no one.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List the holds.
    Holds,
    /// List what agreements oblige this home to erase, and erase what is due.
    Retention {
        /// Erase what is due now; needs --second.
        #[arg(long, requires = "second")]
        erase: bool,
        /// The second of four eyes.
        #[arg(long, value_name = "PERSON")]
        second: Option<String>,
    },
    /// Destroy exhibits of a case for good, with everything in this home by which they would live on.
    Erase {
        /// The case.
        case: String,
        /// An exhibit, by its id or first digits (repeatable); without one, every exhibit of the case.
        #[arg(long, value_name = "ID")]
        exhibit: Vec<String>,
        /// Why; it stands on the ledger, so name no one.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The second of four eyes: one of the two is counsel or data-protection officer.
        #[arg(long, value_name = "PERSON")]
        second: String,
    },
    /// Record that an exhibit, which was intelligence, became evidence.
    Admit {
        /// The exhibit, by its id or first digits.
        exhibit: String,
        /// How it was obtained as evidence, where that is another way than before.
        #[arg(long, value_enum)]
        obtained: Option<How>,
        /// What it rests on.
        #[command(flatten)]
        ground: Grounds,
    },
    /// Show the disclosure schedule of a case, or mark exhibits in it.
    Disclosure {
        /// The case.
        case: String,
        /// An exhibit to mark, by its id or first digits (repeatable).
        #[arg(long, value_name = "ID", requires_all = ["mark", "reason"])]
        exhibit: Vec<String>,
        /// What it is to the case (repeatable): `used` or `unused`, `exculpatory`, `sensitive`.
        #[arg(long, value_name = "MARK", value_parser = mark, requires = "exhibit")]
        mark: Vec<Mark>,
        /// Why; it stands on the ledger, so name no one.
        #[arg(long, value_name = "TEXT", requires = "exhibit")]
        reason: Option<String>,
    },
    /// Write a case's package for one addressee: evidence, custody, schedule, proofs.
    Package {
        /// The case.
        case: String,
        /// For whom.
        #[arg(long, value_name = "ADDRESSEE")]
        to: String,
        /// Folder of the package, which must not exist.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Seal it as one file for this age recipient too (`age1…`).
        #[arg(long, value_name = "RECIPIENT")]
        seal_to: Option<String>,
        /// The authority under which it is handed over.
        #[arg(long, value_name = "ID")]
        authority: Option<String>,
        /// Show what would be in it.
        #[arg(long)]
        dry_run: bool,
    },
    /// Say what a time-stamping authority is to stamp, or take its token in.
    Stamp {
        /// An exhibit (its id or first digits), `checkpoint`, or a package's folder.
        on: String,
        /// The authority's token or answer (RFC 3161).
        #[arg(long, value_name = "FILE")]
        token: Option<PathBuf>,
        /// The nonce that was asked with, as hexadecimal digits.
        #[arg(long, value_name = "HEX", requires = "token", value_parser = digits)]
        nonce: Option<Nonce>,
    },
    /// List the people of this node and their roles, or add one.
    People {
        /// Add this person, or change their role.
        #[arg(long, value_name = "NAME", requires = "role")]
        add: Option<String>,
        /// Their role.
        #[arg(long, value_name = "ROLE", value_parser = role, requires = "add")]
        role: Option<Role>,
    },
}

/// What a hold or an admission rests on.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct Grounds {
    /// The authority, by its id.
    #[arg(long, value_name = "ID")]
    pub authority: Option<String>,
    /// The reason in words; it stands on the ledger, so name no one.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// A nonce's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(pub Vec<u8>);

/// `comity plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The case.
    #[arg(required_unless_present = "show")]
    pub case: Option<String>,
    /// Show a plan that was made, instead of making one.
    #[arg(long, value_name = "PLAN", conflicts_with = "case")]
    pub show: Option<String>,
    /// The one hour (RFC 3339); default: ten days from now, on the hour.
    #[arg(long, value_name = "TIME")]
    pub hour: Option<Timestamp>,
    /// Days over which bots must stay silent.
    #[arg(long, default_value_t = 14, value_name = "DAYS")]
    pub horizon: u16,
    /// Most innocent tenants that may be cut off.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub collateral: u64,
    /// How many taken channels the operator can bring back.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub rebuild: u32,
}

/// `comity act`
#[derive(Debug, Args)]
pub struct Act {
    /// The plan.
    pub plan: String,
    /// What to make of it instead of packages.
    #[arg(value_enum)]
    pub what: Option<ActWhat>,
    /// Who is asked about a sinkhole, and who gets answers to notices: a mail address.
    #[arg(long, value_name = "MAIL", required_if_eq("what", "sinkhole"))]
    pub contact: Option<String>,
    /// Address that a sinkhole listens on and answers with (repeatable).
    #[arg(long, value_name = "IP", required_if_eq("what", "sinkhole"))]
    pub address: Vec<std::net::IpAddr>,
    /// `sinkhole`: keep its bots' addresses so that they can be told, under this agreement in force or authority to notify.
    #[arg(long, value_name = "ID", requires = "erase")]
    pub notify_ground: Option<String>,
    /// `sinkhole`: from when on no address may be here any more.
    #[arg(long, value_name = "DATE", requires = "notify_ground")]
    pub erase: Option<Timestamp>,
    /// Folder for the packages, or the configurations.
    #[arg(long, value_name = "DIR", default_value = "packages")]
    pub out: PathBuf,
    /// Show what would be written.
    #[arg(long)]
    pub dry_run: bool,
    /// `notify`: networks in a thousand that are told later, so that the effect can be measured.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=500))]
    pub later: u16,
    /// `notify`: a table of places that holds from a day on (repeatable); default: the home's own, for all times.
    #[arg(long, value_name = "DATE=FILE", value_parser = dated)]
    pub places: Vec<(Timestamp, PathBuf)>,
    /// `notify`: note that this notice arrived.
    #[arg(long, value_name = "NOTICE", conflicts_with = "bounced")]
    pub arrived: Option<String>,
    /// `notify`: note that this notice came back.
    #[arg(long, value_name = "NOTICE")]
    pub bounced: Option<String>,
}

fn share(text: &str) -> Result<f32, String> {
    let wanted = text.parse().ok().filter(|x| (0.0..=1.0).contains(x));
    wanted.ok_or_else(|| "write a number from 0 to 1, as 0.9".to_owned())
}

fn dated(text: &str) -> Result<(Timestamp, PathBuf), String> {
    let (day, file) = text.split_once('=').ok_or("write DATE=FILE, as 2026-03-01=places.mmdb")?;
    let day: terms::Day = day.parse().map_err(|e: terms::TimeError| e.to_string())?;
    Ok((day.start(), PathBuf::from(file)))
}

/// What `act` makes of a plan instead of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ActWhat {
    /// The configurations of this partner's sinkholes, one for each authority.
    Sinkhole,
    /// A notice for each recipient of its own victims.
    Notify,
}

/// A role of `comity serve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ServeRole {
    /// Answers for seized names and addresses, and logs who asks.
    Sinkhole,
    /// Takes plans in and hands tasks to executors.
    Scheduler,
    /// Runs tasks.
    Executor,
}

/// `comity serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// What to run.
    #[arg(long, value_enum, value_name = "ROLE")]
    pub role: ServeRole,
    /// The sinkhole's configuration, as `comity act PLAN sinkhole` writes it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of its log; default: `sinkhole/ID` in the home.
    #[arg(long, value_name = "DIR")]
    pub log: Option<PathBuf>,
    /// Only take in what its log holds, and end.
    #[arg(long)]
    pub take_in: bool,
    /// What the roles of a cluster are told.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// `comity serve --role scheduler` and `--role executor`
#[derive(Debug, Args)]
#[command(next_help_heading = "Roles of a cluster")]
pub struct ClusterArgs {
    /// Where to listen [default: 127.0.0.1:50050 for a scheduler, 127.0.0.1:50051 for an executor].
    #[arg(long, value_name = "IP:PORT")]
    pub listen: Option<SocketAddr>,
    /// The scheduler of an executor.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:50050")]
    pub scheduler: String,
    /// Tasks that an executor runs at once.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub cores: usize,
    /// MiB of memory that an executor's tasks may hold together.
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub memory: u64,
    /// Folder of an executor for what tasks make; it must be its own.
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// Allow an address that other machines reach. Nobody is asked who they are: only where every machine there is trusted.
    #[arg(long)]
    pub trusted_network: bool,
}

/// `comity measure`
#[derive(Debug, Args)]
pub struct Measure {
    /// The plan whose effect is measured; without it the bots of the window are counted.
    #[arg(long, value_name = "ID")]
    pub plan: Option<String>,
    /// First day of the window before.
    #[arg(long, value_name = "DATE")]
    pub from: Option<Timestamp>,
    /// Last day of the window after.
    #[arg(long, value_name = "DATE")]
    pub until: Option<Timestamp>,
    /// Different bots per channel and country from daily roll-ups, which are brought up to date first.
    #[arg(long, conflicts_with = "plan")]
    pub rolled: bool,
    /// `--rolled`: print at most this many rows, those with most bots first; --json prints all [default: a screen]
    #[arg(long, value_name = "N", requires = "rolled")]
    pub top: Option<usize>,
    /// How many of the machines infected at the hour still are, in every country and network.
    #[arg(long, requires = "plan", conflicts_with = "notices")]
    pub survival: bool,
    /// Whether telling recipients helped: machines gone in networks that were told, against those that wait.
    #[arg(long, requires = "plan", conflicts_with = "from")]
    pub notices: bool,
}

/// `comity agree`
#[derive(Debug, Args)]
pub struct AgreeArgs {
    /// What about agreements; without it they are listed.
    #[command(subcommand)]
    pub verb: Option<Agree>,
}

/// `comity agree …`
#[derive(Debug, Subcommand)]
pub enum Agree {
    /// Print this partner's organisation key, as agreements hold it, and its node key.
    Key,
    /// What begins or follows a signature.
    #[command(flatten)]
    Declare(Declare),
    /// Fill the placeholders of a template.
    Fill {
        /// The template.
        template: PathBuf,
        /// `name=value` (repeatable).
        #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
        /// Where to write the text.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Check a text and point at what is wrong.
    Check {
        /// The text.
        file: PathBuf,
    },
    /// Sign a text with this partner's organisation key, or countersign it.
    Sign {
        /// The text.
        file: PathBuf,
        /// Where to write the signature file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The other party's signature file, to which ours is added.
        #[arg(long, value_name = "FILE")]
        countersign: Option<PathBuf>,
        /// What is bound in, and as whom.
        #[command(flatten)]
        manner: MannerArgs,
    },
    /// Take a text with both signatures into this home: from then on it is in force within its term.
    Join {
        /// The text.
        file: PathBuf,
        /// The signature file with both parties' signatures.
        #[arg(long, value_name = "FILE")]
        signature: PathBuf,
    },
    /// List the agreements and their state.
    List,
    /// Show one agreement.
    Show {
        /// The agreement.
        agreement: String,
        /// As a table: what passes from whom to whom, in which form, for what, with which duties.
        #[arg(long)]
        plain: bool,
        /// As it stands at this time; default: now.
        #[arg(long, value_name = "DATE")]
        at: Option<Timestamp>,
    },
    /// Prove the ten standing guarantees of texts, with a solver.
    Prove(Prove),
    /// Prove what a text lets pass that an older one does not, and the other way round.
    Diff(DiffArgs),
    /// Ask whether something would be allowed, and by which clause. Writes nothing.
    Test {
        /// To whom.
        #[arg(long, value_name = "PARTNER")]
        to: String,
        /// For which member of it.
        #[arg(long, value_name = "MEMBER")]
        member: Option<String>,
        /// What for.
        #[arg(long, value_parser = purpose)]
        purpose: Purpose,
        /// Category and form, as `c2-infrastructure=clear` (repeatable).
        #[arg(long, value_name = "CATEGORY=FORM", required = true, value_parser = record)]
        record: Vec<(Category, Protection)>,
        /// How many records.
        #[arg(long, default_value_t = 1, value_name = "N")]
        records: u64,
        /// From whom; default: this partner.
        #[arg(long, value_name = "PARTNER")]
        from: Option<String>,
        /// The rest of what a ruling looks at.
        #[command(flatten)]
        more: Box<Asked>,
    },
}

/// Which solver, and how long.
#[derive(Debug, Args)]
pub struct SolverArgs {
    /// The solver: cvc5 1.3 or newer. Default: `COMITY_SOLVER`, then `CVC5`, then `cvc5` or `cvc5-smtlib` on the path.
    #[arg(long, value_name = "PROGRAM")]
    pub solver: Option<PathBuf>,
    /// Seconds that the solver may think about one question.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// Solvers at work at once. Default: one for each core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: Option<u16>,
}

/// `comity agree prove`
#[derive(Debug, Args)]
pub struct Prove {
    /// The texts. Keys that a template leaves open are stood in for: no guarantee speaks of them.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Which solver, and how long.
    #[command(flatten)]
    pub solver: SolverArgs,
    /// Where to write the certificate of one text.
    #[arg(long, value_name = "CERTIFICATE", conflicts_with = "check")]
    pub out: Option<PathBuf>,
    /// A certificate of one text to check: its questions are made again and asked again.
    #[arg(long, value_name = "CERTIFICATE")]
    pub check: Option<PathBuf>,
    /// Make the questions of the certificate again and ask none.
    #[arg(long, requires = "check")]
    pub no_solver: bool,
}

/// `comity agree diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The text as it was.
    pub old: PathBuf,
    /// The text as it would be.
    pub new: PathBuf,
    /// Which solver, and how long.
    #[command(flatten)]
    pub solver: SolverArgs,
}

/// What `comity agree test` may state besides; what is left out counts as its strictest value.
#[derive(Debug, Args)]
pub struct Asked {
    /// What is to be done: `receive`, `psi-match`, `dp-count`, `reshare`, `use-in-court`.
    #[arg(long, default_value = "receive", value_parser = act)]
    pub act: agreement::Act,
    /// The case.
    #[arg(long, value_name = "ID")]
    pub case: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Records that passed before, in the case, the month and ever; default: as this home counted them.
    #[arg(long, num_args = 3, value_names = ["CASE", "MONTH", "TOTAL"])]
    pub spent: Vec<u64>,
    /// Items declared for a match, and matches that may be revealed.
    #[arg(long, num_args = 2, value_names = ["SET", "REVEAL"])]
    pub matching: Vec<u64>,
    /// Epsilon asked for and spent before, in millionths, for one bot in a month.
    #[arg(long, num_args = 2, value_names = ["ASKED", "SPENT"])]
    pub budget: Vec<u64>,
    /// The TLP mark of the records.
    #[arg(long, default_value = "amber", value_parser = tlp)]
    pub tlp: Tlp,
    /// Their handling code.
    #[arg(long, default_value = "h1", value_parser = code)]
    pub code: HandlingCode,
    /// Their grading, `a1` to `x4`.
    #[arg(long, value_name = "GRADING")]
    pub grading: Option<Grading>,
    /// With the provider's written consent.
    #[arg(long)]
    pub consent: bool,
    /// Whose records they were first; default: the giver's.
    #[arg(long, value_name = "PARTNER")]
    pub origin: Option<String>,
    /// Where they will rest; default: at the seat of who gets them.
    #[arg(long, value_name = "PLACE")]
    pub place: Option<Place>,
    /// A place whose people they concern (repeatable).
    #[arg(long, value_name = "PLACE")]
    pub concerns: Vec<Place>,
    /// As of this time; default: now.
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
}

fn act(word: &str) -> Result<agreement::Act, String> {
    let all = agreement::Act::ALL.iter().map(|a| a.word());
    agreement::Act::from_word(word).ok_or_else(|| format!("one of {}", words(all)))
}
fn tlp(word: &str) -> Result<Tlp, String> {
    Tlp::from_word(word).ok_or_else(|| format!("one of {}", words(Tlp::ALL.iter().map(|t| t.word()))))
}
fn code(word: &str) -> Result<HandlingCode, String> {
    let all = HandlingCode::ALL.iter().map(|c| c.word());
    HandlingCode::from_word(word).ok_or_else(|| format!("one of {}", words(all)))
}

/// `comity share`
#[derive(Debug, Args)]
pub struct Share {
    /// What.
    #[arg(value_enum)]
    pub what: What,
    /// The case; for a question the plan, for an exhibit `CASE/EXHIBIT`.
    #[arg(long, value_name = "ID", required_if_eq_any([("what", "indicators"), ("what", "question"), ("what", "exhibit")]))]
    pub of: Option<String>,
    /// To which partner.
    #[arg(long, value_name = "PARTNER")]
    pub with: String,
    /// For which member of it.
    #[arg(long, value_name = "MEMBER")]
    pub member: Option<String>,
    /// What for.
    #[arg(long, value_parser = purpose)]
    pub purpose: Purpose,
    /// Counts with noise instead of without small numbers, at this epsilon (without a value 0.1).
    #[arg(long, value_name = "E", num_args = 0..=1, default_missing_value = "0.1")]
    pub epsilon: Option<privacy::Epsilon>,
    /// The day, week or month that noisy counts are over (2026-03-02, 2026-W10, 2026-03); without it this month. Under an
    /// order the part of its period that is shared; without it all of it.
    #[arg(long, value_name = "PERIOD")]
    pub period: Option<privacy::Span>,
    /// Victims and sightings since this day only.
    #[arg(long, value_name = "DATE", conflicts_with = "under")]
    pub from: Option<Timestamp>,
    /// Victims and sightings up to and with this day only.
    #[arg(long, value_name = "DATE", conflicts_with = "under")]
    pub until: Option<Timestamp>,
    /// What an order compels: its number, or its exhibit by id or first digits; no agreement is needed then.
    #[arg(long, value_name = "ORDER", requires_all = ["counsel", "second"], conflicts_with = "epsilon")]
    pub under: Option<String>,
    /// The counsel who read the order and approves.
    #[arg(long, value_name = "PERSON", requires = "under")]
    pub counsel: Option<String>,
    /// The other person who approves.
    #[arg(long, value_name = "PERSON", requires = "under")]
    pub second: Option<String>,
    /// Seal it for this age recipient (`age1…`), where no agreement says how the partner's bundles are sealed.
    #[arg(long, value_name = "RECIPIENT", requires = "under")]
    pub seal_to: Option<String>,
    /// Where to write the sealed bundle.
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    pub out: Option<PathBuf>,
    /// Say what the ruling would be; write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `comity verify …`
#[derive(Debug, Subcommand)]
pub enum VerifyVerb {
    /// Follow the chain of a sinkhole's log.
    Sinkhole {
        /// The folder of the log.
        folder: PathBuf,
    },
    /// Show what ledgers have shown: partners' heads, cosignatures on ours, two-faced ledgers.
    Heads {
        /// Hear a partner again whose ledger had two faces.
        #[arg(long, value_name = "PARTNER", requires = "why")]
        answer: Option<String>,
        /// Why it is heard again.
        #[arg(long, value_name = "TEXT", requires = "answer")]
        why: Option<String>,
    },
    /// Ask a partner to cosign our checkpoint: writes the request to hand over.
    Ask {
        /// The witness.
        #[arg(long, value_name = "PARTNER")]
        witness: String,
        /// Where to write the request.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The size the witness says that it saw last.
        #[arg(long, value_name = "LEAVES")]
        old: Option<u64>,
    },
    /// Cosign a partner's checkpoint, when it continues all that was seen of it.
    Cosign {
        /// The partner's request.
        file: PathBuf,
        /// Where to write the answer.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take a witness's answer in.
    Take {
        /// The answer.
        file: PathBuf,
        /// The witness.
        #[arg(long, value_name = "PARTNER")]
        witness: String,
    },
    /// Print the proof that an exhibit's first leaf, or a leaf, stands on the ledger (C2SP tlog-proof).
    Proof {
        /// The exhibit or the leaf.
        of: String,
        /// Where to write the leaf's own bytes, which the proof is about.
        #[arg(long, value_name = "FILE")]
        leaf: Option<PathBuf>,
    },
    /// Write the proof of what was ruled on one record of a share: `comity verify FILE` checks it.
    Ruling {
        /// The batch that `comity share` names, or the release.
        of: String,
        /// The record's place in the batch, from 0.
        #[arg(long, value_name = "N", default_value_t = 0)]
        record: u64,
        /// Where to write it [default: print it].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Look the code of a victim's letter up in the notices that this home keeps, and name no victim.
    Letter {
        /// The code, however it was read out.
        code: String,
    },
    /// Publish the ledger as it stood a while ago; for a timer, once a slot.
    Publish,
    /// List what orders compelled: to counsel, the auditor and who approved it also what nobody may be told of yet.
    Compelled,
}

/// `comity match`
#[derive(Debug, Args)]
pub struct Match {
    /// The items to ask about, one a line.
    #[arg(value_name = "FILE", required_unless_present_any = ["answer", "finish"])]
    pub file: Option<PathBuf>,
    /// With which partner.
    #[arg(long, value_name = "PARTNER", requires = "file", required_unless_present_any = ["answer", "finish"])]
    pub with: Option<String>,
    /// For which open case of this home.
    #[arg(long, value_name = "CASE", requires = "file", required_unless_present_any = ["answer", "finish"])]
    pub case: Option<String>,
    /// Why; the partner reads it.
    #[arg(long, value_name = "TEXT", requires = "file", required_unless_present_any = ["answer", "finish"])]
    pub reason: Option<String>,
    /// What for.
    #[arg(long, value_parser = purpose, requires = "file", required_unless_present_any = ["answer", "finish"])]
    pub purpose: Option<Purpose>,
    /// Of what category the partner's items are.
    #[arg(long, value_parser = category, default_value = "account-credential")]
    pub category: Category,
    /// What the items are: address, e-mail, account, card, domain or text [default: what the category has].
    #[arg(long, value_parser = kind)]
    pub kind: Option<Kind>,
    /// Learn only how many match.
    #[arg(long, conflicts_with = "verified")]
    pub size_only: bool,
    /// Have the partner prove that one key answered every item.
    #[arg(long)]
    pub verified: bool,
    /// How many matches may be revealed at most [default: as many as there are items].
    #[arg(long, value_name = "N")]
    pub reveal: Option<u64>,
    /// Answer a partner's question (its bundle).
    #[arg(long, value_name = "QUESTION", requires = "against", conflicts_with_all = ["file", "finish"])]
    pub answer: Option<PathBuf>,
    /// The items that this home holds, one a line.
    #[arg(long, value_name = "FILE", requires = "answer")]
    pub against: Option<PathBuf>,
    /// Finish a session with the partner's answer (its bundle), and print the matches.
    #[arg(long, value_name = "ANSWER", conflicts_with_all = ["file", "dry_run", "out"])]
    pub finish: Option<PathBuf>,
    /// Where to write the sealed bundle.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["dry_run", "finish"])]
    pub out: Option<PathBuf>,
    /// Say what the ruling would be; write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `comity verify`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Verify {
    /// What else than to verify.
    #[command(subcommand)]
    pub verb: Option<VerifyVerb>,
    /// A package's folder, or the file of a receipt, a proof of erasure or of a ruling, or a time-stamp token; without it the home is verified.
    pub path: Option<PathBuf>,
    /// What a time-stamp token stamps: a file, or a package's folder.
    #[arg(long, value_name = "PATH", requires_all = ["path", "roots"])]
    pub stamps: Option<PathBuf>,
    /// Root certificates of the authorities you trust (PEM), for a time-stamp token.
    #[arg(long, value_name = "FILE", requires = "stamps")]
    pub roots: Option<PathBuf>,
    /// The nonce that was asked with, as hexadecimal digits.
    #[arg(long, value_name = "HEX", requires = "stamps", value_parser = digits)]
    pub nonce: Option<Nonce>,
    /// The node key that signed a package, as its partner's `comity agree key` prints it (repeatable); no home is needed then.
    #[arg(long, value_name = "KEY", requires = "path")]
    pub key: Vec<String>,
}

/// What `generate` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generated {
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
    /// Man pages, one for each verb.
    Man,
}

/// `comity generate`
#[derive(Debug, Args)]
pub struct Generate {
    /// What to write.
    #[arg(value_enum)]
    pub what: Generated,
    /// Folder to write to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
}

/// What a finding can state, as its `type` says it.
pub const KINDS: [&str; 24] = [
    "format",
    "hashes",
    "signature",
    "configuration",
    "family",
    "capability",
    "text",
    "code",
    "shared-code",
    "active-content",
    "derived",
    "withheld",
    "similar",
    "beacon",
    "generated-names",
    "activity",
    "indicator",
    "stix-object",
    "asset",
    "account",
    "rule-set",
    "scanned",
    "rule-match",
    "unreadable",
];

fn purpose(word: &str) -> Result<Purpose, String> {
    Purpose::from_word(word).ok_or_else(|| format!("one of {}", words(Purpose::ALL.iter().map(|p| p.word()))))
}

fn category(word: &str) -> Result<Category, String> {
    Category::from_word(word)
        .ok_or_else(|| format!("one of {}", words(Category::ALL.iter().map(|c| c.word()))))
}

fn kind(word: &str) -> Result<Kind, String> {
    Kind::from_word(word).ok_or_else(|| format!("one of {}", words(Kind::ALL.iter().map(|k| k.word()))))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give it as name=value")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// `category=form`; the form is `clear`, `token`, `pseudonym` or `aggregate(k)`.
fn record(text: &str) -> Result<(Category, Protection), String> {
    let (category, form) =
        text.split_once('=').ok_or("give it as category=form, as c2-infrastructure=clear")?;
    let known = || {
        format!("`{category}` is no category; there are {}", words(Category::ALL.iter().map(|c| c.word())))
    };
    Ok((Category::from_word(category).ok_or_else(known)?, form_of(form)?))
}

fn form_of(word: &str) -> Result<Protection, String> {
    let refuse =
        || format!("`{word}` is no form; there are `clear`, `token`, `pseudonym` and `aggregate(k)`");
    match word {
        "clear" => Ok(Protection::Clear),
        "token" => Ok(Protection::Token),
        "pseudonym" => Ok(Protection::Pseudonym),
        _ => {
            let k = word.strip_prefix("aggregate(").and_then(|w| w.strip_suffix(')')).ok_or_else(refuse)?;
            k.parse().map(Protection::Aggregate).map_err(|_| refuse())
        }
    }
}

/// Words of a closed vocabulary, for messages.
fn mark(word: &str) -> Result<Mark, String> {
    Mark::from_word(word).ok_or_else(|| format!("one of {}", words(Mark::ALL.iter().map(|m| m.word()))))
}

pub(super) fn role(word: &str) -> Result<Role, String> {
    const ROLES: [&str; 7] =
        ["analyst", "case-lead", "counsel", "data-protection-officer", "commander", "auditor", "operator"];
    let known = serde_json::from_value(serde_json::Value::String(word.to_owned())).ok();
    known.ok_or_else(|| format!("one of {}", words(ROLES.into_iter())))
}

fn digits(text: &str) -> Result<Nonce, String> {
    let even = if text.len().is_multiple_of(2) { text.to_owned() } else { format!("0{text}") };
    hex::decode(even.trim_start_matches("0x")).map(Nonce).map_err(|_| "give hexadecimal digits".to_owned())
}

fn words<'a>(of: impl Iterator<Item = &'a str>) -> String {
    of.map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
}
