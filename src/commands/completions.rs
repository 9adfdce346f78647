//! `mpoetry completions`: scripts for shells. They ask this program what fits, with every key.

use std::ffi::OsString;
use std::path::Path;

use crate::complete;
use crate::context::Context;
use crate::failure::Failure;

/// Prints the script that completes commands in your shell
///
/// bash: `mpoetry completions bash >> ~/.bash_completion`; zsh: `mpoetry completions zsh > ~/.zfunc/_poetry`, with
/// `~/.zfunc` in `fpath`; fish: `mpoetry completions fish > ~/.config/fish/completions/poetry.fish`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// bash, zsh or fish; that of SHELL if it is left out
    shell: Option<String>,
    /// Another name for which it completes
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
}

/// The name of the command that the scripts ask.
pub(crate) const CANDIDATES: &str = "__complete";

/// Prints what the last word can become
#[derive(Debug, clap::Args)]
pub(crate) struct CandidatesArgs {
    /// The words behind the program's name, up to the cursor
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Poetry: the shells that it knows.
const SHELLS: [(&str, &str); 3] = [("bash", BASH), ("zsh", ZSH), ("fish", FISH)];
/// The names of the program for which commands are completed.
const NAMES: [&str; 2] = ["poetry", "mpoetry"];

/// # Errors
/// When the shell is none of those.
pub(crate) fn run(cx: &Context, args: &CompletionsArgs) -> Result<(), Failure> {
    let shell = match &args.shell {
        Some(shell) => shell.clone(),
        None => login_shell(cx)?,
    };
    let Some((_, script)) = SHELLS.iter().find(|(name, _)| *name == shell) else {
        return Err(Failure::new(
            "[shell] argument must be one of bash, zsh, fish",
        ));
    };
    let (own, program) = program();
    let mut names: Vec<&str> = NAMES.to_vec();
    for name in std::iter::once(&own).chain(&args.alias) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let script = script
        .replace("@PROGRAM@", &quoted(&program))
        .replace("@CANDIDATES@", CANDIDATES)
        .replace("@NAMES@", &names.join(" "));
    cx.console.line(script.trim_end());
    Ok(())
}

fn login_shell(cx: &Context) -> Result<String, Failure> {
    let shell = cx.variables().filled("SHELL").ok_or_else(|| {
        Failure::new(
            "Could not read SHELL environment variable. \
             Please specify your shell type by passing it as the first argument.",
        )
    })?;
    let name = Path::new(shell).file_name().unwrap_or_default();
    Ok(name.to_string_lossy().into_owned())
}

/// The program's name, and how to start it: by its name if it was found by that, else by its path.
fn program() -> (String, String) {
    let started_as = std::env::args_os().next().unwrap_or_default();
    let path = Path::new(&started_as);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if path.components().count() < 2 {
        return (name.clone().into_owned(), name.into_owned());
    }
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    (name.into_owned(), whole.to_string_lossy().into_owned())
}

/// A word for any of the shells.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// # Errors
/// None: where nothing is known, nothing is said.
pub(crate) fn candidates(cx: &Context, args: &CandidatesArgs) -> Result<(), Failure> {
    let words = args.words.iter().map(|word| word.to_string_lossy());
    let words: Vec<String> = words.map(std::borrow::Cow::into_owned).collect();
    for complete::Candidate { value, about } in complete::candidates(cx, &words) {
        cx.console.line(format_args!("{value}\t{about}"));
    }
    Ok(())
}

const BASH: &str = r#"# Completion of mpoetry for bash.
_mpoetry_complete() {
    local words=() word i=1 last line
    # Readline splits at `=`; what it split is one word again.
    while ((i <= COMP_CWORD)); do
        word=${COMP_WORDS[i]}
        last=$((${#words[@]} - 1))
        if ((last >= 0)) && [[ $word == = || ${COMP_WORDS[i - 1]} == = ]] && ((i > 1)); then
            words[last]+=$word
        else
            words+=("$word")
        fi
        i=$((i + 1))
    done
    COMPREPLY=()
    while IFS=$'\t' read -r line _; do
        if [[ $line == --*=* && $COMP_WORDBREAKS == *=* ]]; then
            line=${line#*=}
        fi
        COMPREPLY+=("$line")
    done < <(@PROGRAM@ @CANDIDATES@ -- "${words[@]}" 2>/dev/null)
}
complete -o default -o bashdefault -F _mpoetry_complete @NAMES@
"#;

const ZSH: &str = r#"#compdef @NAMES@
# Completion of mpoetry for zsh.
_mpoetry_complete() {
    local line value
    local -a described
    for line in "${(@f)$(@PROGRAM@ @CANDIDATES@ -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        value=${line%%$'\t'*}
        line=${line#*$'\t'}
        described+=("${value//:/\\:}${line:+:$line}")
    done
    if (($#described)); then
        _describe mpoetry described
    else
        _files
    fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _mpoetry_complete "$@"
else
    compdef _mpoetry_complete @NAMES@
fi
"#;

const FISH: &str = r#"# Completion of mpoetry for fish.
function __mpoetry_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (@PROGRAM@ @CANDIDATES@ -- $words[2..-1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
for name in @NAMES@
    complete -c $name -f -a '(__mpoetry_complete)'
end
"#;
