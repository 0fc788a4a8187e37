use super::*;
use std::os::unix::fs::symlink;

fn root() -> (tempfile::TempDir, Root) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("etc/sysctl.d")).unwrap();
    let root = Root::open(dir.path()).unwrap();
    (dir, root)
}

#[test]
fn write_keeps_mode_and_leaves_nothing_beside() {
    let (dir, root) = root();
    let content = Content {
        mode: 0o640,
        ..Content::new(b"a\n".to_vec())
    };
    root.write("/etc/sysctl.d/x.conf", &content, "id").unwrap();
    assert_eq!(root.read("/etc/sysctl.d/x.conf").unwrap().unwrap(), content);
    assert_eq!(root.list("/etc/sysctl.d").unwrap(), ["x.conf"]);
    assert_eq!(std::fs::read(dir.path().join("etc/sysctl.d/x.conf")).unwrap(), b"a\n");
    root.remove("/etc/sysctl.d/x.conf").unwrap();
    assert_eq!(root.read("/etc/sysctl.d/x.conf").unwrap(), None);
}

#[test]
fn no_link_leads_out() {
    let (dir, root) = root();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x.conf"), "outside").unwrap();
    symlink(outside.path(), dir.path().join("etc/away")).unwrap();
    assert!(root.write("/etc/away/new.conf", &Content::new(vec![]), "id").is_err());
    assert_eq!(root.read("/etc/away/x.conf").unwrap(), None);
    symlink("../../../../../../etc/passwd", dir.path().join("etc/passwd")).unwrap();
    assert!(root.read("/etc/passwd").is_err(), "a link to itself, inside the root");
    assert_eq!(root.read("/../../../../proc/version").unwrap(), None);
}

#[test]
fn a_link_is_not_replaced() {
    let (dir, root) = root();
    std::fs::write(dir.path().join("etc/real"), "x").unwrap();
    symlink("/etc/real", dir.path().join("etc/sysctl.conf")).unwrap();
    assert!(matches!(
        root.write("/etc/sysctl.conf", &Content::new(vec![]), "id"),
        Err(FixError::NotPlain { .. })
    ));
    assert_eq!(root.read("/etc/sysctl.conf").unwrap().unwrap().bytes, b"x");
    assert!(root.same_file("/etc/real", "/etc/sysctl.conf"));
}

#[test]
fn folders_are_made_and_named() {
    let (_dir, root) = root();
    assert_eq!(
        root.missing_dirs("/var/lib/netwhy/x").unwrap(),
        ["/var", "/var/lib", "/var/lib/netwhy"]
    );
    assert_eq!(
        root.make_dirs("/var/lib/netwhy", 0o700).unwrap(),
        ["/var", "/var/lib", "/var/lib/netwhy"]
    );
    assert!(root.make_dirs("/var/lib/netwhy", 0o700).unwrap().is_empty());
    root.remove_empty_dir("/var/lib/netwhy");
    assert_eq!(root.missing_dirs("/var/lib/netwhy/x").unwrap(), ["/var/lib/netwhy"]);
}

#[test]
fn masks_and_links_of_sysctl_d() {
    let (dir, root) = root();
    let etc = dir.path().join("etc");
    std::fs::write(etc.join("sysctl.conf"), "a=1").unwrap();
    symlink("../sysctl.conf", etc.join("sysctl.d/99-sysctl.conf")).unwrap();
    symlink("/dev/null", etc.join("sysctl.d/50-masked.conf")).unwrap();
    symlink("nowhere", etc.join("sysctl.d/60-dangling.conf")).unwrap();
    let files = root.sysctl_files().unwrap();
    let expected = [
        ("/etc/sysctl.conf", "a=1"),
        ("/etc/sysctl.d/50-masked.conf", ""),
        ("/etc/sysctl.d/99-sysctl.conf", "a=1"),
    ];
    assert_eq!(files, expected.map(|(p, t)| (p.to_owned(), t.to_owned())).into());
}

#[test]
fn bad_paths() {
    let (_dir, root) = root();
    for path in ["", "x", "/", "/etc/..", "/etc/"] {
        assert!(root.write(path, &Content::new(vec![]), "id").is_err(), "{path:?}");
    }
}
