//! Small source distributions.

use std::io::Write;

use super::index::Archive;

/// An sdist in the making. Without further calls it holds a PKG-INFO that is safe to trust (metadata 2.2, nothing
/// dynamic) and one module, but no `pyproject.toml`.
#[derive(Clone, Debug)]
pub(crate) struct Sdist {
    name: String,
    version: String,
    metadata_version: String,
    requires_python: Option<String>,
    requires: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    links: Vec<(String, String)>,
}

impl Sdist {
    pub(crate) fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            metadata_version: "2.2".to_owned(),
            requires_python: None,
            requires: Vec::new(),
            files: Vec::new(),
            links: Vec::new(),
        }
    }

    /// A `Requires-Dist` line of PKG-INFO.
    pub(crate) fn requires(mut self, requirement: &str) -> Self {
        self.requires.push(requirement.to_owned());
        self
    }

    pub(crate) fn requires_python(mut self, specifier: &str) -> Self {
        self.requires_python = Some(specifier.to_owned());
        self
    }

    /// `1.2` makes PKG-INFO one that must not be trusted about requirements.
    pub(crate) fn metadata_version(mut self, version: &str) -> Self {
        version.clone_into(&mut self.metadata_version);
        self
    }

    /// A file, with its path below the top folder. A path that begins with `/` is written as it is, so that tests can
    /// climb out of the folder (`/../evil`).
    pub(crate) fn file(mut self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.files.push((path.to_owned(), bytes.as_ref().to_vec()));
        self
    }

    /// A symbolic link.
    pub(crate) fn link(mut self, path: &str, target: &str) -> Self {
        self.links.push((path.to_owned(), target.to_owned()));
        self
    }

    fn module(&self) -> String {
        self.name.to_lowercase().replace(['-', '.'], "_")
    }

    fn path(&self, path: &str) -> String {
        match path.strip_prefix('/') {
            Some(raw) => raw.to_owned(),
            None => format!("{}-{}/{path}", self.module(), self.version),
        }
    }

    fn package_info(&self) -> String {
        let mut text = format!(
            "Metadata-Version: {}\nName: {}\nVersion: {}\nSummary: The {} package\n",
            self.metadata_version, self.name, self.version, self.name
        );
        if let Some(specifier) = &self.requires_python {
            text += &format!("Requires-Python: {specifier}\n");
        }
        for requirement in &self.requires {
            text += &format!("Requires-Dist: {requirement}\n");
        }
        text
    }
}

impl Archive for Sdist {
    fn project(&self) -> &str {
        &self.name
    }

    fn filename(&self) -> String {
        format!("{}-{}.tar.gz", self.module(), self.version)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut files = vec![("PKG-INFO".to_owned(), self.package_info().into_bytes())];
        files.extend(self.files.clone());
        if self.files.is_empty() {
            let text = format!("__version__ = {:?}\n", self.version);
            files.push((format!("{}/__init__.py", self.module()), text.into_bytes()));
        }
        let mut archive = tar::Builder::new(Vec::new());
        for (path, bytes) in &files {
            let mut header = header(&self.path(path), bytes.len());
            header.set_cksum();
            archive
                .append(&header, bytes.as_slice())
                .expect("writing to memory");
        }
        for (path, target) in &self.links {
            let mut header = header(&self.path(path), 0);
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_link_name(target).expect("a short target");
            header.set_cksum();
            archive
                .append(&header, [].as_slice())
                .expect("writing to memory");
        }
        gzip(&archive.into_inner().expect("writing to memory"))
    }

    fn metadata(&self) -> Option<String> {
        None // indexes serve metadata of wheels only
    }

    fn python(&self) -> Option<String> {
        self.requires_python.clone()
    }
}

/// A `.tar.gz` of plain files.
pub(crate) fn gzipped_tar(files: &[(String, String)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = header(path, bytes.len());
        header.set_cksum();
        archive
            .append(&header, bytes.as_bytes())
            .expect("writing to memory");
    }
    gzip(&archive.into_inner().expect("writing to memory"))
}

/// A header with its name written byte by byte, because `set_path` refuses what a hostile archive would hold.
fn header(path: &str, size: usize) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    let name = &mut header.as_old_mut().name;
    assert!(path.len() < name.len(), "test paths are short");
    name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(u64::try_from(size).expect("test files are small"));
    header.set_mode(0o644);
    header.set_mtime(0);
    header
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}
