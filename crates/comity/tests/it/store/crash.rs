//! The sequencer, stopped after every single step of writing.
//!
//! The disk here is a model: a file is written to a temporary name, made durable, renamed, its folder made durable; a
//! power cut keeps what was made durable and may or may not keep the rest. For every step of a small history and for
//! each of the ways in which that step can be cut, it must hold afterwards: every acknowledged leaf stands on the ledger
//! once and in order, the ledger verifies, and what was published once is still published.

use super::databases::{Store, each, sqlite};
use comity::store::{
    Sequencer, SetClock, State, StoreError, commit,
    commit::Batch,
    files::{Disk, Files},
    leaves::{self, NewLeaf},
    writer::{Group, WriteError, Writer},
};
use ed25519_dalek::SigningKey;
use ledger::{
    LedgerError, NoteKey, NoteSigner, checkpoint,
    commitment::Salt,
    log::FileBytes,
    statement::{PredicateType, Statement},
    verify::{Report, Trust, verify_log},
};
use miette::Diagnostic as _;
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, mpsc},
};
use terms::{Digest, Timestamp};

const ORIGIN: &str = "company.example/ledger";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn leaf(n: u32) -> NewLeaf {
    let salt = Salt::from_hex(&"0a".repeat(32)).unwrap();
    let subject = ledger::commit(&salt, &Digest::of(&n.to_le_bytes()));
    let statement =
        Statement::new(vec![subject], PredicateType::Custody, serde_json::json!({ "n": n })).unwrap();
    NewLeaf { id: format!("{n:08}"), body: statement.sign(&key()).unwrap() }
}

/// What the disk does with the step at which the machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The step had no effect.
    Before,
    /// The step took effect and was not durable: gone.
    Lost,
    /// The step took effect and happened to be durable; only its caller never heard.
    Unheard,
}

const CUTS: [Cut; 3] = [Cut::Before, Cut::Lost, Cut::Unheard];

/// A step of writing, as the disk sees it.
enum Step<'a> {
    /// Temporary file and `fsync` of its bytes.
    Temporary,
    /// Rename: visible at once, durable with the folder.
    Rename(&'a str, &'a [u8]),
    /// `fsync` of the folder.
    Folder,
    /// A removal, never made durable.
    Remove(&'a str),
}

#[derive(Debug, Default)]
struct Medium {
    seen: BTreeMap<String, Vec<u8>>,
    durable: BTreeMap<String, Vec<u8>>,
    steps: usize,
    stop: Option<(usize, Cut)>,
    stopped: bool,
}

#[derive(Debug, Clone, Default)]
struct Model(Arc<Mutex<Medium>>);

impl Model {
    fn step(&self, step: Step<'_>) -> io::Result<()> {
        let mut m = self.0.lock().unwrap();
        let cut = || io::Error::other("the machine stopped");
        if m.stopped {
            return Err(cut());
        }
        let stop = m.stop.filter(|(at, _)| *at == m.steps).map(|(_, how)| how);
        m.steps += 1;
        m.stopped = stop.is_some();
        if stop == Some(Cut::Before) {
            return Err(cut());
        }
        match step {
            Step::Temporary => {}
            Step::Rename(path, bytes) => {
                m.seen.insert(path.to_owned(), bytes.to_vec());
            }
            Step::Remove(path) => {
                m.seen.remove(path);
            }
            // The folder's names become durable with all that was renamed in it; removals too, at the disk's leisure.
            Step::Folder if stop != Some(Cut::Lost) => m.durable = m.seen.clone(),
            Step::Folder => {}
        }
        if stop == Some(Cut::Unheard) {
            m.durable = m.seen.clone();
        }
        if stop.is_some() { Err(cut()) } else { Ok(()) }
    }

    fn steps(&self) -> usize {
        self.0.lock().unwrap().steps
    }

    fn stop_at(&self, at: usize, how: Cut) {
        self.0.lock().unwrap().stop = Some((at, how));
    }

    /// The disk as it is after a power cut.
    fn after(&self) -> Self {
        let durable = self.0.lock().unwrap().durable.clone();
        Self(Arc::new(Mutex::new(Medium { seen: durable.clone(), durable, ..Medium::default() })))
    }
}

