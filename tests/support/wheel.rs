//! Small wheels, honest or not.

use std::fmt::Write as _;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use super::archive::{Member, zip};
use super::index::Archive;

/// A wheel in the making. Without further calls it holds one module with a `__version__`.
#[derive(Clone, Debug)]
pub(crate) struct Wheel {
    name: String,
    version: String,
    build: Option<String>,
    tags: Vec<String>,
    summary: String,
    requires_python: Option<String>,
    requires: Vec<String>,
    extras: Vec<String>,
    entry_points: Vec<(String, String, String)>,
    files: Vec<Member>,
    unrecorded: Vec<Member>,
    bare: bool,
}

impl Wheel {
    pub(crate) fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            build: None,
            tags: vec!["py3-none-any".to_owned()],
            summary: format!("The {name} package"),
            requires_python: None,
            requires: Vec::new(),
            extras: Vec::new(),
            entry_points: Vec::new(),
            files: Vec::new(),
            unrecorded: Vec::new(),
            bare: false,
        }
    }

    /// A `Requires-Dist` line.
    pub(crate) fn requires(mut self, requirement: &str) -> Self {
        self.requires.push(requirement.to_owned());
        self
    }

    /// A `Provides-Extra` line.
    pub(crate) fn extra(mut self, name: &str) -> Self {
        self.extras.push(name.to_owned());
        self
    }

    pub(crate) fn requires_python(mut self, specifier: &str) -> Self {
        self.requires_python = Some(specifier.to_owned());
        self
    }

    pub(crate) fn summary(mut self, text: &str) -> Self {
        text.clone_into(&mut self.summary);
        self
    }

    /// Replaces `py3-none-any`; a compressed set (`py2.py3-none-any`) is expanded in WHEEL.
    pub(crate) fn tag(mut self, tag: &str) -> Self {
        self.tags = vec![tag.to_owned()];
        self
    }

    /// A build tag, e.g. `1` or `2local`.
    pub(crate) fn build_tag(mut self, tag: &str) -> Self {
        self.build = Some(tag.to_owned());
        self
    }

    /// A file, with its path inside the wheel; the first one replaces the default module.
    pub(crate) fn file(mut self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.files.push(Member::file(path, bytes));
        self
    }

    /// A file with its executable bit set.
    pub(crate) fn executable(mut self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let mut member = Member::file(path, bytes);
        member.mode = 0o100_755;
        self.files.push(member);
        self
    }

    /// A file below `<name>-<version>.data/<scheme>/`.
    pub(crate) fn data(self, scheme: &str, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = format!("{}.data/{scheme}/{path}", self.stem());
        self.executable(&path, bytes)
    }

    /// `group` is mostly `console_scripts`; `target` reads `module:function`.
    pub(crate) fn entry_point(mut self, group: &str, name: &str, target: &str) -> Self {
        let entry = (group.to_owned(), name.to_owned(), target.to_owned());
        self.entry_points.push(entry);
        self
    }

    /// A member that RECORD does not know, written as it is: the place for hostile things.
    pub(crate) fn unrecorded(mut self, member: Member) -> Self {
        self.unrecorded.push(member);
        self
    }

    /// Leaves METADATA, WHEEL and RECORD out.
    pub(crate) fn without_dist_info(mut self) -> Self {
        self.bare = true;
        self
    }

    fn module(&self) -> String {
        self.name.to_lowercase().replace(['-', '.'], "_")
    }

    fn stem(&self) -> String {
        format!("{}-{}", self.module(), self.version)
    }

    fn members(&self) -> Vec<Member> {
        let mut members = self.files.clone();
        if members.is_empty() {
            let text = format!("__version__ = {:?}\n", self.version);
            members.push(Member::file(
                &format!("{}/__init__.py", self.module()),
                text,
            ));
        }
        if self.bare {
            members.extend(self.unrecorded.clone());
            return members;
        }
        let info = format!("{}.dist-info", self.stem());
        members.push(Member::file(
            &format!("{info}/METADATA"),
            self.metadata_text(),
        ));
        members.push(Member::file(&format!("{info}/WHEEL"), self.wheel_text()));
        if !self.entry_points.is_empty() {
            let path = format!("{info}/entry_points.txt");
            members.push(Member::file(&path, self.entry_points_text()));
        }
        let record = record(&members, &format!("{info}/RECORD"));
        members.push(Member::file(&format!("{info}/RECORD"), record));
        members.extend(self.unrecorded.clone());
        members
    }

    fn metadata_text(&self) -> String {
        let mut text = format!(
            "Metadata-Version: 2.1\nName: {}\nVersion: {}\nSummary: {}\n",
            self.name, self.version, self.summary
        );
        if let Some(specifier) = &self.requires_python {
            writeln!(text, "Requires-Python: {specifier}").expect("writing to memory");
        }
        for requirement in &self.requires {
            writeln!(text, "Requires-Dist: {requirement}").expect("writing to memory");
        }
        for extra in &self.extras {
            writeln!(text, "Provides-Extra: {extra}").expect("writing to memory");
        }
        text
    }

    fn wheel_text(&self) -> String {
        let pure = self.tags.iter().all(|tag| tag.ends_with("-none-any"));
        let mut text = format!("Wheel-Version: 1.0\nGenerator: fixture\nRoot-Is-Purelib: {pure}\n");
        for tag in self.tags.iter().flat_map(|tag| expand(tag)) {
            writeln!(text, "Tag: {tag}").expect("writing to memory");
        }
        text
    }

    fn entry_points_text(&self) -> String {
        let mut text = String::new();
        let mut current = "";
        for (group, name, target) in &self.entry_points {
            if group != current {
                writeln!(text, "[{group}]").expect("writing to memory");
                current = group;
            }
            writeln!(text, "{name} = {target}").expect("writing to memory");
        }
        text
    }
}

impl Archive for Wheel {
    fn project(&self) -> &str {
        &self.name
    }

    fn filename(&self) -> String {
        let build = self
            .build
            .as_ref()
            .map(|tag| format!("-{tag}"))
            .unwrap_or_default();
        format!("{}{build}-{}.whl", self.stem(), self.tags.join("."))
    }

    fn bytes(&self) -> Vec<u8> {
        zip(&self.members())
    }

    fn metadata(&self) -> Option<String> {
        (!self.bare).then(|| self.metadata_text())
    }

    fn python(&self) -> Option<String> {
        self.requires_python.clone()
    }
}

/// `py2.py3-none-any` stands for two tags.
fn expand(tag: &str) -> Vec<String> {
    let mut parts = tag
        .splitn(3, '-')
        .map(|part| part.split('.').collect::<Vec<_>>());
    let (pythons, abis, platforms) = (parts.next(), parts.next(), parts.next());
    let mut tags = Vec::new();
    for python in pythons.iter().flatten() {
        for abi in abis.iter().flatten() {
            for platform in platforms.iter().flatten() {
                tags.push(format!("{python}-{abi}-{platform}"));
            }
        }
    }
    tags
}

fn record(members: &[Member], own_path: &str) -> String {
    let mut text = String::new();
    for member in members {
        let digest = BASE64URL_NOPAD.encode(&Sha256::digest(&member.bytes));
        let size = member.bytes.len();
        writeln!(text, "{},sha256={digest},{size}", member.name).expect("writing to memory");
    }
    text + own_path + ",,\n"
}
