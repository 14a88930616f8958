//! The ten standing guarantees by name.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! guarantees {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $title:literal, $promise:literal;)+) => {
        /// What an agreement promises whatever its clauses say (DESIGN section 6). Each is a theorem about the
        /// compiled policy.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Guarantee { $($(#[$doc])* $variant),+ }

        impl Guarantee {
            /// The ten, in the order in which they are printed.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Its name in certificates and vectors.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
            /// Its name for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
            /// What exactly is proved, in one sentence.
            pub const fn promise(self) -> &'static str {
                match self { $(Self::$variant => $promise),+ }
            }
        }
    };
}

guarantees! {
    /// A victim's identity never leaves weaker than a pseudonym.
    VictimIdentity = "victim-identity", "a victim's identity never leaves unprotected",
        "no request passes with `victim-identity` in the clear or as a token";
    /// Nothing passes outside the term.
    Term = "term", "nothing passes after the end",
        "no request passes before the first or after the last day of the term";
    /// Nothing passes outside the purposes.
    Purposes = "purposes", "nothing passes outside the purposes",
        "no request passes for a purpose that is not granted, nor any category for a purpose for which no clause between these two shares it, nor before a court but as evidence";
    /// TLP red is never reshared.
    Red = "red", "RED is never reshared",
        "no request to hand on passes with the mark TLP RED or AMBER+STRICT";
    /// H1 needs consent before a court.
    Court = "court", "H1 is not used in court without consent",
        "no request with the handling code H1 passes to a court, or as evidence, without the provider's consent";
    /// An emergency ends.
    Emergency = "emergency", "an emergency ends",
        "what passes only because of an emergency passes within its hours, to whom, for what and with what its clause names, and never what `never` protects";
    /// Records are handed on only as granted.
    Onward = "onward", "records are handed on only as granted",
        "no request to hand on passes unless an `onward` clause lets each of its categories go to that receiver";
    /// Members that opted out receive nothing.
    OptedOut = "opted-out", "a member that opted out receives nothing",
        "no request passes to a member before its accession, after it opted out, or to one the text does not name";
    /// No rule can err.
    NoError = "no-error", "no policy can err open",
        "no rule and no duty can fail to be evaluated on any request: a `forbid` that fails would be skipped";
    /// Never means never.
    Never = "never", "`never` holds",
        "no request passes with a category in the scope of a clause that says `never`";
}

impl Guarantee {
    /// The guarantee a name stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|g| g.word() == word)
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}
