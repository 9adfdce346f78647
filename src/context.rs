//! What every command gets: the project, settings and console at once, all that costs time only when it is
//! asked for.

use std::cell::OnceCell;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::SystemTime;

use installer::build::{BuildFrontend, BuildRules};
use installer::environment::{Draft, Environment, Opened};
use installer::python::Interpreter;
use installer::share::Share;
use rayon::ThreadPool;
use resolver::cache::{Cache, Lock};
use resolver::constraint::Constraint;
use resolver::dist::Source;
use resolver::git_url;
use resolver::index::{Access, Builder, Index, IndexSettings, Place, TooYoung, Vault};
use resolver::lock::Lockfile;
use resolver::metadata::Metadata;
use resolver::name::PackageName;
use resolver::project::{Project, parse_toml};
use resolver::requirement::Origin;
use resolver::runtime::Runtime;
use resolver::solver::{self, Part, Reporter, Request};
use resolver::sync::{Late, lock};
use resolver::version::Version;
use tokio::runtime::Handle;

use crate::cli::Globals;
use crate::console::{Console, INFO};
use crate::environment::{self, Environments, Surroundings};
use crate::failure::{self, Failure};
use crate::keyring::Keyring;
use crate::log;
use crate::memory;
use crate::plugins;
use crate::progress::{Notes, Resolving};
use crate::remote_cache::RemoteCacheArgs;
use crate::settings::{Places, Settings, SettingsError};
use crate::variables::Variables;

/// Requests in flight at once, per host.
const CONNECTIONS: usize = 50;

/// One run of the program on one project.
pub(crate) struct Context<'a> {
    /// Where words go.
    pub(crate) console: &'a Console,
    /// When this run began to read.
    pub(crate) began: SystemTime,
    /// Where the search for the project begins.
    start: PathBuf,
    pub(crate) no_cache: bool,
    /// Shall nothing be said about plugins?
    no_plugins: bool,
    /// May questions be asked?
    pub(crate) is_interactive: bool,
    variables: Variables,
    places: OnceCell<Places>,
    root: OnceCell<PathBuf>,
    manifest: OnceCell<toml::Table>,
    project: OnceCell<Project>,
    settings: OnceCell<Settings>,
    /// Held while it lives: others take nothing away from the cache.
    cache_in_use: OnceCell<Option<Lock>>,
    environment: OnceCell<Environment>,
    runtime: Runtime,
    /// Those of all projects of this run; most agree on how many threads they want.
    threads: Arc<Mutex<Vec<Arc<ThreadPool>>>>,
    /// Those of all projects of this run: what one has asked, another need not ask again.
    indexes: Arc<Mutex<Vec<Index>>>,
    builder: OnceCell<Arc<LateBuilder>>,
    index: OnceCell<Index>,
    remote_cache: Arc<LateShare>,
    /// Of projects that are installed at the same time.
    turns: Option<Arc<Mutex<()>>>,
}

/// The remote cache, one for all projects of a run: if it is down for one, nobody else asks it again.
#[derive(Default)]
struct LateShare {
    options: OnceLock<RemoteCacheArgs>,
    share: Late<Option<Arc<Share>>>,
}

impl<'a> Context<'a> {
    /// A run on the project that is looked for from `start` on, as [`go_to`] has found it.
    pub(crate) fn new(console: &'a Console, start: PathBuf, globals: &Globals) -> Self {
        log::start(console);
        let variables = Variables::of_process();
        Self {
            is_interactive: !globals.no_interaction && !console.is_quiet(),
            no_plugins: globals.no_plugins,
            ..Self::begin(console, start, globals.no_cache, variables)
        }
    }

    /// A run in the current folder, without any option.
    ///
    /// # Errors
    /// When there is no current folder.
    pub(crate) fn here(console: &'a Console) -> Result<Self, Failure> {
        let current = std::env::current_dir().map_err(Failure::caused)?;
        Ok(Self::begin(
            console,
            current,
            false,
            Variables::of_process(),
        ))
    }

