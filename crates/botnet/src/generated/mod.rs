//! Generated domains: the published algorithms of known families, so that a plan knows tomorrow's names.
//!
//! A bot of such a family asks, on each day, for the names that its algorithm makes of a seed and the date. The
//! algorithms are written anew from what analysts published ([`Generator::source`]); the tests hold them against
//! published lists, names in reports and real traffic.
//!
//! - [`all`] lists the families, [`family`] finds one by name;
//! - [`Generator::names`] gives the names of a seed on a day, written one by one into one buffer;
//! - [`recognise`] answers which families make a name within a window of days, [`Index`] does so for many names.
//!
//! A family found this way is *proved* in the sense that the algorithm made the very name; a short name can still
//! be a coincidence, which is for the caller to weigh. Dates are arguments: nothing here reads a clock.
//!
//! Left out on purpose: algorithms that draw from a random source on the bot (nobody can know their names), that
//! need data of a day that only the web holds (exchange rates, trending topics), or whose word lists are not published.

mod date;
mod error;
mod family;
mod index;
mod rng;
mod text;

mod banjori;
mod bazar;
mod ccleaner;
mod corebot;
mod dmsniff;
mod flubot;
mod fobber;
mod hashed;
mod infy;
mod lehmer;
mod locky;
mod monero;
mod msvc;
mod proslikefan;
mod qakbot;
mod ranbyus;
mod sharkbot;
mod shiotob;
mod simda;
mod sisron;
mod tofsee;

pub(crate) use date::Date;
pub use date::Period;
pub use error::GeneratedError;
pub use family::{Generator, Names, Seed};
pub use index::{Index, Known, MAX_INDEXED, recognise};

/// Every family that is known here, in alphabetical order.
static FAMILIES: [&Generator; 24] = [
    &banjori::BANJORI,
    &bazar::BAZARBACKDOOR,
    &ccleaner::CCLEANER,
    &corebot::COREBOT,
    &lehmer::DIRCRYPT,
    &dmsniff::DMSNIFF,
    &msvc::DNSCHANGER,
    &flubot::FLUBOT,
    &fobber::FOBBER,
    &infy::INFY,
    &locky::LOCKY,
    &msvc::M0YV,
    &monero::MONERODOWNLOADER,
    &hashed::ORCHARD,
    &proslikefan::PROSLIKEFAN,
    &qakbot::QAKBOT,
    &lehmer::RAMNIT,
    &ranbyus::RANBYUS,
    &sharkbot::SHARKBOT,
    &shiotob::SHIOTOB,
    &simda::SIMDA,
    &sisron::SISRON,
    &tofsee::TOFSEE,
    &hashed::VERBLECON,
];

/// Every family that is known here, in alphabetical order.
pub fn all() -> &'static [&'static Generator] {
    &FAMILIES
}

/// The family of that name (lower case, as in [`Generator::family`]).
///
/// # Errors
/// [`GeneratedError::UnknownFamily`], which lists the families that are known.
pub fn family(name: &str) -> Result<&'static Generator, GeneratedError> {
    FAMILIES.iter().copied().find(|g| g.family == name).ok_or_else(|| GeneratedError::UnknownFamily {
        name: name.chars().take(80).collect(),
        known: FAMILIES.iter().map(|g| g.family).collect::<Vec<_>>().join(", "),
    })
}
