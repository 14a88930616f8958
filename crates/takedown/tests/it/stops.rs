//! One small operation in which every reason to stop occurs once.

use crate::made::*;
use takedown::{
    Algorithm, Answer, AuthorityKind, Basis, Plan, Situation, StopCode, check, generated_targets, plan,
};
use terms::{AssetClass, DgaSpec, Instrument, Standing};

const CRIMINAL: Option<Standing> = Some(Standing::Criminal);

fn operation() -> Situation {
    let mut s = empty();
    s.collateral_cap = 2;
    let seize = power("3.1", Instrument::Seize, AssetClass::Server, &["DE", "FR"], 10_080, 50_000);
    let null = power("3.2", Instrument::NullRoute, AssetClass::Server, &["DE", "FR"], 10_080, 1_000);
    let sink = power("3.3", Instrument::Sinkhole, AssetClass::Domain, &["US", "NL"], 60, 2_000);
    let names = power("3.4", Instrument::Sinkhole, AssetClass::GeneratedDomain, &["US", "NL"], 60, 500);
    let notify = power("3.5", Instrument::Notify, AssetClass::Server, &["DE"], 0, 0);
    s.authorities = vec![
        act("order-1", &seize, &["198.18.7.10"], "2026-04-05"),
        act("order-2", &seize, &["198.18.7.11"], "2026-03-09"),
        act("order-3", &seize, &["198.18.7.12", "198.18.7.13", "198.18.9.9", "198.51.100.53"], "2026-04-05"),
        act("order-4", &null, &["198.18.7.17"], "2026-04-05"),
        act("order-5", &seize, &["198.18.7.17"], "2026-03-09"),
    ];
    s.powers = vec![seize, null, sink, names, notify];
    let spec = DgaSpec {
        algorithm: "harbour-1".into(),
        seed: 7,
        per_day: 12,
        suffixes: vec!["com.example".into(), "net.example".into()],
    };
    let algorithm = Algorithm::new(spec);
    let registries = [
        sheet("com.example", AssetClass::GeneratedDomain, "US", Standing::Criminal),
        sheet("net.example", AssetClass::GeneratedDomain, "NL", Standing::Criminal),
    ];
    s.targets = vec![
        domain("relay-one.com.example", "US", CRIMINAL),
        server("198.18.7.10", "DE", CRIMINAL),
        server("198.18.7.11", "DE", CRIMINAL),
        server("198.18.7.12", "DE", Some(Standing::Shared)),
        server("198.18.7.13", "DE", Some(Standing::Compromised)),
        server("198.18.9.9", "DE", CRIMINAL),
        server("198.51.100.53", "DE", Some(Standing::Sinkhole)),
        server("198.18.7.14", "DE", None),
        server("198.18.7.15", "BR", CRIMINAL),
        server("198.18.7.16", "FR", CRIMINAL),
        server("198.18.7.17", "DE", CRIMINAL),
        domain("crowded.com.example", "US", CRIMINAL),
        domain("idle.com.example", "US", CRIMINAL),
    ];
    s.targets[3].tenants = 143;
    s.targets[11].tenants = 3;
    s.targets.extend(generated_targets(&algorithm, s.days(), &registries, &[finding(2)]));
    s.algorithms = vec![algorithm];
    s.deconfliction = vec![
        Answer {
            asset: "198.18.9.9".into(),
            partner: partner("police"),
            hit: true,
            contact: Some("desk-7@police.example".into()),
            delay_until: Some(time("2026-05-01")),
        },
        Answer {
            asset: "198.18.7.10".into(),
            partner: partner("region"),
            hit: false,
            contact: None,
            delay_until: None,
        },
    ];
    s.groups = vec![
        group(1_000, &["relay-one.com.example", "198.18.7.10:4443", "dga:harbour-1"]),
        group(400, &["198.18.7.11:4443"]),
        group(90, &["198.18.7.12:4443"]),
        group(80, &["198.18.7.13:4443"]),
        group(70, &["198.18.9.9:4443"]),
        group(60, &["198.51.100.53:4443"]),
        group(50, &["198.18.7.14:4443"]),
        group(40, &["198.18.7.15:4443", "idle.com.example"]),
        group(30, &["198.18.7.16:4443"]),
        group(25, &["198.18.7.17:4443"]),
        group(20, &["crowded.com.example"]),
        group(10, &["nowhere.com.example"]),
        group(5, &[]),
        group(4, &["dga:unknown"]),
    ];
    s
}

fn code(p: &Plan, target: &str) -> Option<&'static str> {
    let row = p.blocked.iter().find(|b| b.target == target && !b.planned_otherwise)?;
    row.why.first().map(|w| w.code.code())
}

