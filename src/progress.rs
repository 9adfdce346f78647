//! What is said while the libraries work: their reporters, in Poetry's words.
//!
//! Where nobody watches (a pipe, CI) there is one plain line per operation, when it starts. On a terminal
//! the line comes when the operation is done, in its final colours, and a bar below tells what is going
//! on, unless all is over before [`PATIENCE`].

mod order;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use installer::bundle::Waiting;
use installer::environment::Installed;
use installer::plan::{Operation, Plan, SkipReason};
use installer::publish::Published;
use installer::title::{full_version, short_commit};
use resolver::name::PackageName;
use resolver::solver::LookedAt;
use resolver::sync::{into_inner, lock};
use resolver::version::Version;

use self::order::InOrder;
use crate::console::{BOLD, Console, DARK, ERROR, INFO, NAME, VALUE, WARNING};
use crate::memory;

/// A run that is over by then draws nothing.
const PATIENCE: Duration = Duration::from_millis(250);
const TICK: Duration = Duration::from_millis(100);

/// A bar that appears only if there is something to wait for.
struct LateBar {
    bar: ProgressBar,
    over: Option<(Sender<()>, JoinHandle<()>)>,
}

impl LateBar {
    fn new(console: &Console, length: Option<u64>, template: &str) -> Self {
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template(template).expect("the templates below are sound");
        bar.set_style(style.progress_chars("=> "));
        let over = console.is_animated().then(|| {
            let (over, waiting) = mpsc::channel();
            let shown = bar.clone();
            let waiter = std::thread::spawn(move || {
                if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                    shown.set_draw_target(ProgressDrawTarget::stderr());
                    shown.enable_steady_tick(TICK);
                }
            });
            (over, waiter)
        });
        Self { bar, over }
    }
}

impl Drop for LateBar {
    fn drop(&mut self) {
        if let Some((over, waiter)) = self.over.take() {
            drop(over);
            // It only waits and draws; there is nothing to learn from its end.
            waiter.join().ok();
        }
        self.bar.finish_and_clear();
    }
}

/// Tells how a resolution goes on, and notes what it looks at.
pub(crate) struct Resolving<'a> {
    console: &'a Console,
    bar: LateBar,
    notes: Mutex<Notes>,
}

/// What a resolution looked at besides the project and its lock.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) files: Vec<PathBuf>,
    /// Did it look at something that is no file?
    pub(crate) looked_outside: bool,
}

impl<'a> Resolving<'a> {
    /// Says that it starts; the bar goes when this value goes.
    pub(crate) fn start(console: &'a Console) -> Self {
        console.line(format_args!("{INFO}Resolving dependencies...{INFO:#}"));
        Self {
            console,
            bar: LateBar::new(console, None, "{spinner:.blue} ({elapsed}) {wide_msg}"),
            notes: Mutex::default(),
        }
    }

    /// What was noted.
    pub(crate) fn into_notes(self) -> Notes {
        into_inner(self.notes)
    }

    fn note(&self, note: impl FnOnce(&mut Notes)) {
        note(&mut lock(&self.notes));
    }
}

impl resolver::solver::Reporter for Resolving<'_> {
    fn decided(&self, package: &PackageName, version: &Version) {
        self.bar.bar.set_message(format!("{package} ({version})"));
    }

    fn looked_at(&self, what: LookedAt<'_>) {
        self.note(|notes| match what {
            LookedAt::File(path) => notes.files.push(path.to_owned()),
            LookedAt::Outside => notes.looked_outside = true,
        });
    }

    fn warning(&self, text: &str) {
        self.bar.bar.suspend(|| self.console.warning(text));
    }
}

/// Tells how an installation goes on.
pub(crate) struct Installing<'a> {
    console: &'a Console,
    plan: &'a Plan,
    folder: &'a Path,
    is_animated: bool,
    verbose: bool,
    order: Mutex<InOrder>,
    bar: LateBar,
    /// The oldest first.
    under_way: Mutex<Vec<UnderWay>>,
}

