//! Base images in layouts.

use super::*;

fn layer_digests(layers: &[Vec<u8>]) -> Vec<Digest> {
    layers
        .iter()
        .map(|layer| Digest::of(&gzip(layer)))
        .collect()
}

#[test]
fn a_base_keeps_its_layers_and_settings() {
    let world = World::new();
    let (base, blobs) = simple_base(&world);
    let mut request = image(base);
    request.config = ConfigChanges {
        entrypoint: Some(vec!["python3".to_owned(), "/app/main.py".to_owned()]),
        path: vec!["/app/bin".to_owned()],
        env: [("PYTHONPATH".to_owned(), "/app".to_owned())].into(),
        labels: [("of".to_owned(), "service".to_owned())].into(),
        ..ConfigChanges::default()
    };
    let summary = world.write(&[request], "image");
    let of_image = &summary.images[0];
    let digests: Vec<Digest> = of_image
        .layers
        .iter()
        .map(|layer| layer.digest.clone())
        .collect();
    assert_eq!(digests[..2], layer_digests(&rootfs()));
    let in_layout = |digest: &Digest| world.path("image/blobs/sha256").join(digest.hex());
    for digest in &digests[..2] {
        assert!(std::fs::read(in_layout(digest)).unwrap() == blobs.0[&digest.to_string()]);
    }
    let manifest = json_file(&in_layout(&of_image.digest));
    let types: Vec<&str> = manifest["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["mediaType"].as_str().unwrap())
        .collect();
    assert_eq!(types, [LAYER; 3]);
    let base_manifest = json_file(&world.path("base/index.json"))["manifests"][0]["digest"].clone();
    // Not a word of where it was.
    assert_eq!(
        manifest["annotations"],
        json!({"org.opencontainers.image.base.digest": base_manifest})
    );
    assert_eq!(json!(of_image.base), base_manifest);

    let expected = json!({
        "created": "1970-01-01T00:00:00Z", "architecture": "amd64", "os": "linux",
        "config": {
            "Entrypoint": ["python3", "/app/main.py"],
            "Env": ["PATH=/app/bin:/usr/bin", "LANG=C.UTF-8", "PYTHONPATH=/app"],
            "Healthcheck": {"Test": ["NONE"]}, "Labels": {"of": "service"},
        },
        "rootfs": {"type": "layers", "diff_ids": of_image.layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>()},
        "history": [
            {"created": "2024-05-06T07:08:09Z", "created_by": "ADD rootfs.tar"},
            {"created_by": "ENV LANG", "empty_layer": true},
            {"created": "1970-01-01T00:00:00Z", "created_by": "a layer of the base image"},
            {"created": "1970-01-01T00:00:00Z", "created_by": "service"},
        ],
    });
    assert_eq!(json_file(&in_layout(&of_image.config)), expected);
}

#[test]
fn an_image_can_be_the_base_of_another() {
    let world = World::new();
    let (base, _) = simple_base(&world);
    let output = world.output("first.tar", Form::Archive);
    let first = world.try_write(&[image(base)], &output).unwrap();
    let mut request = image(Base::Layout(output.path, None));
    request.layers = vec![layer("more", [text("app/more.py", "")])];
    let second = world.write(&[request], "second");
    assert_eq!(second.images[0].layers[..3], first.images[0].layers);
    assert_eq!(
        second.images[0].base.as_ref(),
        Some(&first.images[0].digest)
    );
}

#[test]
fn the_platform_is_chosen() {
    let world = World::new();
    let mut blobs = Blobs::default();
    let only = |name: &str| [tar(&[('f', name, "")])];
    let mut manifests = vec![
        blobs.image("linux/amd64", &only("amd")),
        blobs.image("linux/arm64/v8", &only("arm")),
        blobs.image("linux/arm/v7", &only("old")),
    ];
    // What builders add, and an image of which only the name has been copied.
    manifests[0].as_object_mut().unwrap().remove("annotations");
    let mut attestation = blobs.add(MANIFEST, "{}");
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    manifests.push(attestation);
    let missing = json!({
        "mediaType": MANIFEST, "size": 1, "digest": Digest::of(b"x"),
        "platform": {"os": "linux", "architecture": "s390x"},
    });
    manifests.push(missing);
    let index = json!({"schemaVersion": 2, "mediaType": DOCKER_INDEX, "manifests": manifests});
    let index = blobs.add(DOCKER_INDEX, index.to_string());
    blobs.layout(&world.path("nested"), std::slice::from_ref(&index));
    blobs.layout(&world.path("flat"), &manifests);

    let nested = world.path("nested");
    for layout in [&nested, &world.path("flat")] {
        for (wanted, expected) in [
            ("linux/amd64", "amd"),
            ("linux/arm64", "arm"),
            ("linux/arm", "old"),
        ] {
            let request = ImageRequest {
                platform: platform(wanted),
                ..image(Base::Layout(layout.clone(), None))
            };
            let summary = world.write(&[request], "image");
            assert_eq!(
                summary.images[0].layers[0].diff_id,
                Digest::of(&only(expected)[0]),
                "{wanted}"
            );
        }
        let windows = ImageRequest {
            platform: platform("windows/amd64"),
            ..image(Base::Layout(layout.clone(), None))
        };
        let error = world.failure(&[windows]);
        let expected = format!(
            "`{}` does not exist for windows/amd64, only for linux/amd64, linux/arm64/v8, linux/arm/v7, linux/s390x",
            layout.display()
        );
        assert_eq!(
            error,
            expected.replace(&world.folder.path().display().to_string(), "[temp]")
        );
    }
    // A digest of the index or of an image in it.
    for digest in [&index["digest"], &manifests[0]["digest"]] {
        let base = Base::Layout(nested.clone(), Some(digest.as_str().unwrap().to_owned()));
        world.write(&[image(base)], "image");
    }
    let lacking = ImageRequest {
        platform: platform("linux/s390x"),
        ..image(Base::Layout(nested, None))
    };
    let expected = format!("`[temp]/nested` lacks the blob {}", Digest::of(b"x"));
    assert_eq!(world.failure(&[lacking]), expected);
}

#[test]
fn an_image_without_a_platform_in_its_descriptor_is_read() {
    let world = World::new();
    let mut blobs = Blobs::default();
    let mut manifest = blobs.image("linux/arm64", &rootfs());
    manifest.as_object_mut().unwrap().remove("platform");
    blobs.layout(&world.path("base"), &[manifest]);
    let error = world.failure(&[image(Base::Layout(world.path("base"), None))]);
    assert_eq!(
        error,
        "`[temp]/base` does not exist for linux/amd64, only for linux/arm64"
    );
}

#[test]
fn the_tag_decides_among_several() {
    let world = World::new();
    let mut blobs = Blobs::default();
    let mut tagged = |tag: &str| {
        let mut manifest = blobs.image("linux/amd64", &[tar(&[('f', tag, "")])]);
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        manifest
    };
    let manifests = ["one", "two"].map(&mut tagged);
    blobs.layout(&world.path("base"), &manifests);
    let base = |tag: Option<&str>| image(Base::Layout(world.path("base"), tag.map(str::to_owned)));
    let summary = world.write(&[base(Some("two"))], "image");
    assert_eq!(json!(summary.images[0].base), manifests[1]["digest"]);
    assert_eq!(
        world.failure(&[base(None)]),
        "`[temp]/base` has several images: one, two"
    );
    assert_eq!(
        world.failure(&[base(Some("three"))]),
        "`[temp]/base` has no image `three`; it has one, two"
    );

    // Without tags, too, nobody guesses.
    let bare = manifests.each_ref().map(|manifest| {
        let mut manifest = manifest.clone();
        manifest.as_object_mut().unwrap().remove("annotations");
        manifest
    });
    blobs.layout(&world.path("base"), &bare);
    let error = world.failure(&[base(None)]);
    assert!(
        error.starts_with("`[temp]/base` has several images: sha256:"),
        "{error}"
    );
}

#[test]
fn damage_is_named() {
    let world = World::new();
    let (base, blobs) = simple_base(&world);
    let request = [image(base)];
    let blob = |digest: &str| world.path("base/blobs/sha256").join(&digest[7..]);
    for (digest, bytes) in &blobs.0 {
        let path = blob(digest);
        let mut flipped = bytes.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        let expected = format!(
            "the digest of `[temp]/base/blobs/sha256/{}` is {}, but should be {digest}",
            &digest[7..],
            Digest::of(&flipped)
        );
        assert_eq!(world.failure(&request), expected);
        std::fs::write(&path, &bytes[1..]).unwrap();
        let expected = format!(
            "the size of `[temp]/base/blobs/sha256/{}` is {}, but should be {}",
            &digest[7..],
            bytes.len() - 1,
            bytes.len()
        );
        assert_eq!(world.failure(&request), expected);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            world.failure(&request),
            format!("`[temp]/base` lacks the blob {digest}")
        );
        std::fs::write(&path, bytes).unwrap();
    }
    world.write(&request, "image");
}

