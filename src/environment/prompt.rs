//! What the shell's prompt shows of an environment.

use crate::failure::Failure;

/// Poetry: the prompt's template is Python's `str.format` with two names. Formats and conversions of values
/// (`{project_name:>9}`) are not known here.
///
/// # Errors
/// With Poetry's words, when it is no template or has another variable.
pub(super) fn prompt(template: &str, name: &str, minor: &str) -> Result<String, Failure> {
    let mut prompt = String::new();
    let mut rest = template.chars().peekable();
    while let Some(letter) = rest.next() {
        match letter {
            '{' | '}' if rest.peek() == Some(&letter) => {
                rest.next();
                prompt.push(letter);
            }
            '{' => {
                if rest.peek().is_none() {
                    return Err(fault("Single '{' encountered in format string"));
                }
                let mut variable = String::new();
                loop {
                    match rest.next() {
                        Some('}') => break,
                        Some(letter) => variable.push(letter),
                        None => return Err(fault("expected '}' before end of string")),
                    }
                }
                prompt.push_str(match variable.as_str() {
                    "project_name" => name,
                    "python_version" => minor,
                    _ => return Err(unknown(&variable)),
                });
            }
            '}' => return Err(fault("Single '}' encountered in format string")),
            letter => prompt.push(letter),
        }
    }
    Ok(prompt)
}

fn fault(what: &str) -> Failure {
    Failure::new(format!(
        "Invalid template string in 'virtualenvs.prompt' setting: {what}"
    ))
}

fn unknown(variable: &str) -> Failure {
    Failure::new(format!(
        "Invalid template variable '{variable}' in 'virtualenvs.prompt' setting.\n\
         Valid variables are: {{project_name}}, {{python_version}}"
    ))
}

#[cfg(test)]
mod tests {
    use super::prompt;

    #[test]
    fn prompts_are_templates() {
        let made = |template| prompt(template, "demo", "3.12").map_err(|failure| failure.text());
        let default = "{project_name}-py{python_version}";
        assert_eq!(made(default).unwrap(), "demo-py3.12");
        assert_eq!(made("{{{project_name}}}").unwrap(), "{demo}");
        for (template, fault) in [
            ("{foo}", "variable 'foo' in"),
            ("{}", "variable '' in"),
            (
                "x}",
                "string in 'virtualenvs.prompt' setting: Single '}' encountered in format string",
            ),
            (
                "x{",
                "string in 'virtualenvs.prompt' setting: Single '{' encountered in format string",
            ),
            (
                "{x",
                "string in 'virtualenvs.prompt' setting: expected '}' before end of string",
            ),
        ] {
            let text = made(template).unwrap_err();
            let expected = format!("Invalid template {fault}");
            assert!(text.starts_with(&expected), "{template}: {text}");
        }
    }
}
