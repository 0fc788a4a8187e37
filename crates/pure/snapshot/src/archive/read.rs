//! Reading folders, `.tar.zst` and `.tar`.

use super::BundleError;
use crate::{Limits, Meta, Problem, Snapshot};
use std::collections::BTreeMap;
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
        intake.add(path, bytes)?;
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
    let cut = entries(reader, &mut intake)?;
    if let Some(error) = &cut {
        let what = format!(
            "the archive is cut or damaged after {} files: {error}; what stands before is used",
            intake.members.len()
        );
        intake.problems.push(Problem::new(what));
    }
    intake.finish(1)
}

/// Reads entries until the end, or until the archive is damaged: then why.
fn entries(reader: impl Read, intake: &mut Intake) -> Result<Option<io::Error>, BundleError> {
    let mut archive = tar::Archive::new(reader);
    let entries = match archive.entries() {
        // Raw: long names come as entries, whose size we can bound.
        Ok(entries) => entries.raw(true),
        Err(error) => return Ok(Some(error)),
    };
    let mut long_name: Option<Vec<u8>> = None;
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Ok(Some(error)),
        };
        let kind = entry.header().entry_type();
        let name = long_name
            .take()
            .unwrap_or_else(|| entry.path_bytes().into_owned());
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
            let mut bytes = Vec::new();
            if let Err(error) = (&mut entry).take(LONG_NAME_BYTES).read_to_end(&mut bytes) {
                return Ok(Some(error));
            }
            long_name = if kind.is_gnu_longname() {
                Some(before_nul(&bytes))
            } else {
                pax_path(&bytes)
            };
            // A pax header of another thing (times, say) keeps the name that is there.
            continue;
        }
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
            Ok(read) if read as u64 == size => intake.add(path, bytes)?,
            Ok(_) => return Ok(Some(io::ErrorKind::UnexpectedEof.into())),
            Err(error) => return Ok(Some(error)),
        }
    }
    Ok(None)
}

fn before_nul(bytes: &[u8]) -> Vec<u8> {
    bytes
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default()
        .to_vec()
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

/// Collects members under limits.
struct Intake<'a> {
    limits: &'a Limits,
    members: BTreeMap<String, Vec<u8>>,
    total: u64,
    problems: Vec<Problem>,
}

impl<'a> Intake<'a> {
    fn new(limits: &'a Limits) -> Intake<'a> {
        Intake {
            limits,
            members: BTreeMap::new(),
            total: 0,
            problems: Vec::new(),
        }
    }

    /// Checks a path and takes `./` off its front.
    fn path(&self, path: &str) -> Result<String, BundleError> {
        let bad = |why| {
            Err(BundleError::Path {
                path: path.to_owned(),
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
        for part in inner.split('/') {
            match part {
                ".." => return bad("it leaves the folder"),
                "" | "." => return bad("it has an empty component"),
                _ => {}
            }
        }
        // The top folder is not counted: one more of each is allowed here.
        let limit = |name, what, limit: usize| BundleError::Limit {
            path: shorten(path),
            name,
            what,
            limit: limit as u64,
        };
        if inner.len() > self.limits.path_bytes.saturating_add(256) {
            return Err(limit(
                "path_bytes",
                "bytes in a path",
                self.limits.path_bytes,
            ));
        }
        if inner.split('/').count() > self.limits.path_depth.saturating_add(1) {
            return Err(limit(
                "path_depth",
                "components in a path",
                self.limits.path_depth,
            ));
        }
        Ok(inner.to_owned())
    }

    /// Checks that a file of this size fits.
    fn room(&mut self, path: &str, size: u64) -> Result<(), BundleError> {
        let limit = |name, what, limit| {
            Err(BundleError::Limit {
                path: path.to_owned(),
                name,
                what,
                limit,
            })
        };
        if self.members.len() >= self.limits.members {
            return limit("members", "files", self.limits.members as u64);
        }
        if size > self.limits.member_bytes {
            return limit(
                "member_bytes",
                "bytes in one file",
                self.limits.member_bytes,
            );
        }
        self.total = self.total.saturating_add(size);
        if self.total > self.limits.total_bytes {
            return limit("total_bytes", "bytes in all files", self.limits.total_bytes);
        }
        Ok(())
    }

    fn add(&mut self, path: String, bytes: Vec<u8>) -> Result<(), BundleError> {
        if self.members.contains_key(&path) {
            self.problems
                .push(Problem::new("twice in the bundle: the later one is used").of(&path));
        }
        self.members.insert(path, bytes);
        Ok(())
    }

    /// Finds `bundle.json`, at most `depth` folders down, and makes a snapshot of what lies beside it.
    fn finish(mut self, depth: usize) -> Result<Snapshot, BundleError> {
        let top = self
            .members
            .keys()
            .filter_map(|path| path.strip_suffix(META))
            .filter(|top| {
                (top.is_empty() || top.ends_with('/')) && top.matches('/').count() <= depth
            })
            .min_by_key(|top| top.len())
            .map(str::to_owned);
        let Some(top) = top else {
            let why = self
                .problems
                .first()
                .map(|problem| format!(" ({})", problem.what));
            return Err(BundleError::NoMeta(why.unwrap_or_default()));
        };
        let meta = self
            .members
            .remove(&format!("{top}{META}"))
            .unwrap_or_default();
        let meta = std::str::from_utf8(&meta)
            .map_err(|_| Problem::new("not UTF-8"))
            .and_then(Meta::parse);
        let mut snapshot =
            Snapshot::new(meta.map_err(|problem| BundleError::Meta(problem.of(META)))?);
        snapshot.problems = self.problems;
        for (path, bytes) in self.members {
            match path.strip_prefix(&top) {
                Some(inner) => {
                    snapshot.insert(inner, bytes);
                }
                None => Problem::new("beside the bundle's folder: ignored")
                    .of(&path)
                    .push_to(&mut snapshot.problems),
            }
        }
        for problem in &mut snapshot.problems {
            if let Some(inner) = problem.path.strip_prefix(&top) {
                problem.path = inner.to_owned();
            }
        }
        Ok(snapshot)
    }
}

/// A path that is too long to print.
fn shorten(path: &str) -> String {
    path.chars().take(120).collect()
}
