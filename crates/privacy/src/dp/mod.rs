//! Differentially private counts of devices per place (`dp(epsilon, unit, period)` of an agreement).
//!
//! Here: bounding what one device adds ([`Devices`]), drawing ([`draw`]), how far off a count may be ([`error_bar`]), and
//! whether the noise is what it should be ([`audit`]). Elsewhere: what may be spent ([`crate::Odometer`]), who may ask
//! (`agreement`), what is counted (`comity`).
//!
//! **What is protected.** Two data sets are neighbours when one holds everything that was ever seen of *one device in one
//! calendar month*, all its sightings, however many, in however many places, and the other holds none of it. A device is a bot by its pseudonym; it has a
//! new one each month. An answer with epsilon `e` over any of its months is `e`-differentially private for that unit: whoever
//! reads it, whatever else they know, their odds on whether that device was there change by a factor of at most `exp(e)`. Not
//! protected as one: a machine that carries several bot ids counts as several devices (with `n` ids the factor is `exp(n e)`), and a person with
//! several machines. What is the same in every month (that somebody has been a victim for a year) adds up over the months.
//!
//! **Why the noise suffices.** A device counts once, in the one place where it was seen most often, so one device changes one
//! count by 1: the L1 sensitivity is 1. A span that touches two months holds a device under two pseudonyms, and the
//! sensitivity is 2. The list of places is fixed and public; a place with no device gets noise like any other, so that
//! nothing is told by a place being absent. Noise is the discrete Laplace law (two-sided geometric) with scale
//! `sensitivity / epsilon`, drawn exactly by OpenDP over rationals, without floating-point gaps (Mironov 2012). Negative counts are
//! set to 0 after the draw, which costs no privacy.
//!
//! **Where the noise comes from.** OpenDP without its OpenSSL feature fills its buffers from `rand` 0.7's `thread_rng`: ChaCha20, seeded
//! by the operating system (`getrandom`), reseeded every 64 KiB and after a fork. Its documentation calls this path "non-secure", in
//! contrast to OpenSSL's private generator; ChaCha20 with a secret seed is a cryptographic generator, and OpenDP offers no way to
//! hand in another one. OpenSSL would have to be built from C for this alone. We take the first and audit what comes out. The
//! sampler's time depends on what it draws; nobody outside the node sees that time.

pub mod audit;

use crate::{Epsilon, PrivacyError};
use opendp::domains::{AtomDomain, VectorDomain};
use opendp::measurements::make_laplace;
use opendp::measures::MaxDivergence;
use opendp::metrics::L1Distance;
use std::collections::{BTreeMap, HashMap};
use terms::Place;

/// The 193 members and two observers of the United Nations by ISO 3166-1 alpha-2, in order: the public list over which
/// devices are counted. Every other place is counted as not known (`ZZ`), the last row of an answer.
pub const PLACES: [&str; 195] = [
    "AD", "AE", "AF", "AG", "AL", "AM", "AO", "AR", "AT", "AU", "AZ", "BA", "BB", "BD", "BE", "BF", "BG",
    "BH", "BI", "BJ", "BN", "BO", "BR", "BS", "BT", "BW", "BY", "BZ", "CA", "CD", "CF", "CG", "CH", "CI",
    "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE",
    "EG", "ER", "ES", "ET", "FI", "FJ", "FM", "FR", "GA", "GB", "GD", "GE", "GH", "GM", "GN", "GQ", "GR",
    "GT", "GW", "GY", "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IN", "IQ", "IR", "IS", "IT", "JM", "JO",
    "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KZ", "LA", "LB", "LC", "LI", "LK", "LR",
    "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MG", "MH", "MK", "ML", "MM", "MN", "MR", "MT",
    "MU", "MV", "MW", "MX", "MY", "MZ", "NA", "NE", "NG", "NI", "NL", "NO", "NP", "NR", "NZ", "OM", "PA",
    "PE", "PG", "PH", "PK", "PL", "PS", "PT", "PW", "PY", "QA", "RO", "RS", "RU", "RW", "SA", "SB", "SC",
    "SD", "SE", "SG", "SI", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV", "SY", "SZ", "TD", "TG",
    "TH", "TJ", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TZ", "UA", "UG", "US", "UY", "UZ", "VA", "VC",
    "VE", "VN", "VU", "WS", "YE", "ZA", "ZM", "ZW",
];

