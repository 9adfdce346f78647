//! Build environments: what a back end needs, resolved and installed apart from everything else.
//!
//! An environment is made once for each set of resolved build requirements and kept in the cache, so that the next
//! build with the same requirements installs nothing. It is made at its final place (scripts hold absolute paths)
//! under a file lock; a mark, written last, tells that it is whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use resolver::cache::{Bucket, Cache};
use resolver::dist::Source;
use resolver::index::Index;
use resolver::lock::Lockfile;
use resolver::name::GroupName;
use resolver::project::Project;
use resolver::requirement::Requirement;
use resolver::runtime::Runtime;
use resolver::solver::{self, Request};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::rules::Rules;
use super::{BuildError, BuildFrontend, write_atomically};
use crate::environment::{CreateOptions, Environment};
use crate::install::{InstallError, Installer};
use crate::plan::{Plan, PlanOptions, Selection};
use crate::python::Interpreter;

/// The file in an environment that tells that everything is installed.
const COMPLETE: &str = ".complete";

/// What build environments are made from.
pub(super) struct Isolation<'a> {
    pub(super) cache: &'a Cache,
    pub(super) python: &'a Arc<Interpreter>,
    pub(super) index: &'a Index,
    pub(super) sources: &'a [Source],
    pub(super) runtime: &'a Runtime,
    /// Keys of the environments that are being made for this very build, outermost first.
    pub(super) ancestors: &'a [String],
    pub(super) frontend: &'a BuildFrontend,
}

/// Was a build environment made to its end?
pub(crate) fn is_complete(folder: &Path) -> bool {
    folder.join(COMPLETE).is_file()
}

