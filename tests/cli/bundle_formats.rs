//! The forms of a bundle, what it is made for, and what it tells of itself.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::bundle::{WORKER, locked};
use super::monorepo::{SERVICES, expected_line, main_module, monorepo};
use crate::support::{Archive, Fixture, Outcome, Repository, Wheel, python};

/// The monorepo with every service locked.
fn all_locked() -> Fixture {
    let fx = monorepo();
    for service in SERVICES {
        fx.mpoetry_in(service, ["lock"]).success();
    }
    fx
}

/// Nothing of what a bundle was made from can be reached any more.
fn forget_sources(fx: &mut Fixture) {
    fx.index_mut().stop();
    fs::rename(fx.path("libs"), fx.top().join("libs-out-of-reach")).expect("a new place");
}

/// The service has printed what it must without its dev group.
#[track_caller]
fn assert_said(fx: &Fixture, service: &str, outcome: Outcome) {
    let line = outcome.success().stdout;
    assert_eq!(line.trim_end(), expected_line(fx, service, false));
}

/// What a Python of this machine says to these words.
fn python_says(fx: &Fixture, program: &Path, words: &[&str], path: &str) -> Outcome {
    let mut command = fx.command(program);
    command
        .args(words)
        .current_dir(fx.top())
        .env("PYTHONPATH", path);
    fx.run(&mut command)
}

#[test]
fn layers_install_one_by_one_with_hashes_and_nothing_else() {
    let mut fx = all_locked();
    fx.mpoetry(["bundle", "--all", "--layout", "layers", "--dockerfile"])
        .success();
    forget_sources(&mut fx);
    // One with pure libraries, one with C code.
    for service in [WORKER, "stack/service-ml"] {
        let dist = fx.path(service).join("dist");
        let target = fx.top().join("site");
        let pip = python().pip.clone().expect("ensurepip's wheel");
        let shown = |name: &str| dist.join(name).display().to_string();
        let install = |words: &[String]| {
            let mut command = fx.command(&python().executable);
            command
                .arg(pip.join("pip"))
                .args([
                    "install",
                    "--no-index",
                    "--no-deps",
                    "--no-compile",
                    "--quiet",
                ])
                .args(["--disable-pip-version-check", "--target"])
                .arg(&target);
            fx.run(command.args(words)).success();
        };
        let requirements = shown("third-party/requirements.txt");
        install(&[
            "--require-hashes".to_owned(),
            "--find-links".to_owned(),
            shown("third-party"),
            "-r".to_owned(),
            requirements,
        ]);
        let wheels: Vec<String> = ["libs", "service"]
            .iter()
            .flat_map(|layer| {
                let names = fx.list(&format!("{service}/dist/{layer}"));
                let paths = names.into_iter().map(move |name| format!("{layer}/{name}"));
                paths.collect::<Vec<_>>()
            })
            .map(|name| shown(&name))
            .collect();
        install(&wheels);
        let site = target.display().to_string();
        let words = ["-m", &main_module(service)];
        let outcome = python_says(&fx, &python().executable, &words, &site);
        assert_said(&fx, service, outcome);
        fs::remove_dir_all(&target).expect("a folder");
    }
}

#[test]
fn trees_run_with_pythonpath_alone() {
    let mut fx = all_locked();
    fx.mpoetry(["bundle", "--all", "--format", "tree"])
        .success();
    forget_sources(&mut fx);
    for service in SERVICES {
        let moved = fx.top().join("image");
        fs::rename(fx.path(service).join("dist"), &moved).expect("a new place");
        let path =
            ["service", "libs", "third-party"].map(|layer| moved.join(layer).display().to_string());
        let words = ["-m", &main_module(service)];
        let outcome = python_says(&fx, &python().executable, &words, &path.join(":"));
        assert_said(&fx, service, outcome);
        if service.ends_with("report") {
            // Commands find their modules without any variable.
            let outcome = python_says(&fx, &python().executable, &[&command_of(&moved)], "");
            assert_said(&fx, service, outcome);
        }
        fs::remove_dir_all(&moved).expect("a folder");
    }
}

/// The one command of a tree.
fn command_of(tree: &Path) -> String {
    let own = fs::read_dir(tree.join("bin")).expect("commands");
    let own = own.map(|entry| entry.expect("an entry").path());
    let mut own: Vec<_> = own
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().contains("report"))
        })
        .collect();
    own.pop().expect("a command").display().to_string()
}

