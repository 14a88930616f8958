//! Sealing a large exhibit holds little of it: what was read and not yet handed to the store stays below a bound.

use crate::telltale::Telltale;
use evidence::{MemoryKeystore, StoreIsDurable, Vault};
use object_store::memory::InMemory;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, ReadBuf};

const SIZE: u64 = 64 << 20;

/// Gives `left` bytes and notes how far reading ran ahead of the store, and the largest buffer it was asked to fill.
struct Counting {
    left: u64,
    read: u64,
    written: Arc<AtomicU64>,
    ahead: Arc<AtomicU64>,
    asked: Arc<AtomicU64>,
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.asked.fetch_max(buffer.remaining() as u64, SeqCst);
        let n = self.left.min(buffer.remaining() as u64);
        let filled = usize::try_from(n).unwrap();
        buffer.initialize_unfilled_to(filled).fill(7);
        buffer.advance(filled);
        self.left -= n;
        self.read += n;
        self.ahead.fetch_max(self.read.saturating_sub(self.written.load(SeqCst)), SeqCst);
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn sealing_64_mib_keeps_memory_flat() {
    let store = Telltale::new(Arc::new(InMemory::new()), None);
    let (written, largest) = (Arc::clone(&store.written), Arc::clone(&store.largest));
    let vault = Vault::new(Arc::new(store), Arc::new(MemoryKeystore::new()), Arc::new(StoreIsDurable));
    let (ahead, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let input = Counting {
        left: SIZE,
        read: 0,
        written: Arc::clone(&written),
        ahead: Arc::clone(&ahead),
        asked: Arc::clone(&asked),
    };
    let sealed = vault.seal(input).await.unwrap();
    assert_eq!(sealed.size, SIZE);
    assert!(written.load(SeqCst) > SIZE);
    assert_eq!(largest.load(SeqCst), 8 << 20, "one part");
    assert!(ahead.load(SeqCst) <= (8 << 20) + (256 << 10), "{} bytes were held", ahead.load(SeqCst));
    assert!(asked.load(SeqCst) <= 64 << 10);
    assert_eq!(vault.check(&sealed.id).await.unwrap().size, SIZE);
}