/// An image whose descriptors are right, but whose parts don't fit.
fn odd(world: &World, change: impl Fn(&mut Value, &mut Value)) -> String {
    let mut blobs = Blobs::default();
    let mut descriptor = blobs.image("linux/amd64", &rootfs());
    let read = |blobs: &Blobs, descriptor: &Value| -> Value {
        serde_json::from_slice(&blobs.0[descriptor["digest"].as_str().unwrap()]).unwrap()
    };
    let mut manifest = read(&blobs, &descriptor);
    let mut config = read(&blobs, &manifest["config"]);
    change(&mut manifest, &mut config);
    let media_type = manifest["config"]["mediaType"].as_str().unwrap().to_owned();
    manifest["config"] = blobs.add(&media_type, config.to_string());
    let platform = descriptor["platform"].clone();
    descriptor = blobs.add(DOCKER_MANIFEST, manifest.to_string());
    descriptor["platform"] = platform;
    let folder = world.path("odd");
    drop(std::fs::remove_dir_all(&folder));
    blobs.layout(&folder, &[descriptor]);
    let error = world.failure(&[image(Base::Layout(folder, None))]);
    // Which blob it is does not matter here.
    let is_hex = |part: &str| part.len() == 64;
    error
        .split(['/', '`', ':', ' '])
        .filter(|part| is_hex(part))
        .fold(error.clone(), |text, hex| text.replace(hex, "…"))
}

