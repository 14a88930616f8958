//! Generated names among DNS questions (correlator `botnet.generated-names`).
//!
//! Three ways: a name equals one that a sample's algorithm gives for that day or a day beside it (known names); it
//! looks generated ([`crate::lexical`]) and most such names of the client do not exist; or the client's names that do not
//! exist look generated together ([`crate::lexical::Together`]), whether or not any of them does alone: names of words too.
//!
//! A client's many names are judged, not one: a single odd name is no finding, and the look that counts is lower than
//! where a name stands alone. Of one registrable domain one missing name is judged: a broken or searched suffix is no
//! crowd, and content networks fill what is left of it.

use super::shape::registrable;
use super::{Columns, Found, Telemetry, TelemetryError, Window};
use crate::lexical::Together;
use std::collections::{BTreeSet, HashMap, HashSet};
use terms::{Confidence, Day, ExhibitId, FindingBody, Timestamp, Unsealed};

/// Name of the correlator in findings.
pub const EXAMINER: &str = "botnet.generated-names";
/// Its version.
pub const VERSION: u32 = 3;

const NAME: &str = "names.asked";
const MAX_EXAMPLES: usize = 10;
const MAX_EXHIBITS: usize = 256;
/// Registrable domains of one client that are judged together; what comes after is not.
const MAX_DOMAINS: usize = 100_000;

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct NameOptions {
    /// Only questions of this time.
    pub window: Window,
    /// Fewest different names that look generated.
    pub min_names: u64,
    /// Lowest look of a name that counts, 0 to 1.
    pub min_look: f64,
    /// Lowest share of the client's generated-looking names that do not exist.
    pub min_nonexistent: f64,
}

impl Default for NameOptions {
    /// All of time, 10 names of look 0.07 and above (one popular name in a hundred has it), half of them nonexistent.
    fn default() -> Self {
        Self { window: Window::ALL, min_names: 10, min_look: 0.07, min_nonexistent: 0.5 }
    }
}

#[derive(Default)]
struct Client {
    name: String,
    known: u64,
    known_nonexistent: u64,
    looks: u64,
    looks_nonexistent: u64,
    sum: f64,
    known_examples: Vec<String>,
    examples: Vec<String>,
    /// Names that do not exist, one a registrable domain.
    missing: Together,
    domains: HashSet<String>,
    missing_examples: Vec<String>,
    exhibits: BTreeSet<ExhibitId>,
}

impl Telemetry {
    /// `GeneratedNames` findings, one a client, most names first. `known` are names of known algorithms with the day
    /// on which bots ask for them; a clock may be a day off.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn generated_names(
        &self,
        options: &NameOptions,
        known: &[(String, Day)],
    ) -> Result<Vec<Found>, TelemetryError> {
        let mut days: HashMap<&str, Vec<Day>> = HashMap::new();
        for (name, day) in known {
            days.entry(name.as_str()).or_default().push(*day);
        }
        let sql = format!(
            "SELECT client, query, min(ts), max(ts), bool_or(coalesce(rcode, '') IN ('NXDOMAIN', '3')) AS missing,
                    string_agg(DISTINCT exhibit, ',')
             FROM dns WHERE client IS NOT NULL AND strpos(query, '.') > 0 AND query NOT LIKE '%.arpa' AND {}
             GROUP BY client, query ORDER BY client, query",
            options.window.sql("ts")
        );
        let (mut client, mut found) = (Client::default(), Vec::new());
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                let who = c.text(0, i)?;
                if who != client.name {
                    found.extend(std::mem::take(&mut client).finding(options));
                    who.clone_into(&mut client.name);
                }
                let query = c.text(1, i)?;
                let span = (Timestamp(c.int(2, i)?).day(), Timestamp(c.int(3, i)?).day());
                let near = |d: &Day| d.plus(1) >= span.0 && d.plus(-1) <= span.1;
                let listed = days.get(query).is_some_and(|all| all.iter().any(near));
                let look = if listed { 1.0 } else { look(query) };
                let missing = c.flag(4, i)?;
                let judged = missing && !listed && client.missing(query);
                let counts = listed || look >= options.min_look;
                if counts {
                    client.take(query, look, listed, missing);
                }
                if counts || judged {
                    let room = MAX_EXHIBITS.saturating_sub(client.exhibits.len());
                    client.exhibits.extend(c.exhibits(5, i)?.into_iter().take(room));
                }
            }
            Ok(())
        })
        .await?;
        found.extend(client.finding(options));
        found.sort_by_key(|f| match f.finding.body {
            FindingBody::GeneratedNames { names, .. } => std::cmp::Reverse(names),
            _ => std::cmp::Reverse(0),
        });
        Ok(found)
    }
}

