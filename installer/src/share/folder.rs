//! A folder that many machines see, mostly by NFS.
//!
//! Files are written beside their place and renamed, so that others see all of one or nothing. Its layout is that of the
//! addresses on a server, so that one may serve the same folder.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use fs_err as fs;
use resolver::cache::{Bucket, Cache};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::Access;
use super::place::PlaceError;

#[derive(Clone)]
pub(super) struct Folder {
    root: PathBuf,
    /// May it be that nobody has written anything yet?
    may_be_absent: bool,
}

impl Folder {
    /// A folder that will be made when something is written, if that is allowed.
    pub(super) fn new(root: PathBuf, access: Access) -> Self {
        Self {
            root,
            may_be_absent: access == Access::Write,
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) async fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, PlaceError> {
        let (folder, name) = (self.clone(), name.to_owned());
        blocking(move || {
            let Some(file) = folder.open(&name)? else {
                return Ok(None);
            };
            let mut bytes = Vec::new();
            file.take(limit + 1).read_to_end(&mut bytes)?;
            match bytes.len() as u64 > limit {
                true => Err(PlaceError::too_large(limit)),
                false => Ok(Some(bytes)),
            }
        })
        .await
    }

    pub(super) async fn fetch(
        &self,
        name: &str,
        sha256: &str,
        cache: &Cache,
    ) -> Result<Option<NamedTempFile>, PlaceError> {
        let (folder, cache) = (self.clone(), cache.clone());
        let (name, sha256) = (name.to_owned(), sha256.to_owned());
        blocking(move || {
            let Some(mut file) = folder.open(&name)? else {
                return Ok(None);
            };
            let mut copy = cache.temp_file(Bucket::Archives)?;
            let mut hasher = Sha256::new();
            let mut buffer = vec![0; 1 << 18];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    count => {
                        hasher.update(&buffer[..count]);
                        copy.write_all(&buffer[..count])?;
                    }
                }
            }
            let found = HEXLOWER.encode(&hasher.finalize());
            match found == sha256 {
                true => Ok(Some(copy)),
                false => Err(PlaceError::wrong_hash(&found)),
            }
        })
        .await
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.root.join(name).is_file()
    }

    pub(super) async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), PlaceError> {
        let path = self.root.join(name);
        blocking(move || {
            let folder = path.parent().expect("objects lie below the root");
            fs::create_dir_all(folder)?;
            let mut builder = tempfile::Builder::new();
            builder.prefix(".tmp-");
            // Others may have other users. The umask has its say, too.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let mut file = builder.tempfile_in(folder)?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        })
        .await
    }

    /// `None` if there is no such file. If there is no such folder, that may be an error: its address may be wrong.
    fn open(&self, name: &str) -> io::Result<Option<fs::File>> {
        match fs::File::open(self.root.join(name)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Err(_) if self.may_be_absent => Ok(None),
            Err(_) => fs::metadata(&self.root).map(|_| None),
        }
    }
}

/// Runs file work off the threads that wait for the network.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PlaceError> + Send + 'static,
) -> Result<T, PlaceError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(io::Error::from(error).into()),
    }
}
