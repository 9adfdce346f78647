//! Images in folders.

use super::*;

/// Unpacks an image of these layers into `root`.
fn unpacked(world: &World, layers: &[Vec<u8>]) -> Result<PathBuf, String> {
    let mut blobs = Blobs::default();
    let manifest = blobs.image("linux/amd64", layers);
    let layout = world.path("layout");
    drop(std::fs::remove_dir_all(&layout));
    drop(std::fs::remove_dir_all(world.path("deep")));
    blobs.layout(&layout, &[manifest]);
    let root = world.path("deep/root");
    match unpack(&layout, &platform("linux/amd64"), &root) {
        Ok(()) => Ok(root),
        Err(error) => Err(world.text(&error)),
    }
}

/// All that is in a folder: folders end with `/`, links say where they lead, files what they hold.
fn listed(root: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name();
    let line = |entry: Result<walkdir::DirEntry, walkdir::Error>| {
        let entry = entry.unwrap();
        let name = entry
            .path()
            .strip_prefix(root)
            .unwrap()
            .display()
            .to_string();
        if entry.file_type().is_dir() {
            format!("{name}/")
        } else if entry.file_type().is_symlink() {
            format!(
                "{name} -> {}",
                std::fs::read_link(entry.path()).unwrap().display()
            )
        } else {
            format!("{name}: {}", std::fs::read_to_string(entry.path()).unwrap())
        }
    };
    entries.into_iter().map(line).collect()
}

#[test]
fn an_image_that_was_written_is_unpacked() {
    let world = World::new();
    let (base, _) = simple_base(&world);
    let output = world.output("image.tar", Form::Archive);
    world.try_write(&[image(base)], &output).unwrap();
    let root = world.path("root");
    unpack(&output.path, &platform("linux/amd64"), &root).unwrap();
    let expected = [
        "app/",
        "app/main.py: print(1)\n",
        "etc/",
        "etc/passwd: root",
        "lib -> usr/lib",
        "usr/",
        "usr/bin/",
        "usr/bin/python3: #!",
        "usr/lib/",
        "usr/lib/libc.so: c",
    ];
    assert_eq!(listed(&root), expected);
    let program = root.join("usr/bin/python3").metadata().unwrap();
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&program.permissions()) & 0o777,
        0o755
    );
    let modified = program
        .modified()
        .unwrap()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert_eq!(modified.as_secs(), 1_700_000_000);

    let again = unpack(&output.path, &platform("linux/amd64"), &root).unwrap_err();
    assert_eq!(
        world.text(&again),
        "`[temp]/root` can't be replaced: it is not empty"
    );
    let other = unpack(&output.path, &platform("linux/arm64"), &world.path("other")).unwrap_err();
    assert_eq!(
        world.text(&other),
        "`[temp]/image.tar` does not exist for linux/arm64, only for linux/amd64"
    );
}

#[test]
fn whiteouts_remove_what_is_below() {
    let world = World::new();
    let below = tar(&[
        ('f', "a/one", "1"),
        ('f', "a/two", "2"),
        ('f', "b/old", "o"),
        ('f', "b/deep/old", "o"),
        ('f', "c/old", "o"),
        ('f', "d", "file"),
        ('f', "kept", "k"),
    ]);
    let above = tar(&[
        ('f', "a/.wh.one", ""),
        // Whichever comes first: it does not concern what this layer has.
        ('f', "b/new", "n"),
        ('f', "b/.wh..wh..opq", ""),
        ('f', "b/newer", "n"),
        ('f', "c/old", "replaced"),
        ('f', "c/.wh.old", ""),
        ('f', ".wh.d", ""),
        ('f', ".wh.never", ""),
        ('f', "none/.wh.never", ""),
    ]);
    let root = unpacked(&world, &[below, above]).unwrap();
    let expected = [
        "a/",
        "a/two: 2",
        "b/",
        "b/new: n",
        "b/newer: n",
        "c/",
        "c/old: replaced",
        "kept: k",
    ];
    assert_eq!(listed(&root), expected);
}