impl Client {
    fn take(&mut self, query: &str, look: f64, listed: bool, missing: bool) {
        let missing = u64::from(missing);
        if listed {
            self.known += 1;
            self.known_nonexistent += missing;
            if self.known_examples.len() < MAX_EXAMPLES {
                self.known_examples.push(query.to_owned());
            }
        } else {
            self.looks += 1;
            self.looks_nonexistent += missing;
            self.sum += look;
            if self.examples.len() < MAX_EXAMPLES {
                self.examples.push(query.to_owned());
            }
        }
    }

    /// A name that does not exist; whether it is judged together with the others.
    fn missing(&mut self, query: &str) -> bool {
        let Some((_, domain)) = registrable(query) else { return false };
        if self.domains.len() >= MAX_DOMAINS || !self.domains.insert(domain.to_owned()) {
            return false;
        }
        self.missing.add(query);
        if self.missing_examples.len() < MAX_EXAMPLES {
            self.missing_examples.push(query.to_owned());
        }
        true
    }

    /// What known names and looks say; looks count only when they are many and mostly missing, or where the missing names
    /// look generated together.
    fn finding(self, options: &NameOptions) -> Option<Found> {
        let share = self.looks_nonexistent as f64 / (self.looks.max(1)) as f64;
        let many = self.looks >= options.min_names.max(1) && share >= options.min_nonexistent;
        let together = self.missing.above().filter(|above| *above > 0.0);
        let judged = if together.is_some() { self.missing.names() as u64 } else { 0 };
        let (looks, looks_missing) = if many { (self.looks, self.looks_nonexistent) } else { (0, 0) };
        let names = self.known + looks.max(judged);
        let nonexistent = self.known_nonexistent + looks_missing.max(judged);
        if names == 0 || self.exhibits.is_empty() {
            return None;
        }
        let mut reasons = Vec::new();
        if self.known > 0 {
            reasons.push(format!("{} names that a known algorithm gives for their day", self.known));
        }
        if many {
            let mean = self.sum / self.looks as f64;
            reasons.push(format!(
                "{} names that look generated (mean look {mean:.2}), {:.0} % of which do not exist",
                self.looks,
                100.0 * share
            ));
        }
        if together.is_some() {
            reasons.push(format!(
                "{judged} names of as many domains that do not exist and look generated together (mean log odds {:.1}; \
                 of as many popular names one group in a thousand lies as high)",
                self.missing.mean().unwrap_or_default()
            ));
        }
        let confidence = match together {
            _ if self.known > 0 => 97.0,
            // A unit above the line is far: the means of popular names lie close together.
            Some(above) => {
                (60.0 + 20.0 * f64::from(above.min(1.5))).max(if many { 50.0 + 40.0 * share } else { 0.0 })
            }
            None => 50.0 + 40.0 * share,
        };
        let mut examples = self.known_examples;
        if many {
            examples.extend(self.examples);
        }
        if together.is_some() {
            examples.extend(self.missing_examples);
            let mut seen = HashSet::new();
            examples.retain(|name| seen.insert(name.clone()));
        }
        examples.truncate(MAX_EXAMPLES);
        let finding = Unsealed {
            examiner: EXAMINER.to_owned(),
            version: VERSION,
            confidence: Confidence::new(confidence as u8),
            reason: format!("one host asked for {}", reasons.join(" and for ")),
            body: FindingBody::GeneratedNames { source: self.name, names, nonexistent, examples },
        };
        Some(Found { finding, exhibits: self.exhibits.into_iter().collect() })
    }
}