/// An operation that has started.
struct UnderWay {
    name: PackageName,
    /// What happens to it, empty if there is nothing special to tell.
    doing: String,
    /// Bytes of its archive so far.
    received: u64,
}

impl<'a> Installing<'a> {
    /// `folder` is the one of the lock file, where relative paths start. `verbose`: what is skipped is told, too.
    pub(crate) fn start(
        console: &'a Console,
        plan: &'a Plan,
        folder: &'a Path,
        verbose: bool,
    ) -> Self {
        let steps = plan
            .operations
            .iter()
            .filter(|operation| !is_skipped(operation))
            .count();
        let template = "{spinner:.blue} [{bar:20.blue}] {pos}/{len} {wide_msg}";
        Self {
            console,
            plan,
            folder,
            is_animated: console.is_animated(),
            verbose,
            order: Mutex::default(),
            bar: LateBar::new(console, Some(steps as u64), template),
            under_way: Mutex::default(),
        }
    }

    fn line(&self, operation: &Operation, state: State) {
        let line = operation_line(operation, self.folder, state);
        self.bar.bar.suspend(|| self.console.line(line));
    }

    /// Tells what has started as soon as all before it has.
    fn tell_start(&self, operation: &Operation) {
        let mut places = self.plan.operations.iter();
        let Some(place) = places.position(|other| std::ptr::eq(other, operation)) else {
            return;
        };
        // Poetry: pip goes first, whatever its place, and what is skipped is told at once.
        if is_skipped(operation) || name_of(operation).as_str() == "pip" {
            self.tell(|order| order.start_first(place));
        } else {
            self.tell(|order| order.start(place));
        }
    }

    fn tell(&self, what: impl FnOnce(&mut InOrder) -> Vec<usize>) {
        let mut order = lock(&self.order);
        for place in what(&mut order) {
            let operation = &self.plan.operations[place];
            if !self.is_animated && (self.verbose || !is_skipped(operation)) {
                self.line(operation, State::Started);
            }
        }
    }

    /// Changes what is under way, and tells of what is so longest.
    fn update(&self, change: impl FnOnce(&mut Vec<UnderWay>)) {
        let mut under_way = lock(&self.under_way);
        change(&mut under_way);
        let oldest = under_way.first();
        let message = oldest.map(|oldest| format!("{} {}", oldest.name, oldest.doing));
        self.bar.bar.set_message(message.unwrap_or_default());
    }

    fn update_one(&self, operation: &Operation, change: impl FnOnce(&mut UnderWay)) {
        let name = name_of(operation);
        self.update(|under_way| {
            if let Some(this) = under_way.iter_mut().find(|this| this.name == *name) {
                change(this);
            }
        });
    }

    fn end(&self, operation: &Operation) {
        self.update(|under_way| under_way.retain(|this| this.name != *name_of(operation)));
        self.bar.bar.inc(1);
    }
}

impl installer::install::Reporter for Installing<'_> {
    fn started(&self, operation: &Operation) {
        self.tell_start(operation);
        if is_skipped(operation) {
            if self.is_animated && self.verbose {
                self.line(operation, State::Started);
            }
            return;
        }
        let name = name_of(operation).clone();
        self.update(|under_way| {
            under_way.push(UnderWay {
                name,
                doing: String::new(),
                received: 0,
            });
        });
    }

    fn fetching(&self) {
        memory::give_back_at_once();
    }

    fn downloaded(&self, operation: &Operation, bytes: u64, total: Option<u64>) {
        self.update_one(operation, |this| {
            this.received += bytes;
            this.doing = match total {
                Some(total) if total > 0 => {
                    format!(
                        "(downloading: {} %)",
                        100 * this.received.min(total) / total
                    )
                }
                _ => "(downloading)".to_owned(),
            };
        });
    }

    fn building(&self, operation: &Operation) {
        self.update_one(operation, |this| "(building)".clone_into(&mut this.doing));
    }

    fn finished(&self, operation: &Operation) {
        if is_skipped(operation) {
            return;
        }
        if self.is_animated {
            self.line(operation, State::Done);
        }
        self.end(operation);
    }

    fn failed(&self, operation: &Operation) {
        self.tell(InOrder::end);
        if self.is_animated {
            self.line(operation, State::Failed);
        }
        self.end(operation);
    }

    fn warning(&self, text: &str) {
        self.bar.bar.suspend(|| self.console.warning(text));
    }
}

