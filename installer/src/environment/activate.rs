//! The scripts that switch an environment on in a shell.

use std::path::Path;

use super::shell::{Shell, python_quoted};

const SHELLS: [(Shell, &str); 6] = [
    (Shell::Posix, include_str!("activate/activate.sh")),
    (Shell::Fish, include_str!("activate/activate.fish")),
    (Shell::Csh, include_str!("activate/activate.csh")),
    (Shell::Nu, include_str!("activate/activate.nu")),
    (Shell::PowerShell, include_str!("activate/activate.ps1")),
    (Shell::Xonsh, include_str!("activate/activate.xsh")),
];

/// Names and texts of all of them, for the environment at `root` with modules in `packages`.
pub(super) fn scripts(root: &Path, packages: &Path, prompt: &str) -> Vec<(&'static str, String)> {
    let packages = packages.strip_prefix(root).unwrap_or(packages);
    let (root, packages) = (root.to_string_lossy(), packages.to_string_lossy());
    let fill = |template: &str, quote: &dyn Fn(&str) -> String| {
        template
            .replace("@BIN@", &quote(super::SCRIPTS))
            .replace("@PACKAGES@", &quote(&packages))
            .replace("@PROMPT@", &quote(prompt))
            .replace("@ROOT@", &quote(&root))
    };
    let mut scripts: Vec<_> = SHELLS
        .iter()
        .map(|(shell, template)| (shell.script(), fill(template, &|text| shell.quoted(text))))
        .collect();
    let python = include_str!("activate/activate_this.py");
    scripts.push(("activate_this.py", fill(python, &python_quoted)));
    let csh = include_str!("activate/deactivate.csh");
    scripts.push(("deactivate.csh", csh.to_owned()));
    scripts
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::scripts;

    fn run(shell: &str, script: &str) -> Option<String> {
        let output = Command::new(shell).arg("-c").arg(script).output().ok()?;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Some(String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn bash_gets_the_environment_and_loses_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("it's $HOME");
        std::fs::create_dir(&root).unwrap();
        let (_, text) = scripts(&root, &root.join("lib"), "a 'prompt' $x")
            .into_iter()
            .find(|(name, _)| *name == "activate")
            .unwrap();
        let script = folder.path().join("activate");
        std::fs::write(&script, text).unwrap();
        let commands = format!(
            "set -eu; PATH=/bin:/usr/bin; PS1='> '; PYTHONHOME=/h; export PYTHONHOME
             . '{}'
             echo \"$VIRTUAL_ENV|$VIRTUAL_ENV_PROMPT|$PATH|$PS1|${{PYTHONHOME-unset}}\"
             deactivate
             echo \"${{VIRTUAL_ENV-unset}}|${{VIRTUAL_ENV_PROMPT-unset}}|$PATH|$PS1|$PYTHONHOME\"
             type deactivate >/dev/null 2>&1 || echo gone",
            script.display()
        );
        let root = root.display();
        for shell in ["bash", "sh"] {
            let output = run(shell, &commands).expect("a POSIX shell is there");
            let ps1 = match shell {
                "bash" => "(a 'prompt' \\$x) > ",
                _ => "> ",
            };
            assert_eq!(
                output,
                format!(
                    "{root}|a 'prompt' $x|{root}/bin:/bin:/usr/bin|{ps1}|unset\nunset|unset|/bin:/usr/bin|> |/h\ngone\n"
                ),
                "{shell}"
            );
        }
    }

    /// The prompt is a setting of the project, and must not become a command.
    #[test]
    fn a_prompt_is_never_run() {
        let folder = tempfile::tempdir().unwrap();
        let prompt = r"a\b\\c $(echo run) `echo run` $HOME %n";
        let scripts = scripts(folder.path(), folder.path(), prompt);
        let script = folder.path().join("activate");
        let (_, text) = scripts
            .into_iter()
            .find(|(name, _)| *name == "activate")
            .unwrap();
        std::fs::write(&script, text).unwrap();
        let script = script.display();
        let id = "test $(id -u) = 0 && dollar='#' || dollar='$'; ";
        let bash =
            format!("{id} PS1='> '; . '{script}'; printf '%s' \"${{PS1@P}}\"; echo \"|$dollar\"");
        let shown = run("bash", &bash).expect("bash is there");
        let (shown, dollar) = shown.trim_end().rsplit_once('|').unwrap();
        // bash itself shows root another sign.
        assert_eq!(shown, format!("({}) > ", prompt.replace('$', dollar)));
        for option in ["", "setopt promptsubst; "] {
            let zsh = format!("{option} PS1='> '; . '{script}'; print -rnP -- \"$PS1\"");
            if let Some(shown) = run("zsh", &zsh) {
                assert_eq!(shown, format!("({prompt}) > "), "{option}");
            }
        }
    }

    #[test]
    fn no_placeholder_is_left() {
        for (name, text) in scripts(Path::new("/venv"), Path::new("/venv/lib"), "prompt") {
            for placeholder in ["@ROOT@", "@BIN@", "@PACKAGES@", "@PROMPT@"] {
                assert!(!text.contains(placeholder), "{name}: {placeholder}");
            }
        }
    }
}
