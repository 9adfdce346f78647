//! `mpoetry publish`: send what was built to an index.

use std::path::PathBuf;

use installer::publish::{Distributions, PublishError, PublishOptions, Repository, Trust, publish};
use resolver::name::PackageName;

use super::build;
use resolver::index::Place;

use crate::console::{ERROR, INFO, NAME, VALUE, WARNING};
use crate::context::{Context, choose_cryptography};
use crate::failure::Failure;
use crate::keyring::{Keyring, TOKEN_USER};
use crate::progress::Publishing;
use crate::question;
use crate::settings::variable_part;

/// Publishes a package to a remote repository
///
/// Uploads the sdist and the wheels of the newest version in the folder `dist`: to PyPI, or to the repository that is
/// named, which `repositories.<name>.url` in the configuration tells the address of. Who uploads is told by
/// `--username` and `--password`, else by `pypi-token.<name>`, else by `http-basic.<name>`; the keyring is asked for
/// a token or a password that is not in the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// The repository to upload to, by its name in the configuration
    #[arg(short, long, value_name = "NAME")]
    repository: Option<String>,
    /// The user to log in as
    #[arg(short, long)]
    username: Option<String>,
    /// The password of the user
    #[arg(short, long)]
    password: Option<String>,
    /// A PEM file with the certificates to trust, instead of the system's
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// A PEM file with a certificate and its key to show to the repository
    #[arg(long, value_name = "FILE")]
    client_cert: Option<PathBuf>,
    /// The folder of archives, relative to the project
    #[arg(long, value_name = "FOLDER", default_value = "dist")]
    dist_dir: PathBuf,
    /// Build the package first
    #[arg(long)]
    build: bool,
    /// Do everything but upload
    #[arg(long)]
    dry_run: bool,
    /// Pass over files that the repository has already
    #[arg(long)]
    skip_existing: bool,
}

/// Poetry: the repository that is meant if none is named.
const PYPI: &str = "pypi";
const PYPI_URL: &str = "https://upload.pypi.org/legacy/";

/// # Errors
/// When there is nothing to publish, or the repository does not take it.
pub(crate) fn run(cx: &Context, args: &PublishArgs) -> Result<(), Failure> {
    let project = cx.project()?;
    if !project.package_mode {
        return Err(Failure::message(
            "Publishing a package is not possible in non-package mode.",
        ));
    }
    let name = project
        .package_name()
        .unwrap_or_else(|| PackageName::new(""));
    let folder = project.root.join(&args.dist_dir);
    let find = || Distributions::find(&folder, &name).map_err(Failure::caused);
    let mut found = find()?;
    if args.build {
        if !found.files.is_empty() {
            confirm_build(cx, args, found.files.len())?;
        }
        build::build_all(cx, &args.dist_dir)?;
        found = find()?;
    }
    if found.files.is_empty() {
        return Err(Failure::plain(
            "No files to publish. Run poetry build first or use the --build option.",
        ));
    }
    cx.console.line("");

    let repository = repository(cx, args)?;
    let (name, version) = (project.name.as_deref().unwrap_or_default(), &found.version);
    let to = match args.repository.as_deref() {
        None | Some("" | PYPI) => "PyPI",
        Some(name) => name,
    };
    cx.console.line(format_args!(
        "Publishing {NAME}{name}{NAME:#} ({VALUE}{version}{VALUE:#}) to {INFO}{to}{INFO:#}"
    ));
    let options = PublishOptions {
        dry_run: args.dry_run,
        skip_existing: args.skip_existing,
    };
    choose_cryptography();
    let reporter = Publishing::start(cx.console);
    let sent = cx
        .runtime()?
        .block_on(publish(&found.files, &repository, options, &reporter));
    sent.map_err(|error| {
        let advice = about_login(&error, args.repository.as_deref().unwrap_or(PYPI));
        Failure::caused(error).hint_if(advice)
    })
}