/// Tells how a bundle is made.
pub(crate) struct Bundling<'a> {
    console: &'a Console,
    /// Are steps told? What one waits for is told anyway.
    has_steps: bool,
    bar: LateBar,
}

impl<'a> Bundling<'a> {
    /// The bar goes when this value goes.
    pub(crate) fn start(console: &'a Console) -> Self {
        Self {
            console,
            has_steps: true,
            bar: LateBar::new(console, None, "{spinner:.blue} ({elapsed}) {wide_msg}"),
        }
    }

    /// The same for whoever has his own words for the steps.
    pub(crate) fn start_silently(console: &'a Console) -> Self {
        Self {
            has_steps: false,
            ..Self::start(console)
        }
    }

    fn line(&self, doing: &str, package: &PackageName) {
        self.bar.bar.set_message(format!("{doing} {package}"));
        if !self.has_steps {
            return;
        }
        let mark = INFO.bold();
        self.bar.bar.suspend(|| {
            self.console.line(format_args!(
                "  {mark}-{mark:#} {doing} {NAME}{package}{NAME:#}"
            ));
        });
    }
}

impl installer::bundle::Reporter for Bundling<'_> {
    fn building(&self, package: &PackageName) {
        self.line("Building", package);
    }

    fn packing(&self, package: &PackageName) {
        self.line("Packing", package);
    }

    fn downloading(&self, package: &PackageName) {
        self.line("Downloading", package);
    }

    fn waiting(&self, what: Waiting<'_>) {
        let text = match what {
            Waiting::Bundle(folder) => format!("writes {}", folder.display()),
            Waiting::Build(package) => format!("builds {package}"),
        };
        self.bar.bar.suspend(|| {
            self.console.error_line(format_args!(
                "{INFO}Waiting for another process that {text}...{INFO:#}"
            ));
        });
    }
}

/// How far an operation has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Started,
    Done,
    Failed,
}

/// Tells how uploads go on: one line when a file begins, one when it has been sent.
pub(crate) struct Publishing<'a> {
    console: &'a Console,
    is_animated: bool,
    bar: LateBar,
    /// Is there a line without its end?
    is_line_open: AtomicBool,
}

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        self.end_line();
    }
}

impl<'a> Publishing<'a> {
    /// The bar goes when this value goes.
    pub(crate) fn start(console: &'a Console) -> Self {
        Self {
            console,
            is_animated: console.is_animated(),
            bar: LateBar::new(console, Some(0), " - Uploading {msg} {percent}%"),
            is_line_open: AtomicBool::new(false),
        }
    }

    /// Poetry: lines are on stderr, and so are the line ends between those of one file; the last one is on stdout.
    fn line(&self, file: &str, state: impl Display) {
        let line = format!(" - Uploading {NAME}{file}{NAME:#} {state}");
        if self.is_animated {
            self.bar.bar.suspend(|| self.console.error_line(line));
            return;
        }
        if self.is_line_open.swap(true, Ordering::Relaxed) {
            self.console.error_line("");
        }
        self.console.prompt(line);
    }

    fn end_line(&self) {
        if self.is_line_open.swap(false, Ordering::Relaxed) {
            self.console.line("");
        }
    }
}

impl installer::publish::Reporter for Publishing<'_> {
    fn started(&self, file: &str, bytes: u64) {
        let bar = &self.bar.bar;
        bar.set_length(bytes);
        bar.set_position(0);
        bar.set_message(file.to_owned());
        if !self.is_animated {
            self.line(file, format_args!("{BOLD}0%{BOLD:#}"));
        }
    }

    fn sent(&self, _: &str, bytes: u64) {
        self.bar.bar.set_position(bytes);
    }

    fn answered(&self, file: &str) {
        if !self.is_animated {
            self.line(file, format_args!("{BOLD}100%{BOLD:#}"));
        }
    }

    fn published(&self, file: &str, published: Published) {
        match published {
            // The line is there already.
            Published::Sent if !self.is_animated => {}
            Published::Sent => self.line(file, format_args!("{VALUE}100%{VALUE:#}")),
            Published::Existed => self.line(
                file,
                format_args!("{WARNING}File exists. Skipping{WARNING:#}"),
            ),
        }
        self.end_line();
    }
}

