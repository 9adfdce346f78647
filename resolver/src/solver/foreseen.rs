//! What well-known packages are known to require.
//!
//! What a package requires is known when its page and its metadata have arrived, one after the other; then the same
//! begins for what it requires, and so on: with an empty cache, a resolution mostly waits. `foreseen.tsv`, which
//! `foreseen.py` writes, has what the newest releases of well-known packages require, so that all of it can be asked
//! for at once. These are guesses: one that is wrong or missing costs a request or a little time, and changes no answer.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::name::{ExtraName, PackageName};

/// A line for each package, or package with extras: its name, a tab, and the names of what it requires.
const LIST: &str = include_str!("foreseen.tsv");

static REQUIREMENTS: LazyLock<FxHashMap<&str, &str>> = LazyLock::new(|| {
    LIST.lines()
        .filter_map(|line| line.split_once('\t'))
        .collect()
});

/// What a package with these extras probably requires, with the extras of that; nothing, if it is not well known.
pub(super) fn requirements(
    name: &PackageName,
    extras: &[ExtraName],
) -> impl Iterator<Item = (PackageName, Vec<ExtraName>)> {
    let mut all: Vec<&str> = extras.iter().map(ExtraName::as_str).collect();
    all.sort_unstable();
    let with_each = all.iter().map(|extra| format!("{name}[{extra}]"));
    let keys = with_each.chain([name.to_string(), format!("{name}[{}]", all.join(","))]);
    let found = keys.filter_map(|key| REQUIREMENTS.get(key.as_str()).copied());
    let found: Vec<&str> = found.flat_map(|required| required.split(' ')).collect();
    found.into_iter().map(|required| {
        let (name, extras) = parts(required);
        (PackageName::new(name), extras.map(ExtraName::new).collect())
    })
}

/// `name[a,b]` → `name`; `a`, `b`
fn parts(text: &str) -> (&str, impl Iterator<Item = &str>) {
    let (name, extras) = text.split_once('[').unwrap_or((text, ""));
    let extras = extras.trim_end_matches(']').split(',');
    (name, extras.filter(|extra| !extra.is_empty()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{LIST, parts, requirements};
    use crate::name::{ExtraName, PackageName};

    fn required(name: &str, extras: &[&str]) -> BTreeSet<String> {
        let extras: Vec<ExtraName> = extras.iter().copied().map(ExtraName::new).collect();
        let name = PackageName::new(name);
        let required = requirements(&name, &extras);
        required.map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn extras_add_to_what_a_package_requires() {
        let plain = required("uvicorn", &[]);
        let standard = required("uvicorn", &["standard"]);
        assert!(plain.contains("click") && !plain.contains("uvloop"));
        assert!(standard.is_superset(&plain) && standard.contains("uvloop"));
        assert_eq!(required("uvicorn", &["unheard-of"]), plain);
        assert!(required("unheard-of", &[]).is_empty());
    }

    #[test]
    fn the_list_has_normalised_names_in_order() {
        let names: Vec<&str> = LIST
            .lines()
            .map(|line| line.split('\t').next().unwrap())
            .collect();
        assert!(names.is_sorted());
        for line in LIST.lines() {
            let (key, required) = line.split_once('\t').unwrap();
            for name in required.split(' ').chain([key]) {
                let (name, extras) = parts(name);
                assert_eq!(PackageName::new(name).as_str(), name);
                for extra in extras {
                    assert_eq!(ExtraName::new(extra).as_str(), extra);
                }
            }
        }
    }
}
