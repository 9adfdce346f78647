//! Layouts: what is in them, and what becomes of what was there.

use super::*;

fn blob(layout: &Path, digest: &str) -> PathBuf {
    layout
        .join("blobs/sha256")
        .join(digest.strip_prefix("sha256:").unwrap())
}

fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file());
    let read = |entry: walkdir::DirEntry| {
        let name = entry
            .path()
            .strip_prefix(folder)
            .unwrap()
            .display()
            .to_string();
        (name, std::fs::read(entry.path()).unwrap())
    };
    files.map(read).collect()
}

#[test]
fn an_image_from_scratch() {
    let world = World::new();
    let mut request = image(Base::Scratch);
    request
        .layers
        .insert(0, layer("third party", [text("lib/six.py", "six")]));
    request.config.entrypoint = Some(vec!["/app/run".to_owned()]);
    let output = Output {
        tag: Some("1.4.0".to_owned()),
        ..world.output("new/image", Form::Folder)
    };
    let summary = world.try_write(&[request], &output).unwrap();
    assert_eq!(verify(&output.path).unwrap(), summary);

    let [of_image] = &summary.images[..] else {
        panic!("{summary:?}")
    };
    let [third_party, service] = &of_image.layers[..] else {
        panic!("{summary:?}")
    };
    assert_eq!((third_party.entries, service.entries), (2, 2));
    assert_eq!(of_image.base, None);
    let layout = json_file(&output.path.join("oci-layout"));
    assert_eq!(layout, json!({"imageLayoutVersion": "1.0.0"}));
    let size = |digest: &Digest| {
        blob(&output.path, &digest.to_string())
            .metadata()
            .unwrap()
            .len()
    };
    let expected = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [{
            "mediaType": MANIFEST, "digest": of_image.digest, "size": size(&of_image.digest),
            "platform": {"architecture": "amd64", "os": "linux"},
            "annotations": {"org.opencontainers.image.ref.name": "1.4.0"},
        }],
    });
    assert_eq!(json_file(&output.path.join("index.json")), expected);
    let expected = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": of_image.config, "size": size(&of_image.config)},
        "layers": [
            {"mediaType": LAYER, "digest": third_party.digest, "size": third_party.size},
            {"mediaType": LAYER, "digest": service.digest, "size": service.size},
        ],
    });
    assert_eq!(
        json_file(&blob(&output.path, &of_image.digest.to_string())),
        expected
    );
    let expected = json!({
        "created": "1970-01-01T00:00:00Z", "architecture": "amd64", "os": "linux",
        "config": {"Entrypoint": ["/app/run"]},
        "rootfs": {"type": "layers", "diff_ids": [third_party.diff_id, service.diff_id]},
        "history": [
            {"created": "1970-01-01T00:00:00Z", "created_by": "third party"},
            {"created": "1970-01-01T00:00:00Z", "created_by": "service"},
        ],
    });
    assert_eq!(
        json_file(&blob(&output.path, &of_image.config.to_string())),
        expected
    );
    // Two layers, the configuration, the manifest; index.json and oci-layout.
    assert_eq!(tree(&output.path).len(), 6);
}

#[test]
fn the_same_bytes_wherever_it_is_written() {
    let world = World::new();
    let (base, _) = simple_base(&world);
    let moved = Base::Layout(world.path("moved"), None);
    world.write(&[image(base)], "one");
    std::fs::rename(world.path("base"), world.path("moved")).unwrap();
    world.write(&[image(moved)], "deep/er/two");
    assert_eq!(tree(&world.path("one")), tree(&world.path("deep/er/two")));
}

