//! What a bundle is made for.

use resolver::marker::MarkerEnvironment;
use resolver::tag::Tags;
use resolver::version::Version;

use crate::python::Interpreter;

/// What a bundle is made for: decides markers and wheels.
#[derive(Clone, Debug)]
pub struct Target {
    /// The variables that markers are evaluated with.
    pub markers: MarkerEnvironment,
    /// Supported wheel tags, best first.
    pub tags: Tags,
    /// Python's version.
    pub python: Version,
    /// In words, e.g. `CPython 3.11.7 on linux-x86_64`.
    pub description: String,
    /// Is it the interpreter that sources are built with? Otherwise nothing can be built for it.
    pub is_host: bool,
}

impl Target {
    /// The interpreter itself.
    #[must_use]
    pub fn host(python: &Interpreter) -> Self {
        Self {
            markers: python.markers.clone(),
            tags: python.tags.clone(),
            python: python.version.clone(),
            description: format!(
                "{} {} on {}",
                python.markers.platform_python_implementation, python.version, python.platform
            ),
            is_host: true,
        }
    }
}
