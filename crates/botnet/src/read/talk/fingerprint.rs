//! Fingerprints of TLS hellos.
//!
//! - JA3 and JA3S as their authors published them (Althouse, Atkinson, Atkins, 2017): five or three lists of decimal
//!   numbers, MD5.
//! - JA4 as its authors published it (FoxIO, "JA4: TLS client fingerprinting", 2023; only this part, which is under the
//!   three-clause BSD licence): what is offered, then twelve digits each of SHA-256 over sorted ciphers and over sorted
//!   extensions with the signature algorithms in their order.
//!
//! Values that clients put in to keep servers flexible (GREASE, RFC 8701) count in none of them.

use super::hello::{ClientHello, ServerHello};
use md5::Md5;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

fn grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

fn plain(values: &[u16]) -> impl Iterator<Item = u16> + '_ {
    values.iter().copied().filter(|v| !grease(*v))
}

fn decimal(values: impl Iterator<Item = u16>) -> String {
    let mut text = String::new();
    for value in values {
        let dash = if text.is_empty() { "" } else { "-" };
        let _ = write!(text, "{dash}{value}");
    }
    text
}

fn four_digits(values: impl Iterator<Item = u16>) -> String {
    let mut text = String::new();
    for value in values {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{value:04x}");
    }
    text
}

/// JA3 before it is hashed.
fn ja3_text(h: &ClientHello) -> String {
    format!(
        "{},{},{},{},{}",
        h.version,
        decimal(plain(&h.ciphers)),
        decimal(plain(&h.extensions)),
        decimal(plain(&h.groups)),
        decimal(h.formats.iter().map(|f| u16::from(*f)))
    )
}

/// JA3 of a client, 32 hexadecimal digits.
pub(super) fn ja3(h: &ClientHello) -> String {
    hex::encode(Md5::digest(ja3_text(h)))
}

/// JA3S of a server, 32 hexadecimal digits.
pub(super) fn ja3s(h: &ServerHello) -> String {
    let text = format!("{},{},{}", h.version, h.cipher, decimal(h.extensions.iter().copied()));
    hex::encode(Md5::digest(text))
}

/// JA4 of a client over TCP.
pub(super) fn ja4(h: &ClientHello) -> String {
    let mut ciphers: Vec<u16> = plain(&h.ciphers).collect();
    let mut extensions: Vec<u16> = plain(&h.extensions).collect();
    let counted = extensions.len();
    let sni = if extensions.contains(&0) { 'd' } else { 'i' };
    ciphers.sort_unstable();
    extensions.retain(|e| !matches!(e, 0 | 16));
    extensions.sort_unstable();
    let version = h.versions.as_deref().and_then(|v| plain(v).max()).unwrap_or(h.version);
    let mut listed = four_digits(extensions.iter().copied());
    // Without extensions there is nothing to hash; without algorithms there is no part for them.
    if !h.signatures.is_empty() {
        listed = format!("{listed}_{}", four_digits(plain(&h.signatures)));
    }
    format!(
        "t{}{sni}{:02}{:02}{}_{}_{}",
        version_word(version),
        ciphers.len().min(99),
        counted.min(99),
        alpn(h.alpn.as_deref()),
        short_digest(&four_digits(ciphers.into_iter())),
        short_digest(if counted == 0 { "" } else { &listed })
    )
}

fn version_word(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// First and last character of the first protocol; of its hexadecimal digits where one is no letter or digit.
fn alpn(protocol: Option<&[u8]>) -> String {
    let Some((first, last)) = protocol.and_then(|p| Some((*p.first()?, *p.last()?))) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(first), char::from(last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0xf)
}

fn short_digest(text: &str) -> String {
    if text.is_empty() {
        return "000000000000".to_owned();
    }
    let digest = hex::encode(Sha256::digest(text));
    digest.get(..12).unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of JA4's own description, and its older kin.
    #[test]
    fn the_published_examples_come_out() {
        let hex = |t: &str| t.split(',').map(|n| u16::from_str_radix(n, 16).unwrap_or(0)).collect::<Vec<_>>();
        let mut hello = ClientHello {
            version: 0x0303,
            ciphers: hex("0a0a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"),
            extensions: hex(
                "2a2a,001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015,aaaa",
            ),
            sni: Some(b"shop.example".to_vec()),
            alpn: Some(b"h2".to_vec()),
            signatures: hex("0403,0804,0401,0503,0805,0501,0806,0601"),
            versions: Some(hex("1a1a,0304,0303")),
            ..ClientHello::default()
        };
        assert_eq!(ja4(&hello), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        hello.signatures.clear();
        assert_eq!(ja4(&hello), "t13d1516h2_8daaf6152771_6d807ffa2a79");
        for (protocol, word) in [
            (Some(&b"http/1.1"[..]), "h1"),
            (Some(b"h"), "hh"),
            (Some(&[0xab]), "ab"),
            (Some(&[0x20]), "20"),
            (Some(&[0xab, 0xcd]), "ad"),
            (Some(&[0x20, 0x61]), "21"),
            (Some(&[0x30, 0xab]), "3b"),
            (Some(&[0x61, 0x20]), "60"),
            (Some(&[0x30, 0x31, 0xab, 0xcd]), "3d"),
            (Some(&[0x30, 0xab, 0xcd, 0x31]), "01"),
            (Some(&[]), "00"),
            (None, "00"),
        ] {
            assert_eq!(alpn(protocol), word);
        }
    }

    #[test]
    fn ja3_comes_out_as_published() {
        let list = |t: &str| t.split('-').filter_map(|n| n.parse().ok()).collect::<Vec<u16>>();
        for (version, ciphers, extensions, groups, formats, digest) in [
            (
                769,
                "47-53-5-10-49161-49162-49171-49172-50-56-19-4",
                "0-10-11",
                "23-24-25",
                &[0][..],
                "ada70206e40642a3e4461f35503241d5",
            ),
            (769, "4-5-10-9-100-98-3-6-19-18-99", "", "", &[], "de350869b8c85de67a350c8d186f11e6"),
        ] {
            let hello = ClientHello {
                version,
                ciphers: list(ciphers),
                extensions: list(extensions),
                groups: list(groups),
                formats: formats.to_vec(),
                ..ClientHello::default()
            };
            assert_eq!(ja3(&hello), digest);
        }
        // The examples of JA3S in its authors' description.
        for (cipher, extensions, digest) in [
            (47, "65281-0-11-35-5-16", "836ce314215654b5b1f85f97c73e506f"),
            (47, "", "18e962e106761869a61045bed0e81c2c"),
        ] {
            let hello =
                ServerHello { version: 769, cipher, extensions: list(extensions), ..ServerHello::default() };
            assert_eq!(ja3s(&hello), digest);
        }
    }
}