#[test]
fn a_zipapp_is_one_file() {
    let mut fx = all_locked();
    fx.mpoetry(["bundle", "--all", "--format", "zipapp"])
        .success();
    forget_sources(&mut fx);
    for service in SERVICES {
        let name = service.rsplit('/').next().unwrap_or(service);
        let file = fx.path(service).join(format!("dist/{name}.pyz"));
        for _ in 0..2 {
            let words = [&*file.display().to_string()];
            let outcome = python_says(&fx, &python().executable, &words, "");
            assert_said(&fx, service, outcome);
        }
    }
}

#[test]
fn an_environment_has_no_editables() {
    let mut fx = all_locked();
    for service in SERVICES {
        let out = fx.top().join("venvs").join(service).display().to_string();
        fx.mpoetry_in(service, ["bundle", "venv", &out, "--only", "main"])
            .success();
    }
    forget_sources(&mut fx);
    for service in SERVICES {
        let program = fx.top().join("venvs").join(service).join("bin/python");
        let outcome = python_says(&fx, &program, &["-m", &main_module(service)], "");
        assert_said(&fx, service, outcome);
    }
}

/// The lines are the plugin's; groups that are not optional are taken, and what is not wanted any more goes.
#[test]
fn the_command_of_the_plugin() {
    let fx = locked(WORKER);
    let outcome = fx
        .mpoetry_in(WORKER, ["bundle", "venv", "../../out"])
        .success();
    insta::assert_snapshot!(outcome.stdout, @"
    • Bundling service-worker (1.0.4) into ../../out
    • Bundling service-worker (1.0.4) into ../../out: Creating a virtual environment using Poetry-determined Python
    • Bundling service-worker (1.0.4) into ../../out: Installing dependencies
    • Bundling service-worker (1.0.4) into ../../out: Installing service-worker (1.0.4)
    • Bundled service-worker (1.0.4) into ../../out
    ");
    let has = |name: &str| {
        let library = fx.list("out/lib").pop().expect("a folder");
        let site = format!("out/lib/{library}/site-packages");
        fx.list(&site).iter().any(|found| found.starts_with(name))
    };
    assert!(has("pytest-") && has("pip-") && has("libmq-1.2.0.dist-info"));
    fx.mpoetry_in(WORKER, ["bundle", "venv", "../../out", "--without", "dev"])
        .success();
    assert!(!has("pytest-") && has("pip-") && has("libmq-1.2.0.dist-info"));
}

/// A service called `venv` is still a service.
#[test]
fn the_word_venv_may_be_a_path() {
    let fx = locked(WORKER);
    fs::rename(fx.path(WORKER), fx.path("stack/venv")).expect("a new place");
    let outcome = fx.mpoetry_in("stack", ["bundle", "./venv"]).success();
    assert!(
        outcome.stdout.contains("into [root]/stack/venv/dist"),
        "{outcome}"
    );
    let outcome = fx.mpoetry_in("stack", ["bundle", "venv"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("Not enough arguments (missing: \"path\")"),
        "{outcome}"
    );
}

#[test]
fn several_services_are_bundled_at_once() {
    let fx = all_locked();
    let outcome = fx.mpoetry([
        "bundle",
        "service-worker",
        "service-report",
        "--output",
        "out",
    ]);
    outcome.success();
    assert_eq!(fx.list("out"), ["service-report", "service-worker"]);
    fx.remove("stack/service-report/poetry.lock");
    let outcome = fx.mpoetry(["bundle", "service-worker", "service-report"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .ends_with("1 of 2 services failed: service-report\n"),
        "{outcome}"
    );
    assert!(fx.exists("stack/service-worker/dist/bundle.json"));
    // Libraries are no services, though they are locked.
    let outcome = fx.mpoetry(["bundle", "--all", "--only-libs"]).success();
    assert!(!outcome.stdout.contains("libs/"), "{outcome}");
    assert_eq!(outcome.stdout.matches("Bundling ").count(), 3, "{outcome}");
}

#[test]
fn a_dockerfile_keeps_image_and_command() {
    let fx = locked(WORKER);
    fx.mpoetry(["bundle", WORKER, "--layout", "layers", "--dockerfile"])
        .success();
    insta::assert_snapshot!(fx.read(&format!("{WORKER}/dist/Dockerfile")), @r#"
    FROM python:3.11-slim

    # Mounts need BuildKit, which docker uses since version 23.
    RUN --mount=type=bind,source=third-party,target=/tmp/third-party \
        pip install --no-index --no-deps --no-cache-dir --require-hashes --find-links /tmp/third-party -r /tmp/third-party/requirements.txt
    RUN --mount=type=bind,source=libs,target=/tmp/libs \
        pip install --no-index --no-deps --no-cache-dir /tmp/libs/*.whl
    RUN --mount=type=bind,source=service,target=/tmp/service \
        pip install --no-index --no-deps --no-cache-dir /tmp/service/*.whl

    CMD ["python", "-m", "service_worker.main"]
    "#);
    fx.mpoetry(["bundle", WORKER, "--format", "tree", "--dockerfile"])
        .success();
    insta::assert_snapshot!(fx.read(&format!("{WORKER}/dist/Dockerfile")), @r#"
    FROM python:3.11-slim

    COPY third-party/ /app/third-party/
    COPY libs/ /app/libs/
    COPY service/ /app/service/
    ENV PYTHONPATH=/app/service:/app/libs:/app/third-party

    CMD ["python", "-m", "service_worker.main"]
    "#);
}

#[test]
fn bundles_tell_what_they_are_made_of() {
    let fx = locked(WORKER);
    fx.write("pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    fx.mpoetry(["bundle", WORKER]).success();
    let manifest = fx.read(&format!("{WORKER}/dist/bundle.json"));
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest["schema"], 1);
    assert_eq!(manifest["service"]["name"], "service-worker");
    let wheels = manifest["wheels"].as_array().expect("wheels");
    let of = |name: &str| {
        wheels
            .iter()
            .find(|wheel| wheel["name"] == name)
            .expect("a wheel")
    };
    assert_eq!(of("libmq")["origin"]["path"], "libs/libmq");
    assert_eq!(of("libmq")["layer"], "libs");
    assert_eq!(of("requests")["origin"]["url"], "https://pypi.org/simple/");
    assert_eq!(of("service-worker")["layer"], "service");

    let text = fx.read(&format!("{WORKER}/dist/sbom.cdx.json"));
    let sbom: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(sbom["specVersion"], "1.6");
    assert_eq!(
        sbom["components"].as_array().map(Vec::len),
        Some(wheels.len())
    );
    let depends = |name: &str| {
        let all = sbom["dependencies"].as_array().expect("dependencies");
        let own = all
            .iter()
            .find(|one| one["ref"] == name)
            .expect("a component");
        own["dependsOn"].clone()
    };
    assert_eq!(
        depends("service"),
        serde_json::json!(["service-worker@1.0.4"])
    );
    assert_eq!(
        depends("libmq@1.2.0"),
        serde_json::json!(["libtelemetry@0.3.0", "pika@1.3.2"])
    );
    let purl = |name: &str| {
        let all = sbom["components"].as_array().expect("components");
        let own = all
            .iter()
            .find(|one| one["name"] == name)
            .expect("a component");
        own["purl"].as_str().expect("text").to_owned()
    };
    assert_eq!(purl("pika"), "pkg:pypi/pika@1.3.2");
    assert_eq!(purl("libmq"), "pkg:generic/libmq@1.2.0");
    let root = fx.root().display().to_string();
    assert!(!text.contains(&root) && !manifest.to_string().contains(&root));
}

/// The statement is about every file, and is the same wherever it is made.
#[test]
fn provenance_is_told_when_asked_for() {
    let fx = locked(WORKER);
    fx.write("pyproject.toml", "[tool.mpoetry]\nroot = true\n");
    let file = format!("{WORKER}/dist/provenance.intoto.json");
    fx.mpoetry(["bundle", WORKER]).success();
    assert!(!fx.exists(&file));
    let builder = "https://ci.example/builder";
    let words = ["bundle", WORKER, &format!("--provenance={builder}")];
    fx.mpoetry(words).success();
    assert!(fx.mpoetry(words).success().stdout.contains("Nothing to do"));
    let text = fx.read(&file);
    assert!(!text.contains(&fx.root().display().to_string()), "{text}");
    let statement: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    assert_eq!(
        statement["predicate"]["runDetails"]["builder"]["id"],
        builder
    );
    let subjects = statement["subject"].as_array().expect("files");
    assert_eq!(subjects.len(), 10 + 3, "{text}");
    for subject in subjects {
        let name = subject["name"].as_str().expect("a name");
        let bytes = fs::read(fx.path(WORKER).join("dist").join(name)).expect("a file");
        let digest = HEXLOWER.encode(&Sha256::digest(bytes));
        assert_eq!(subject["digest"]["sha256"], digest, "{name}");
    }
    let materials = &statement["predicate"]["buildDefinition"]["resolvedDependencies"];
    let uris: Vec<&str> = materials
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|material| material["uri"].as_str())
        .collect();
    assert!(
        uris.contains(&"libs/libmq") && uris.contains(&"pkg:pypi/pika@1.3.2"),
        "{uris:?}"
    );
}

/// All that is decided by names of files is decided before anything is downloaded.
#[test]
fn every_gap_for_a_target_is_told_at_once() {
    let fx = monorepo();
    fx.index()
        .publish(&Wheel::new("structlog", "24.4.1").tag("cp398-cp398-manylinux_2_17_x86_64"));
    fx.index()
        .publish(&Wheel::new("pika", "1.3.3").tag("cp398-cp398-win_amd64"));
    fx.mpoetry_in(WORKER, ["lock"]).success();
    fx.index().forget_requests();
    let outcome = fx.mpoetry([
        "bundle",
        WORKER,
        "--platform",
        "linux/arm64",
        "--python",
        "3.98",
    ]);
    insta::assert_snapshot!(outcome, @r#"
    exit: 1
    ----- stdout -----
    Bundling service-worker for CPython 3.98.0 on manylinux_2_28_aarch64
    ----- stderr -----
    The "poetry.dev-dependencies" section is deprecated and will be removed in a future version. Use "poetry.group.dev.dependencies" instead.

    no file fits CPython 3.98.0 on manylinux_2_28_aarch64:
      - pika (1.3.3); there is pika-1.3.3-cp398-cp398-win_amd64.whl
      - structlog (24.4.1); there is structlog-24.4.1-cp398-cp398-manylinux_2_17_x86_64.whl
    "#);
    assert_eq!(fx.index().requests(), Vec::<String>::new());
}

#[test]
fn another_machine_gets_its_own_wheels() {
    let fx = monorepo();
    for tag in [
        "cp312-cp312-manylinux_2_17_aarch64",
        "cp312-cp312-musllinux_1_2_aarch64",
    ] {
        fx.index()
            .publish(&Wheel::new("structlog", "24.4.1").tag(tag));
    }
    fx.mpoetry_in(WORKER, ["lock"]).success();
    let words = [
        "bundle",
        WORKER,
        "--python",
        "3.12",
        "--platform",
        "manylinux_2_28_aarch64",
        "--platform",
        "musllinux_1_2_aarch64",
    ];
    fx.mpoetry(words).success();
    let dist = format!("{WORKER}/dist");
    assert_eq!(
        fx.list(&dist),
        [
            "cp312-manylinux_2_28_aarch64",
            "cp312-musllinux_1_2_aarch64"
        ]
    );
    for (label, tag) in [
        ("cp312-manylinux_2_28_aarch64", "manylinux_2_17"),
        ("cp312-musllinux_1_2_aarch64", "musllinux_1_2"),
    ] {
        let wheels = fx.list(&format!("{dist}/{label}/deps"));
        let own: Vec<&String> = wheels
            .iter()
            .filter(|name| name.contains("-cp312-"))
            .collect();
        assert_eq!(own.len(), 1, "{wheels:?}");
        assert!(own[0].contains(tag), "{own:?}");
    }
}

#[test]
fn a_library_for_this_machine_only_is_named() {
    let fx = locked("stack/service-ml");
    let words = [
        "bundle",
        "service-ml",
        "--python",
        "3.98",
        "--platform",
        "linux/arm64",
    ];
    let outcome = fx.mpoetry(words);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let expected = "the wheel of `libfast` is for another platform than CPython 3.98.0 on manylinux_2_28_aarch64";
    assert!(outcome.stderr.contains(expected), "{outcome}");
    assert!(outcome.stderr.contains("--wheel-from"), "{outcome}");
    // With a wheel that was built there it goes on.
    let file = "libfast-0.9.2-cp398-cp398-manylinux_2_17_aarch64.whl";
    let wheel = Wheel::new("libfast", "0.9.2").tag("cp398-cp398-manylinux_2_17_aarch64");
    fx.write(&format!("brought/{file}"), wheel.bytes());
    let words = [
        "bundle",
        "service-ml",
        "--python",
        "3.98",
        "--platform",
        "linux/arm64",
        "--wheel-from",
        "brought",
    ];
    fx.mpoetry(words).success();
    assert!(fx.exists(&format!("stack/service-ml/dist/deps/{file}")));
}

/// `python:slim` moves on by itself, and musl is not glibc.
#[test]
fn an_image_that_does_not_fit_is_told() {
    let fx = monorepo();
    fx.index()
        .publish(&Wheel::new("structlog", "24.4.1").tag("cp312-cp312-manylinux_2_17_x86_64"));
    fx.mpoetry_in(WORKER, ["lock"]).success();
    let dockerfile = format!("{WORKER}/Dockerfile");
    let warned = |from: &str| {
        let text = fx.read(&dockerfile);
        let rest = text.split_once('\n').expect("lines").1;
        fx.write(&dockerfile, format!("FROM {from}\n{rest}"));
        let words = [
            "bundle",
            WORKER,
            "--python",
            "3.12",
            "--platform",
            "linux/amd64",
        ];
        let stderr = fx.mpoetry(words).success().stderr;
        let lines = stderr
            .lines()
            .filter(|line| line.starts_with("Warning: the Dockerfile"));
        lines.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(warned("python:3.12-slim"), "");
    insta::assert_snapshot!(warned("python:3.11-slim"), @"Warning: the Dockerfile starts from `python:3.11-slim`, but this bundle is for Python 3.12 (structlog-24.4.1-cp312-cp312-manylinux_2_17_x86_64.whl); try `--python 3.11`");
    insta::assert_snapshot!(warned("python:slim"), @"Warning: the Dockerfile starts from `python:slim`, which moves to other versions of Python by itself, but this bundle is for Python 3.12 (structlog-24.4.1-cp312-cp312-manylinux_2_17_x86_64.whl); name it: `python:3.12-slim`");
    insta::assert_snapshot!(warned("python:3.12-alpine"), @"Warning: the Dockerfile starts from `python:3.12-alpine`, whose C library is musl, which this bundle is not for (structlog-24.4.1-cp312-cp312-manylinux_2_17_x86_64.whl); try `--platform musllinux_1_2_<machine>`");
}

/// Its modules are no wheel; a tree takes them as they are.
#[test]
fn a_service_that_is_no_package() {
    let fx = locked(WORKER);
    fx.edit(
        &format!("{WORKER}/pyproject.toml"),
        "[tool.poetry]\n",
        "[tool.poetry]\npackage-mode = false\n",
    );
    fx.mpoetry_in(WORKER, ["lock"]).success();
    let outcome = fx.mpoetry(["bundle", WORKER]).success();
    assert!(
        outcome.stderr.contains("the service is no package"),
        "{outcome}"
    );
    fx.mpoetry(["bundle", WORKER, "--format", "tree"]).success();
    assert!(fx.exists(&format!("{WORKER}/dist/service/service_worker/main.py")));
    assert!(!fx.exists(&format!("{WORKER}/dist/service/pyproject.toml")));
}

#[test]
fn what_has_no_hash_may_be_refused() {
    let fx = Fixture::empty();
    let repository = Repository::new(fx.top().join("tool"));
    repository.write("tool.py", "");
    repository.write(
        "pyproject.toml",
        "[project]\nname = \"tool\"\nversion = \"1.0\"\n\n[build-system]\nrequires = [\"poetry-core\"]\n\
         build-backend = \"poetry.core.masonry.api\"\n",
    );
    repository.commit("one");
    let manifest = format!(
        "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\n\
         dependencies = [\"tool @ git+{}\"]\n\n[tool.poetry]\npackages = [{{ include = \"app.py\" }}]\n\n\
         [build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n",
        repository.url()
    );
    fx.write("pyproject.toml", manifest);
    fx.write("app.py", "");
    fx.mpoetry(["lock"]).success();
    insta::assert_snapshot!(fx.mpoetry(["bundle", ".", "--require-hashes"]), @"
    exit: 1
    ----- stdout -----
    Bundling app for CPython 3.11.7 on linux-x86_64
    ----- stderr -----

    poetry.lock has no hash for `tool`
    ");
    assert!(!fx.exists("dist"));
    fx.mpoetry(["bundle", "."]).success();
    let wheels = fx.list("dist/deps");
    assert!(wheels[0].starts_with("tool-1.0-"), "{wheels:?}");
}

/// Unpacks the layers of the one image in a layout.
const UNPACK: &str = r#"
import json, sys, tarfile
layout, rootfs = sys.argv[1:]
blob = lambda digest: layout + "/blobs/" + digest.replace(":", "/")
read = lambda path: json.load(open(path))
manifest = read(blob(read(layout + "/index.json")["manifests"][0]["digest"]))
for layer in manifest["layers"]:
    with tarfile.open(blob(layer["digest"])) as archive:
        assert all(m.mtime == 0 and m.uid == 0 for m in archive)
        archive.extractall(rootfs)
config = read(blob(manifest["config"]["digest"]))
print(json.dumps(config["config"]), len(manifest["layers"]))
"#;

#[test]
fn an_image_has_a_layer_for_each() {
    let mut fx = all_locked();
    fx.mpoetry([
        "bundle", "--all", "--format", "oci", "--base", "scratch", "--tag", "1.0",
    ])
    .success();
    let again = fx.mpoetry([
        "bundle", WORKER, "--format", "oci", "--base", "scratch", "--tag", "1.0",
    ]);
    assert!(again.success().stdout.contains("Nothing to do"));
    forget_sources(&mut fx);
    for service in SERVICES {
        let layout = fx.path(service).join("dist/image").display().to_string();
        let rootfs = fx.top().join("rootfs");
        let words = ["-c", UNPACK, &layout, &rootfs.display().to_string()];
        let told = python_says(&fx, &python().executable, &words, "")
            .success()
            .stdout;
        assert!(
            told.contains("\"PYTHONPATH=/app/service:/app/libs:/app/third-party\""),
            "{told}"
        );
        assert!(
            told.contains(&format!(
                "\"Cmd\": [\"python\", \"-m\", \"{}\"]",
                main_module(service)
            )),
            "{told}"
        );
        assert!(told.trim_end().ends_with(" 3"), "{told}");
        let path = ["service", "libs", "third-party"]
            .map(|layer| rootfs.join("app").join(layer).display().to_string());
        let words = ["-m", &main_module(service)];
        let outcome = python_says(&fx, &python().executable, &words, &path.join(":"));
        assert_said(&fx, service, outcome);
        fs::remove_dir_all(&rootfs).expect("a folder");
    }
}

/// A change in a library changes one layer and nothing else.
#[test]
fn only_the_layer_of_a_changed_library_is_new() {
    let fx = locked(WORKER);
    let bundle = || {
        fx.mpoetry(["bundle", WORKER, "--format", "oci", "--base", "scratch"])
            .success();
        let manifest = fx.read(&format!("{WORKER}/dist/bundle.json"));
        let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
        (
            fx.list(&format!("{WORKER}/dist/image/blobs/sha256")),
            manifest["layers"].clone(),
        )
    };
    let (before, layers) = bundle();
    fx.edit(
        "libs/libmq/libmq/__init__.py",
        "broker:5672",
        "elsewhere:5672",
    );
    let (after, changed) = bundle();
    let kept = before.iter().filter(|blob| after.contains(blob)).count();
    // Its config and its manifest are new as well.
    assert_eq!((before.len(), after.len(), kept), (5, 5, 2));
    assert_ne!(layers["libs"], changed["libs"]);
    assert_eq!(layers["third-party"], changed["third-party"]);
    assert_eq!(layers["service"], changed["service"]);
}

#[test]
fn services_that_a_change_affects_are_bundled() {
    let fx = all_locked();
    let git = |words: &[&str]| {
        let mut command = fx.command("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.invalid"]);
        fx.run(command.args(words).current_dir(fx.root())).success();
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "one"]);
    let outcome = fx
        .mpoetry(["bundle", "--affected", "--since", "main"])
        .success();
    assert_eq!(
        outcome.stdout,
        "Nothing to do: no service is affected since main\n"
    );
    fx.edit(
        "libs/libmq/libmq/__init__.py",
        "broker:5672",
        "elsewhere:5672",
    );
    let outcome = fx
        .mpoetry(["bundle", "--affected", "--since", "main"])
        .success();
    let bundled: Vec<&str> = outcome
        .stdout
        .lines()
        .filter_map(|line| Some(line.strip_prefix("Bundling ")?.split_once(' ')?.0))
        .collect();
    assert_eq!(bundled, ["service-api", "service-worker"]);
}

#[test]
fn options_that_do_not_go_together_are_told() {
    let fx = locked(WORKER);
    for (words, expected) in [
        (
            &["bundle", WORKER, "--format", "tree", "--layout", "layers"][..],
            "`--layout layers` is for wheels",
        ),
        (
            &["bundle", WORKER, "--format", "tree", "--only-libs"],
            "`--only-libs` is for wheels",
        ),
        (
            &["bundle", WORKER, "--base", "scratch"],
            "`--base` and `--tag` are for images",
        ),
        (
            &["bundle", WORKER, "--platform", "beos"],
            "`beos` is no platform",
        ),
        (
            &["bundle", WORKER, "--python", "2.7"],
            "`2.7` is no version of Python",
        ),
        (
            &["bundle", WORKER, "--local-version=a b"],
            "a local version label consists of",
        ),
        (
            &[
                "bundle",
                WORKER,
                "--format",
                "zipapp",
                "--entry-point",
                "a:b:c",
            ],
            "`a:b:c` is neither a module nor",
        ),
        (&["bundle", "--affected"], "--since"),
        (&["bundle"], "Not enough arguments (missing: \"services\")"),
    ] {
        let outcome = fx.mpoetry_with("", words);
        assert_eq!(outcome.code, Some(1), "{words:?}: {outcome}");
        assert!(outcome.stderr.contains(expected), "{words:?}: {outcome}");
        assert!(!fx.exists(&format!("{WORKER}/dist")), "{words:?}");
    }
}

#[test]
fn the_options_of_the_plugin() {
    let fx = super::locked_service();
    let bundle = |options: &[&str]| {
        let words = [&["bundle", "venv", "out"], options].concat();
        let said = fx.mpoetry_with("", &words).success().stdout;
        let library = fx.list("out/lib").pop().expect("a folder");
        let site = format!("out/lib/{library}/site-packages");
        (
            said,
            fx.list(&site),
            fx.list(&format!("{site}/web/__pycache__")),
        )
    };
    let has = |names: &[String], name: &str| names.iter().any(|found| found.starts_with(name));
    let (said, packages, compiled) = bundle(&["--with", "docs"]);
    assert!(said.contains("using Poetry-determined Python\n"), "{said}");
    for name in ["web-1.1", "check-3.0", "pages-2.1", "service-"] {
        assert!(has(&packages, name), "{packages:?}");
    }
    assert!(compiled.is_empty(), "{compiled:?}");

    // What somebody has put there goes with --clear, and only then.
    fx.write("out/mine", "");
    let (_, packages, _) = bundle(&["--only", "main"]);
    assert!(
        fx.exists("out/mine") && !has(&packages, "check-"),
        "{packages:?}"
    );
    let program = python().executable.display().to_string();
    let (said, _, compiled) = bundle(&["--clear", "--compile", "-p", &program]);
    assert!(has(&compiled, "__init__."), "{compiled:?}");
    assert!(!fx.exists("out/mine"));
    assert!(
        said.contains(&format!("using Python {program}\n")),
        "{said}"
    );

    // A wheel for one platform is of no use on another.
    fx.index()
        .publish(&Wheel::new("native", "1.0").tag("py3-none-manylinux_2_17_aarch64"));
    fx.mpoetry(["add", "native", "--lock"]).success();
    bundle(&["--platform", "manylinux_2_28_aarch64"]);
    let words = ["bundle", "venv", "out", "--platform", "win_amd64"];
    let outcome = fx.mpoetry(words);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stderr.contains("native"), "{outcome}");
}