impl Files for Model {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let m = self.0.lock().unwrap();
        if m.stopped { Err(io::Error::other("the machine stopped")) } else { Ok(m.seen.get(path).cloned()) }
    }
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(Step::Temporary)?;
        self.step(Step::Rename(path, bytes))?;
        self.step(Step::Folder)
    }
    /// As a disk does it: all temporary files, each rename, then the folders.
    fn write_all(&self, all: &[FileBytes]) -> io::Result<()> {
        self.step(Step::Temporary)?;
        all.iter().try_for_each(|f| self.step(Step::Rename(&f.path, &f.bytes)))?;
        self.step(Step::Folder)
    }
    fn tiles(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().seen.keys().filter(|p| p.starts_with("tile/")).cloned().collect())
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.step(Step::Remove(path))
    }
    fn place(&self) -> String {
        "model".to_owned()
    }
}

fn sequencer(state: &State, files: Arc<dyn Files>, holder: &str, clock: &Arc<SetClock>) -> Sequencer {
    let signer = NoteSigner::new(ORIGIN, key()).unwrap();
    Sequencer::new(state.clone(), files, signer, &[], clock.clone(), holder)
}

fn verify(files: &dyn Files) -> Report {
    let keys = [NoteKey::new(ORIGIN, key().verifying_key()).unwrap()];
    let id = ledger::dsse::keyid(&key().verifying_key());
    let resolve = |k: &str| (k == id).then(|| key().verifying_key());
    let trust = Trust { origin: ORIGIN, keys: &keys, witnesses: &[], demanded: 0, resolve: &resolve };
    verify_log(&|path| files.read(path), &trust, None).unwrap()
}

async fn queue(state: &State, all: &[NewLeaf], numbers: std::ops::Range<u32>) {
    let leaves = numbers.map(|n| all[n as usize].clone()).collect();
    commit(state, &Batch { leaves, ..Batch::default() }, Timestamp(1)).await.unwrap();
}

/// The history: three commits, the second crossing a full tile of 256 leaves, the ledger following after each.
const HISTORY: [std::ops::Range<u32>; 3] = [0..2, 2..258, 258..261];

async fn history(state: &State, all: &[NewLeaf], sequencer: &Sequencer) -> Result<(), StoreError> {
    for numbers in HISTORY {
        queue(state, all, numbers).await;
        sequencer.run().await?;
    }
    Ok(())
}

