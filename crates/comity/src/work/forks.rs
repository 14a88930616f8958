//! The process that forks children: started once, it has read what every child needs and then only forks.
//!
//! Why: to start a program of this size costs more than to examine most exhibits, and each child would read the built-in
//! rules and descriptions anew. Here they are read once; a child begins with them. The forking process never sees a byte
//! of an exhibit: on its socket comes one byte for each child, with the child's three file descriptors, and back goes the
//! child's number. The child is a child of the node itself (`CLONE_PARENT`), which stops it and learns how it ended.
//! Where it cannot be had, [`super::pool`] starts each child as a program of its own.

use super::pool::{Process, Ready};
use super::{child, sandbox};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::process::Pid;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The hidden argument that makes a child the one that forks the others.
pub const ARGUMENT: &str = "--forks";
/// How long the forking process may take for one child.
const PATIENCE: Duration = Duration::from_secs(20);

/// The node's side: the forking process and its socket.
pub(super) struct Forks {
    process: Child,
    control: UnixStream,
}

impl Drop for Forks {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Forks {
    /// Starts it: `command` is a child's, without its streams.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let (control, theirs) = UnixStream::pair()?;
        control.set_read_timeout(Some(PATIENCE))?;
        let process = command
            .arg(ARGUMENT)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { process, control })
    }

    /// A child that waits for its exhibit.
    pub(super) fn fork(&mut self) -> io::Result<Ready> {
        let (control, theirs) = UnixStream::pair()?;
        let (stdout, out) = io::pipe()?;
        let (stderr, err) = io::pipe()?;
        let fds = [theirs.as_fd(), out.as_fd(), err.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(io::Error::other("no room for file descriptors"));
        }
        sendmsg(&self.control, &[IoSlice::new(b"f")], &mut ancillary, SendFlags::NOSIGNAL)?;
        let mut number = [0u8; 4];
        self.control.read_exact(&mut number)?;
        let pid = Pid::from_raw(i32::from_le_bytes(number))
            .ok_or_else(|| io::Error::other("the forking process could not fork"))?;
        Ok(Ready {
            process: Process::Forked(pid),
            control,
            stdout: Some(File::from(OwnedFd::from(stdout))),
            stderr: Some(File::from(OwnedFd::from(stderr))),
            over: false,
        })
    }
}

/// The forking process: until its parent is gone, a child for each request. Returns in it and in every child it forked,
/// there with `true`, and with the child's streams in place.
pub(super) fn serve() -> io::Result<bool> {
    malware::warm();
    sandbox::prepare();
    while let Some(streams) = receive()? {
        match fork()? {
            Forked::Child => return streams.take().map(|()| true),
            Forked::Parent(number) => {
                rustix::io::retry_on_intr(|| {
                    rustix::io::write(rustix::stdio::stdin(), &number.to_le_bytes())
                })?;
            }
        }
    }
    Ok(false)
}

/// A child's three streams, still under other numbers.
struct Streams {
    control: OwnedFd,
    out: OwnedFd,
    err: OwnedFd,
}

impl Streams {
    /// Puts them where a child has them; the socket of the forking process is closed by that.
    fn take(self) -> io::Result<()> {
        rustix::stdio::dup2_stdin(self.control)?;
        rustix::stdio::dup2_stdout(self.out)?;
        rustix::stdio::dup2_stderr(self.err)?;
        Ok(())
    }
}

fn receive() -> io::Result<Option<Streams>> {
    let mut byte = [0u8; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let parts = &mut [IoSliceMut::new(&mut byte)];
    let got = rustix::io::retry_on_intr(|| {
        recvmsg(rustix::stdio::stdin(), parts, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    if got.bytes == 0 {
        return Ok(None);
    }
    let mut fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let mut fds = fds.next().into_iter().flatten();
    match (fds.next(), fds.next(), fds.next()) {
        (Some(control), Some(out), Some(err)) => Ok(Some(Streams { control, out, err })),
        _ => Err(io::Error::other("a request for a child came without its streams")),
    }
}

enum Forked {
    Child,
    /// With the child's number, or 0 where the kernel refused.
    Parent(i32),
}

/// A copy of this process, as another child of its parent.
#[expect(unsafe_code, reason = "no safe interface forks; this process has one thread, so the copy is whole")]
fn fork() -> io::Result<Forked> {
    let alone = std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1);
    if !alone {
        return Err(io::Error::other("a process with several threads is not forked"));
    }
    let flags = libc::c_long::from(libc::CLONE_PARENT | libc::SIGCHLD);
    let none: libc::c_long = 0;
    // SAFETY: without CLONE_VM the copy has its own memory and goes on at this line; there is no other thread that could
    // hold a lock which nobody would give back (checked above). The null pointers ask for no stack and no numbers.
    let number = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) };
    Ok(match i32::try_from(number) {
        Ok(0) => Forked::Child,
        Ok(number) if number > 0 => Forked::Parent(number),
        _ => Forked::Parent(0),
    })
}

/// Whether this process was asked to fork others.
pub(super) fn asked(arguments: &[String]) -> bool {
    arguments.iter().any(|a| a == ARGUMENT)
}

/// A child's command, without its streams.
pub(super) fn command(program: &std::path::Path, unconfined: bool) -> Command {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(program);
    // A group of its own: a person's interrupt is for the node, which then stops its children itself.
    command.arg(child::ARGUMENT).env_clear().current_dir("/").process_group(0);
    if unconfined {
        command.arg(child::UNCONFINED);
    }
    command
}