#[test]
fn parts_that_do_not_fit_are_named() {
    let world = World::new();
    let wrong = Digest::of(b"wrong");
    let error = odd(&world, |_, config| {
        config["rootfs"]["diff_ids"][0] = json!(wrong);
    });
    assert!(
        error.starts_with("the digest of the unpacked content of `[temp]/.oci.mpoetry-"),
        "{error}"
    );
    let error = odd(&world, |_, config| {
        config["rootfs"]["diff_ids"] = Value::Null;
    });
    assert_eq!(
        error,
        "`[temp]/odd/blobs/sha256/…` can't be read: it speaks of 0 layers, but the manifest of 2"
    );
    let error = odd(&world, |_, config| {
        config["architecture"] = "s390x".into();
    });
    assert_eq!(
        error,
        "`[temp]/odd` does not exist for linux/amd64, only for linux/s390x"
    );
    let error = odd(&world, |manifest, _| {
        manifest["config"]["mediaType"] = "text/plain".into();
    });
    assert_eq!(
        error,
        "`[temp]/odd/blobs/sha256/…` can't be read: it is no image of a container"
    );
    let error = odd(&world, |manifest, _| {
        manifest["manifests"] = json!([]);
    });
    assert_eq!(
        error,
        "`[temp]/odd/blobs/sha256/…` can't be read: it is neither an index nor a manifest of an image"
    );
    let error = odd(&world, |manifest, _| {
        manifest["layers"][0]["digest"] = "sha256:../../x".into();
    });
    assert!(
        error.contains("`sha256:../../x` is no sha256 digest"),
        "{error}"
    );
}

#[test]
fn what_is_no_layout_is_told_from_one() {
    let world = World::new();
    let (base, _) = simple_base(&world);
    world.write(&[image(base)], "image");
    let of = |name: &str| world.failure(&[image(Base::Layout(world.path(name), None))]);
    std::fs::create_dir(world.path("empty")).unwrap();
    assert_eq!(
        of("empty"),
        "`[temp]/empty` is no OCI image layout: it has no `oci-layout` and `index.json`"
    );
    std::fs::write(world.path("text"), "hello").unwrap();
    assert!(
        of("text").starts_with("`[temp]/text` is no OCI image layout: "),
        "{}",
        of("text")
    );
    std::fs::write(
        world.path("packed.tar"),
        gzip(&tar(&[('f', "oci-layout", "")])),
    )
    .unwrap();
    let error = of("packed.tar");
    assert!(error.starts_with("`[temp]/packed.tar` is no OCI image layout: it is neither a folder nor an uncompressed tar"), "{error}");
    std::fs::write(
        world.path("docker.tar"),
        tar(&[('f', "manifest.json", "[]")]),
    )
    .unwrap();
    assert_eq!(
        of("docker.tar"),
        "`[temp]/docker.tar` is no OCI image layout: it is in the older form of `docker save`"
    );
    std::fs::write(
        world.path("image/oci-layout"),
        r#"{"imageLayoutVersion": "2.0.0"}"#,
    )
    .unwrap();
    assert_eq!(
        of("image"),
        "`[temp]/image` is no OCI image layout: its version is 2.0.0, but only 1 is known"
    );
    assert!(
        of("nowhere").contains("`[temp]/nowhere`"),
        "{}",
        of("nowhere")
    );
}

