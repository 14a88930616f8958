//! The sinkhole as a program: a seized name is asked, a bot checks in, its hit is counted; killed under load, it loses at most a
//! second; without an authority it does not begin.

use crate::support::{comity, init, options, said};
use comity::node::Node;
use comity::node::error::NodeError;
use comity::node::ingest::{Manner, Source};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const UNTIL: &str = "2199-01-01T00:00:00Z";

/// A home with a served order over `seized.example`, and the configuration of its sinkhole.
async fn home(folder: &Path, extra: &str) -> (PathBuf, PathBuf) {
    let dir = folder.join("home");
    let (options, _) = options(&dir);
    let node = init(&options).await;
    let document = json!({
        "schema": "comity.authority/1", "id": "order-us-7", "issuer": "District Court", "kind": "order",
        "holder": "company", "member": null, "instrument": "sinkhole", "class": "domain",
        "targets": ["seized.example"], "places": ["US"], "offence": "computer-sabotage",
        "served": "2026-01-05T09:00:00Z", "from": "2026-01-05T00:00:00Z", "until": UNTIL,
    });
    let source = Source::Bytes("order.json".into(), document.to_string().into_bytes());
    node.ingest(vec![source], &Manner::house("served"), &|_| ()).await.unwrap();
    node.close().await.unwrap();
    let text = format!(
        "schema = \"comity.sinkhole-config/1\"\nid = \"s-1\"\nauthority = \"order-us-7\"\nuntil = \"{UNTIL}\"\n\
         zones = [\"seized.example\"]\n[custodian]\norganisation = \"Company\"\ncontact = \"abuse@company.example\"\n\
         [dns]\nv4 = \"127.0.0.1\"\n[limits]\nper_source = 100000\nburst = 100000\n\
         [[family]]\nname = \"harbour\"\nchannels = [\"seized.example\"]\nmethod = \"POST\"\npath = \"/gate\"\n\
         bot = \"query:id\"\n[[listen]]\nkind = \"http\"\nat = \"127.0.0.1:0\"\n\
         [[listen]]\nkind = \"dns-udp\"\nat = \"127.0.0.1:0\"\n{extra}"
    );
    let config = folder.join("sinkhole.toml");
    std::fs::write(&config, text).unwrap();
    (dir, config)
}

struct Served {
    child: Child,
    _out: BufReader<ChildStdout>,
    begun: Value,
}

fn serve(dir: &Path, config: &Path) -> Served {
    let mut child = comity(dir)
        .args(["serve", "--role", "sinkhole", "--json", "--config"])
        .arg(config)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    // What a kill left is told before or after; the first line of all says where it listens.
    out.read_line(&mut line).unwrap();
    let begun: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(begun["schema"], "comity.sinkhole-begun/1", "{line}");
    Served { child, _out: out, begun }
}

