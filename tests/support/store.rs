//! Stores for the remote cache on 127.0.0.1: one that remembers what it was asked, and a real nginx.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::server::{Answer, Request, Server};

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    /// The `Authorization` that every request needs.
    authorization: Option<String>,
    log: Vec<String>,
}

/// Bytes by path: GET, HEAD, PUT. Dropping it closes its port.
pub(crate) struct Store {
    state: Arc<Mutex<State>>,
    server: Server,
}

impl Store {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::start(Arc::new(move |request: &Request| {
            let mut state = shared.lock().expect("no request panics");
            let answer = state.answer(request);
            let line = format!("{} {} {}", request.method, request.path, answer.status);
            state.log.push(line);
            answer
        }));
        Self { state, server }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no request panics")
    }

    /// Its address with what comes before the host, as in `user:password@`.
    pub(crate) fn url(&self, login: &str) -> String {
        format!("http://{login}{}/cache", self.server.address())
    }

    /// Lets in only who shows this.
    pub(crate) fn require(&self, authorization: &str) {
        self.state().authorization = Some(authorization.to_owned());
    }

    /// What it has, by path.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().objects.clone()
    }

    /// Changes all objects of a kind, `ac` or `cas`.
    pub(crate) fn change(&self, kind: &str, change: impl Fn(&mut Vec<u8>)) {
        let beginning = format!("/cache/{kind}/");
        for (path, bytes) in &mut self.state().objects {
            if path.starts_with(&beginning) {
                change(bytes);
            }
        }
    }

    /// Methods and statuses of the requests since the last call, in order.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    /// Closes the port.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        let wanted = self.authorization.as_deref();
        if wanted.is_some() && request.header("authorization") != wanted {
            return Answer::new(401, "");
        }
        match (request.method.as_str(), self.objects.get(&request.path)) {
            ("PUT", _) => {
                let (path, body) = (request.path.clone(), request.body.clone());
                self.objects.insert(path, body);
                Answer::new(201, "")
            }
            ("GET" | "HEAD", Some(bytes)) => Answer::new(200, bytes.clone()),
            _ => Answer::new(404, "nothing here"),
        }
    }
}

/// A real nginx with WebDAV's PUT, which asks for a name and a password. Dropping it ends it.
pub(crate) struct Nginx {
    process: Child,
    port: u16,
}

impl Nginx {
    /// Starts it in a folder of its own. `None` if this machine has none.
    pub(crate) fn start(folder: &Path) -> Option<Self> {
        let program = program()?;
        for name in ["data", "temp"] {
            fs::create_dir_all(folder.join(name)).expect("a folder");
        }
        fs::write(folder.join("users"), "ci:{PLAIN}se%cret\n").expect("a file");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let here = folder.display();
        let configuration = format!(
            "daemon off; master_process off; pid {here}/pid; error_log {here}/log;
            events {{}}
            http {{
                access_log off;
                client_body_temp_path {here}/temp/1; proxy_temp_path {here}/temp/2;
                fastcgi_temp_path {here}/temp/3; uwsgi_temp_path {here}/temp/4; scgi_temp_path {here}/temp/5;
                server {{
                    listen 127.0.0.1:{port};
                    root {here}/data;
                    client_max_body_size 0;
                    auth_basic cache;
                    auth_basic_user_file {here}/users;
                    location / {{ dav_methods PUT; create_full_put_path on; }}
                }}
            }}"
        );
        fs::write(folder.join("conf"), configuration).expect("a file");
        let process = Command::new(program)
            .args(["-e", &format!("{here}/log"), "-p", &here.to_string()])
            .args(["-c", &format!("{here}/conf")])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts");
        // From here on it ends with this value, whatever happens.
        let nginx = Self { process, port };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(nginx);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "nginx does not listen: {}",
            fs::read_to_string(folder.join("log")).unwrap_or_default()
        );
    }

    /// Its address, with the name and the password that it wants.
    pub(crate) fn url(&self) -> String {
        format!("http://ci:se%25cret@127.0.0.1:{}/wheels", self.port)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _waited = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut programs = folders.map(|folder| folder.join("nginx"));
    programs.find(|program| program.is_file())
}
