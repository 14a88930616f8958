//! Roles as processes: this program, started again with what it shall be in its environment.

use crate::bucket;
use cluster::greeting::Greeting;
use cluster::{ExecutorOptions, Patience, Reach, Readable, SchedulerOptions, execute, schedule};
use object_store::aws::AmazonS3Builder;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROLE: &str = "CLUSTER_TEST_ROLE";
const AT: &str = "CLUSTER_TEST_AT";
const SCHEDULER: &str = "CLUSTER_TEST_SCHEDULER";
const WORK: &str = "CLUSTER_TEST_WORK";
const FUNCTIONS: &str = "CLUSTER_TEST_FUNCTIONS";

/// A process that ends with the test.
pub struct Role(Child);

impl Role {
    /// As `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Waits for it to end by itself; what it wrote to standard error.
    pub fn ended(mut self) -> (bool, String) {
        let status = self.0.wait().unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut self.0.stderr.take().unwrap(), &mut text).unwrap();
        (status.success(), text)
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that was free a moment ago.
pub fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn start(role: &str, at: u16, scheduler: u16, work: &Path, more: &[(&str, String)]) -> Role {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--ignored", "--nocapture", "house::be_what_the_environment_says"])
        .env(ROLE, role)
        .env(AT, at.to_string())
        .env(SCHEDULER, scheduler.to_string())
        .env(WORK, work)
        .envs(more.iter().map(|(k, v)| (*k, v.as_str())))
        .stdout(Stdio::null())
        .stderr(if more.iter().any(|(k, _)| *k == FUNCTIONS) { Stdio::piped() } else { Stdio::inherit() });
    Role(command.spawn().unwrap())
}

/// An executor that says it knows these functions.
pub fn stranger(at: u16, scheduler: u16, work: &Path, functions: &str) -> Role {
    start("executor", at, scheduler, work, &[(FUNCTIONS, functions.to_owned())])
}

/// Waits until somebody listens.
pub async fn listening(at: u16) {
    let until = Instant::now() + Duration::from_secs(60);
    while Instant::now() < until {
        if tokio::net::TcpStream::connect(("127.0.0.1", at)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody listens at {at}");
}

/// A scheduler with two executors.
pub struct Cluster {
    pub url: String,
    pub executors: Vec<(Role, PathBuf)>,
    _scheduler: Role,
}

impl Cluster {
    pub async fn start(folder: &Path, environment: &[(&str, String)]) -> Self {
        let at = port();
        let scheduler = start("scheduler", at, 0, folder, environment);
        listening(at).await;
        let mut executors = Vec::new();
        for i in 0..2 {
            let (here, work) = (port(), folder.join(format!("executor-{i}")));
            executors.push((start("executor", here, at, &work, environment), work));
            listening(here).await;
        }
        Self { url: format!("df://127.0.0.1:{at}"), executors, _scheduler: scheduler }
    }
}

fn told(name: &str) -> String {
    std::env::var(name).unwrap()
}

#[test]
#[ignore = "not a test: a role of the cluster, when the environment says so"]
fn be_what_the_environment_says() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let at: SocketAddr = format!("127.0.0.1:{}", told(AT)).parse().unwrap();
    let readable = match std::env::var("AWS_ENDPOINT") {
        Ok(_) => {
            let store = AmazonS3Builder::from_env().with_bucket_name(bucket::BUCKET).build().unwrap();
            Readable::bucket(&format!("s3://{}", bucket::BUCKET), Arc::new(store)).unwrap()
        }
        Err(_) => Readable::files(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(16 << 20)
        .enable_all()
        .build()
        .unwrap();
    let done = runtime.block_on(async {
        if role == "scheduler" {
            let patience = Patience { silent_s: 8, look_s: 1 };
            schedule(SchedulerOptions { at, reach: Reach::Loopback, readable, patience }, |_| ()).await
        } else {
            let functions = std::env::var(FUNCTIONS).ok();
            let greeting = functions.map_or_else(Greeting::ours, |f| {
                Greeting::ours().with_functions(&f.split(',').collect::<Vec<_>>())
            });
            let options = ExecutorOptions {
                at,
                reach: Reach::Loopback,
                scheduler: ("127.0.0.1".to_owned(), told(SCHEDULER).parse().unwrap()),
                cores: 2,
                work: PathBuf::from(told(WORK)),
                memory: 512 << 20,
                readable,
                greeting,
            };
            execute(options, |_| ()).await
        }
    });
    if let Err(e) = done {
        eprintln!("{e}");
        std::process::exit(3);
    }
}