    fn begin(console: &'a Console, start: PathBuf, no_cache: bool, variables: Variables) -> Self {
        Self {
            console,
            began: SystemTime::now(),
            start,
            no_cache,
            no_plugins: false,
            is_interactive: false,
            variables,
            places: OnceCell::new(),
            root: OnceCell::new(),
            manifest: OnceCell::new(),
            project: OnceCell::new(),
            settings: OnceCell::new(),
            cache_in_use: OnceCell::new(),
            environment: OnceCell::new(),
            runtime: Runtime::default(),
            threads: Arc::default(),
            indexes: Arc::default(),
            builder: OnceCell::new(),
            index: OnceCell::new(),
            remote_cache: Arc::default(),
            turns: None,
        }
    }

    /// The same run on another project.
    pub(crate) fn of_project(&self, root: PathBuf) -> Self {
        self.begin_as(root, self.variables.clone())
    }

    /// The same run on one of many projects: an environment that is switched on in the shell can't be that of all.
    pub(crate) fn of_member(&self, root: PathBuf) -> Self {
        self.begin_as(root, self.variables.without(&environment::ACTIVE))
    }

    /// As [`Context::of_member`], for a thread of its own with its own `console`. With the others it shares the `turns`
    /// in which something is brought into the cache.
    pub(crate) fn of_member_beside<'c>(
        &'c self,
        root: PathBuf,
        console: &'c Console,
        turns: &Arc<Mutex<()>>,
    ) -> Context<'c> {
        Context {
            console,
            turns: Some(Arc::clone(turns)),
            ..self.of_member(root)
        }
    }

    /// Of projects that are installed at the same time; see [`Installer`](installer::install::Installer).
    pub(crate) fn turns(&self) -> Option<&Mutex<()>> {
        self.turns.as_deref()
    }

    /// The same run on the project as an edit makes it, in the same environment.
    pub(crate) fn of_edited(&self, project: Project) -> Self {
        let edited = self.begin_as(project.root.clone(), self.variables.clone());
        let environment = self.environment.get().cloned();
        Self {
            project: OnceCell::from(project),
            environment: environment.map_or_else(OnceCell::new, OnceCell::from),
            ..edited
        }
    }

    fn begin_as(&self, root: PathBuf, variables: Variables) -> Self {
        Self {
            is_interactive: self.is_interactive,
            no_plugins: self.no_plugins,
            runtime: self.runtime.clone(),
            threads: Arc::clone(&self.threads),
            indexes: Arc::clone(&self.indexes),
            remote_cache: Arc::clone(&self.remote_cache),
            turns: self.turns.clone(),
            ..Self::begin(self.console, root, self.no_cache, variables)
        }
    }

    /// Where the search for the project begins.
    pub(crate) fn start(&self) -> &Path {
        &self.start
    }

    /// Is there somebody to be asked?
    pub(crate) fn is_at_terminal(&self) -> bool {
        self.is_interactive && std::io::stdin().is_terminal()
    }

    /// The environment variables of the process.
    pub(crate) fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The folder of `pyproject.toml`.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn root(&self) -> Result<&Path, Failure> {
        once(&self.root, || Ok(Project::find(&self.start)?)).map(PathBuf::as_path)
    }

    /// `pyproject.toml` as plain TOML: enough to find an environment, and much faster than a whole project.
    ///
    /// # Errors
    /// When it is no TOML.
    pub(crate) fn manifest(&self) -> Result<&toml::Table, Failure> {
        once(&self.manifest, || {
            let path = self.root()?.join("pyproject.toml");
            let text = fs_err::read_to_string(&path).map_err(Failure::caused)?;
            match parse_toml(&text) {
                Ok(table) => Ok(table),
                // The project's own reader has the right words for what is wrong.
                Err(error) => match self.project() {
                    Err(failure) => Err(failure),
                    Ok(_) => Err(Failure::caused(error)),
                },
            }
        })
    }

    /// The project.
    ///
    /// # Errors
    /// When there is none, it breaks a rule, or it asks for another Poetry.
    pub(crate) fn project(&self) -> Result<&Project, Failure> {
        once(&self.project, || {
            let project = Project::read(self.root()?)?;
            for warning in &project.warnings {
                self.console.warning(warning);
            }
            if !self.no_plugins {
                for plugin in plugins::missing(&project) {
                    self.console.warning(format_args!(
                        "Warning: this project wants the plugin `{plugin}`, which mpoetry has nothing for: \
                         what it does is not done"
                    ));
                }
            }
            Ok(project)
        })
    }

    /// The folders of the platform.
    ///
    /// # Errors
    /// When there is no home directory.
    pub(crate) fn places(&self) -> Result<&Places, Failure> {
        once(&self.places, || Ok(Places::of_platform(&self.variables)?))
    }

    /// The settings.
    ///
    /// # Errors
    /// When a configuration file is broken.
    pub(crate) fn settings(&self) -> Result<&Settings, Failure> {
        once(&self.settings, || {
            // Poetry: outside of a project there is no poetry.toml either.
            let root = self.root().ok();
            Ok(Settings::resolve(self.places()?, root, &self.variables)?)
        })
    }

    /// The system's keyring, if there is one and it is not switched off.
    ///
    /// # Errors
    /// As [`Context::settings`].
    pub(crate) fn keyring(&self) -> Result<Option<Keyring>, Failure> {
        let is_on = self.settings()?.keyring;
        Ok(is_on.then(|| Keyring::find(&self.variables)).flatten())
    }

    /// Tells which settings are set but have no effect.
    pub(crate) fn tell_unheeded_settings(&self) {
        let Ok(settings) = self.settings() else {
            return;
        };
        for (key, reason) in settings.unheeded() {
            self.console.warning(format_args!(
                "Warning: the setting {key} has no effect: {reason}."
            ));
        }
    }

    /// Our cache.
    ///
    /// # Errors
    /// As [`Context::settings`].
    pub(crate) fn cache(&self) -> Result<Cache, Failure> {
        let cache = Cache::new(&self.settings()?.cache);
        // One that can't be written to can't be cleared by others either.
        self.cache_in_use.get_or_init(|| cache.share().ok());
        Ok(cache)
    }

    /// Our cache, while nobody else uses it, for taking things away. Not together with [`Context::cache`].
    ///
    /// # Errors
    /// As [`Context::settings`], or when the cache can't be locked.
    pub(crate) fn own_cache(&self) -> Result<(Cache, Lock), Failure> {
        let cache = Cache::new(&self.settings()?.cache);
        let busy = || {
            let text = "Waiting for other commands that use the cache...";
            self.console
                .error_line(format_args!("{INFO}{text}{INFO:#}"));
        };
        let lock = cache.own(busy).map_err(Failure::caused)?;
        Ok((cache, lock))
    }

    /// Finds and makes the project's environments.
    ///
    /// # Errors
    /// As [`Context::settings`] and [`Context::manifest`].
    pub(crate) fn environments(&self) -> Result<Environments, Failure> {
        let settings = self.settings()?;
        Ok(Environments {
            root: self.root()?.to_owned(),
            name: package_name(self.manifest()?),
            virtualenvs: settings.virtualenvs.clone(),
            active: environment::active(&self.variables),
            places: environment::places(settings, &self.variables),
            cache: self.cache()?,
        })
    }

    /// The project's environment; made if there is none.
    ///
    /// # Errors
    /// When no Python fits, or it can't be made.
    pub(crate) fn environment(&self) -> Result<&Environment, Failure> {
        self.environment_by(|| self.environments()?.ensure(self.project()?, self.console))
    }

    fn environment_by(
        &self,
        ensure: impl FnOnce() -> Result<Environment, Failure>,
    ) -> Result<&Environment, Failure> {
        once(&self.environment, || {
            let environment = ensure()?;
            self.tell_environment(&environment.root);
            Ok(environment)
        })
    }

    /// As [`Context::environment`], for whoever need not wait until it is complete: `then` gets the draft, if one had to
    /// be begun, and the answer to what was looked for `meanwhile`.
    ///
    /// # Errors
    /// As [`Context::environment`], or what `then` fails with.
    pub(crate) fn environment_in_the_making<T, R>(
        &self,
        meanwhile: impl FnOnce() -> T,
        then: impl FnOnce(Option<&Draft>, T) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let (environments, project) = (self.environments()?, self.project()?);
        let console = self.console;
        let (tell, told) = mpsc::channel::<Result<Arc<Opened>, Failure>>();
        let (opened, done) = self.threads()?.in_place_scope(|threads| {
            threads.spawn(move |_| {
                let opened = environments.begin(project, console).map(Arc::new);
                let draft = opened.as_ref().ok().map(Arc::clone);
                // Who does not listen any more has panicked.
                tell.send(opened).ok();
                if let Some(Opened::Draft(draft)) = draft.as_deref() {
                    draft.complete();
                }
            });
            let answer = meanwhile();
            // Nothing is told after a panic, which goes on when the scope ends.
            let opened = told.recv().unwrap_or_else(|_| Err(Failure::silent()))?;
            self.environment_by(|| Ok(opened.environment().clone()))?;
            let draft = match &*opened {
                Opened::Whole(_) => None,
                Opened::Draft(draft) => Some(&**draft),
            };
            let done = then(draft, answer);
            Ok::<_, Failure>((opened, done))
        })?;
        if let Some(opened) = Arc::into_inner(opened) {
            opened.finish()?;
        }
        done
    }

    /// The project's environment as it is. Makes none.
    ///
    /// # Errors
    /// When no Python fits.
    pub(crate) fn surroundings(&self) -> Result<Surroundings, Failure> {
        let found = self.environments()?.look(self.project()?, self.console)?;
        if let Some(environment) = &found.environment {
            self.tell_environment(&environment.root);
        }
        Ok(found)
    }

    /// Poetry: `-v` tells which virtual environment is used.
    pub(crate) fn tell_environment(&self, root: &Path) {
        if self.console.is_verbose() && root.join("pyvenv.cfg").exists() {
            let root = root.display();
            self.console
                .error_line(format_args!("Using virtualenv: {root}"));
        }
    }

    /// The runtime that requests run on.
    ///
    /// # Errors
    /// When threads can't be started.
    pub(crate) fn runtime(&self) -> Result<&Handle, Failure> {
        self.runtime.handle().map_err(Failure::caused)
    }

    /// The same, for whoever may not need it.
    pub(crate) fn late_runtime(&self) -> Runtime {
        self.runtime.clone()
    }

    /// The threads that unpack and link.
    ///
    /// # Errors
    /// When they can't be started, or as [`Context::settings`].
    pub(crate) fn threads(&self) -> Result<Arc<ThreadPool>, Failure> {
        let count = self.settings()?.workers;
        let mut pools = lock(&self.threads);
        if let Some(pool) = pools.iter().find(|it| it.current_num_threads() == count) {
            return Ok(Arc::clone(pool));
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build();
        let pool = Arc::new(pool.map_err(Failure::caused)?);
        pools.push(Arc::clone(&pool));
        Ok(pool)
    }

    /// The index, tied to the front end that builds what has no metadata of its own.
    ///
    /// # Errors
    /// As [`Context::settings`] and [`Context::project`].
    pub(crate) fn index(&self) -> Result<&Index, Failure> {
        once(&self.index, || {
            choose_cryptography();
            let builder = self.builder()?;
            let index = self.shared_index(Arc::clone(builder) as Arc<dyn Builder>)?;
            builder.index.set(index.clone()).ok();
            Ok(index)
        })
    }

    /// The index that another project of this run has made with the same settings, or a new one.
    fn shared_index(&self, builder: Arc<dyn Builder>) -> Result<Index, Failure> {
        let (settings, cache) = (self.index_settings()?, self.cache()?);
        let mut indexes = lock(&self.indexes);
        let is_alike =
            |index: &&Index| *index.settings() == settings && index.cache().root() == cache.root();
        if let Some(index) = indexes.iter().find(is_alike) {
            return Ok(index.with_builder(builder));
        }
        let index = Index::new(settings, cache, Some(builder));
        indexes.push(index.clone());
        Ok(index)
    }

    /// An index for what has nothing to do with the project: it knows no source of the project and builds
    /// nothing.
    ///
    /// # Errors
    /// As [`Context::settings`].
    pub(crate) fn plain_index(&self) -> Result<Index, Failure> {
        choose_cryptography();
        let settings = self.index_settings_with(access_to_pypi(self.settings()?))?;
        Ok(Index::new(settings, self.cache()?, None))
    }

    /// The front end that builds wheels from sources.
    ///
    /// # Errors
    /// When there is no Python to build for.
    pub(crate) fn build_frontend(&self) -> Result<&BuildFrontend, Failure> {
        self.index()?;
        self.builder()?.frontend().map_err(Failure::new)
    }

    /// The same for another Python than that of the project's environment.
    ///
    /// # Errors
    /// As [`Context::build_frontend`].
    pub(crate) fn build_frontend_for(&self, python: Interpreter) -> Result<BuildFrontend, Failure> {
        self.index()?;
        Ok(self.builder()?.make_for(python))
    }

    /// Takes notice of the options about the remote cache, before anything could ask it. The first call counts.
    pub(crate) fn use_remote_cache(&self, options: &RemoteCacheArgs) {
        let late = &self.remote_cache;
        late.options.get_or_init(|| options.clone());
    }

    /// The remote cache, if there is one. One that can't be used is told and left out: nobody needs it.
    ///
    /// # Errors
    /// As [`Context::settings`] and [`Context::project`].
    pub(crate) fn remote_cache(&self) -> Result<Option<&Arc<Share>>, Failure> {
        let share = self.remote_cache.share.get_or_make(|| {
            let options = self.remote_cache.options.get_or_init(Default::default);
            let of_machine = &self.settings()?.remote_cache;
            let http = || self.index_settings();
            let settings = options.settings(self.root()?, of_machine, http, &self.variables)?;
            let Some(settings) = settings else {
                return Ok(None);
            };
            let runtime = self.runtime()?.clone();
            match Share::new(&settings, self.cache()?, runtime) {
                Ok(share) => Ok(Some(Arc::new(share))),
                Err(error) => {
                    let reason = failure::with_causes(&error);
                    self.console.warning(format_args!(
                        "Warning: the remote cache is left out: {reason}"
                    ));
                    Ok(None)
                }
            }
        });
        share.map(Option::as_ref)
    }

    /// Tells what there is to say of the remote cache.
    pub(crate) fn tell_remote_cache(&self) {
        let share = self.remote_cache.share.get().and_then(Option::as_ref);
        for warning in share.into_iter().flat_map(|share| share.take_warnings()) {
            self.console.warning(format_args!("Warning: {warning}"));
        }
    }

    fn builder(&self) -> Result<&Arc<LateBuilder>, Failure> {
        once(&self.builder, || {
            Ok(Arc::new(LateBuilder {
                environment: self.environment.get().cloned(),
                environments: self.environments()?,
                cache: self.cache()?,
                sources: self.project()?.all_sources(),
                rules: self.build_rules()?,
                wanted: self.project()?.python_constraint.clone(),
                source_date_epoch: self.source_date_epoch()?,
                share: self.remote_cache()?.cloned(),
                variables: self.variables.clone(),
                runtime: self.late_runtime(),
                frontend: OnceLock::new(),
                index: OnceLock::new(),
            }))
        })
    }

    /// Poetry: what settings and the project say about the builds of packages, by their names.
    ///
    /// # Errors
    /// As [`Context::settings`] and [`Context::project`].
    pub(crate) fn build_rules(&self) -> Result<BuildRules, Failure> {
        let settings = self.settings()?;
        let tool = self.project()?.document.get("tool");
        let constraints = tool
            .and_then(|tool| tool.get("poetry"))
            .and_then(|poetry| poetry.get("build-constraints"))
            .and_then(toml::Value::as_table);
        let constraints = constraints.into_iter().flatten();
        Ok(BuildRules {
            config_settings: settings.config_settings.clone(),
            constraints: constraints
                .filter_map(|(name, table)| {
                    Some((PackageName::new(name), table.as_table()?.clone()))
                })
                .collect(),
            policy: settings.binary_policy.clone(),
        })
    }

    /// Poetry: the date of files in archives that are built, in seconds since 1970.
    ///
    /// # Errors
    /// When it is no number.
    pub(crate) fn source_date_epoch(&self) -> Result<Option<i64>, Failure> {
        let name = "SOURCE_DATE_EPOCH";
        let Some(text) = self.variables.filled(name) else {
            return Ok(None);
        };
        let (key, value) = (name.to_owned(), text.to_owned());
        text.parse()
            .map(Some)
            .map_err(|_| SettingsError::Value { key, value }.into())
    }

    fn index_settings(&self) -> Result<IndexSettings, Failure> {
        self.index_settings_with(self.access(self.settings()?)?)
    }

    fn index_settings_with(&self, access: Access) -> Result<IndexSettings, Failure> {
        let settings = self.settings()?;
        Ok(IndexSettings {
            pypi_url: settings.pypi_url.clone(),
            offline: false,
            no_cache: self.no_cache,
            timeout: settings.timeout,
            retries: settings.retries,
            connections: CONNECTIONS,
            user_agent: concat!("mpoetry/", env!("CARGO_PKG_VERSION")).to_owned(),
            lazy_wheels: settings.lazy_wheels,
            min_release_age: settings.min_release_age.clone(),
            access,
        })
    }

    /// What is known of hosts. A source of the project finds its own by name; the logins in the URLs of git
    /// repositories do not get into the lock file, so that whoever installs from there needs them here.
    fn access(&self, settings: &Settings) -> Result<Access, Failure> {
        let repositories = &settings.repositories;
        let is_set = |source: &&Source| repositories.iter().any(|(name, _)| *name == source.name);
        let sources = self.project()?.sources.iter();
        let sources = sources
            .filter(|source| !is_set(source))
            .filter_map(|source| Some((&source.name, source.address()?)));
        let named = repositories.iter().map(|(name, url)| (name, url.as_str()));
        let mut places: Vec<Place> = named
            .chain(sources)
            .map(|(name, url)| settings.place(name, url))
            .collect();
        let of_pypi = access_to_pypi(settings);
        places.extend(of_pypi.places.iter().cloned());
        let of_git = self.project()?.requirements().filter_map(|requirement| {
            let Origin::Git { url, .. } = &requirement.origin else {
                return None;
            };
            let (user, password) = git_url::credentials(url)?;
            let url = git_url::without_credentials(url);
            Some(Place::with_login(&url, &user, &password))
        });
        places.extend(of_git);
        let keyring = self.keyring()?;
        Ok(Access {
            places,
            vault: keyring.map(|keyring| Arc::new(keyring) as Arc<dyn Vault>),
            ..of_pypi
        })
    }

    /// Resolves the project, with words. What is locked keeps its version, but for directories: their
    /// files may say something new.
    ///
    /// # Errors
    /// When there is no solution, or an index fails.
    pub(crate) fn resolve(
        &self,
        project: &Project,
        previous: Option<&Lockfile>,
    ) -> Result<Lockfile, Failure> {
        let request = previous.map(Request::refresh).unwrap_or_default();
        let (lockfile, _) = self.resolve_noting(project, previous, &request)?;
        Ok(lockfile)
    }

    /// Resolves the project as `request` says, with words. Also tells what the answer depends on.
    ///
    /// # Errors
    /// As [`Context::resolve`].
    pub(crate) fn resolve_noting(
        &self,
        project: &Project,
        previous: Option<&Lockfile>,
        request: &Request,
    ) -> Result<(Lockfile, Notes), Failure> {
        self.tell_unheeded_settings();
        let resolving = Resolving::start(self.console);
        let lockfile = self.resolve_with(project, previous, request, &resolving)?;
        Ok((lockfile, resolving.into_notes()))
    }

    /// Resolves a part of the project among the packages of a lock, without a word and without asking anybody.
    ///
    /// # Errors
    /// When they don't satisfy it.
    pub(crate) fn resolve_among(
        &self,
        project: &Project,
        lockfile: &Lockfile,
        part: &Part<'_>,
    ) -> Result<Lockfile, Failure> {
        let runtime = self.runtime()?;
        let cache = self.cache()?;
        Ok(solver::resolve_among(
            project, lockfile, part, cache, runtime,
        )?)
    }

    /// Poetry: which releases were too young to be taken is told if nothing could be found without them, or to who
    /// wants to know.
    fn tell_too_young(&self, all: &[TooYoung], is_solved: bool) {
        let Ok(settings) = self.settings() else {
            return;
        };
        let days = settings.min_release_age.days;
        let mut last = None;
        for TooYoung {
            source,
            package,
            versions,
        } in all
        {
            let versions: Vec<&str> = versions.iter().map(Version::as_str).collect();
            let line = format!("Source ({source}): {package}: {}", versions.join(", "));
            let introduction = format!(
                "Source ({source}): The following package versions were ignored due to \
                 solver.min-release-age={days}"
            );
            let is_new = last != Some(source);
            last = Some(source);
            for line in is_new.then_some(introduction).into_iter().chain([line]) {
                match is_solved {
                    false => self.console.warning(line),
                    true if self.console.is_verbose() => self.console.line(line),
                    true => {}
                }
            }
        }
    }

    fn resolve_with(
        &self,
        project: &Project,
        previous: Option<&Lockfile>,
        request: &Request,
        reporter: &dyn Reporter,
    ) -> Result<Lockfile, Failure> {
        memory::give_back_at_once();
        let runtime = self.runtime()?;
        let index = self.index()?;
        let result = solver::resolve(project, previous, request, index, runtime, reporter);
        self.tell_too_young(&index.take_too_young(), result.is_ok());
        result.map_err(|error| Failure::of_solving(error, &project.all_sources()))
    }
}

