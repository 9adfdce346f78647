//! A command on a terminal, with answers for its questions.

use std::process::Command;

use super::fixture::{Fixture, Outcome};
use super::python::python;

/// Runs a program on a pseudo-terminal without echo. Whenever it waits after a blank, it gets the next line.
const TYPIST: &str = r##"
import os, pty, select, sys, termios
lines = sys.argv[1].split("\n")[:-1]
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
mode = termios.tcgetattr(terminal)
mode[3] &= ~termios.ECHO
termios.tcsetattr(terminal, termios.TCSANOW, mode)
said, answered = b"", 0
while True:
    ready, _, _ = select.select([terminal], [], [], 0.2)
    if ready:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
    elif lines and len(said) > answered and said.endswith((b" ", b"$ ", b"# ")):
        answered = len(said)
        os.write(terminal, (lines.pop(0) + "\n").encode())
sys.stdout.write(said.decode().replace("\r\n", "\n"))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"##;

impl Fixture {
    /// Runs a command on a terminal; `lines` are typed one after the other. What it says is all on stdout.
    pub(crate) fn on_terminal(&self, lines: &[&str], command: &Command) -> Outcome {
        let mut typist = self.command(&python().executable);
        typist.env("TERM", "dumb");
        let typed: String = lines.iter().map(|line| format!("{line}\n")).collect();
        typist.args(["-c", TYPIST, &typed]);
        typist.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                typist.env(name, value);
            }
        }
        if let Some(folder) = command.get_current_dir() {
            typist.current_dir(folder);
        }
        self.run(&mut typist)
    }
}
