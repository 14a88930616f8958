//! What can go wrong at a node, each with its code, its help and the exit code of the command line.

use miette::Diagnostic;

/// How a command ends when it does not end well (DESIGN section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// 1
    Error,
    /// 2
    Usage,
    /// 3
    Refused,
    /// 4
    NotVerified,
    /// 5
    Incomplete,
    /// 6
    Partly,
    /// 7
    CannotTell,
}

impl Ending {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Error => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::NotVerified => 4,
            Self::Incomplete => 5,
            Self::Partly => 6,
            Self::CannotTell => 7,
        }
    }
}

/// An error of a node.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum NodeError {
    /// From the stores.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Store(#[from] crate::store::StoreError),
    /// From the sandboxed children.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Work(#[from] crate::work::WorkError),
    /// From sealing and packages.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Evidence(#[from] evidence::EvidenceError),
    /// From the ledger.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Ledger(#[from] ledger::LedgerError),
    /// From telemetry tables.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Table(#[from] botnet::tables::TableError),
    /// From telemetry questions.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Telemetry(#[from] botnet::TelemetryError),
    /// From the cluster.
    #[cfg(feature = "cluster")]
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cluster(#[from] cluster::ClusterError),
    /// This build has no cluster in it.
    #[cfg(not(feature = "cluster"))]
    #[error("this build of comity knows no cluster")]
    #[diagnostic(
        code("CMT-1438"),
        help(
            "build it with `cargo build --release -p comity --features cluster`, or take `cluster` out of the configuration"
        )
    )]
    NoCluster,
    /// From exchange.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Exchange(#[from] exchange::ExchangeError),
    /// A signature under an agreement, or a statement about one, does not hold.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Signature(agreement::SignatureError),
    /// A proof certificate that is none, or of another text.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Certificate(#[from] agreement::CertificateError),
    /// From a sinkhole.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Sinkhole(#[from] sinkhole::SinkholeError),
    /// From privacy.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Privacy(#[from] privacy::PrivacyError),
    /// From cases.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Case(#[from] threat::CaseError),
    /// From situations that cannot be planned on.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Situation(#[from] takedown::SituationError),
    /// From the generated operation.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Exercise(#[from] exercise::ExerciseError),
    /// Nothing is ranked by nearness.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Similar(#[from] super::similar::SimilarError),
    /// A word that is no id.
    #[error(transparent)]
    #[diagnostic(code("CMT-1120"), help("ids are lower-case letters, digits, `-` and `.`"))]
    Id(#[from] terms::IdError),
    /// A file beside the home.
    #[error("{doing} `{path}`: {source}")]
    #[diagnostic(code("CMT-1121"), help("check that the path exists and that this user may use it"))]
    File {
        /// What was being done.
        doing: &'static str,
        /// The path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A place file that is none.
    #[error("`{path}` gives no places: {why}")]
    #[diagnostic(code("CMT-1122"), help("set `geo` to a MaxMind DB (.mmdb) file, or leave it out"))]
    Geo {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// Nothing of that name.
    #[error("there is no {what} `{id}` in this home")]
    #[diagnostic(code("CMT-1123"), help("{list} lists what there is"))]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// Its id.
        id: String,
        /// The command that lists them.
        list: &'static str,
    },
    /// The texts of agreements.
    #[error("{text}")]
    #[diagnostic(code("CMT-1124"), help("mend the text where the labels point and check it again"))]
    Agreement {
        /// Rendered diagnostics.
        text: String,
    },
    /// An agreement, a signature or a key that does not hold.
    #[error("{what}")]
    #[diagnostic(code("CMT-1125"), help("{help}"))]
    Trust {
        /// What.
        what: String,
        /// The mending.
        help: &'static str,
    },
    /// A plan of which recipients were told into this folder before.
    #[error("`{}` is there already: recipients of this plan were told from it", folder.display())]
    #[diagnostic(
        code("CMT-1473"),
        help("name another folder with --out; the earlier notices stand in `awaited.json`")
    )]
    Notified {
        /// The folder.
        folder: std::path::PathBuf,
    },
    /// A release that is no notice.
    #[error("`{release}` is no notice of this home")]
    #[diagnostic(
        code("CMT-1474"),
        help("the ids stand in `awaited.json` beside the messages, and begin with `notice-`")
    )]
    NoNotice {
        /// What was named.
        release: String,
    },
    /// A recipient to whom no notice can be written.
    #[error("no notice can be written to `{recipient}`: {why}")]
    #[diagnostic(
        code("CMT-1411"),
        help(
            "mend its clause `recipient` (address, key), or give --contact as one plain mail address; nothing was written"
        )
    )]
    Unreached {
        /// The recipient's id.
        recipient: String,
        /// Why.
        why: String,
    },
    /// A plan of which no recipient was told.
    #[error("no recipient was told of plan `{plan}`")]
    #[diagnostic(code("CMT-1483"), help("tell them first: `comity act {plan} notify --later 200`"))]
    NobodyTold {
        /// The plan.
        plan: String,
    },
    /// Nothing is left that may be told.
    #[error(
        "nobody is told of plan `{plan}`: {overdue} exhibits and {erased} erased keys for notification are past their day"
    )]
    #[diagnostic(
        code("CMT-1485"),
        help(
            "`comity case retention` lists the days; take in hits that may still be told, under a new day of erasure"
        )
    )]
    PastItsDay {
        /// The plan.
        plan: String,
        /// Exhibits whose day has passed, and that are here.
        overdue: u64,
        /// Keys that were erased.
        erased: u64,
    },
    /// What telling did cannot be told.
    #[error("the data cannot tell what the notices of this plan did: {why}")]
    #[diagnostic(code("CMT-1484"), help("{help}"))]
    NotRemedied {
        /// Why.
        why: &'static str,
        /// What would let them tell.
        help: &'static str,
    },
    /// Refused by an agreement.
    #[error("refused: {sentence}")]
    #[diagnostic(
        code("CMT-1126"),
        help("`comity agree test` asks without sending; `comity agree show` lists what may pass")
    )]
    Refused {
        /// The denial as one sentence with its clause.
        sentence: String,
        /// The denial's own code.
        code: String,
        /// The clauses.
        clauses: Vec<String>,
    },
    /// A document that compels nothing.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Compulsion(#[from] agreement::CompulsionError),
    /// No order compels it.
    #[error("refused: {sentence}")]
    #[diagnostic(code("CMT-1198"), help("{help}"))]
    NotCompelled {
        /// The denial as one sentence with its order.
        sentence: String,
        /// The denial's own code.
        code: String,
        /// The mending.
        help: String,
    },
    /// Nobody may be told yet.
    #[error("refused: an order forbids to tell of something in this case before {until}")]
    #[diagnostic(
        code("CMT-1197"),
        help("wait until then, name that order with --authority, or open a case without what it compelled")
    )]
    Silent {
        /// Until when.
        until: terms::Timestamp,
    },
    /// A list of what must not be viewed cannot be used.
    #[error("the list {path} of what must not be viewed cannot be used: {why}")]
    #[diagnostic(
        code("CMT-1112"),
        help(
            "mend the file or take it out of `withheld_lists`; until then nothing is taken in, so that nothing on it is looked at"
        )
    )]
    WithheldList {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// Material that must not be viewed does not leave.
    #[error("refused: {exhibit} must not be viewed; it is neither shown nor released")]
    #[diagnostic(
        code("CMT-1113"),
        help(
            "report it to whom the law names; `comity case mark` as `unused` leaves it out of a case's package"
        )
    )]
    Withheld {
        /// The exhibit.
        exhibit: terms::ExhibitId,
    },
    /// What was not compared with the lists of what must not be viewed does not leave.
    #[error(
        "refused: not all of {exhibit} could be compared with the lists of what must not be viewed: {why}"
    )]
    #[diagnostic(
        code("CMT-1286"),
        help(
            "run `comity analyze` where it waits or the lists changed; otherwise release the parts of it that were taken out and compared, not the whole"
        )
    )]
    Uncompared {
        /// The exhibit.
        exhibit: terms::ExhibitId,
        /// Which part of it, and why.
        why: String,
    },
    /// The ledger or a sealed object does not verify.
    #[error("not verified: {what}")]
    #[diagnostic(
        code("CMT-1127"),
        help("keep the folder as it is; restore the named file from a backup and verify again")
    )]
    NotVerified {
        /// What, with the file.
        what: String,
    },
    /// Victims of one place that do not fit into one bundle.
    #[error("the victims of {place} have more than {most} rows, which one bundle may not have")]
    #[diagnostic(
        code("CMT-1108"),
        help(
            "share those since {since} with `--from {since}`, and earlier ones in bundles of their own with `--from` and `--until`"
        )
    )]
    TooManyVictims {
        /// The place.
        place: terms::Place,
        /// First of the last days that fit.
        since: terms::Day,
        /// Most rows of a bundle.
        most: usize,
    },
    /// The data cannot tell.
    #[error("the data cannot tell: {why}")]
    #[diagnostic(code("CMT-1128"), help("take in more days of sightings, then measure again"))]
    CannotTell {
        /// Why.
        why: String,
    },
    /// The checker found something wrong with a plan.
    #[error("the plan does not stand up to the checker: {what}")]
    #[diagnostic(code("CMT-1129"), help("make the plan again; if it happens twice, report it"))]
    Unsound {
        /// What.
        what: String,
    },
    /// Something is needed first.
    #[error("{what}")]
    #[diagnostic(code("CMT-1130"), help("{help}"))]
    First {
        /// What is missing.
        what: String,
        /// The command that brings it.
        help: &'static str,
    },
    /// A passphrase is needed.
    #[error("the keys of this home are locked: {why}")]
    #[diagnostic(code("CMT-1131"), help("{mend}"))]
    Locked {
        /// Why.
        why: String,
        /// What to do.
        mend: &'static str,
    },
    /// A case of this title is here.
    #[error("a case with the title `{title}` is here already{}: `{id}`", if *closed { ", closed" } else { "" })]
    #[diagnostic(
        code("CMT-1133"),
        help(
            "go on with it (`comity case refresh {id}` gathers what is new, `comity case reopen {id}` opens a closed one), or \
             open another under another title"
        )
    )]
    CaseThere {
        /// Its title.
        title: String,
        /// Its id.
        id: String,
        /// Whether it is closed.
        closed: bool,
    },
    /// A drawing or document could not be made.
    #[error("{what}")]
    #[diagnostic(code("CMT-1132"), help("check the values given; `comity help` explains them"))]
    Value {
        /// What is wrong.
        what: String,
    },
    /// What a plan rests on has changed since it was made.
    #[error("plan `{plan}` does not hold any more: {what}")]
    #[diagnostic(code("CMT-1170"), help("make a new plan with `comity plan`, and act on that one"))]
    Changed {
        /// The plan.
        plan: String,
        /// What changed.
        what: String,
    },
    /// From private matching.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Psi(#[from] privacy::psi::PsiError),
    /// A step of a match that was done before.
    #[error("match `{session}` was answered or finished here before")]
    #[diagnostic(
        code("CMT-1195"),
        help("each session is answered and finished once, and counts once; ask again with `comity match`")
    )]
    Repeated {
        /// The session.
        session: String,
    },
    /// An answer that could reveal more than was asked for.
    #[error("refused: the answer could reveal {most} matches, and at most {asked} were asked for")]
    #[diagnostic(
        code("CMT-1196"),
        help(
            "ask over fewer items, with a larger --reveal as far as the agreement goes, or with --size-only"
        )
    )]
    RevealsMore {
        /// The most that it could reveal.
        most: u64,
        /// What was asked for.
        asked: u64,
    },
    /// Four eyes are needed, or another role.
    #[error("this needs other eyes: {why}")]
    #[diagnostic(
        code("CMT-1180"),
        help(
            "`comity case people` lists who is here in which role; name the second with --second, the first with --person"
        )
    )]
    FourEyes {
        /// Why.
        why: String,
    },
    /// A word that is no category.
    #[error("`{word}` is no category")]
    #[diagnostic(code("CMT-1281"), help("one of {all}"))]
    NoCategory {
        /// The word.
        word: String,
        /// The vocabulary.
        all: String,
    },
    /// A label would take a category away, and nobody says why.
    #[error("exhibit {exhibit} counts as {was}; {new} is weaker, and no reason is given")]
    #[diagnostic(
        code("CMT-1282"),
        help("a person may label weaker, and says why: `comity case label … --reason TEXT --person NAME`")
    )]
    Weaker {
        /// The exhibit.
        exhibit: terms::ExhibitId,
        /// As what it counts.
        was: String,
        /// What was to be said of it.
        new: String,
    },
    /// A label of nobody whose word counts.
    #[error("`{person}` cannot label: {why}")]
    #[diagnostic(
        code("CMT-1283"),
        help("`comity case people` lists who is here with which key; name one of them with --person")
    )]
    NoLabeller {
        /// Who.
        person: terms::PersonId,
        /// Why not.
        why: String,
    },
    /// An exhibit that is not here any more, or that never leaves.
    #[error("exhibit {exhibit} cannot be {doing}: {why}")]
    #[diagnostic(
        code("CMT-1284"),
        help("`comity case label CASE` lists the exhibits of a case with their labels")
    )]
    NotThisExhibit {
        /// The exhibit.
        exhibit: terms::ExhibitId,
        /// What was to be done with it.
        doing: &'static str,
        /// Why not.
        why: String,
    },
    /// An erasure has not come to its end.
    #[error("the erasure has not come to its end: {what}")]
    #[diagnostic(
        code("CMT-1181"),
        help(
            "run the command again: it goes on where it stopped, and nothing is called erased before it is"
        )
    )]
    Unfinished {
        /// What is left.
        what: String,
    },
    /// A file that carries no signature of its own.
    #[error("`{file}` is neither a package's folder nor a receipt: it looks like {what}")]
    #[diagnostic(
        code("CMT-1183"),
        help(
            "`comity verify` takes a package's folder, a receipt, a proof of erasure, or a token with --stamps; alone it verifies the home"
        )
    )]
    NotVerifiable {
        /// The file.
        file: String,
        /// What it looks like.
        what: String,
    },
    /// What would bring the erased back stays.
    #[error("{what}")]
    #[diagnostic(
        code("CMT-1182"),
        help("name that exhibit too: what was taken out of it would come back from it")
    )]
    Contained {
        /// What contains what.
        what: String,
    },
    /// A partner's ledger showed two faces.
    #[error("the ledger of `{partner}` has two faces: {why}")]
    #[diagnostic(
        code("CMT-1190"),
        help(
            "nothing of this partner is taken in; the exhibit named by `comity verify heads` holds both signed heads. \
             Ask the partner by another way, then `comity verify heads --answer PARTNER --why TEXT`"
        )
    )]
    TwoFaced {
        /// Whose.
        partner: terms::PartnerId,
        /// How it shows.
        why: String,
    },
    /// Our own ledger does not continue what a partner was told.
    #[error("this home's ledger does not continue the {size} leaves that `{partner}` was told of: {why}")]
    #[diagnostic(
        code("CMT-1191"),
        help(
            "nothing was sent: restore `ledger/` and the state store from the newest backup, then `comity verify`"
        )
    )]
    OwnLedger {
        /// Who was told.
        partner: terms::PartnerId,
        /// Of how many leaves.
        size: u64,
        /// Why not.
        why: String,
    },
    /// A message that shows nothing of its sender's ledger.
    #[error("the message of `{partner}` shows nothing of its ledger")]
    #[diagnostic(code("CMT-1192"), help("ask for it again, made by a program that shows it"))]
    NothingShown {
        /// Whose message.
        partner: terms::PartnerId,
    },
    /// What a message shows does not join what is remembered.
    #[error("the message of `{partner}` does not join what its ledger showed before: {why}")]
    #[diagnostic(
        code("CMT-1193"),
        help(
            "nothing of it was taken in: send this partner any message of yours, then ask for its message again"
        )
    )]
    NotJoined {
        /// Whose message.
        partner: terms::PartnerId,
        /// Why.
        why: String,
    },
    /// A log cannot be published.
    #[error("the ledger cannot be published: {what}")]
    #[diagnostic(code("CMT-1194"), help("{help}"))]
    Publish {
        /// Why.
        what: String,
        /// The mending.
        help: &'static str,
    },
}

