//! Telemetry in a bucket, and its questions on a cluster of this program's own roles: the same answers as from a folder.

use super::support::{comity, program, said, sinkhole_log};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// An S3-compatible store over a folder, in this process.
async fn bucket(folder: &Path) -> String {
    fs::create_dir_all(folder.join("telemetry")).unwrap();
    let mut builder = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
    builder.set_auth(SimpleAuth::from_single("AKEY", "ASECRET"));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let server = Builder::new(TokioExecutor::new());
        loop {
            let Ok((socket, _)) = listener.accept().await else { continue };
            tokio::spawn(server.serve_connection(TokioIo::new(socket), service.clone()).into_owned());
        }
    });
    endpoint
}

fn with_bucket<'a>(command: &'a mut Command, endpoint: &str) -> &'a mut Command {
    command
        .env("AWS_ACCESS_KEY_ID", "AKEY")
        .env("AWS_SECRET_ACCESS_KEY", "ASECRET")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ENDPOINT", endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("COMITY_TELEMETRY", "s3://telemetry/home-1")
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    done
}

/// A role of the cluster, ended with the test.
struct Role(Child);

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn role(endpoint: &str, nowhere: &Path, at: u16, args: &[&str]) -> Role {
    let mut command = Command::new(program());
    command
        .env_clear()
        .env("HOME", nowhere)
        .args(["serve", "--listen", &format!("127.0.0.1:{at}")])
        .args(args);
    let child = with_bucket(&mut command, endpoint).stdin(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while std::net::TcpStream::connect(("127.0.0.1", at)).is_err() {
        assert!(Instant::now() < until, "{args:?} does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    Role(child)
}

/// A log of six hosts that call four endpoints every five minutes, each at its own second.
fn regular_calls() -> String {
    let day = terms::Day(20_514);
    let mut log = exercise::zeek_conn_header(day);
    for i in 0..6 * 4 * 30_i64 {
        let (host, remote, call) = (i % 6, i / 6 % 4, i / 24);
        let second = i64::from(day.0) * 86_400 + call * 300 + host * 7 + remote;
        writeln!(
            log,
            "{second}.000000\tC{i}\t10.1.1.{host}\t40000\t198.18.9.{remote}\t4443\ttcp\t-\t0.1\t240\t160\tSF\tT\tF\t0\tShADadFf\t4\t200\t4\t220\t-"
        )
        .unwrap();
    }
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_home_answers_the_same_from_a_folder_a_bucket_and_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = bucket(&folder.path().join("s3")).await;
    let logs = folder.path().join("logs");
    fs::create_dir(&logs).unwrap();
    for n in 0..3 {
        fs::write(logs.join(format!("{n}.ndjson")), sinkhole_log(n, 300)).unwrap();
    }
    let home = folder.path().join("home");
    let bucketed = || {
        let mut command = comity(&home);
        with_bucket(&mut command, &endpoint);
        command
    };
    run(bucketed().args(["init", "--partner", "company"]));
    let taken = run(bucketed().args(["ingest", "--json"]).arg(&logs));
    assert!(said(&taken).contains("\"rows\":900"), "{}", said(&taken));
    let under = folder.path().join("s3/telemetry/home-1/sightings");
    assert!(under.is_dir(), "the rows lie in the bucket");
    let before = fs::read_dir(&under).unwrap().count();
    let other = folder.path().join("other");
    run(comity(&other).args(["init", "--partner", "agency"]));
    let done = with_bucket(&mut comity(&other), &endpoint).args(["measure", "--rolled"]).output().unwrap();
    assert!(!done.status.success() && said(&done).contains("CMT-1439"), "{}", said(&done));
    assert_eq!(fs::read_dir(&under).unwrap().count(), before, "another home took nothing away");
    assert_eq!(fs::read_dir(home.join("telemetry")).unwrap().count(), 0, "and not in the home");

    let rolled = |more: &[(&str, &str)]| {
        let mut command = bucketed();
        command.envs(more.iter().copied()).args(["measure", "--rolled", "--json"]);
        let done = run(&mut command);
        let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        (report["channels"].clone(), report["bots"].clone(), said(&done))
    };
    let (channels, bots, _) = rolled(&[]);
    assert_eq!(bots, 900);
    assert_eq!(channels[0]["sightings"], 900);
    run(bucketed().arg("verify"));

    let scheduler = port();
    let (first, second) = (port(), port());
    let nowhere = folder.path().join("nowhere");
    let _scheduler = role(&endpoint, &nowhere, scheduler, &["--role", "scheduler"]);
    let named = format!("127.0.0.1:{scheduler}");
    let work = |n: &str| folder.path().join(n).display().to_string();
    let _executors: Vec<Role> = [(first, work("a")), (second, work("b"))]
        .iter()
        .map(|(at, work)| {
            role(&endpoint, &nowhere, *at, &["--role", "executor", "--scheduler", &named, "--work", work])
        })
        .collect();
    let cluster = format!("df://{named}");
    let (there, count, told) = rolled(&[("COMITY_CLUSTER", cluster.as_str())]);
    assert_eq!((there, count), (channels, bots), "the cluster's answer");
    assert!(!told.contains("answered here"), "{told}");
    let worked = |n: &str| fs::read_dir(folder.path().join(n)).unwrap().count() > 0;
    assert!(worked("a") || worked("b"), "an executor had a part in it");

    // All questions of an analysis, those too that join one table with itself again and again.
    fs::write(logs.join("conn.log"), regular_calls()).unwrap();
    run(bucketed().arg("ingest").arg(logs.join("conn.log")));
    let analyzed = |more: &[(&str, &str)]| {
        let mut command = bucketed();
        let done = run(command.envs(more.iter().copied()).args(["analyze", "--json"]));
        let text = String::from_utf8(done.stdout.clone()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let ids: BTreeSet<String> =
            lines.iter().filter_map(|l| l["id"].as_str().map(str::to_owned)).collect();
        let beacons = lines.iter().filter(|l| l["body"]["type"] == "beacon").count();
        (ids, beacons, lines.last().unwrap()["new_findings"].as_u64().unwrap(), said(&done))
    };
    let (here, beacons, new, _) = analyzed(&[]);
    assert!(beacons > 0 && new > 0, "{beacons} {new}");
    let (there, again, new, told) = analyzed(&[("COMITY_CLUSTER", cluster.as_str())]);
    assert_eq!((there, again, new), (here, beacons, 0), "the cluster finds what was found");
    assert!(!told.contains("answered here"), "{told}");

    // A cluster that is not there is an error, and nothing answers in its place.
    let absent = format!("df://127.0.0.1:{}", port());
    let mut command = bucketed();
    command.env("COMITY_CLUSTER", &absent).args(["measure", "--rolled"]);
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).contains("CMT-1432"), "{}", said(&done));

    // One byte of the bucket is changed.
    let file = fs::read_dir(&under).unwrap().next().unwrap().unwrap().path();
    let file = fs::read_dir(file).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    bytes[20] ^= 1;
    fs::write(&file, bytes).unwrap();
    let done = bucketed().arg("verify").stdin(Stdio::null()).output().unwrap();
    assert_eq!(done.status.code(), Some(4), "{}", said(&done));
}

#[test]
fn a_folder_outside_of_homes_is_the_first_ones() {
    let folder = tempfile::tempdir().unwrap();
    let shared = folder.path().join("shared");
    let within = |name: &str| {
        let mut command = comity(&folder.path().join(name));
        command.env("COMITY_TELEMETRY", format!("file://{}", shared.display()));
        command
    };
    run(within("first").args(["init", "--partner", "company"]));
    let log = folder.path().join("log.ndjson");
    fs::write(&log, sinkhole_log(1, 20)).unwrap();
    run(within("first").arg("ingest").arg(&log));
    run(comity(&folder.path().join("second")).args(["init", "--partner", "agency"]));
    let done = within("second").args(["measure", "--rolled"]).output().unwrap();
    assert!(!done.status.success() && said(&done).contains("CMT-1439"), "{}", said(&done));
    run(within("first").args(["measure", "--rolled"]));
    run(within("first").arg("verify"));
}

#[test]
fn roles_that_cannot_begin_say_why() {
    let nowhere = tempfile::tempdir().unwrap();
    let rows: [(&[&str], &str); 4] = [
        (&["--role", "scheduler", "--listen", "0.0.0.0:50050"], "CMT-1430"),
        (&["--role", "executor", "--listen", "0.0.0.0:50051", "--work", "w"], "CMT-1430"),
        (&["--role", "executor"], "--work DIR"),
        (&["--role", "executor", "--scheduler", "nowhere", "--work", "w"], "HOST:PORT"),
    ];
    for (args, told) in rows {
        let mut command = Command::new(program());
        command.env_clear().env("HOME", nowhere.path()).current_dir(nowhere.path()).arg("serve").args(args);
        let done = command.stdin(Stdio::null()).output().unwrap();
        assert!(!done.status.success() && said(&done).contains(told), "{args:?}: {}", said(&done));
    }
}
