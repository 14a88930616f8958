//! Files are what their names say, to readers that are not ours.

use super::{SMALL, files, lines, made, text};
use exercise::{Format, Variant, decoy, sample, zeek_conn_header};
use goblin::Object;
use sha2::{Digest as _, Sha256};
use std::net::Ipv4Addr;

/// The plaintext of a blob, found as an examiner would.
fn configuration(bytes: &[u8]) -> Option<serde_json::Value> {
    let start = bytes.windows(4).position(|w| w == b"HLC1")?;
    let rest = &bytes[start + 4..];
    let length = usize::try_from(u32::from_le_bytes(rest.get(16..20)?.try_into().ok()?)).ok()?;
    let (key, cipher) = (&rest[..16], rest.get(20..20 + length)?);
    let plain: Vec<u8> = cipher.iter().enumerate().map(|(i, b)| b ^ key[i % 16] ^ (i as u8)).collect();
    let good = rest.get(20 + length..52 + length)? == Sha256::digest(&plain).as_slice();
    good.then(|| serde_json::from_slice(&plain).ok()).flatten()
}

/// The bytes of the executable section, and how many functions the file imports.
fn code(bytes: &[u8]) -> (Vec<u8>, usize) {
    match Object::parse(bytes).unwrap() {
        Object::PE(pe) => {
            let text = pe.sections.iter().find(|s| s.name().unwrap() == ".text").unwrap();
            let (from, len) = (text.pointer_to_raw_data as usize, text.size_of_raw_data as usize);
            (bytes[from..from + len].to_vec(), pe.imports.len())
        }
        Object::Elf(elf) => {
            let text = elf
                .section_headers
                .iter()
                .find(|s| elf.shdr_strtab.get_at(s.sh_name) == Some(".text"))
                .unwrap();
            assert!(elf.program_headers.iter().all(|p| p.p_vaddr % p.p_align == p.p_offset % p.p_align));
            (bytes[text.file_range().unwrap()].to_vec(), 0)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn samples_are_real_files_that_do_nothing_and_hold_their_variants_channels() {
    let mut signatures = std::collections::BTreeSet::new();
    for variant in Variant::all() {
        let bytes = sample(variant, 7).unwrap();
        let (code, imports) = code(&bytes);
        assert!(!code.is_empty() && code.iter().all(|b| matches!(b, 0xc3 | 0xcc | 0)), "{variant:?}");
        assert_eq!(imports, if variant.format == Format::Pe { 8 } else { 0 });
        let found = configuration(&bytes).unwrap();
        assert_eq!(found, serde_json::to_value(variant.configuration(7)).unwrap());
        signatures.insert(format!("{}{}{}", found["domains"], found["addresses"], found["dga"]));
    }
    assert_eq!(signatures.len(), 6);
    for n in 0..3 {
        let (format, bytes) = decoy(n, 7).unwrap();
        assert_eq!(matches!(Object::parse(&bytes).unwrap(), Object::PE(_)), format == Format::Pe);
        assert!(configuration(&bytes).is_none());
    }
}

#[test]
fn json_reads_and_zeek_columns_fit() {
    let (dir, _) = made(&SMALL);
    for (name, bytes) in files(dir.path()) {
        let text = text(&name, &bytes);
        if name.ends_with(".json") {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        } else if name.contains("ndjson") || name.contains("/dns.") {
            assert!(text.lines().count() > 1, "{name}");
            let mut last = String::new();
            for line in text.lines() {
                let value: serde_json::Value = serde_json::from_str(line).unwrap();
                if let Some(event) = value["event"].as_str() {
                    event.parse::<terms::Timestamp>().unwrap();
                    assert!(event >= last.as_str(), "{name} is not in order");
                    event.clone_into(&mut last);
                }
            }
        } else if name.contains("/conn.") {
            conn_log(&text);
        }
    }
}

fn conn_log(text: &str) {
    let day: terms::Day = text.split("#open\t").nth(1).unwrap()[..10].parse().unwrap();
    assert!(text.starts_with(&zeek_conn_header(day)));
    let columns =
        zeek_conn_header(day).lines().find(|l| l.starts_with("#fields")).unwrap().split('\t').count() - 1;
    let mut last = String::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), columns, "{line}");
        assert!(fields[0] >= last.as_str());
        fields[0].clone_into(&mut last);
    }
    assert!(text.trim_end().lines().last().unwrap().starts_with("#close\t"));
}

/// The sum of an IPv4 header or a segment with its pseudo-header; all ones when it is right.
fn sum(parts: &[&[u8]]) -> u32 {
    let mut total: u32 = parts
        .iter()
        .flat_map(|p| p.chunks(2))
        .map(|c| u32::from(c[0]) << 8 | c.get(1).map_or(0, |b| u32::from(*b)))
        .sum();
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total
}

#[test]
fn the_capture_is_well_formed_to_its_last_checksum() {
    let (dir, truth) = made(&SMALL);
    let bytes = files(dir.path())["company/capture.pcap"].clone();
    assert_eq!(bytes[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let (mut rest, mut udp, mut tcp, mut last) = (&bytes[24..], 0, 0, (0, 0));
    let host: Ipv4Addr = truth.infected_hosts[0].address.parse().unwrap();
    while !rest.is_empty() {
        let field = |i: usize| u32::from_le_bytes(rest[i * 4..i * 4 + 4].try_into().unwrap());
        assert!((field(0), field(1)) >= last && field(1) < 1_000_000 && field(2) == field(3));
        last = (field(0), field(1));
        let (frame, after) = rest[16..].split_at(field(2) as usize);
        rest = after;
        assert_eq!(frame[12..15], [8, 0, 0x45]);
        let (ip, segment) = frame[14..].split_at(20);
        assert_eq!(sum(&[ip]), 0xffff);
        assert!(ip[12..16] == host.octets() || ip[16..20] == host.octets());
        let length = u16::try_from(segment.len()).unwrap().to_be_bytes();
        assert_eq!(sum(&[&ip[12..20], &[0, ip[9]], &length, segment]), 0xffff);
        *(if ip[9] == 17 { &mut udp } else { &mut tcp }) += 1;
    }
    assert!(udp > 100 && tcp > 100, "{udp} {tcp}");
}

#[test]
fn no_address_leaves_the_ranges_that_stand_for_nobody() {
    let (dir, _) = made(&SMALL);
    let allowed = |ip: Ipv4Addr| {
        let [a, b, c, _] = ip.octets();
        a >= 240
            || a == 10
            || (a == 198 && (b == 18 || b == 19))
            || [[203, 0, 113], [198, 51, 100], [192, 0, 2]].contains(&[a, b, c])
    };
    let mut checked = 0;
    for (name, bytes) in files(dir.path()) {
        if ["pcap", "mmdb", "bin"].iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let text = text(&name, &bytes);
        for word in text.split(|c: char| !c.is_ascii_digit() && c != '.') {
            if let Ok(ip) = word.parse::<Ipv4Addr>() {
                assert!(allowed(ip), "{ip} in {name}");
                checked += 1;
            }
        }
    }
    assert!(checked > 10_000);
    for line in lines(dir.path(), "company/feeds").iter().filter(|l| !l.contains(' ') && l.contains('.')) {
        assert!(line.ends_with(".example"), "{line}");
    }
}
