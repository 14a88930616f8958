//! The passphrase that unlocks a home's keys: from a file, from the environment, or asked for on a terminal.
//!
//! It is asked for before anything else runs: a person who gives up then (Ctrl-C) ends the program as a whole.

use super::args::Global;
use super::errors::Fault;
use crate::node::error::NodeError;
use console::Term;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;
use zeroize::{Zeroize as _, Zeroizing};

/// The variable that holds it.
const VARIABLE: &str = "COMITY_PASSPHRASE";
/// Most bytes of a passphrase file that are read.
const MOST: u64 = 4096;

/// What a passphrase is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To open keys that are there.
    Open,
    /// To lock new keys: a person types it twice.
    New,
}

fn locked(why: impl Into<String>) -> Fault {
    let mend = "set COMITY_PASSPHRASE, give --passphrase-file, or run the command on a terminal";
    NodeError::Locked { why: why.into(), mend }.into()
}

/// The passphrase, asked for where nothing states it.
pub fn obtain(global: &Global, wanted: Wanted) -> Result<Zeroizing<String>, Fault> {
    if let Some(given) = stated(global)? {
        return Ok(given);
    }
    let terminal = Term::stderr();
    if !terminal.is_term() || !io::stdin().is_terminal() {
        return Err(locked("no passphrase was given, and there is no terminal to ask on"));
    }
    let first = ask(&terminal, if wanted == Wanted::New { "New passphrase: " } else { "Passphrase: " })?;
    if wanted == Wanted::New && ask(&terminal, "Once more: ")? != first {
        return Err(locked("the two passphrases are not the same"));
    }
    Ok(first)
}

/// The passphrase as a file or the environment states it; none where they say nothing.
pub fn stated(global: &Global) -> Result<Option<Zeroizing<String>>, Fault> {
    if let Some(path) = &global.passphrase_file {
        return of_file(path).map(Some);
    }
    match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => Ok(Some(Zeroizing::new(text))),
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(locked("COMITY_PASSPHRASE is not UTF-8")),
    }
}

/// The first line of a file.
fn of_file(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let failed = |e| Fault::from(NodeError::file("reading the passphrase file", path, e));
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST as usize));
    File::open(path).and_then(|f| f.take(MOST).read_to_end(&mut bytes)).map_err(failed)?;
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_| locked("the passphrase file is not UTF-8"))?;
    if text.is_empty() {
        return Err(locked(format!("the first line of `{}` is empty", path.display())));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

fn ask(terminal: &Term, prompt: &str) -> Result<Zeroizing<String>, Fault> {
    let failed = |e: io::Error| locked(format!("the terminal does not answer: {e}"));
    terminal.write_str(prompt).map_err(failed)?;
    let mut typed = terminal.read_secure_line().map_err(failed)?;
    let kept = Zeroizing::new(typed.clone());
    typed.zeroize();
    if kept.is_empty() { Err(locked("nothing was typed")) } else { Ok(kept) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;

    #[test]
    fn the_first_line_of_a_file_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pass");
        for (bytes, expected) in [
            (&b"a secret\n"[..], Some("a secret")),
            (b"a secret\r\nanother\n", Some("a secret")),
            (b" spaces count ", Some(" spaces count ")),
            (b"\nlate", None),
            (b"", None),
            (b"\xff\xfe", None),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let read = of_file(&path);
            assert_eq!(read.as_ref().ok().map(|z| z.as_str()), expected, "{bytes:?}");
        }
        let gone = of_file(&folder.path().join("none")).unwrap_err().told();
        assert_eq!((gone.code.as_str(), gone.exit), ("CMT-1121", 1));
    }
}
