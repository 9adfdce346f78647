//! `virtualenvs.prompt`.

use super::Project;
use crate::support::Outcome;

fn prompt(template: &str) -> Result<String, Outcome> {
    let mut project = Project::new();
    project.fx.set("POETRY_VIRTUALENVS_PROMPT", template);
    let outcome = project.run(&["run", "true"]);
    if outcome.code != Some(0) {
        assert_eq!(project.present(), [false, false]);
        return Err(outcome);
    }
    let configuration = project.central(project.minor()).join("pyvenv.cfg");
    let text = std::fs::read_to_string(configuration).expect("it was made");
    let line = text.lines().find_map(|line| line.strip_prefix("prompt = "));
    Ok(project.labelled(line.expect("a prompt")))
}

#[test]
fn prompts_are_templates() {
    let quoted = |text: &str| Ok(format!("\"{text}\""));
    assert_eq!(
        prompt("{project_name}-py{python_version}"),
        quoted("my-demo-py[this]")
    );
    assert_eq!(prompt("{{x}} 'y'"), quoted("{x} 'y'"));
    insta::assert_snapshot!(prompt("{foo}").unwrap_err(), @"
    exit: 1
    ----- stderr -----

    Invalid template variable 'foo' in 'virtualenvs.prompt' setting.
    Valid variables are: {project_name}, {python_version}
    ");
    insta::assert_snapshot!(prompt("a}").unwrap_err(), @"
    exit: 1
    ----- stderr -----

    Invalid template string in 'virtualenvs.prompt' setting: Single '}' encountered in format string
    ");
    insta::assert_snapshot!(prompt("{a").unwrap_err(), @"
    exit: 1
    ----- stderr -----

    Invalid template string in 'virtualenvs.prompt' setting: expected '}' before end of string
    ");
}