/// Prints what a plan is going to do, in numbers. `verbose`: skipped operations count, too.
pub(crate) fn print_summary(console: &Console, plan: &Plan, verbose: bool) {
    let count = |wanted: fn(&Operation) -> bool| {
        plan.operations
            .iter()
            .filter(|operation| wanted(operation))
            .count()
    };
    let installs = count(|operation| matches!(operation, Operation::Install(_)));
    let updates = count(|operation| matches!(operation, Operation::Update { .. }));
    let removals = count(|operation| matches!(operation, Operation::Uninstall(_)));
    let skipped = count(is_skipped);
    // Poetry: an empty plan has no summary at all.
    if plan.operations.is_empty() {
        return;
    }
    if installs + updates + removals == 0 && !verbose {
        console.line("\nNo dependencies to install or update");
        return;
    }
    let part = |number: usize, what: &str| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{INFO}{number}{INFO:#} {what}{plural}")
    };
    let mut parts = vec![
        part(installs, "install"),
        part(updates, "update"),
        part(removals, "removal"),
    ];
    if skipped > 0 && verbose {
        parts.push(format!("{INFO}{skipped}{INFO:#} skipped"));
    }
    console.line(format_args!(
        "\n{BOLD}Package operations{BOLD:#}: {}\n",
        parts.join(", ")
    ));
}

/// Prints operations without carrying them out.
pub(crate) fn print_operations(console: &Console, plan: &Plan, folder: &Path) {
    for operation in &plan.operations {
        console.line(operation_line(operation, folder, State::Started));
    }
}

fn is_skipped(operation: &Operation) -> bool {
    matches!(operation, Operation::Skip { .. })
}

fn name_of(operation: &Operation) -> &PackageName {
    match operation {
        Operation::Install(package)
        | Operation::Update { to: package, .. }
        | Operation::Skip { package, .. } => &package.name,
        Operation::Uninstall(installed) => &installed.name,
    }
}

/// The line of one operation, as Poetry prints it.
fn operation_line(operation: &Operation, folder: &Path, state: State) -> String {
    let (mark, shade) = match state {
        State::Started => (INFO.bold(), BOLD),
        State::Done => (VALUE.bold(), VALUE),
        State::Failed => (ERROR, ERROR),
    };
    let name = name_of(operation);
    let named = format!("{NAME}{name}{NAME:#}");
    let what = match operation {
        Operation::Install(package) => {
            let version = full_version(package, folder);
            format!("Installing {named} ({shade}{version}{shade:#})")
        }
        Operation::Update { from, to } => {
            let verb = if to.version >= from.version {
                "Updating"
            } else {
                "Downgrading"
            };
            let (old, new) = (installed_version(from), full_version(to, folder));
            format!("{verb} {named} ({BOLD}{old}{BOLD:#} -> {shade}{new}{shade:#})")
        }
        Operation::Uninstall(installed) => {
            let version = installed_version(installed);
            format!("Removing {named} ({shade}{version}{shade:#})")
        }
        Operation::Skip { package, reason } => {
            let version = full_version(package, folder);
            let reason = match reason {
                SkipReason::AlreadyInstalled => "Already installed",
                SkipReason::NotRequired => "Not required",
            };
            return format!(
                "  {DARK}-{DARK:#} {DARK}Installing{DARK:#} {named} {DARK}({version}){DARK:#}: \
                 {DARK}Skipped for the following reason: {reason}{DARK:#}"
            );
        }
    };
    let failed = if state == State::Failed {
        format!(": {ERROR}Failed{ERROR:#}")
    } else {
        String::new()
    };
    format!("  {mark}-{mark:#} {what}{failed}")
}

