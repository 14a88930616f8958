//! The scheduler role: takes plans in, cuts them into tasks, hands tasks to executors.

use crate::greeting::Greeting;
use crate::session::{self, Readable};
use crate::{ClusterError, Reach};
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::create_scheduler;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

/// Largest message, in bytes: a plan over some ten thousand files.
const MESSAGE: usize = 64 << 20;

/// How long a role that does not answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Seconds without a word after which an executor counts as dead; it speaks every five seconds.
    pub silent_s: u64,
    /// Seconds between two looks.
    pub look_s: u64,
}

impl Default for Patience {
    /// 15 s, looked for every 3 s.
    fn default() -> Self {
        Self { silent_s: 15, look_s: 3 }
    }
}

/// What a scheduler is told.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// Where it listens.
    pub at: SocketAddr,
    /// Who may reach it.
    pub reach: Reach,
    /// What its plans may name.
    pub readable: Readable,
    /// How long it waits for an executor.
    pub patience: Patience,
}

/// Serves until the process ends or the task is dropped. `ready` is told the address when it listens.
///
/// # Errors
/// CMT-1430 beyond its reach, CMT-1434 and CMT-1435 where it cannot begin, CMT-1433 where it ends.
pub async fn schedule(
    options: SchedulerOptions,
    ready: impl FnOnce(SocketAddr) + Send,
) -> Result<(), ClusterError> {
    options.reach.allow(options.at)?;
    session::begun(&options.readable)?;
    let ended = |why: String| ClusterError::Ended { role: "scheduler", at: options.at.to_string(), why };
    let listener = TcpListener::bind(options.at).await.map_err(|e| ended(e.to_string()))?;
    let at = listener.local_addr().map_err(|e| ended(e.to_string()))?;
    let readable = options.readable.clone();
    let config = SchedulerConfig {
        bind_host: at.ip().to_string(),
        external_host: at.ip().to_string(),
        bind_port: at.port(),
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        executor_timeout_seconds: options.patience.silent_s,
        expire_dead_executor_interval_seconds: options.patience.look_s,
        no_executors_grace_period_seconds: 4 * options.patience.silent_s,
        grpc_server_max_decoding_message_size: MESSAGE as u32,
        grpc_server_max_encoding_message_size: MESSAGE as u32,
        ..SchedulerConfig::default()
    }
    .with_override_config_producer(Arc::new(session::config))
    .with_override_session_builder(Arc::new(move |config| session::state(config, &readable)));
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(|e| ended(e.to_string()))?;
    let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config))
        .await
        .map_err(|e| ended(e.to_string()))?;
    let service = SchedulerGrpcServer::new(scheduler)
        .max_decoding_message_size(MESSAGE)
        .max_encoding_message_size(MESSAGE);
    ready(at);
    Server::builder()
        .add_service(InterceptedService::new(service, admit))
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
        .map_err(|e| ended(e.to_string()))
}

/// Refuses a call whose greeting is not ours.
fn admit(request: Request<()>) -> Result<Request<()>, Status> {
    let line = request.metadata().get("user-agent").and_then(|v| v.to_str().ok()).unwrap_or_default();
    // The library puts its own product behind ours.
    let ours = line.find(" tonic/").map_or(line, |at| line.get(..at).unwrap_or_default());
    match Greeting::ours().judge(&Greeting::read(ours)) {
        Ok(()) => Ok(request),
        Err(why) => Err(Status::failed_precondition(format!("this scheduler does not work with it: {why}"))),
    }
}
