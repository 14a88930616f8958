//! Generated tables: the same bytes on every run, small enough to read, with bots that come back, change country and month.

use botnet::prepare::{Prepared, PreparedDns, PreparedFlow, PreparedSighting};
use botnet::tables::{File, Files, Table};
use object_store::{ObjectStore, path::Path};
use terms::{ExhibitId, MICROS_PER_DAY, Place};

/// Days since 1970 of 2026-01-12, and how many follow: into the next month.
const FIRST: i64 = 20_465;
const DAYS: i64 = 40;

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

/// As the home's: another one in each month.
fn pseudonym(kind: u64, n: u64, month: i32) -> String {
    let mut dice = Dice((kind << 56) ^ (n << 8) ^ month.cast_unsigned() as u64);
    format!("p:{:016x}{:016x}", dice.roll(u64::MAX), dice.roll(u64::MAX))
}

pub fn sightings(rows: u64) -> Vec<PreparedSighting> {
    let places = ["DE", "BR", "FR", "US", "MX", "ZZ"].map(|p| p.parse::<Place>().unwrap());
    let mut dice = Dice(5);
    (0..rows)
        .map(|i| {
            let event = FIRST * MICROS_PER_DAY + dice.roll((DAYS * MICROS_PER_DAY) as u64) as i64;
            // Few bots call often, many seldom.
            let bot = dice.roll(1 + dice.0 % 4_000);
            let channel = (bot + dice.roll(2)) % 5;
            let month = botnet::rollup::period(event);
            let place = places[((bot + u64::from(dice.roll(20) == 0)) % 6) as usize];
            let source = pseudonym(2, bot * 7 + dice.roll(3), month);
            PreparedSighting {
                event,
                observed: event + 1,
                ingested: event + 2,
                bot: if bot.is_multiple_of(11) { source.clone() } else { pseudonym(1, bot, month) },
                source,
                botnet: (channel < 3).then(|| format!("family-{channel}")),
                channel: format!("c{channel}.example"),
                network: (64_500 + bot % 17) as i64,
                place,
                exhibit: ExhibitId::of(&(i % 3).to_le_bytes()),
            }
        })
        .collect()
}

fn flow(dice: &mut Dice) -> PreparedFlow {
    let host = dice.roll(300);
    PreparedFlow {
        ts: FIRST * MICROS_PER_DAY + dice.roll((3 * MICROS_PER_DAY) as u64) as i64,
        source: pseudonym(3, host, 202_601),
        source_personal: true,
        source_place: "DE".parse().unwrap(),
        source_network: 64_512,
        remote: format!("198.51.100.{}", dice.roll(40)),
        remote_personal: false,
        remote_port: [443, 80, 8080][dice.roll(3) as usize],
        transport: "tcp".to_owned(),
        service: (host.is_multiple_of(2)).then(|| "ssl".to_owned()),
        duration_us: (!host.is_multiple_of(5)).then(|| dice.roll(9_000_000_000) as i64),
        sent: dice.roll(100_000) as i64,
        received: dice.roll(1_000_000) as i64,
        state: Some("SF".to_owned()),
        exhibit: ExhibitId::of(b"flows"),
    }
}

fn question(dice: &mut Dice) -> PreparedDns {
    let name = dice.roll(500);
    PreparedDns {
        ts: FIRST * MICROS_PER_DAY + dice.roll((3 * MICROS_PER_DAY) as u64) as i64,
        client: Some(pseudonym(3, dice.roll(300), 202_601)),
        client_personal: true,
        server: None,
        query: format!("n{name}.example"),
        qtype: Some("A".to_owned()),
        rcode: Some(if name.is_multiple_of(3) { "NXDOMAIN" } else { "NOERROR" }.to_owned()),
        answers: String::new(),
        exhibit: ExhibitId::of(b"dns"),
    }
}

/// Every file of the tables, sightings in many small ones, rolled up in two steps.
pub fn files(rows: u64) -> Vec<File> {
    let mut all = Vec::new();
    let seen = sightings(rows);
    for part in seen.chunks(seen.len().div_ceil(6)) {
        let mut files = Files::new();
        for row in part {
            assert!(files.push(Prepared::Sighting(row.clone())).unwrap().is_none());
        }
        all.extend(files.finish().unwrap());
    }
    all.extend(botnet::rollup::of_files(&all[..4], &[]).unwrap());
    let known: Vec<File> = all.iter().filter(|f| f.table == Table::BotNumbers).cloned().collect();
    all.extend(botnet::rollup::of_files(&all[4..6], &known).unwrap());
    let (mut files, mut dice) = (Files::new(), Dice(9));
    for _ in 0..5_000 {
        files.push(Prepared::Flow(flow(&mut dice))).unwrap();
        files.push(Prepared::Dns(question(&mut dice))).unwrap();
    }
    all.extend(files.finish().unwrap());
    all
}

/// Puts files into a store under plain names; the names by table.
pub async fn put(store: &dyn ObjectStore, files: &[File]) -> Vec<(Table, String)> {
    let mut names = Vec::new();
    for (i, file) in files.iter().enumerate() {
        let name = format!("{}/{i}.parquet", file.table.name());
        botnet::tables::put(store, &Path::from(name.as_str()), file).await.unwrap();
        names.push((file.table, name));
    }
    names
}
