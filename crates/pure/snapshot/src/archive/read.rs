//! Reading folders, `.tar.zst` and `.tar`.

use super::BundleError;
use crate::{Limits, Meta, Problem, Snapshot};
use std::io::{self, Read};

const META: &str = "bundle.json";
/// Names longer than a tar header's field come as entries of their own; this is the most that one of them may have.
const LONG_NAME_BYTES: u64 = 64 << 10;

pub(crate) fn from_members<I>(members: I, limits: &Limits) -> Result<Snapshot, BundleError>
where
    I: IntoIterator<Item = (String, Vec<u8>)>,
{
    let mut intake = Intake::new(limits);
    for (path, bytes) in members {
        let path = intake.path(&path)?;
        intake.room(&path, bytes.len() as u64)?;
        intake.add(path, bytes);
    }
    intake.finish(0)
}

pub(crate) fn from_archive(bytes: &[u8], limits: &Limits) -> Result<Snapshot, BundleError> {
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    // Headers cost 512 bytes a member, and up to 1 KiB of padding; the rest of the bound is the members themselves.
    let most = limits
        .total_bytes
        .saturating_add((limits.members as u64).saturating_mul(4096));
    if bytes.starts_with(&ZSTD) || is_skippable(bytes) {
        let decoder = zstd::stream::read::Decoder::with_buffer(bytes)
            .map_err(|error| BundleError::NotAnArchive(format!(" ({error})")))?;
        return from_tar(decoder.take(most), limits);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return from_tar(bytes.take(most), limits);
    }
    Err(BundleError::NotAnArchive(String::new()))
}

/// A zstd frame that carries no data may stand first.
fn is_skippable(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn from_tar(reader: impl Read, limits: &Limits) -> Result<Snapshot, BundleError> {
    let mut intake = Intake::new(limits);
    let mut reader = Watched { reader, zeros: 0 };
    let mut cut = entries(&mut reader, &mut intake)?;
    if cut.is_none() {
        cut = closing(&mut reader);
    }
    if let Some(why) = cut {
        let what = format!(
            "the archive is cut or damaged after {} files: {why}; what stands before is used",
            intake.snapshot.paths().count()
        );
        intake.snapshot.problems.push(Problem::new(what));
    }
    intake.finish(1)
}

/// What stands behind the last entry: zeros, and the compressor's checksum. Says what is wrong with it.
fn closing(reader: &mut Watched<impl Read>) -> Option<String> {
    let mut buffer = [0; 4096];
    for _ in 0..256 {
        match reader.read(&mut buffer) {
            Ok(0) if reader.zeros >= 512 => return None,
            Ok(0) => return Some("it has no end mark".to_owned()),
            Ok(_) => {}
            Err(error) => return Some(error.to_string()),
        }
    }
    Some("more than 1 MiB follows its end mark".to_owned())
}

/// A reader that counts the zeros at the end of what was read: a tar ends with two blocks of them.
struct Watched<R> {
    reader: R,
    zeros: usize,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        match read.iter().rposition(|byte| *byte != 0) {
            Some(last) => self.zeros = count - last - 1,
            None => self.zeros = self.zeros.saturating_add(count),
        }
        Ok(count)
    }
}

/// Reads entries until the end, or until the archive is damaged: then why.
fn entries(reader: impl Read, intake: &mut Intake) -> Result<Option<String>, BundleError> {
    let mut archive = tar::Archive::new(reader);
    let entries = match archive.entries() {
        // Raw: long names come as entries, whose size we can bound.
        Ok(entries) => entries.raw(true),
        Err(error) => return Ok(Some(error.to_string())),
    };
    let mut long_name: Option<Vec<u8>> = None;
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Ok(Some(error.to_string())),
        };
        let kind = entry.header().entry_type();
        intake.seen(&entry.path_bytes())?;
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
            let mut bytes = Vec::new();
            if let Err(error) = (&mut entry).take(LONG_NAME_BYTES).read_to_end(&mut bytes) {
                return Ok(Some(error.to_string()));
            }
            // A pax header of other things (times, say) leaves the name as it is.
            let name = if kind.is_gnu_longname() {
                Some(before_nul(&bytes))
            } else {
                pax_path(&bytes)
            };
            long_name = name.or(long_name);
            continue;
        }
        let name = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let path = String::from_utf8(name).map_err(|error| BundleError::Path {
            path: String::from_utf8_lossy(error.as_bytes()).into_owned(),
            why: "not UTF-8",
        })?;
        if !kind.is_file() && !kind.is_contiguous() {
            return Err(BundleError::NotAFile {
                path,
                kind: kind_name(kind),
            });
        }
        let path = intake.path(&path)?;
        let size = entry.size();
        intake.room(&path, size)?;
        let mut bytes = Vec::new();
        // Not `with_capacity(size)`: the header may promise what never comes.
        match (&mut entry).take(size).read_to_end(&mut bytes) {
            Ok(read) if read as u64 == size => intake.add(path, bytes),
            Ok(_) => return Ok(Some(format!("it ends within {path:?}"))),
            Err(error) => return Ok(Some(error.to_string())),
        }
    }
    Ok(None)
}

