//! Wheel tags (PEP 425, 600, 656) and their order of preference for a platform.
//!
//! The order is that of the `packaging` library: the interpreter's own ABI first, then the stable ABI, then no ABI;
//! after that older stable ABIs, then pure Python, newest first. Within one ABI, platforms keep their order.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One tag triple, `cp311-cp311-manylinux_2_17_x86_64`.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Ord, PartialOrd, Serialize, Deserialize)]
pub struct Tag {
    /// `cp311`
    pub python: String,
    /// `cp311`, `abi3`, `none`
    pub abi: String,
    /// `any`, `manylinux_2_17_x86_64`
    pub platform: String,
}

impl Tag {
    /// A tag from its three parts, in lower case.
    #[must_use]
    pub fn new(python: &str, abi: &str, platform: &str) -> Self {
        Self {
            python: python.to_lowercase(),
            abi: abi.to_lowercase(),
            platform: platform.to_lowercase(),
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.python, self.abi, self.platform)
    }
}

/// A compressed tag set, `py2.py3-none-any`, as a wheel's file name has it: every combination of its parts is a tag.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TagSet {
    /// The parts in lower case, each of one or more words between dots.
    compressed: Tag,
}

impl TagSet {
    /// The set of three compressed parts. `None` if a part is empty, or an interpreter is no identifier.
    #[must_use]
    pub fn new(python: &str, abi: &str, platform: &str) -> Option<Self> {
        let has_gap = |part: &str| part.split('.').any(str::is_empty);
        if has_gap(python) || has_gap(abi) || has_gap(platform) {
            return None;
        }
        let compressed = Tag::new(python, abi, platform);
        python
            .split('.')
            .all(is_identifier)
            .then_some(Self { compressed })
    }

    /// All tags it stands for, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = Tag> {
        self.parts().map(|(python, abi, platform)| Tag {
            python: python.to_owned(),
            abi: abi.to_owned(),
            platform: platform.to_owned(),
        })
    }

    fn parts(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let Tag {
            python,
            abi,
            platform,
        } = &self.compressed;
        python.split('.').flat_map(move |python| {
            abi.split('.')
                .flat_map(move |abi| platform.split('.').map(move |it| (python, abi, it)))
        })
    }
}

fn is_identifier(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_numeric())
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The tags an environment supports, best first.
///
/// They are some hundred, of few words in all, so they are kept as the steps of a ladder and never listed.
#[derive(Clone, Debug, Default)]
pub struct Tags {
    ladder: Arc<Ladder>,
}

impl Tags {
    /// From a list, best first.
    #[must_use]
    pub fn new(ordered: Vec<Tag>) -> Self {
        let mut ladder = Ladder::default();
        for tag in ordered {
            ladder.add_one(&tag.python, &tag.abi, &tag.platform);
        }
        ladder.into()
    }

    /// The tags of CPython `python` (major, minor) on `platforms`, best first (see [`Platform::tags`]).
    #[must_use]
    pub fn for_cpython(python: (u32, u32), free_threaded: bool, platforms: &[String]) -> Self {
        let (major, minor) = python;
        let interpreter = format!("cp{major}{minor}");
        let (abi, stable) = match (free_threaded, minor) {
            (true, _) => (format!("{interpreter}t"), "abi3t"),
            // Before 3.8 the ABI told that Python was built with pymalloc, as it always was.
            (false, ..8) if major == 3 => (format!("{interpreter}m"), "abi3"),
            (false, _) => (interpreter.clone(), "abi3"),
        };
        let has_stable = python >= (3, 2);
        let mut tags = Ladder::new(platforms);
        tags.add(&interpreter, &abi);
        if has_stable {
            tags.add(&interpreter, stable);
        }
        tags.add(&interpreter, "none");
        if has_stable {
            for older in (2..minor).rev() {
                tags.add(&format!("cp{major}{older}"), stable);
            }
        }
        tags.add_pure(python, &interpreter);
        tags.into()
    }

    /// The tags of PyPy for `python` (major, minor) with `abi` as `pypy310_pp73`.
    #[must_use]
    pub fn for_pypy(python: (u32, u32), abi: &str, platforms: &[String]) -> Self {
        let mut tags = Ladder::new(platforms);
        let interpreter = format!("pp{}{}", python.0, python.1);
        tags.add(&interpreter, abi);
        tags.add(&interpreter, "none");
        tags.add_pure(python, "pp3");
        tags.into()
    }

    /// All of them, best first.
    pub fn iter(&self) -> impl Iterator<Item = Tag> {
        self.ladder.steps.iter().flat_map(|step| {
            let platforms = match &step.platform {
                Some(platform) => std::slice::from_ref(platform),
                None => &self.ladder.platforms,
            };
            (platforms.iter()).map(|platform| Tag::new(&step.python, &step.abi, platform))
        })
    }

