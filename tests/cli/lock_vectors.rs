//! Whole locks against Poetry's: `tests/vectors/locks` holds projects, what the index knew, and the lock that Poetry
//! wrote then. Here the same packages are made anew as real archives, served, and locked; the hashes of the archives and
//! the addresses of the index are turned back into the recorded ones before the bytes are compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::support::{
    File, Fixture, MetadataFile, PYPI, Repository, gzipped_tar, normalise, zip_of,
};

/// Cases in which we are right and Poetry is not, or refuses what is sound. `poetry.lock.ours` is what we write.
const DIFFERENT: [(&str, &str); 3] = [
    (
        "feature-edge-marker",
        "Poetry loses `a` where only one of two requirements on `a[x]` applies",
    ),
    (
        "feature-edge-marker-relock",
        "the same, and its own second lock says something else",
    ),
    (
        "path-nested-relative",
        "Poetry refuses a library that says its paths apart; we take it",
    ),
];

/// Where what we write is recorded for those.
const OURS: &str = "poetry.lock.ours";

#[derive(Deserialize)]
struct Case {
    args: Vec<String>,
    #[serde(default)]
    error: bool,
    rewritten: Option<bool>,
    #[serde(default)]
    git: BTreeMap<String, History>,
}

/// A repository that the manifest names.
#[derive(Deserialize)]
struct History {
    /// Where it lay when Poetry locked.
    at: String,
    commits: Vec<String>,
    steps: Vec<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    branch: Option<String>,
    files: BTreeMap<String, String>,
    tag: Option<String>,
}

#[derive(Deserialize)]
struct Release {
    name: String,
    version: String,
    summary: Option<String>,
    requires_dist: Option<Vec<String>>,
    requires_python: Option<String>,
    #[serde(default)]
    yanked: serde_json::Value,
    source: Option<String>,
    files: Vec<Listed>,
    file_metadata: Option<FileMetadata>,
}

#[derive(Deserialize)]
struct Listed {
    filename: String,
    hashes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct FileMetadata {
    requires_dist: Vec<String>,
    requires_python: Option<String>,
}

#[test]
fn locks_are_those_of_poetry() {
    let mut cases: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the recorded cases")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("case.json").exists())
        .collect();
    cases.sort();
    assert!(cases.len() > 50, "{} cases", cases.len());
    for path in &cases {
        let is_different = DIFFERENT.iter().any(|(name, _)| path.ends_with(name));
        assert_eq!(is_different, path.join(OURS).exists(), "{}", path.display());
    }
    let differences = cases
        .iter()
        .filter_map(|path| Replay::new(path).difference());
    let wrong: Vec<String> = differences.collect();
    assert!(
        wrong.is_empty(),
        "{} cases differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/locks")
}

struct Replay {
    folder: PathBuf,
    case: Case,
    fx: Fixture,
    /// What to turn back in the lock, and into what.
    back: Vec<(String, String)>,
    /// The manifest had to be changed, so its hash is another.
    other_hash: bool,
}

impl Replay {
    fn new(folder: &Path) -> Self {
        let fx = Fixture::copy_of(folder);
        let mut replay = Self {
            folder: folder.to_owned(),
            case: read_json(&folder.join("case.json")),
            fx,
            back: Vec::new(),
            other_hash: false,
        };
        replay.serve_index();
        replay.serve_direct_archives();
        replay.make_repositories();
        replay
    }

    /// `None`, or what is wrong.
    fn difference(&self) -> Option<String> {
        let name = self
            .folder
            .file_name()
            .expect("a name")
            .display()
            .to_string();
        let lock = "project/poetry.lock";
        if self.fx.exists("poetry.lock.before") {
            let mut before = self.fx.read("poetry.lock.before");
            for (from, to) in &self.back {
                before = before.replace(to, from);
            }
            self.fx.write(lock, before);
        }
        let before = self.fx.snapshot_tree();
        let mut arguments = vec!["lock"];
        arguments.extend(self.case.args.iter().map(String::as_str));
        let outcome = self.fx.mpoetry_with("project", &arguments);
        let differences = before.differences(&self.fx.snapshot_tree());
        let recorded = [OURS, "poetry.lock.expected"]
            .into_iter()
            .find(|recorded| self.fx.exists(recorded))
            .unwrap_or("poetry.lock.expected");
        if self.case.error && recorded != OURS {
            let as_expected = outcome.code == Some(1) && differences.is_empty();
            return (!as_expected).then(|| format!("=== {name}: should fail\n{outcome}"));
        }
        if outcome.code != Some(0) {
            return Some(format!("=== {name}\n{outcome}"));
        }
        if self.case.rewritten == Some(false) && !differences.is_empty() {
            return Some(format!("=== {name}: should write nothing\n{differences:?}"));
        }
        let found = self.turned_back(&self.fx.read(lock));
        let expected = self.comparable(&self.fx.read(recorded));
        (found != expected).then(|| format!("=== {name}\n{}", unlike(&expected, &found)))
    }

