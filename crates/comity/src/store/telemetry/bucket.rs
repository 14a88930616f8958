//! Telemetry in a bucket of an S3-compatible store.
//!
//! Credentials, region and endpoint are the process's own environment (`AWS_*`), never in the configuration and never in a
//! plan. A file's name ends in the first digits of its SHA-256: to write one again changes nothing.

use crate::store::StoreError;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, path::Path};
use sha2::{Digest as _, Sha256};
use std::str::FromStr as _;
use std::sync::Arc;
use terms::Digest;

/// Part of a bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    name: String,
    prefix: String,
    store: Arc<dyn ObjectStore>,
}

/// What of an environment the store understands (`AWS_REGION` and so on). An endpoint that begins with `http://` is allowed
/// where the environment says so itself (`AWS_ALLOW_HTTP=true`).
pub fn credentials_from(environment: impl IntoIterator<Item = (String, String)>) -> AmazonS3Builder {
    environment.into_iter().fold(AmazonS3Builder::new(), |builder, (name, value)| {
        let key = name.strip_prefix("AWS_").map(|_| name.to_ascii_lowercase());
        match key.and_then(|k| AmazonS3ConfigKey::from_str(&k).ok()) {
            Some(key) => builder.with_config(key, value),
            None => builder,
        }
    })
}

impl Bucket {
    /// The bucket of `s3://bucket/prefix`, with the credentials of this process.
    ///
    /// Errors: CMT-1436 for another URL, or settings that do not fit each other.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let environment =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self::with(url, credentials_from(environment))
    }

    fn with(url: &str, builder: AmazonS3Builder) -> Result<Self, StoreError> {
        let wrong = |why: String| StoreError::Bucket { url: url.to_owned(), why };
        let rest = url.strip_prefix("s3://").unwrap_or_default();
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/').to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if name.is_empty() || !rest.chars().all(plain) || prefix.split('/').any(|p| p == "..") {
            return Err(wrong("it is not s3://BUCKET/PREFIX of letters, digits, `-`, `_` and `.`".into()));
        }
        let store = builder.with_bucket_name(name).build().map_err(|e| wrong(e.to_string()))?;
        Ok(Self { name: name.to_owned(), prefix, store: Arc::new(store) })
    }

    /// `s3://bucket`.
    pub fn root(&self) -> String {
        format!("s3://{}", self.name)
    }

    /// The store that [`Self::root`] stands for.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// The URL of a file of the manifest.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{}", self.root(), self.within(path))
    }

    fn within(&self, path: &str) -> Path {
        Path::from_iter(self.prefix.split('/').chain(path.split('/')).filter(|p| !p.is_empty()))
    }

    fn failed(&self, doing: &'static str, path: &str) -> impl Fn(object_store::Error) -> StoreError {
        let url = self.url(path);
        move |e| StoreError::Object { doing, url: url.clone(), why: e.to_string() }
    }

    /// Writes a file; durable when this returns, as far as the store keeps its word.
    pub async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let put = self.store.put(&self.within(path), PutPayload::from(bytes)).await;
        put.map(|_| ()).map_err(self.failed("writing", path))
    }

    /// Writes a small file unless there is one, and says what stands there now.
    pub async fn put_once(&self, path: &str, bytes: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let at = self.within(path);
        let put = self.store.put_opts(&at, PutPayload::from(bytes.clone()), PutMode::Create.into()).await;
        match put {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => self.read(path).await,
            // A store without conditional writes: two homes that begin in the same moment are not told apart there.
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
                match self.store.head(&at).await {
                    Ok(_) => {}
                    Err(object_store::Error::NotFound { .. }) => self.put(path, bytes).await?,
                    Err(e) => return Err(self.failed("reading", path)(e)),
                }
                self.read(path).await
            }
            Err(e) => Err(self.failed("writing", path)(e)),
        }
    }

    /// Every byte of a file.
    pub async fn read(&self, path: &str) -> Result<Vec<u8>, StoreError> {
        let failed = self.failed("reading", path);
        let got = self.store.get(&self.within(path)).await.map_err(&failed)?;
        Ok(got.bytes().await.map_err(&failed)?.to_vec())
    }

    /// SHA-256 and size of a file.
    pub async fn digest(&self, path: &str) -> Result<(Digest, u64), StoreError> {
        let failed = self.failed("reading", path);
        let got = self.store.get(&self.within(path)).await.map_err(&failed)?;
        let (mut hash, mut size, mut stream) = (Sha256::new(), 0_u64, got.into_stream());
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(&failed)?;
            size += piece.len() as u64;
            hash.update(&piece);
        }
        Ok((Digest(hash.finalize().into()), size))
    }

    /// Takes a file away. What the store itself keeps of earlier versions is for its owner to expire.
    pub async fn delete(&self, path: &str) -> Result<(), StoreError> {
        self.store.delete(&self.within(path)).await.map_err(self.failed("removing", path))
    }

    /// Files under the prefix as rows name them, with their sizes; what does not look like one of ours is passed over, for a
    /// bucket may hold other things.
    pub async fn list(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let prefix = (!self.prefix.is_empty()).then(|| self.within(""));
        let all: Vec<_> =
            self.store.list(prefix.as_ref()).try_collect().await.map_err(self.failed("listing", ""))?;
        let skip = prefix.as_ref().map_or(0, |p| p.parts().count());
        let ours = |location: &Path| {
            let parts: Vec<String> = location.parts().skip(skip).map(|p| p.as_ref().to_owned()).collect();
            let fits = parts.len() == 3 && parts.last().is_some_and(|p| p.ends_with(".parquet"));
            fits.then(|| parts.join("/"))
        };
        Ok(all.iter().filter_map(|o| Some((ours(&o.location)?, o.size))).collect())
    }
}
