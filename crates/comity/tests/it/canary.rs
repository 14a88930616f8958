//! Canaries: personal data that is planted in evidence and must be nowhere afterwards; and the search for them in every
//! byte of a folder, in the clear and in the encodings in which text travels.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// What is planted, each text once.
pub struct Canaries {
    pub domains: Vec<String>,
    pub listed: Vec<String>,
    pub addresses: Vec<String>,
    pub accounts: Vec<String>,
    pub sources: Vec<String>,
    pub asked: Vec<String>,
    pub names: Vec<String>,
    pub mails: Vec<String>,
}

impl Canaries {
    /// Ten thousand of them for `scale` 1000.
    pub fn new(scale: usize) -> Self {
        let some =
            |n: usize, make: &dyn Fn(usize) -> String| (0..(n * scale / 1000).max(8)).map(make).collect();
        Self {
            domains: some(3000, &|i| format!("cnry-{i:05}.victim-host.example")),
            listed: some(2000, &|i| format!("cnry-{i:05}.listed-host.example")),
            addresses: some(1500, &|i| {
                format!("203.{}.{}.{}", 100 + i / 10_000, 100 + i / 100 % 100, 100 + i % 100)
            }),
            accounts: some(1000, &|i| format!("NL91CNRY{i:010}")),
            sources: some(1700, &|i| {
                format!("211.{}.{}.{}", 100 + i / 10_000, 100 + i / 100 % 100, 100 + i % 100)
            }),
            asked: some(600, &|i| format!("cnry-{i:05}.asked-host.example")),
            names: some(100, &|i| format!("ada.cnry-{i:05}@named-host.example")),
            mails: some(100, &|i| format!("bob.cnry-{i:05}@mailed-host.example")),
        }
    }

