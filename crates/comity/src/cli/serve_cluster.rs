//! `comity serve --role scheduler` and `--role executor`: roles of a cluster from this very program.
//!
//! They open no home: telemetry's store is told by the configuration of this user, the environment or a flag, its
//! credentials by the environment alone. Elsewhere: what the roles do (`cluster`).

use super::Done;
#[cfg(feature = "cluster")]
use super::Outcome;
use super::args::ClusterArgs;
use super::home::Meant;
use super::out::Out;

#[cfg(not(feature = "cluster"))]
pub async fn scheduler(_: &Meant, _: &ClusterArgs, _: &mut Out) -> Done {
    Err(crate::node::error::NodeError::NoCluster.into())
}

#[cfg(not(feature = "cluster"))]
pub use scheduler as executor;

#[cfg(feature = "cluster")]
pub use with::{executor, scheduler};

#[cfg(feature = "cluster")]
mod with {
    use super::{ClusterArgs, Done, Meant, Out, Outcome};
    use crate::cli::errors::Fault;
    use crate::node::error::NodeError;
    use crate::node::readable;
    use crate::store::{Sources, TelemetryStore, config};
    use cluster::greeting::Greeting;
    use cluster::{ExecutorOptions, Patience, Reach, Readable, SchedulerOptions, execute, schedule};
    use std::net::{Ipv4Addr, SocketAddr};

    /// Where a scheduler listens when nothing is said; executors one port further.
    const PORT: u16 = 50_050;

    /// Plans and hands out tasks until it is told to end.
    pub async fn scheduler(meant: &Meant, args: &ClusterArgs, out: &mut Out) -> Done {
        let (readable, at) = (telemetry(meant)?, listen(args, PORT));
        out.talk(format!("scheduler at {at}"));
        let options = SchedulerOptions { at, reach: reach(args), readable, patience: Patience::default() };
        schedule(options, |at| ready("scheduler", at)).await.map_err(NodeError::from)?;
        Ok(Outcome::Done)
    }

    /// Works for a scheduler until it is told to end.
    pub async fn executor(meant: &Meant, args: &ClusterArgs, out: &mut Out) -> Done {
        let (readable, at) = (telemetry(meant)?, listen(args, PORT + 1));
        let scheduler = split(&args.scheduler)?;
        let work = args.work.clone().ok_or_else(|| {
            Fault::usage(
                "an executor needs a folder of its own for what tasks make",
                "name one with --work DIR",
            )
        })?;
        out.talk(format!("executor at {at}"));
        let options = ExecutorOptions {
            at,
            reach: reach(args),
            scheduler,
            cores: args.cores,
            work,
            memory: args.memory.saturating_mul(1 << 20),
            readable,
            greeting: Greeting::ours(),
        };
        execute(options, |at| ready("executor", at)).await.map_err(NodeError::from)?;
        Ok(Outcome::Done)
    }

    /// What the role may read: telemetry's store as it is configured beside the home.
    fn telemetry(meant: &Meant) -> Result<Readable, Fault> {
        let home = (!meant.dir.as_os_str().is_empty()).then_some(meant.dir.as_path());
        let config = config::load(&Sources::of_process(home, meant.flags.clone()))?.config;
        Ok(readable(&TelemetryStore::beside(config.telemetry.as_deref())?)?)
    }

    fn listen(args: &ClusterArgs, port: u16) -> SocketAddr {
        args.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    fn reach(args: &ClusterArgs) -> Reach {
        if args.trusted_network { Reach::TrustedNetwork } else { Reach::Loopback }
    }

    fn ready(role: &str, at: SocketAddr) {
        tracing::info!("the {role} listens at {at}; Ctrl-C ends it");
    }

    fn split(scheduler: &str) -> Result<(String, u16), Fault> {
        scheduler
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)))
            .ok_or_else(|| Fault::usage(format!("`{scheduler}` is not HOST:PORT"), "as 127.0.0.1:50050"))
    }
}
