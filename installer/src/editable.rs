//! The root project in its environment, laid out as Poetry's own editable builder does it: a `.pth` file, scripts
//! that import the entry points, and a `.dist-info` whose RECORD names absolute paths.
//!
//! Poetry installs the root project again each time. Here nothing is written if every file would be the same.
//! Otherwise new files are renamed over old ones, and the `.dist-info` folder comes last and in one piece.

use std::io::Write;
use std::path::{Component, Path, PathBuf};

use resolver::name::PackageName;
use resolver::project::Project;
use resolver::unchanged::LookedAt;

use crate::build::native::build_script;
use crate::build::native::entry_points::{EntryPoints, file_scripts};
use crate::build::native::metadata::files_read;
use crate::build::native::wheel::{WheelName, dist_info_files, editable_pth, is_executable};
use crate::build::{BuildError, RecordRow, record_text, write_atomically};
use crate::environment::{Environment, Installed};
use crate::wheel::{TEMPORARY, create_file, file_url, new_folder, parse_rows};

/// A file to be written.
struct NewFile {
    path: PathBuf,
    content: Vec<u8>,
    executable: bool,
}

/// Installs the root project as Poetry's own builder does (`<name>.pth`, scripts, dist-info). Returns warnings, one
/// line each, about scripts that could not be made.
///
/// A build script is not run here; see [`BuildFrontend::run_build_script`](crate::build::BuildFrontend::run_build_script).
///
/// # Errors
/// When the project names no module that exists, or files can't be written.
pub fn install_root(
    project: &Project,
    environment: &Environment,
) -> Result<Vec<String>, BuildError> {
    if !project.package_mode {
        return Err(BuildError::NonPackageMode);
    }
    let site_packages = environment.site_packages();
    let (pth, paths) = editable_pth(project)?;
    let mut files = vec![NewFile {
        path: site_packages.join(pth),
        content: paths.into_bytes(),
        executable: false,
    }];
    files.extend(entry_point_scripts(project, environment)?);
    let (scripts, warnings) = copied_scripts(project, environment)?;
    files.extend(scripts);

    let mut wheel = WheelName::of(project)?;
    if build_script(project).is_some() {
        wheel = wheel.for_interpreter(&environment.interpreter.tags);
    }
    let dist_info = site_packages.join(wheel.dist_info());
    let described = dist_info_content(project, &wheel, &dist_info, &files)?;

    let installed = dist_infos(
        &site_packages,
        &project.package_name().unwrap_or_else(|| "".into()),
    )?;
    if installed == [dist_info.clone()]
        && is_same_folder(&dist_info, &described)
        && files.iter().all(is_same_file)
    {
        return Ok(warnings);
    }
    for file in &files {
        write_atomically(
            &file.path,
            &file.content,
            if file.executable { 0o755 } else { 0o644 },
        )?;
    }
    for old in &installed {
        remove_distribution(environment, old, &files)?;
    }
    write_folder(&dist_info, &described)?;
    Ok(warnings)
}

/// What [`install_root`] decides by, besides `pyproject.toml` itself. `None` if it can't be told: a build script may
/// look at anything, and what is not fit to be installed should be looked at again.
#[must_use]
pub fn looks_at(project: &Project, environment: &Environment) -> Option<LookedAt> {
    let mut looked_at = LookedAt::default();
    if !project.package_mode {
        return Some(looked_at);
    }
    if build_script(project).is_some() {
        return None;
    }
    let (pth, folders) = editable_pth(project).ok()?;
    let scripts = file_scripts(project)
        .into_iter()
        .filter_map(|script| script.reference);
    let named = files_read(project).ok()?.into_iter().chain(scripts);
    looked_at.files = named.map(|name| project.root.join(name)).collect();
    // A folder changes with what lies in it: modules and licences that come and go.
    let around: Vec<PathBuf> = looked_at
        .files
        .iter()
        .filter_map(|file| file.parent().map(Path::to_owned))
        .collect();
    looked_at.places = around;
    looked_at.places.push(project.root.clone());
    looked_at.places.extend(folders.lines().map(PathBuf::from));
    let entry_points = EntryPoints::read(project).ok()?;
    let scripts = ["console_scripts", "gui_scripts"]
        .into_iter()
        .flat_map(|group| entry_points.group(group))
        .map(|(name, _)| environment.scripts().join(name));
    looked_at.places.extend(scripts);
    looked_at.places.push(environment.site_packages().join(pth));
    Some(looked_at)
}

