//! The remote cache: where it is, and what may be done with it.
//!
//! The address comes from the command line, else from `MPOETRY_REMOTE_CACHE`, else from `remote-cache` in
//! `[tool.mpoetry]` of the pyproject.toml at the root of the repository, so that a repository can have one for all who
//! work on it. That table can't allow to write: it would do so for everybody, and only machines that build what was
//! reviewed should.

use std::path::{Path, PathBuf};

use installer::share::{Access, ShareSettings};
use resolver::index::IndexSettings;
use resolver::project::workspace::Workspace;

use crate::failure::Failure;
use crate::settings::{RemoteCache, SettingsError};
use crate::variables::Variables;

/// Options of commands that build or fetch wheels.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = crate::help::OURS)]
pub(crate) struct RemoteCacheArgs {
    /// Take wheels that other machines have built from this store: a folder, or a URL
    #[arg(long, value_name = "URL")]
    remote_cache: Option<String>,
    /// Put wheels that are built here into the remote cache
    #[arg(long)]
    remote_cache_write: bool,
    /// Ask the remote cache for third-party wheels, too, before an index is asked
    #[arg(long)]
    remote_cache_downloads: bool,
}

/// What the root of a repository says.
#[derive(Debug, Default)]
struct OfRepository {
    address: Option<String>,
    downloads: Option<bool>,
    root: PathBuf,
}

impl RemoteCacheArgs {
    /// All that is said of the remote cache; `None` if there is none. `project` is the folder of the project.
    ///
    /// # Errors
    /// When the repository says what makes no sense.
    pub(crate) fn settings(
        &self,
        project: &Path,
        of_machine: &RemoteCache,
        http: impl FnOnce() -> Result<IndexSettings, Failure>,
        variables: &Variables,
    ) -> Result<Option<ShareSettings>, Failure> {
        let repository = OfRepository::read(project)?;
        let near = self.remote_cache.as_ref().or(of_machine.address.as_ref());
        let (address, folder) = match near {
            Some(address) => (address, std::env::current_dir().unwrap_or_default()),
            None => match &repository.address {
                Some(address) => (address, repository.root),
                None => return Ok(None),
            },
        };
        if address.is_empty() {
            return Ok(None);
        }
        let may_write = self.remote_cache_write || of_machine.write;
        let downloads = of_machine.downloads.or(repository.downloads);
        Ok(Some(ShareSettings {
            address: address.clone(),
            folder,
            token: of_machine.token.clone(),
            access: match may_write {
                true => Access::Write,
                false => Access::Read,
            },
            downloads: self.remote_cache_downloads || downloads == Some(true),
            http: http()?,
            variables: variables.pairs(),
        }))
    }
}

impl OfRepository {
    fn read(project: &Path) -> Result<Self, SettingsError> {
        let root = Workspace::find_root(project).unwrap_or_else(|| project.to_owned());
        let text = fs_err::read_to_string(root.join("pyproject.toml")).ok();
        // What is wrong with the file as a whole concerns whoever works on that project.
        let document = text.and_then(|text| text.parse::<toml::Table>().ok());
        let table = document
            .as_ref()
            .and_then(|document| document.get("tool")?.get("mpoetry")?.as_table());
        let Some(table) = table else {
            return Ok(Self::default());
        };
        let value = |key: &str| table.get(key);
        let wrong = |key: &str, value: &toml::Value| SettingsError::Value {
            key: format!("tool.mpoetry.{key}"),
            value: value.to_string(),
        };
        let (address, downloads) = ("remote-cache", "remote-cache-downloads");
        Ok(Self {
            address: match value(address) {
                Some(toml::Value::String(text)) => Some(text.clone()),
                Some(other) => return Err(wrong(address, other)),
                None => None,
            },
            downloads: match value(downloads) {
                Some(toml::Value::Boolean(choice)) => Some(*choice),
                Some(other) => return Err(wrong(downloads, other)),
                None => None,
            },
            root,
        })
    }
}
