//! Why an image can't be read or written. No message holds a secret.

use std::io;
use std::path::PathBuf;

use resolver::index::IndexError;

use super::{Digest, Platform, Reference};

/// Why an image can't be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// A text that names no image.
    #[error("`{text}` is no name of an image: {reason}")]
    Reference {
        /// The text.
        text: String,
        /// Why.
        reason: String,
    },
    /// A text that names no platform.
    #[error("`{text}` is no platform; platforms look like `linux/amd64` or `linux/arm/v7`")]
    Platform {
        /// The text.
        text: String,
    },
    /// What was asked for can't be an image.
    #[error("no image can be made: {reason}")]
    Request {
        /// Why.
        reason: String,
    },
    /// An entry that can't be in a layer.
    #[error("`{path}` can't be in the layer `{layer}`: {reason}")]
    Entry {
        /// The layer, in the words of its `created_by`.
        layer: String,
        /// The entry.
        path: String,
        /// Why.
        reason: String,
    },
    /// A folder of a layer would replace something else of the base.
    #[error("the layer `{layer}` has a folder `{path}`, which is {found} in the base image")]
    OverBase {
        /// The layer, in the words of its `created_by`.
        layer: String,
        /// The folder.
        path: String,
        /// `a link`, `a file`, …
        found: &'static str,
    },
    /// A file changed while it was packed.
    #[error("`{}` changed while it was packed", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Something is in the way.
    #[error("`{}` can't be replaced: {reason}", .path.display())]
    Occupied {
        /// What is there.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// A folder or an archive that is no image layout.
    #[error("`{}` is no OCI image layout: {reason}", .path.display())]
    NoLayout {
        /// The folder or archive.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A layout that has no image of this name.
    #[error("`{layout}` has no image `{wanted}`; it has {}", list(.present))]
    NoImage {
        /// The layout.
        layout: String,
        /// The tag or digest.
        wanted: String,
        /// What there is.
        present: Vec<String>,
    },
    /// A layout that has several images.
    #[error("`{layout}` has several images: {}", list(.present))]
    SeveralImages {
        /// The layout.
        layout: String,
        /// Their tags and digests.
        present: Vec<String>,
    },
    /// An image that does not exist for a platform.
    #[error("`{image}` does not exist for {wanted}, only for {}", platforms(.present))]
    NoPlatform {
        /// The image.
        image: String,
        /// The platform.
        wanted: Box<Platform>,
        /// Those that there are.
        present: Vec<Platform>,
    },
    /// A blob that is spoken of but not there.
    #[error("`{place}` lacks the blob {digest}")]
    Missing {
        /// The layout.
        place: String,
        /// The blob.
        digest: Digest,
    },
    /// A blob that is not what its descriptor says.
    #[error("{what} of `{place}` is {got}, but should be {expected}")]
    Damaged {
        /// The file or address.
        place: String,
        /// `the digest`, `the size`, `the digest of the unpacked content`.
        what: &'static str,
        /// As the descriptor says.
        expected: String,
        /// As it is.
        got: String,
    },
    /// A document that can't be understood.
    #[error("`{place}` can't be read: {reason}")]
    Document {
        /// The file or address.
        place: String,
        /// Why.
        reason: String,
    },
    /// A layer that can't be unpacked.
    #[error("the layer `{place}` can't be unpacked")]
    Layer {
        /// The blob.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// A layer with an entry that must not be unpacked.
    #[error("the layer `{place}` can't be unpacked: its entry `{path}` {reason}")]
    Unsafe {
        /// The blob.
        place: String,
        /// The entry.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file of logins that can't be read.
    #[error("the logins in `{}` can't be read: {reason}", .path.display())]
    Logins {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A registry that refuses access.
    #[error("`{}` refuses access to `{reference}`: {}", .reference.registry, refused(*.has_login))]
    Unauthorized {
        /// The image.
        reference: Reference,
        /// Was there a login for it?
        has_login: bool,
    },
    /// An image that a registry does not have.
    #[error("`{}` has no image `{reference}`", .reference.registry)]
    NotFound {
        /// The image.
        reference: Reference,
    },
    /// An answer of a registry that makes no sense.
    #[error("the registry's answer of `{url}` can't be used: {reason}")]
    Answer {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// A registry that can't be reached.
    #[error("`{reference}` can't be pulled")]
    Pull {
        /// The image.
        reference: Reference,
        /// Why.
        source: Box<IndexError>,
    },
    /// The file system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl OciError {
    /// What to do about it: whole sentences.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::NoLayout { .. } => {
                "A base image is `scratch`, a name like `python:3.11-slim`, or `oci:<path>` with a folder or tar archive \
                 in the form of an OCI image layout. `skopeo copy docker-archive:<tar> oci:<folder>` makes one of \
                 what an old `docker save` has written."
                    .to_owned()
            }
            Self::NoImage { .. } | Self::SeveralImages { .. } => {
                "Choose one: `oci:<path>:<tag>` or `oci:<path>@<digest>`.".to_owned()
            }
            Self::OverBase { path, .. } => format!(
                "Runtimes would remove what the base image has at `{path}`, and all that is reached through it. Put the files \
                 where the base image has a folder."
            ),
            Self::Occupied { .. } => "Choose another path, or remove what is there.".to_owned(),
            Self::Missing { place, .. } => format!("`{place}` is incomplete. Write or copy it again."),
            Self::Damaged { place, .. } => {
                format!("`{place}` is damaged. If it is in the cache it has been removed from it, and another run fetches it again; otherwise copy it again.")
            }
            Self::Changed { .. } => "Try again when nothing writes to it.".to_owned(),
            Self::Unauthorized { reference, has_login } => {
                let registry = &reference.registry;
                match has_login {
                    true => format!("Renew the login with `docker login {registry}`."),
                    false => format!(
                        "If the image exists and is private, log in with `docker login {registry}`. The login has to \
                         be in the `auths` of Docker's config.json itself: credential helpers are not asked."
                    ),
                }
            }
            Self::NotFound { .. } => "Look for a typing error in the name or the tag.".to_owned(),
            _ => return None,
        };
        Some(advice)
    }

    pub(super) fn document(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Document {
            place: place.into(),
            reason: reason.into(),
        }
    }
}

fn list(texts: &[String]) -> String {
    match texts {
        [] => "none".to_owned(),
        _ => texts.join(", "),
    }
}

fn platforms(platforms: &[Platform]) -> String {
    let texts: Vec<String> = platforms.iter().map(Platform::to_string).collect();
    list(&texts)
}

fn refused(has_login: bool) -> &'static str {
    match has_login {
        true => "it does not accept the login that is known for it",
        false => "no login is known for it",
    }
}
