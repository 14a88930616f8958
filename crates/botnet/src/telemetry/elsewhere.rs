//! The same plans on another engine: a cluster's session, handed in by who connected it.
//!
//! Not every plan can travel. What cannot (a table in memory, a recursive query) is said by name and runs here; a cluster
//! that fails is an error and never a reason to answer from somewhere else.

use super::TelemetryError;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::ListingTable;
use datafusion::datasource::{ViewTable, source_as_provider};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use std::sync::Arc;

/// Is told a statement's name and why it runs here instead.
pub type Told = dyn Fn(&'static str, &str) + Send + Sync;

/// A session whose plans run on other machines.
#[derive(Clone)]
pub struct Elsewhere {
    /// The session.
    pub context: SessionContext,
    /// Is told the statement's name and why it runs here instead.
    pub told: Arc<Told>,
}

impl Elsewhere {
    /// Runs a statement there; false where its plan cannot travel, with nothing taken yet.
    pub(super) async fn each(
        &self,
        name: &'static str,
        sql: &str,
        take: &mut (dyn FnMut(&RecordBatch) -> Result<(), TelemetryError> + Send),
    ) -> Result<bool, TelemetryError> {
        let failed = |source| TelemetryError::Query { name, source: Box::new(source) };
        let frame = self.context.sql(sql).await.map_err(failed)?;
        if let Some(why) = stays(frame.logical_plan()).map_err(failed)? {
            (self.told)(name, &why);
            return Ok(false);
        }
        let mut taken = false;
        let mut stream = match frame.execute_stream().await {
            Ok(stream) => stream,
            Err(e) => return self.unsupported(name, e).map_err(failed),
        };
        while let Some(batch) = stream.next().await {
            match batch {
                Ok(batch) => {
                    taken = true;
                    take(&batch)?;
                }
                Err(e) if !taken => return self.unsupported(name, e).map_err(failed),
                Err(e) => return Err(failed(e)),
            }
        }
        Ok(true)
    }

    /// False for what the other engine does not know how to run; every other error stays one.
    fn unsupported(&self, name: &'static str, e: DataFusionError) -> Result<bool, DataFusionError> {
        match e.find_root() {
            DataFusionError::NotImplemented(why) => {
                (self.told)(name, why);
                Ok(false)
            }
            _ => Err(e),
        }
    }
}

/// Why a plan cannot run on another machine, if it cannot.
fn stays(plan: &LogicalPlan) -> Result<Option<String>, DataFusionError> {
    let mut why = None;
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::RecursiveQuery(_) => why = Some("a recursive query runs in one place".to_owned()),
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source)?;
                let any: &dyn std::any::Any = provider.as_ref();
                if !any.is::<ListingTable>() && !any.is::<ViewTable>() {
                    why = Some(format!("table `{}` is in this process's memory", scan.table_name));
                }
            }
            _ => {}
        }
        Ok(if why.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(why)
}

/// An absent value of a column, in SQL.
pub(super) fn none_of(field: &Field) -> String {
    let kind = match field.data_type() {
        DataType::Boolean => "BOOLEAN",
        DataType::Int32 => "INT",
        DataType::Int64 => "BIGINT",
        DataType::Binary => "BYTEA",
        _ => "VARCHAR",
    };
    format!("CAST(NULL AS {kind}) AS {}", field.name())
}

/// Rows as text, values divided by ` | `, absent ones as `-`.
pub(super) fn shown(batch: &RecordBatch) -> Result<Vec<String>, DataFusionError> {
    let options = FormatOptions::default().with_null("-");
    let columns = batch
        .columns()
        .iter()
        .map(|c| ArrayFormatter::try_new(c.as_ref(), &options))
        .collect::<Result<Vec<_>, _>>()?;
    let row = |i| columns.iter().map(|c| c.value(i).try_to_string()).collect::<Result<Vec<_>, _>>();
    (0..batch.num_rows()).map(|i| Ok(row(i)?.join(" | "))).collect()
}