/// Where user and password are looked for, if it is them that the repository does not accept.
fn about_login(error: &PublishError, name: &str) -> Option<String> {
    let PublishError::Refused {
        status: 401 | 403, ..
    } = error
    else {
        return None;
    };
    let part = variable_part(name);
    Some(format!(
        "User and password come from `--username` and `--password`, or a token from `pypi-token.{name}` or \
         POETRY_PYPI_TOKEN_{part}, or both from `http-basic.{name}` or POETRY_HTTP_BASIC_{part}_USERNAME and \
         POETRY_HTTP_BASIC_{part}_PASSWORD. A token or a password that is in none of these is looked for in the keyring."
    ))
}

/// Poetry: what is there already may be built over; who can be asked, which is so at a terminal only, is asked.
fn confirm_build(cx: &Context, args: &PublishArgs, count: usize) -> Result<(), Failure> {
    let folder = args.dist_dir.display();
    if !cx.is_at_terminal() {
        cx.console.line(format_args!(
            "{WARNING}Warning: There are {INFO}{count}{INFO:#}{WARNING} files ready for publishing in {folder}. \
             Build anyway!{WARNING:#}"
        ));
        return Ok(());
    }
    let text = format!(
        "There are {INFO}{count}{INFO:#} files ready for publishing in {folder}. Build anyway?"
    );
    if question::confirm(cx.console, &text, false)? {
        return Ok(());
    }
    Err(Failure::message(format!("{ERROR}Aborted!{ERROR:#}")))
}

fn repository(cx: &Context, args: &PublishArgs) -> Result<Repository, Failure> {
    let settings = cx.settings()?;
    let name = args.repository.as_deref().filter(|name| !name.is_empty());
    let url = match name {
        None => PYPI_URL,
        Some(name) => settings.upload_url(name).ok_or_else(|| {
            Failure::new(format!("Repository {name} is not defined")).hint(format!(
                "Its address is looked for in the setting `repositories.{name}.url` and in the variable \
                 POETRY_REPOSITORIES_{}_URL.",
                variable_part(name)
            ))
        })?,
    };
    let name = name.unwrap_or(PYPI);
    let place = settings.place(name, url);
    // Poetry: what is set for PyPI's certificates is not for uploads.
    let own = (name != PYPI).then_some(&place.trust);
    let trust = match (&args.cert, own) {
        (Some(file), _) => Trust::Only(file.clone()),
        (None, Some(own)) if own.is_blind => Trust::Anybody,
        (None, own) => {
            let roots = own.and_then(|own| own.roots.as_ref());
            match roots.or(settings.roots.as_ref()) {
                Some(roots) => Trust::Only(roots.clone()),
                None => Trust::System(settings.more_roots.iter().cloned().collect()),
            }
        }
    };
    let client = own.and_then(|own| own.client.clone());
    Ok(Repository {
        url: with_slash(url.to_owned()),
        login: login(cx, args, &place)?,
        trust,
        client_certificate: args.client_cert.clone().or(client),
        user_agent: concat!("mpoetry/", env!("CARGO_PKG_VERSION")).to_owned(),
        timeout: settings.timeout,
    })
}

/// Poetry: an address like PyPI's that lacks its slash gets it.
fn with_slash(mut url: String) -> String {
    if url.ends_with("/legacy") {
        url.push('/');
    }
    url
}

/// Poetry: options count if they are complete, then a token, then user and password of the configuration; what it does
/// not tell may be in the keyring. Who has just a user is sent on without one.
fn login(
    cx: &Context,
    args: &PublishArgs,
    place: &Place,
) -> Result<Option<(String, String)>, Failure> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let (Some(user), Some(password)) = (filled(&args.username), filled(&args.password)) {
        return Ok(Some((user, password)));
    }
    let name = place.name.as_deref().unwrap_or(PYPI);
    let by_token = |token: &str| Some((TOKEN_USER.to_owned(), token.to_owned()));
    if let Some(token) = cx.settings()?.token(name) {
        return Ok(by_token(token));
    }
    let keyring = cx.keyring()?.filter(Keyring::is_available);
    if let Some(token) = keyring.as_ref().and_then(|it| it.token_for(name)) {
        return Ok(by_token(&token));
    }
    let user = filled(&place.user);
    let password = place.password.clone().or_else(|| {
        let user = user.as_deref().unwrap_or_default();
        keyring?.password_for(name, user)
    });
    Ok(user.zip(filled(&password)))
}
