//! Where a store is.

use std::fmt;

use resolver::cache::Cache;
use resolver::index::{IndexError, Objects};
use tempfile::NamedTempFile;

use super::ShareSettings;
#[cfg(feature = "buckets")]
use super::bucket::Bucket;
use super::folder::Folder;

/// Why an address is of no use. No message shows what comes before an `@`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It begins with what is unknown.
    #[error("`{scheme}://` is no kind of remote cache that is known")]
    Scheme {
        /// What comes before `://`.
        scheme: String,
    },
    /// Buckets are an option of builds.
    #[error("this mpoetry was built without support for `{scheme}://` (the feature `buckets`)")]
    NoBuckets {
        /// What comes before `://`.
        scheme: String,
    },
    /// It is no URL.
    #[error(transparent)]
    Url(#[from] IndexError),
    /// The bucket can't be used like this.
    #[cfg(feature = "buckets")]
    #[error("the bucket can't be used")]
    Bucket(#[from] object_store::Error),
}

/// Why a place gives no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlaceError {
    /// What it has is not what it should be; the place itself may be all right.
    #[error("{0}")]
    Damaged(String),
    #[error(transparent)]
    Server(IndexError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[cfg(feature = "buckets")]
    #[error(transparent)]
    Bucket(#[from] object_store::Error),
}

impl From<IndexError> for PlaceError {
    fn from(error: IndexError) -> Self {
        match error {
            IndexError::HashMismatch { got, .. } => Self::wrong_hash(&got.hex),
            IndexError::TooLarge { limit, .. } => Self::too_large(limit),
            other => Self::Server(other),
        }
    }
}

impl PlaceError {
    pub(super) fn wrong_hash(sha256: &str) -> Self {
        Self::Damaged(format!("its bytes have the sha256 {sha256}"))
    }

    pub(super) fn too_large(limit: u64) -> Self {
        Self::Damaged(format!("it has more than {limit} bytes"))
    }
}

/// Bytes under names.
pub(super) enum Place {
    Folder(Folder),
    Server(Box<Objects>),
    #[cfg(feature = "buckets")]
    Bucket(Bucket),
}

impl Place {
    pub(super) fn new(settings: &ShareSettings) -> Result<Self, AddressError> {
        let address = &settings.address;
        let Some((scheme, rest)) = address.split_once("://") else {
            let path = settings.folder.join(address);
            return Ok(Self::Folder(Folder::new(path, settings.access)));
        };
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "file" => {
                let path = percent_encoding::percent_decode_str(rest).decode_utf8_lossy();
                let path = settings.folder.join(&*path);
                Ok(Self::Folder(Folder::new(path, settings.access)))
            }
            "http" | "https" => {
                let token = settings.token.as_deref();
                let objects = Objects::new(&settings.http, address, token)?;
                Ok(Self::Server(Box::new(objects)))
            }
            #[cfg(feature = "buckets")]
            "s3" | "gs" | "az" => Ok(Self::Bucket(Bucket::new(settings)?)),
            #[cfg(not(feature = "buckets"))]
            "s3" | "gs" | "az" => Err(AddressError::NoBuckets { scheme }),
            _ => Err(AddressError::Scheme { scheme }),
        }
    }

    pub(super) fn needs_network(&self) -> bool {
        !matches!(self, Self::Folder(_))
    }

    /// A small object; `None` if it is not there.
    pub(super) async fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, PlaceError> {
        match self {
            Self::Folder(folder) => folder.read(name, limit).await,
            Self::Server(objects) => Ok(objects.read(name, limit).await?),
            #[cfg(feature = "buckets")]
            Self::Bucket(bucket) => bucket.read(name, limit).await,
        }
    }

    /// An object that must have this sha256, in a temporary file beside the archives; `None` if it is not there.
    pub(super) async fn fetch(
        &self,
        name: &str,
        sha256: &str,
        cache: &Cache,
    ) -> Result<Option<NamedTempFile>, PlaceError> {
        match self {
            Self::Folder(folder) => folder.fetch(name, sha256, cache).await,
            Self::Server(objects) => Ok(objects.fetch(name, sha256, cache).await?),
            #[cfg(feature = "buckets")]
            Self::Bucket(bucket) => bucket.fetch(name, sha256, cache).await,
        }
    }

    pub(super) async fn has(&self, name: &str) -> Result<bool, PlaceError> {
        match self {
            Self::Folder(folder) => Ok(folder.has(name)),
            Self::Server(objects) => Ok(objects.has(name).await?),
            #[cfg(feature = "buckets")]
            Self::Bucket(bucket) => bucket.has(name).await,
        }
    }

    pub(super) async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), PlaceError> {
        match self {
            Self::Folder(folder) => folder.write(name, bytes).await,
            Self::Server(objects) => Ok(objects.write(name, bytes).await?),
            #[cfg(feature = "buckets")]
            Self::Bucket(bucket) => bucket.write(name, bytes).await,
        }
    }
}

/// As messages show it: without user name, password and query.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.root().display()),
            Self::Server(objects) => f.write_str(&objects.shown()),
            #[cfg(feature = "buckets")]
            Self::Bucket(bucket) => f.write_str(bucket.shown()),
        }
    }
}
