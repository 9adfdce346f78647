//! A bucket of S3, Google Cloud Storage or Azure, or of whatever speaks like one of them.

use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{
    Certificate, ClientOptions, Error, ObjectStore, ObjectStoreExt, ObjectStoreScheme, RetryConfig,
};
use resolver::cache::Cache;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::ShareSettings;
use super::place::PlaceError;

/// As for servers: nobody must wait long for what he can do without.
const RETRIES: usize = 1;
const LONGEST_WAIT: Duration = Duration::from_secs(20);
const LONGEST_TIMEOUT: u64 = 10;
/// For the whole of a wheel, on its way here or there.
const LONGEST_TRANSFER: Duration = Duration::from_secs(600);
/// How the variables that are meant for each kind of bucket begin.
const VARIABLES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

pub(super) struct Bucket {
    store: Box<dyn ObjectStore>,
    prefix: ObjectPath,
    shown: String,
}

impl Bucket {
    /// Opens `s3://bucket/prefix`, `gs://…` or `az://…`. Credentials come from the variables that the programs of these
    /// clouds know.
    ///
    /// # Errors
    /// When the address or a variable makes no sense.
    pub(super) fn new(settings: &ShareSettings) -> Result<Self, Error> {
        let wrong = |source: Box<dyn std::error::Error + Send + Sync>| Error::Generic {
            store: "remote cache",
            source,
        };
        let mut url = url::Url::parse(&settings.address).map_err(|error| wrong(error.into()))?;
        // Nothing of it is shown in messages that must not be.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        let (scheme, prefix) =
            ObjectStoreScheme::parse(&url).map_err(|error| wrong(error.into()))?;
        let variables = settings.variables.iter().filter(|(name, _)| {
            let mut known = VARIABLES.iter();
            known.any(|beginning| name.starts_with(beginning))
        });
        let options = client_options(settings)?;
        let retries = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: LONGEST_WAIT,
            ..RetryConfig::default()
        };
        // The three builders have the same methods, but no trait for them. Variables come last: they may say more of
        // connections.
        macro_rules! build {
            ($builder:ty) => {{
                let builder = <$builder>::new()
                    .with_url(url.to_string())
                    .with_client_options(options)
                    .with_retry(retries);
                let builder = variables.fold(builder, |builder, (name, value)| {
                    match name.to_ascii_lowercase().parse() {
                        Ok(key) => builder.with_config(key, value),
                        Err(_) => builder,
                    }
                });
                Box::new(builder.build()?) as Box<dyn ObjectStore>
            }};
        }
        let store = match scheme {
            ObjectStoreScheme::AmazonS3 => build!(AmazonS3Builder),
            ObjectStoreScheme::GoogleCloudStorage => build!(GoogleCloudStorageBuilder),
            _ => build!(MicrosoftAzureBuilder),
        };
        Ok(Self {
            store,
            prefix,
            shown: url.to_string(),
        })
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    pub(super) async fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, PlaceError> {
        let path = self.path(name);
        let Some(found) = there(soon(self.store.get(&path)).await?)? else {
            return Ok(None);
        };
        match found.meta.size > limit {
            true => Err(PlaceError::too_large(limit)),
            false => Ok(Some(found.bytes().await?.into())),
        }
    }

    pub(super) async fn fetch(
        &self,
        name: &str,
        sha256: &str,
        cache: &Cache,
    ) -> Result<Option<NamedTempFile>, PlaceError> {
        let Some(found) = there(self.store.get(&self.path(name)).await)? else {
            return Ok(None);
        };
        let mut file = cache.temp_file(resolver::cache::Bucket::Archives)?;
        let mut hasher = Sha256::new();
        let mut chunks = found.into_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            hasher.update(&chunk);
            std::io::Write::write_all(&mut file, &chunk)?;
        }
        let found = HEXLOWER.encode(&hasher.finalize());
        match found == sha256 {
            true => Ok(Some(file)),
            false => Err(PlaceError::wrong_hash(&found)),
        }
    }

    pub(super) async fn has(&self, name: &str) -> Result<bool, PlaceError> {
        let path = self.path(name);
        Ok(there(soon(self.store.head(&path)).await?)?.is_some())
    }

    pub(super) async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), PlaceError> {
        self.store.put(&self.path(name), bytes.into()).await?;
        Ok(())
    }

    fn path(&self, name: &str) -> ObjectPath {
        let name = ObjectPath::from(name);
        self.prefix.parts().chain(name.parts()).collect()
    }
}

/// What is small has to come soon.
async fn soon<T>(answer: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::time::timeout(LONGEST_WAIT, answer).await?)
}

fn there<T>(answer: Result<T, Error>) -> Result<Option<T>, PlaceError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Connections as those to an index.
fn client_options(settings: &ShareSettings) -> Result<ClientOptions, Error> {
    let http = &settings.http;
    let timeout = Duration::from_secs(http.timeout.clamp(1, LONGEST_TIMEOUT));
    let mut options = ClientOptions::new()
        .with_connect_timeout(timeout)
        .with_timeout(LONGEST_TRANSFER);
    let access = &http.access;
    for path in access.roots.iter().chain(&access.more_roots) {
        let pem = fs_err::read(path).map_err(|error| Error::Generic {
            store: "remote cache",
            source: error.into(),
        })?;
        for certificate in Certificate::from_pem_bundle(&pem)? {
            options = options.with_root_certificate(certificate);
        }
    }
    Ok(options)
}
