//! Writing `.tar.zst`.

use super::BundleError;
use crate::Snapshot;
use std::io::Write as _;

/// Name of the top folder.
const TOP: &str = "netwhy-bundle";
/// zstd's own default.
const LEVEL: i32 = 3;

pub(crate) fn to_archive(snapshot: &Snapshot) -> Result<Vec<u8>, BundleError> {
    let failed = |error: std::io::Error| BundleError::Write(error.to_string());
    let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), LEVEL).map_err(failed)?;
    // A flipped bit is found, not read.
    zstd.include_checksum(true).map_err(failed)?;
    let mut tar = tar::Builder::new(zstd);
    // bundle.json comes first, so that an archive that is cut can still be read.
    append(&mut tar, "bundle.json", snapshot.meta.print().as_bytes())?;
    for (path, blob) in snapshot.members().filter(|(path, _)| *path != "bundle.json") {
        append(&mut tar, path, blob.bytes())?;
    }
    let mut zstd = tar.into_inner().map_err(failed)?;
    zstd.flush().map_err(failed)?;
    zstd.finish().map_err(failed)
}

fn append<W: std::io::Write>(tar: &mut tar::Builder<W>, path: &str, bytes: &[u8]) -> Result<(), BundleError> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, format!("{TOP}/{path}"), bytes)
        .map_err(|error| BundleError::Write(format!("{path:?}: {error}")))
}
