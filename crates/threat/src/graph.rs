//! The entity graph: what stands behind a threat and how it hangs together, every edge with its findings.
//!
//! Elsewhere: drawing (the report). Here are only deterministic hints for it: a layer per kind, a row per node.
//! Bounds: a builder stops adding nodes at 20,000 and says so.

use crate::{MoneyRole, Threat, money};
use petgraph::graph::{NodeIndex, UnGraph};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use terms::{Channel, Finding, FindingBody, FindingId};

/// Most nodes of one graph.
const MAX_NODES: usize = 20_000;

/// What a node is. The order is the order of layers, from evidence on the left to people's world on the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A sample.
    Sample,
    /// A threat or botnet.
    Threat,
    /// A domain-generation algorithm.
    Algorithm,
    /// A domain name, fixed or generated.
    Domain,
    /// An address.
    Address,
    /// An account.
    Account,
    /// An institution or holder of assets.
    Institution,
    /// A role in the criminal organisation.
    OrganisationRole,
    /// A country.
    Country,
    /// A partner.
    Partner,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its key, unique within its kind.
    pub key: String,
    /// What is drawn beside it.
    pub label: String,
}

/// An edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// What binds the two, read from the first to the second (`uses`, `held by`).
    pub relation: String,
    /// Findings that say so, sorted.
    pub findings: Vec<FindingId>,
}

/// Where to draw a node: all numbers are counts of cells, not of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Index of the node in [`Graph::nodes`].
    pub node: usize,
    /// Column: one for each kind that occurs.
    pub layer: usize,
    /// Row within the column.
    pub row: usize,
}

/// The entity graph.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    inner: UnGraph<Node, Edge>,
    index: HashMap<(NodeKind, String), NodeIndex>,
    cut: bool,
}

impl Graph {
    /// The graph of these threats and of the findings about their channels, samples and the money.
    pub fn build(threats: &[Threat], findings: &[Finding]) -> Self {
        let mut graph = Self::default();
        for threat in threats {
            graph.add_threat(threat);
        }
        for finding in findings {
            graph.add_finding(finding);
        }
        for account in money(findings) {
            let role = match account.role {
                MoneyRole::Collector => "collector",
                MoneyRole::Mule => "mule",
                MoneyRole::Unclear => continue,
            };
            let node = (NodeKind::Account, account.account.as_str(), account.account.as_str());
            graph.link(node, (NodeKind::OrganisationRole, role, role), "serves as", &account.findings);
        }
        graph
    }

    /// Adds or strengthens an edge; nodes are `(kind, key, label)` and made when new.
    pub fn link(
        &mut self,
        from: (NodeKind, &str, &str),
        to: (NodeKind, &str, &str),
        relation: &str,
        findings: &[FindingId],
    ) {
        let (Some(a), Some(b)) = (self.node(from), self.node(to)) else { return };
        let known = self.inner.edges_connecting(a, b).find(|e| e.weight().relation == relation).map(|e| {
            use petgraph::visit::EdgeRef as _;
            e.id()
        });
        match known.and_then(|id| self.inner.edge_weight_mut(id)) {
            Some(edge) => {
                edge.findings.extend(findings);
                edge.findings.sort_unstable();
                edge.findings.dedup();
            }
            None => {
                let mut findings = findings.to_vec();
                findings.sort_unstable();
                findings.dedup();
                self.inner.add_edge(a, b, Edge { relation: relation.to_owned(), findings });
            }
        }
    }

    fn node(&mut self, (kind, key, label): (NodeKind, &str, &str)) -> Option<NodeIndex> {
        if let Some(known) = self.index.get(&(kind, key.to_owned())) {
            return Some(*known);
        }
        if self.inner.node_count() >= MAX_NODES {
            self.cut = true;
            return None;
        }
        let node = self.inner.add_node(Node { kind, key: key.to_owned(), label: label.to_owned() });
        self.index.insert((kind, key.to_owned()), node);
        Some(node)
    }

    fn has(&self, kind: NodeKind, key: &str) -> bool {
        self.index.contains_key(&(kind, key.to_owned()))
    }

    fn add_threat(&mut self, threat: &Threat) {
        let id = threat.id.to_string();
        let me = (NodeKind::Threat, id.as_str(), threat.title.as_str());
        for sample in &threat.samples {
            let key = sample.to_string();
            let label: String = key.chars().take(12).collect();
            self.link(me, (NodeKind::Sample, &key, &label), "seen in", &threat.findings);
        }
        for spec in &threat.algorithms {
            let key = format!("dga:{}", spec.algorithm);
            self.link(me, (NodeKind::Algorithm, &key, &key), "generates with", &threat.findings);
        }
        for view in &threat.channels {
            let (kind, key) = channel_node(&view.channel);
            match &view.channel {
                Channel::Generated { .. } if !threat.algorithms.is_empty() => {
                    for spec in &threat.algorithms {
                        let dga = format!("dga:{}", spec.algorithm);
                        let from = (NodeKind::Algorithm, dga.as_str(), dga.as_str());
                        self.link(from, (kind, &key, &key), "generated", &view.findings);
                    }
                }
                _ => self.link(me, (kind, &key, &key), "commanded through", &view.findings),
            }
        }
    }