/// Removes what the root project was installed as when it had another name.
///
/// Poetry: it stays, scripts and all.
///
/// # Errors
/// When files can't be removed.
pub fn remove_former(
    project: &Project,
    environment: &Environment,
    installed: &[Installed],
) -> Result<(), BuildError> {
    let name = project.package_name();
    let url = file_url(&project.root);
    let is_former = |found: &&Installed| {
        let direct = found.direct_url.as_ref();
        let is_editable = |direct: &serde_json::Value| {
            direct["dir_info"]["editable"] == true && direct["url"] == url
        };
        !found.is_system && Some(&found.name) != name.as_ref() && direct.is_some_and(is_editable)
    };
    for former in installed.iter().filter(is_former) {
        remove_distribution(environment, &former.dist_info, &[])?;
    }
    Ok(())
}

/// The scripts of `console_scripts` and `gui_scripts`.
fn entry_point_scripts(
    project: &Project,
    environment: &Environment,
) -> Result<Vec<NewFile>, BuildError> {
    let entry_points = EntryPoints::read(project)?;
    let python = environment.python();
    let mut scripts = Vec::new();
    for (name, reference) in ["console_scripts", "gui_scripts"]
        .into_iter()
        .flat_map(|group| entry_points.group(group))
    {
        check_script_name(name)?;
        let (module, callable) = split_reference(name, reference)?;
        let holder = callable.split('.').next().unwrap_or(callable);
        let content = format!(
            "#!{}\nimport sys\nfrom {module} import {holder}\n\nif __name__ == '__main__':\n    sys.exit({callable}())\n",
            python.display()
        );
        scripts.push(NewFile {
            path: environment.scripts().join(name),
            content: content.into_bytes(),
            executable: true,
        });
    }
    Ok(scripts)
}

/// A script lies in the environment's folder of programs and nowhere else.
fn check_script_name(name: &str) -> Result<(), BuildError> {
    let parts: Vec<Component> = Path::new(name).components().collect();
    match parts[..] {
        [Component::Normal(part)] if part == name && !name.contains('\\') => Ok(()),
        _ => Err(BuildError::Manifest {
            reason: format!("Bad script ({name}): its name is no file name"),
        }),
    }
}

/// Splits `module:object`, extras cut off.
fn split_reference<'a>(name: &str, reference: &'a str) -> Result<(&'a str, &'a str), BuildError> {
    let plain = reference.split('[').next().unwrap_or(reference);
    let parts: Vec<&str> = plain.split(':').collect();
    if let [module, callable] = parts[..] {
        return Ok((module, callable));
    }
    let advice = if parts.len() < 2 {
        format!(
            "\nHint: If the script depends on module-level code, try wrapping it in a main() function and modifying \
             your script like:\n{name} = \"{reference}:main\""
        )
    } else {
        "\nToo many \":\" found!".to_owned()
    };
    Err(BuildError::Manifest {
        reason: format!(
            "Bad script ({name}): script needs to specify a function within a module like: \
             module(.submodule):function\nInstead got: {reference}{advice}"
        ),
    })
}

/// Copies of the scripts of type `file`, and warnings about those that can't be copied.
fn copied_scripts(
    project: &Project,
    environment: &Environment,
) -> Result<(Vec<NewFile>, Vec<String>), BuildError> {
    let (mut scripts, mut warnings) = (Vec::new(), Vec::new());
    for script in file_scripts(project) {
        let name = script.name;
        check_script_name(&name)?;
        let Some(reference) = script.reference.filter(|reference| !reference.is_empty()) else {
            warnings.push(format!(
                "  - File script {name} is missing a \"reference\" field"
            ));
            continue;
        };
        let source = project.root.join(&reference);
        if source.is_file() {
            scripts.push(NewFile {
                path: environment.scripts().join(name),
                content: fs_err::read(source)?,
                executable: true,
            });
        } else {
            let problem = if source.exists() {
                "is not a file"
            } else {
                "does not exist"
            };
            warnings.push(format!(
                "  - File script {name} references {reference} which {problem}"
            ));
        }
    }
    Ok((scripts, warnings))
}

