//! Base images in registries.

use std::sync::atomic::{AtomicU64, Ordering};

use resolver::index::{Access, Place};

use super::server::{Reply, Server};
use super::*;

const DOCKER_JSON: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A registry with an image `team/base` for amd64 and arm64.
struct Registry {
    server: Server,
    blobs: Blobs,
    index: Value,
    amd: Value,
    /// `Authorization` that must come with each request.
    login: Option<String>,
    challenge: String,
}

impl Registry {
    fn new() -> Self {
        let server = Server::start();
        let mut blobs = Blobs::default();
        let amd = blobs.image("linux/amd64", &rootfs());
        let arm = blobs.image("linux/arm64/v8", &[tar(&[('f', "arm", "")])]);
        let index = json!({"schemaVersion": 2, "mediaType": DOCKER_INDEX, "manifests": [amd, arm]});
        let index = blobs.add(DOCKER_INDEX, index.to_string());
        let registry = Self {
            server,
            blobs,
            index,
            amd,
            login: None,
            challenge: String::new(),
        };
        registry.serve();
        registry
    }

    /// Asks for a login: with a token of its token server for that of `team`, or with the login itself.
    fn with_login(bearer: bool) -> Self {
        let mut registry = Self::new();
        let url = registry.server.url.clone();
        registry.challenge = match bearer {
            true => format!(
                r#"Bearer realm="{url}token",service="test registry",scope="repository:team/base:pull""#
            ),
            false => r#"Basic realm="registry""#.to_owned(),
        };
        // team:secret
        let basic = "Basic dGVhbTpzZWNyZXQ=";
        registry.login = Some(if bearer { "Bearer let-me-in" } else { basic }.to_owned());
        let token = Reply {
            login: Some(basic.to_owned()),
            ..Reply::new(200, "application/json", r#"{"token": "let-me-in"}"#)
        };
        registry.server.route(TOKEN, [token]);
        registry.serve();
        registry
    }

    fn serve(&self) {
        let manifests = [self.digest(&self.index), self.digest(&self.amd)];
        for (digest, bytes) in &self.blobs.0 {
            let kind = if manifests.contains(digest) {
                "manifests"
            } else {
                "blobs"
            };
            self.route(
                &format!("{kind}/{digest}"),
                Reply::new(200, DOCKER_JSON, bytes.clone()),
            );
        }
        let index = self.digest(&self.index);
        let tagged = Reply::new(200, DOCKER_JSON, self.blobs.0[&index].clone());
        self.route(
            "manifests/1.0",
            tagged.header("Docker-Content-Digest", index),
        );
    }

    fn route(&self, what: &str, reply: Reply) {
        let reply = Reply {
            login: self.login.clone(),
            ..reply.header("WWW-Authenticate", self.challenge.clone())
        };
        self.server.route(&format!("/v2/team/base/{what}"), [reply]);
    }

    fn digest(&self, descriptor: &Value) -> String {
        descriptor["digest"].as_str().unwrap().to_owned()
    }

    fn host(&self) -> String {
        let url = self.server.url.trim_end_matches('/');
        url.strip_prefix("http://").unwrap().to_owned()
    }

    fn base(&self, rest: &str) -> Base {
        format!("{}/team/base{rest}", self.host()).parse().unwrap()
    }

    /// What was asked for since the last call, without order: blobs come all at once.
    fn asked(&self) -> Vec<String> {
        let mut paths = self.server.take_paths();
        paths.sort();
        let short = |path: String| path.replace("/v2/team/base/", "").replace("sha256:", "");
        paths.into_iter().map(short).collect()
    }

    fn failure(&self, world: &World, rest: &str) -> String {
        let error = world.failure(&[image(self.base(rest))]);
        error.replace(&self.host(), "[registry]")
    }
}

const TOKEN: &str = "/token?service=test%20registry&scope=repository%3Ateam%2Fbase%3Apull";

#[test]
fn a_base_is_pulled_once() {
    let mut world = World::new();
    let registry = Registry::new();
    let summary = world.write(&[image(registry.base(":1.0"))], "image");
    let of_image = &summary.images[0];
    assert_eq!(json!(of_image.base), registry.amd["digest"]);
    let manifest = json_file(&world.path("image/blobs/sha256").join(of_image.digest.hex()));
    let expected = json!({
        "org.opencontainers.image.base.digest": registry.amd["digest"],
        "org.opencontainers.image.base.name": format!("{}/team/base:1.0", registry.host()),
    });
    assert_eq!(manifest["annotations"], expected);
    for layer in &of_image.layers[..2] {
        let path = world.path("image/blobs/sha256").join(layer.digest.hex());
        assert!(std::fs::read(path).unwrap() == registry.blobs.0[&layer.digest.to_string()]);
    }
    // The tag, the manifest, the configuration and two layers.
    assert_eq!(registry.asked().len(), 5);

    // Only a tag has to be asked for again.
    assert_eq!(
        world.write(&[image(registry.base(":1.0"))], "image"),
        summary
    );
    assert_eq!(registry.asked(), ["manifests/1.0"]);
    let by_digest = registry.base(&format!(":1.0@{}", registry.digest(&registry.amd)));
    world.write(&[image(by_digest.clone())], "image");
    assert_eq!(registry.asked(), Vec::<String>::new());
    world.go_offline();
    assert_eq!(world.write(&[image(by_digest)], "image"), summary);
    let error = registry.failure(&world, ":1.0");
    assert_eq!(
        error,
        "`[registry]/team/base:1.0` can't be pulled: `http://[registry]/v2/team/base/manifests/1.0` is not in \
         the cache, and the network is switched off"
    );
}

#[test]
fn progress_is_told() {
    struct Counter(AtomicU64);
    impl Reporter for Counter {
        fn pulling(&self, _: &super::super::Reference, bytes: u64) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
        fn packing(&self, layer: &Layer) {
            assert_eq!(layer.created_by, "service");
        }
    }
    let world = World::new();
    let registry = Registry::new();
    let writer = ImageWriter {
        index: &world.index,
        logins: &world.logins,
        runtime: world.runtime.handle().clone(),
    };
    let counter = Counter(AtomicU64::new(0));
    let output = world.output("image", Form::Folder);
    writer
        .write(&[image(registry.base(":1.0"))], &output, &counter)
        .unwrap();
    let manifest = json_file_of(&registry.blobs, &registry.amd);
    let layers = manifest["layers"].as_array().unwrap().iter();
    let sizes: u64 = layers
        .chain([&manifest["config"]])
        .map(|blob| blob["size"].as_u64().unwrap())
        .sum();
    assert_eq!(counter.0.load(Ordering::Relaxed), sizes);
}

fn json_file_of(blobs: &Blobs, descriptor: &Value) -> Value {
    serde_json::from_slice(&blobs.0[descriptor["digest"].as_str().unwrap()]).unwrap()
}

#[test]
fn a_token_is_got_with_the_login() {
    let mut world = World::new();
    let registry = Registry::with_login(true);
    let refused = "`[registry]` refuses access to `[registry]/team/base:1.0`: ";
    assert_eq!(
        registry.failure(&world, ":1.0"),
        format!("{refused}no login is known for it")
    );
    assert_eq!(registry.asked(), [TOKEN, "manifests/1.0"]);
    world.logins = Logins::default().with(&registry.host(), "team", "wrong");
    let error = format!("{refused}it does not accept the login that is known for it");
    assert_eq!(registry.failure(&world, ":1.0"), error);
    registry.server.take_paths();

    world.logins = Logins::default().with(&registry.host(), "team", "secret");
    world.write(&[image(registry.base(":1.0"))], "image");
    let asked = registry.asked();
    // The tag twice, one token for everything.
    assert_eq!(asked[..1], [TOKEN]);
    assert_eq!(asked.len(), 7);

    // Nobody has asked for a manifest yet when the first blob is refused.
    let cache = world.index.cache().root().join("archives-v1");
    for file in walkdir::WalkDir::new(cache).into_iter().map(Result::unwrap) {
        if file.file_name() == "blob" {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let by_digest = registry.base(&format!("@{}", registry.digest(&registry.amd)));
    world.write(&[image(by_digest)], "image");
}

#[test]
fn tokens_for_nobody_in_particular() {
    let world = World::new();
    let registry = Registry::with_login(true);
    let anonymous = Reply::new(200, "application/json", r#"{"access_token": "let-me-in"}"#);
    registry.server.route(TOKEN, [anonymous]);
    world.write(&[image(registry.base(":1.0"))], "image");
    let asked = registry.server.log();
    let token = asked.iter().find(|request| request.path == TOKEN).unwrap();
    assert_eq!(token.header("authorization"), None);

    let registry = Registry::with_login(true);
    registry.server.route(
        TOKEN,
        [Reply::new(200, "application/json", r#"{"tok": "hunter2"}"#)],
    );
    assert_eq!(
        registry.failure(&world, ":1.0"),
        "the registry's answer of `http://[registry]/token` can't be used: it has no token"
    );
}

#[test]
fn a_login_is_shown_to_those_who_ask_for_it() {
    let mut world = World::new();
    let registry = Registry::with_login(false);
    let error = registry.failure(&world, ":1.0");
    assert!(error.ends_with("no login is known for it"), "{error}");
    world.logins = Logins::default().with(&registry.host(), "team", "secret");
    world.write(&[image(registry.base(":1.0"))], "image");

    // Whoever does not ask does not get it.
    let world = World {
        logins: Logins::default().with(&Registry::new().host(), "team", "secret"),
        ..World::new()
    };
    let open = Registry::new();
    world.write(&[image(open.base(":1.0"))], "image");
    assert!(
        open.server
            .log()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_redirect_to_another_host_gets_no_login() {
    let mut world = World::new();
    let registry = Registry::with_login(true);
    let store = Server::start();
    let layer = Digest::of(&gzip(&rootfs()[0])).to_string();
    store.route(
        "/signed?x=1",
        [Reply::file(registry.blobs.0[&layer].clone())],
    );
    let there = Reply::status(307).header("Location", format!("{}signed?x=1", store.url));
    registry.route(&format!("blobs/{layer}"), there);
    world.logins = Logins::default().with(&registry.host(), "team", "secret");
    world.write(&[image(registry.base(":1.0"))], "image");
    let [asked] = &store.log()[..] else {
        panic!("one request")
    };
    assert_eq!(asked.header("authorization"), None);
}

#[test]
fn logins_of_package_indexes_stay_theirs() {
    let mut world = World::new();
    let registry = Registry::new();
    let settings = IndexSettings {
        access: Access {
            places: vec![Place::with_login(&registry.server.url, "me", "secret")],
            ..Access::default()
        },
        ..settings(false)
    };
    world.index = Index::new(settings, world.index.cache().clone(), None);
    world.write(&[image(registry.base(":1.0"))], "image");
    assert!(
        registry
            .server
            .log()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn what_arrives_is_checked() {
    let amd = |registry: &Registry| registry.digest(&registry.amd);
    let wrong = |what: &str, expected: &str, got: &[u8]| {
        format!(
            "the digest of `http://[registry]/v2/team/base/{what}` is {}, but should be {expected}",
            Digest::of(got)
        )
    };
    let other = Digest::of(b"other").to_string();

    let (world, registry) = (World::new(), Registry::new());
    let index = registry.blobs.0[&registry.digest(&registry.index)].clone();
    let lying =
        Reply::new(200, DOCKER_JSON, index.clone()).header("Docker-Content-Digest", other.clone());
    registry.route("manifests/1.0", lying);
    assert_eq!(
        registry.failure(&world, ":1.0"),
        wrong("manifests/1.0", &other, &index)
    );

    let manifest = format!("manifests/{}", amd(&registry));
    registry.serve();
    registry.route(&manifest, Reply::file(&b"{}"[..]));
    assert_eq!(
        registry.failure(&world, ":1.0"),
        wrong(&manifest, &amd(&registry), b"{}")
    );

    registry.serve();
    let layer = Digest::of(&gzip(&rootfs()[0])).to_string();
    let blob = format!("blobs/{layer}");
    registry.route(&blob, Reply::file(&b"evil"[..]));
    assert_eq!(
        registry.failure(&world, ":1.0"),
        wrong(&blob, &layer, b"evil")
    );
    registry.route(&blob, Reply::status(404));
    assert_eq!(
        registry.failure(&world, ":1.0"),
        format!(
            "`[registry]/team/base:1.0` can't be pulled: `http://[registry]/v2/team/base/{blob}` answers with status 404"
        )
    );

    // Nothing of that was kept.
    registry.serve();
    world.write(&[image(registry.base(":1.0"))], "image");
}

#[test]
fn damage_in_the_cache_is_repaired() {
    let world = World::new();
    let registry = Registry::new();
    let request = [image(registry.base(":1.0"))];
    world.write(&request, "image");
    registry.server.take_paths();
    let layer = Digest::of(&gzip(&rootfs()[0]));
    let cached = |digest: &str, name: &str| {
        let hex = digest.strip_prefix("sha256:").unwrap();
        world
            .index
            .cache()
            .root()
            .join("archives-v1")
            .join(&hex[..2])
            .join(hex)
            .join(name)
    };
    let manifest = registry.digest(&registry.amd);
    std::fs::write(cached(&manifest, "manifest.json"), "{}").unwrap();
    std::fs::write(cached(&layer.to_string(), "blob"), "short").unwrap();
    world.write(&request, "image");
    let blob = format!("blobs/{}", layer.hex());
    assert_eq!(
        registry.asked(),
        [
            blob.as_str(),
            "manifests/1.0",
            &format!("manifests/{}", &manifest[7..])
        ]
    );

    // Of the right size, but wrong: noticed later, and gone.
    let mut bytes = registry.blobs.0[&layer.to_string()].clone();
    bytes[20] ^= 1;
    std::fs::write(cached(&layer.to_string(), "blob"), bytes).unwrap();
    let error = world.failure(&request);
    assert!(error.contains(&format!("but should be {layer}")), "{error}");
    assert!(!cached(&layer.to_string(), "blob").exists());
    world.write(&request, "image");
}

#[test]
fn what_a_registry_does_not_have() {
    let world = World::new();
    let registry = Registry::new();
    assert_eq!(
        registry.failure(&world, ":2"),
        "`[registry]` has no image `[registry]/team/base:2`"
    );
    let digest = Digest::of(b"none");
    let name = format!("[registry]/team/base@{digest}");
    assert_eq!(
        registry.failure(&world, &format!("@{digest}")),
        format!("`[registry]` has no image `{name}`")
    );
    let request = ImageRequest {
        platform: platform("linux/s390x"),
        ..image(registry.base(":1.0"))
    };
    let error = world
        .failure(&[request])
        .replace(&registry.host(), "[registry]");
    assert_eq!(
        error,
        "`[registry]/team/base:1.0` does not exist for linux/s390x, only for linux/amd64, linux/arm64/v8"
    );
    registry.route("manifests/1.0", Reply::status(418));
    assert_eq!(
        registry.failure(&world, ":1.0"),
        "the registry's answer of `http://[registry]/v2/team/base/manifests/1.0` can't be used: its status is 418"
    );
    registry.route("manifests/1.0", Reply::file(&b"<html>"[..]));
    let error = registry.failure(&world, ":1.0");
    assert!(
        error.starts_with("`http://[registry]/v2/team/base/manifests/sha256:"),
        "{error}"
    );
}

#[test]
fn a_registry_that_is_down() {
    let world = World::new();
    let base: Base = "127.0.0.1:1/team/base:1.0".parse().unwrap();
    let error = world.failure(&[image(base)]);
    assert!(
        error.starts_with("`127.0.0.1:1/team/base:1.0` can't be pulled: All attempts to connect to 127.0.0.1:1 failed."),
        "{error}"
    );
}