#[test]
fn a_link_of_the_base_is_not_replaced_by_a_folder() {
    let world = World::new();
    let (base, _) = simple_base(&world);
    let with = |layers: Vec<Layer>| ImageRequest {
        layers,
        ..image(base.clone())
    };
    let error = world.failure(&[with(vec![layer("service", [text("lib/x", "")])])]);
    assert_eq!(
        error,
        "the layer `service` has a folder `lib`, which is a link in the base image"
    );
    let error = world.failure(&[with(vec![layer("service", [text("etc/passwd/x", "")])])]);
    assert_eq!(
        error,
        "the layer `service` has a folder `etc/passwd`, which is a file in the base image"
    );
    // Between layers of ours it is no better.
    let two = vec![
        layer("one", [link("app", "usr")]),
        layer("two", [text("app/x", "")]),
    ];
    let error = world.failure(&[with(two)]);
    assert_eq!(
        error,
        "the layer `two` has a folder `app`, which is a link in the base image"
    );
    world.write(
        &[with(vec![layer("service", [text("usr/lib/x", "")])])],
        "image",
    );

    // A link that a later layer of the base has removed is none.
    let mut blobs = Blobs::default();
    let [first, _] = rootfs();
    let manifest = blobs.image("linux/amd64", &[first, tar(&[('f', ".wh.lib", "")])]);
    blobs.layout(&world.path("base"), &[manifest]);
    world.write(
        &[with(vec![layer("service", [text("lib/x", "")])])],
        "image",
    );
}

#[test]
fn there_are_not_too_many_layers() {
    let world = World::new();
    let layers = |count: usize| {
        (0..count)
            .map(|number| layer("x", [text(&number.to_string(), "")]))
            .collect()
    };
    let (base, _) = simple_base(&world);
    let mut request = image(base);
    request.layers = layers(126);
    let error = world.failure(std::slice::from_ref(&request));
    let expected = "no image can be made: with 2 layers in the base and 126 on top it would have more than 127";
    assert_eq!(error, expected);
    request.layers = layers(125);
    assert_eq!(world.write(&[request], "image").images[0].layers.len(), 127);
}

/// Builders pack with zstd, and some put frames into it that are no content.
#[test]
fn a_layer_that_is_packed_with_zstd() {
    let world = World::new();
    let write = |folder: &str, packed: Vec<u8>, diff_id: Digest| {
        let mut blobs = Blobs::default();
        let zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        });
        let manifest = json!({
            "schemaVersion": 2, "config": blobs.add(OCI_CONFIG, config.to_string()),
            "layers": [blobs.add(zstd, packed)],
        });
        let manifest = blobs.add(MANIFEST, manifest.to_string());
        blobs.layout(&world.path(folder), &[manifest]);
        let request = image(Base::Layout(world.path(folder), None));
        world.try_write(&[request], &world.output("image", Form::Folder))
    };
    let [layer, _] = rootfs();
    let (begin, end) = layer.split_at(700);
    let pack = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let skipped = [
        &0x184d_2a50_u32.to_le_bytes()[..],
        &3_u32.to_le_bytes(),
        b"toc",
    ]
    .concat();
    let packed = [pack(begin), pack(end), skipped].concat();
    let summary = write("base", packed.clone(), Digest::of(&layer)).unwrap();
    assert_eq!(summary.images[0].layers.len(), 2);
    unpack(
        &world.path("image"),
        &platform("linux/amd64"),
        &world.path("rootfs"),
    )
    .unwrap();
    assert!(world.path("rootfs/etc/passwd").is_file());
    assert!(world.path("rootfs/app/main.py").is_file());

    let error = write("other", packed.clone(), Digest::of(b"x")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the digest of the unpacked content"),
        "{error}"
    );
    let cut = packed[..packed.len() / 2].to_vec();
    let error = write("cut", cut, Digest::of(&layer)).unwrap_err();
    assert!(error.to_string().ends_with("can't be unpacked"), "{error}");
}

#[test]
fn names_of_bases() {
    for (name, expected) in [
        ("scratch", Base::Scratch),
        ("oci:a/b", Base::Layout("a/b".into(), None)),
        (
            "oci:/a/b:1.0",
            Base::Layout("/a/b".into(), Some("1.0".to_owned())),
        ),
        (
            "oci:a:registry.example/x:1",
            Base::Layout("a".into(), Some("registry.example/x:1".to_owned())),
        ),
        (
            "python:3.11",
            Base::Registry("python:3.11".parse().unwrap()),
        ),
    ] {
        let base: Base = name.parse().unwrap();
        assert_eq!(base, expected);
        assert_eq!(base.to_string().parse::<Base>().unwrap(), base);
    }
    let digest = Digest::of(b"x").to_string();
    let base: Base = format!("oci-archive:x.tar@{digest}").parse().unwrap();
    assert_eq!(base, Base::Layout("x.tar".into(), Some(digest.clone())));
    assert_eq!(base.to_string(), format!("oci:x.tar@{digest}"));
    let base: Base = "docker://ghcr.io/a/b:1".parse().unwrap();
    assert_eq!(base.to_string(), "ghcr.io/a/b:1");
    for name in ["oci:", "oci::x", "oci:x:", "", "docker://"] {
        let error = name.parse::<Base>().unwrap_err().to_string();
        assert!(error.contains("is no name of an image: "), "{error}");
    }
}
