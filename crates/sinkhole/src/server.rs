//! A sinkhole that runs: its loops and the thread that writes its log.

use crate::config::Kind;
use crate::log::Log;
use crate::pending::{Batch, Counts, Shared, locked};
use crate::worker::{Desk, Worker};
use crate::{Config, SinkholeError, now, sockets, tls};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use terms::{Place, Timestamp};

/// Milliseconds between two words about the same trouble.
const AGAIN: i64 = 10_000;
/// How often the last batch is tried when a sinkhole stops.
const TRIES: usize = 20;

/// What only the home knows.
pub trait Home: Send + Sync {
    /// The keyed pseudonym of an address in the period of an instant (`p:` and 32 hexadecimal digits).
    fn address(&self, ip: IpAddr, at: Timestamp) -> String;
    /// The keyed pseudonym of a bot's own id (`b:` and 32 hexadecimal digits).
    fn bot(&self, id: &str, at: Timestamp) -> String;
    /// Country and autonomous system number of an address; `Place::UNKNOWN` and 0 where not known.
    fn locate(&self, ip: IpAddr) -> (Place, u32);
    /// Seals bodies that an authority allows to keep, for this home.
    ///
    /// # Errors
    /// In words: then nothing is answered until it works again.
    fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, String>;
    /// Seals addresses of bots to the key for notification, whose other half this process does not hold.
    ///
    /// # Errors
    /// In words: then nothing is answered until it works again. A home without such a key seals nothing.
    fn seal_victims(&self, _plain: &[u8]) -> Result<Vec<u8>, String> {
        Err("this home gave no key for notification".into())
    }
}

/// What an operator is told while a sinkhole runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A kill left bytes behind the last whole batch; they were cut off and kept aside.
    Cut {
        /// The segment.
        path: PathBuf,
        /// Bytes.
        bytes: u64,
        /// Lines among them.
        lines: u64,
    },
    /// A segment ended and can be taken in.
    Closed {
        /// It.
        path: PathBuf,
    },
    /// The log cannot be written: nothing is answered until it can.
    Silent {
        /// Why.
        why: String,
    },
    /// The log is written again.
    Speaking,
    /// The end date has passed: nothing but the declaration is answered from here on.
    Ended {
        /// It.
        until: Timestamp,
    },
    /// The loop of a core has ended in a way that nobody foresaw.
    Lost {
        /// Why.
        why: String,
    },
}

/// A sinkhole that runs.
pub struct Sinkhole {
    shared: Arc<Shared>,
    finish: Arc<AtomicBool>,
    loops: Vec<JoinHandle<()>>,
    writer: JoinHandle<io::Result<()>>,
    addresses: Vec<(Kind, SocketAddr)>,
    folder: PathBuf,
}

impl Sinkhole {
    /// Begins to listen, with its log in `folder`. `told` is called from the sinkhole's own threads.
    ///
    /// # Errors
    /// CMT-1402 after the end date, CMT-1403 where an address cannot be listened on, CMT-1404, CMT-1405 and CMT-1408 about the
    /// log, CMT-1406 about the certificate, CMT-1407 about this machine.
    pub fn start(
        config: Config,
        home: Arc<dyn Home>,
        folder: &Path,
        told: Arc<dyn Fn(Told) + Send + Sync>,
    ) -> Result<Self, SinkholeError> {
        if now() >= config.until.0 {
            return Err(SinkholeError::Ended { id: config.id, until: config.until });
        }
        let names = Arc::new(config.seized()?);
        let log = Log::open(folder, &config, home, told.clone())?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let loops = if config.limits.threads == 0 { cores } else { config.limits.threads };
        let wants_tls = config.listen.iter().any(|l| l.kind == Kind::Tls);
        let tls = if wants_tls { Some(tls::server(&config)?) } else { None };
        let mut parts: Vec<Vec<sockets::Bound>> = (0..loops).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        for (i, listen) in config.listen.iter().enumerate() {
            let bound = sockets::bind(listen, i, loops)?;
            addresses.extend(bound.first().map(|b| (b.kind, b.at)));
            parts.iter_mut().zip(bound).for_each(|(part, bound)| part.push(bound));
        }
        let config = Arc::new(config);
        let shared = Arc::new(Shared::new(loops));
        let finish = Arc::new(AtomicBool::new(false));
        let mut workers = Vec::new();
        for (slot, listeners) in parts.into_iter().enumerate() {
            workers.push(Worker::new(Desk::new(&config, &names, tls.clone(), &shared, slot)?, listeners)?);
        }
        let writer = {
            let writer =
                Writer { log, config, shared: shared.clone(), finish: finish.clone(), told: told.clone() };
            spawn("sinkhole-log", move || writer.run())?
        };
        let mut loops = Vec::new();
        for worker in workers {
            let told = told.clone();
            loops.push(spawn("sinkhole", move || {
                if let Err(e) = worker.run() {
                    told(Told::Lost { why: e.to_string() });
                }
            })?);
        }
        Ok(Self { shared, finish, loops, writer, addresses, folder: folder.to_owned() })
    }

