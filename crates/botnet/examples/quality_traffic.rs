//! How good the ranking of command and control is on labelled traffic:
//! `COMITY_DATA=… cargo run -p botnet --example quality_traffic`.
//!
//! Bars: in each set with a true server it stands first; on each of two clean days at most one endpoint is an alert. The
//! sets stand as they are and damaged: halves of their time, hours left out, flows lost, times blurred, services not
//! recognised. The damaged ones are printed and not held to a bar: they say what breaks.
//!
//! Truth judges only; no address or port is known to the ranking. A bar that is missed, or data that is missing, fails.
//!
//! In the set `rita` the sensor stood on the server, so that its own side is not the home's: the home there declares the
//! caller's network, and the sensor's marks are not taken. Alone that leaves one candidate, and being first says
//! nothing; the set `rita with clean days` asks the question.
#![expect(clippy::disallowed_methods, reason = "an example stands in for the caller that reads the files")]

use botnet::prepare::{Home, Prepared, Preparer};
use botnet::rows::Row;
use botnet::tables::{Files, Table, put};
use botnet::telemetry::{
    BurstOptions, C2Options, DnsChannelOptions, FluxOptions, Locations, LongOptions, Options, PeerOptions,
    Ranked, StrobeOptions,
};
use botnet::{Telemetry, decompress, read, recognise};
use object_store::{local::LocalFileSystem, path::Path as StorePath};
use std::error::Error;
use std::io::{BufRead as _, Read};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use terms::{ExhibitId, Place, Timestamp};

type Res<T> = Result<T, Box<dyn Error>>;

/// The set of the archive of hourly logs.
const RITA: &str = "rita-missing-host-72h.tar.zst";
/// Set, folders under `zeek-labelled` (or the archive), the true server.
const SETS: [(&str, &[&str], Option<&str>); 8] = [
    ("001", &["001-zeek-scenario-malicious"], Some("41.108.179.197:1177")),
    ("003", &["003-zeek-scenario-malicious"], Some("147.32.83.234:1337")),
    ("remcos", &["slips-test18-remcos"], Some("66.63.168.35:5888")),
    ("rita", &[RITA], Some("64.225.56.201:80")),
    ("rita with clean days", &[RITA, "008-zeek-mixed", "010-zeek-mixed"], Some("64.225.56.201:80")),
    ("008", &["008-zeek-mixed"], None),
    ("010", &["010-zeek-mixed"], None),
    ("005, no truth", &["005-zeek-scenario-malicious"], None),
];
/// Most alerts on a clean day.
const CLEAN: usize = 1;

/// A home of declared networks; what it calls a pseudonym can be read.
struct Declared(fn(IpAddr) -> bool);

impl Home for Declared {
    fn customer(&self, ip: IpAddr) -> bool {
        (self.0)(ip)
    }
    fn address(&self, ip: IpAddr) -> String {
        format!("p:{ip}")
    }
    fn bot(&self, id: &str) -> String {
        format!("b:{id}")
    }
    fn locate(&self, _: IpAddr) -> (Place, u32) {
        (Place::UNKNOWN, 0)
    }
}

fn main() -> ExitCode {
    let told = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|r| r.block_on(judge()));
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn judge() -> Res<bool> {
    let data = std::env::var_os("COMITY_DATA").ok_or("set COMITY_DATA to the folder of the test data")?;
    let data = PathBuf::from(data).join("botnet");
    println!(
        "| set | how | true server | rank | of | score | best other | alerts | |\n|---|---|---|---|---|---|---|---|---|"
    );
    let mut good = true;
    for (set, folders, truth) in SETS {
        let mut rows = Vec::new();
        for folder in folders {
            rows.extend(from_the_same_hour(load(&data, folder)?));
        }
        for damage in Damage::ALL {
            let ranked = rank(damage.of(&rows)).await?;
            let place = truth.map(|t| ranked.iter().position(|r| r.channel.key() == t).map(|i| i + 1));
            let score = truth.and_then(|t| ranked.iter().find(|r| r.channel.key() == t)).map(|r| r.score);
            let other = ranked.iter().find(|r| truth.is_none_or(|t| r.channel.key() != t)).map(|r| r.score);
            let alerts = ranked.iter().filter(|r| r.alert).count();
            let reached = match place {
                Some(place) => place == Some(1),
                None => alerts <= CLEAN,
            };
            good &= reached || damage != Damage::None;
            let number = |n: Option<f64>| n.map_or("–".to_owned(), |n| format!("{n:.3}"));
            println!(
                "| {set} | {} | {} | {} | {} | {} | {} | {alerts} | {} |",
                damage.word(),
                truth.unwrap_or("none"),
                place.map_or("–".to_owned(), |p| p.map_or("not listed".to_owned(), |p| p.to_string())),
                ranked.len(),
                number(score),
                number(other),
                match (reached, damage) {
                    (true, _) => "",
                    (false, Damage::None) => "BAR MISSED",
                    (false, _) => "breaks",
                }
            );
        }
    }
    Ok(good & shapes(&data).await?)
}