/// Every acknowledged leaf stands on the ledger once, in order.
async fn whole(state: &State, files: &dyn Files, all: &[NewLeaf], acknowledged: u32) {
    let report = verify(files);
    assert_eq!(report.head.size, u64::from(acknowledged));
    let mut conn = state.read().await.unwrap();
    let placed = leaves::placed_from(&mut conn, 0, 1000).await.unwrap();
    assert_eq!(placed.len(), acknowledged as usize);
    let mut log = ledger::Log::empty(ORIGIN).unwrap();
    for (n, kept) in placed.iter().enumerate() {
        assert_eq!((kept.place, &kept.id), (Some(n as u64), &all[n].id));
        assert!(kept.published_at.is_some());
    }
    let bodies: Vec<_> = placed.iter().map(|l| &l.body).collect();
    log = log.append(&bodies).unwrap().log;
    assert_eq!(log.head(), report.head);
    let count = leaves::count(&mut conn).await.unwrap();
    assert_eq!((count.waiting, count.placed, count.published), (0, 0, u64::from(acknowledged)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_any_step_loses_nothing_acknowledged() {
    let all: Arc<Vec<NewLeaf>> = Arc::new((0..261).map(leaf).collect());
    let clock = Arc::new(SetClock::new(Timestamp(0)));
    let Store { state, folder: _kept, .. } = sqlite().await;
    let model = Model::default();
    history(&state, &all, &sequencer(&state, Arc::new(model.clone()), "home", &clock)).await.unwrap();
    whole(&state, &model, &all, 261).await;
    let steps = model.steps();
    assert!(steps > 25, "{steps} steps");
    for at in 0..steps {
        for how in CUTS {
            let all = all.clone();
            cut_short(&all, &clock, at, how).await;
        }
    }
}

async fn cut_short(all: &[NewLeaf], clock: &Arc<SetClock>, at: usize, how: Cut) {
    let Store { state, folder: _kept, .. } = sqlite().await;
    let model = Model::default();
    model.stop_at(at, how);
    let before = history(&state, all, &sequencer(&state, Arc::new(model.clone()), "home", clock)).await;
    // A removal that fails is not worth stopping for; every other cut is told.
    if let Err(error) = &before {
        assert!(matches!(error, StoreError::Io { .. }), "{at} {how:?}: {error}");
    }
    let mut conn = state.read().await.unwrap();
    let count = leaves::count(&mut conn).await.unwrap();
    drop(conn);
    let acknowledged = count.waiting + count.placed + count.published;
    let after = model.after();
    // What was published is published still, and verifies, before anything is mended.
    if count.published > 0 {
        assert!(verify(&after).head.size >= count.published, "{at} {how:?}");
    }
    let again = sequencer(&state, Arc::new(after.clone()), "home", clock);
    again.run().await.unwrap().unwrap();
    whole(&state, &after, all, u32::try_from(acknowledged).unwrap()).await;
    // And it goes on as if nothing had been.
    let next = u32::try_from(acknowledged).unwrap();
    queue(&state, all, next..261).await;
    again.run().await.unwrap();
    whole(&state, &after, all, 261).await;
    state.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequencer_whose_lease_was_taken_writes_nothing_more() {
    each(|Store { state, .. }| async move {
        let all: Vec<NewLeaf> = (0..4).map(leaf).collect();
        let clock = Arc::new(SetClock::new(Timestamp(0)));
        let model = Model::default();
        let files: Arc<dyn Files> = Arc::new(model.clone());
        queue(&state, &all, 0..2).await;
        // The first stops before its checkpoint and keeps the lease.
        let broken = Model::default();
        broken.stop_at(1, Cut::Before);
        let stopped = sequencer(&state, Arc::new(broken), "one", &clock);
        assert!(stopped.run().await.is_err());
        let other = sequencer(&state, files.clone(), "two", &clock);
        assert_eq!(other.run().await.unwrap(), None, "the lease of the first lasts");
        clock.advance(31_000_000);
        assert_eq!(other.run().await.unwrap().unwrap().written, 2);
        whole(&state, &model, &all, 2).await;
        // Many at once: nobody forks the ledger.
        let runs = (0..6).map(|n| {
            let (state, files, clock) = (state.clone(), files.clone(), clock.clone());
            let leaf = all[2].clone();
            tokio::spawn(async move {
                if n == 0 {
                    commit(&state, &Batch { leaves: vec![leaf], ..Batch::default() }, Timestamp(1))
                        .await
                        .unwrap();
                }
                sequencer(&state, files, &format!("n{n}"), &clock).run().await
            })
        });
        for run in runs.collect::<Vec<_>>() {
            let run = run.await.unwrap();
            assert!(matches!(run, Ok(_) | Err(StoreError::Fenced { .. })), "{run:?}");
        }
        other.run().await.unwrap().unwrap();
        whole(&state, &model, &all, 3).await;
    })
    .await;
}

/// A folder in which somebody else's checkpoint appears while tiles are being written.
#[derive(Debug)]
struct Meddled {
    inner: Model,
    checkpoint: Vec<u8>,
}

impl Files for Meddled {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.inner.read(path)
    }
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        assert_ne!(path, "checkpoint", "it overwrites what another signed");
        self.inner.write("checkpoint", &self.checkpoint)?;
        self.inner.write(path, bytes)
    }
    fn tiles(&self) -> io::Result<Vec<String>> {
        self.inner.tiles()
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)
    }
    fn place(&self) -> String {
        self.inner.place()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_changed_meanwhile_is_not_overwritten() {
    let all: Vec<NewLeaf> = (0..3).map(leaf).collect();
    let clock = Arc::new(SetClock::new(Timestamp(0)));
    let elsewhere = sqlite().await;
    let other = Model::default();
    queue(&elsewhere.state, &all, 0..3).await;
    sequencer(&elsewhere.state, Arc::new(other.clone()), "other", &clock).run().await.unwrap();
    let checkpoint = other.read("checkpoint").unwrap().unwrap();
    let Store { state, folder: _kept, .. } = sqlite().await;
    queue(&state, &all, 0..2).await;
    let files = Meddled { inner: Model::default(), checkpoint };
    let refused = sequencer(&state, Arc::new(files), "home", &clock).run().await.unwrap_err();
    assert_eq!(refused.code().unwrap().to_string(), "CMT-1016", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ledger_and_state_of_different_days_are_refused() {
    each(|Store { state, folder, .. }| async move {
        let all: Vec<NewLeaf> = (0..6).map(leaf).collect();
        let clock = Arc::new(SetClock::new(Timestamp(0)));
        let old = folder.path().join("old");
        let new = folder.path().join("new");
        std::fs::create_dir(&old).unwrap();
        std::fs::create_dir(&new).unwrap();
        let on = |path| -> Arc<dyn Files> { Arc::new(Disk::new(path).unwrap()) };
        queue(&state, &all, 0..3).await;
        sequencer(&state, on(&new), "home", &clock).run().await.unwrap();
        // An empty ledger under a state store that published: refused, and nothing is written.
        let behind = sequencer(&state, on(&old), "home", &clock);
        let refused = behind.run().await.unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-1017", "{refused}");
        assert_eq!(std::fs::read_dir(&old).unwrap().count(), 0);
        // A person decides to write it again: the same bytes at the same places.
        queue(&state, &all, 3..5).await;
        assert_eq!(behind.write_again().await.unwrap().unwrap().written, 5);
        let both = sequencer(&state, on(&new), "home", &clock);
        assert_eq!(both.run().await.unwrap_err().code().unwrap().to_string(), "CMT-1017");
        assert_eq!(both.write_again().await.unwrap().unwrap().head, behind.head().await.unwrap());
        whole(&state, &Disk::new(&new).unwrap(), &all, 5).await;
        assert_eq!(
            std::fs::read(new.join("checkpoint")).unwrap(),
            std::fs::read(old.join("checkpoint")).unwrap()
        );

        // A ledger that knows more than the state store.
        let fresh = sqlite().await;
        let ahead = sequencer(&fresh.state, on(&new), "home", &clock);
        assert_eq!(ahead.run().await.unwrap_err().code().unwrap().to_string(), "CMT-1017");
        // A checkpoint of somebody else.
        let stranger = NoteSigner::new(ORIGIN, SigningKey::from_bytes(&[8; 32])).unwrap();
        let other = Sequencer::new(state.clone(), on(&new), stranger, &[], clock.clone(), "home");
        assert_eq!(other.run().await.unwrap_err().code().unwrap().to_string(), "CMT-1018");
        // The same key's successor knows it as its predecessor.
        let next = NoteSigner::new(ORIGIN, SigningKey::from_bytes(&[8; 32])).unwrap();
        let earlier = [NoteKey::new(ORIGIN, key().verifying_key()).unwrap()];
        let rotated = Sequencer::new(state.clone(), on(&new), next, &earlier, clock.clone(), "home");
        assert_eq!(rotated.run().await.unwrap().unwrap().written, 0);
    })
    .await;
}

/// More leaves than one step takes, on a real folder.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_backlog_is_written_in_steps() {
    let Store { state, folder, .. } = sqlite().await;
    let all: Vec<NewLeaf> = (0..700).map(leaf).collect();
    let clock = Arc::new(SetClock::new(Timestamp(0)));
    queue(&state, &all, 0..700).await;
    let disk = Arc::new(Disk::new(folder.path()).unwrap());
    let published = sequencer(&state, disk.clone(), "home", &clock).run().await.unwrap().unwrap();
    assert_eq!((published.written, published.head.size), (700, 700));
    whole(&state, &*disk, &all, 700).await;
}

/// A folder whose writer falls asleep before its tiles are written, until it is woken.
#[derive(Debug)]
struct Sleepy {
    inner: Model,
    asleep: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>,
}

impl Files for Sleepy {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.inner.read(path)
    }
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.inner.write(path, bytes)
    }
    fn write_all(&self, all: &[FileBytes]) -> io::Result<()> {
        let sleep = self.asleep.lock().unwrap().take();
        if let Some((falls_asleep, woken)) = sleep {
            falls_asleep.send(()).unwrap();
            woken.recv().unwrap();
        }
        self.inner.write_all(all)
    }
    fn tiles(&self) -> io::Result<Vec<String>> {
        self.inner.tiles()
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)
    }
    fn place(&self) -> String {
        self.inner.place()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_slept_through_its_lease_cannot_pass() {
    each(|Store { state, .. }| async move {
        let all: Vec<NewLeaf> = (0..300).map(leaf).collect();
        let clock = Arc::new(SetClock::new(Timestamp(0)));
        let model = Model::default();
        queue(&state, &all, 0..2).await;
        sequencer(&state, Arc::new(model.clone()), "one", &clock).run().await.unwrap();
        // It has its places and falls asleep over its tiles.
        queue(&state, &all, 2..5).await;
        let ((asleep, sleeps), (wake, woken)) = (mpsc::channel(), mpsc::channel());
        let sleepy = Sleepy { inner: model.clone(), asleep: Mutex::new(Some((asleep, woken))) };
        let late = sequencer(&state, Arc::new(sleepy), "one", &clock);
        let late = tokio::spawn(async move { late.run().await });
        tokio::task::spawn_blocking(move || sleeps.recv().unwrap()).await.unwrap();
        // Another waits for the lease to run out, writes those leaves and many more, over the edge of a tile.
        let other = sequencer(&state, Arc::new(model.clone()), "two", &clock);
        assert_eq!(other.run().await.unwrap(), None, "the lease lasts");
        clock.advance(31_000_000);
        queue(&state, &all, 5..300).await;
        assert_eq!(other.run().await.unwrap().unwrap().written, 298);
        let signed = model.read("checkpoint").unwrap();
        // The sleeper wakes: its tiles hold the same bytes, its checkpoint is refused.
        wake.send(()).unwrap();
        let refused = late.await.unwrap().unwrap_err();
        assert_eq!(refused.code().unwrap().to_string(), "CMT-1016", "{refused}");
        assert_eq!(model.read("checkpoint").unwrap(), signed);
        whole(&state, &model, &all, 300).await;
    })
    .await;
}

#[test]
fn one_process_at_a_time_holds_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Disk::new(folder.path()).unwrap(), Disk::new(folder.path()).unwrap());
    let held = one.hold().unwrap();
    let (told, hears) = mpsc::channel();
    let waits = std::thread::spawn(move || {
        let _held = two.hold().unwrap();
        told.send(()).unwrap();
    });
    assert!(hears.recv_timeout(std::time::Duration::from_millis(200)).is_err(), "it waits");
    drop(held);
    hears.recv().unwrap();
    waits.join().unwrap();
}

fn writer(files: Arc<dyn Files>) -> Result<Writer, WriteError> {
    Writer::open(files, NoteSigner::new(ORIGIN, key()).unwrap(), &[])
}

/// Appends in groups; which leaves were answered, each with its place. `groups` gives how many are sent together.
fn in_groups(files: &Model, all: &[NewLeaf], groups: &[usize]) -> Result<BTreeMap<u64, usize>, WriteError> {
    let writer = writer(Arc::new(files.clone()))?;
    let start = writer.log().size();
    let (group, thread) = Group::begin(writer).unwrap();
    let mut placed = BTreeMap::new();
    let mut next = usize::try_from(start).unwrap();
    for n in groups {
        let sent: Vec<_> = (next..next + n).map(|i| (i, group.send(all[i].body.clone()).unwrap())).collect();
        next += n;
        for (i, answer) in sent {
            if let Ok(at) = answer.blocking_recv().unwrap() {
                let keys = [NoteKey::new(ORIGIN, key().verifying_key()).unwrap()];
                let head = checkpoint::open(&at.checkpoint, ORIGIN, &keys).unwrap();
                assert!(at.index < head.head().size);
                placed.insert(at.index, i);
            }
        }
    }
    drop(group);
    thread.join().unwrap();
    Ok(placed)
}

#[test]
fn a_power_cut_at_any_step_of_a_group_commit_loses_no_answer() {
    let all: Vec<NewLeaf> = (0..300).map(leaf).collect();
    let groups = [2, 255, 1, 20];
    let model = Model::default();
    assert_eq!(in_groups(&model, &all, &groups).unwrap().len(), 278);
    let steps = model.steps();
    for at in 0..steps {
        for how in CUTS {
            let model = Model::default();
            model.stop_at(at, how);
            let Ok(answered) = in_groups(&model, &all, &groups) else { panic!("an empty folder opens") };
            let after = model.after();
            // What was answered stands at its place; the log goes on from the durable checkpoint.
            let open = writer(Arc::new(after.clone())).unwrap();
            let head = open.log().head();
            for (place, i) in &answered {
                let found = ledger::proof::read_leaf(&|p| after.read(p), &head, *place).unwrap();
                assert_eq!(found, all[*i].body, "{at} {how:?}");
            }
            drop(open);
            // Other leaves come in the place of those that nobody was told of.
            let left: Vec<NewLeaf> = all.iter().rev().cloned().collect();
            let more = in_groups(&after, &left, &[3, 2]).unwrap();
            assert_eq!(more.len(), 5, "{at} {how:?}");
            assert_eq!(verify(&after).head.size, head.size + 5, "{at} {how:?}");
        }
    }
}

/// A disk that is full for a while.
#[derive(Debug)]
struct Full {
    inner: Model,
    full: Mutex<Option<&'static str>>,
}

impl Files for Full {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.inner.read(path)
    }
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        match *self.full.lock().unwrap() {
            Some(what) if path.contains(what) => Err(io::Error::from(io::ErrorKind::StorageFull)),
            _ => self.inner.write(path, bytes),
        }
    }
    fn tiles(&self) -> io::Result<Vec<String>> {
        self.inner.tiles()
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.inner.remove(path)
    }
    fn place(&self) -> String {
        self.inner.place()
    }
}