impl Isolation<'_> {
    /// An environment with `requirements` installed, by the rules for what is built; Python in it. `source` is named in
    /// errors.
    ///
    /// All is done on a thread of its own. The caller may be a worker of a thread pool, and this waits for a file lock
    /// and for the network: if it did other work of its pool meanwhile, that work could wait for the same lock, and if
    /// all workers waited, nobody would be left to do what they wait for.
    ///
    /// # Errors
    /// When the requirements can't be resolved or installed.
    pub(super) fn python(
        &self,
        source: &Path,
        requirements: &[String],
        rules: Rules<'_>,
    ) -> Result<PathBuf, BuildError> {
        on_a_thread(|| self.make(source, requirements, rules))
    }

    /// What `requirements` come to: packages, versions and hashes, as a text that is the same on all machines.
    ///
    /// # Errors
    /// When they can't be resolved.
    pub(super) fn resolved(
        &self,
        source: &Path,
        requirements: &[String],
        rules: Rules<'_>,
    ) -> Result<String, BuildError> {
        on_a_thread(|| Ok(exactly(&self.resolve(source, requirements, rules)?)))
    }

    fn make(
        &self,
        source: &Path,
        requirements: &[String],
        rules: Rules<'_>,
    ) -> Result<PathBuf, BuildError> {
        let lockfile = self.resolve(source, requirements, rules)?;
        let key = self.key(&lockfile);
        let folder = self
            .cache
            .bucket(Bucket::Builds)
            .join("environments")
            .join(&key);
        if is_complete(&folder)
            && let Some(environment) = Environment::open(&folder, self.cache)?
        {
            return Ok(environment.python());
        }
        if self.ancestors.contains(&key) {
            return Err(BuildError::Cycle {
                source_tree: source.to_owned(),
                requirements: requirements.to_vec(),
            });
        }
        self.create(&folder, &key, requirements, &lockfile)
    }

    /// Poetry: requirements whose marker does not hold here are left out before resolving.
    fn resolve(
        &self,
        source: &Path,
        requirements: &[String],
        rules: Rules<'_>,
    ) -> Result<Lockfile, BuildError> {
        let wanted: Vec<&String> = requirements
            .iter()
            .filter(|text| {
                // What can't be read is left to the project reader, which knows the text for it.
                Requirement::parse(text, None).map_or(true, |requirement| {
                    requirement.marker.holds(Some(&self.python.markers), None)
                })
            })
            .collect();
        let text = format!(
            "[project]\nname = \"build-requirements\"\nversion = \"0\"\nrequires-python = \"=={}\"\ndependencies = {}\n{}",
            self.python.version,
            json!(wanted),
            rules.constraint_group(),
        );
        let mut project = Project::parse(&text, source)?;
        project.sources = self.sources.to_vec();
        let request = Request {
            environment: Some(self.python.markers.clone()),
            ..Request::default()
        };
        let runtime = self.runtime.handle()?;
        solver::resolve(&project, None, &request, self.index, runtime, &()).map_err(|error| {
            BuildError::Resolve {
                source_tree: source.to_owned(),
                source: Box::new(error),
            }
        })
    }

    /// Names the environment after all that makes it: interpreter and exact requirements.
    fn key(&self, lockfile: &Lockfile) -> String {
        let interpreter = format!(
            "{} {} {}\n",
            self.python.base_executable.display(),
            self.python.version,
            self.python.platform
        );
        let digest = Sha256::digest(interpreter + &exactly(lockfile));
        data_encoding::HEXLOWER.encode(&digest[..16])
    }

    fn create(
        &self,
        folder: &Path,
        key: &str,
        requirements: &[String],
        lockfile: &Lockfile,
    ) -> Result<PathBuf, BuildError> {
        let parent = folder.parent().unwrap_or(folder);
        let _lock = self
            .cache
            .lock(Bucket::Builds, &format!("environments/{key}"))?;
        if is_complete(folder)
            && let Some(environment) = Environment::open(folder, self.cache)?
        {
            // Another process was faster.
            return Ok(environment.python());
        }
        if folder.exists() {
            fs_err::remove_dir_all(folder)?;
        }
        let options = CreateOptions {
            prompt: "build".to_owned(),
            no_pip: true,
            ..CreateOptions::default()
        };
        let environment = Environment::create(folder, self.python, &options, self.cache)?;
        let selection = Selection {
            groups: [GroupName::main()].into(),
            ..Selection::default()
        };
        let markers = &environment.interpreter.markers;
        let options = PlanOptions {
            folder: parent.to_owned(),
            ..PlanOptions::default()
        };
        let plan = Plan::new(lockfile, &selection, markers, &[], &options);
        self.install(&plan, key, &environment, parent)
            .map_err(|error| BuildError::Install {
                requirements: requirements.to_vec(),
                source: Box::new(error),
            })?;
        write_atomically(&folder.join(COMPLETE), b"", 0o644)?;
        Ok(environment.python())
    }

    fn install(
        &self,
        plan: &Plan,
        key: &str,
        environment: &Environment,
        folder: &Path,
    ) -> Result<(), InstallError> {
        let mut ancestors = self.ancestors.to_vec();
        ancestors.push(key.to_owned());
        let frontend = self.frontend.inside(ancestors);
        let threads = rayon::ThreadPoolBuilder::new()
            .build()
            .map_err(|error| InstallError::failed("the packages", error))?;
        let installer = Installer {
            index: self.index,
            sources: self.sources,
            build: &frontend,
            policy: &self.frontend.rules().policy,
            environment,
            draft: None,
            folder: folder.to_owned(),
            runtime: self.runtime.clone(),
            threads: &threads,
            compile: false,
            turns: None,
        };
        installer.run(plan, &()).map(drop)
    }
}

fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The packages of a resolution with all that tells them apart.
fn exactly(lockfile: &Lockfile) -> String {
    let mut packages: Vec<String> = lockfile
        .packages
        .iter()
        .map(|package| {
            let mut files: Vec<String> = package
                .files
                .iter()
                .map(|file| file.hash.to_string())
                .collect();
            files.sort();
            let origin = package
                .source
                .as_ref()
                .map(|source| format!("{} {:?}", source.url, source.resolved_reference));
            format!(
                "{}=={} {origin:?} {}",
                package.name,
                package.version,
                files.join(",")
            )
        })
        .collect();
    packages.sort();
    packages.join("\n")
}