fn time(row: &mut Prepared) -> Option<&mut i64> {
    match row {
        Prepared::Flow(flow) => Some(&mut flow.ts),
        Prepared::Dns(dns) => Some(&mut dns.ts),
        _ => None,
    }
}

/// Sets were recorded years apart: put together, they begin together.
fn from_the_same_hour(mut rows: Vec<Prepared>) -> Vec<Prepared> {
    let first = rows.iter_mut().filter_map(time).map(|t| *t).min().unwrap_or(0);
    for time in rows.iter_mut().filter_map(time) {
        *time -= first;
    }
    rows
}

/// Prepared flows of a folder or archive.
fn load(data: &Path, name: &str) -> Res<Vec<Prepared>> {
    let mut logs: Vec<(String, Vec<u8>)> = Vec::new();
    if name == RITA {
        let path = data.join("beacons").join(name);
        let packed = std::fs::File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut archive = tar::Archive::new(zstd::stream::read::Decoder::new(packed)?);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.display().to_string();
            if path.contains("/conn.") || path.contains("/dns.") {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                logs.push((path, bytes));
            }
        }
    } else {
        let folder = data.join("zeek-labelled").join(name);
        let listing = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for file in listing {
            let path = file?.path();
            // The same flows stand in two files of one set; one of them is enough.
            let name = path.file_name().map(|f| f.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with("conn.") || name.starts_with("dns.") {
                logs.push((path.display().to_string(), std::fs::read(&path)?));
            }
        }
    }
    let mut all = Vec::new();
    for (path, bytes) in &logs {
        let (_, mut reader) = decompress::open(bytes.as_slice())?;
        let kind = recognise(reader.fill_buf()?).ok_or_else(|| format!("{path} is no known log"))?;
        let caller = |ip: IpAddr| matches!(ip, IpAddr::V4(ip) if ip.octets().starts_with(&[73, 54, 23]));
        let home = Declared(if name == RITA { caller } else { |_| false });
        let preparer =
            Preparer { home: &home, exhibit: ExhibitId::of(path.as_bytes()), ingested: Timestamp(0) };
        read(kind, &mut *reader, &mut |mut row| {
            if let (Row::Flow(flow), true) = (&mut row, name == RITA) {
                (flow.source_local, flow.remote_local) = (None, None);
            }
            all.push(preparer.prepare(row));
            ControlFlow::Continue(())
        })?;
    }
    if all.is_empty() { Err(format!("no flows of {name} in {}", data.display()).into()) } else { Ok(all) }
}

/// Tables of the rows, in a folder that lives as long as this.
async fn tables(rows: Vec<Prepared>) -> Res<(tempfile::TempDir, Telemetry)> {
    let folder = tempfile::tempdir()?;
    let store = LocalFileSystem::new_with_prefix(folder.path())?;
    let (mut files, mut done) = (Files::new(), Vec::new());
    for row in rows {
        done.extend(files.push(row)?);
    }
    done.extend(files.finish()?);
    let mut locations = Locations::default();
    for (i, file) in done.iter().enumerate() {
        let name = format!("{i}.parquet");
        put(&store, &StorePath::from(name.as_str()), file).await?;
        let path = folder.path().join(name).display().to_string();
        match file.table {
            Table::Flows => locations.flows.push(path),
            Table::Dns => locations.dns.push(path),
            _ => {}
        }
    }
    let telemetry = Telemetry::open(&locations, &Options::local(folder.path().join("tmp"))).await?;
    Ok((folder, telemetry))
}

