//! The code on a letter: eight signs that can be read out over the telephone, by which a provider tells a genuine letter.
//!
//! Base 32 without I, L, O and U (Crockford's alphabet), seven signs of chance and one that checks them (Luhn's method
//! over 32 signs): every single wrong sign is found. The key is chance of one notice and is thrown away after it: codes
//! stand in the notice alone, and nobody can work out which machine a code is for.

use ledger::{Salt, commit};
use terms::Digest;

const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The code of the row `index` of a notice, as `7K3M-9QX2`.
pub fn of(key: &Salt, index: u64) -> String {
    let mac = commit(key, &Digest::of(&index.to_be_bytes())).0;
    let mut values: Vec<u8> = mac.iter().take(7).map(|b| b & 31).collect();
    values.push(check(&values));
    written(&values)
}

fn written(values: &[u8]) -> String {
    let mut out = String::with_capacity(9);
    for (index, value) in values.iter().enumerate() {
        if index == 4 {
            out.push('-');
        }
        out.push(SIGNS.get(usize::from(*value)).map_or('0', |b| char::from(*b)));
    }
    out
}

/// The sign that makes Luhn's sum over 32 signs come out.
fn check(values: &[u8]) -> u8 {
    let sum: u32 = values
        .iter()
        .rev()
        .enumerate()
        .map(|(place, value)| {
            let factor = if place % 2 == 0 { 2 } else { 1 };
            let product = u32::from(*value) * factor;
            product / 32 + product % 32
        })
        .sum();
    ((32 - sum % 32) % 32) as u8
}

/// A code as it is written, from how people write it: small letters, spaces, O for 0, I and L for 1. `None` for what is no
/// code, also where a sign is wrong.
pub fn read(text: &str) -> Option<String> {
    let mut values = Vec::with_capacity(8);
    for sign in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        let sign = match sign.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        values.push(u8::try_from(SIGNS.iter().position(|s| char::from(*s) == sign)?).ok()?);
        if values.len() > 8 {
            return None;
        }
    }
    let (last, first) = values.split_last().filter(|(_, first)| first.len() == 7)?;
    (check(first) == *last).then(|| written(&values))
}

/// Whether this is a code in its own spelling.
pub fn valid(code: &str) -> bool {
    read(code).as_deref() == Some(code)
}

/// Whether `victims.csv` of a notice has a row with this code, in the code's own spelling ([`read`]). Nothing else of the
/// row is looked at.
pub fn listed(victims: &[u8], code: &str) -> bool {
    let end = format!(",\"{code}\"");
    valid(code) && victims.split(|b| *b == b'\n').any(|line| line.ends_with(end.as_bytes()))
}