    pub fn all(&self) -> Vec<&String> {
        [
            &self.domains,
            &self.listed,
            &self.addresses,
            &self.accounts,
            &self.sources,
            &self.asked,
            &self.names,
            &self.mails,
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The evidence they are planted in, by file name.
    pub fn evidence(&self) -> Vec<(String, Vec<u8>)> {
        let object = |(i, name): (usize, &String)| {
            format!(
                "{{\"type\":\"indicator\",\"spec_version\":\"2.1\",\"id\":\"indicator--{i:08x}-0000-4000-8000-000000000000\",\
                 \"created\":\"2026-03-01T00:00:00.000Z\",\"modified\":\"2026-03-01T00:00:00.000Z\",\"name\":\"{name}\",\
                 \"pattern\":\"[domain-name:value = '{name}']\",\"pattern_type\":\"stix\",\"valid_from\":\"2026-03-01T00:00:00Z\"}}"
            )
        };
        let stix = format!(
            "{{\"type\":\"bundle\",\"id\":\"bundle--00000000-0000-4000-8000-000000000001\",\"objects\":[{}]}}",
            self.domains.iter().enumerate().map(object).collect::<Vec<_>>().join(",")
        );
        let account = |a: &String| {
            format!(
                "{{\"schema\":\"comity.account/1\",\"account\":\"{a}\",\"institution\":\"harbour-bank\",\"role\":\"mule\"}}\n"
            )
        };
        let hit = |(i, source): (usize, &String)| {
            format!(
                "{{\"schema\":\"comity.sinkhole/1\",\"event\":\"2026-03-02T00:{:02}:{:02}.000001Z\",\"observed\":\"2026-03-02T01:00:00Z\",\
                 \"source\":\"{source}\",\"source_port\":51234,\"channel\":\"relay-one.com.example\",\"bot\":\"{i:016x}\",\"botnet\":\"harbourlight/1a\"}}\n",
                i / 60 % 60,
                i % 60
            )
        };
        let question = |(i, name): (usize, &String)| {
            format!(
                "{{\"ts\":{}.000001,\"uid\":\"C{i}\",\"id.orig_h\":\"10.1.0.7\",\"id.orig_p\":{},\"id.resp_h\":\"10.1.0.53\",\"id.resp_p\":53,\
                 \"proto\":\"udp\",\"trans_id\":{i},\"query\":\"{name}\",\"qclass\":1,\"qclass_name\":\"C_INTERNET\",\"qtype\":1,\"qtype_name\":\"A\",\
                 \"rcode\":3,\"rcode_name\":\"NXDOMAIN\",\"AA\":false,\"TC\":false,\"RD\":true,\"RA\":true,\"Z\":0,\"rejected\":false}}\n",
                1_772_409_600 + i,
                40_000 + i
            )
        };
        let mut out = vec![
            ("indicators.json".to_owned(), stix.into_bytes()),
            ("domains.txt".to_owned(), (self.listed.join("\n") + "\n").into_bytes()),
            ("addresses.txt".to_owned(), (self.addresses.join("\n") + "\n").into_bytes()),
            (
                "accounts.ndjson".to_owned(),
                self.accounts.iter().map(account).collect::<String>().into_bytes(),
            ),
            (
                "hits.ndjson".to_owned(),
                self.sources.iter().enumerate().map(hit).collect::<String>().into_bytes(),
            ),
            (
                "dns.log".to_owned(),
                self.asked.iter().enumerate().map(question).collect::<String>().into_bytes(),
            ),
        ];
        let notes = self.names.iter().zip(&self.mails).enumerate();
        out.extend(notes.map(|(i, (name, mail))| {
            (format!("{name}.txt"), format!("note {i}: {mail} called\n").into_bytes())
        }));
        out
    }
}

/// The encodings in which a text is looked for.
pub fn encodings(text: &str) -> Vec<Vec<u8>> {
    let raw = text.as_bytes();
    let hex = hex::encode(raw);
    let mut out = vec![
        raw.to_vec(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        hex.clone().into_bytes(),
        hex.to_uppercase().into_bytes(),
    ];
    for before in 0..3usize {
        // The characters that hang on what stands before and behind are left out.
        let mut padded = vec![0u8; before];
        padded.extend_from_slice(raw);
        let whole = padded.len() / 3 * 4;
        let text = BASE64_STANDARD_NO_PAD.encode(&padded).into_bytes();
        out.push(text[(before * 8).div_ceil(6)..whole].to_vec());
    }
    out
}

/// Looks for many texts at once.
pub struct Search {
    heads: HashMap<[u8; 8], Vec<(usize, Vec<u8>)>>,
    sieve: Vec<bool>,
}

fn slot(head: u64) -> usize {
    usize::try_from(head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 42).unwrap()
}

impl Search {
    pub fn new(texts: &[&String]) -> Self {
        let mut search = Self { heads: HashMap::new(), sieve: vec![false; 1 << 22] };
        for (i, text) in texts.iter().enumerate() {
            for pattern in encodings(text) {
                let head: [u8; 8] = pattern[..8].try_into().unwrap();
                search.sieve[slot(u64::from_le_bytes(head))] = true;
                search.heads.entry(head).or_default().push((i, pattern));
            }
        }
        search
    }

    /// Which of the texts stand in these bytes, in any encoding.
    pub fn within(&self, bytes: &[u8]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for (at, head) in bytes.windows(8).enumerate() {
            let head: [u8; 8] = head.try_into().unwrap();
            if self.sieve[slot(u64::from_le_bytes(head))]
                && let Some(patterns) = self.heads.get(&head)
            {
                found.extend(patterns.iter().filter(|(_, p)| bytes[at..].starts_with(p)).map(|(i, _)| *i));
            }
        }
        found
    }

    /// Which of the texts stand anywhere below a folder.
    pub fn anywhere(&self, folder: &Path) -> BTreeSet<usize> {
        let files = crate::support::files_below(folder, "");
        files.iter().flat_map(|f| self.within(&std::fs::read(folder.join(f)).unwrap())).collect()
    }

    /// Which of the texts stand where below a folder: in every file, and in every file's name.
    pub fn below(&self, folder: &Path) -> Vec<(String, usize)> {
        let mut out = Vec::new();
        for name in crate::support::files_below(folder, "") {
            let mut bytes = std::fs::read(folder.join(&name)).unwrap();
            bytes.extend_from_slice(name.as_bytes());
            let found = self.within(&bytes).len();
            if found > 0 {
                out.push((name, found));
            }
        }
        out
    }
}

/// A search that finds nothing proves nothing unless it would have found something.
#[test]
fn the_search_finds_every_encoding_at_every_place() {
    let canaries = Canaries::new(20);
    let texts = canaries.all();
    let search = Search::new(&texts);
    for (i, text) in texts.iter().enumerate() {
        let raw = text.as_bytes();
        for (shape, encoded) in [
            raw.to_vec(),
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            hex::encode(raw).into_bytes(),
            base64::prelude::BASE64_STANDARD.encode(raw).into_bytes(),
            base64::prelude::BASE64_STANDARD.encode([b"x", raw].concat()).into_bytes(),
            base64::prelude::BASE64_STANDARD.encode([b"{\"", raw, b"\"}"].concat()).into_bytes(),
        ]
        .into_iter()
        .enumerate()
        {
            let planted = [&b"some bytes before "[..], &encoded, b" and behind"].concat();
            assert!(search.within(&planted).contains(&i), "shape {shape} of {text}");
        }
    }
    assert!(search.within(&vec![b'x'; 10_000]).is_empty());
    let whole = Canaries::new(1000);
    let distinct: BTreeSet<&String> = whole.all().into_iter().collect();
    assert_eq!(distinct.len(), 10_000);
}