    /// Where it listens, with the ports that were chosen for 0.
    pub fn addresses(&self) -> &[(Kind, SocketAddr)] {
        &self.addresses
    }

    /// Where its log is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How often what happened so far.
    pub fn counts(&self) -> Counts {
        self.shared.counters.now()
    }

    /// Ends the segment of the log, so that it can be taken in.
    pub fn rotate(&self) {
        self.shared.rotate.store(true, Ordering::Relaxed);
        self.shared.wake();
    }

    /// Whether all of its threads still run.
    pub fn runs(&self) -> bool {
        !self.writer.is_finished() && self.loops.iter().all(|l| !l.is_finished())
    }

    /// Stops listening and ends the log.
    ///
    /// # Errors
    /// CMT-1404 where the last hits could not be made durable.
    pub fn stop(self) -> Result<Counts, SinkholeError> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for one in self.loops {
            // A loop that panicked has handed over what it had at the end of each turn.
            let _ = one.join();
        }
        self.finish.store(true, Ordering::Release);
        self.shared.wake();
        let written =
            self.writer.join().unwrap_or_else(|_| Err(io::Error::other("the writing thread ended")));
        written.map_err(|e| SinkholeError::file("ending the log in", &self.folder, e))?;
        Ok(self.shared.counters.now())
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, SinkholeError> {
    std::thread::Builder::new().name(name.into()).spawn(work).map_err(SinkholeError::Begin)
}

struct Writer {
    log: Log,
    config: Arc<Config>,
    shared: Arc<Shared>,
    finish: Arc<AtomicBool>,
    told: Arc<dyn Fn(Told) + Send + Sync>,
}

impl Writer {
    fn run(mut self) -> io::Result<()> {
        let every = Duration::from_millis(self.config.limits.commit_ms);
        let (mut silent, mut ended): (Option<i64>, bool) = (None, false);
        let mut rotate = false;
        loop {
            let finish = self.finish.load(Ordering::Acquire);
            if finish {
                return self.finish();
            }
            let over = !ended && now() >= self.config.until.0;
            // What was asked for while the log could not be written is owed until it can.
            rotate |= self.shared.rotate.swap(false, Ordering::Relaxed) || over;
            match self.commit(rotate) {
                Ok(()) => {
                    rotate = false;
                    if silent.take().is_some() {
                        (self.told)(Told::Speaking);
                    }
                }
                Err(e) => {
                    let at = self.shared.elapsed();
                    if silent.is_none_or(|s| at.saturating_sub(s) >= AGAIN) {
                        silent = Some(at);
                        (self.told)(Told::Silent { why: e.to_string() });
                    }
                }
            }
            if over {
                ended = true;
                (self.told)(Told::Ended { until: self.config.until });
            }
            self.shared.wait(every);
        }
    }

    /// What waits from before comes first; then what was handed over until now.
    fn commit(&mut self, ends: bool) -> io::Result<()> {
        if self.log.waits() {
            self.log.commit(Batch::default(), false)?;
        }
        let at = self.shared.elapsed();
        let batch = self.take();
        self.log.commit(batch, ends)?;
        self.shared.durable(at);
        Ok(())
    }

    fn take(&self) -> Batch {
        let mut all = Batch::default();
        for slot in &self.shared.slots {
            // The lock is held for the taking alone: a loop waits for it.
            let mut batch = std::mem::take(&mut *locked(slot));
            all.append(&mut batch);
        }
        all
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut last = Ok(());
        for _ in 0..TRIES {
            last = self.commit(true);
            if last.is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        last
    }
}
