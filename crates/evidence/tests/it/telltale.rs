//! A store that works like the one it wraps, counts what passes, and dies when told: after its death nothing reaches the
//! inner store any more, as after `kill -9`.

use async_trait::async_trait;
use futures::{StreamExt as _, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart, path::Path,
};
use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering::SeqCst},
};

#[derive(Debug)]
pub struct Telltale {
    inner: Arc<dyn ObjectStore>,
    /// Writing calls left before death; negative: immortal.
    left: Arc<AtomicI64>,
    /// Bytes handed to the store.
    pub written: Arc<AtomicU64>,
    /// Largest single payload.
    pub largest: Arc<AtomicU64>,
}

impl Telltale {
    pub fn new(inner: Arc<dyn ObjectStore>, left: Option<i64>) -> Self {
        Self {
            inner,
            left: Arc::new(AtomicI64::new(left.unwrap_or(i64::MAX))),
            written: Arc::default(),
            largest: Arc::default(),
        }
    }
    fn live(&self) -> Result<()> {
        alive(&self.left)
    }
    fn count(&self, payload: &PutPayload) {
        let n = payload.content_length() as u64;
        self.written.fetch_add(n, SeqCst);
        self.largest.fetch_max(n, SeqCst);
    }
}

fn alive(left: &AtomicI64) -> Result<()> {
    if left.fetch_sub(1, SeqCst) > 0 {
        Ok(())
    } else {
        Err(Error::Generic { store: "telltale", source: "the process was killed".into() })
    }
}

impl std::fmt::Display for Telltale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "telltale over {}", self.inner)
    }
}

#[derive(Debug)]
struct Part {
    inner: Box<dyn MultipartUpload>,
    left: Arc<AtomicI64>,
    written: Arc<AtomicU64>,
    largest: Arc<AtomicU64>,
}

#[async_trait]
impl MultipartUpload for Part {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        if let Err(e) = alive(&self.left) {
            return Box::pin(std::future::ready(Err(e)));
        }
        let n = payload.content_length() as u64;
        self.written.fetch_add(n, SeqCst);
        self.largest.fetch_max(n, SeqCst);
        self.inner.put_part(payload)
    }
    async fn complete(&mut self) -> Result<PutResult> {
        alive(&self.left)?;
        self.inner.complete().await
    }
    async fn abort(&mut self) -> Result<()> {
        alive(&self.left)?;
        self.inner.abort().await
    }
}

#[async_trait]
impl ObjectStore for Telltale {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.live()?;
        self.count(&payload);
        self.inner.put_opts(path, payload, options).await
    }
    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.live()?;
        Ok(Box::new(Part {
            inner: self.inner.put_multipart_opts(path, options).await?,
            left: Arc::clone(&self.left),
            written: Arc::clone(&self.written),
            largest: Arc::clone(&self.largest),
        }))
    }
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }
    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let left = Arc::clone(&self.left);
        let living = paths.map(move |path| alive(&left).and(path)).boxed();
        self.inner.delete_stream(living)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.live()?;
        self.inner.copy_opts(from, to, options).await
    }
    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.live()?;
        self.inner.rename_opts(from, to, options).await
    }
}