#[test]
fn things_replace_one_another() {
    let world = World::new();
    let below = tar(&[
        ('f', "file", "f"),
        ('d', "folder/", ""),
        ('f', "folder/x", "x"),
        ('s', "link", "folder"),
        ('s', "tofolder", "folder"),
        ('f', "first", "same"),
        ('h', "./second", "first"),
        ('c', "dev/null", ""),
    ]);
    let above = tar(&[
        ('f', "file/y", "y"),
        ('f', "folder", "f"),
        ('f', "link", "l"),
        ('d', "tofolder/", ""),
        ('f', "second", "other"),
    ]);
    let root = unpacked(&world, std::slice::from_ref(&below)).unwrap();
    assert_eq!(
        std::fs::read_to_string(root.join("second")).unwrap(),
        "same"
    );
    let root = unpacked(&world, &[below, above]).unwrap();
    let expected = [
        "dev/",
        "file/",
        "file/y: y",
        "first: same",
        "folder: f",
        "link: l",
        "second: other",
        "tofolder/",
    ];
    assert_eq!(listed(&root), expected);
}

#[test]
fn links_lead_nowhere_outside() {
    let world = World::new();
    let victim = world.path("victim");
    std::fs::write(&victim, "untouched").unwrap();
    let outside = world.folder.path().display().to_string();
    let up = tar(&[
        ('s', "up", "../../.."),
        ('s', "abs", &outside),
        ('s', "top", "/"),
        ('s', "twice", "up/up"),
        ('f', "up/one", "1"),
        ('f', "abs/victim", "2"),
        ('f', "top/three", "3"),
        ('f', "twice/four", "4"),
        ('s', "self", "self/x"),
    ]);
    let then = tar(&[
        ('h', "hard", "abs/victim"),
        ('f', "abs/.wh.victim", ""),
        ('f', "up/.wh.one", ""),
        ('f', "twice/.wh..wh..opq", ""),
        ('f', "last", "l"),
    ]);
    let root = unpacked(&world, std::slice::from_ref(&up)).unwrap();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
    // As in a container, where the image's top is the top of everything.
    let inside = root.join(outside.trim_start_matches('/')).join("victim");
    assert_eq!(std::fs::read_to_string(inside).unwrap(), "2");
    for (name, content) in [("one", "1"), ("three", "3"), ("four", "4")] {
        assert_eq!(std::fs::read_to_string(root.join(name)).unwrap(), content);
    }
    let root = unpacked(&world, &[up.clone(), then]).unwrap();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
    // An opaque whiteout by way of a link to the top spares only what its own layer has.
    assert_eq!(listed(&root), ["hard: 2", "last: l"]);

    let loops = tar(&[('f', "self/x", "x")]);
    let error = unpacked(&world, &[up, loops]).unwrap_err();
    assert!(
        error.ends_with("its entry `self/x`: too many links"),
        "{error}"
    );
}

#[test]
fn entries_that_lead_out_are_refused() {
    let world = World::new();
    for (members, path, reason) in [
        (('f', "../evil", "x"), "../evil", "leads out of the image"),
        (
            ('f', "a/../../evil", "x"),
            "a/../../evil",
            "leads out of the image",
        ),
        (('d', "a/..", ""), "a/..", "leads out of the image"),
        (
            ('h', "a", "../evil"),
            "a",
            "is a link to something outside of the image",
        ),
        (
            ('h', "a", "/"),
            "a",
            "is a link to something outside of the image",
        ),
        (('s', "a", ""), "a", "is a link to nothing"),
        (('?', "a", ""), "a", "is of an unknown kind"),
    ] {
        let error = unpacked(&world, &[tar(&[members])]).unwrap_err();
        let expected = format!("can't be unpacked: its entry `{path}` {reason}");
        assert!(error.ends_with(&expected), "{error}");
        assert!(!world.path("deep/root").exists());
        assert!(!world.path("deep/evil").exists());
        // Nor is an image made of it.
        let base = Base::Layout(world.path("layout"), None);
        assert!(world.failure(&[image(base)]).ends_with(&expected));
    }
    // Names from the top are those of the image's top.
    let root = unpacked(&world, &[tar(&[('f', "/etc/x", "x"), ('d', "./", "")])]).unwrap();
    assert_eq!(listed(&root), ["etc/", "etc/x: x"]);
}
