//! Records: which wheel was built from what has a key.

use std::path::Path;
use std::str::FromStr;

use resolver::dist::WheelName;
use resolver::name::PackageName;
use serde::{Deserialize, Serialize};

use super::{Wanted, identify, is_sha256};

/// Raise it when the fields of a record change their meaning.
const FORMAT: u32 = 1;

/// Which wheel was built.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Record {
    format: u32,
    name: String,
    version: String,
    /// The wheel's file name.
    pub(super) file: String,
    pub(super) sha256: String,
    pub(super) size: u64,
}

impl Record {
    /// The record of a wheel that lies on this machine.
    ///
    /// # Errors
    /// Why the wheel is not the wanted one.
    pub(super) fn of(wheel: &Path, wanted: Wanted<'_>) -> Result<Self, String> {
        let (file, sha256) = identify(wheel).map_err(|error| error.to_string())?;
        let size = fs_err::metadata(wheel).map_err(|error| error.to_string())?;
        let name = WheelName::from_str(&file).map_err(|error| error.to_string())?;
        let record = Self {
            format: FORMAT,
            name: wanted.name.to_string(),
            version: name.version.to_string(),
            file,
            sha256,
            size: size.len(),
        };
        record.check(wanted)?;
        Ok(record)
    }

    /// Reads what a store has.
    ///
    /// # Errors
    /// Why that is no record of what is wanted.
    pub(super) fn read(bytes: &[u8], wanted: Wanted<'_>) -> Result<Self, String> {
        let record: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        record.check(wanted)?;
        Ok(record)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers are JSON")
    }

    fn check(&self, wanted: Wanted<'_>) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("its format is {}", self.format));
        }
        let plain = |it: char| it.is_ascii_alphanumeric() || "._+!-".contains(it);
        if !self.file.chars().all(plain) {
            return Err("its file name is no plain one".to_owned());
        }
        let file = WheelName::from_str(&self.file).map_err(|error| error.to_string())?;
        let is_named = PackageName::new(&self.name) == *wanted.name && file.name == *wanted.name;
        let is_version = self.version.parse() == Ok(file.version.clone())
            && wanted.version.is_none_or(|it| *it == file.version);
        if !is_named || !is_version {
            return Err(format!(
                "it names {} {} as {}",
                self.name, self.version, self.file
            ));
        }
        if wanted.tags.best(&file.tags).is_none() {
            return Err(format!("{} does not fit this interpreter", self.file));
        }
        match is_sha256(&self.sha256) {
            true => Ok(()),
            false => Err("its sha256 is none".to_owned()),
        }
    }
}
