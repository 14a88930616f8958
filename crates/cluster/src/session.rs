//! The one place that says what every role knows: functions, configuration, and which store it may read.

use crate::ClusterError;
use crate::greeting::Greeting;
use ballista_core::extension::{
    SessionConfigExt as _, ballista_aggregate_functions, ballista_scalar_functions, ballista_window_functions,
};
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::object_store::{
    DefaultObjectStoreRegistry, ObjectStoreRegistry as _, ObjectStoreUrl,
};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionConfig;
use object_store::ObjectStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a role may read, and where it puts what does not fit into memory.
#[derive(Debug, Clone)]
pub struct Readable {
    bucket: Option<(ObjectStoreUrl, Arc<dyn ObjectStore>)>,
    spill: Option<PathBuf>,
}

impl Readable {
    /// Files of this machine: for roles that stand on one machine, or share a file system.
    pub fn files() -> Self {
        Self { bucket: None, spill: None }
    }

    /// One bucket (`s3://bucket`) and nothing else: no plan can make the role read a file of its machine.
    ///
    /// # Errors
    /// CMT-1434 for what is no URL of a bucket.
    pub fn bucket(url: &str, store: Arc<dyn ObjectStore>) -> Result<Self, ClusterError> {
        let url = ObjectStoreUrl::parse(url).map_err(|e| ClusterError::Session { why: e.to_string() })?;
        Ok(Self { bucket: Some((url, store)), spill: None })
    }

    /// Where sorting and grouping spill to.
    #[must_use]
    pub fn spilling(mut self, folder: &Path) -> Self {
        self.spill = Some(folder.to_owned());
        self
    }

    pub(crate) fn runtime(&self) -> Result<Arc<RuntimeEnv>> {
        let registry = DefaultObjectStoreRegistry::new();
        if let Some((url, store)) = &self.bucket {
            registry.deregister_store(ObjectStoreUrl::local_filesystem().as_ref())?;
            registry.register_store(url.as_ref(), Arc::clone(store));
        }
        let mut builder = RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(registry));
        if let Some(folder) = &self.spill {
            builder = builder.with_temp_file_path(folder);
        }
        builder.build().map(Arc::new)
    }
}

/// Configuration of every role.
pub(crate) fn config() -> SessionConfig {
    let mut config = SessionConfig::new_with_ballista();
    // As in the embedded engine (`botnet::Telemetry`).
    config.options_mut().execution.parquet.schema_force_view_types = false;
    config.options_mut().execution.collect_statistics = false;
    let line = Greeting::ours().to_string();
    // Ballista 55's planner that plans anew after each stage never ends with the question of command and control: it puts
    // one stage after the other, for ever. The static one knows the same operators.
    let config = config.with_ballista_adaptive_query_planner(false);
    config.with_ballista_override_create_grpc_client_endpoint(Arc::new(move |endpoint| {
        endpoint.user_agent(line.clone()).map_err(Into::into)
    }))
}

/// State of every role.
pub(crate) fn state(config: SessionConfig, readable: &Readable) -> Result<SessionState> {
    let mut scalar = ballista_scalar_functions();
    scalar.extend(botnet::functions::scalar());
    let mut aggregate = ballista_aggregate_functions();
    aggregate.extend(botnet::functions::aggregate());
    let state = SessionStateBuilder::new()
        .with_runtime_env(readable.runtime()?)
        .with_config(config)
        .with_default_features()
        .with_scalar_functions(scalar)
        .with_aggregate_functions(aggregate)
        .with_window_functions(ballista_window_functions())
        .build();
    Ok(state)
}

/// The state, for a role that begins: it has to know its own functions.
pub(crate) fn begun(readable: &Readable) -> Result<SessionState, ClusterError> {
    let state = state(config(), readable).map_err(|e| ClusterError::Session { why: e.to_string() })?;
    match botnet::functions::missing(&state).as_slice() {
        [] => Ok(state),
        missing => Err(ClusterError::Functions { missing: missing.join(", ") }),
    }
}
