//! Fobber, first version: seventeen letters under `.net`.

use super::date::Period;
use super::family::{Generator, Seed, Stream};
use super::text::letter;

pub(super) static FOBBER: Generator = Generator {
    family: "fobber",
    source: "Malwarebytes, \"Elusive HanJuan EK Drops New Tinba Version\", June 2015; held against the published list of 300 names",
    period: Period::Always,
    seeds: &[Seed::published("1", 0xC87C_8A78, "", 300)],
    seed_help: "number: the state that the sample starts from",
    start: |seed, _| Ok(Box::new(Fobber(seed.number32()))),
};

struct Fobber(u32);

impl Stream for Fobber {
    fn write_next(&mut self, out: &mut String) {
        for _ in 0..17 {
            self.0 = self.0.wrapping_mul(321_167).wrapping_add(0x9983_F4AA).rotate_right(16);
            out.push(letter(self.0 & 0x17ff));
        }
        out.push_str(".net");
    }
}