/// Builds what needs a build, for the Python of the project's environment. That one is looked for when the
/// first build is asked for, which in most resolutions is never.
struct LateBuilder {
    environment: Option<Environment>,
    environments: Environments,
    cache: Cache,
    sources: Vec<Source>,
    rules: BuildRules,
    /// The Pythons that the project supports.
    wanted: Constraint,
    source_date_epoch: Option<i64>,
    share: Option<Arc<Share>>,
    variables: Variables,
    runtime: Runtime,
    frontend: OnceLock<Result<BuildFrontend, String>>,
    index: OnceLock<Index>,
}

impl LateBuilder {
    fn frontend(&self) -> Result<&BuildFrontend, String> {
        self.frontend
            .get_or_init(|| self.make())
            .as_ref()
            .map_err(Clone::clone)
    }

    fn make(&self) -> Result<BuildFrontend, String> {
        let python = match &self.environment {
            Some(environment) => environment.interpreter.clone(),
            None => self
                .environments
                .interpreter(&self.wanted)
                .map_err(|failure| failure.text())?,
        };
        Ok(self.make_for(python))
    }

    fn make_for(&self, python: Interpreter) -> BuildFrontend {
        let runtime = self.runtime.clone();
        let frontend = BuildFrontend::new(self.cache.clone(), Arc::new(python), runtime);
        frontend.set_sources(self.sources.clone());
        frontend.set_rules(self.rules.clone());
        if let Some(seconds) = self.source_date_epoch {
            frontend.set_source_date_epoch(seconds);
        }
        if let Some(share) = &self.share {
            frontend.set_share(Arc::clone(share));
            frontend.set_variables(self.variables.pairs());
        }
        if let Some(index) = self.index.get() {
            frontend.connect(index.clone());
        }
        frontend
    }
}