#[test]
fn images_for_several_platforms_share_what_is_the_same() {
    let world = World::new();
    let on = |name: &str, own: &str| ImageRequest {
        platform: platform(name),
        layers: vec![
            layer("shared", [text("a", "a")]),
            layer("own", [text("b", own)]),
        ],
        ..image(Base::Scratch)
    };
    let output = Output {
        tag: Some("registry.example/team/api:2".to_owned()),
        ..world.output("image", Form::Folder)
    };
    let images = [on("linux/amd64", "1"), on("linux/arm64/v8", "2")];
    let summary = world.try_write(&images, &output).unwrap();
    let [amd, arm] = &summary.images[..] else {
        panic!("{summary:?}")
    };
    assert_eq!(amd.layers[0], arm.layers[0]);
    assert_ne!(amd.layers[1], arm.layers[1]);
    // Three layers, two configurations, two manifests, an index of them; index.json and oci-layout.
    assert_eq!(tree(&output.path).len(), 10);

    let [root] = &summary.roots[..] else {
        panic!("{summary:?}")
    };
    let names = json!({
        "io.containerd.image.name": "registry.example/team/api:2",
        "org.opencontainers.image.ref.name": "registry.example/team/api:2",
    });
    assert_eq!(json!(root.annotations), names);
    let index = json_file(&blob(&output.path, &root.digest.to_string()));
    let platforms: Vec<&Value> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["platform"])
        .collect();
    let expected = [
        &json!({"os": "linux", "architecture": "amd64"}),
        &json!({"os": "linux", "architecture": "arm64", "variant": "v8"}),
    ];
    assert_eq!(platforms, expected);

    let error = world.failure(&[on("linux/amd64", "1"), on("linux/amd64", "2")]);
    assert_eq!(error, "no image can be made: there are two for linux/amd64");
    assert_eq!(
        world.failure(&[]),
        "no image can be made: none is asked for"
    );
}

#[test]
fn an_archive_holds_the_same_layout() {
    let world = World::new();
    let (base, _) = simple_base(&world);
    let folder = world.write(&[image(base.clone())], "folder");
    let tagged = |name: &str| Output {
        tag: Some("team/api:2".to_owned()),
        ..world.output(name, Form::Archive)
    };
    let summary = world
        .try_write(&[image(base.clone())], &tagged("a.tar"))
        .unwrap();
    assert_eq!(summary.images, folder.images);
    assert_eq!(verify(&world.path("a.tar")).unwrap(), summary);
    world.try_write(&[image(base)], &tagged("b.tar")).unwrap();
    let bytes = std::fs::read(world.path("a.tar")).unwrap();
    assert!(bytes == std::fs::read(world.path("b.tar")).unwrap());

    let mut archive = tar::Archive::new(&bytes[..]);
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        names.push(name.clone());
        if entry.header().entry_type().is_file() {
            let content = files.entry(name).or_default();
            entry.read_to_end(content).unwrap();
        }
    }
    assert_eq!(names[..2], ["blobs/", "blobs/sha256/"]);
    // What `docker load` looks for.
    let docker: Value = serde_json::from_slice(&files.remove("manifest.json").unwrap()).unwrap();
    let of_image = &summary.images[0];
    let path = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let layers: Vec<String> = of_image
        .layers
        .iter()
        .map(|layer| path(&layer.digest))
        .collect();
    let expected = json!([{
        "Config": path(&of_image.config), "RepoTags": ["docker.io/team/api:2"], "Layers": layers,
    }]);
    assert_eq!(docker, expected);
    files.remove("index.json");
    let mut expected = tree(&world.path("folder"));
    expected.remove("index.json");
    assert_eq!(files, expected);
}