async fn rank(rows: Vec<Prepared>) -> Res<Vec<Ranked>> {
    let (_folder, telemetry) = tables(rows).await?;
    let options = C2Options { min_score: 0.0, top: 10_000, ..C2Options::default() };
    Ok(telemetry.command_and_control(&options).await?)
}

/// What the other questions say of the sets as they are. There is no truth for them but that nothing speaks through DNS.
async fn shapes(data: &Path) -> Res<bool> {
    println!(
        "\n| set | long connections | strobes | DNS channels | bursts | fast flux | peers | first of each |\n|---|---|---|---|---|---|---|---|"
    );
    let mut good = true;
    for (set, folders, _) in SETS {
        let &[folder] = folders else { continue };
        let (_folder, t) = tables(load(data, folder)?).await?;
        let answers = [
            t.long_connections(&LongOptions::default()).await?,
            t.strobes(&StrobeOptions::default()).await?,
            t.dns_channels(&DnsChannelOptions::default()).await?,
            t.nxdomain_bursts(&BurstOptions::default()).await?,
            t.fast_flux(&FluxOptions::default()).await?,
            t.peer_layers(&PeerOptions::default()).await?,
        ];
        let counts: Vec<String> = answers.iter().map(|a| a.len().to_string()).collect();
        let firsts: Vec<&str> =
            answers.iter().filter_map(|a| a.first()).map(|f| f.finding.reason.as_str()).collect();
        println!("| {set} | {} | {} |", counts.join(" | "), firsts.join("; "));
        good &= answers.get(2).is_none_or(Vec::is_empty);
    }
    Ok(good)
}

/// What is done to a set before it is ranked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Damage {
    None,
    FirstHalf,
    SecondHalf,
    EveryOtherHour,
    OneHourOfFour,
    HalfOfFlows,
    Blurred(i64),
    ServicesLost,
}

impl Damage {
    const ALL: [Self; 10] = [
        Self::None,
        Self::FirstHalf,
        Self::SecondHalf,
        Self::EveryOtherHour,
        Self::OneHourOfFour,
        Self::HalfOfFlows,
        Self::Blurred(1),
        Self::Blurred(30),
        Self::Blurred(120),
        Self::ServicesLost,
    ];

    fn word(self) -> String {
        match self {
            Self::None => "as it is".to_owned(),
            Self::FirstHalf => "first half of the time".to_owned(),
            Self::SecondHalf => "second half".to_owned(),
            Self::EveryOtherHour => "every other hour".to_owned(),
            Self::OneHourOfFour => "one hour of four".to_owned(),
            Self::HalfOfFlows => "half of the flows lost".to_owned(),
            Self::Blurred(s) => format!("times ± {s} s"),
            Self::ServicesLost => "services lost in 3 of 10".to_owned(),
        }
    }

    /// The rows that are left. What is short (under eight hours) has twelfths of its time for hours.
    fn of(self, rows: &[Prepared]) -> Vec<Prepared> {
        let mut random = 7u64;
        let mut below = move |n: u64| {
            // SplitMix64 (Steele and others 2014): every run damages alike.
            random = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (random ^ (random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z ^ (z >> 31)) % n.max(1)
        };
        let flows = || rows.iter().filter_map(|r| if let Prepared::Flow(f) = r { Some(f) } else { None });
        let first = flows().map(|f| f.ts).min().unwrap_or(0);
        let last = flows().map(|f| f.ts).max().unwrap_or(0);
        let hour =
            if last - first > 8 * 3_600_000_000 { 3_600_000_000 } else { ((last - first) / 12).max(1) };
        let middle = first.midpoint(last);
        flows()
            .filter_map(|flow| {
                let mut flow = flow.clone();
                let at = (flow.ts - first) / hour;
                let kept = match self {
                    Self::None => true,
                    Self::FirstHalf => flow.ts < middle,
                    Self::SecondHalf => flow.ts >= middle,
                    Self::EveryOtherHour => at % 2 == 0,
                    Self::OneHourOfFour => at % 4 == 1,
                    Self::HalfOfFlows => below(2) == 0,
                    Self::Blurred(s) => {
                        flow.ts += below(2_000_000 * s as u64) as i64 - 1_000_000 * s;
                        true
                    }
                    Self::ServicesLost => {
                        flow.service = flow.service.filter(|_| below(10) >= 3);
                        true
                    }
                };
                kept.then_some(Prepared::Flow(flow))
            })
            .collect()
    }
}