/// All files of dist-info, RECORD last.
fn dist_info_content(
    project: &Project,
    wheel: &WheelName,
    dist_info: &Path,
    files: &[NewFile],
) -> Result<Vec<NewFile>, BuildError> {
    let mut described: Vec<NewFile> = dist_info_files(project, wheel)?
        .into_iter()
        .map(|file| NewFile {
            path: dist_info.join(file.name),
            content: file.content,
            executable: file.mode & 0o100 != 0,
        })
        .collect();
    let plain = |name: &str, text: String| NewFile {
        path: dist_info.join(name),
        content: text.into_bytes(),
        executable: false,
    };
    // Poetry: other words and another order than in the files the installer writes for wheels.
    described.push(plain("INSTALLER", "poetry".to_owned()));
    let url = file_url(&project.root);
    described.push(plain(
        "direct_url.json",
        format!("{{\"dir_info\": {{\"editable\": true}}, \"url\": \"{url}\"}}"),
    ));
    let rows: Vec<RecordRow> = files
        .iter()
        .chain(&described)
        .map(|file| RecordRow::new(file.path.to_string_lossy(), &file.content))
        .collect();
    let record = dist_info.join("RECORD");
    let text = record_text(&rows, &record.to_string_lossy(), "\r\n");
    described.push(plain("RECORD", text));
    Ok(described)
}

/// The `.dist-info` folders of a distribution.
fn dist_infos(site_packages: &Path, name: &PackageName) -> Result<Vec<PathBuf>, BuildError> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(site_packages)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let distribution = file_name
            .to_str()
            .and_then(|file_name| file_name.strip_suffix(".dist-info"))
            .and_then(|stem| Some(stem.split_once('-')?.0));
        if distribution.is_some_and(|distribution| PackageName::new(distribution) == *name) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn is_same_file(file: &NewFile) -> bool {
    fs_err::read(&file.path).is_ok_and(|content| content == file.content)
        && fs_err::metadata(&file.path)
            .is_ok_and(|metadata| is_executable(&metadata.permissions()) == file.executable)
}

/// Does the folder hold just these files?
fn is_same_folder(folder: &Path, files: &[NewFile]) -> bool {
    let present = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter(|entry| {
            entry
                .as_ref()
                .is_ok_and(|entry| !entry.file_type().is_dir())
        })
        .count();
    present == files.len() && files.iter().all(is_same_file)
}

/// Removes what a distribution's RECORD names inside the environment, but the files just written, and its folder.
fn remove_distribution(
    environment: &Environment,
    dist_info: &Path,
    written: &[NewFile],
) -> Result<(), BuildError> {
    let record = fs_err::read_to_string(dist_info.join("RECORD")).unwrap_or_default();
    // An unreadable RECORD tells of no files.
    let rows = parse_rows(&record).unwrap_or_default();
    for [path, ..] in &rows {
        let path = normalized(&environment.site_packages().join(path));
        if path.starts_with(&environment.root) && !written.iter().any(|file| file.path == path) {
            match fs_err::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
    }
    match fs_err::remove_dir_all(dist_info) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The path without `..`, symlinks not looked at.
fn normalized(path: &Path) -> PathBuf {
    let mut normalized = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normalized.pop();
            }
            Component::CurDir => {}
            part => normalized.push(part),
        }
    }
    normalized
}

