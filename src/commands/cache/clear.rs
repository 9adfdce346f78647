//! `mpoetry cache clear`: forget what is kept.

use std::path::PathBuf;

use resolver::cache::{Bucket, Cache, Usage};
use resolver::index::Kept;
use resolver::name::PackageName;
use resolver::version::Version;

use super::list::others;
use crate::context::Context;
use crate::failure::Failure;
use crate::question;

/// Clears a cache, or all of them
///
/// `cache clear pypi --all` forgets what PyPI has said, `cache clear pypi:requests` what it has said of one package, and
/// `cache clear pypi:requests:2.31.0` what it has said of one release. `cache clear --all` clears all caches.
#[derive(Debug, clap::Args)]
pub(crate) struct ClearArgs {
    /// A name that `cache list` shows; of a source also with a package, or with a package and a version
    #[arg(value_name = "CACHE")]
    cache: Option<String>,
    /// Clear all that is in it
    #[arg(long)]
    all: bool,
}

/// # Errors
/// When the name is none that a cache could have, `--all` is missing, or something can't be removed.
pub(crate) fn run(cx: &Context, args: &ClearArgs) -> Result<(), Failure> {
    let words = args.cache.as_deref().unwrap_or_default();
    let parts: Vec<&str> = words.split(':').collect();
    let name = parts[0];
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Err(Failure::new(format!(
            "{name} is not a valid repository cache"
        )));
    }
    match parts[1..] {
        [] if !args.all => Err(Failure::new(
            "Add the --all option if you want to clear all cache entries",
        )),
        [] => clear_all(cx, name),
        [package] => clear_package(cx, name, package),
        [package, version] => clear_release(cx, name, package, version),
        _ => Err(Failure::new("Invalid cache key")),
    }
}

fn clear_all(cx: &Context, name: &str) -> Result<(), Failure> {
    let (cache, _alone) = cx.own_cache()?;
    let paths = paths(&cache, name)?;
    if paths.is_empty() {
        let text = format!("No cache entries for {name}");
        cx.console.line(if name.is_empty() {
            "No cache entries"
        } else {
            &text
        });
        return Ok(());
    }
    let mut usage = Usage::default();
    for path in &paths {
        usage += Usage::of(path).map_err(Failure::caused)?;
    }
    let question = format!("Delete {} entries?", usage.files);
    if confirm(cx, &question)? {
        take_away(&cache, &paths)?;
    }
    Ok(())
}

/// Poetry: it knows no other caches than those of sources.
fn paths(cache: &Cache, name: &str) -> Result<Vec<PathBuf>, Failure> {
    if name.is_empty() {
        let all = Bucket::ALL.map(|bucket| cache.bucket(bucket));
        return Ok(all.into_iter().filter(|path| path.exists()).collect());
    }
    if let Some(kept) = Kept::of(cache, name).map_err(Failure::caused)? {
        return Ok(kept.all());
    }
    let named = others(cache).filter(|bucket| bucket.name().eq_ignore_ascii_case(name));
    Ok(named.map(|bucket| cache.bucket(bucket)).collect())
}

/// Poetry: it refuses a package without a version.
fn clear_package(cx: &Context, source: &str, package: &str) -> Result<(), Failure> {
    let (cache, _alone) = cx.own_cache()?;
    let name = PackageName::new(package);
    let kept = Kept::of(&cache, source).map_err(Failure::caused)?;
    let paths = kept.map(|kept| kept.package(&name)).unwrap_or_default();
    if paths.is_empty() {
        cx.console.line(format_args!("No cache entries for {name}"));
    } else if confirm(cx, &format!("Delete cache entry {name}"))? {
        take_away(&cache, &paths)?;
    }
    Ok(())
}

fn clear_release(cx: &Context, source: &str, package: &str, version: &str) -> Result<(), Failure> {
    let (cache, _alone) = cx.own_cache()?;
    let name = PackageName::new(package);
    let kept = Kept::of(&cache, source).map_err(Failure::caused)?;
    let release: Option<Version> = version.parse().ok();
    match kept.zip(release) {
        Some((kept, release)) if kept.has_release(&name, &release) => {
            if confirm(cx, &format!("Delete cache entry {name}:{version}"))? {
                kept.forget_release(&name, &release)
                    .map_err(Failure::caused)?;
            }
        }
        _ => cx
            .console
            .line(format_args!("No cache entries for {name}:{version}")),
    }
    Ok(())
}

fn take_away(cache: &Cache, paths: &[PathBuf]) -> Result<(), Failure> {
    for path in paths {
        cache.take_away(path).map_err(Failure::caused)?;
    }
    Ok(())
}

/// Who is not asked wants it.
fn confirm(cx: &Context, question: &str) -> Result<bool, Failure> {
    if !cx.is_interactive {
        return Ok(true);
    }
    question::confirm(cx.console, question, true)
}