impl Builder for LateBuilder {
    fn metadata(&self, directory: &Path) -> Result<Metadata, String> {
        self.frontend()?.metadata(directory)
    }
}

/// Poetry: what PyPI is called where settings speak of it.
const PYPI: &str = "PyPI";

/// Poetry: what a project without a name is called.
const NO_NAME: &str = "non-package-mode";

/// The project's normalised name.
fn package_name(manifest: &toml::Table) -> String {
    let named = |table: Option<&toml::Value>| Some(table?.get("name")?.as_str()?.to_owned());
    let tool = manifest.get("tool").and_then(|tool| tool.get("poetry"));
    let name = named(manifest.get("project")).or_else(|| named(tool));
    name.map_or_else(
        || NO_NAME.to_owned(),
        |name| resolver::name::normalize(&name),
    )
}

/// What is known of PyPI alone, without asking anybody.
fn access_to_pypi(settings: &Settings) -> Access {
    Access {
        places: vec![settings.place(PYPI, &format!("{}simple/", settings.pypi_url))],
        netrc: settings.read_netrc(),
        vault: None,
        roots: settings.roots.clone(),
        more_roots: settings.more_roots.iter().cloned().collect(),
    }
}

/// Chooses whose cryptography secure connections use.
pub(crate) fn choose_cryptography() {
    // It fails only if there is one already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
}

/// Goes to the folder of `-C`. The one where the search for the project begins: that of `-P`, or the same.
///
/// # Errors
/// When they are no folders.
pub(crate) fn go_to(directory: Option<&Path>, project: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(directory) = directory {
        check_folder(directory, directory)?;
        std::env::set_current_dir(directory).map_err(Failure::caused)?;
    }
    let current = std::env::current_dir().map_err(Failure::caused)?;
    let Some(project) = project else {
        return Ok(current);
    };
    let folder = current.join(project);
    check_folder(&folder, &folder)?;
    Ok(folder)
}

fn check_folder(folder: &Path, shown: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    let shown = shown.display();
    Err(Failure::new(format!(
        "Specified path '{shown}' is not a valid directory."
    )))
}

/// What the cell holds, made now if it holds nothing.
fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T, Failure>) -> Result<&T, Failure> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}
