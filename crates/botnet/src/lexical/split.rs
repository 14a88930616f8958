//! Where a name's registrable label ends and its suffix begins.
//!
//! A small rule instead of the Public Suffix List: under a country's two letters, labels that registries use for a
//! level of their own (`co`, `com`, `gov`, …) belong to the suffix; so do the names below which services let anybody
//! register ([`OPEN`]). The list proper has 10,000 rows, changes weekly, and differs from this rule for one popular name
//! in a hundred; a wrong split moves one label, which the model was trained with.

/// Second levels that registries of countries use.
const SECOND: &[&str] = &[
    "ac", "asn", "biz", "co", "com", "ed", "edu", "firm", "gen", "go", "gob", "gov", "govt", "gouv", "gv",
    "id", "in", "ind", "info", "jus", "k12", "kiev", "lg", "ltd", "me", "mil", "msk", "muni", "ne", "net",
    "nhs", "nic", "nom", "or", "org", "plc", "police", "pp", "pro", "res", "sch", "school", "spb", "tm",
    "web",
];

/// Suffixes of services below which anybody gets a name, most of them without payment.
const OPEN: &[&str] = &[
    "appspot.com",
    "azurewebsites.net",
    "blogspot.com",
    "bplaced.net",
    "ddns.net",
    "ddnsking.com",
    "duckdns.org",
    "dynalias.com",
    "dyndns.org",
    "dynserv.com",
    "dynu.net",
    "firebaseapp.com",
    "freeddns.org",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "hopto.org",
    "mooo.com",
    "myftp.org",
    "myshopify.com",
    "netlify.app",
    "no-ip.biz",
    "no-ip.org",
    "onrender.com",
    "pages.dev",
    "servebeer.com",
    "servehttp.com",
    "serveftp.com",
    "sytes.net",
    "tumblr.com",
    "vercel.app",
    "web.app",
    "weebly.com",
    "wixsite.com",
    "wordpress.com",
    "workers.dev",
    "yi.org",
    "zapto.org",
];

/// Suffixes of names inside a house (RFC 6761, 6762, 8375, 9476, and habit): they say nothing about who chose the name.
const HOUSE: &[&str] = &[
    "",
    "alt",
    "arpa",
    "corp",
    "example",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "test",
    "workgroup",
];

/// Whether the last label is that of names inside a house.
pub fn in_house(last: &str) -> bool {
    HOUSE.binary_search(&last).is_ok()
}

/// Most bytes of a label that are looked at: a label of the DNS has no more (RFC 1035, section 2.3.4).
pub const MAX_LABEL: usize = 63;

/// A name taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The registrable label: what a person or a generator chose.
    pub label: &'a str,
    /// The suffix to its right, without a leading dot; empty where the name has one label.
    pub suffix: &'a str,
    /// Whether anybody gets a name below the suffix ([`OPEN`]).
    pub open: bool,
}

/// Takes `name` apart, which is in lower case and has no trailing dot. A name that is a suffix itself has its first
/// label as label.
pub fn split(name: &str) -> Parts<'_> {
    let Some((rest, last)) = name.rsplit_once('.') else {
        return Parts { label: cut(name), suffix: "", open: false };
    };
    let Some((left, second)) = rest.rsplit_once('.') else {
        return Parts { label: cut(rest), suffix: last, open: false };
    };
    let two = name.get(left.len() + 1..).unwrap_or(last);
    let open = OPEN.binary_search(&two).is_ok();
    if open || ((last.len() == 2 || in_house(last)) && SECOND.binary_search(&second).is_ok()) {
        let label = left.rsplit_once('.').map_or(left, |(_, label)| label);
        return Parts { label: cut(label), suffix: two, open };
    }
    Parts { label: cut(second), suffix: last, open: false }
}

/// The first [`MAX_LABEL`] bytes, ending at a character.
fn cut(label: &str) -> &str {
    if label.len() <= MAX_LABEL {
        return label;
    }
    let end = (0..=MAX_LABEL).rev().find(|i| label.is_char_boundary(*i)).unwrap_or(0);
    label.get(..end).unwrap_or_default()
}
