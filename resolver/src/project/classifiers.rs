//! Trove classifiers: which there are, and which should not be used any more.
//!
//! `classifiers.tsv` is PyPI's list, a line each; a deprecated one is followed by `deprecated` and what replaces it.

const LIST: &str = include_str!("classifiers.tsv");

/// What is known of a classifier.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Classifier {
    /// It may be used.
    Good,
    /// It should not be used. In its place come others, if there are such.
    Deprecated(Vec<&'static str>),
    /// PyPI refuses it.
    Unknown,
}

impl Classifier {
    /// Looks a text up.
    ///
    /// Poetry: any that begin with `Private ::` are good, since PyPI refuses them on purpose.
    pub(super) fn of(text: &str) -> Self {
        if text.starts_with("Private ::") {
            return Self::Good;
        }
        let found = LIST
            .lines()
            .find(|line| line.split('\t').next() == Some(text));
        let Some(line) = found else {
            return Self::Unknown;
        };
        let mut columns = line.split('\t').skip(1);
        match columns.next() {
            None => Self::Good,
            Some(_) => Self::Deprecated(columns.collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Classifier;

    #[test]
    fn classifiers_are_looked_up() {
        for (text, expected) in [
            ("Programming Language :: Python :: 3.13", Classifier::Good),
            ("Private :: Do Not Upload", Classifier::Good),
            ("Programming Language :: Cobra", Classifier::Unknown),
            ("", Classifier::Unknown),
            (
                "Natural Language :: Ukranian",
                Classifier::Deprecated(vec!["Natural Language :: Ukrainian"]),
            ),
            (
                "License :: OSI Approved :: Jabber Open Source License",
                Classifier::Deprecated(Vec::new()),
            ),
        ] {
            assert_eq!(Classifier::of(text), expected, "{text}");
        }
    }
}