impl NodeError {
    /// A file error with its path.
    pub fn file(doing: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File { doing, path: path.display().to_string(), source }
    }

    /// How the command ends.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Refused { .. }
            | Self::NotCompelled { .. }
            | Self::Silent { .. }
            | Self::Withheld { .. }
            | Self::Uncompared { .. }
            | Self::FourEyes { .. }
            | Self::RevealsMore { .. }
            | Self::Weaker { .. }
            | Self::NoLabeller { .. }
            | Self::PastItsDay { .. } => Ending::Refused,
            Self::Evidence(evidence::EvidenceError::Held { .. }) => Ending::Refused,
            // The text itself refuses to end before its notice is over.
            Self::Signature(agreement::SignatureError::Notice { .. }) => Ending::Refused,
            Self::Evidence(evidence::EvidenceError::Stamp(_)) | Self::Certificate(_) => Ending::NotVerified,
            Self::Signature(
                agreement::SignatureError::Envelope(_)
                | agreement::SignatureError::OtherText { .. }
                | agreement::SignatureError::OtherKey { .. }
                | agreement::SignatureError::Stranger { .. }
                | agreement::SignatureError::Delegate { .. },
            ) => Ending::NotVerified,
            Self::Psi(privacy::psi::PsiError::Proof { .. } | privacy::psi::PsiError::Differs { .. }) => {
                Ending::NotVerified
            }
            Self::Sinkhole(
                sinkhole::SinkholeError::Chain { .. } | sinkhole::SinkholeError::Victims { .. },
            ) => Ending::NotVerified,
            Self::Sinkhole(
                sinkhole::SinkholeError::Authority { .. } | sinkhole::SinkholeError::Ground { .. },
            ) => Ending::Refused,
            Self::Unfinished { .. } => Ending::Incomplete,
            Self::NotVerified { .. }
            | Self::Unsound { .. }
            | Self::TwoFaced { .. }
            | Self::OwnLedger { .. }
            | Self::NothingShown { .. }
            | Self::NotJoined { .. } => Ending::NotVerified,
            Self::CannotTell { .. } | Self::NotRemedied { .. } => Ending::CannotTell,
            Self::Similar(super::similar::SimilarError::NotDigest { .. }) => Ending::Usage,
            Self::Id(_) | Self::Value { .. } | Self::NoCategory { .. } | Self::NotVerifiable { .. } => {
                Ending::Usage
            }
            _ => Ending::Error,
        }
    }
}
