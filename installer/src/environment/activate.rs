//! The scripts that switch an environment on in a shell.

use std::path::Path;

use crate::wheel::shell_quoted;

/// Names and texts of all of them.
pub(super) fn scripts(root: &Path, prompt: &str) -> Vec<(&'static str, String)> {
    let root = root.to_string_lossy();
    let fill = |template: &str, quote: fn(&str) -> String| {
        template
            .replace("@BIN@", &quote(super::SCRIPTS))
            .replace("@PROMPT@", &quote(prompt))
            .replace("@ROOT@", &quote(&root))
    };
    vec![
        (
            "activate",
            fill(include_str!("activate/activate.sh"), shell_quoted),
        ),
        (
            "activate.fish",
            fill(include_str!("activate/activate.fish"), fish_quoted),
        ),
        (
            "activate.csh",
            fill(include_str!("activate/activate.csh"), csh_quoted),
        ),
        (
            "deactivate.csh",
            include_str!("activate/deactivate.csh").to_owned(),
        ),
        (
            "activate.nu",
            fill(include_str!("activate/activate.nu"), nu_quoted),
        ),
        (
            "activate.ps1",
            fill(include_str!("activate/activate.ps1"), powershell_quoted),
        ),
        (
            "activate_this.py",
            fill(include_str!("activate/activate_this.py"), python_quoted),
        ),
    ]
}

fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// csh expands `!` even between quotes.
fn csh_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\"'\"'").replace('!', "\\!"))
}

fn nu_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn powershell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn python_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
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
        let (_, text) = scripts(&root, "a 'prompt' $x")
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
            let ps1 = if shell == "bash" {
                "(a 'prompt' \\$x) > "
            } else {
                "(a 'prompt' $x) > "
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

    #[test]
    fn no_placeholder_is_left() {
        for (name, text) in scripts(Path::new("/venv"), "prompt") {
            assert!(
                !text.contains("@ROOT@") && !text.contains("@BIN@") && !text.contains("@PROMPT@"),
                "{name}"
            );
        }
    }
}
