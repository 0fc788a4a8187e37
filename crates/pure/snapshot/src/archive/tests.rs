use super::*;
use crate::{Limits, Meta, Snapshot};

fn small() -> Snapshot {
    let mut snapshot = Snapshot::new(Meta::new(vec!["n1".into()]));
    snapshot.insert("cluster/pods.json", "{\"items\":[]}");
    snapshot.insert("nodes/n1/host/addr.json", "[]\n");
    snapshot.insert("nodes/n1/host/iptables-legacy-save", "");
    snapshot.insert("nodes/n1/host/route.json", "[]\n");
    snapshot.insert(format!("nodes/n1/files/{}", "long-name/".repeat(15) + "x"), "text");
    snapshot
}

fn members(snapshot: &Snapshot) -> Vec<(String, Vec<u8>)> {
    snapshot
        .members()
        .map(|(path, blob)| (path.to_owned(), blob.bytes().to_vec()))
        .collect()
}

/// A tar with one entry for each name; a name that tar's own writer refuses is written into the header's bytes.
fn tar_of(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

const META: (&str, tar::EntryType, &[u8]) = (
    "b/bundle.json",
    tar::EntryType::Regular,
    b"{\"format\":\"netwhy.dev/bundle/v1\"}",
);

fn read(entries: &[(&str, tar::EntryType, &[u8])]) -> Result<Snapshot, BundleError> {
    Snapshot::from_archive(&tar_of(entries), &Limits::small())
}

#[test]
fn there_and_back() {
    let snapshot = small();
    let bytes = snapshot.to_archive().unwrap();
    assert_eq!(bytes, snapshot.to_archive().unwrap(), "equal bundles give equal bytes");
    let again = Snapshot::from_archive(&bytes, &Limits::small()).unwrap();
    assert_eq!(
        (members(&again), &again.meta, &again.problems),
        (members(&snapshot), &snapshot.meta, &vec![])
    );
    let folder = members(&snapshot)
        .into_iter()
        .rev()
        .chain([("bundle.json".to_owned(), snapshot.meta.print().into_bytes())]);
    let folder = Snapshot::from_members(folder, &Limits::small()).unwrap();
    assert_eq!(members(&folder), members(&again));
    let ids = |snapshot: &Snapshot| snapshot.members().map(|(_, blob)| blob.id()).collect::<Vec<_>>();
    assert_eq!(ids(&folder), ids(&again), "the order of reading leaves no trace");
    assert_eq!(
        again.get("nodes/n1/host/addr.json").map(crate::Blob::id),
        again.get("nodes/n1/host/route.json").map(crate::Blob::id)
    );
}

#[test]
fn cut_at_every_byte() {
    let whole = members(&small());
    let packed = small().to_archive().unwrap();
    let plain = zstd::decode_all(packed.as_slice()).unwrap();
    for bytes in [&packed, &plain] {
        for cut in 0..bytes.len() {
            match Snapshot::from_archive(&bytes[..cut], &Limits::small()) {
                Ok(part) => {
                    // The second block of zeros is the only part that nobody needs.
                    let complete = members(&part) == whole && cut + 512 >= bytes.len() && cut >= plain.len() - 512;
                    assert!(!part.problems.is_empty() || complete, "cut at {cut} of {}", bytes.len());
                    assert!(
                        members(&part).iter().all(|member| whole.contains(member)),
                        "cut at {cut}"
                    );
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

#[test]
fn flipped_bytes() {
    let whole = members(&small());
    let packed = small().to_archive().unwrap();
    let plain = zstd::decode_all(packed.as_slice()).unwrap();
    for (bytes, checked) in [(&packed, true), (&plain, false)] {
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                if let Ok(read) = Snapshot::from_archive(&bytes, &Limits::small()) {
                    let said = !read.problems.is_empty() || members(&read) == whole;
                    assert!(said || !checked, "byte {at} ^ {flip:#x} went unnoticed");
                }
            }
        }
    }
}

#[test]
fn paths_that_leave_the_folder() {
    for (path, why) in [
        ("../x", "leaves"),
        ("b/../../x", "leaves"),
        ("/etc/passwd", "absolute"),
        ("b//x", "empty"),
        ("b/./x", "empty"),
    ] {
        let error = read(&[META, (path, tar::EntryType::Regular, b"x")]).unwrap_err();
        assert!(
            matches!(&error, BundleError::Path { path: named, .. } if named == path),
            "{error}"
        );
        assert!(error.to_string().contains(why), "{error}");
        assert!(
            Snapshot::from_members([(path.to_owned(), vec![])], &Limits::small()).is_err(),
            "{path}"
        );
    }
}

#[test]
fn links_and_devices() {
    for (kind, said) in [
        (tar::EntryType::Symlink, "a symbolic link"),
        (tar::EntryType::Link, "a hard link"),
        (tar::EntryType::Char, "a device"),
        (tar::EntryType::Block, "a device"),
        (tar::EntryType::Fifo, "a pipe"),
        (tar::EntryType::GNUSparse, "a sparse file"),
        (tar::EntryType::new(b'Q'), "an entry of an unknown kind"),
    ] {
        let error = read(&[META, ("b/evil", kind, b"")]).unwrap_err();
        assert_eq!(
            error,
            BundleError::NotAFile {
                path: "b/evil".into(),
                kind: said
            }
        );
    }
}

#[test]
fn limits_name_the_member() {
    let limits = Limits {
        members: 3,
        member_bytes: 1000,
        total_bytes: 1500,
        path_bytes: 30,
        path_depth: 4,
    };
    let big = [b'x'; 1001];
    let long = "b/".to_owned() + &"x".repeat(40);
    type Files<'a> = Vec<(&'a str, &'a [u8])>;
    let cases: [(&str, &str, Files<'_>); 5] = [
        ("members", "b/3", vec![("b/1", b""), ("b/2", b""), ("b/3", b"")]),
        ("member_bytes", "b/big", vec![("b/big", &big)]),
        ("total_bytes", "b/2", vec![("b/1", &big[..900]), ("b/2", &big[..900])]),
        ("path_bytes", &long, vec![(&long, b"")]),
        ("path_depth", "b/1/2/3/4", vec![("b/1/2/3/4", b"")]),
    ];
    for (expected, at, files) in cases {
        let files = files
            .iter()
            .map(|(path, bytes)| (*path, tar::EntryType::Regular, *bytes));
        let entries: Vec<_> = [META].into_iter().chain(files).collect();
        match Snapshot::from_archive(&tar_of(&entries), &limits) {
            Err(BundleError::Limit { name, path, .. }) => assert_eq!((name, path.as_str()), (expected, at)),
            other => panic!("{expected}: {other:?}"),
        }
    }
    let folders: Vec<_> = (0..40).map(|_| ("b/d", tar::EntryType::Directory, &b""[..])).collect();
    assert!(matches!(
        Snapshot::from_archive(&tar_of(&folders), &limits),
        Err(BundleError::Limit { name: "members", .. })
    ));
}

#[test]
fn bombs() {
    // 2 GiB of zeros that a header promises and a few KiB deliver.
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..6].copy_from_slice(b"b/bomb");
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(2 << 30);
    header.set_cksum();
    let mut tar = tar_of(&[META]);
    tar.truncate(1024);
    tar.extend_from_slice(header.as_bytes());
    tar.resize(64 << 20, 0);
    let packed = zstd::encode_all(tar.as_slice(), 1).unwrap();
    assert!(packed.len() < 64 << 10);
    assert!(matches!(
        Snapshot::from_archive(&packed, &Limits::small()),
        Err(BundleError::Limit {
            name: "member_bytes",
            ..
        })
    ));
    // Much behind the end mark is not read.
    let mut tail = tar_of(&[META]);
    tail.resize(64 << 20, 0);
    let read = Snapshot::from_archive(&zstd::encode_all(tail.as_slice(), 1).unwrap(), &Limits::small()).unwrap();
    assert!(read.problems[0].what.contains("more than 1 MiB"), "{:?}", read.problems);
}

#[test]
fn what_is_no_bundle() {
    let none = Limits::small();
    for bytes in [&b""[..], b"hello", &[0x1f, 0x8b, 8, 0], &[0x28, 0xb5, 0x2f, 0xfd]] {
        assert!(Snapshot::from_archive(bytes, &none).is_err());
    }
    assert!(matches!(
        read(&[("b/x", tar::EntryType::Regular, b"")]),
        Err(BundleError::NoMeta(_))
    ));
    assert!(matches!(
        read(&[("b/c/bundle.json", META.1, META.2)]),
        Err(BundleError::NoMeta(_))
    ));
    assert!(matches!(
        read(&[("b/bundle.json", META.1, b"{\"format\":\"netwhy.dev/bundle/v2\"}")]),
        Err(BundleError::Meta(_))
    ));
}

#[test]
fn tops_twins_and_strays() {
    let snapshot = read(&[
        ("./bundle.json", META.1, META.2),
        ("./a", META.1, b"1"),
        ("./a", META.1, b"2"),
    ])
    .unwrap();
    assert_eq!(snapshot.get("a").map(|blob| blob.bytes()), Some(&b"2"[..]));
    assert_eq!(
        snapshot
            .problems
            .iter()
            .map(|problem| problem.path.as_str())
            .collect::<Vec<_>>(),
        ["a"]
    );
    let snapshot = read(&[META, ("b/a", META.1, b"1"), ("other/a", META.1, b"2")]).unwrap();
    assert_eq!(snapshot.paths().collect::<Vec<_>>(), ["a"]);
    assert_eq!(snapshot.problems[0].path, "other/a");
}
