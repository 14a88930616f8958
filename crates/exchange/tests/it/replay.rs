//! What fuzzing tries of the readers of reports, tried here without it: the seeds that it begins with, and changes of them.
//!
//! With `COMITY_SEEDS=FOLDER` the seeds are written there, a folder for each target (`fuzz/README.md`).

use crate::fuzzed;
use exchange::reports::recognise;
use std::path::PathBuf;
use terms::ExhibitKind;

const CSV: [&str; 5] = [
    "\"timestamp\",\"protocol\",\"src_ip\",\"src_port\",\"src_asn\",\"src_geo\",\"dst_ip\",\"dst_port\",\"infection\",\"family\",\"http_host\"\n\
     \"2026-03-02 00:00:01\",\"tcp\",\"192.0.2.7\",51234,64500,\"PE\",\"198.51.100.9\",443,\"Harbour-2\",\"harbour\",\"relay.example:443\"\r\n\
     2026-03-02 00:00:02.5Z,tcp,2001:db8::7,,0,ZZ,198.51.100.9,443,harbour,harbour,\n\
     \"2026-03-02 00:00:03\",\"tcp\",\"::ffff:192.0.2.8\",1,64500,\"PE\",,,\"ip-spoofer\",,",
    "timestamp,ip,protocol,port,hostname,tag,asn,geo\n2018-04-14 00:14:34,198.51.100.179,udp,53,host.example,openresolver,64501,AT\n",
    "\u{feff}\"timestamp\",\"ip\"\n2026-03-02 00:00:02,192.0.2.7\n\n\"timestamp\",\"port\",\"ip\"\n2026-03-02 00:00:02,6,192.0.2.8\n",
    "timestamp,src_ip,http_host\n2026-03-02 00:00:02,192.0.2.7,\"a \"\"quoted\"\",\nname.example\"\n2026-03-02 00:00:02,192.0.2.7,\"open\n",
    "timestamp,http_referer_ip,http_referer_port\n2026-02-29 00:00:00,192.0.2.7,5\n2024-02-29 23:59:60,192.0.2.300,5\n2024-02-29 23:59:60,192.0.2.3,65536\n",
];

const LINES: [&str; 3] = [
    r#"{"DataFeed":"CTIP-Infected","DateTimeReceivedUtc":132348339284870000,"Malware":"Harbour","ThreatCode":"B99-HARBOUR","TLP":"Amber","SourceIp":"192.0.2.7","SourcePort":65116,"DestinationIp":"198.51.100.9","DestinationPort":80,"SourceIpInfo":{"SourceIpAsnNumber":"64496","SourceIpCountryCode":"AT"},"HttpInfo":{"HttpHost":"Relay.example","HttpMethod":"GET"}}"#,
    "{\"DataFeed\":\"x\",\"DateTimeReceivedUtc\":18446744073709551615,\"SourceIp\":\"::ffff:192.0.2.7\",\"Malware\":\"\\u00e4/\\n\"}\r\n \n{\"DataFeed\":1}\nnot json\n",
    "{\"DataFeed\":\"x\",\"DateTimeReceivedUtc\":0,\"SourceIp\":\"2001:db8::1\",\"HttpInfo\":{\"HttpHost\":\"192.0.2.9:80\"},\"DestinationIp\":\"2001:db8::2\",\"DestinationPort\":65535}",
];

fn seeds(target: &str) -> Vec<&'static [u8]> {
    let texts: &[&str] = if target == "exchange_ctip" { &LINES } else { &CSV };
    texts.iter().map(|t| t.as_bytes()).collect()
}

#[test]
fn every_seed_holds_and_is_recognised() {
    let to = std::env::var_os("COMITY_SEEDS").map(PathBuf::from);
    for (name, check) in fuzzed::CHECKS {
        let kind = if *name == "exchange_ctip" { ExhibitKind::Ctip } else { ExhibitKind::Shadowserver };
        for (n, seed) in seeds(name).into_iter().enumerate() {
            assert_eq!(recognise(seed), Some(kind), "{name}, seed {n}");
            check(seed);
            if let Some(folder) = to.as_ref().map(|to| to.join(name)) {
                #[expect(clippy::disallowed_methods, reason = "a seed of ours is no sample")]
                std::fs::create_dir_all(&folder)
                    .and_then(|()| std::fs::write(folder.join(format!("seed-{n:02}")), seed))
                    .unwrap();
            }
        }
    }
}

/// Seeds changed at random, and put together from two. Rounds for each target: 2,000, or as many as `COMITY_ROUNDS` says.
#[test]
fn changed_seeds_hold() {
    let rounds = std::env::var_os("COMITY_ROUNDS").and_then(|n| n.to_str()?.parse().ok()).unwrap_or(2_000);
    for (name, check) in fuzzed::CHECKS {
        let seeds = seeds(name);
        for round in 0..rounds {
            let mut dice = Dice(round);
            let mut bytes = seeds[dice.roll(seeds.len())].to_vec();
            for _ in 0..=dice.roll(4) {
                change(&mut bytes, &mut dice);
            }
            if dice.roll(4) == 0 {
                let other = seeds[dice.roll(seeds.len())];
                bytes.truncate(dice.roll(bytes.len() + 1));
                bytes.extend(&other[dice.roll(other.len())..]);
            }
            // What fails is found again by its round.
            let done = std::panic::catch_unwind(|| check(&bytes));
            assert!(done.is_ok(), "{name}, round {round}: {:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

fn change(bytes: &mut Vec<u8>, dice: &mut Dice) {
    const SIGNS: &[u8] = b"\",\n\r\0{}[]:\\0-.\xff ";
    let at = dice.roll(bytes.len().max(1)).min(bytes.len());
    match dice.roll(4) {
        0 => bytes.splice(at..(at + 1).min(bytes.len()), [SIGNS[dice.roll(SIGNS.len())]]).for_each(drop),
        1 => bytes.insert(at, SIGNS[dice.roll(SIGNS.len())]),
        2 => bytes.drain(at..(at + dice.roll(9)).min(bytes.len())).for_each(drop),
        _ => {
            let piece = bytes[at..(at + dice.roll(32)).min(bytes.len())].to_vec();
            let to = dice.roll(bytes.len() + 1);
            bytes.splice(to..to, piece).for_each(drop);
        }
    }
}

/// Numbers that look random and are the same every time (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides.max(1) as u64) as usize
    }
}
