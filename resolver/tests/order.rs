//! The same lock comes out in whichever order answers arrive, from one connection or many, from an empty cache or a
//! full one.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may fail loudly; clippy only excuses the tests themselves"
)]

#[path = "support/recorded.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod recorded;
#[path = "support/server.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod server;

use std::path::Path;
use std::time::Duration;

use recorded::{Entry, text, texts, vectors};
use resolver::cache::Cache;
use resolver::index::{Index, IndexSettings};
use resolver::project::Project;
use resolver::solver::{Request, resolve};
use serde_json::{Value, json};
use server::{Reply, Server};

/// Problems with conflicts, runs side by side and packages that are read in vain.
const PROBLEMS: [&str; 2] = ["plain-0369", "random-0062"];

/// A release's page entry, and its metadata.
fn release(entry: &Entry) -> (Value, String) {
    let spelling = entry.name.replace('-', "_");
    let filename = format!("{spelling}-{}-py3-none-any.whl", entry.version);
    let mut metadata = format!(
        "Metadata-Version: 2.1\nName: {}\nVersion: {}\n",
        entry.name, entry.version
    );
    for line in &entry.requires_dist {
        metadata.push_str(&format!("Requires-Dist: {line}\n"));
    }
    if let Some(python) = &entry.requires_python {
        metadata.push_str(&format!("Requires-Python: {python}\n"));
    }
    let listed = json!({
        "filename": filename,
        "url": format!("../../files/{filename}"),
        "hashes": {"sha256": resolver::dist::Hash::of_bytes(filename.as_bytes()).hex},
        "requires-python": entry.requires_python,
        "yanked": entry.yanked,
        "core-metadata": true,
    });
    (listed, metadata)
}

/// Serves the releases, each answer after another while.
fn serve(server: &Server, entries: &[Entry], seed: u64) {
    let delay = |text: &str| {
        let mixed = text.bytes().fold(seed, |sum, byte| {
            sum.wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(u64::from(byte))
        });
        Duration::from_millis((mixed >> 33) % 4)
    };
    let mut pages: std::collections::BTreeMap<&str, Vec<Value>> = std::collections::BTreeMap::new();
    for entry in entries {
        let (listed, metadata) = release(entry);
        let path = format!("/files/{}.metadata", listed["filename"].as_str().unwrap());
        let reply = Reply {
            delay: delay(&path),
            ..Reply::file(metadata)
        };
        server.route(&path, [reply]);
        pages.entry(&entry.name).or_default().push(listed);
    }
    for (name, files) in pages {
        let page = json!({"meta": {"api-version": "1.1"}, "name": name, "files": files});
        let reply = Reply {
            delay: delay(name),
            ..Reply::json(page.to_string())
        };
        server.route(&format!("/simple/{name}/"), [reply]);
    }
}

fn lock(folder: &Path, url: &str, connections: usize, cache: &Path) -> String {
    let settings = IndexSettings {
        pypi_url: url.to_owned(),
        offline: false,
        no_cache: false,
        timeout: 20,
        retries: 0,
        connections,
        user_agent: "test".to_owned(),
        ..IndexSettings::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let index = Index::new(settings, Cache::new(cache), None);
    let project = Project::read(folder).unwrap();
    let request = Request::default();
    let lockfile = resolve(&project, None, &request, &index, runtime.handle(), &()).unwrap();
    lockfile.to_text(folder)
}

#[test]
fn locks_do_not_depend_on_the_order_of_answers() {
    for problem in PROBLEMS {
        let path = vectors().join(format!("scenarios/{problem}.json"));
        let scenario: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let pyproject = text(&scenario, "pyproject").unwrap();
        std::fs::write(folder.path().join("pyproject.toml"), pyproject).unwrap();
        let entries: Vec<Entry> = scenario["index"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| Entry {
                source: String::new(),
                name: text(value, "name").unwrap(),
                version: text(value, "version").unwrap(),
                requires_dist: texts(value, "requires_dist"),
                requires_python: text(value, "requires_python"),
                yanked: value["yanked"].as_bool().unwrap_or(false),
            })
            .collect();
        let mut locks = Vec::new();
        for (seed, connections) in [(1, 1), (2, 32), (3, 32)] {
            let server = Server::start();
            serve(&server, &entries, seed);
            let cache = folder.path().join(format!("cache-{seed}"));
            for _ in 0..2 {
                locks.push(lock(folder.path(), &server.url, connections, &cache));
            }
        }
        let expected = text(&scenario, "expected_lock").unwrap();
        assert!(locks.iter().all(|lock| *lock == expected), "{problem}");
    }
}
