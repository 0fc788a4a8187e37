//! Recordings of real clusters, unpacked in memory.

use netwhy_lab::objects::Lists;
use std::collections::BTreeMap;
use std::io::Read;

/// Text members of a recording by path below its top folder.
pub fn members(name: &str) -> BTreeMap<String, String> {
    let path = format!(
        "{}/../../../tests/recordings/{name}.tar.zst",
        env!("CARGO_MANIFEST_DIR")
    );
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let unpacked = zstd::Decoder::new(file).expect("zstd");
    let mut members = BTreeMap::new();
    for entry in tar::Archive::new(unpacked).entries().expect("tar") {
        let mut entry = entry.expect("entry");
        let path = entry.path().expect("path").display().to_string();
        let Some((_, path)) = path.trim_start_matches("./").split_once('/') else {
            continue;
        };
        let wanted = path.starts_with("cluster/") || path.ends_with("-save");
        if wanted && entry.header().entry_type().is_file() {
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            members.insert(path.to_owned(), text);
        }
    }
    members
}

/// The API lists of a recording.
pub fn lists(members: &BTreeMap<String, String>) -> Lists {
    let file = |name: &str| members.get(&format!("cluster/{name}")).map(String::as_str);
    Lists::deserialize(file).expect("API lists")
}