#[test]
fn a_full_disk_costs_its_batch_only_and_a_checkpoint_in_doubt_stops_the_writer() {
    let all: Vec<NewLeaf> = (0..12).map(leaf).collect();
    let files = Arc::new(Full { inner: Model::default(), full: Mutex::default() });
    let (group, thread) = Group::begin(writer(files.clone()).unwrap()).unwrap();
    let send = |i: usize| group.send(all[i].body.clone()).unwrap().blocking_recv().unwrap();
    assert_eq!(send(0).unwrap().index, 0);
    *files.full.lock().unwrap() = Some("tile/0");
    assert!(matches!(send(1), Err(WriteError::File { kind: io::ErrorKind::StorageFull, .. })));
    assert_eq!(files.tiles().unwrap(), ["tile/0/000.p/1", "tile/entries/000.p/1"], "nothing of it is left");
    *files.full.lock().unwrap() = None;
    assert_eq!(send(2).unwrap().index, 1);
    assert!(matches!(group.send(vec![0; 65_536]), Err(WriteError::Ledger(LedgerError::LeafTooLarge { .. }))));
    *files.full.lock().unwrap() = Some("checkpoint");
    assert!(send(3).is_err());
    *files.full.lock().unwrap() = None;
    assert!(matches!(send(4), Err(WriteError::Stopped(_))), "it is in doubt which checkpoint stands");
    drop(group);
    thread.join().unwrap();
    assert_eq!(verify(&files.inner).head.size, 2);
    // Opened anew, it knows.
    assert_eq!(in_groups(&files.inner, &all, &[1]).unwrap().len(), 1);
    assert_eq!(verify(&files.inner).head.size, 3);
}

