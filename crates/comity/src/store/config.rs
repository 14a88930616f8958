//! The configuration: defaults < file of the person (XDG) < file of the home < `COMITY_*` < flags, each value with its
//! origin, for `comity doctor --config`.
//!
//! A key that is not known is an error, so that a misspelt one is never passed over.

use super::{StoreError, network::Network, state};
use figment::{
    Figment, Metadata, Profile, Provider, Source,
    providers::{Format as _, Serialized, Toml},
    value::{Dict, Map, Value},
};
use privacy::Epsilon;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::path::{Path, PathBuf};
use terms::PartnerId;

/// Variables that begin with `COMITY_` and are no keys: where the home is, who acts and what opens it, what is logged, which
/// solver proves.
const NOT_KEYS: [&str; 7] = ["home", "log", "person", "passphrase", "passphrase_file", "solver", "data"];

/// What a node is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// URL of the state store; without one, SQLite in the home.
    pub state: Option<String>,
    /// URL of the vault; without one, a folder in the home.
    pub vault: Option<String>,
    /// URL of the telemetry store; without one, a folder in the home.
    pub telemetry: Option<String>,
    /// Scheduler of the cluster that answers questions to telemetry (`df://host:port`); without one, this process does.
    pub cluster: Option<String>,
    /// Tasks that the cluster runs at once: its executors, each with its cores.
    pub cluster_tasks: u64,
    /// Networks whose addresses are customers', beside the private ranges.
    #[serde(deserialize_with = "list")]
    pub customer_networks: Vec<Network>,
    /// Path of an MMDB file that says where an address is; without one, places are not known.
    pub geo: Option<PathBuf>,
    /// Path of a PEM file with the root certificates of time-stamping authorities that are trusted; without one, none is.
    pub stamp_roots: Option<PathBuf>,
    /// This node's own partner id.
    pub partner: Option<PartnerId>,
    /// How far the clock may go back, in milliseconds.
    pub clock_tolerance_ms: u64,
    /// Free space of the home's file system, in MiB, below which `doctor` calls the home unwell.
    pub least_free_mib: u64,
    /// Whether hostile bytes may be parsed where the system offers no sandbox.
    pub allow_no_sandbox: bool,
    /// Files with the digests of material that nobody may look at, one a line (MD5, SHA-1 or SHA-256 in hexadecimal digits).
    #[serde(deserialize_with = "paths")]
    pub withheld_lists: Vec<PathBuf>,
    /// Within how many hours what such a list names has to be reported after it was found.
    pub withheld_report_hours: u64,
    /// Rule sets that are no longer applied, by the first digits of their ids (six at least). What they found stands.
    #[serde(deserialize_with = "digits")]
    pub rules_withdrawn: Vec<String>,
    /// Seconds of processor time that compiling the rule sets may take (10 more for each MiB of them), and half of it one scan
    /// with them (2 more for each MiB).
    pub rules_seconds: u64,
    /// What noisy counts of one data set (a calendar month of sightings) may cost over all partners and all time, in
    /// epsilon. Clauses may allow less.
    #[serde(deserialize_with = "epsilon", serialize_with = "shown_epsilon")]
    pub epsilon_budget: Epsilon,
    /// Folder to which `comity verify publish` writes the ledger for others; without one, nothing is published.
    pub ledger_publish: Option<PathBuf>,
    /// How old in seconds what is published is at least, and how long a slot of publication lasts.
    pub ledger_publish_delay_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: None,
            vault: None,
            telemetry: None,
            cluster: None,
            cluster_tasks: 4,
            customer_networks: Vec::new(),
            geo: None,
            stamp_roots: None,
            partner: None,
            clock_tolerance_ms: 2000,
            least_free_mib: 1024,
            allow_no_sandbox: false,
            withheld_lists: Vec::new(),
            withheld_report_hours: 24,
            rules_withdrawn: Vec::new(),
            rules_seconds: 60,
            epsilon_budget: Epsilon::BUDGET,
            ledger_publish: None,
            ledger_publish_delay_s: 7 * 24 * 60 * 60,
        }
    }
}

/// The keys in the order in which they are shown.
pub const KEYS: [&str; 19] = [
    "state",
    "vault",
    "telemetry",
    "cluster",
    "cluster_tasks",
    "customer_networks",
    "geo",
    "stamp_roots",
    "partner",
    "clock_tolerance_ms",
    "least_free_mib",
    "allow_no_sandbox",
    "withheld_lists",
    "withheld_report_hours",
    "rules_withdrawn",
    "rules_seconds",
    "epsilon_budget",
    "ledger_publish",
    "ledger_publish_delay_s",
];

/// What the command line said; what it left out stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Flags {
    /// `--state`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// `--vault`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// `--telemetry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<String>,
    /// `--customer-network`, any number of times.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub customer_networks: Vec<String>,
    /// `--geo`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geo: Option<PathBuf>,
    /// `--partner`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// `--clock-tolerance-ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_tolerance_ms: Option<u64>,
    /// `--allow-no-sandbox`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_no_sandbox: Option<bool>,
}

/// Everything a configuration is made of.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The person's file; need not be there.
    pub person: Option<PathBuf>,
    /// The home's file; need not be there.
    pub home: Option<PathBuf>,
    /// The process's environment; what does not begin with `COMITY_` is passed over.
    pub environment: Vec<(String, String)>,
    /// The command line.
    pub flags: Flags,
}

impl Sources {
    /// The sources of this process, for the home in `home`.
    pub fn of_process(home: Option<&Path>, flags: Flags) -> Self {
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        let variable = |name: &str| {
            environment.iter().find(|(k, v)| k == name && !v.is_empty()).map(|(_, v)| PathBuf::from(v))
        };
        let folder = variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|h| h.join(".config")));
        Self {
            person: folder.map(|f| f.join("comity").join("config.toml")),
            home: home.map(|h| h.join("config.toml")),
            environment,
            flags,
        }
    }
}