#[test]
fn each_reason_stops_what_it_should() {
    let s = operation();
    let p = plan(&s).unwrap();
    check(&s, &p).unwrap();
    for (target, expected) in [
        ("198.18.7.11:4443", "CMT-0801"),
        ("198.18.7.12:4443", "CMT-0802"),
        ("198.18.7.13:4443", "CMT-0803"),
        ("198.18.9.9:4443", "CMT-0804"),
        ("198.51.100.53:4443", "CMT-0805"),
        ("198.18.7.14:4443", "CMT-0806"),
        ("198.18.7.15:4443", "CMT-0807"),
        ("198.18.7.16:4443", "CMT-0808"),
        ("crowded.com.example", "CMT-0809"),
        ("nowhere.com.example", "CMT-0810"),
        ("dga:unknown", "CMT-0811"),
        ("idle.com.example", "CMT-0813"),
    ] {
        assert_eq!(code(&p, target), Some(expected), "{target}");
    }
    assert!(p.floor.because.iter().any(|b| b.why.code == StopCode::NoChannel && b.bots == 5));
    // 7 days at 2 registries, the domain, the dedicated server, and the null route.
    assert_eq!(p.actions.len(), 14 + 3);
    assert_eq!(p.population, 1_884);
    // The sinkhole's 60 are silent already; the null-routed 25 can be won back.
    assert_eq!(p.expected_surviving, 400 + 90 + 80 + 70 + 50 + 40 + 30 + 20 + 10 + 5 + 4);
    assert_eq!(p.expected_recovery, 25);
    assert_eq!(p.cost_cents, 2_000 + 50_000 + 14 * 500 + 1_000);
    assert_eq!(p.floor.surviving, p.expected_surviving);
    let better = p.floor.improvement.unwrap();
    assert_eq!(better.bots, 400, "{better:?}");
    assert_eq!(better.targets, ["198.18.7.11:4443"]);
    assert!(better.acts[0].contains("fresh order in DE"), "{better:?}");
}

#[test]
fn the_innocent_are_told_and_the_covert_only_through_their_desk() {
    let p = plan(&operation()).unwrap();
    let told: Vec<_> =
        p.notifications.iter().map(|n| (n.target.as_str(), n.to.as_str(), n.code.as_str())).collect();
    assert_eq!(
        told,
        [
            ("198.18.7.12:4443", "holder in DE", "CMT-0802"),
            ("198.18.7.13:4443", "holder in DE", "CMT-0803"),
            ("198.18.9.9:4443", "desk-7@police.example", "CMT-0804"),
        ]
    );
}

#[test]
fn an_expired_order_is_told_even_where_another_way_is_found() {
    let p = plan(&operation()).unwrap();
    let row = p.blocked.iter().find(|b| b.target == "198.18.7.17:4443").unwrap();
    assert!(row.planned_otherwise);
    assert_eq!(row.why[0].code, StopCode::Expired);
    assert!(row.why[0].sentence.starts_with("order-5"));
}

#[test]
fn actions_say_what_they_rest_on() {
    let p = plan(&operation()).unwrap();
    let of = |target: &str| p.actions.iter().find(|a| a.target == target).unwrap();
    assert_eq!(of("198.18.7.10:4443").authority, Basis::InForce { authority: "order-1".into() });
    assert_eq!(of("198.18.7.10:4443").member.as_ref().unwrap().as_str(), "de");
    let ask_by = time("2026-03-10T09:00:00Z");
    assert_eq!(of("relay-one.com.example").authority, Basis::ToObtain { ask_by, lead_minutes: 60 });
    assert!(!of("198.18.7.17:4443").firm);
    assert!(of("dga:harbour-1/2026-03-16/net.example").firm);
}

