//! One object on its way into a store, in parts of a fixed size, so that memory stays flat.

use crate::EvidenceError;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload, path::Path};
use std::sync::Arc;

/// Size of every part but the last, in bytes. Stores take at most 10,000 parts: 80 GiB.
pub(crate) const PART: usize = 8 << 20;
/// Most parts.
const MAX_PARTS: usize = 10_000;

pub(crate) struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    held: Vec<u8>,
    parts: usize,
    multipart: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        Self { store, path, held: Vec::new(), parts: 0, multipart: None }
    }

    /// Takes bytes; hands whole parts to the store.
    pub(crate) async fn push(&mut self, bytes: &[u8]) -> Result<(), EvidenceError> {
        self.held.extend_from_slice(bytes);
        while self.held.len() > PART {
            let rest = self.held.split_off(PART);
            let part = std::mem::replace(&mut self.held, rest);
            self.part(part).await?;
        }
        Ok(())
    }

    async fn part(&mut self, bytes: Vec<u8>) -> Result<(), EvidenceError> {
        let told = |e| EvidenceError::store("write", &self.path, &e);
        if self.parts >= MAX_PARTS {
            return Err(EvidenceError::Store {
                act: "write",
                object: self.path.to_string(),
                why: "it is above 80 GiB: split it before ingesting".into(),
            });
        }
        if self.multipart.is_none() {
            self.multipart = Some(self.store.put_multipart(&self.path).await.map_err(told)?);
        }
        if let Some(upload) = &mut self.multipart {
            upload.put_part(PutPayload::from(bytes)).await.map_err(told)?;
            self.parts += 1;
        }
        Ok(())
    }

    /// Hands the last part over; the object exists under its path afterwards.
    pub(crate) async fn finish(&mut self) -> Result<(), EvidenceError> {
        let last = std::mem::take(&mut self.held);
        if self.multipart.is_none() {
            let put = self.store.put(&self.path, PutPayload::from(last)).await;
            return put.map(|_| ()).map_err(|e| EvidenceError::store("write", &self.path, &e));
        }
        self.part(last).await?;
        match self.multipart.take() {
            Some(mut upload) => {
                let done = upload.complete().await;
                done.map(|_| ()).map_err(|e| EvidenceError::store("write", &self.path, &e))
            }
            None => Ok(()),
        }
    }

    /// Gives up: what the store holds of it goes, as far as the store lets it.
    pub(crate) async fn abort(&mut self) {
        if let Some(mut upload) = self.multipart.take() {
            // A part that stays is a temporary object, which `sweep` removes.
            let _ = upload.abort().await;
        }
    }
}
