//! Files of a node: `nodes/<node>/files/...` by absolute path.

use super::Ctx;
use crate::fact::Fact;
use std::collections::BTreeMap;

/// Stands in a directory that was read and is empty.
const EMPTY_DIR: &str = ".netwhy-empty";

pub(super) fn build(ctx: &mut Ctx<'_>, node: &str) -> Fact<BTreeMap<String, String>> {
    let dir = format!("nodes/{node}/files");
    let snap = ctx.snap;
    let mut files = BTreeMap::new();
    let mut any = false;
    for (path, blob) in snap.under(&dir) {
        any = true;
        let Some(inner) = path.strip_prefix(&dir) else { continue };
        if let Some(folder) = inner.strip_suffix(EMPTY_DIR) {
            files.insert(folder.to_owned(), String::new());
            continue;
        }
        match blob.text() {
            Ok(text) => drop(files.insert(inner.to_owned(), text.to_owned())),
            Err(at) => drop(ctx.gaps.add(path, format!("not UTF-8 at byte {at}"))),
        }
    }
    if any {
        return Ok(files);
    }
    let why = snap.not_read(&dir).unwrap_or("files were not recorded").to_owned();
    Err(ctx.gaps.add(dir, why))
}
