use std::path::Path;

use toml::Table;

use super::{Destination, Manifest};

const MAIN: Destination<'_> = Destination {
    group: "main",
    extra: None,
};

fn manifest(text: &str) -> Manifest {
    Manifest::parse(text, Path::new("/repo/service")).unwrap()
}

fn added(text: &str, destination: Destination<'_>, name: &str, entry: &str) -> String {
    let mut manifest = manifest(text);
    let entry: Table = entry.parse().unwrap();
    manifest.add(destination, name, &entry).unwrap();
    manifest.text()
}

fn removed(text: &str, name: &str) -> String {
    let mut manifest = manifest(text);
    let found = manifest.remove(&[name.to_owned()], None).unwrap();
    assert!(found.contains(name), "{name}");
    manifest.text()
}

/// Poetry takes it for the end of the section before.
#[test]
fn a_comment_above_a_header_stays_with_it() {
    let text = "[tool.poetry.dependencies]\npython = \"^3.11\"\n# a = \"1\"\n\n# For developers\n\
        [tool.poetry.group.dev.dependencies]\nb = \"1\"\n\n# The build\n[build-system]\n";
    assert_eq!(
        added(text, MAIN, "c", "version = \"^1\""),
        text.replace("# a = \"1\"\n", "# a = \"1\"\nc = \"^1\"\n")
    );
    let without = removed(text, "b");
    assert!(
        without.ends_with("\n\n# For developers\n# The build\n[build-system]\n"),
        "{without}"
    );
}

/// Poetry writes where the path is on this machine.
#[test]
fn a_relative_path_stays_relative() {
    let text = "[project]\nname = \"x\"\nversion = \"1\"\ndependencies = [\"a\"]\n";
    assert_eq!(
        added(
            text,
            MAIN,
            "lib",
            "path = \"../lib\"\nextras = [\"x\"]\ndevelop = true"
        ),
        "[project]\nname = \"x\"\nversion = \"1\"\ndependencies = [\"a\", \"lib[x]\"]\n\n\
         [tool.poetry.dependencies]\nlib = {path = \"../lib\", develop = true}\n"
    );
    let absolute = added(text, MAIN, "lib", "path = \"/repo/lib\"");
    assert!(
        absolute.contains("\"lib @ file:///repo/lib\""),
        "{absolute}"
    );
}

#[test]
fn groups_and_extras_are_found_in_any_spelling() {
    let text = "[project]\nname = \"x\"\nversion = \"1\"\n[project.optional-dependencies]\nFast_Json = [\"a\"]\n\
        [dependency-groups]\nDev_Tools = [\"b\"]\n";
    let group = Destination {
        group: "dev-tools",
        extra: None,
    };
    let extra = Destination {
        group: "main",
        extra: Some("fast-json"),
    };
    assert!(manifest(text).has(group, "B").unwrap());
    assert!(!manifest(text).has(MAIN, "a").unwrap());
    let both = added(
        &added(text, group, "c", "version = \"1\""),
        extra,
        "d",
        "version = \"2\"",
    );
    assert!(both.contains("Dev_Tools = [\"b\", \"c (==1)\"]"), "{both}");
    assert!(both.contains("Fast_Json = [\"a\", \"d (==2)\"]"), "{both}");
}

/// An array whose last element has a comment, with and without a comma.
#[test]
fn comments_in_arrays_are_kept() {
    for (array, with_new, without_b) in [
        (
            "[\n  \"a\", # one\n  \"b\", # two\n]",
            "[\n  \"a\", # one\n  \"b\", # two\n  \"c (>=1,<2)\",\n]",
            "[\n  \"a\", # one\n]",
        ),
        (
            "[\n  \"a\", # one\n  \"b\" # two\n]",
            "[\n  \"a\", # one\n  \"b\", # two\n  \"c (>=1,<2)\"\n]",
            "[\n  \"a\", # one\n]",
        ),
        (
            "[\n  \"a\", \"b\" # two, with a comma\n]",
            "[\n  \"a\", \"b\", # two, with a comma\n    \"c (>=1,<2)\"\n]",
            "[\n  \"a\" # two, with a comma\n]",
        ),
        ("[\"b\"]", "[\"b\", \"c (>=1,<2)\"]", "[]"),
        (
            "[\n  # nothing\n]",
            "[\n  # nothing\n  \"c (>=1,<2)\"\n]",
            "",
        ),
    ] {
        let text = |array: &str| {
            format!("[project]\nname = \"x\"\nversion = \"1\"\ndependencies = {array}\n")
        };
        let new = added(&text(array), MAIN, "c", "version = \"^1\"");
        assert_eq!(new, text(with_new), "{array}");
        if !without_b.is_empty() {
            assert_eq!(removed(&text(array), "b"), text(without_b), "{array}");
        }
    }
}

#[test]
fn line_ends_of_windows_are_kept() {
    let text =
        "[project]\r\nname = \"x\"\r\nversion = \"1\"\r\ndependencies = [\r\n  \"a\",\r\n]\r\n";
    let new = added(text, MAIN, "c", "version = \"^1\"");
    assert_eq!(
        new,
        text.replace("\"a\",\r\n", "\"a\",\r\n  \"c (>=1,<2)\",\r\n")
    );
}

#[test]
fn a_file_is_written_at_once_with_its_mode() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pyproject.toml");
    std::fs::write(&file, "[project]\nname = \"x\"\nversion = \"1\" # one\n").unwrap();
    let mut manifest = Manifest::read(folder.path()).unwrap();
    manifest.set_version(&"2".parse().unwrap()).unwrap();
    manifest.save().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, "[project]\nname = \"x\"\nversion = \"2\" # one\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Poetry begins a second group of that name, and forgets what is in the old section.
#[test]
fn the_old_section_for_developers_is_added_to() {
    let text = "[tool.poetry]\nname = \"x\"\n\n[tool.poetry.dev-dependencies]\npytest = \"^8\"\n\n[build-system]\n";
    let dev = Destination {
        group: "dev",
        extra: None,
    };
    let new = added(text, dev, "ipdb", "version = \"^0.13\"");
    assert_eq!(new, text.replace("\"^8\"\n", "\"^8\"\nipdb = \"^0.13\"\n"));
    // Unless there is a group already.
    let both = format!("{text}\n[dependency-groups]\ndev = [\"a\"]\n");
    let new = added(&both, dev, "ipdb", "version = \"^0.13\"");
    assert!(
        new.ends_with("dev = [\"a\", \"ipdb (>=0.13,<0.14)\"]\n"),
        "{new}"
    );
}