    /// The best of them: what is compiled for this very environment has it. Empty if there is none.
    #[must_use]
    pub fn own(&self) -> String {
        let first = self.iter().next();
        first.map(|tag| tag.to_string()).unwrap_or_default()
    }

    /// The platforms in them, each once, without `any`.
    #[must_use]
    pub fn platforms(&self) -> &[String] {
        &self.ladder.platforms
    }

    /// Is there a tag for one of the platforms in a compressed list (`manylinux_2_17_x86_64.manylinux2014_x86_64`)?
    #[must_use]
    pub fn know_platform_of(&self, compressed: &str) -> bool {
        let ladder = &*self.ladder;
        let own = ladder.steps.iter().filter_map(|it| it.platform.as_ref());
        compressed.split('.').any(|word| {
            let is_word = |platform: &String| platform.eq_ignore_ascii_case(word);
            ladder.platforms.iter().any(is_word) || own.clone().any(is_word)
        })
    }

    /// A rank behind those of all tags.
    #[must_use]
    pub fn last_rank(&self) -> usize {
        self.ladder.count
    }

    /// The rank of the best tag of a set (0 is best), if any is supported.
    #[must_use]
    pub fn best(&self, tags: &TagSet) -> Option<usize> {
        let ranks = tags.parts().filter_map(|tag| self.ladder.rank(tag));
        ranks.min()
    }
}

impl From<Ladder> for Tags {
    fn from(ladder: Ladder) -> Self {
        Self {
            ladder: Arc::new(ladder),
        }
    }
}

/// Tags in their order, over a fixed list of platforms.
#[derive(Debug, Default)]
struct Ladder {
    platforms: Vec<String>,
    steps: Vec<Step>,
    /// How many tags the steps are.
    count: usize,
}

/// The tags of one interpreter and ABI: for one platform, or for all, in their order.
#[derive(Debug)]
struct Step {
    python: String,
    abi: String,
    platform: Option<String>,
    /// The rank of its first tag.
    rank: usize,
}

impl Ladder {
    fn new(platforms: &[String]) -> Self {
        Self {
            platforms: platforms.iter().map(|it| it.to_lowercase()).collect(),
            ..Self::default()
        }
    }

    fn add(&mut self, python: &str, abi: &str) {
        self.push(python, abi, None);
        self.count += self.platforms.len();
    }

    fn add_one(&mut self, python: &str, abi: &str, platform: &str) {
        self.push(python, abi, Some(platform.to_owned()));
        self.count += 1;
    }

    fn push(&mut self, python: &str, abi: &str, platform: Option<String>) {
        self.steps.push(Step {
            python: python.to_owned(),
            abi: abi.to_owned(),
            platform,
            rank: self.count,
        });
    }

    /// What any interpreter of this Python version can use.
    fn add_pure(&mut self, (major, minor): (u32, u32), interpreter: &str) {
        let mut pythons = vec![format!("py{major}{minor}"), format!("py{major}")];
        pythons.extend((0..minor).rev().map(|older| format!("py{major}{older}")));
        for python in &pythons {
            self.add(python, "none");
        }
        self.add_one(interpreter, "none", "any");
        for python in &pythons {
            self.add_one(python, "none", "any");
        }
    }

    fn rank(&self, (python, abi, platform): (&str, &str, &str)) -> Option<usize> {
        let mut steps = (self.steps.iter()).filter(|it| it.python == python && it.abi == abi);
        steps.find_map(|step| match &step.platform {
            Some(own) => (own == platform).then_some(step.rank),
            None => {
                let place = self.platforms.iter().position(|it| it == platform);
                place.map(|place| step.rank + place)
            }
        })
    }
}

/// A kind of machine that wheels are made for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Platform {
    /// Linux on `arch` (`x86_64`, `aarch64`, …).
    Linux {
        /// As in `linux_<arch>`.
        arch: String,
        /// The C library.
        libc: Libc,
    },
    /// macOS.
    MacOs {
        /// Version, e.g. (14, 0).
        version: (u32, u32),
        /// `arm64`, `x86_64`, …
        arch: String,
    },
    /// Anything with one tag, such as `win_amd64`: what `sysconfig.get_platform()` says.
    Other(String),
}

/// The C library of a Linux system, with its version (major, minor).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Libc {
    /// GNU, tags `manylinux` (PEP 600).
    Glibc(u32, u32),
    /// musl, tags `musllinux` (PEP 656).
    Musl(u32, u32),
    /// Not known: only `linux_<arch>`.
    Unknown,
}

impl Platform {
    /// The platform tags it supports, best first.
    #[must_use]
    pub fn tags(&self) -> Vec<String> {
        match self {
            Self::Linux { arch, libc } => linux_tags(arch, *libc),
            Self::MacOs { version, arch } => mac_tags(*version, arch),
            Self::Other(name) => vec![name.replace(['.', '-', ' '], "_")],
        }
    }
}

