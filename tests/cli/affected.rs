//! `affected`: which projects of a repository a change concerns.

use crate::support::{Fixture, Outcome, Repository};

/// The example monorepo, committed on `main`; the work goes on on `topic`.
fn monorepo() -> (Fixture, Repository) {
    let fx = Fixture::named("monorepo");
    let git = Repository::new(fx.root());
    git.commit("all");
    git.branch("topic");
    (fx, git)
}

/// The paths that are printed.
fn affected<const N: usize>(fx: &Fixture, options: [&str; N]) -> Vec<String> {
    let arguments = [&["affected", "--since", "main"], &options[..]].concat();
    let outcome = fx.mpoetry_with("", &arguments).success();
    assert_eq!(outcome.stderr, "");
    outcome.stdout.lines().map(str::to_owned).collect()
}

fn for_bundle(fx: &Fixture) -> Vec<String> {
    affected(fx, ["--for", "bundle"])
}

fn why(fx: &Fixture) -> Outcome {
    fx.mpoetry(["affected", "--since", "main", "--why"])
}

const MQ: &str = "libs/libmq/libmq/__init__.py";
const NOTHING: [&str; 0] = [];

#[test]
fn a_library_concerns_those_who_need_it() {
    let (fx, git) = monorepo();
    assert_eq!(affected(&fx, []), NOTHING);

    fx.edit(MQ, "broker:5672", "elsewhere:5672");
    let users = ["libs/libmq", "stack/service-api", "stack/service-worker"];
    assert_eq!(affected(&fx, []), users);
    // Staged, committed, from another folder, between commits: the same.
    git.git(&["add", "--all"]);
    assert_eq!(affected(&fx, []), users);
    git.commit("elsewhere");
    assert_eq!(affected(&fx, ["-P", "stack/service-ml"]), users);
    assert_eq!(affected(&fx, ["--head", "topic"]), users);
    assert_eq!(affected(&fx, ["--head", "main"]), NOTHING);
    assert_eq!(affected(&fx, ["--services"]), users[1..]);
    assert_eq!(for_bundle(&fx), users);

    fx.write("libs/libtelemetry/libtelemetry/schema.json", "{}");
    insta::assert_snapshot!(why(&fx), @"
    exit: 0
    ----- stdout -----
    libs/libmodels
      needs libs/libtelemetry, which changed
    libs/libmq
      libmq/__init__.py changed
      needs libs/libtelemetry, which changed
    libs/libtelemetry
      libtelemetry/schema.json changed
    stack/service-api
      needs libs/libmq, which changed
      needs libs/libtelemetry, which changed
    stack/service-ml
      needs libs/libtelemetry, which changed
    stack/service-report
      needs libs/libmodels, which needs libs/libtelemetry, which changed
    stack/service-worker
      needs libs/libmq, which changed
      needs libs/libtelemetry, which changed
    ");
}

/// What others did on `main` meanwhile is none of ours.
#[test]
fn changes_count_from_where_branches_parted() {
    let (fx, git) = monorepo();
    git.branch("main");
    fx.write("stack/service-ml/service_ml/more.py", "");
    git.commit("on main");
    git.branch("topic");
    fx.write("stack/service-api/service_api/more.py", "");
    assert_eq!(affected(&fx, []), ["stack/service-api"]);
}

#[test]
fn files_that_git_does_not_know() {
    let (fx, _git) = monorepo();
    fx.write("stack/service-ml/service_ml/more.py", "");
    fx.write("stack/service-report/.venv/lib/x.py", "");
    fx.write("stack/service-worker/dist/x.whl", "");
    fx.write("stack/service-worker/service_worker/__pycache__/x.pyc", "");
    fx.write("notes.txt", "");
    assert_eq!(affected(&fx, []), ["stack/service-ml"]);
    assert_eq!(affected(&fx, ["--head", "HEAD"]), NOTHING);
}

/// Poetry writes its own version into the first line; merges and people write otherwise.
#[test]
fn looks_mean_nothing() {
    let (fx, _git) = monorepo();
    let lock = fx.read("stack/service-api/poetry.lock");
    let (first, rest) = lock.split_once('\n').expect("lines");
    assert!(first.starts_with('#'));
    let rest = rest.replace("content-hash = \"", "content-hash = \"00");
    fx.write(
        "stack/service-api/poetry.lock",
        format!("# another line\n\n{rest}"),
    );
    fx.edit(
        "stack/service-ml/pyproject.toml",
        "name = \"service-ml\"\nversion = \"0.7.0\"\n",
        "version = \"0.7.0\"  # zero\nname = \"service-ml\"\n",
    );
    assert_eq!(affected(&fx, []), NOTHING);
}

/// Replaces the version of a package in a lock file.
fn bump(fx: &Fixture, project: &str, package: &str) -> String {
    let path = format!("{project}/poetry.lock");
    let lock = fx.read(&path);
    let head = format!("name = \"{package}\"\nversion = \"");
    let (before, after) = lock.split_once(&head).expect("the package");
    let (version, after) = after.split_once('"').expect("a version");
    fx.write(&path, format!("{before}{head}99.0\"{after}"));
    version.to_owned()
}

#[test]
fn locks_count_by_group() {
    let (fx, _git) = monorepo();
    bump(&fx, "stack/service-api", "pytest");
    bump(&fx, "libs/libtelemetry", "structlog");
    // A library's lock file is for its own development.
    assert_eq!(
        affected(&fx, []),
        ["libs/libtelemetry", "stack/service-api"]
    );
    assert_eq!(affected(&fx, ["--only", "dev"]), ["stack/service-api"]);
    assert_eq!(affected(&fx, ["--without", "dev"]), ["libs/libtelemetry"]);
    assert_eq!(for_bundle(&fx), ["libs/libtelemetry"]);
    bump(&fx, "stack/service-worker", "requests");
    assert_eq!(
        for_bundle(&fx),
        ["libs/libtelemetry", "stack/service-worker"]
    );
    let told = why(&fx).success().stdout;
    assert!(
        told.contains("  poetry.lock: pytest 8.4.2 -> 99.0\n"),
        "{told}"
    );
    insta::assert_snapshot!(fx.mpoetry(["affected", "--since", "main", "--only", "main,docs"]), @"
    exit: 1
    ----- stderr -----

    no project has a dependency group `docs`
    ");
}

/// A library's tests and dev groups go into no bundle; its requirements do.
#[test]
fn what_goes_into_wheels() {
    let (fx, _git) = monorepo();
    fx.write("libs/libmq/tests/test_mq.py", "");
    fx.edit(
        "libs/libmq/pyproject.toml",
        "pytest = \"^8.2\"",
        "pytest = \"^8.3\"",
    );
    fx.write("stack/service-ml/Makefile", "");
    let users = ["libs/libmq", "stack/service-api", "stack/service-worker"];
    assert_eq!(
        affected(&fx, ["--services"]),
        [
            "stack/service-api",
            "stack/service-ml",
            "stack/service-worker"
        ]
    );
    assert_eq!(for_bundle(&fx), NOTHING);
    fx.edit(
        "libs/libmq/pyproject.toml",
        "pika = \"^1.3.2\"",
        "pika = \"^1.3\"",
    );
    assert_eq!(for_bundle(&fx), users);
}

#[test]
fn projects_come_move_and_go() {
    let (fx, git) = monorepo();
    git.git(&["mv", "stack/service-ml", "stack/scoring"]);
    git.git(&["rm", "-rq", "stack/service-report"]);
    git.git(&["rm", "-rq", "libs/libfast"]);
    fx.write(
        "stack/service-worker/inner/pyproject.toml",
        "[project]\nname = \"inner\"\nversion = \"1\"\n",
    );
    fx.write("stack/service-worker/inner/a.py", "");
    insta::assert_snapshot!(fx.mpoetry(["affected", "--since", "main"]), @"
    exit: 0
    ----- stdout -----
    stack/scoring
    stack/service-worker/inner
    ----- stderr -----
    deleted: libs/libfast
    deleted: stack/service-report
    ");
    insta::assert_snapshot!(why(&fx), @"
    exit: 0
    ----- stdout -----
    libs/libfast
      is deleted
    stack/scoring
      was moved from stack/service-ml
      needs libs/libfast, which is deleted
    stack/service-report
      is deleted
    stack/service-worker/inner
      is new
    ");
    git.commit("moved");
    // What is gone has no way to its users any more, but they still point there.
    let json = fx.mpoetry([
        "affected",
        "--since",
        "main",
        "--head",
        "topic",
        "--services",
        "--json",
    ]);
    let json: serde_json::Value = serde_json::from_str(&json.success().stdout).unwrap();
    let shown = (json["projects"].as_array().unwrap().iter()).map(|project| {
        format!(
            "{} {} {}",
            project["path"], project["kind"], project["deleted"]
        )
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @r#"
    "stack/scoring" "service" false
    "stack/service-report" "service" true
    "stack/service-worker/inner" "service" false
    "#);
}

#[test]
fn a_manifest_that_breaks_concerns_its_project() {
    let (fx, _git) = monorepo();
    fx.write("stack/service-ml/pyproject.toml", "[tool");
    assert_eq!(affected(&fx, []), ["stack/service-ml"]);
}

#[test]
fn inputs_of_all_projects() {
    let (fx, git) = monorepo();
    fx.write(
        "pyproject.toml",
        "[tool.mpoetry]\nroot = true\nglobal-inputs = [\"tools/*.mk\", \"ci\"]\n",
    );
    git.branch("main");
    git.commit("inputs");
    fx.edit("tools/ci-build.sh", "set -eu", "set -e");
    assert_eq!(affected(&fx, []), NOTHING);
    fx.write("ci/deep/job.yaml", "");
    assert_eq!(affected(&fx, []).len(), 8);
    let told = why(&fx).success().stdout;
    assert!(
        told.starts_with("libs/libfast\n  global input ci/deep/job.yaml added\nlibs/libmodels\n"),
        "{told}"
    );
    fx.write(
        "pyproject.toml",
        "[tool.mpoetry]\nroot = true\nglobal-inputs = \"tools\"\n",
    );
    insta::assert_snapshot!(fx.mpoetry(["affected", "--since", "main"]), @"
    exit: 1
    ----- stderr -----

    `global-inputs` of [tool.mpoetry] in the root's pyproject.toml must be a list of globs
    ");
}

/// The repository of git may be larger than ours.
#[test]
fn a_root_inside_of_a_repository() {
    let fx = Fixture::empty();
    let git = Repository::new(fx.root());
    fx.write(
        "python/pyproject.toml",
        "[tool.mpoetry]\nroot = true\nglobal-inputs = [\"ci.yaml\"]\n",
    );
    for name in ["a", "b"] {
        let manifest = format!("[project]\nname = \"{name}\"\nversion = \"1\"\n");
        fx.write(&format!("python/{name}/pyproject.toml"), manifest);
    }
    git.commit("all");
    fx.write("a/x.py", "");
    fx.write("ci.yaml", "");
    fx.write("python/b/x.py", "");
    let in_root = |options: &[&str]| {
        let arguments = [&["affected", "--since", "main"], options].concat();
        fx.mpoetry_with("python/a", &arguments).success().stdout
    };
    assert_eq!(in_root(&[]), "b\n");
    git.branch("topic");
    git.commit("more");
    assert_eq!(in_root(&["--head", "topic"]), "b\n");
    fx.edit(
        "python/a/pyproject.toml",
        "version = \"1\"",
        "version = \"2\"",
    );
    assert_eq!(in_root(&["--head", "topic"]), "b\n");
    assert_eq!(in_root(&[]), "a\nb\n");
}

#[test]
fn reasons_as_json() {
    let (fx, git) = monorepo();
    fx.write("stack/service-worker/Makefile", "");
    bump(&fx, "stack/service-worker", "pytest");
    fx.edit(MQ, "broker:5672", "elsewhere:5672");
    let base = git.git(&["rev-parse", "main"]);
    let outcome = fx
        .mpoetry(["affected", "--since", "main", "--json"])
        .success();
    insta::assert_snapshot!(outcome.stdout.replace(&base, "[base]"), @r#"
    {
      "base": "[base]",
      "projects": [
        {
          "deleted": false,
          "kind": "library",
          "name": "libmq",
          "path": "libs/libmq",
          "reasons": [
            {
              "files": [
                {
                  "change": "changed",
                  "path": "libmq/__init__.py"
                }
              ],
              "reason": "files"
            }
          ],
          "version": "1.2.0"
        },
        {
          "deleted": false,
          "kind": "service",
          "name": "service-api",
          "path": "stack/service-api",
          "reasons": [
            {
              "reason": "dependency",
              "way": [
                "libs/libmq"
              ]
            }
          ],
          "version": "3.1.0"
        },
        {
          "deleted": false,
          "kind": "service",
          "name": "service-worker",
          "path": "stack/service-worker",
          "reasons": [
            {
              "files": [
                {
                  "change": "changed",
                  "path": "Makefile"
                }
              ],
              "reason": "files"
            },
            {
              "packages": [
                {
                  "after": "99.0",
                  "before": "8.4.2",
                  "differs": "version",
                  "name": "pytest"
                }
              ],
              "reason": "lock"
            },
            {
              "reason": "dependency",
              "way": [
                "libs/libmq"
              ]
            }
          ],
          "version": "1.0.4"
        }
      ],
      "schema": 1
    }
    "#);
}

#[test]
fn what_git_does_not_know() {
    let (fx, git) = monorepo();
    git.git(&["update-ref", "refs/remotes/origin/trunk", "main"]);
    insta::assert_snapshot!(fx.mpoetry(["affected", "--since", "trunk"]), @"
    exit: 1
    ----- stderr -----

    git knows no commit `trunk`

    Did you mean `origin/trunk`?
    ");
    insta::assert_snapshot!(fx.mpoetry(["affected", "--since", "mian"]), @"
    exit: 1
    ----- stderr -----

    git knows no commit `mian`

    Did you mean `main`?
    ");
    insta::assert_snapshot!(fx.mpoetry(["affected", "--since=--all"]), @"
    exit: 1
    ----- stderr -----

    git knows no commit `--all`
    ");
    insta::assert_snapshot!(fx.mpoetry(["affected"]), @r#"
    exit: 1
    ----- stderr -----

    The option "--since" is required
    "#);

    let mut outside = Fixture::named("monorepo");
    outside.set(
        "GIT_CEILING_DIRECTORIES",
        &outside.top().display().to_string(),
    );
    insta::assert_snapshot!(outside.mpoetry(["affected", "--since", "main"]), @"
    exit: 1
    ----- stderr -----

    [root] is not in a git repository
    ");
}

/// A build machine often has the last commit alone.
#[test]
fn a_shallow_clone() {
    let (fx, git) = monorepo();
    fx.write("stack/service-ml/service_ml/more.py", "");
    git.commit("more");
    git.branch("main");
    fx.write("notes.txt", "");
    git.commit("notes");
    let shallow = Fixture::empty();
    let clone = Repository::new(shallow.root());
    let url = git.url();
    clone.git(&[
        "fetch",
        "-q",
        "--depth=1",
        &url,
        "main:refs/remotes/origin/main",
    ]);
    clone.git(&["fetch", "-q", "--depth=1", &url, "topic"]);
    clone.git(&["checkout", "-q", "-B", "topic", "FETCH_HEAD"]);
    insta::assert_snapshot!(shallow.mpoetry(["affected", "--since", "origin/main"]), @"
    exit: 1
    ----- stderr -----

    `origin/main` and `HEAD` have no commit in common: only a part of the history is here (a shallow clone)

    Fetch more of it: `git fetch --unshallow`, or `git fetch --deepen 100`; in a CI job let the checkout take the whole history (actions/checkout: `fetch-depth: 0`).
    ");
    insta::assert_snapshot!(shallow.mpoetry(["affected", "--since", "release"]), @"
    exit: 1
    ----- stderr -----

    git knows no commit `release`

    Only a part of the history is here. Fetch the branch first: `git fetch origin <branch>`, and name it `origin/<branch>`.
    ");
    clone.git(&["fetch", "-q", "--unshallow", &url, "main", "topic"]);
    let outcome = shallow
        .mpoetry(["affected", "--since", "origin/main"])
        .success();
    assert_eq!(outcome.stdout, "stack/service-ml\n");
}