#[test]
fn an_old_layout_is_replaced_and_nothing_else() {
    let world = World::new();
    world.write(&[image(Base::Scratch)], "image");
    let other = ImageRequest {
        layers: vec![layer("other", [text("x", "y")])],
        ..image(Base::Scratch)
    };
    // What killed processes have left behind.
    let dead = world.path(".oci.mpoetry-999999999.0");
    std::fs::create_dir_all(dead.join("layout")).unwrap();
    let summary = world.write(std::slice::from_ref(&other), "image");
    assert_eq!(verify(&world.path("image")).unwrap(), summary);
    assert_eq!(tree(&world.path("image")).len(), 5);
    assert_eq!(world.litter(), Vec::<String>::new());

    std::fs::create_dir(world.path("empty")).unwrap();
    world.write(std::slice::from_ref(&other), "empty");

    std::fs::create_dir(world.path("home")).unwrap();
    std::fs::write(world.path("home/letter"), "dear").unwrap();
    let refused = |name: &str, form: Form| {
        let output = world.output(name, form);
        let error = world
            .try_write(std::slice::from_ref(&other), &output)
            .unwrap_err();
        world.text(&error)
    };
    assert_eq!(
        refused("home", Form::Folder),
        "`[temp]/home` can't be replaced: it is a folder with something else than an image layout in it"
    );
    assert_eq!(
        refused("home/letter", Form::Folder),
        "`[temp]/home/letter` can't be replaced: it is a file"
    );
    assert_eq!(
        refused("home", Form::Archive),
        "`[temp]/home` can't be replaced: it is a folder"
    );
    assert_eq!(std::fs::read(world.path("home/letter")).unwrap(), b"dear");
}

#[test]
fn a_failure_leaves_the_old_layout() {
    let world = World::new();
    world.write(&[image(Base::Scratch)], "image");
    let before = tree(&world.path("image"));
    let (base, blobs) = simple_base(&world);
    let largest = blobs
        .0
        .iter()
        .max_by_key(|(_, bytes)| bytes.len())
        .unwrap()
        .0;
    std::fs::remove_file(blob(&world.path("base"), largest)).unwrap();
    let output = world.output("image", Form::Folder);
    world.try_write(&[image(base)], &output).unwrap_err();
    assert_eq!(tree(&world.path("image")), before);
    assert_eq!(world.litter(), Vec::<String>::new());
}

#[test]
fn two_at_once_both_succeed() {
    let world = World::new();
    let output = world.output("image", Form::Folder);
    let requests = ["1", "2", "3", "4"].map(|text_of| ImageRequest {
        layers: vec![layer("x", [text("x", text_of)])],
        ..image(Base::Scratch)
    });
    let summaries: Vec<Summary> = std::thread::scope(|scope| {
        let threads = requests.each_ref().map(|request| {
            scope.spawn(|| {
                world
                    .try_write(std::slice::from_ref(request), &output)
                    .unwrap()
            })
        });
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let last = verify(&output.path).unwrap();
    assert!(summaries.contains(&last));
    assert_eq!(world.litter(), Vec::<String>::new());
}

#[test]
fn tags_that_are_none_are_refused() {
    let world = World::new();
    for tag in ["", "a b", "team/api", "team/api:", "api@sha256:00", "-x"] {
        let output = Output {
            tag: Some(tag.to_owned()),
            ..world.output("image", Form::Folder)
        };
        let error = world
            .try_write(&[image(Base::Scratch)], &output)
            .unwrap_err();
        let expected =
            format!("`{tag}` is no name of an image: it is neither a tag nor a name with a tag");
        assert_eq!(error.to_string(), expected);
    }
}

/// Every byte that is not the right one is noticed.
#[test]
fn verify_reads_everything() {
    let world = World::new();
    let (base, _) = simple_base(&world);
    world.write(&[image(base)], "image");
    let layout = world.path("image");
    for (name, bytes) in tree(&layout) {
        let path = layout.join(&name);
        let refused = |damage: &str| {
            let error = verify(&layout).expect_err(&format!("{name} {damage}"));
            assert!(
                world.text(&error).contains("[temp]/image"),
                "{name} {damage}: {error}"
            );
            assert!(
                error.advice().is_some() || matches!(error, OciError::Document { .. }),
                "{error:?}"
            );
        };
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        refused("cut");
        std::fs::write(&path, [&bytes[..], b"}"].concat()).unwrap();
        refused("longer");
        let mut flipped = bytes.clone();
        // Of the index and the version only what they say counts; a brace never does not.
        flipped[0] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        refused("changed");
        std::fs::remove_file(&path).unwrap();
        refused("missing");
        std::fs::write(&path, bytes).unwrap();
    }
    verify(&layout).unwrap();
}
