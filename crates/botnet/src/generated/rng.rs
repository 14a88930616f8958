//! Generators of numbers that families took from their compilers or textbooks.

/// `rand` of Microsoft's C runtime: x ← 214013·x + 2531011, of which bits 16 to 30 are given.
#[derive(Debug, Clone)]
pub(super) struct Msvc(pub(super) u32);

impl Msvc {
    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(214_013).wrapping_add(2_531_011);
        self.0 >> 16 & 0x7fff
    }
}

/// The quick generator of *Numerical Recipes* (2nd ed., section 7.1): x ← 1664525·x + 1013904223.
#[derive(Debug, Clone)]
pub(super) struct Quick(pub(super) u32);

impl Quick {
    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0
    }
}

/// Lehmer's generator by Schrage's method (Park and Miller 1988), but without the step that brings a negative
/// result back: it wraps to 32 bits instead.
#[derive(Debug, Clone)]
pub(super) struct Lehmer(pub(super) u32);

impl Lehmer {
    /// The next number, below `modulus` (which is not 0).
    pub(super) fn below(&mut self, modulus: u32) -> u32 {
        let x = self.0;
        self.0 = (x % 127_773).wrapping_mul(16_807).wrapping_sub((x / 127_773).wrapping_mul(2_836));
        self.0.checked_rem(modulus).unwrap_or(0)
    }
}

/// `java.util.Random` (Java platform documentation): 48 bits, multiplier 0x5DEECE66D, addend 11.
#[derive(Debug, Clone)]
pub(super) struct Java(u64);

impl Java {
    const MASK: u64 = (1 << 48) - 1;
    pub(super) fn new(seed: u64) -> Self {
        Self((seed ^ 0x5_DEEC_E66D) & Self::MASK)
    }
    /// `nextInt(bound)` for a bound that is not a power of two. The documentation draws again where a number is one of the
    /// last few below 2³¹; so does this.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        loop {
            self.0 = self.0.wrapping_mul(0x5_DEEC_E66D).wrapping_add(11) & Self::MASK;
            let bits = (self.0 >> 17) as u32;
            let value = bits.checked_rem(bound).unwrap_or(0);
            if bits - value + (bound - 1) < 1 << 31 {
                return value;
            }
        }
    }
}

/// MT19937 (Matsumoto and Nishimura 1998), seeded by one word.
#[derive(Debug, Clone)]
pub(super) struct Twister {
    words: Vec<u32>,
    at: usize,
}

impl Twister {
    const SIZE: usize = 624;
    pub(super) fn new(seed: u32) -> Self {
        let mut words = Vec::with_capacity(Self::SIZE);
        let mut word = seed;
        for i in 1..=Self::SIZE as u32 {
            words.push(word);
            word = (word ^ word >> 30).wrapping_mul(1_812_433_253).wrapping_add(i);
        }
        Self { words, at: Self::SIZE }
    }
    fn word(&self, at: usize) -> u32 {
        self.words.get(at % Self::SIZE).copied().unwrap_or(0)
    }
    fn twist(&mut self) {
        for i in 0..Self::SIZE {
            let y = self.word(i) & 0x8000_0000 | self.word(i + 1) & 0x7fff_ffff;
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            let new = self.word(i + 397) ^ y >> 1 ^ odd;
            if let Some(word) = self.words.get_mut(i) {
                *word = new;
            }
        }
        self.at = 0;
    }
    pub(super) fn next(&mut self) -> u32 {
        if self.at >= Self::SIZE {
            self.twist();
        }
        let mut y = self.word(self.at);
        self.at += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }
    /// A number from `low` to `high`, both included, out of the low 28 bits of the next word.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        let width = u64::from(high.saturating_sub(low)) + 1;
        low + ((u64::from(self.next() & 0x0fff_ffff) * width) >> 28) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generators_are_those_of_their_papers() {
        // Matsumoto and Nishimura: the 10,000th number from the seed 5489 (as in ISO C++, [rand.predef]).
        let mut twister = Twister::new(5489);
        assert_eq!((0..10_000).map(|_| twister.next()).last(), Some(4_123_659_995));
        // Numerical Recipes, section 7.1: from 0.
        let mut quick = Quick(0);
        assert_eq!([quick.next(), quick.next(), quick.next()], [0x3C6E_F35F, 0x4750_2932, 0xD1CC_F6E9]);
        // Microsoft's rand after srand(1): 41, 18467, 6334.
        let mut msvc = Msvc(1);
        assert_eq!([msvc.next(), msvc.next(), msvc.next()], [41, 18_467, 6_334]);
        // new Random(42).nextInt(10): 0, 3, 8.
        let mut java = Java::new(42);
        assert_eq!([java.below(10), java.below(10), java.below(10)], [0, 3, 8]);
    }
}
