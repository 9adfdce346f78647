//! A Dockerfile that uses a bundle; the bundle's folder is its context.

use super::contents::OutputFile;
use super::image::Dockerfile;
use super::unpacked::{COMMANDS, python_path};
use super::zipapp::Entry;
use super::{Layer, Layout, Target};

/// Where a tree is copied to.
pub(super) const TREE: &str = "/app";

/// The text, made after the service's own Dockerfile: its image and its command are kept.
pub(super) fn text(
    layout: Layout,
    target: &Target,
    own: &Dockerfile,
    entry: Option<&Entry>,
    files: &[OutputFile],
) -> String {
    let has = |folder: &str| {
        files
            .iter()
            .any(|file| file.name.starts_with(&format!("{folder}/")))
    };
    let present: Vec<Layer> = Layer::ALL
        .into_iter()
        .filter(|layer| has(layer.folder()))
        .collect();
    let file = files.first().map_or("", |file| file.name.as_str());
    let image = own
        .from
        .clone()
        .unwrap_or_else(|| format!("python:{}-slim", target.minor()));
    let steps = match layout {
        Layout::Wheels => {
            // Libraries first: the service's wheel asks for them.
            let install = "RUN pip install --no-index --no-deps --no-cache-dir *.whl && rm *.whl";
            let mut steps = "WORKDIR /tmp/wheels\n".to_owned();
            if has("deps") {
                steps += &format!("COPY deps/*.whl ./\n{install}\n");
            }
            if files
                .iter()
                .any(|file| file.name.ends_with(".whl") && !file.name.contains('/'))
            {
                steps += &format!("COPY *.whl ./\n{install}\n");
            }
            steps + "WORKDIR /\n"
        }
        Layout::Layers => layers(&present),
        Layout::Tree | Layout::Image => tree(&present, has(COMMANDS)),
        Layout::Zipapp => format!("COPY {file} {TREE}/{file}\n"),
    };
    let start = match (&own.start, layout) {
        (_, Layout::Zipapp) => format!("CMD [\"python\", \"{TREE}/{file}\"]"),
        (Some(start), _) => start.clone(),
        (None, _) => entry.map_or_else(|| "# CMD: how the service is started".to_owned(), command),
    };
    format!("FROM {image}\n\n{steps}\n{start}\n")
}

/// A step for each layer, so that a changed library does not install again what it depends on. Mounted, wheels are in
/// no layer of the image themselves.
fn layers(present: &[Layer]) -> String {
    let pip = "pip install --no-index --no-deps --no-cache-dir";
    let mut steps = "# Mounts need BuildKit, which docker uses since version 23.\n".to_owned();
    for layer in present {
        let what = match layer {
            Layer::ThirdParty => format!(
                "--require-hashes --find-links /tmp/{layer} -r /tmp/{layer}/requirements.txt"
            ),
            Layer::Libraries | Layer::Service => format!("/tmp/{layer}/*.whl"),
        };
        steps += &format!(
            "RUN --mount=type=bind,source={layer},target=/tmp/{layer} \\\n    {pip} {what}\n"
        );
    }
    steps
}

fn tree(present: &[Layer], has_commands: bool) -> String {
    let mut steps = String::new();
    for layer in present {
        steps += &format!("COPY {layer}/ {TREE}/{layer}/\n");
    }
    let mut path = String::new();
    if has_commands {
        steps += &format!("COPY {COMMANDS}/ {TREE}/{COMMANDS}/\n");
        path = format!(" PATH={TREE}/{COMMANDS}:$PATH");
    }
    format!("{steps}ENV PYTHONPATH={}{path}\n", python_path(TREE))
}

/// What starts an entry.
fn command(entry: &Entry) -> String {
    let words = entry.command().map(|word| format!("{word:?}"));
    format!("CMD [{}]", words.join(", "))
}
