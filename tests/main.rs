//! What users see of `mpoetry`: one test binary for all commands.

mod cli;
mod support;
