//! The verbs as functions on one open home.
//!
//! Here: opening a node and what each verb does. The command line and the tests call the same functions.
//! Elsewhere: printing (`cli`), storing (`store`), parsing hostile bytes (`work`).

pub mod act;
pub mod agree;
pub mod analyze;
pub mod assess;
pub mod batches;
pub mod case;
pub mod cohort;
pub mod compact;
pub mod compel;
pub mod compelled;
pub mod declare;
mod derive;
pub mod disclose;
pub mod erase;
mod erased;
pub mod error;
mod exhibit;
pub mod filter;
pub mod hand;
mod heads;
pub mod hold;
pub mod ingest;
pub mod keys;
pub mod label;
pub mod letter;
pub mod matching;
pub mod measure;
pub mod noisy;
pub mod notify;
mod payload;
pub mod people;
pub mod plan;
pub mod protect;
pub mod publish;
pub mod receive;
pub mod remedied;
pub mod reporting;
pub mod retain;
pub mod rollups;
pub mod rules;
pub mod share;
pub mod similar;
pub mod sinkhole;
pub mod stamp;
mod tables;
#[cfg(feature = "cluster")]
pub(crate) use tables::readable;
mod uncompared;
pub mod verify;
mod victims;
pub mod withheld;
pub mod witness;

use crate::store::state::Backend;
use crate::store::{
    Clock, Config, Flags, Home, InitOptions, Mode, NodeClock, Sequencer, Sources, State, SystemClock,
    TelemetryStore, config, files, jobs, records, vault,
};
use crate::work::{Pool, RuleTime, sandbox};
use error::NodeError;
use evidence::custody::{Act, Event, How, Why};
use evidence::{FileKeystore, Vault};
use keys::Keys;
use ledger::{Commitment, NoteSigner, Salt};
use privacy::customer::Networks;
use protect::Geo;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terms::{Digest, ExhibitId, Obtained, PartnerId, PersonId, Place, Timestamp};

/// Children that wait ready: one per core, so that no exhibit waits for a process to start.
const READY: usize = 2;

/// How a node is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The home's folder.
    pub dir: PathBuf,
    /// What unlocks the keys.
    pub passphrase: zeroize::Zeroizing<String>,
    /// Who acts; the home's first person where none is named.
    pub person: Option<PersonId>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The program that children run: this binary.
    pub program: PathBuf,
    /// What the command line set.
    pub flags: Flags,
}

impl Options {
    /// Options with the machine's clock and this program.
    pub fn new(dir: &Path, passphrase: &str) -> Result<Self, NodeError> {
        let program =
            std::env::current_exe().map_err(|e| NodeError::file("finding", Path::new("comity"), e))?;
        Ok(Self {
            dir: dir.to_owned(),
            passphrase: zeroize::Zeroizing::new(passphrase.to_owned()),
            person: None,
            clock: Arc::new(SystemClock),
            program,
            flags: Flags::default(),
        })
    }
}

/// What `init` is told beside the options.
#[derive(Debug, Clone)]
pub struct Birth {
    /// This partner.
    pub partner: PartnerId,
    /// The first person.
    pub person: PersonId,
    /// Customer networks.
    pub customer_networks: Vec<String>,
    /// MMDB file.
    pub geo: Option<PathBuf>,
}

/// An open home with everything a verb needs.
pub struct Node {
    /// The home; owned until this is dropped.
    pub home: Home,
    /// Its configuration.
    pub config: Config,
    /// The state store.
    pub state: State,
    /// The vault.
    pub vault: Vault,
    /// The keys.
    pub keys: Arc<Keys>,
    /// The clock as it is.
    pub clock: Arc<dyn Clock>,
    /// The clock that refuses to go back.
    pub ruling_clock: NodeClock,
    /// The children.
    pub pool: Pool,
    /// The writer of the ledger.
    pub sequencer: Sequencer,
    /// Telemetry files.
    pub telemetry: TelemetryStore,
    /// Places.
    pub geo: Geo,
    /// Customers' networks.
    pub networks: Arc<Networks>,
    /// This partner.
    pub partner: PartnerId,
    /// Who acts.
    pub person: PersonId,
    /// Its agreements, once read.
    pub(crate) agreed: tokio::sync::Mutex<Option<Arc<agreement::Agreements>>>,
    /// Lists of what must not be viewed, once read.
    withheld: tokio::sync::OnceCell<Arc<withheld::Lists>>,
    /// Held from the ruling on a crossing until it is counted: no two of them find the same room under a cap.
    pub(crate) crossing: tokio::sync::Mutex<()>,
}

/// The origin of a partner's ledger.
pub fn origin(partner: &PartnerId) -> String {
    format!("{partner}.comity/ledger")
}