    fn turned_back(&self, lock: &str) -> String {
        let mut text = lock.to_owned();
        for (from, to) in &self.back {
            text = text.replace(from, to);
        }
        self.comparable(&text)
    }

    fn comparable(&self, lock: &str) -> String {
        if !self.other_hash {
            return lock.to_owned();
        }
        lock.lines()
            .filter(|line| !line.starts_with("content-hash"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Makes and publishes every release. Pages of named sources lie where their address says, below the host's name.
    fn serve_index(&mut self) {
        let manifest = self.fx.read("project/pyproject.toml");
        let sources = source_folders(&manifest);
        for release in read_json::<Vec<Release>>(&self.folder.join("index.json")) {
            let page = release.source.as_ref().map_or(PYPI, |name| &sources[name]);
            if release.source.is_none() {
                self.fx.index().serve(&release.page_path(), release.page());
            }
            for listed in &release.files {
                let file = self.made(&release, listed);
                self.fx.index().add(page, &release.name, file);
            }
        }
        if !sources.is_empty() {
            self.redirect("https://");
        }
    }

    /// The file as the page shows it: real bytes, and for every recorded hash the true one of the same algorithm.
    fn made(&mut self, release: &Release, listed: &Listed) -> File {
        let metadata = release.metadata();
        let stem = listed
            .filename
            .split('-')
            .take(2)
            .collect::<Vec<_>>()
            .join("-");
        let members = |path: String| {
            let name = format!("{}/name", path.split('/').next().unwrap_or_default());
            // No two files may have the same hash.
            [(path, metadata.clone()), (name, listed.filename.clone())]
        };
        let bytes = match listed.filename.as_str() {
            name if name.ends_with(".whl") => {
                zip_of(&members(format!("{stem}.dist-info/METADATA")))
            }
            name if name.ends_with(".zip") => zip_of(&members(format!(
                "{}/PKG-INFO",
                name.trim_end_matches(".zip")
            ))),
            name => gzipped_tar(&members(format!(
                "{}/PKG-INFO",
                name.trim_end_matches(".tar.gz")
            ))),
        };
        let mut file = File::named(&listed.filename);
        for (algorithm, recorded) in &listed.hashes {
            let digest = match algorithm.as_str() {
                "sha256" => HEXLOWER.encode(&Sha256::digest(&bytes)),
                "sha384" => HEXLOWER.encode(&Sha384::digest(&bytes)),
                "sha512" => HEXLOWER.encode(&Sha512::digest(&bytes)),
                _ => recorded.clone(),
            };
            self.back.push((digest.clone(), recorded.clone()));
            file.hashes.insert(algorithm.clone(), digest);
        }
        // METADATA can't say some summaries; then the release page has to tell them.
        let summary = release.summary.as_deref().unwrap_or_default();
        let is_described = listed.filename.ends_with(".whl")
            && release.requires_dist.is_some()
            && summary == summary.trim()
            && !summary.contains('\n');
        file.metadata = is_described.then_some(metadata);
        file.metadata_file = MetadataFile::Announced;
        file.requires_python.clone_from(&release.requires_python);
        file.yanked = match &release.yanked {
            serde_json::Value::Bool(true) => Some(String::new()),
            serde_json::Value::String(reason) => Some(reason.clone()),
            _ => None,
        };
        file.bytes = Some(bytes);
        file
    }

    /// Archives that the manifest names by their address.
    fn serve_direct_archives(&mut self) {
        for name in self.fx.list("urls") {
            let bytes = fs::read(self.fx.path(&format!("urls/{name}"))).expect("an archive");
            self.fx
                .index()
                .serve(&format!("/files.example/pkgs/{name}"), bytes);
            self.redirect("https://");
        }
    }

    /// Makes the repositories again. Who committed is not recorded, so that the commits have other names now.
    fn make_repositories(&mut self) {
        let mut moved = Vec::new();
        for (name, history) in &self.case.git {
            let repository = Repository::new(self.fx.top().join("git").join(name));
            moved.push((
                repository.folder().display().to_string(),
                history.at.clone(),
            ));
            for (step, recorded) in history.steps.iter().zip(&history.commits) {
                if let Some(branch) = &step.branch {
                    repository.branch(branch);
                }
                for (path, text) in &step.files {
                    repository.write(path, text);
                }
                moved.push((repository.commit(recorded), recorded.clone()));
                if let Some(tag) = &step.tag {
                    repository.git(&["tag", tag]);
                }
            }
        }
        let mut manifest = self.fx.read("project/pyproject.toml");
        for (here, recorded) in &moved {
            manifest = manifest.replace(recorded, here);
            self.other_hash = true;
        }
        self.fx.write("project/pyproject.toml", manifest);
        self.back.extend(moved);
    }

    /// Sends what the manifest addresses to the local index.
    fn redirect(&mut self, scheme: &str) {
        let here = format!("{}/", self.fx.index().address());
        let manifest = self.fx.read("project/pyproject.toml");
        self.fx
            .write("project/pyproject.toml", manifest.replace(scheme, &here));
        self.back.push((here, scheme.to_owned()));
        self.other_hash = true;
    }
}

impl Release {
    fn page_path(&self) -> String {
        format!("/pypi/{}/{}/json", normalise(&self.name), self.version)
    }

    /// PyPI's own page of the release.
    fn page(&self) -> String {
        let info = serde_json::json!({
            "name": self.name,
            "version": self.version,
            "summary": self.summary,
            "requires_dist": self.requires_dist,
            "requires_python": self.requires_python,
        });
        serde_json::json!({ "info": info }).to_string()
    }

    /// METADATA that makes an index client know what was recorded.
    fn metadata(&self) -> String {
        let summary = self
            .summary
            .as_deref()
            .unwrap_or_default()
            .replace(['\r', '\n'], " ");
        let mut text = format!(
            "Metadata-Version: 2.2\nName: {}\nVersion: {}\nSummary: {summary}\n",
            self.name, self.version
        );
        let own = self.file_metadata.as_ref();
        let python = self
            .requires_python
            .as_ref()
            .or(own.and_then(|it| it.requires_python.as_ref()));
        if let Some(python) = python {
            writeln!(text, "Requires-Python: {python}").expect("writing to memory");
        }
        let requires = self
            .requires_dist
            .as_ref()
            .or(own.map(|it| &it.requires_dist));
        for requirement in requires.into_iter().flatten() {
            writeln!(text, "Requires-Dist: {requirement}").expect("writing to memory");
        }
        text
    }
}

/// Sources of the manifest: name to the path of their pages, host first.
fn source_folders(manifest: &str) -> BTreeMap<String, String> {
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let sources = manifest
        .get("tool")
        .and_then(|it| it.get("poetry")?.get("source")?.as_array());
    let folder = |source: &toml::Value| {
        let url = source
            .get("url")?
            .as_str()?
            .trim_start_matches("https://")
            .trim_matches('/');
        Some((source["name"].as_str()?.to_owned(), url.to_owned()))
    };
    sources.into_iter().flatten().filter_map(folder).collect()
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Lines that only one of the two has, in the place of the first of them.
fn unlike(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), found.lines().collect());
    let same = expected
        .iter()
        .zip(&found)
        .take_while(|(a, b)| a == b)
        .count();
    let some = |lines: &[&str], sign: &str| {
        lines
            .iter()
            .skip(same)
            .take(8)
            .map(|line| format!("{sign}{line}\n"))
            .collect::<String>()
    };
    format!(
        "line {}\n{}{}",
        same + 1,
        some(&expected, "-"),
        some(&found, "+")
    )
}
