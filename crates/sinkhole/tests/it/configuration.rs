//! What a configuration may say, and what stops it.

use crate::support::BASE;
use sinkhole::{Config, SinkholeError};

const LISTEN: &str = "[[listen]]\nkind = \"http\"\nat = \"127.0.0.1:0\"\n";

#[test]
fn a_configuration_reads_back_as_it_was_written() {
    let config = Config::read(&format!("{BASE}{LISTEN}")).unwrap();
    assert_eq!(Config::read(&config.write().unwrap()).unwrap(), config);
    assert_eq!(config.http.status, 204);
    assert!(config.raw.hex.is_empty() && config.payloads.keep_under.is_none());
}

#[test]
fn what_cannot_be_done_is_refused() {
    let good = format!("{BASE}{LISTEN}");
    for (from, to, code) in [
        ("schema = \"comity.sinkhole-config/1\"", "schema = \"other/1\"", "CMT-1400"),
        ("authority = \"order-de-114\"", "colour = 1", "CMT-1400"),
        ("authority = \"order-de-114\"", "authority = \" \"", "CMT-1401"),
        ("id = \"s-1\"", "id = \"../s\"", "CMT-1401"),
        ("\"seized.example\", \"plain.example\"", "\"example\"", "CMT-1401"),
        ("\"seized.example\", \"plain.example\"", "\"a b.example\"", "CMT-1401"),
        ("channels = [\"seized.example\"]", "channels = [\"other.example\"]", "CMT-1401"),
        ("127.0.0.9/32", "127.0.0.9/31", "CMT-1401"),
        ("bot = \"query:id\"", "bot = \"cookie:id\"", "CMT-1401"),
        ("[dns]", "[http]\nstatus = 302\n[dns]", "CMT-1401"),
        ("[dns]", "[http]\nbody = \"x\"\n[dns]", "CMT-1401"),
        ("[dns]", "[raw]\nhex = \"0g\"\n[dns]", "CMT-1401"),
        ("[dns]", "[limits]\ncommit_ms = 5000\n[dns]", "CMT-1401"),
        (LISTEN, "", "CMT-1401"),
    ] {
        assert!(good.contains(from), "{from}");
        let refused = Config::read(&good.replace(from, to)).unwrap_err();
        let said = miette::Diagnostic::code(&refused).unwrap().to_string();
        assert_eq!(said, code, "{to}: {refused}");
        assert!(miette::Diagnostic::help(&refused).is_some());
    }
}

#[test]
fn after_its_end_it_does_not_begin() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::read(&format!("{BASE}{LISTEN}").replace("2199-", "2019-")).unwrap();
    let home = std::sync::Arc::new(crate::support::Stand::default());
    let begun = sinkhole::Sinkhole::start(config, home, folder.path(), std::sync::Arc::new(|_| ()));
    assert!(matches!(begun.err(), Some(SinkholeError::Ended { .. })));
}
