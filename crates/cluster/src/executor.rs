//! The executor role: runs tasks, keeps what they made until others have fetched it.

use crate::client::greet;
use crate::greeting::Greeting;
use crate::session::{self, Readable};
use crate::{ClusterError, Reach};
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// What an executor is told.
#[derive(Debug, Clone)]
pub struct ExecutorOptions {
    /// Where others fetch what it made.
    pub at: SocketAddr,
    /// Who may reach it.
    pub reach: Reach,
    /// The scheduler's host and port.
    pub scheduler: (String, u16),
    /// Tasks at once.
    pub cores: usize,
    /// Where it keeps what tasks made, and spills to. Its contents are cleared by nobody else.
    pub work: PathBuf,
    /// Bytes that its tasks may hold in memory together.
    pub memory: u64,
    /// What its tasks may read.
    pub readable: Readable,
    /// What it says of itself: this program's greeting.
    pub greeting: Greeting,
}

/// Greets the scheduler, then serves until the process is told to end.
///
/// # Errors
/// CMT-1430 beyond its reach, CMT-1432 and CMT-1431 where the scheduler is silent or refuses it, CMT-1434 and CMT-1435
/// where it cannot begin, CMT-1433 where it ends.
pub async fn execute(
    options: ExecutorOptions,
    ready: impl FnOnce(SocketAddr) + Send,
) -> Result<(), ClusterError> {
    options.reach.allow(options.at)?;
    let (host, port) = &options.scheduler;
    // By the greeting of this very program, whatever it says of itself, it knows a scheduler that it cannot work with.
    greet(&format!("{host}:{port}"), &options.greeting).await?;
    let readable = options.readable.clone().spilling(&options.work);
    let state = session::begun(&readable)?;
    let ended = |why: String| ClusterError::Ended { role: "executor", at: options.at.to_string(), why };
    std::fs::create_dir_all(&options.work).map_err(|e| ended(e.to_string()))?;
    let shown: IpAddr = options.at.ip();
    let line = options.greeting.to_string();
    let config = ExecutorProcessConfig {
        bind_host: shown.to_string(),
        external_host: Some(shown.to_string()),
        port: options.at.port(),
        grpc_port: options.at.port(),
        scheduler_host: host.clone(),
        scheduler_port: *port,
        // Executors ask for work: only fetching reaches into them, and asking is how the scheduler knows that they live.
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        vcores: options.cores.max(1),
        work_dir: Some(options.work.display().to_string()),
        memory_pool_size: Some(options.memory),
        job_data_ttl_seconds: 24 * 60 * 60,
        job_data_clean_up_interval_seconds: 10 * 60,
        override_config_producer: Some(Arc::new(session::config)),
        override_runtime_producer: Some(Arc::new(move |_| readable.runtime())),
        override_function_registry: Some(Arc::new(BallistaFunctionRegistry::from(&state))),
        override_create_grpc_client_endpoint: Some(Arc::new(move |endpoint| {
            endpoint.user_agent(line.clone()).map_err(Into::into)
        })),
        ..ExecutorProcessConfig::default()
    };
    ready(options.at);
    start_executor_process(Arc::new(config)).await.map_err(|e| ended(e.to_string()))
}
