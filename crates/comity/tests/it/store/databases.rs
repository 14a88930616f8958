//! A state store for each test: SQLite in a temporary folder, and a database of its own in one PostgreSQL cluster that
//! lives as long as this process.
//!
//! The cluster hangs on a pipe: when this process ends, however it ends, the pipe closes and the shell beside it stops
//! PostgreSQL (by the process id in its own `postmaster.pid`) and removes its folder.

use comity::store::State;
use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Where Debian's package puts the programs.
const PACKAGES: &str = "/usr/lib/postgresql";

const SCRIPT: &str = r#"
set -e
umask 077
cd /
dir=$(mktemp -d /tmp/comity-postgres.XXXXXX)
trap '' INT
stop() { "$1/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true; rm -rf "$dir"; }
trap 'stop "$1"' EXIT
"$1/initdb" -D "$dir/data" -A trust -U comity -E UTF8 --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
"$1/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/log" \
    -o "-p $2 -k $dir -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=400" start >/dev/null 2>&1 \
    || { cat "$dir/log" >&2; exit 1; }
echo ready
read -r _ || true
"#;

struct Cluster {
    port: u16,
    // Held open until this process ends.
    _pipe: ChildStdin,
    _shell: Child,
}

static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
static NEXT: AtomicU32 = AtomicU32::new(0);

fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(PACKAGES).ok()?.flatten().map(|e| e.path().join("bin")).collect();
    found.retain(|bin| bin.join("initdb").is_file() && bin.join("pg_ctl").is_file());
    found.sort();
    found.pop()
}

/// PostgreSQL refuses to run as root: then it runs as the package's own user.
fn shell() -> Command {
    if rustix::process::geteuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh"]);
        command
    } else {
        Command::new("sh")
    }
}

fn cluster() -> Option<&'static Cluster> {
    let started = CLUSTER.get_or_init(|| {
        let Some(bin) = programs() else {
            eprintln!("skipped: PostgreSQL not installed (nothing in {PACKAGES})");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut child = shell()
            .args(["-c", SCRIPT, "sh"])
            .arg(&bin)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe = child.stdin.take().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "PostgreSQL is installed and did not start; its log stands above");
        Some(Cluster { port, _pipe: pipe, _shell: child })
    });
    started.as_ref()
}

/// A store for one test, and what it rests on.
#[derive(Clone)]
pub struct Store {
    pub state: State,
    pub url: String,
    /// Goes with the last clone.
    pub folder: Arc<tempfile::TempDir>,
}

pub async fn sqlite() -> Store {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let url = comity::store::state::sqlite_url(&folder.path().join("state.db"));
    Store { state: State::create(&url).await.unwrap(), url, folder }
}

pub async fn postgres() -> Option<Store> {
    let port = tokio::task::spawn_blocking(cluster).await.unwrap()?.port;
    let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let admin = format!("postgres://comity@127.0.0.1:{port}/postgres");
    sqlx::any::install_default_drivers();
    let mut conn = <sqlx::AnyConnection as sqlx::Connection>::connect(&admin).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut conn).await.unwrap();
    let url = format!("postgres://comity@127.0.0.1:{port}/{name}");
    let folder = Arc::new(tempfile::tempdir().unwrap());
    Some(Store { state: State::open(&url).await.unwrap(), url, folder })
}

/// Runs a test on each database.
pub async fn each<F, R>(test: F)
where
    F: Fn(Store) -> R,
    R: Future<Output = ()>,
{
    let store = sqlite().await;
    test(store.clone()).await;
    if let Some(store) = postgres().await {
        test(store.clone()).await;
    }
}