impl Node {
    /// Makes a home and opens it.
    pub async fn init(options: &Options, birth: &Birth) -> Result<Self, NodeError> {
        let now = options.clock.now();
        let networks = birth.customer_networks.clone();
        Networks::parse(networks.iter().map(String::as_str))?;
        let geo = match &birth.geo {
            Some(path) => {
                Geo::open(path)?;
                Some(std::fs::canonicalize(path).map_err(|e| NodeError::file("finding", path, e))?)
            }
            None => None,
        };
        let written = Config {
            customer_networks: Vec::new(),
            geo,
            partner: Some(birth.partner.clone()),
            ..Config::default()
        };
        let text = configuration(&written, &networks)?;
        let home = Home::init(&options.dir, &InitOptions { config: Some(text) }, now)?;
        Keys::create(&home.keys(), &options.passphrase, &birth.person)?;
        let sources = Sources::of_process(Some(home.root()), options.flags.clone());
        let loaded = config::load(&sources)?;
        State::of_home(&home, loaded.config.state.as_deref(), true).await?.close().await;
        drop(home);
        let mut options = options.clone();
        options.person = Some(birth.person.clone());
        let node = Self::open(&options, "init").await?;
        let mut tx = node.state.begin().await?;
        let person = records::Record {
            id: birth.person.0.clone(),
            belongs: "analyst".into(),
            status: "active".into(),
            at: now,
            until: None,
            body: node.keys.public.people.get(&birth.person.0).cloned().unwrap_or_default(),
        };
        records::PEOPLE.put(&mut tx, &person).await?;
        crate::store::settings::put(&mut tx, "first-person", &birth.person.0).await?;
        tx.commit().await?;
        Ok(node)
    }

    /// Opens a home to work with it; this process owns it from here on.
    pub async fn open(options: &Options, verb: &str) -> Result<Self, NodeError> {
        let node = Self::open_as_it_is(options, verb).await?;
        node.recover().await?;
        Ok(node)
    }

    /// Opens a home and mends nothing a killed process left: for `verify`, which looks at what is there.
    pub async fn open_as_it_is(options: &Options, verb: &str) -> Result<Self, NodeError> {
        let home = Home::open(&options.dir, Mode::Work(verb), options.clock.now())?;
        let loaded = config::load(&Sources::of_process(Some(home.root()), options.flags.clone()))?;
        let config = loaded.config;
        let keys = Arc::new(Keys::open(&home.keys(), &options.passphrase)?);
        let state = State::of_home(&home, config.state.as_deref(), false).await?;
        let keystore = Arc::new(FileKeystore::open(&home.keys().join("objects"), keys.home.clone())?);
        let vault = vault::open(&home, config.vault.as_deref(), keystore)?;
        let telemetry = TelemetryStore::open(&home, config.telemetry.as_deref())?;
        let partner = config.partner.clone().ok_or_else(|| NodeError::First {
            what: "this home does not say which partner it is".into(),
            help: "set `partner` in its config.toml",
        })?;
        let signer = NoteSigner::new(&origin(&partner), keys.node.clone())?;
        let folder: Arc<dyn files::Files> = Arc::new(files::Disk::new(home.ledger())?);
        let sequencer = Sequencer::new(
            state.clone(),
            folder,
            signer,
            &[],
            options.clock.clone(),
            &home.root().display().to_string(),
        );
        let ruling_clock = NodeClock::new(options.clock.clone(), config.clock_tolerance_ms);
        let declared: Vec<String> = config.customer_networks.iter().map(ToString::to_string).collect();
        let networks = Arc::new(Networks::parse(declared.iter().map(String::as_str))?);
        let geo = match &config.geo {
            Some(path) => Geo::open(path)?,
            None => Geo::none(),
        };
        let person = match &options.person {
            Some(person) => person.clone(),
            None => {
                let mut conn = state.read().await?;
                let first: Option<String> = crate::store::settings::get(&mut conn, "first-person").await?;
                PersonId(first.unwrap_or_else(|| "nobody".into()))
            }
        };
        if !keys.public.people.contains_key(&person.0) {
            return Err(NodeError::First {
                what: format!("`{person}` is nobody at this node"),
                help: "name one of the people in keys/public.json with --person",
            });
        }
        let pool = Pool::new(options.program.clone(), READY, config.allow_no_sandbox)
            .with_rule_time(RuleTime::of(config.rules_seconds));
        Ok(Self {
            home,
            config,
            state,
            vault,
            keys,
            clock: options.clock.clone(),
            ruling_clock,
            pool,
            sequencer,
            telemetry,
            geo,
            networks,
            partner,
            person,
            agreed: tokio::sync::Mutex::default(),
            withheld: tokio::sync::OnceCell::new(),
            crossing: tokio::sync::Mutex::default(),
        })
    }

