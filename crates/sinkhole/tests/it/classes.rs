//! Who asks: one row for each rule, and which rule goes before which.

use sinkhole::Class;
use sinkhole::Family;
use sinkhole::classify::{Asked, Rules};

fn rules() -> Rules {
    let harbour = Family {
        name: "harbour".into(),
        method: Some("POST".into()),
        path: Some("/gate*".into()),
        ..Family::default()
    };
    let raw = Family { name: "raw".into(), raw: Some("cafe".into()), ..Family::default() };
    let bare = Family { name: "bare".into(), ..Family::default() };
    Rules::new(&["192.0.2.0/24".into(), "2001:db8:9::/48".into()], &[harbour, raw, bare]).unwrap()
}

#[test]
fn the_first_rule_that_fits_decides() {
    use Class::{Bot, Crawler, Other, Researcher};
    let browser = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
    let google = "Mozilla/5.0 (compatible; Googlebot/2.1)";
    // source, seized, family, method, path, agent, raw, class, botnet
    for (source, seized, family, method, path, agent, raw, class, botnet) in [
        ("192.0.2.7", true, Some(0), "POST", "/gate", browser, "", Researcher, Some("harbour")),
        ("2001:db8:9::1", true, Some(0), "POST", "/gate", browser, "", Researcher, Some("harbour")),
        ("198.51.100.1", true, Some(0), "GET", "/robots.txt", browser, "", Crawler, Some("harbour")),
        ("198.51.100.1", true, Some(0), "GET", "/.well-known/sinkhole", browser, "", Other, Some("harbour")),
        ("198.51.100.1", true, Some(0), "POST", "/gate.php", browser, "", Bot, Some("harbour")),
        ("198.51.100.1", true, Some(0), "POST", "/gate.php", google, "", Bot, Some("harbour")),
        ("198.51.100.1", true, Some(0), "GET", "/", google, "", Crawler, Some("harbour")),
        ("198.51.100.1", true, Some(0), "GET", "/", "masscan/1.3", "", Crawler, Some("harbour")),
        ("198.51.100.1", true, Some(0), "GET", "/gate.php", browser, "", Other, Some("harbour")),
        ("198.51.100.1", true, Some(0), "POST", "/other", browser, "", Other, Some("harbour")),
        ("198.51.100.1", true, Some(1), "", "", "", "\u{0}x", Other, Some("raw")),
        ("198.51.100.1", true, Some(2), "GET", "/", browser, "", Bot, Some("bare")),
        ("198.51.100.1", true, None, "GET", "/", browser, "", Bot, None),
        ("198.51.100.1", true, None, "GET", "/", "curl/8.0", "", Crawler, None),
        ("198.51.100.1", false, None, "GET", "/", browser, "", Other, None),
        ("198.51.100.1", false, None, "", "", "", "", Other, None),
    ] {
        let asked = Asked {
            source: source.parse().unwrap(),
            seized,
            family,
            method,
            path,
            agent,
            raw: raw.as_bytes(),
        };
        let verdict = rules().judge(&asked);
        assert_eq!((verdict.class, verdict.botnet.as_deref()), (class, botnet), "{asked:?}: {}", verdict.why);
        assert!(!verdict.why.is_empty());
    }
}

#[test]
fn a_raw_protocol_fits_by_its_first_bytes() {
    let asked = |raw| Asked {
        source: "198.51.100.1".parse().unwrap(),
        seized: true,
        family: Some(1),
        method: "",
        path: "",
        agent: "",
        raw,
    };
    assert_eq!(rules().judge(&asked(&[0xca, 0xfe, 1])).class, Class::Bot);
    assert_eq!(rules().judge(&asked(&[0xca])).class, Class::Other);
}