/// One value with its origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// Its value as JSON; passwords are left out.
    pub value: serde_json::Value,
    /// Where it comes from, in words.
    pub origin: String,
}

/// A configuration and where each value comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Each value with its origin, in the order of [`KEYS`].
    pub settings: Vec<Setting>,
}

/// Puts the sources together.
///
/// Errors: CMT-1010 for a file that cannot be read, a key that is not known or a value that does not fit, with its
/// origin.
pub fn load(sources: &Sources) -> Result<Loaded, StoreError> {
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    // Neither file has to be there; one that is there has to be readable.
    for file in [&sources.person, &sources.home].into_iter().flatten().filter(|f| f.exists()) {
        figment = figment.merge(Toml::file_exact(file));
    }
    let figment = figment.merge(Environment(&sources.environment)).merge(FromFlags(&sources.flags));
    let config: Config = figment.extract().map_err(|e| StoreError::Config { what: told(e) })?;
    let settings = KEYS.iter().map(|key| setting(&figment, key, &config)).collect();
    Ok(Loaded { config, settings })
}

fn setting(figment: &Figment, key: &'static str, config: &Config) -> Setting {
    let origin = figment.find_metadata(key).map_or_else(|| "default".to_owned(), |m| origin(m, key));
    let value =
        serde_json::to_value(config).ok().and_then(|mut v| v.get_mut(key).map(serde_json::Value::take));
    let value = match value {
        Some(serde_json::Value::String(text)) if text.contains("://") => state::shown(&text).into(),
        other => other.unwrap_or_default(),
    };
    Setting { key, value, origin }
}

fn origin(metadata: &Metadata, key: &str) -> String {
    match (metadata.name.as_ref(), &metadata.source) {
        ("environment", _) => format!("COMITY_{}", key.to_ascii_uppercase()),
        ("flag", _) => format!("flag --{}", key.replace('_', "-")),
        (_, Some(Source::File(path))) => path.display().to_string(),
        _ => "default".to_owned(),
    }
}

/// All that figment has to say, one sentence each; values are shown, but no password of a URL.
fn told(errors: figment::Error) -> String {
    let one = |e: figment::Error| {
        let key = e.path.join(".");
        let from = e.metadata.as_ref().map_or(String::new(), |m| format!(" (from {})", origin(m, &key)));
        let why = match &e.kind {
            figment::error::Kind::UnknownField(field, known) => {
                format!("`{field}` is not a key; the keys are {}", known.join(", "))
            }
            kind => kind.to_string(),
        };
        match key.as_str() {
            "" => format!("{why}{from}"),
            key => format!("`{key}`: {why}{from}"),
        }
    };
    errors.into_iter().map(one).collect::<Vec<_>>().join("; ")
}

/// `COMITY_STATE` and so on. Values are read as TOML values where they are such, else as text.
struct Environment<'a>(&'a [(String, String)]);

impl Provider for Environment<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment")
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut dict = Dict::new();
        for (name, text) in self.0 {
            let Some(key) = name.strip_prefix("COMITY_").map(str::to_ascii_lowercase) else { continue };
            if NOT_KEYS.contains(&key.as_str()) {
                continue;
            }
            let value = match key.as_str() {
                "clock_tolerance_ms"
                | "least_free_mib"
                | "cluster_tasks"
                | "ledger_publish_delay_s"
                | "withheld_report_hours" => {
                    text.parse::<u64>().map_or_else(|_| Value::from(text.clone()), Value::from)
                }
                "allow_no_sandbox" => {
                    text.parse::<bool>().map_or_else(|_| Value::from(text.clone()), Value::from)
                }
                _ => Value::from(text.clone()),
            };
            dict.insert(key, value);
        }
        Ok(Profile::Default.collect(dict))
    }
}

struct FromFlags<'a>(&'a Flags);

impl Provider for FromFlags<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named("flag")
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Serialized::defaults(self.0).data()
    }
}

/// A text, or a number as TOML has it.
fn epsilon<'de, D: Deserializer<'de>>(d: D) -> Result<Epsilon, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Whole(u64),
        Number(f64),
    }
    let text = match Either::deserialize(d)? {
        Either::Text(text) => text,
        Either::Whole(n) => n.to_string(),
        Either::Number(n) => n.to_string(),
    };
    text.parse().map_err(serde::de::Error::custom)
}

fn shown_epsilon<S: Serializer>(epsilon: &Epsilon, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(epsilon)
}

fn list<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Network>, D::Error> {
    words(d)?.iter().map(|w| w.parse().map_err(serde::de::Error::custom)).collect()
}

/// First digits of ids: enough of them, so that no other set is meant.
fn digits<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let all = words(d)?;
    let fits = |w: &String| (6..=64).contains(&w.len()) && w.bytes().all(|b| b.is_ascii_hexdigit());
    match all.iter().find(|w| !fits(w)) {
        Some(word) => {
            Err(serde::de::Error::custom(format!("`{word}` is not six or more digits of a rule set's id")))
        }
        None => Ok(all),
    }
}

fn paths<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<PathBuf>, D::Error> {
    Ok(words(d)?.into_iter().map(PathBuf::from).collect())
}

/// A list, or one text with commas (as an environment variable has it).
fn words<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Either::deserialize(d)? {
        Either::List(list) => list,
        Either::Text(text) => {
            text.split(',').map(|w| w.trim().to_owned()).filter(|w| !w.is_empty()).collect()
        }
    })
}
