//! What an image runs, and how.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::OciError;

/// What runtimes take for `PATH` if an image has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What an image has otherwise than its base. What is not given stays.
#[derive(Clone, Debug, Default)]
pub struct ConfigChanges {
    /// The program and its first arguments. As in a Dockerfile, the base's `cmd` goes with the base's `entrypoint`.
    pub entrypoint: Option<Vec<String>>,
    /// The arguments that `docker run` can replace.
    pub cmd: Option<Vec<String>>,
    /// Folders that come before all others on `PATH`.
    pub path: Vec<String>,
    /// Environment variables; those of the base with other names stay.
    pub env: BTreeMap<String, String>,
    /// The folder it runs in.
    pub workdir: Option<String>,
    /// The user it runs as: a name or a number, maybe with `:` and a group.
    pub user: Option<String>,
    /// Labels; those of the base with other names stay.
    pub labels: BTreeMap<String, String>,
}

impl ConfigChanges {
    /// Carries them out on the container settings of a base.
    ///
    /// # Errors
    /// When they can't be written down so that they mean the same afterwards.
    pub(super) fn apply(&self, config: &mut Map<String, Value>) -> Result<(), OciError> {
        self.check()?;
        if let Some(entrypoint) = &self.entrypoint {
            config.insert("Entrypoint".to_owned(), entrypoint.clone().into());
            config.remove("Cmd");
        }
        if let Some(cmd) = &self.cmd {
            config.insert("Cmd".to_owned(), cmd.clone().into());
        }
        if !self.env.is_empty() || !self.path.is_empty() {
            let env = self.environment(config.get("Env"));
            config.insert("Env".to_owned(), env.into());
        }
        for (key, value) in [("WorkingDir", &self.workdir), ("User", &self.user)] {
            if let Some(value) = value {
                config.insert(key.to_owned(), value.clone().into());
            }
        }
        if !self.labels.is_empty() {
            let mut labels = match config.remove("Labels") {
                Some(Value::Object(labels)) => labels,
                _ => Map::new(),
            };
            let ours = self.labels.iter();
            labels.extend(ours.map(|(name, value)| (name.clone(), value.clone().into())));
            config.insert("Labels".to_owned(), labels.into());
        }
        Ok(())
    }

    /// The base's variables in their order, with our values, then ours.
    fn environment(&self, base: Option<&Value>) -> Vec<String> {
        let base = base.and_then(Value::as_array).into_iter().flatten();
        let base = base.filter_map(Value::as_str).map(|text| {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            (name.to_owned(), value.to_owned())
        });
        let mut variables: indexmap::IndexMap<String, String> = base.collect();
        variables.extend(self.env.clone());
        if !self.path.is_empty() {
            let rest = variables.entry("PATH".to_owned()).or_default();
            if rest.is_empty() {
                *rest = DEFAULT_PATH.to_owned();
            }
            *rest = format!("{}:{rest}", self.path.join(":"));
        }
        let pairs = variables.into_iter();
        pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    fn check(&self) -> Result<(), OciError> {
        let refuse = |reason: String| Err(OciError::Request { reason });
        if let Some(name) = self
            .env
            .keys()
            .find(|name| name.is_empty() || name.contains('='))
        {
            return refuse(format!("`{name}` is no name of an environment variable"));
        }
        if let Some(folder) = self
            .path
            .iter()
            .find(|folder| !folder.starts_with('/') || folder.contains(':'))
        {
            return refuse(format!(
                "`{folder}` can't be on PATH: it is no absolute path without `:`"
            ));
        }
        if let Some(folder) = self
            .workdir
            .as_ref()
            .filter(|folder| !folder.starts_with('/'))
        {
            return refuse(format!(
                "the folder `{folder}` to run in is no absolute path"
            ));
        }
        let words = self.entrypoint.iter().chain(&self.cmd).flatten();
        let words = words.chain(self.env.keys()).chain(self.env.values());
        let mut words = words
            .chain(&self.path)
            .chain(&self.workdir)
            .chain(&self.user);
        match words.find(|word| word.contains('\0')) {
            Some(word) => refuse(format!("`{}` has a NUL character", word.escape_default())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::ConfigChanges;

    fn applied(base: Value, changes: &ConfigChanges) -> Value {
        let Value::Object(mut config) = base else {
            panic!("settings are an object")
        };
        changes.apply(&mut config).unwrap();
        config.into()
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_is_not_given_stays() {
        let base =
            json!({"Cmd": ["python3"], "Env": ["PATH=/bin"], "User": "app", "Labels": {"a": "1"}});
        assert_eq!(applied(base.clone(), &ConfigChanges::default()), base);
        let changes = ConfigChanges {
            cmd: Some(words("serve")),
            env: [("LANG".to_owned(), "C".to_owned())].into(),
            labels: [("b".to_owned(), "2".to_owned())].into(),
            ..ConfigChanges::default()
        };
        let expected = json!({
            "Cmd": ["serve"], "Env": ["PATH=/bin", "LANG=C"], "User": "app", "Labels": {"a": "1", "b": "2"},
        });
        assert_eq!(applied(base, &changes), expected);
    }

    #[test]
    fn an_entrypoint_takes_the_arguments_of_the_old_one_away() {
        let base = json!({"Entrypoint": ["tini"], "Cmd": ["python3"]});
        let mut changes = ConfigChanges {
            entrypoint: Some(words("api --port")),
            workdir: Some("/app".to_owned()),
            user: Some("1000:1000".to_owned()),
            ..ConfigChanges::default()
        };
        let expected =
            json!({"Entrypoint": ["api", "--port"], "WorkingDir": "/app", "User": "1000:1000"});
        assert_eq!(applied(base.clone(), &changes), expected);
        changes.cmd = Some(words("80"));
        assert_eq!(applied(base, &changes)["Cmd"], json!(["80"]));
    }

    #[test]
    fn folders_come_before_those_of_the_base() {
        let changes = ConfigChanges {
            path: vec!["/app/bin".to_owned(), "/opt/bin".to_owned()],
            env: [("B".to_owned(), "new=1".to_owned())].into(),
            ..ConfigChanges::default()
        };
        let base = json!({"Env": ["B=old", "PATH=/bin", "C"]});
        let expected = json!({"Env": ["B=new=1", "PATH=/app/bin:/opt/bin:/bin", "C="]});
        assert_eq!(applied(base, &changes), expected);
        let expected =
            "PATH=/app/bin:/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        assert_eq!(
            applied(json!({}), &changes)["Env"],
            json!(["B=new=1", expected])
        );
    }

    #[test]
    fn what_would_mean_something_else_is_refused() {
        let text = |text: &str| text.to_owned();
        let default = ConfigChanges::default;
        for (changes, reason) in [
            (
                ConfigChanges {
                    env: [(text("A=B"), text("c"))].into(),
                    ..default()
                },
                "`A=B` is no name",
            ),
            (
                ConfigChanges {
                    path: vec![text("bin")],
                    ..default()
                },
                "`bin` can't be on PATH",
            ),
            (
                ConfigChanges {
                    path: vec![text("/a:/b")],
                    ..default()
                },
                "`/a:/b` can't be on PATH",
            ),
            (
                ConfigChanges {
                    workdir: Some(text("app")),
                    ..default()
                },
                "the folder `app`",
            ),
            (
                ConfigChanges {
                    cmd: Some(vec![text("a\0b")]),
                    ..default()
                },
                "`a\\u{0}b` has a NUL",
            ),
        ] {
            let error = changes.apply(&mut Map::new()).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("no image can be made: {reason}")),
                "{error}"
            );
        }
    }
}
