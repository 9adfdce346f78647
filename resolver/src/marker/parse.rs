//! Reads the text of markers (PEP 508), with poetry-core's liberties.
//!
//! Blanks are optional wherever the words can be told apart (`python_version<"3.9"and …`), values are
//! kept as written, with their backslashes, and only spaces and tabs are blanks.

use super::MarkerFault;
use super::node::{Junction, Marker};
use super::single::Single;
use super::variable::{Operator, SPELLINGS, Variable};

/// How deep parentheses may be nested. Nobody writes that; it protects the stack.
const MAX_DEPTH: usize = 100;

/// Reads a marker without simplifying it.
pub(super) fn parse(text: &str) -> Result<Marker, MarkerFault> {
    let mut parser = Parser {
        rest: text,
        depth: 0,
    };
    let marker = parser.marker()?;
    parser.skip_blanks();
    if parser.rest.is_empty() {
        Ok(marker)
    } else {
        Err(MarkerFault::Grammar)
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

enum Operand<'a> {
    Variable(Variable),
    Value(&'a str),
}

impl<'a> Parser<'a> {
    /// Comparisons and parentheses, joined by `and` and `or`.
    ///
    /// Poetry: parentheses give a union even if there is just one member; that shows when the
    /// complete marker is simplified.
    fn marker(&mut self) -> Result<Marker, MarkerFault> {
        let mut conjunctions = vec![vec![self.atom()?]];
        loop {
            if self.take("and") {
                let atom = self.atom()?;
                conjunctions
                    .last_mut()
                    .expect("it starts with one and only grows")
                    .push(atom);
            } else if self.take("or") {
                conjunctions.push(vec![self.atom()?]);
            } else {
                break;
            }
        }
        let members: Vec<Marker> = conjunctions
            .into_iter()
            .map(|conjunction| match <[Marker; 1]>::try_from(conjunction) {
                Ok([single]) => single,
                Err(several) => Marker::join(Junction::And, &several),
            })
            .collect();
        Ok(Marker::join(Junction::Or, &members))
    }

    fn atom(&mut self) -> Result<Marker, MarkerFault> {
        if !self.take("(") {
            return self.comparison();
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(MarkerFault::Grammar);
        }
        let marker = self.marker()?;
        self.depth -= 1;
        if self.take(")") {
            Ok(marker)
        } else {
            Err(MarkerFault::Grammar)
        }
    }

    fn comparison(&mut self) -> Result<Marker, MarkerFault> {
        let left = self.operand()?;
        let operator = self.operator()?;
        let single = match (left, self.operand()?) {
            (Operand::Variable(variable), Operand::Value(value)) => {
                Single::new(variable, operator, value)?
            }
            (Operand::Value(value), Operand::Variable(variable)) => {
                Single::swapped(variable, operator, value)?
            }
            _ => return Err(MarkerFault::Grammar),
        };
        Ok(Marker::single(single))
    }

    fn operator(&mut self) -> Result<Operator, MarkerFault> {
        self.skip_blanks();
        let (operator, rest) = Operator::strip_from(self.rest).ok_or(MarkerFault::Grammar)?;
        self.rest = rest;
        Ok(operator)
    }

    fn operand(&mut self) -> Result<Operand<'a>, MarkerFault> {
        self.skip_blanks();
        for (spelling, variable) in SPELLINGS {
            if let Some(rest) = self.rest.strip_prefix(spelling) {
                self.rest = rest;
                return Ok(Operand::Variable(variable));
            }
        }
        let end = match self.rest.bytes().next() {
            Some(b'"') => double_quoted_end(&self.rest[1..]),
            Some(b'\'') => self.rest[1..].find('\''),
            _ => None,
        };
        let end = end.ok_or(MarkerFault::Grammar)?;
        let value = &self.rest[1..=end];
        self.rest = &self.rest[end + 2..];
        Ok(Operand::Value(value))
    }

    fn take(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let Some(rest) = self.rest.strip_prefix(word) else {
            return false;
        };
        self.rest = rest;
        true
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }
}

/// Where the closing quote is: the first one that no backslash escapes, on the same line.
fn double_quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' => return None,
            b'"' if !escaped => return Some(place),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}
