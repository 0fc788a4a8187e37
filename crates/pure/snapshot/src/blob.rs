//! Contents of members, shared and interned.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The content of members, numbered in the order of first insertion. Equal contents of one [`crate::Snapshot`] have equal ids:
/// parse a text once per id, not once per path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub u32);

/// Bytes of a member; cloning shares them.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob {
    id: BlobId,
    bytes: Arc<[u8]>,
}

impl Blob {
    /// The content's number within its snapshot.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text, if the bytes are UTF-8.
    ///
    /// # Errors
    /// Where they are not: the offset of the first bad byte.
    pub fn text(&self) -> Result<&str, usize> {
        std::str::from_utf8(&self.bytes).map_err(|error| error.valid_up_to())
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({}, {} bytes)", self.id.0, self.bytes.len())
    }
}

/// Every distinct content once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    ids: HashMap<Arc<[u8]>, BlobId>,
    blobs: Vec<Blob>,
}

impl Store {
    pub(crate) fn intern(&mut self, bytes: Vec<u8>) -> Blob {
        if let Some(blob) = self.ids.get(bytes.as_slice()).and_then(|id| self.get(*id)) {
            return blob.clone();
        }
        let bytes: Arc<[u8]> = bytes.into();
        // More than u32::MAX distinct contents would need more files than any limit allows.
        let id = BlobId(u32::try_from(self.blobs.len()).unwrap_or(u32::MAX));
        let blob = Blob {
            id,
            bytes: Arc::clone(&bytes),
        };
        self.ids.insert(bytes, id);
        self.blobs.push(blob.clone());
        blob
    }

    /// Numbers the contents anew in the order in which they are given, and forgets those that are not.
    pub(crate) fn renumber<'a>(&mut self, used: impl Iterator<Item = &'a mut Blob>) {
        let mut fresh: Vec<Option<BlobId>> = vec![None; self.blobs.len()];
        let mut blobs = Vec::with_capacity(self.blobs.len());
        for blob in used {
            let Some(slot) = fresh.get_mut(blob.id.0 as usize) else {
                continue;
            };
            let next = BlobId(u32::try_from(blobs.len()).unwrap_or(u32::MAX));
            let id = *slot.get_or_insert(next);
            blob.id = id;
            if id == next {
                blobs.push(blob.clone());
            }
        }
        self.blobs = blobs;
        self.ids
            .retain(|_, id| match fresh.get(id.0 as usize).copied().flatten() {
                Some(new) => {
                    *id = new;
                    true
                }
                None => false,
            });
    }

    pub(crate) fn get(&self, id: BlobId) -> Option<&Blob> {
        self.blobs.get(id.0 as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.blobs.len()
    }
}
