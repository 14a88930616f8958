//! Functions of our own in SQL: the same ones wherever a plan runs, embedded or on a cluster.
//!
//! Here: the one list of them, with a version each. Who runs plans registers all of [`scalar`] and [`aggregate`]; two
//! programs run each other's plans only where [`named`] says the same (`cluster` asks at the start).

mod bots;
mod day;

use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;
use std::sync::Arc;

/// Functions of one row: `utc_day`.
pub fn scalar() -> Vec<Arc<ScalarUDF>> {
    vec![Arc::new(ScalarUDF::from(day::UtcDay::new()))]
}

/// Functions of many rows: `bots`.
pub fn aggregate() -> Vec<Arc<AggregateUDF>> {
    vec![Arc::new(AggregateUDF::from(bots::Bots::new()))]
}

/// Every function with the version of its meaning (`utc_day/1`), sorted. A function that means something else gets
/// another number.
pub fn named() -> Vec<String> {
    let mut all: Vec<String> = scalar().iter().map(|f| format!("{}/1", f.name())).collect();
    all.extend(aggregate().iter().map(|f| format!("{}/1", f.name())));
    all.sort_unstable();
    all
}

/// Makes a context know all of them.
pub fn register(context: &SessionContext) {
    for function in scalar() {
        context.register_udf(function.as_ref().clone());
    }
    for function in aggregate() {
        context.register_udaf(function.as_ref().clone());
    }
}

/// Whether a registry knows all of them: what a role asks itself before it serves. Gives those that are missing.
pub fn missing(registry: &dyn FunctionRegistry) -> Vec<String> {
    let (one, many) = (registry.udfs(), registry.udafs());
    named()
        .into_iter()
        .filter(|n| {
            let name = n.split('/').next().unwrap_or_default();
            !one.contains(name) && !many.contains(name)
        })
        .collect()
}
