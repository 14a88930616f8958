//! Which country and network an address of 240.0.0.0/4 belongs to: `geo.json`, and `geo.mmdb` in the format of the
//! MaxMind DB file format specification, version 2.0.

use crate::{ExerciseError, out::Folder, world};
use serde_json::json;

/// Writes both files.
pub(crate) fn write(folder: &Folder) -> Result<(), ExerciseError> {
    let blocks: Vec<_> = world::blocks()
        .map(|(start, prefix, country, network)| {
            let country = world::country(country);
            json!({"block": format!("{start}/{prefix}"), "country": country.code, "name": country.name, "network": network})
        })
        .collect();
    folder.json("geo.json", &json!({"schema": "comity.geo/1", "blocks": blocks}))?;
    folder.write("geo.mmdb", &mmdb())
}

/// The search tree: nodes of two records; a record is empty, another node, or an entry's offset in the data section.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Record {
    Empty,
    Node(usize),
    Data(usize),
}

struct Tree(Vec<[Record; 2]>);

impl Tree {
    fn insert(&mut self, bits: u128, length: u32, data: usize) {
        let mut node = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            let fresh = self.0.len();
            let last = depth + 1 == length;
            let Some(slot) = self.0.get_mut(node).and_then(|n| n.get_mut(side)) else { return };
            match *slot {
                _ if last => *slot = Record::Data(data),
                Record::Node(next) => node = next,
                Record::Empty | Record::Data(_) => {
                    *slot = Record::Node(fresh);
                    self.0.push([Record::Empty; 2]);
                    node = fresh;
                }
            }
        }
    }
}

const MAP: u8 = 7;
const STRING: u8 = 2;
const U16: u8 = 5;
const U32: u8 = 6;
const U64: u8 = 9;
const ARRAY: u8 = 11;

/// A control byte (spec, "Data Field Format"); sizes here stay below 285.
fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let (short, extra) = if size < 29 { (size, None) } else { (29, Some(size - 29)) };
    let short = u8::try_from(short).unwrap_or(0);
    if kind > 7 {
        out.extend_from_slice(&[short, kind - 7]);
    } else {
        out.push(kind << 5 | short);
    }
    out.extend(extra.and_then(|n| u8::try_from(n).ok()));
}

fn string(out: &mut Vec<u8>, text: &str) {
    control(out, STRING, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn unsigned(out: &mut Vec<u8>, kind: u8, value: u64) {
    let bytes = value.to_be_bytes();
    let bytes: Vec<u8> = bytes.into_iter().skip_while(|&b| b == 0).collect();
    control(out, kind, bytes.len());
    out.extend_from_slice(&bytes);
}

fn mmdb() -> Vec<u8> {
    let mut tree = Tree(vec![[Record::Empty; 2]]);
    let mut data = Vec::new();
    for (start, prefix, country, network) in world::blocks() {
        // IPv4 lies in the last 32 bits of an IPv6 tree (spec, "IPv4 addresses in an IPv6 tree").
        tree.insert(u128::from(u32::from(start)), 96 + u32::from(prefix), data.len());
        control(&mut data, MAP, 2);
        string(&mut data, "country");
        control(&mut data, MAP, 1);
        string(&mut data, "iso_code");
        string(&mut data, world::country(country).code);
        string(&mut data, "autonomous_system_number");
        unsigned(&mut data, U32, u64::from(network));
    }
    let nodes = tree.0.len();
    let mut out = Vec::new();
    for record in tree.0.iter().flatten() {
        let value = match *record {
            Record::Empty => nodes,
            Record::Node(n) => n,
            Record::Data(offset) => nodes + 16 + offset,
        };
        out.extend_from_slice(&u32::try_from(value).unwrap_or(0).to_be_bytes());
    }
    out.resize(out.len() + 16, 0);
    out.extend_from_slice(&data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    metadata(&mut out, nodes);
    out
}

fn metadata(out: &mut Vec<u8>, nodes: usize) {
    control(out, MAP, 9);
    for (name, kind, value) in [
        ("binary_format_major_version", U16, 2),
        ("binary_format_minor_version", U16, 0),
        // 2026-03-01.
        ("build_epoch", U64, 1_772_323_200),
        ("ip_version", U16, 6),
        ("node_count", U32, nodes as u64),
        ("record_size", U16, 32),
    ] {
        string(out, name);
        unsigned(out, kind, value);
    }
    string(out, "database_type");
    string(out, "Harbour-Lights-Country-ASN");
    string(out, "languages");
    control(out, ARRAY, 1);
    string(out, "en");
    string(out, "description");
    control(out, MAP, 1);
    string(out, "en");
    string(out, "Generated blocks of 240.0.0.0/4 for an exercise");
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use maxminddb::geoip2;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn an_independent_reader_finds_every_block_and_nothing_beside_it() {
        let reader = maxminddb::Reader::from_source(mmdb()).unwrap();
        for (start, prefix, country, network) in world::blocks() {
            let size = 1u32 << (32 - prefix);
            for ip in [u32::from(start), u32::from(start) + size / 3, u32::from(start) + size - 1] {
                let found = reader.lookup(IpAddr::from(Ipv4Addr::from(ip))).unwrap();
                let place: geoip2::Country<'_> = found.decode().unwrap().unwrap();
                assert_eq!(place.country.iso_code, Some(world::country(country).code));
                let net: geoip2::Asn<'_> = found.decode().unwrap().unwrap();
                assert_eq!(net.autonomous_system_number, Some(network));
            }
        }
        for outside in ["8.8.8.8", "198.18.7.10", "240.63.0.1", "255.255.255.255", "2001:db8::1"] {
            assert!(!reader.lookup(outside.parse().unwrap()).unwrap().has_data(), "{outside}");
        }
    }
}
