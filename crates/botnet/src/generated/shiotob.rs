//! Shiotob (UrlZone): each name is made of all letters of the one before.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::text::{is_host_name, pick};

pub(super) static SHIOTOB: Generator = Generator {
    family: "shiotob",
    source: "J. Bader, \"The DGA of Shiotob\", January 2015",
    period: Period::Always,
    seeds: &[Seed::published("wtipubctwiekhir", 0, "wtipubctwiekhir.net", 2_000)],
    seed_help: "text: the name in the sample, from which the next ones are made",
    start: |seed, _| {
        let text = seed.text();
        let label = text.strip_suffix(".com").or_else(|| text.strip_suffix(".net")).unwrap_or_default();
        if !is_host_name(text) || !(6..=60).contains(&label.len()) || label.contains('.') {
            return Err("the text is a name of 6 to 60 letters under `com` or `net`");
        }
        Ok(Box::new(Shiotob(text.into())))
    },
};

struct Shiotob(String);

impl Stream for Shiotob {
    fn write_next(&mut self, out: &mut String) {
        const KEYS: &[u8] = b"qwertyuiopasdfghjklzxcvbnm123945678";
        let old = self.0.len().saturating_sub(4).min(60);
        // The sum leaves out the suffix without its dot.
        let sum = self.0.bytes().take(old + 1).fold(0u8, u8::wrapping_add);
        let factor = old as u8;
        // The sample mixes 65 codes; none of those that are read depends on a later one.
        let mut codes = [0u8; 65];
        let read = old.max(16);
        codes.iter_mut().zip(self.0.bytes()).for_each(|(to, b)| *to = b);
        for i in 0..read {
            for j in 0..read - i {
                let from = codes.get(j).copied().unwrap_or(0).wrapping_mul(factor);
                if let Some(to) = codes.get_mut(i + j) {
                    *to ^= from ^ sum;
                }
            }
        }
        let [first, _, third, ..] = codes;
        let length = match usize::from((third.wrapping_mul(factor) ^ first) / 16) {
            n if n < 10 => old,
            n => n,
        };
        out.extend(codes.iter().take(length).map(|&code| pick(KEYS, u32::from(code / 8))));
        out.push_str(if self.0.ends_with(".net") { ".com" } else { ".net" });
        self.0.clear();
        self.0.push_str(out);
    }
}
