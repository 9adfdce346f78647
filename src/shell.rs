//! Which shell the program was started from.

use std::path::Path;
use std::process::Command;

use crate::variables::Variables;

/// Poetry: it looks for these among the programs above it.
const SHELLS: [&str; 13] = [
    "sh", "bash", "dash", "ash", "csh", "tcsh", "ksh", "zsh", "fish", "elvish", "xonsh", "nu",
    "pwsh",
];
/// Poetry: so far up it looks, itself included.
const HIGHEST: usize = 10;

/// A process: its words, and its parent.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Process {
    words: Vec<String>,
    parent: u32,
}

/// The name of the nearest shell among the processes above this one.
pub(crate) fn running(variables: &Variables) -> Option<String> {
    let login = variables.filled("SHELL");
    let mut id = std::process::id();
    for _ in 0..HIGHEST {
        let process = from_files(id).or_else(|| from_ps(id))?;
        if let Some(shell) = shell_of(&process.words, login) {
            return Some(shell);
        }
        id = process.parent;
    }
    None
}

/// The shell that a process is, if it is one.
fn shell_of(words: &[String], login: Option<&str>) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    // A login shell: its name begins with a dash, and is no path.
    if let Some(name) = program.strip_prefix('-') {
        return Some(base(login.unwrap_or(name)));
    }
    let name = base(program);
    if SHELLS.contains(&name.as_str()) {
        return Some(name);
    }
    // Emulators, and shells that are Python programs, carry the shell among their words.
    let is_emulator = name == "rosetta" || name.starts_with("qemu-");
    let is_python = name.starts_with("python");
    let next = arguments.iter().map(|word| base(word));
    if is_emulator {
        return next.take(1).find(|name| SHELLS.contains(&name.as_str()));
    }
    next.filter(|_| is_python).find(|name| name == "xonsh")
}

fn base(path: &str) -> String {
    let name = Path::new(path).file_name().unwrap_or_default();
    name.to_string_lossy().to_lowercase()
}

/// As Linux tells it.
fn from_files(id: u32) -> Option<Process> {
    let read = |name: &str| std::fs::read(format!("/proc/{id}/{name}")).ok();
    let words = String::from_utf8_lossy(&read("cmdline")?)
        .split_terminator('\0')
        .map(str::to_owned)
        .collect();
    let status = read("stat")?;
    let status = String::from_utf8_lossy(&status);
    // The name, in parentheses, may hold spaces and parentheses; after it come state and parent.
    let (_, rest) = status.rsplit_once(')')?;
    let parent = rest.split_whitespace().nth(1)?.parse().ok()?;
    Some(Process { words, parent })
}

/// As any POSIX system tells it.
fn from_ps(id: u32) -> Option<Process> {
    let output = Command::new("ps")
        .args(["-ww", "-o", "ppid=", "-o", "args=", "-p", &id.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace().map(str::to_owned);
    let parent = words.next()?.parse().ok()?;
    Some(Process {
        words: words.collect(),
        parent,
    })
}

#[cfg(test)]
mod tests {
    use super::{from_files, from_ps, shell_of};

    #[test]
    fn shells_are_told_by_their_first_word() {
        for (line, shell) in [
            ("/bin/bash -c x", Some("bash")),
            ("zsh", Some("zsh")),
            ("/opt/FISH", Some("fish")),
            ("-bash", Some("tcsh")),
            ("/usr/bin/qemu-aarch64 /bin/dash", Some("dash")),
            ("python3.12 /usr/bin/xonsh", Some("xonsh")),
            ("python3 bash", None),
            ("cargo test bash", None),
            ("", None),
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let found = shell_of(&words, Some("/bin/tcsh"));
            assert_eq!(found.as_deref(), shell, "{line}");
        }
        assert_eq!(shell_of(&["-ksh".to_owned()], None).as_deref(), Some("ksh"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn files_tell_of_a_process_with_an_odd_name() {
        use std::io::{Read, Write};
        use std::process::{Command, Stdio};

        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a) 1 (b");
        std::fs::copy("/bin/cat", &program).unwrap();
        let mut child = Command::new(&program)
            .args(["-u", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // What answers has all its words.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let process = from_files(child.id()).unwrap();
        let by_ps = from_ps(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(process.words, [program.to_str().unwrap(), "-u", "-"]);
        assert_eq!(process.parent, std::process::id());
        // Not every machine has ps.
        assert!(by_ps.is_none_or(|other| other.parent == process.parent));
    }
}
