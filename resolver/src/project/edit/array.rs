//! An array in a text, with its own layout: on one line or on several, with or without a comma at the end, with
//! comments.

use std::ops::Range;

use super::document::{indentation, line_end, line_start};

/// An array in a text.
pub(super) struct Array<'a> {
    pub(super) text: &'a str,
    /// With its brackets.
    pub(super) span: Range<usize>,
    pub(super) elements: Vec<Range<usize>>,
}

/// A part of the text, and what to put in its place.
pub(super) type Change = (Range<usize>, String);

impl Array<'_> {
    /// How to put other text in the place of an element.
    pub(super) fn replace(&self, index: usize, element: &str) -> Change {
        (self.elements[index].clone(), element.to_owned())
    }

    /// How to append an element in the array's own style.
    pub(super) fn push(&self, element: &str) -> Change {
        let Some(last) = self.elements.last() else {
            return self.push_first(element);
        };
        let tail = &self.text[last.end..self.close()];
        let comma = comma_in(tail).map(|at| last.end + at + 1);
        let has_comment = tail.contains('#');
        let indent = match (self.line_indent(last), has_comment) {
            (Some(indent), _) => format!("\n{indent}"),
            (None, true) => format!("\n{}", self.inner_indent()),
            (None, false) => " ".to_owned(),
        };
        let after_comments = last.end + tail.trim_end().len();
        let begin = if has_comment {
            after_comments
        } else {
            comma.unwrap_or(last.end)
        };
        // What is between the last element and the new one: nothing but its comma and comments.
        let between = &self.text[last.end..begin];
        let comma_before = if comma.is_some() { "" } else { "," };
        let ends_on_own_line = has_comment || tail.contains('\n');
        let comma_after = if comma.is_some() && ends_on_own_line {
            ","
        } else {
            ""
        };
        let with = format!("{comma_before}{between}{indent}{element}{comma_after}");
        (last.end..begin, with)
    }

    fn push_first(&self, element: &str) -> Change {
        let open = self.span.start + 1;
        let inner = &self.text[open..self.close()];
        let at = open + inner.trim_end().len();
        if inner.contains('\n') {
            let with = format!("\n{}{element}", self.inner_indent());
            (at..at, with)
        } else {
            (open..self.close(), element.to_owned())
        }
    }

    /// How to remove an element, with the comment on its line.
    pub(super) fn remove(&self, index: usize) -> Change {
        let element = &self.elements[index];
        let before = index.checked_sub(1).map(|index| &self.elements[index]);
        let next = self.elements.get(index + 1);
        let until = next.map_or(self.close(), |next| next.start);
        let comma = comma_in(&self.text[element.end..until]).map(|at| element.end + at + 1);
        let end = comma.unwrap_or(element.end);

        let rest_of_line = &self.text[end..line_end(self.text, end)];
        let is_last_on_line = {
            let rest = rest_of_line.trim_start();
            rest.is_empty() || rest.starts_with('#')
        };
        let is_alone = self.line_indent(element).is_some() && is_last_on_line;
        if is_alone {
            let lines = line_start(self.text, element.start)..line_end(self.text, end);
            return (lines, String::new());
        }
        let range = match (before, next) {
            (_, Some(next)) if !self.text[end..next.start].contains('\n') => {
                element.start..next.start
            }
            (Some(before), None) if comma.is_none() => before.end..element.end,
            (Some(before), _) => {
                let gap = &self.text[before.end..element.start];
                before.end + comma_in(gap).map_or(0, |at| at + 1)..end
            }
            (None, None) if !self.text[self.span.clone()].contains('\n') => {
                self.span.start + 1..self.close()
            }
            (None, _) => element.start..end,
        };
        (range, String::new())
    }

    fn close(&self) -> usize {
        self.span.end - 1
    }

    /// The blanks before an element that begins its line.
    fn line_indent(&self, element: &Range<usize>) -> Option<&str> {
        let before = &self.text[line_start(self.text, element.start)..element.start];
        before
            .chars()
            .all(|c| matches!(c, ' ' | '\t'))
            .then_some(before)
    }

    /// The blanks for a line of its own, where no element shows them.
    fn inner_indent(&self) -> String {
        let inner = &self.text[self.span.start + 1..self.close()];
        let comment = inner
            .lines()
            .skip(1)
            .find(|line| line.trim_start().starts_with('#'));
        match comment {
            Some(line) => line[..line.len() - line.trim_start().len()].to_owned(),
            None => format!("{}    ", indentation(self.text, self.close())),
        }
    }
}

/// Where the comma is in what stands between two elements.
fn comma_in(between: &str) -> Option<usize> {
    let mut at = 0;
    for line in between.split_inclusive('\n') {
        let code = line.split('#').next().unwrap_or_default();
        if let Some(comma) = code.find(',') {
            return Some(at + comma);
        }
        at += line.len();
    }
    None
}
