//! A constraint on python as Poetry writes it into package metadata.
use super::Constraint;

/// Poetry: the python series it knows.
const SERIES: [&str; 17] = [
    "2.7.*", "3.0.*", "3.1.*", "3.2.*", "3.3.*", "3.4.*", "3.5.*", "3.6.*", "3.7.*", "3.8.*",
    "3.9.*", "3.10.*", "3.11.*", "3.12.*", "3.13.*", "3.14.*", "3.15.*",
];

impl Constraint {
    /// The constraint without alternatives, for `Requires-Python`: a union becomes a lower bound and the
    /// series of python it leaves out.
    #[must_use]
    pub fn format_python(&self) -> String {
        match self {
            Self::Version(version) if version.precision() >= 3 => format!("=={version}"),
            Self::Version(version) => {
                let major = version.major();
                let series = match version.minor() {
                    Some(minor) => format!("~{major}.{minor}"),
                    None => format!("^{major}.0"),
                };
                Self::parse(&series).map_or_else(|_| series, |constraint| constraint.to_string())
            }
            Self::Union(union) => format_union(self, union.pieces()),
            _ => self.to_string(),
        }
    }
}

fn format_union(union: &Constraint, pieces: &[Constraint]) -> String {
    let mut formatted = Vec::new();
    let mut least = None;
    for name in SERIES {
        let series = Constraint::parse(name).expect("the series are constraints");
        if !union.allows_any(&series) {
            formatted.push(format!("!={name}"));
        } else if least.is_none() {
            least = Some(name.trim_end_matches(".*").to_owned());
        }
    }
    let least = least.or_else(|| {
        let min = pieces.first()?.min()?;
        Some(match min.minor() {
            Some(minor) => format!("{}.{minor}", min.major()),
            None => min.major().to_string(),
        })
    });
    if let Some(least) = least {
        formatted.insert(0, format!(">={least}"));
    }
    formatted.join(", ")
}
