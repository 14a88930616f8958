//! The client: a session whose plans run on the cluster.

use crate::ClusterError;
use crate::greeting::Greeting;
use crate::session::{self, Readable};
use ballista::prelude::SessionContextExt as _;
use ballista_core::serde::protobuf::GetJobStatusParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use datafusion::prelude::SessionContext;
use std::time::Duration;
use tonic::Code;
use tonic::transport::Endpoint;

/// How long a scheduler may take to answer a greeting.
const GREETING: Duration = Duration::from_secs(10);

/// A session on the cluster of the scheduler at `url` (`df://host:port`), whose plans are cut for `partitions` tasks at
/// once (executors × cores). Greets first.
///
/// # Errors
/// CMT-1432 where nobody answers, CMT-1431 where another program does, CMT-1434 for another URL.
pub async fn connect(
    url: &str,
    readable: &Readable,
    partitions: usize,
) -> Result<SessionContext, ClusterError> {
    let made = |why: String| ClusterError::Session { why };
    let at = url
        .strip_prefix("df://")
        .map(|rest| rest.trim_end_matches('/'))
        .filter(|rest| rest.rsplit_once(':').is_some_and(|(h, p)| !h.is_empty() && p.parse::<u16>().is_ok()))
        .ok_or_else(|| made(format!("`{url}` is not df://HOST:PORT")))?;
    greet(at, &Greeting::ours()).await?;
    let config = session::config().with_target_partitions(partitions.max(1));
    let state = session::state(config, readable).map_err(|e| made(e.to_string()))?;
    let context = SessionContext::remote_with_state(url, state).await.map_err(|e| made(e.to_string()))?;
    // The library puts its own list of functions into the state that it is given.
    botnet::functions::register(&context);
    Ok(context)
}

/// Asks the scheduler at `host:port` whether it works with a program of this greeting.
pub(crate) async fn greet(at: &str, greeting: &Greeting) -> Result<(), ClusterError> {
    let silent = |why: String| ClusterError::Silent { at: at.to_owned(), why };
    let endpoint = Endpoint::from_shared(format!("http://{at}"))
        .and_then(|e| e.user_agent(greeting.to_string()))
        .map_err(|e| silent(e.to_string()))?
        .connect_timeout(GREETING)
        .timeout(GREETING);
    let channel = endpoint.connect().await.map_err(|e| silent(told(&e)))?;
    // Any question will do; this one changes nothing.
    let asked = GetJobStatusParams { job_id: "greeting".to_owned() };
    match SchedulerGrpcClient::new(channel).get_job_status(asked).await {
        Ok(_) => Ok(()),
        Err(e) => match e.code() {
            Code::FailedPrecondition => {
                Err(ClusterError::Mismatch { at: at.to_owned(), why: e.message().to_owned() })
            }
            // A scheduler that does not know the query has let the call in.
            Code::Internal | Code::NotFound => Ok(()),
            code => Err(silent(format!("{code}: {}", e.message()))),
        },
    }
}

/// An error and what is under it.
fn told(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut under = e.source();
    while let Some(e) = under {
        text = format!("{text}: {e}");
        under = e.source();
    }
    text
}