/// How much a name looks generated, 0 to 1: [`crate::lexical::score`].
pub fn look(name: &str) -> f64 {
    f64::from(crate::lexical::score(name))
}

/// Pairs of letters common in words and names.
const COMMON: &str = "th he in er an re nd at on nt ha es st en ed to it ou ea hi is or ti as te et ng of al de se le \
    sa si ar ve ra ld ur co me ne ll ic io ri ro li la el ma ta ca om ho no us un il ec em ch tr ce ee oo so pe ac \
    pa po pr op am ol ad wa wi we be ba bo bl br da di do ge ga go gr ho if id im ia ie iv ke ki lo lu ly mi mo mp na ni \
    nc ns oc od ot ov ow pl ru rs rt sc sh sp ss su tu tt ul up ut vi vo wh wo ap ag ab ay ai av ev ex ew eb ep ef \
    fi fo fr fa fe ff cl cr ck ct cu ci bu bi du dr ey ev ei gi gl ju jo ka ks mu mm nn nk ny ok og oi ob os pi ph pp \
    qu rd rm rn ry rk rg rl sk sl sm sn sw tw ty tl ub ue ug um ui va ye yo ys za ze zo ws eo ua au uc ud ip ib ig ir";

/// Log odds of the label's parts, summed and brought between 0 and 1. The weights were set by hand, on whole families.
pub(super) fn label_look(label: &str) -> f64 {
    let letters = label.as_bytes();
    // Short labels carry too little; international names (`xn--`) are no letters at all.
    if letters.len() < 6 || label.starts_with("xn--") {
        return 0.0;
    }
    let (mut common, mut uncommon, mut turns) = (0u32, 0u32, 0u32);
    for pair in letters.windows(2) {
        match pair {
            [a, b] if a.is_ascii_lowercase() && b.is_ascii_lowercase() => {
                if is_common(*a, *b) {
                    common += 1;
                } else {
                    uncommon += 1;
                }
            }
            [a, b] if a.is_ascii_digit() != b.is_ascii_digit() => turns += 1,
            _ => {}
        }
    }
    if common + uncommon + turns == 0 {
        return 0.0;
    }
    let run = consonants(letters).saturating_sub(3) as f64;
    // Words joined by hyphens with a number are names of people's making more often.
    let strewn = f64::from(turns.min(6)) * if letters.contains(&b'-') { 0.5 } else { 1.0 };
    let odds = f64::from(uncommon) - 0.5 * f64::from(common) + 0.8 * run + 0.6 * strewn - 2.5;
    1.0 / (1.0 + (-odds).exp())
}

/// For each first letter the set of second letters, as bits.
static PAIRS: [u32; 26] = pairs();

#[expect(clippy::indexing_slicing, reason = "evaluated when compiled: a slip does not build")]
const fn pairs() -> [u32; 26] {
    let (text, mut table, mut i) = (COMMON.as_bytes(), [0u32; 26], 0);
    while i + 1 < text.len() {
        table[(text[i] - b'a') as usize] |= 1 << (text[i + 1] - b'a');
        i += 3;
    }
    table
}

fn is_common(a: u8, b: u8) -> bool {
    let bits = PAIRS.get(usize::from(a.wrapping_sub(b'a'))).copied().unwrap_or(0);
    bits >> (b.wrapping_sub(b'a') & 31) & 1 == 1
}

/// Longest run of consonants.
fn consonants(letters: &[u8]) -> usize {
    let (mut run, mut longest) = (0, 0);
    for b in letters {
        let consonant = b.is_ascii_lowercase() && !b"aeiouy".contains(b);
        run = if consonant { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