fn linux_tags(arch: &str, libc: Libc) -> Vec<String> {
    // A 32-bit Python on ARMv8 runs what was built for ARMv7 too.
    let arches: &[&str] = match arch {
        "armv8l" => &["armv8l", "armv7l"],
        _ => &[arch],
    };
    let mut tags: Vec<String> = arches.iter().map(|arch| format!("linux_{arch}")).collect();
    for arch in arches {
        match libc {
            Libc::Glibc(major, minor) => tags.extend(manylinux(arch, (major, minor))),
            Libc::Musl(major, minor) => {
                let older = (0..=minor).rev();
                tags.extend(older.map(|minor| format!("musllinux_{major}_{minor}_{arch}")));
            }
            Libc::Unknown => {}
        }
    }
    tags
}

/// The `manylinux` tags that a system with this glibc can use, newest first, with the old names beside the new.
/// Empty for an architecture that the standards do not know.
#[must_use]
pub fn manylinux(arch: &str, (major, minor): (u32, u32)) -> Vec<String> {
    const KNOWN: [&str; 9] = [
        "x86_64",
        "i686",
        "aarch64",
        "armv7l",
        "ppc64",
        "ppc64le",
        "s390x",
        "loongarch64",
        "riscv64",
    ];
    if major != 2 || !KNOWN.contains(&arch) {
        return Vec::new();
    }
    let oldest = if matches!(arch, "x86_64" | "i686") {
        5
    } else {
        17
    };
    let mut tags = Vec::new();
    for minor in (oldest..=minor).rev() {
        tags.push(format!("manylinux_2_{minor}_{arch}"));
        let old_name = match minor {
            17 => "manylinux2014",
            12 => "manylinux2010",
            5 => "manylinux1",
            _ => continue,
        };
        tags.push(format!("{old_name}_{arch}"));
    }
    tags
}

fn mac_tags((major, minor): (u32, u32), arch: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut add = |version: (u32, u32), formats: &[&str]| {
        let names = formats.iter();
        tags.extend(names.map(|format| format!("macosx_{}_{}_{format}", version.0, version.1)));
    };
    if major == 10 {
        for minor in (0..=minor).rev() {
            add((10, minor), &mac_formats((10, minor), arch));
        }
        return tags;
    }
    // From macOS 11 on, wheels name the major version only.
    for major in (11..=major).rev() {
        add((major, 0), &mac_formats((major, 0), arch));
    }
    // Apple silicon runs the x86_64 half of fat binaries made for macOS 10, and nothing else from there.
    for minor in (4..=16).rev() {
        match arch {
            "x86_64" => add((10, minor), &mac_formats((10, minor), arch)),
            _ => add((10, minor), &["universal2"]),
        }
    }
    tags
}

/// The binary formats an architecture can run, best first.
fn mac_formats(version: (u32, u32), arch: &str) -> Vec<&str> {
    let mut formats = vec![arch];
    match arch {
        "x86_64" if version < (10, 4) => return Vec::new(),
        "x86_64" => formats.extend(["intel", "fat64", "fat3"]),
        "i386" if version < (10, 4) => return Vec::new(),
        "i386" => formats.extend(["intel", "fat3", "fat"]),
        _ => {}
    }
    if matches!(arch, "arm64" | "x86_64") {
        formats.push("universal2");
    }
    if matches!(arch, "x86_64" | "i386") {
        formats.push("universal");
    }
    formats
}

#[cfg(test)]
mod tests {
    use super::{Libc, Platform, TagSet, Tags};

    #[test]
    fn a_foreign_target_gets_its_ladder_from_facts_alone() {
        let target = Platform::Linux {
            arch: "aarch64".to_owned(),
            libc: Libc::Glibc(2, 18),
        };
        assert_eq!(
            target.tags(),
            [
                "linux_aarch64",
                "manylinux_2_18_aarch64",
                "manylinux_2_17_aarch64",
                "manylinux2014_aarch64"
            ]
        );
    }

    #[test]
    fn the_best_of_several_tags_counts() {
        let tags = Tags::for_cpython((3, 12), false, &["win_amd64".to_owned()]);
        let best = |python: &str, abi: &str, platform: &str| {
            let set = TagSet::new(python, abi, platform).unwrap();
            tags.best(&set)
        };
        assert_eq!(best("py3.cp312", "cp312.none", "win_amd64.any"), Some(0));
        assert!(best("py3", "none", "any").is_some_and(|rank| rank > 0));
        assert_eq!(best("cp311", "cp311", "win_amd64"), None);
        for (rank, tag) in tags.iter().enumerate() {
            let rank = Some(rank);
            assert_eq!(best(&tag.python, &tag.abi, &tag.platform), rank, "{tag}");
        }
        assert_eq!(tags.last_rank(), tags.iter().count());
    }
}
