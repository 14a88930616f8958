//! The entity graph: every edge has its findings, and the drawing is the same each time.

use crate::made::*;
use std::collections::BTreeSet;
use terms::{Channel, Finding, Standing};
use threat::{Graph, NodeKind, assess};

fn findings() -> Vec<Finding> {
    let generated = spec().names(day(3))[0].clone();
    vec![
        configuration("sample-a", "harbourlight", &[address("198.18.7.10")], Some(spec())),
        activity(Channel::domain(&generated), day(3), 40),
        activity(address("198.18.7.10"), day(3), 90),
        activity(Channel::domain("stranger.net.example"), day(3), 3),
        sheet("198.18.7.10", Standing::Criminal),
        account("HB-1", "mule", 100),
        account("HB-2", "collector", 900),
    ]
}

#[test]
fn it_shows_what_hangs_together_and_why() {
    let findings = findings();
    let threats = assess(&findings, horizon());
    let graph = Graph::build(&threats[..1], &findings);
    let nodes = graph.nodes();
    let shown: BTreeSet<(NodeKind, &str)> =
        nodes.iter().filter(|n| n.kind != NodeKind::Domain).map(|n| (n.kind, n.key.as_str())).collect();
    let sample = exhibit("sample-a").to_string();
    let expected = BTreeSet::from([
        (NodeKind::Threat, "harbourlight"),
        (NodeKind::Sample, sample.as_str()),
        (NodeKind::Algorithm, "dga:harbour-1"),
        (NodeKind::Address, "198.18.7.10"),
        (NodeKind::Institution, "Quayside Hosting"),
        (NodeKind::Institution, "harbour-bank"),
        (NodeKind::Country, "DE"),
        (NodeKind::Account, "HB-1"),
        (NodeKind::Account, "HB-2"),
        (NodeKind::OrganisationRole, "mule"),
        (NodeKind::OrganisationRole, "collector"),
    ]);
    assert_eq!(shown, expected);
    assert!(!nodes.iter().any(|n| n.key.contains("stranger")), "another threat's channel is not drawn");
    assert!(graph.edges().iter().all(|(_, _, e)| !e.findings.is_empty()));
    let parts: BTreeSet<usize> = graph.communities().into_iter().collect();
    assert_eq!(parts.len(), 2, "the botnet and the money are not yet joined by any finding");
}

#[test]
fn the_layout_gives_every_node_a_cell_of_its_own_and_repeats() {
    let findings = findings();
    let threats = assess(&findings, horizon());
    let graph = Graph::build(&threats, &findings);
    let cells = graph.layout();
    assert_eq!(cells.len(), graph.nodes().len());
    assert_eq!(cells.iter().map(|c| (c.layer, c.row)).collect::<BTreeSet<_>>().len(), cells.len());
    assert_eq!(cells, Graph::build(&threats, &findings).layout());
    let kinds = graph.nodes();
    for a in &cells {
        for b in &cells {
            assert_eq!(a.layer == b.layer, kinds[a.node].kind == kinds[b.node].kind);
        }
    }
    assert_eq!(graph.degrees().iter().sum::<usize>() % 2, 0);
    assert!(!graph.cut());
}