    /// What a killed process left: half-sealed objects, unnamed telemetry, leaves that wait.
    async fn recover(&self) -> Result<(), NodeError> {
        self.telemetry.claim(&self.home, &self.state).await?;
        self.telemetry.sweep(&self.home, &self.state).await?;
        // Objects that this process writes are spared by the vault itself.
        self.vault.sweep(Timestamp(i64::MAX)).await?;
        self.sweep_ledger()?;
        if self.state.backend() == Backend::Sqlite {
            // This process holds the lock: what another had begun, it will not end.
            let mut tx = self.state.begin().await?;
            jobs::let_go(&mut tx).await?;
            tx.commit().await?;
        }
        self.sequencer.run().await?;
        self.finish_erasures().await
    }

    /// Takes away what writes of a killed process left in the ledger's folder under names of their own: no part of the log.
    fn sweep_ledger(&self) -> Result<(), NodeError> {
        let root = self.home.ledger();
        for file in verify::ledger_files(&root).1 {
            let path = root.join(file);
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(NodeError::file("sweeping", &path, e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes everything durable and lets the home go.
    pub async fn close(self) -> Result<(), NodeError> {
        self.sequencer.run().await?;
        self.state.close().await;
        Ok(())
    }

    /// A custody event of this node's person, now.
    pub fn event(&self, exhibits: Vec<Commitment>, what: Act, why: Why, confined: bool) -> Event {
        Event {
            exhibits,
            what,
            who: self.person.clone(),
            node: self.partner.clone(),
            when: self.clock.now(),
            place: Place::UNKNOWN,
            why,
            how: How {
                tool: "comity".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                program: None,
                sandbox: confined.then(|| sandbox::PROFILE.to_owned()),
            },
            obtained: None,
            derived: None,
            second: None,
            until: None,
            marks: Vec::new(),
            categories: Vec::new(),
            document: None,
        }
    }

    /// The custody row and leaf of an event on one exhibit.
    pub(crate) fn custody(
        &self,
        exhibit: ExhibitId,
        event: &Event,
    ) -> Result<
        (crate::store::custody::CustodyRow<serde_json::Value>, crate::store::leaves::NewLeaf),
        NodeError,
    > {
        let leaf = self.custody_leaf(event)?;
        let word = serde_json::to_value(event.what)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default();
        let body = serde_json::to_value(event).unwrap_or_default();
        let row = crate::store::custody::CustodyRow::new(
            exhibit,
            event.when,
            event.who.clone(),
            &word,
            body,
            &leaf.id,
        );
        Ok((row, leaf))
    }

    /// The leaf of an event, in the form that holds no personal data.
    pub(crate) fn custody_leaf(&self, event: &Event) -> Result<crate::store::leaves::NewLeaf, NodeError> {
        let mut leaf = crate::store::leaves::NewLeaf::new(Vec::new());
        leaf.body = self.on_ledger(event, &leaf.id).leaf(&self.keys.node)?;
        Ok(leaf)
    }

    /// An event as it stands on the ledger. A person's name and words that a person typed are personal data and stay at
    /// home: the ledger has a pseudonym that follows from the person's key, and a commitment to the words under a salt
    /// that follows from the leaf's id, which is random and never leaves the state store.
    pub(crate) fn on_ledger(&self, event: &Event, leaf: &str) -> Event {
        let mut told = event.clone();
        if let Some(pseudonym) = self.pseudonym(&event.who) {
            told.who = pseudonym;
        }
        if let Why::House(words) = &event.why {
            let salt = Salt::from_bytes(Digest::of(format!("comity.words/1 {leaf}").as_bytes()).0);
            told.why = Why::House(ledger::commit(&salt, &Digest::of(words.as_bytes())).to_string());
        }
        told
    }

    /// How the ledger names a person of this home: by what follows from their key.
    pub(crate) fn pseudonym(&self, person: &PersonId) -> Option<PersonId> {
        let key = self.keys.public.people.get(&person.0)?;
        Some(PersonId::of_key(key))
    }

    /// The event of an intake.
    pub(crate) fn intake(&self, commitment: Commitment, what: Act, why: &str, obtained: Obtained) -> Event {
        let mut event = self.event(vec![commitment], what, Why::House(why.to_owned()), false);
        event.obtained = Some(obtained);
        event
    }
}

/// The state store's URL: configured, or the file in the home.
pub fn state_url(home: &Home, config: &Config) -> String {
    config.state.clone().unwrap_or_else(|| crate::store::state::sqlite_url(&home.state_file()))
}

/// The home's `config.toml`.
fn configuration(config: &Config, networks: &[String]) -> Result<String, NodeError> {
    #[derive(serde::Serialize)]
    struct Written<'a> {
        partner: Option<&'a PartnerId>,
        customer_networks: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        geo: Option<&'a Path>,
    }
    let written =
        Written { partner: config.partner.as_ref(), customer_networks: networks, geo: config.geo.as_deref() };
    toml::to_string(&written)
        .map_err(|e| NodeError::Value { what: format!("the configuration cannot be written: {e}") })
}
