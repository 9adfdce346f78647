//! The bytes of layers.

use super::*;
use crate::oci::layer::Plan;

/// An entry of an archive: path, kind, mode, content or link target.
type Row = (String, char, u32, String);

fn packed(layer: &Layer) -> (Vec<u8>, Digest) {
    Plan::new(layer).unwrap().write_packed(Vec::new()).unwrap()
}

fn rows(archive: &[u8]) -> Vec<Row> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap();
    let row = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let header = entry.header();
        let ids = (
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.mtime().unwrap(),
        );
        assert_eq!(ids, (0, 0, 0));
        assert_eq!(header.username().unwrap().unwrap_or(""), "");
        assert_eq!(header.groupname().unwrap().unwrap_or(""), "");
        let kind = match header.entry_type() {
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 's',
            tar::EntryType::Regular => 'f',
            other => panic!("{other:?}"),
        };
        let mode = header.mode().unwrap();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        if let Some(target) = entry.link_name_bytes() {
            content = String::from_utf8(target.into_owned()).unwrap();
        }
        (path, kind, mode, content)
    };
    entries.map(row).collect()
}

fn row(path: &str, kind: char, mode: u32, content: &str) -> Row {
    (path.to_owned(), kind, mode, content.to_owned())
}

#[test]
fn folders_come_once_and_before_what_is_in_them() {
    let directory = Entry {
        mode: 0o700,
        content: Content::Directory,
        ..text("app/empty", "")
    };
    let program = Entry {
        mode: 0o100_711,
        ..text("app/bin/run", "#!")
    };
    let secret = Entry {
        mode: 0o600,
        ..text("app.cfg", "x")
    };
    let entries = [
        text("app/b.py", "b"),
        program,
        directory,
        link("app/a", "../x"),
        secret,
    ];
    let expected = [
        row("app/", 'd', 0o755, ""),
        row("app/a", 's', 0o777, "../x"),
        row("app/b.py", 'f', 0o644, "b"),
        row("app/bin/", 'd', 0o755, ""),
        row("app/bin/run", 'f', 0o755, "#!"),
        row("app/empty/", 'd', 0o755, ""),
        row("app.cfg", 'f', 0o644, "x"),
    ];
    let (bytes, diff_id) = packed(&layer("x", entries.clone()));
    let archive = gunzip(&bytes);
    assert_eq!(rows(&archive), expected);
    assert_eq!(diff_id, Digest::of(&archive));
    // No name, no time, no system.
    assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

    for turn in 1..entries.len() {
        let mut turned = entries.to_vec();
        turned.rotate_left(turn);
        // A folder that is named as such, before and after what is in it, changes nothing.
        let folder = Entry {
            content: Content::Directory,
            ..text("app", "")
        };
        turned.insert(0, folder.clone());
        turned.push(folder);
        assert_eq!(packed(&layer("y", turned)).0, bytes);
    }
}

/// The same bytes on every machine, whatever the release: whoever changes this changes the layers of all images.
#[test]
fn the_bytes_are_these() {
    let (bytes, diff_id) = packed(&layer("x", [text("a/b", "hello\n"), link("c", "a/b")]));
    let digests = [diff_id, Digest::of(&bytes)].map(|digest| digest.hex()[..16].to_owned());
    assert_eq!(digests, ["265b693438474c13", "f268ea866d58ed56"]);
}

#[cfg(unix)]
#[test]
fn permissions_on_disk_do_not_count() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, vec![7; 100_000]).unwrap();
    let file = Entry {
        content: Content::File(path.clone()),
        ..text("a/file", "")
    };
    let [first, second] = [0o600, 0o777].map(|mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        packed(&layer("x", [file.clone()])).0
    });
    assert_eq!(first, second);
    let bytes = Entry {
        content: Content::Bytes(vec![7; 100_000]),
        ..file
    };
    assert_eq!(packed(&layer("x", [bytes])).0, first);
}

#[test]
fn long_and_foreign_names() {
    let long = format!("{}/{}é.py", "d".repeat(120), "n".repeat(200));
    let target = format!("../{}", "t".repeat(150));
    // 99 and 100 bytes fit the old header, 101 do not.
    let edges = [99, 100, 101].map(|length| "e".repeat(length));
    let mut entries = vec![text(&long, "x"), link("ü", &target)];
    entries.extend(edges.iter().map(|path| text(path, "e")));
    let found = rows(&gunzip(&packed(&layer("x", entries)).0));
    let folder = format!("{}/", "d".repeat(120));
    let [e99, e100, e101] = edges.each_ref().map(|path| row(path, 'f', 0o644, "e"));
    let expected = [
        row(&folder, 'd', 0o755, ""),
        row(&long, 'f', 0o644, "x"),
        e99,
        e100,
        e101,
        row("ü", 's', 0o777, &target),
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_can_not_be_in_a_layer() {
    let plain = "it is no relative path without `.` and `..`";
    let two = "there are two of this name";
    let whiteout = "names that begin with `.wh.` remove things of other layers";
    for (entries, path, reason) in [
        (vec![text("", "")], "", plain),
        (vec![text("/etc/passwd", "")], "/etc/passwd", plain),
        (vec![text("a/../../b", "")], "a/../../b", plain),
        (vec![text("./a", "")], "./a", plain),
        (vec![text("a//b", "")], "a//b", plain),
        (vec![text("a/", "")], "a/", plain),
        (vec![text("a\0", "")], "a\0", plain),
        (vec![text("a", "1"), text("a", "1")], "a", two),
        (vec![text("a/b", ""), text("a", "")], "a", two),
        (
            vec![text("a", ""), text("a/b/c", "")],
            "a/b/c",
            "`a` is no folder there",
        ),
        (
            vec![link("a", "b"), text("a/c", "")],
            "a/c",
            "`a` is no folder there",
        ),
        (vec![text("a/.wh.b", "")], "a/.wh.b", whiteout),
        (vec![text(".wh..wh..opq", "")], ".wh..wh..opq", whiteout),
        (vec![link("a", "")], "a", "it is a link to nothing"),
    ] {
        let layer = layer("service", entries);
        let error = Plan::new(&layer).err().unwrap();
        let expected = format!("`{path}` can't be in the layer `service`: {reason}");
        assert_eq!(error.to_string(), expected);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_changes_is_noticed() {
    let entry = |path: &str| Entry {
        content: Content::File(path.into()),
        ..text("a", "")
    };
    // It says that it is empty, and then it is not.
    let layer = layer("x", [entry("/proc/self/status")]);
    let error = Plan::new(&layer).unwrap().write(Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/proc/self/status` changed while it was packed"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let world = World::new();
    let missing = Entry {
        content: Content::File(world.path("missing")),
        ..text("a", "")
    };
    let request = ImageRequest {
        layers: vec![layer("x", [missing])],
        ..image(Base::Scratch)
    };
    let error = world.failure(&[request]);
    assert!(error.contains("`[temp]/missing`"), "{error}");
}