/// One server with one power: what must hold for the action to stand in the plan.
#[test]
fn an_action_needs_all_of_its_law() {
    let base = || {
        let mut s = empty();
        let seize = power("3.1", Instrument::Seize, AssetClass::Server, &["DE"], 10_080, 1);
        s.authorities = vec![act("order-1", &seize, &["198.18.7.10"], "2026-04-05")];
        s.powers = vec![seize];
        s.targets = vec![server("198.18.7.10", "DE", CRIMINAL)];
        s.groups = vec![group(10, &["198.18.7.10:4443"])];
        s
    };
    type Change = fn(&mut Situation);
    let rows: &[(&str, bool, Change)] = &[
        ("all in order", true, |_| {}),
        ("any server there", true, |s| s.authorities[0].targets = vec!["*".into()]),
        ("ends at the hour", false, |s| s.authorities[0].until = s.hour),
        ("ends just after the hour", true, |s| s.authorities[0].until = s.hour.plus_micros(1)),
        ("begins at the hour", true, |s| s.authorities[0].from = s.hour),
        ("begins after the hour", false, |s| s.authorities[0].from = s.hour.plus_micros(1)),
        ("served after the hour", false, |s| s.authorities[0].served = Some(s.hour.plus_micros(1))),
        ("never served", false, |s| s.authorities[0].served = None),
        ("a contract needs no serving", true, |s| {
            s.authorities[0].served = None;
            s.authorities[0].kind = AuthorityKind::Contract;
        }),
        ("never served, and there is time", true, |s| {
            s.authorities[0].served = None;
            s.powers[0].lead_minutes = 1_440;
        }),
        ("never served, and a minute is missing", false, |s| {
            s.authorities[0].served = None;
            s.powers[0].lead_minutes = 1_441;
        }),
        ("none at all, and there is time", true, |s| {
            s.authorities.clear();
            s.powers[0].lead_minutes = 1_440;
        }),
        ("none at all", false, |s| s.authorities.clear()),
        ("another place", false, |s| s.authorities[0].places = vec![place("FR")]),
        ("another target", false, |s| s.authorities[0].targets = vec!["198.18.7.1".into()]),
        ("another instrument", false, |s| s.authorities[0].instrument = Instrument::NullRoute),
        ("another class", false, |s| s.authorities[0].class = AssetClass::Domain),
        ("another holder", false, |s| s.authorities[0].holder = partner("region")),
        ("the power is another member's", false, |s| s.powers[0].member = Some("fr".parse().unwrap())),
        ("the power is this member's", true, |s| s.powers[0].member = Some("de".parse().unwrap())),
        ("the power is elsewhere", false, |s| s.powers[0].places = vec![place("FR")]),
        ("the power is to notify", false, |s| {
            s.powers[0].instrument = Instrument::Notify;
            s.authorities[0].instrument = Instrument::Notify;
        }),
        ("nobody knows where it stands", false, |s| {
            s.targets[0].place = terms::Place::UNKNOWN;
            s.powers[0].places.push(terms::Place::UNKNOWN);
            s.authorities[0].places.push(terms::Place::UNKNOWN);
        }),
        ("one tenant too many", false, |s| s.targets[0].tenants = 1),
        ("a tenant within the cap", true, |s| {
            s.targets[0].tenants = 1;
            s.collateral_cap = 1;
        }),
        ("nobody would be silenced", false, |s| s.groups[0].signature.push("else.com.example".into())),
        ("but its worth is stated", true, |s| {
            s.groups.clear();
            s.targets[0].worth = Some("it holds the victims' files".into());
        }),
    ];
    for (name, expected, change) in rows {
        let mut s = base();
        change(&mut s);
        let p = plan(&s).unwrap();
        assert_eq!(p.actions.len() == 1, *expected, "{name}");
        assert!(check(&s, &p).is_ok(), "{name}: {:?}", check(&s, &p));
    }
}

#[test]
fn a_generated_day_that_is_nobodys_target_keeps_its_bots_alive() {
    let mut s = operation();
    s.targets.retain(|t| t.asset.key() != "dga:harbour-1/2026-03-13/net.example");
    let p = plan(&s).unwrap();
    check(&s, &p).unwrap();
    assert_eq!(code(&p, "dga:harbour-1"), Some("CMT-0811"));
    assert!(p.floor.groups.iter().any(|g| g.bots == 1_000));
    assert!(p.actions.iter().all(|a| !a.target.starts_with("dga:")), "nothing is spent without effect");
}

#[test]
fn a_name_that_another_researcher_holds_is_left_alone_and_counts_as_closed() {
    let mut s = operation();
    let day = s.days().next().unwrap();
    let name = s.algorithms[0].spec.names(day)[0].clone();
    let sheets = [
        sheet("com.example", AssetClass::GeneratedDomain, "US", Standing::Criminal),
        sheet("net.example", AssetClass::GeneratedDomain, "NL", Standing::Criminal),
        sheet(&name, AssetClass::GeneratedDomain, "US", Standing::Sinkhole),
    ];
    s.targets.retain(|t| !t.asset.key().starts_with("dga:"));
    s.targets.extend(generated_targets(&s.algorithms[0], s.days(), &sheets, &[]));
    let p = plan(&s).unwrap();
    check(&s, &p).unwrap();
    assert!(!p.floor.groups.iter().any(|g| g.bots == 1_000));
    assert!(p.actions.iter().all(|a| !a.target.contains(&name)));
    assert_eq!(code(&p, &format!("dga:harbour-1/{day}/{name}")), Some("CMT-0805"));
}

#[test]
fn what_cannot_be_planned_is_refused() {
    type Change = fn(&mut Situation);
    let rows: &[(&str, Change)] = &[
        ("CMT-0821", |s| s.horizon_days = 0),
        ("CMT-0821", |s| s.horizon_days = 367),
        ("CMT-0822", |s| s.now = s.hour.plus_micros(1)),
        ("CMT-0823", |s| s.targets.push(s.targets[0].clone())),
        ("CMT-0824", |s| s.groups.push(group(u64::MAX, &["x"]))),
        ("CMT-0820", |s| s.groups = vec![group(1, &[]); takedown::MAX_ROWS + 1]),
    ];
    for (expected, change) in rows {
        let mut s = operation();
        change(&mut s);
        let refused = plan(&s).unwrap_err();
        assert_eq!(miette::Diagnostic::code(&refused).unwrap().to_string(), *expected);
    }
}
