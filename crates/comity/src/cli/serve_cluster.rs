//! `comity serve --role scheduler` and `--role executor`: roles of a cluster from this very program.
//!
//! They open no home: telemetry's store is told by the configuration of this user, the environment or a flag, its
//! credentials by the environment alone. Elsewhere: what the roles do (`cluster`).

use super::Done;
#[cfg(feature = "cluster")]
use super::Outcome;
use super::args::{ClusterArgs, ServeRole};
use super::home::Meant;
use super::out::Out;

#[cfg(not(feature = "cluster"))]
pub async fn serve(_: &Meant, _: ServeRole, _: &ClusterArgs, _: &mut Out) -> Done {
    Err(crate::node::error::NodeError::NoCluster.into())
}

#[cfg(feature = "cluster")]
pub use with::serve;

#[cfg(feature = "cluster")]
mod with {
    use super::{ClusterArgs, Done, Meant, Out, Outcome, ServeRole};
    use crate::cli::errors::Fault;
    use crate::node::error::NodeError;
    use crate::node::readable;
    use crate::store::{Sources, TelemetryStore, config};
    use cluster::greeting::Greeting;
    use cluster::{ExecutorOptions, Patience, Reach, SchedulerOptions, execute, schedule};
    use std::net::{Ipv4Addr, SocketAddr};

    /// Where a scheduler listens when nothing is said; executors one port further.
    const PORT: u16 = 50_050;

    /// Serves until it is told to end.
    pub async fn serve(meant: &Meant, role: ServeRole, args: &ClusterArgs, out: &mut Out) -> Done {
        let home = (!meant.dir.as_os_str().is_empty()).then_some(meant.dir.as_path());
        let config = config::load(&Sources::of_process(home, meant.flags.clone()))?.config;
        let telemetry = TelemetryStore::beside(config.telemetry.as_deref())?;
        let readable = readable(&telemetry)?;
        let reach = if args.trusted_network { Reach::TrustedNetwork } else { Reach::Loopback };
        let port = if role == ServeRole::Scheduler { PORT } else { PORT + 1 };
        let at = args.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let ready = |role: &'static str| {
            move |at: SocketAddr| tracing::info!("the {role} listens at {at}; Ctrl-C ends it")
        };
        out.talk(format!("{:?} at {at}", role).to_lowercase());
        let done = match role {
            ServeRole::Scheduler => {
                let options = SchedulerOptions { at, reach, readable, patience: Patience::default() };
                schedule(options, ready("scheduler")).await
            }
            ServeRole::Executor | ServeRole::Sinkhole => {
                let (host, port) = split(&args.scheduler)?;
                let Some(work) = args.work.clone() else {
                    return Err(Fault::usage(
                        "an executor needs a folder of its own for what tasks make",
                        "name one with --work DIR",
                    ));
                };
                let options = ExecutorOptions {
                    at,
                    reach,
                    scheduler: (host, port),
                    cores: args.cores,
                    work,
                    memory: args.memory.saturating_mul(1 << 20),
                    readable,
                    greeting: Greeting::ours(),
                };
                execute(options, ready("executor")).await
            }
        };
        done.map_err(NodeError::from)?;
        Ok(Outcome::Done)
    }

    fn split(scheduler: &str) -> Result<(String, u16), Fault> {
        scheduler
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)))
            .ok_or_else(|| Fault::usage(format!("`{scheduler}` is not HOST:PORT"), "as 127.0.0.1:50050"))
    }
}
