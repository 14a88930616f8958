//! Real logs, binaries and bundles. The data is not part of the repository: without it these tests say so and pass over.

use crate::homes::new_node;
use comity::node::Node;
use comity::node::ingest::{Manner, sources};
use std::path::{Path, PathBuf};
use terms::{ExhibitKind, FindingBody};

/// The folder of real data beside the checkout, where there is one.
fn data() -> Option<PathBuf> {
    let here = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    let root = Path::new(&here).ancestors().nth(2)?;
    let folder = std::env::var_os("COMITY_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no real data at {} (COMITY_DATA names another folder)", folder.display());
    None
}

async fn taken_in(node: &Node, paths: &[PathBuf]) {
    let (found, left) = sources(paths, node.home.root());
    assert!(left.is_empty(), "{left:?}");
    let taken = node.ingest(found, &Manner::house("real data"), &|_| ()).await.unwrap();
    assert!(taken.not_sealed.is_empty(), "{:?}", taken.not_sealed);
    node.analyze(&|_| ()).await.unwrap();
}

/// Remote endpoints of lone threats and of the rest, as ranked.
async fn ranking(node: &Node) -> Vec<String> {
    let threats = node.assess().await.unwrap();
    threats.iter().flat_map(|t| t.channels.iter().map(|c| c.channel.key())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_true_server_of_each_labelled_log_is_among_the_first_three() {
    let Some(data) = data() else { return };
    let zeek = data.join("botnet/zeek-labelled");
    // Folder, and how the key of its true server ends.
    for (folder, server) in
        [("slips-test18-remcos", "66.63.168.35:5888"), ("003-zeek-scenario-malicious", ":1337")]
    {
        let (_keep, node) = new_node().await;
        taken_in(&node, &[zeek.join(folder)]).await;
        let ranked = ranking(&node).await;
        assert!(ranked.iter().take(3).any(|k| k.ends_with(server)), "{folder}: {ranked:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn together_no_endpoint_of_a_clean_host_ranks_above_a_true_server() {
    let Some(data) = data() else { return };
    let zeek = data.join("botnet/zeek-labelled");
    let truth = labelled_as_command(&zeek.join("001-zeek-scenario-malicious/labeled-conn.log.gz"));
    assert!(!truth.is_empty(), "001 has labels");
    let (_keep, node) = new_node().await;
    taken_in(&node, &[zeek]).await;
    let ranked = ranking(&node).await;
    let place = |is: &dyn Fn(&str) -> bool| ranked.iter().position(|k| is(k));
    let true_ones = [
        place(&|k| k == "66.63.168.35:5888").unwrap(),
        place(&|k| k.ends_with(":1337")).unwrap(),
        place(&|k| truth.iter().any(|t| t == k)).unwrap(),
    ];
    assert!(true_ones.iter().all(|&p| p < 3), "{true_ones:?}: {ranked:?}");
}

/// `ip:port` of every flow that the labels call command and control.
fn labelled_as_command(file: &Path) -> Vec<String> {
    use std::io::Read as _;
    let (_, mut reader) = botnet::decompress::open(std::fs::File::open(file).unwrap()).unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let mut found: Vec<String> = text
        .lines()
        .filter(|l| l.contains("Malicious"))
        .filter_map(|l| {
            let columns: Vec<&str> = l.split('\t').collect();
            Some(format!("{}:{}", columns.get(4)?, columns.get(5)?))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_object_of_the_attack_bundle_arrives() {
    let Some(data) = data() else { return };
    for (file, objects) in [
        ("ics-attack-18.1.stix21.json", None),
        ("enterprise-attack-18.1.stix20.assembled.json.gz", Some(24_771)),
    ] {
        let path = data.join("sharing/stix").join(file);
        let objects = objects.unwrap_or_else(|| {
            let bundle: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            bundle["objects"].as_array().unwrap().len()
        });
        let (_keep, node) = new_node().await;
        taken_in(&node, &[path]).await;
        let arrived = node.of_kind("stix-object").await.unwrap();
        assert_eq!(arrived.len(), objects, "{file}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_of_this_machine_are_all_sealed_and_examined() {
    // The first few dozen: the whole folder is a matter of minutes.
    let mut programs: Vec<PathBuf> = std::fs::read_dir("/usr/bin")
        .unwrap()
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.is_file())
        .collect();
    programs.sort();
    programs.truncate(60);
    let (_keep, node) = new_node().await;
    let (found, _) = sources(&programs, node.home.root());
    let taken = node.ingest(found, &Manner::house("programs"), &|_| ()).await.unwrap();
    assert_eq!(taken.taken.len(), programs.len());
    node.analyze(&|_| ()).await.unwrap();
    let samples = taken.taken.iter().filter(|t| matches!(t.kind, ExhibitKind::Pe | ExhibitKind::Elf));
    let formats = node.of_kind("format").await.unwrap();
    for sample in samples {
        assert!(
            formats.iter().any(|f| f.exhibits.contains(&sample.exhibit)),
            "{} was not examined",
            sample.name
        );
    }
    for finding in node.of_kind("unreadable").await.unwrap() {
        let FindingBody::Unreadable { code, .. } = &finding.body else { continue };
        assert!(!code.starts_with("CMT-110"), "a child failed: {}", finding.reason);
    }
}
