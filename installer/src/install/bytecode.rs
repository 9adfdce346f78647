//! Byte code: written by the Python that it is for.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Compiles modules with an interpreter. What can't be compiled is left as it is.
///
/// # Errors
/// When the interpreter can't be run, or ends badly.
pub(crate) fn compile(python: &Path, modules: &[PathBuf]) -> io::Result<()> {
    const SCRIPT: &str = "import compileall, sys\n\
        for line in sys.stdin.buffer.read().decode('utf-8', 'surrogateescape').split('\\0'):\n\
        \x20   line and compileall.compile_file(line, quiet=2)\n";
    if modules.is_empty() {
        return Ok(());
    }
    let list: Vec<u8> = modules
        .iter()
        .flat_map(|path| [path.as_os_str().as_encoded_bytes(), b"\0"].concat())
        .collect();
    let mut python = Command::new(python)
        .args(["-I", "-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    if let Some(mut input) = python.stdin.take() {
        input.write_all(&list)?;
    }
    let status = python.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(status.to_string()))
    }
}