fn before_nul(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

fn pax_path(bytes: &[u8]) -> Option<Vec<u8>> {
    tar::PaxExtensions::new(bytes)
        .flatten()
        .find(|extension| extension.key_bytes() == b"path")
        .map(|extension| extension.value_bytes().to_vec())
}

fn kind_name(kind: tar::EntryType) -> &'static str {
    match kind {
        _ if kind.is_symlink() => "a symbolic link",
        _ if kind.is_hard_link() => "a hard link",
        _ if kind.is_character_special() || kind.is_block_special() => "a device",
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_gnu_sparse() => "a sparse file",
        _ => "an entry of an unknown kind",
    }
}

/// Collects members under limits, with the paths as they come.
struct Intake<'a> {
    limits: &'a Limits,
    snapshot: Snapshot,
    files: usize,
    entries: usize,
    total: u64,
}

impl<'a> Intake<'a> {
    fn new(limits: &'a Limits) -> Intake<'a> {
        Intake {
            limits,
            snapshot: Snapshot::default(),
            files: 0,
            entries: 0,
            total: 0,
        }
    }

    /// Counts an entry of any kind: folders cost time too.
    fn seen(&mut self, path: &[u8]) -> Result<(), BundleError> {
        self.entries += 1;
        if self.entries / 4 > self.limits.members {
            let path = shorten(&String::from_utf8_lossy(path));
            return Err(limit(path, "members", "files and folders", self.limits.members as u64));
        }
        Ok(())
    }

    /// Checks a path and takes `./` off its front.
    fn path(&self, path: &str) -> Result<String, BundleError> {
        let bad = |why| {
            Err(BundleError::Path {
                path: shorten(path),
                why,
            })
        };
        let inner = path.strip_prefix("./").unwrap_or(path);
        if inner.contains('\0') {
            return bad("it has a NUL");
        }
        if inner.starts_with('/') {
            return bad("it is absolute");
        }
        if inner.len() > self.limits.path_bytes {
            return Err(limit(
                shorten(path),
                "path_bytes",
                "bytes in a path",
                self.limits.path_bytes as u64,
            ));
        }
        let mut depth = 0;
        for part in inner.split('/') {
            depth += 1;
            match part {
                ".." => return bad("it leaves the folder"),
                "" | "." => return bad("it has an empty component"),
                _ => {}
            }
        }
        if depth > self.limits.path_depth {
            return Err(limit(
                shorten(path),
                "path_depth",
                "components in a path",
                self.limits.path_depth as u64,
            ));
        }
        Ok(inner.to_owned())
    }

    /// Checks that one more file of this size fits.
    fn room(&mut self, path: &str, size: u64) -> Result<(), BundleError> {
        self.files += 1;
        if self.files > self.limits.members {
            return Err(limit(path.to_owned(), "members", "files", self.limits.members as u64));
        }
        if size > self.limits.member_bytes {
            return Err(limit(
                path.to_owned(),
                "member_bytes",
                "bytes in one file",
                self.limits.member_bytes,
            ));
        }
        self.total = self.total.saturating_add(size);
        if self.total > self.limits.total_bytes {
            return Err(limit(
                path.to_owned(),
                "total_bytes",
                "bytes in all files",
                self.limits.total_bytes,
            ));
        }
        Ok(())
    }

    fn add(&mut self, path: String, bytes: Vec<u8>) {
        if self.snapshot.get(&path).is_some() {
            let twice = Problem::new("twice in the bundle: the later one is used");
            twice.of(&path).push_to(&mut self.snapshot.problems);
        }
        self.snapshot.insert(path, bytes);
    }

    /// Finds `bundle.json`, at most `depth` folders down, and keeps what lies beside it.
    fn finish(self, depth: usize) -> Result<Snapshot, BundleError> {
        let mut snapshot = self.snapshot;
        let top = snapshot
            .paths()
            .filter_map(|path| path.strip_suffix(META))
            .filter(|top| (top.is_empty() || top.ends_with('/')) && top.matches('/').count() <= depth)
            .min_by_key(|top| top.len())
            .map(str::to_owned);
        let Some(top) = top else {
            let why = snapshot.problems.last().map(|problem| format!(" ({})", problem.what));
            return Err(BundleError::NoMeta(why.unwrap_or_default()));
        };
        let meta = snapshot.remove(&format!("{top}{META}"));
        let text = meta
            .as_ref()
            .map_or(Ok(""), |blob| blob.text().map_err(|_| Problem::new("not UTF-8")));
        snapshot.meta = text
            .and_then(Meta::parse)
            .map_err(|problem| BundleError::Meta(problem.of(META)))?;
        snapshot.reroot(&top);
        Ok(snapshot)
    }
}

fn limit(path: String, name: &'static str, what: &'static str, limit: u64) -> BundleError {
    BundleError::Limit {
        path,
        name,
        what,
        limit,
    }
}

/// A path that may be too long to print.
fn shorten(path: &str) -> String {
    path.chars().take(120).collect()
}
