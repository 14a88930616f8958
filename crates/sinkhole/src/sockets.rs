//! Sockets as the loops want them: each core its own, on the same address, never blocking.

use crate::SinkholeError;
use crate::config::{Kind, Listen};
use rustix::fd::{AsFd, OwnedFd};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use std::io::{self, Read, Write};
use std::net::SocketAddr;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;
/// Bytes of datagrams that wait to be read: a burst fits.
const DATAGRAMS: usize = 4 << 20;

/// A listening socket with the address it has.
#[derive(Debug)]
pub(crate) struct Bound {
    pub fd: OwnedFd,
    pub at: SocketAddr,
    pub kind: Kind,
    /// Its place in the configuration.
    pub listen: usize,
}

/// Opens one listener for each loop on the same address (`SO_REUSEPORT`): the kernel spreads what arrives.
pub(crate) fn bind(listen: &Listen, index: usize, loops: usize) -> Result<Vec<Bound>, SinkholeError> {
    let mut at = listen.at;
    (0..loops)
        .map(|_| {
            let fd = one(listen.kind, at).map_err(|e| SinkholeError::Listen {
                at,
                kind: listen.kind.word(),
                source: e,
            })?;
            // Port 0 is chosen once; the other loops share it.
            at = rustix::net::getsockname(&fd).ok().and_then(|a| SocketAddr::try_from(a).ok()).unwrap_or(at);
            Ok(Bound { fd, at, kind: listen.kind, listen: index })
        })
        .collect()
}

fn one(kind: Kind, at: SocketAddr) -> io::Result<OwnedFd> {
    let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let what = if kind.datagrams() { SocketType::DGRAM } else { SocketType::STREAM };
    let fd = rustix::net::socket_with(family, what, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None)?;
    if at.is_ipv6() {
        sockopt::set_ipv6_v6only(&fd, true)?;
    }
    sockopt::set_socket_reuseport(&fd, true)?;
    if kind.datagrams() {
        sockopt::set_socket_recv_buffer_size(&fd, DATAGRAMS)?;
    } else {
        sockopt::set_socket_reuseaddr(&fd, true)?;
    }
    rustix::net::bind(&fd, &at)?;
    if !kind.datagrams() {
        rustix::net::listen(&fd, BACKLOG)?;
    }
    Ok(fd)
}

/// A socket as a reader and writer.
pub(crate) struct Stream<'a>(pub &'a OwnedFd);

impl Read for Stream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (read, _) = rustix::net::recv(self.0.as_fd(), into, RecvFlags::empty())?;
        Ok(read)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self.0.as_fd(), from, SendFlags::NOSIGNAL)?)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