/// Writes the files of a folder beside its place and renames it there.
fn write_folder(folder: &Path, files: &[NewFile]) -> Result<(), BuildError> {
    let parent = folder.parent().unwrap_or(folder);
    let temporary = new_folder(parent, TEMPORARY)?;
    for file in files {
        if let Ok(name) = file.path.strip_prefix(folder) {
            let path = temporary.path().join(name);
            if let Some(above) = path.parent().filter(|above| *above != temporary.path()) {
                fs_err::create_dir_all(above)?;
            }
            create_file(&path, file.executable)?.write_all(&file.content)?;
        }
    }
    fs_err::rename(temporary.path(), folder)?;
    // It has another name now; nothing is left to delete under the old one.
    let _moved = temporary.keep();
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    use resolver::marker::MarkerEnvironment;
    use resolver::project::Project;
    use resolver::tag::Tags;

    use super::install_root;
    use crate::environment::Environment;
    use crate::python::Interpreter;

    const MANIFEST: &str = "[project]\nname = \"My.App\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
        [project.scripts]\nrun-it = \"my_app.main:App.run\"\n\
        [tool.poetry.scripts]\ntool = { reference = \"bin/tool\", type = \"file\" }\n\
        gone = { reference = \"bin/gone\", type = \"file\" }\n";

    struct World {
        folder: tempfile::TempDir,
        environment: Environment,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("venv");
            let site_packages = root.join("lib/python3.11/site-packages");
            std::fs::create_dir_all(site_packages).unwrap();
            let python = root.join("bin/python");
            let interpreter = Interpreter {
                executable: python.clone(),
                base_executable: python,
                base_prefix: root.clone(),
                prefix: root.clone(),
                version: "3.11.7".parse().unwrap(),
                markers: MarkerEnvironment {
                    implementation_name: "cpython".to_owned(),
                    python_version: "3.11".to_owned(),
                    ..MarkerEnvironment::default()
                },
                tags: Tags::default(),
                platform: String::new(),
            };
            let world = Self {
                folder,
                environment: Environment { root, interpreter },
            };
            world.write("pyproject.toml", MANIFEST);
            world.write("src/my_app/__init__.py", "");
            world.write("bin/tool", "#!/bin/sh\n");
            world
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.project_root().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn project_root(&self) -> PathBuf {
            self.folder.path().join("project")
        }

        fn site(&self, name: &str) -> PathBuf {
            self.environment.site_packages().join(name)
        }

        fn install(&self) -> Vec<String> {
            install_root(
                &Project::read(&self.project_root()).unwrap(),
                &self.environment,
            )
            .unwrap()
        }
    }

    fn read(path: impl AsRef<Path>) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn the_layout_is_that_of_poetry() {
        let world = World::new();
        let warnings = world.install();
        assert_eq!(
            warnings,
            ["  - File script gone references bin/gone which does not exist"]
        );

        let venv = world.environment.root.display();
        let base = world.project_root().canonicalize().unwrap().join("src");
        assert_eq!(
            read(world.site("my_app.pth")),
            format!("{}\n", base.display())
        );
        let script = world.environment.root.join("bin/run-it");
        assert_eq!(
            read(&script),
            format!(
                "#!{venv}/bin/python\nimport sys\nfrom my_app.main import App\n\n\
                 if __name__ == '__main__':\n    sys.exit(App.run())\n"
            )
        );
        for script in ["run-it", "tool"] {
            let path = world.environment.root.join("bin").join(script);
            assert_eq!(
                std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
                0o755,
                "{script}"
            );
        }
        let dist_info = world.site("my_app-1.0.dist-info");
        assert_eq!(read(dist_info.join("INSTALLER")), "poetry");
        assert_eq!(
            read(dist_info.join("direct_url.json")),
            format!(
                "{{\"dir_info\": {{\"editable\": true}}, \"url\": \"file://{}\"}}",
                world.project_root().display()
            )
        );
        assert_eq!(
            read(dist_info.join("entry_points.txt")),
            "[console_scripts]\nrun-it=my_app.main:App.run\n\n"
        );
        let record = read(dist_info.join("RECORD"));
        let site = world.environment.site_packages();
        let paths: Vec<&str> = record
            .split("\r\n")
            .map(|row| row.split(',').next().unwrap())
            .collect();
        let inside = |name: &str| format!("{}/my_app-1.0.dist-info/{name}", site.display());
        let expected = [
            format!("{}/my_app.pth", site.display()),
            format!("{venv}/bin/run-it"),
            format!("{venv}/bin/tool"),
            inside("METADATA"),
            inside("WHEEL"),
            inside("entry_points.txt"),
            inside("INSTALLER"),
            inside("direct_url.json"),
            inside("RECORD"),
            String::new(),
        ];
        assert_eq!(paths, expected);
        assert!(record.ends_with("dist-info/RECORD,,\r\n"));
    }

    /// What it compiles is for one interpreter.
    #[test]
    fn a_project_with_a_build_script_is_not_pure() {
        for (more, pure) in [
            ("", true),
            ("[tool.poetry.build]\nscript = \"b.py\"\n", false),
        ] {
            let world = World::new();
            world.write("pyproject.toml", &format!("{MANIFEST}{more}"));
            world.install();
            let wheel = read(world.site("my_app-1.0.dist-info/WHEEL"));
            let expected = format!("Root-Is-Purelib: {pure}\n");
            assert!(wheel.contains(&expected), "{wheel}");
        }
    }

    #[test]
    fn nothing_is_written_twice() {
        let world = World::new();
        world.install();
        let modified = |path: &PathBuf| std::fs::metadata(path).unwrap().modified().unwrap();
        let files = [
            world.site("my_app.pth"),
            world.site("my_app-1.0.dist-info/RECORD"),
        ];
        let before = files.each_ref().map(modified);
        world.install();
        assert_eq!(files.each_ref().map(modified), before);
        // A stray file in the folder is a reason to write it again.
        let stray = world.site("my_app-1.0.dist-info/REQUESTED");
        std::fs::write(&stray, "").unwrap();
        world.install();
        assert!(!stray.exists());
        assert_ne!(files.each_ref().map(modified), before);
    }

    #[test]
    fn what_an_older_version_left_is_removed() {
        let world = World::new();
        world.install();
        let outside = world.folder.path().join("outside");
        std::fs::write(&outside, "").unwrap();
        let record = world.site("my_app-1.0.dist-info/RECORD");
        let rows = format!(
            "{}{},,\r\n../../../../../outside,,\r\n",
            read(&record),
            outside.display()
        );
        std::fs::write(record, rows).unwrap();
        let manifest = MANIFEST
            .replace("\"1.0\"", "\"1.1\"")
            .replace("run-it", "walk");
        world.write("pyproject.toml", &manifest);
        world.install();
        assert!(!world.site("my_app-1.0.dist-info").exists());
        assert!(world.site("my_app-1.1.dist-info/RECORD").is_file());
        assert!(!world.environment.root.join("bin/run-it").exists());
        assert!(world.environment.root.join("bin/walk").is_file());
        // What lies outside of the environment is not touched, whatever RECORD says.
        assert!(outside.exists());
    }

    /// Poetry writes it there.
    #[test]
    fn a_script_outside_of_the_environment_is_refused() {
        for name in ["../evil", "a/b", "/tmp/evil", "..", "a\\\\b"] {
            let world = World::new();
            let quoted = format!("\"{name}\" =");
            world.write("pyproject.toml", &MANIFEST.replace("run-it =", &quoted));
            let project = Project::read(&world.project_root()).unwrap();
            let error = install_root(&project, &world.environment).unwrap_err();
            assert!(error.to_string().contains("is no file name"), "{error}");
            assert!(!world.site("my_app.pth").exists());
        }
    }

    #[test]
    fn bad_scripts_are_explained_as_in_poetry() {
        let world = World::new();
        world.write(
            "pyproject.toml",
            &MANIFEST.replace("my_app.main:App.run", "my_app.main"),
        );
        let project = Project::read(&world.project_root()).unwrap();
        let error = install_root(&project, &world.environment).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Bad script (run-it): script needs to specify a function within a module like: \
             module(.submodule):function\nInstead got: my_app.main\nHint: If the script depends on module-level code, \
             try wrapping it in a main() function and modifying your script like:\nrun-it = \"my_app.main:main\""
        );
        assert!(!world.site("my_app.pth").exists());
    }
}
