//! Bundles as folders and archives.

use crate::common::{clock, plan};
use netwhy_collect::{Overwrite, StoreError, collect, read_bundle, write_archive, write_dir};
use netwhy_snapshot::{Limits, Snapshot};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn bundle() -> Snapshot {
    let mut snapshot = collect(&plan(Vec::new()), &clock).snapshot;
    snapshot.insert("nodes/n1/host/addr.json", "[]\n");
    snapshot.insert("nodes/n1/host/iptables-legacy-save", "");
    snapshot.insert("nodes/n1/files/run/calico/endpoint-status/a b%2Fc", "x");
    snapshot
}

fn same(a: &Snapshot, b: &Snapshot) {
    assert_eq!(a.meta, b.meta);
    let list = |s: &Snapshot| -> Vec<(String, Vec<u8>)> {
        s.members()
            .map(|(path, blob)| (path.to_owned(), blob.bytes().to_vec()))
            .collect()
    };
    assert_eq!(list(a), list(b));
}

fn read(path: &Path) -> Result<Snapshot, String> {
    read_bundle(path, &Limits::small()).map_err(|error| error.to_string())
}

#[test]
fn there_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = bundle();
    let (archive, folder) = (dir.path().join("a.tar.zst"), dir.path().join("a"));
    write_archive(&bundle, &archive, Overwrite::No).unwrap();
    write_dir(&bundle, &folder, Overwrite::No).unwrap();
    same(&read(&archive).unwrap(), &bundle);
    same(&read(&folder).unwrap(), &bundle);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");
}

#[test]
fn nothing_is_overwritten_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = bundle();
    let (archive, folder) = (dir.path().join("a.tar.zst"), dir.path().join("a"));
    fs::write(&archive, "mine").unwrap();
    fs::create_dir(&folder).unwrap();
    write_dir(&bundle, &folder, Overwrite::No).unwrap();
    assert!(matches!(
        write_archive(&bundle, &archive, Overwrite::No),
        Err(StoreError::Exists(_))
    ));
    assert!(matches!(
        write_dir(&bundle, &folder, Overwrite::No),
        Err(StoreError::Exists(_))
    ));
    assert_eq!(fs::read(&archive).unwrap(), b"mine");
    write_archive(&bundle, &archive, Overwrite::Yes).unwrap();
    write_dir(&bundle, &folder, Overwrite::Yes).unwrap();
    same(&read(&archive).unwrap(), &bundle);
    // A folder that is no bundle is nobody's to remove.
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("thesis"), "x").unwrap();
    assert!(matches!(
        write_dir(&bundle, &home, Overwrite::Yes),
        Err(StoreError::Exists(_))
    ));
    assert!(home.join("thesis").exists());
}

#[test]
fn folders_of_strangers() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a");
    write_dir(&bundle(), &folder, Overwrite::No).unwrap();
    fs::write(dir.path().join("secret"), "s").unwrap();
    symlink("addr.json", folder.join("nodes/n1/host/link.json")).unwrap();
    assert!(
        read(&folder).unwrap().get("nodes/n1/host/link.json").is_some(),
        "a link inside"
    );
    let bad = folder.join("nodes/n1/host/rule.json");
    for (target, expected) in [
        ("/etc/passwd", "leads to nothing in the bundle"),
        ("../../../../secret", "leads to nothing in the bundle"),
        ("../../..", "link to the folder"),
        ("rule.json", "too many links"),
    ] {
        symlink(target, &bad).unwrap();
        let error = read(&folder).unwrap_err();
        assert!(
            error.contains(expected) && error.contains("rule.json"),
            "{target}: {error}"
        );
        fs::remove_file(&bad).unwrap();
    }
}

#[test]
fn limits_and_nonsense() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a");
    write_dir(&bundle(), &folder, Overwrite::No).unwrap();
    let with = |limits: &Limits| read_bundle(&folder, limits).unwrap_err().to_string();
    let few = Limits {
        members: 2,
        ..Limits::small()
    };
    assert!(with(&few).contains("limit members"), "{}", with(&few));
    let short = Limits {
        member_bytes: 1,
        ..Limits::small()
    };
    assert!(with(&short).contains("limit member_bytes"), "{}", with(&short));
    let flat = Limits {
        path_depth: 2,
        ..Limits::small()
    };
    assert!(with(&flat).contains("limit path_depth"), "{}", with(&flat));
    assert!(read(&dir.path().join("none")).unwrap_err().contains("No such file"));
    let text = dir.path().join("text");
    fs::write(&text, "hello").unwrap();
    assert!(read(&text).unwrap_err().contains("not a bundle"));
    fs::remove_file(folder.join("bundle.json")).unwrap();
    assert!(read(&folder).unwrap_err().contains("no bundle.json"));
}
