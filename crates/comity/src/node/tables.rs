//! The telemetry tables of a home, ready to be asked: embedded, or on a cluster where the home is told of one.

use super::Node;
use super::error::NodeError;
use crate::store::manifest;
use botnet::Telemetry;
use botnet::tables::Table;
use botnet::telemetry::{Elsewhere, Locations, Options};

impl Node {
    /// The telemetry tables as the manifest lists them.
    ///
    /// # Errors
    /// From the stores; CMT-1431 to CMT-1434 where the home names a cluster that cannot be worked with, CMT-1438 where this
    /// build has none. A cluster that fails is never answered for by this machine.
    pub async fn tables(&self) -> Result<Telemetry, NodeError> {
        let mut conn = self.state.read().await?;
        let mut locations = Locations::default();
        for table in Table::ALL {
            let files = manifest::of_table(&mut conn, table.name()).await?;
            *locations.of_mut(table) = files.iter().map(|f| self.telemetry.location(f)).collect();
        }
        let options = Options { store: self.telemetry.remote(), ..Options::local(self.home.tmp()) };
        Ok(Telemetry::open_on(&locations, &options, self.elsewhere().await?).await?)
    }

    #[cfg(feature = "cluster")]
    async fn elsewhere(&self) -> Result<Option<Elsewhere>, NodeError> {
        let Some(url) = &self.config.cluster else { return Ok(None) };
        let readable = readable(&self.telemetry)?.spilling(&self.home.tmp());
        let tasks = usize::try_from(self.config.cluster_tasks).unwrap_or(usize::MAX);
        let context = cluster::connect(url, &readable, tasks).await?;
        let told = |name: &'static str, why: &str| {
            tracing::warn!("the question `{name}` is answered here and not on the cluster: {why}");
        };
        Ok(Some(Elsewhere { context, told: std::sync::Arc::new(told) }))
    }

    #[cfg(not(feature = "cluster"))]
    async fn elsewhere(&self) -> Result<Option<Elsewhere>, NodeError> {
        match &self.config.cluster {
            None => Ok(None),
            Some(_) => Err(NodeError::NoCluster),
        }
    }
}

/// What the roles of a cluster may read of this telemetry store.
#[cfg(feature = "cluster")]
pub(crate) fn readable(telemetry: &crate::store::TelemetryStore) -> Result<cluster::Readable, NodeError> {
    Ok(match telemetry.remote() {
        Some((root, store)) => cluster::Readable::bucket(&root, store)?,
        None => cluster::Readable::files(),
    })
}