/// The rows of an answer in their order: [`PLACES`], then `ZZ`.
pub fn places() -> Vec<Place> {
    let known = PLACES.iter().filter_map(|p| p.parse().ok());
    known.chain([Place::UNKNOWN]).collect()
}

/// Devices and where each was seen; bounds what one device adds to a count.
#[derive(Debug, Default)]
pub struct Devices {
    seen: HashMap<String, BTreeMap<Place, u64>>,
}

impl Devices {
    /// A device was seen in a place so many times.
    pub fn see(&mut self, device: &str, place: Place, times: u64) {
        let places = match self.seen.get_mut(device) {
            Some(places) => places,
            None => self.seen.entry(device.to_owned()).or_default(),
        };
        let sum = places.entry(place).or_default();
        *sum = sum.saturating_add(times);
    }

    /// How many devices there are.
    pub fn len(&self) -> usize {
        self.seen.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Devices per row of [`places`]. Each counts once, where it was seen most often (of several such places in the first by
    /// code): that looks at nothing but the device's own sightings, so no device moves another.
    pub fn counted(&self) -> Vec<u64> {
        let rows = places();
        let mut counts = vec![0u64; rows.len()];
        for places in self.seen.values() {
            let most = places.iter().max_by_key(|(place, n)| (**n, std::cmp::Reverse(**place)));
            let place = most.map_or(Place::UNKNOWN, |(place, _)| *place);
            let row = rows.iter().position(|p| *p == place).unwrap_or(PLACES.len());
            if let Some(count) = counts.get_mut(row) {
                *count = count.saturating_add(1);
            }
        }
        counts
    }
}

/// The counts with noise, of which one device may change the sum of changes by at most `sensitivity`.
///
/// What comes back may be negative; set it to 0 before showing it.
///
/// # Errors
/// CMT-1267 where OpenDP does not vouch that the draw keeps `epsilon`, or cannot draw.
pub fn draw(counts: &[u64], sensitivity: u32, epsilon: Epsilon) -> Result<Vec<i64>, PrivacyError> {
    let refuse = |e: opendp::error::Error| PrivacyError::NotDrawn {
        why: e.message.unwrap_or_else(|| e.variant.to_string()),
    };
    if sensitivity == 0 || epsilon == Epsilon::ZERO {
        return Err(PrivacyError::NotDrawn { why: "sensitivity and epsilon must be above 0".into() });
    }
    let exact = counts.iter().map(|n| i64::try_from(*n)).collect::<Result<Vec<_>, _>>();
    let exact = exact.map_err(|e| PrivacyError::NotDrawn { why: e.to_string() })?;
    let mut scale = scale(sensitivity, epsilon);
    // The quotient is rounded to a double: at most a step or two upwards make OpenDP's own bound hold.
    for _ in 0..8 {
        let space = (VectorDomain::new(AtomDomain::<i64>::default()), L1Distance::<i64>::default());
        let measurement =
            make_laplace::<_, _, MaxDivergence>(space.0, space.1, scale, None).map_err(refuse)?;
        if measurement.check(&i64::from(sensitivity), &epsilon.value()).map_err(refuse)? {
            return measurement.invoke(&exact).map_err(refuse);
        }
        scale = scale.next_up();
    }
    Err(PrivacyError::NotDrawn { why: "no scale keeps this epsilon".into() })
}

/// The scale of the noise: sensitivity over epsilon.
pub fn scale(sensitivity: u32, epsilon: Epsilon) -> f64 {
    f64::from(sensitivity) / epsilon.value()
}

/// How far a count may be off: the smallest whole number that the noise exceeds, in either direction, with a chance of at
/// most `1 - confidence`.
pub fn error_bar(sensitivity: u32, epsilon: Epsilon, confidence: f64) -> u64 {
    let q = (-1.0 / scale(sensitivity, epsilon)).exp();
    let miss = (1.0 - confidence).clamp(f64::MIN_POSITIVE, 1.0);
    // P(|X| > t) = 2 q^(t+1) / (1 + q).
    let t = (miss * (1.0 + q) / 2.0).ln() / q.ln() - 1.0;
    if t.is_finite() { t.ceil().max(0.0) as u64 } else { 0 }
}
