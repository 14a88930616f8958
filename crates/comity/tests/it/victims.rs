//! Victims of a home's own sinkhole: told while their day has not come, and gone with their key on it.

use crate::notified::{PLANNED, Planned, copy, left, planned, rows};
use comity::node::Node;
use comity::node::error::NodeError;
use comity::node::ingest::{Manner, Source};
use comity::node::notify::Wish;
use comity::node::retain::Standing;
use comity::node::sinkhole::Wanted;
use serde_json::json;
use sinkhole::{Config, Home, Kind, Sinkhole};
use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use terms::{PersonId, Place, Role, Timestamp};

/// Long after the machine's own clock, by which a sinkhole writes.
const ERASE: &str = "2150-01-01T00:00:00Z";

/// The home's side of a sinkhole, and the network before it: who comes from 127.0.0.N comes from an address of a place.
struct Net {
    home: Arc<dyn Home>,
    from: Vec<(String, String)>,
}

impl Home for Net {
    fn address(&self, ip: IpAddr, at: Timestamp) -> String {
        self.home.address(ip, at)
    }
    fn bot(&self, id: &str, at: Timestamp) -> String {
        self.home.bot(id, at)
    }
    fn locate(&self, ip: IpAddr) -> (Place, u32) {
        self.home.locate(ip)
    }
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, String> {
        self.home.seal(plain)
    }
    fn seal_victims(&self, plain: &[u8]) -> Result<Vec<u8>, String> {
        let text = String::from_utf8(plain.to_vec()).unwrap();
        let moved = self.from.iter().fold(text, |t, (loopback, real)| t.replace(loopback, real));
        self.home.seal_victims(moved.as_bytes())
    }
}

fn check_in(at: SocketAddr, from: [u8; 4], host: &str) {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from((from, 0))).unwrap();
    connect(&socket, &at).unwrap();
    let mut stream = std::net::TcpStream::from(socket);
    let request =
        format!("POST /gate HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(!answer.is_empty());
}

/// An order of 2026 over a name, by which its holder may do one thing.
async fn order(node: &Node, id: &str, instrument: &str, name: &str) {
    let document = json!({
        "schema": "comity.authority/1", "id": id, "issuer": "District Court", "kind": "order", "holder": "company",
        "member": null, "instrument": instrument, "class": "domain", "targets": [name], "places": ["US"],
        "offence": "computer-sabotage", "served": "2026-01-05T09:00:00Z", "from": "2026-01-05T00:00:00Z",
        "until": "2199-01-01T00:00:00Z",
    });
    let source = Source::Bytes(format!("{id}.json"), document.to_string().into_bytes());
    node.ingest(vec![source], &Manner::house("served"), &|_| ()).await.unwrap();
}

fn config(name: &str, notification: &str) -> Config {
    let text = format!(
        "schema = \"comity.sinkhole-config/1\"\nid = \"s-1\"\nauthority = \"order-us-7\"\nuntil = \"2199-01-01T00:00:00Z\"\n\
         zones = [\"{name}\"]\n[custodian]\norganisation = \"Company\"\ncontact = \"abuse@company.example\"\n\
         [[family]]\nname = \"harbour\"\nchannels = [\"{name}\"]\nmethod = \"POST\"\npath = \"/gate\"\n\
         [[listen]]\nkind = \"http\"\nat = \"127.0.0.1:0\"\n{notification}"
    );
    Config::read(&text).unwrap()
}

fn telling(ground: &str, erase: &str) -> String {
    format!("[notification]\nground = \"{ground}\"\nerase = \"{erase}\"\n")
}

/// Runs a sinkhole while these check in, each so many times; its log is in `folder`.
async fn hits(node: &Node, config: &Config, folder: &Path, from: &[([u8; 4], &str, usize)], name: &str) {
    let home: Arc<dyn Home> = node.for_sinkhole(config).await.unwrap();
    let moved = from.iter().map(|(ip, real, _)| {
        let quoted = |a: &str| format!("\"source\":\"{a}\"");
        (quoted(&IpAddr::from(*ip).to_string()), quoted(real))
    });
    let net = Arc::new(Net { home, from: moved.collect() });
    let running = Sinkhole::start(config.clone(), net, folder, Arc::new(|_| ())).unwrap();
    let at = running.addresses().iter().find(|a| a.0 == Kind::Http).unwrap().1;
    for (ip, _, times) in from {
        for _ in 0..*times {
            check_in(at, *ip, name);
        }
    }
    running.stop().unwrap();
}