impl Served {
    fn at(&self, kind: &str) -> SocketAddr {
        let listens = self.begun["listens"].as_array().unwrap();
        listens.iter().find(|l| l["kind"] == kind).unwrap()["at"].as_str().unwrap().parse().unwrap()
    }
    fn log(&self) -> PathBuf {
        self.begun["log"].as_str().unwrap().into()
    }
    fn signal(&mut self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("/bin/kill").args([name, &pid]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

fn check_in(at: SocketAddr, id: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(at).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let request = format!(
        "POST /gate?id={id} HTTP/1.1\r\nHost: seized.example\r\nUser-Agent: {id}\r\nConnection: close\r\n\
         Content-Length: 6\r\n\r\nSECRET"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seized_name_is_asked_a_bot_checks_in_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, config) = home(folder.path(), "").await;
    let mut served = serve(&dir, &config);
    // `www.seized.example`, type A, as a resolver asks it.
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x06seized\x07example\0\0\x01\0\x01";
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.send_to(question, served.at("dns-udp")).unwrap();
    let mut answer = [0u8; 512];
    let n = socket.recv(&mut answer).unwrap();
    assert!(answer[..n].ends_with(&[127, 0, 0, 1]), "the bot is sent to the sinkhole");
    for id in ["bot-a", "bot-b", "bot-a"] {
        let said = check_in(served.at("http"), id).unwrap();
        assert_eq!(said, b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    }
    served.signal("-TERM");

    let (options, _) = options(&dir);
    let node = Node::open(&options, "test").await.unwrap();
    let tables = node.tables().await.unwrap();
    let all = tables.sightings_between(botnet::telemetry::Window::ALL, 1 << 10).await.unwrap();
    let bots: BTreeSet<String> = all.iter().map(|(s, _)| s.bot.to_string()).collect();
    assert_eq!((all.len(), bots.len()), (3, 2), "resolvers are no bots: {all:?}");
    assert!(all.iter().all(|(s, _)| s.channel == "seized.example"));
    match node.population(None, None).await {
        Ok(report) => assert_eq!(report.estimate.seen, 2),
        // Two bots of one day: an estimator may say that it cannot tell, and nothing else.
        Err(e) => assert!(matches!(e, NodeError::CannotTell { .. }), "{e}"),
    }
    node.close().await.unwrap();
    assert!(
        std::fs::read_dir(served.log())
            .unwrap()
            .all(|e| { e.unwrap().path().extension().is_none_or(|x| x != "ndjson") }),
        "what was taken in rests in the vault alone"
    );
    let verified = comity(&dir).args(["verify"]).output().unwrap();
    assert!(verified.status.success(), "{}", said(&verified));
    let chain = comity(&dir).args(["verify", "sinkhole"]).arg(served.log()).output().unwrap();
    let told = String::from_utf8_lossy(&chain.stdout).into_owned();
    assert!(told.contains("0 segments here") && told.contains("1 segment ended and went"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_it_loses_a_second_at_most_and_the_chain_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, config) = home(folder.path(), "").await;
    let mut served = serve(&dir, &config);
    let at = served.at("http");
    let (stop, answered) = (AtomicBool::new(false), Mutex::new(Vec::<(Instant, Instant, String)>::new()));
    std::thread::scope(|scope| {
        for asker in 0..4 {
            let (stop, answered) = (&stop, &answered);
            scope.spawn(move || {
                for n in 0u32.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = format!("id-{asker}-{n}");
                    let asked = Instant::now();
                    if check_in(at, &id).is_some() {
                        answered.lock().unwrap().push((asked, Instant::now(), id));
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_secs(3));
        served.signal("-KILL");
        stop.store(true, Ordering::Relaxed);
    });
    let log = served.log();
    let checked = comity(&dir).args(["verify", "sinkhole", "--json"]).arg(&log).output().unwrap();
    assert!(checked.status.success(), "{}", said(&checked));
    let mut kept = BTreeSet::new();
    for entry in std::fs::read_dir(&log).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "ndjson") {
            let bytes = std::fs::read(&path).unwrap();
            let whole = sinkhole::chain::verify(bytes.as_slice()).unwrap();
            for line in bytes[..usize::try_from(whole.bytes).unwrap()].split(|b| *b == b'\n') {
                let hit: Value = serde_json::from_slice(line).unwrap_or_default();
                kept.extend(hit["agent"].as_str().map(str::to_owned));
            }
        }
    }
    let answered = answered.into_inner().unwrap();
    assert!(kept.len() > 50, "there was load: {}", kept.len());
    // Each was answered between its asking and its hearing: what is lost was answered within one second, whenever the
    // disk took its last batch.
    let lost = || answered.iter().filter(|(.., id)| !kept.contains(id));
    if let (Some(last), Some(first)) = (lost().map(|l| l.0).max(), lost().map(|l| l.1).min()) {
        let span = last.saturating_duration_since(first);
        assert!(span <= Duration::from_secs(1), "{} answers of {span:?} are lost", lost().count());
    }

    // It begins again where the chain stands, and takes in what there was.
    let mut again = serve(&dir, &config);
    assert!(check_in(again.at("http"), "after").is_some());
    again.signal("-TERM");
    let (options, _) = options(&dir);
    let node = Node::open(&options, "test").await.unwrap();
    let tables = node.tables().await.unwrap();
    let rows = tables.sightings_between(botnet::telemetry::Window::ALL, 1 << 20).await.unwrap().len();
    assert_eq!(rows, kept.len() + 1);
    node.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_authority_that_covers_it_nothing_is_answered() {
    for (from, to, why) in [
        ("order-us-7", "order-us-8", "no document of this number"),
        (
            "[\"seized.example\"]\n[custodian]",
            "[\"seized.example\", \"more.example\"]\n[custodian]",
            "more.example",
        ),
        ("2199-01-01", "2199-01-02", "before the sinkhole does"),
        ("[[family]]", "[payloads]\nkeep_under = \"order-us-7\"\n[[family]]", "does not allow to seize"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (dir, config) = home(folder.path(), "").await;
        let text = std::fs::read_to_string(&config).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&config, text.replace(from, to)).unwrap();
        let out =
            comity(&dir).args(["serve", "--role", "sinkhole", "--config"]).arg(&config).output().unwrap();
        assert_eq!(out.status.code(), Some(3), "{}", said(&out));
        let told = said(&out);
        assert!(told.contains("CMT-1409") && told.contains(why), "{told}");
    }
}