    fn add_finding(&mut self, finding: &Finding) {
        match &finding.body {
            FindingBody::Activity { channel, places, .. } => {
                let (kind, key) = channel_node(channel);
                if self.has(kind, &key) {
                    for (place, _) in places.iter().take(400) {
                        let to = (NodeKind::Country, place.as_str(), place.as_str());
                        self.link((kind, &key, &key), to, "bots in", &[finding.id]);
                    }
                }
            }
            FindingBody::Asset { sheet } => {
                for (kind, key) in [
                    (NodeKind::Domain, sheet.asset.clone()),
                    (NodeKind::Address, sheet.asset.clone()),
                    (NodeKind::Account, sheet.asset.clone()),
                ] {
                    if self.has(kind, &key) {
                        let node = (kind, key.as_str(), key.as_str());
                        let holder = (NodeKind::Institution, sheet.holder.as_str(), sheet.holder.as_str());
                        self.link(node, holder, "held by", &[finding.id]);
                        let place = sheet.place.as_str();
                        self.link(node, (NodeKind::Country, place, place), "under the law of", &[finding.id]);
                    }
                }
            }
            FindingBody::Account { account, institution, .. } => {
                let from = (NodeKind::Account, account.as_str(), account.as_str());
                let to = (NodeKind::Institution, institution.as_str(), institution.as_str());
                self.link(from, to, "held by", &[finding.id]);
            }
            _ => {}
        }
    }

    /// The nodes, in the order in which they were added.
    pub fn nodes(&self) -> Vec<&Node> {
        self.inner.node_weights().collect()
    }
    /// The edges as indices into [`Graph::nodes`], with their reasons.
    pub fn edges(&self) -> Vec<(usize, usize, &Edge)> {
        use petgraph::visit::EdgeRef as _;
        let each = self.inner.edge_references();
        each.map(|e| (e.source().index(), e.target().index(), e.weight())).collect()
    }
    /// Whether nodes were left out because there were too many.
    pub fn cut(&self) -> bool {
        self.cut
    }
    /// Neighbours of each node, in the order of [`Graph::nodes`]: how central it is, in the plainest sense.
    pub fn degrees(&self) -> Vec<usize> {
        let all = self.inner.node_indices();
        all.map(|n| self.inner.neighbors(n).collect::<BTreeSet<_>>().len()).collect()
    }
    /// The connected part that each node belongs to, numbered from 0 in the order of [`Graph::nodes`].
    pub fn communities(&self) -> Vec<usize> {
        let mut part: Vec<Option<usize>> = vec![None; self.inner.node_count()];
        let mut next = 0;
        for start in self.inner.node_indices() {
            if part.get(start.index()).copied().flatten().is_some() {
                continue;
            }
            let mut stack = vec![start];
            while let Some(n) = stack.pop() {
                if let Some(slot) = part.get_mut(n.index()).filter(|s| s.is_none()) {
                    *slot = Some(next);
                    stack.extend(self.inner.neighbors(n));
                }
            }
            next += 1;
        }
        part.into_iter().map(|p| p.unwrap_or(0)).collect()
    }
    /// Where to draw each node: a column for each kind that occurs, rows ordered twice by the mean row of the
    /// neighbours in the column before, so that few edges cross. The same graph gives the same drawing.
    pub fn layout(&self) -> Vec<Placement> {
        let mut columns: BTreeMap<NodeKind, Vec<NodeIndex>> = BTreeMap::new();
        for n in self.inner.node_indices() {
            if let Some(node) = self.inner.node_weight(n) {
                columns.entry(node.kind).or_default().push(n);
            }
        }
        let mut row: HashMap<NodeIndex, usize> = HashMap::new();
        for _ in 0..2 {
            for column in columns.values_mut() {
                column.sort_by_cached_key(|n| {
                    let near: Vec<usize> =
                        self.inner.neighbors(*n).filter_map(|m| row.get(&m).copied()).collect();
                    let mean = near.iter().sum::<usize>() * 1_000 / near.len().max(1);
                    (mean, n.index())
                });
                for (r, n) in column.iter().enumerate() {
                    row.insert(*n, r);
                }
            }
        }
        let mut out = Vec::new();
        for (layer, column) in columns.values().enumerate() {
            out.extend(column.iter().enumerate().map(|(row, n)| Placement { node: n.index(), layer, row }));
        }
        out.sort_unstable_by_key(|p| p.node);
        out
    }
}

fn channel_node(channel: &Channel) -> (NodeKind, String) {
    match channel {
        Channel::Address { ip, .. } => (NodeKind::Address, ip.to_string()),
        Channel::Domain { name } | Channel::Generated { name, .. } => (NodeKind::Domain, name.clone()),
    }
}
