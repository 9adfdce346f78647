//! Text in columns.

use anstream::adapter::strip_str;

/// What stands between the edge of a table and its first and last column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Edge {
    Nothing,
    Space,
}

/// The lines of a table. Cells may have colours; rows may be short of some at their end.
///
/// Poetry: its compact style, in which the last column is filled up, too.
pub(crate) fn compact(rows: &[Vec<String>], edge: Edge) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &'_ Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().map(|row| width(&cell(row, column))).max())
        .map(Option::unwrap_or_default)
        .collect();
    let edge = if edge == Edge::Space { " " } else { "" };
    rows.iter()
        .map(|row| {
            let cells = widths.iter().enumerate();
            let cells: Vec<String> = cells
                .map(|(column, width)| fill(&cell(row, column), *width))
                .collect();
            format!("{edge}{}{edge}", cells.join(" "))
        })
        .collect()
}

/// A text with spaces up to a width.
pub(crate) fn fill(text: &str, wanted: usize) -> String {
    format!("{text}{:1$}", "", wanted.saturating_sub(width(text)))
}

/// A text in lines of at most `longest` columns, unless a word is longer.
pub(crate) fn wrap(text: &str, longest: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= longest => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Poetry: every character counts as one column. Colours don't.
pub(crate) fn width(text: &str) -> usize {
    strip_str(text).to_string().chars().count()
}

#[cfg(test)]
mod tests {
    use super::{Edge, compact};
    use crate::console::NAME;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: &[&str]| cells.iter().map(ToString::to_string).collect();
        let rows = [
            row(&["a", &format!("{NAME}é{NAME:#}")]),
            row(&["long"]),
            row(&["", "two"]),
        ];
        let colour = format!("{NAME}é{NAME:#}");
        assert_eq!(
            compact(&rows, Edge::Space),
            [
                format!(" a    {colour}   "),
                " long     ".to_owned(),
                "      two ".to_owned()
            ]
        );
        assert_eq!(compact(&rows, Edge::Nothing)[1], "long    ");
        assert!(compact(&[], Edge::Space).is_empty());
    }
}