/// A figure, not a test: the SQL outbox, from commit to published, with the disk's own `fsync`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run by hand with --ignored --nocapture"]
async fn how_fast_the_outbox_is() {
    each(|Store { state, folder, .. }| async move {
        const LEAVES: u32 = 20_000;
        const TOGETHER: u32 = 500;
        let all: Vec<NewLeaf> = (0..LEAVES).map(leaf).collect();
        let clock = Arc::new(SetClock::new(Timestamp(0)));
        let start = std::time::Instant::now();
        for first in (0..LEAVES).step_by(TOGETHER as usize) {
            queue(&state, &all, first..first + TOGETHER).await;
        }
        let queued = start.elapsed();
        let ledger = folder.path().join("figures");
        std::fs::create_dir(&ledger).unwrap();
        let start = std::time::Instant::now();
        let sequencer = sequencer(&state, Arc::new(Disk::new(&ledger).unwrap()), "home", &clock);
        assert_eq!(sequencer.run().await.unwrap().unwrap().written, u64::from(LEAVES));
        let rate = |t: std::time::Duration| f64::from(LEAVES) / t.as_secs_f64();
        println!(
            "{:?}: {LEAVES} leaves queued, {TOGETHER} a transaction, {:.0}/s; placed, written and published {:.0}/s",
            state.backend(), rate(queued), rate(start.elapsed())
        );
    })
    .await;
}
