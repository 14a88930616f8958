//! What strangers say to a sinkhole: questions of DNS, heads of HTTP, and segments of its log. The first byte chooses the reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sinkhole::dns::{Outcome, Reading, Zone};
use sinkhole::{Config, chain, http};
use std::sync::LazyLock;

const CONFIG: &str = r#"
schema = "comity.sinkhole-config/1"
id = "s"
authority = "a"
until = "2199-01-01T00:00:00Z"
zones = ["seized.example"]
[custodian]
organisation = "o"
contact = "c@o.example"
[dns]
v4 = "192.0.2.1"
[[listen]]
kind = "http"
at = "127.0.0.1:0"
"#;

static BASE: LazyLock<Config> = LazyLock::new(|| Config::read(CONFIG).expect("a configuration"));

fuzz_target!(|bytes: &[u8]| {
    let Some((which, rest)) = bytes.split_first() else { return };
    match which % 4 {
        0 => {
            let (names, mut out) = (BASE.seized().expect("names"), Vec::new());
            let said =
                Zone::new(&BASE).answer(&names, rest, (true, false), &mut Reading::default(), &mut out);
            assert_eq!(out.is_empty(), said == Outcome::Silent);
            assert!(out.len() <= 1_024);
        }
        1 => {
            if let http::Read::Head(head) = http::read(rest) {
                assert!(head.length <= rest.len() && head.path.len() <= 96);
            }
            let _ = http::id(rest, "query:id");
        }
        2 => {
            if let Ok(whole) = chain::verify(rest) {
                assert!(whole.bytes + whole.torn == rest.len() as u64);
            }
        }
        _ => {
            if let Ok(text) = std::str::from_utf8(rest)
                && let Ok(config) = Config::read(text)
            {
                let written = config.write().expect("what was read can be written");
                assert_eq!(Config::read(&written).expect("what was written can be read"), config);
            }
        }
    }
});