/// The version of what is installed; its `direct_url.json` says where it came from.
fn installed_version(installed: &Installed) -> String {
    let version = &installed.version;
    let Some(direct) = &installed.direct_url else {
        return version.to_string();
    };
    let url = direct["url"].as_str().unwrap_or_default();
    if let Some(commit) = direct["vcs_info"]["commit_id"].as_str() {
        return format!("{version} {}", short_commit(commit));
    }
    format!("{version} {}", url.strip_prefix("file://").unwrap_or(url))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use installer::environment::Installed;
    use installer::plan::{Operation, SkipReason};
    use resolver::lock::{LockedPackage, LockedSource, SourceKind};

    use super::{State, operation_line};

    fn package(version: &str, source: Option<(SourceKind, &str)>) -> LockedPackage {
        LockedPackage {
            name: "core-lib".into(),
            pretty_name: "Core_Lib".to_owned(),
            version: version.parse().unwrap(),
            description: String::new(),
            optional: false,
            python_versions: "*".to_owned(),
            groups: Vec::new(),
            markers: BTreeMap::new(),
            files: Vec::new(),
            develop: false,
            requirements: Vec::new(),
            extras: BTreeMap::new(),
            source: source.map(|(kind, url)| LockedSource {
                kind,
                url: url.to_owned(),
                reference: Some("main".to_owned()),
                resolved_reference: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
                subdirectory: None,
            }),
            depth: 0,
        }
    }

    fn installed(version: &str, url: Option<&str>) -> Installed {
        Installed {
            name: "core-lib".into(),
            pretty_name: "Core_Lib".to_owned(),
            version: version.parse().unwrap(),
            dist_info: "core_lib.dist-info".into(),
            direct_url: url.map(|url| serde_json::json!({ "url": url, "dir_info": {} })),
            is_system: false,
            is_whole: true,
        }
    }

    fn line(operation: &Operation, state: State) -> String {
        let line = operation_line(operation, Path::new("/repo/services/api"), state);
        anstream::adapter::strip_str(&line).to_string()
    }

    #[test]
    fn lines_are_those_of_poetry() {
        let update = |from: Installed, to| Operation::Update { from, to };
        let library = "../../libs/core";
        for (operation, expected) in [
            (
                Operation::Install(package("1.2.3", None)),
                "Installing core-lib (1.2.3)",
            ),
            (
                Operation::Install(package("1.2.3", Some((SourceKind::Legacy, "https://i/")))),
                "Installing core-lib (1.2.3)",
            ),
            (
                Operation::Install(package("1.2.3", Some((SourceKind::Directory, library)))),
                "Installing core-lib (1.2.3 /repo/libs/core)",
            ),
            (
                Operation::Install(package("1.2.3", Some((SourceKind::Git, "https://g/r.git")))),
                "Installing core-lib (1.2.3 0123456)",
            ),
            (
                update(installed("1.0", None), package("1.2", None)),
                "Updating core-lib (1.0 -> 1.2)",
            ),
            (
                update(installed("1.3", None), package("1.2", None)),
                "Downgrading core-lib (1.3 -> 1.2)",
            ),
            (
                update(
                    installed("1.2", Some("file:///repo/libs/core")),
                    package("1.2", Some((SourceKind::Directory, library))),
                ),
                "Updating core-lib (1.2 /repo/libs/core -> 1.2 /repo/libs/core)",
            ),
            (
                Operation::Uninstall(installed("1.0", None)),
                "Removing core-lib (1.0)",
            ),
            (
                Operation::Skip {
                    package: package("1.0", None),
                    reason: SkipReason::AlreadyInstalled,
                },
                "Installing core-lib (1.0): Skipped for the following reason: Already installed",
            ),
        ] {
            assert_eq!(line(&operation, State::Started), format!("  - {expected}"));
        }
        let failed = line(&Operation::Install(package("1.0", None)), State::Failed);
        assert_eq!(failed, "  - Installing core-lib (1.0): Failed");
    }
}