/// The first file below a folder that holds these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> Option<std::path::PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).find_map(|path| {
        if path.is_dir() {
            return holds(&path, bytes);
        }
        std::fs::read(&path).unwrap().windows(bytes.len()).any(|w| w == bytes).then_some(path)
    })
}

/// What `act PLAN sinkhole` writes is held to the same: it has the section where its ground allows that, else nothing is written.
async fn written_by_act(node: &Node, plan: &str, name: &str) {
    let document = json!({
        "schema": "comity.authority/1", "id": "order-us-7", "issuer": "District Court", "kind": "order", "holder": "company",
        "member": null, "instrument": "sinkhole", "class": "domain", "targets": [name], "places": ["US"],
        "offence": "computer-sabotage", "served": "2026-01-05T09:00:00Z", "from": "2026-01-05T00:00:00Z",
        "until": "2199-01-01T00:00:00Z",
    });
    let authority: takedown::Authority = serde_json::from_value(document).unwrap();
    let wanted = |telling: Option<(&str, &str)>| Wanted {
        contact: "abuse@company.example".into(),
        addresses: vec!["192.0.2.53".parse().unwrap()],
        notification: telling.map(|(ground, erase)| sinkhole::Notification {
            ground: ground.into(),
            erase: erase.parse().unwrap(),
        }),
    };
    let with = wanted(Some(("order-us-8", ERASE)));
    let made = node.sinkhole_under(plan, &authority, &[name], &with).await.unwrap();
    let kept = Config::read(&made.write().unwrap()).unwrap();
    assert_eq!(kept.notification, with.notification);
    let without = node.sinkhole_under(plan, &authority, &[name], &wanted(None)).await.unwrap();
    assert!(!without.write().unwrap().contains("notification"));
    for (ground, erase, why) in [
        ("order-us-7", ERASE, "does not allow to notify or seize"),
        ("order-us-8", "2199-01-02T00:00:00Z", "before the day of erasure"),
        ("order-us-8", "2026-01-06T00:00:00Z", "has passed"),
    ] {
        let refused =
            node.sinkhole_under(plan, &authority, &[name], &wanted(Some((ground, erase)))).await.unwrap_err();
        assert!(refused.ending().code() == 3 && refused.to_string().contains(why), "{refused}");
    }
    let none = node.sinkholes_of(plan, &with).await.unwrap_err().to_string();
    assert!(
        none.contains("`company`, whose home this is") && none.contains("no sinkhole action at all"),
        "{none}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victims_of_an_own_sinkhole_are_told_until_their_day_and_then_nobody_knows_them() {
    let planned: Planned = planned().await;
    let both = planned.both();
    let (node, out, clock) = planned.opened("sinkhole", Some(&both), PLANNED).await;
    let wish = Wish { contact: "notices@meridian.example".into(), ..Wish::default() };
    let plan = planned.plan.as_str();
    let name = node.plan_channels(plan).await.unwrap().into_iter().find(|c| !c.contains(':')).unwrap();
    order(&node, "order-us-7", "sinkhole", &name).await;
    order(&node, "order-us-8", "notify", &name).await;
    let base = node.notify(plan, &wish, &out, true).await.unwrap();
    let (ar, pe) = (planned.address("AR").to_string(), planned.address("PE").to_string());
    let came = [([127, 0, 0, 5], ar.as_str(), 3), ([127, 0, 0, 6], pe.as_str(), 2)];
    let log = planned.folder.path().join("log");

    // Who may not keep addresses, and for how long: nothing is made, nothing begins.
    for (ground, erase, why) in [
        ("order-us-7", ERASE, "does not allow to notify or seize"),
        ("order-us-9", ERASE, "no document of this number"),
        ("order-us-8", "2199-01-02T00:00:00Z", "before the day of erasure"),
        ("company-region", "2026-04-09T00:00:00Z", "erased by 2026-04-08"),
    ] {
        let refused = node.for_sinkhole(&config(&name, &telling(ground, erase))).await.err().unwrap();
        assert!(
            refused.ending().code() == 3 && refused.to_string().contains(why),
            "{ground} until {erase}: {refused}"
        );
    }
    node.for_sinkhole(&config(&name, &telling("company-region", "2026-04-08T00:00:00Z"))).await.unwrap();
    written_by_act(&node, plan, &name).await;

    // Without the section a hit is counted and nobody can be told.
    let without = config(&name, "");
    hits(&node, &without, &log, &came, &name).await;
    let taken = node.take_in_hits(&log, &without).await.unwrap();
    assert_eq!((taken.rows(), taken.taken.len()), (5, 1));
    let same = node.notify(plan, &wish, &out, true).await.unwrap();
    assert_eq!(
        (rows(&same, "csirt-ar"), rows(&same, "csirt-pe")),
        (rows(&base, "csirt-ar"), rows(&base, "csirt-pe"))
    );

    // With it each recipient is told of its own, and of nobody else's.
    let with = config(&name, &telling("order-us-8", ERASE));
    hits(&node, &with, &log, &came, &name).await;
    assert!([&ar, &pe].iter().all(|a| holds(&log, a.as_bytes()).is_none()), "sealed before it is written");
    let taken = node.take_in_hits(&log, &with).await.unwrap();
    assert_eq!((taken.rows(), taken.taken.len(), taken.not_sealed.len()), (5, 2, 0));
    let more = node.notify(plan, &wish, &out, true).await.unwrap();
    assert_eq!(
        (rows(&more, "csirt-ar"), rows(&more, "csirt-pe"), left(&more, "nobody"), more.overdue, more.erased),
        (rows(&base, "csirt-ar") + 3, rows(&base, "csirt-pe") + 2, left(&base, "nobody"), 0, 0)
    );
    // What is sealed is shared with nobody, and its key neither.
    let held = node.retention(None).await.unwrap();
    let of_sinkhole = |all: &[comity::node::retain::Retained]| {
        all.iter().find(|r| r.erase_by == ERASE.parse().unwrap()).cloned().unwrap()
    };
    let kept = of_sinkhole(&held);
    assert_eq!((kept.standing, kept.exhibits.len()), (Standing::Kept, 2));
    let vault = node.home.root().join("vault");
    let stolen = planned.folder.path().join("stolen");
    copy(&vault, &stolen);
    let secret: BTreeSet<bool> = {
        let mut found = BTreeSet::new();
        for id in &kept.exhibits {
            found.insert(node.vault.read(id, 1 << 20).await.unwrap().starts_with(b"AGE-SECRET-KEY-1"));
        }
        found
    };
    assert_eq!(secret.len(), 2, "one is the key, the other what is sealed to it");
    // What the home knows of the file beside the log is that it is gone.
    assert!(sinkhole::log::victims(&log).unwrap().is_empty());

    // A log whose day passed while it waited is deleted and not taken in.
    hits(&node, &with, &log, &came, &name).await;
    node.person_add(&PersonId("dpo-1".into()), Role::DataProtectionOfficer).await.unwrap();
    clock.set(ERASE.parse().unwrap());
    let late = node.take_in_hits(&log, &with).await.unwrap();
    assert_eq!(late.not_sealed.iter().map(|u| u.code).collect::<Vec<_>>(), ["CMT-1414"]);
    assert!(
        std::fs::read_dir(&log).unwrap().all(|e| e.unwrap().path().extension().is_none_or(|x| x != "sealed"))
    );

    // Its day has come: nothing of it is told, though nobody has erased it yet.
    let due = node.notify(plan, &wish, &out, true).await.unwrap();
    assert_eq!((due.overdue, due.erased), (1, 0));
    let told: u64 =
        due.told.iter().map(|t| t.rows).sum::<u64>() + due.unrouted.iter().map(|l| l.hits).sum::<u64>();
    let before: u64 =
        base.told.iter().map(|t| t.rows).sum::<u64>() + base.unrouted.iter().map(|l| l.hits).sum::<u64>();
    assert_eq!(told, before);
    let gone = node.retention(Some(&PersonId("dpo-1".into()))).await.unwrap();
    assert_eq!(of_sinkhole(&gone).standing, Standing::Erased);
    for id in &kept.exhibits {
        assert!(node.vault.read(id, 1 << 20).await.is_err());
    }
    copy(&stolen, &vault);
    for id in &kept.exhibits {
        assert!(node.vault.read(id, 1 << 20).await.is_err(), "a copy of the vault opens no more");
    }
    let after = node.notify(plan, &wish, &out, true).await.unwrap();
    // The key of the agreement's own day was made, never used, and is erased with the rest.
    assert_eq!((after.overdue, after.erased), (0, 2));
    let root = node.home.root().to_owned();
    node.close().await.unwrap();
    for address in [&ar, &pe] {
        for folder in [&root, &log] {
            assert_eq!(holds(folder, address.as_bytes()), None, "{address}");
        }
    }
    let refused = NodeError::PastItsDay { plan: plan.to_owned(), overdue: 0, erased: 1 };
    assert_eq!(refused.ending().code(), 3);
}
