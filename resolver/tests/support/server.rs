//! A small HTTP/1.1 server on 127.0.0.1: fixed replies by path, and a log of what was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a path answers.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Serve ranges of the body.
    pub(crate) ranges: bool,
    /// Break the connection after so many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// Wait so long before answering.
    pub(crate) delay: Duration,
    /// `Authorization` that must come with the request, else 401.
    pub(crate) login: Option<String>,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body: body.into(),
            ranges: false,
            cut: None,
            delay: Duration::ZERO,
            login: None,
        }
    }

    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "application/vnd.pypi.simple.v1+json", body)
    }

    pub(crate) fn file(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "application/octet-stream", body)
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::new(status, "text/plain", "")
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

#[derive(Default)]
struct State {
    routes: BTreeMap<String, Vec<Reply>>,
    log: Vec<Request>,
}

pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), Arc::clone(&shared));
                // A client that goes away ends its connection, not the test.
                std::thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        Self { url, state }
    }

    /// Answers `path` with these replies in turn; the last one repeats.
    pub(crate) fn route(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let replies = replies.into_iter().collect();
        self.state
            .lock()
            .unwrap()
            .routes
            .insert(path.to_owned(), replies);
    }

    pub(crate) fn log(&self) -> Vec<Request> {
        self.state.lock().unwrap().log.clone()
    }

    /// The paths asked for since the last call.
    pub(crate) fn take_paths(&self) -> Vec<String> {
        let log = std::mem::take(&mut self.state.lock().unwrap().log);
        log.into_iter().map(|request| request.path).collect()
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read(&mut reader)? {
        let reply = {
            let mut state = state.lock().unwrap();
            state.log.push(request.clone());
            match state.routes.get_mut(&request.path) {
                Some(replies) if replies.len() > 1 => replies.remove(0),
                Some(replies) => replies[0].clone(),
                None => Reply::status(404),
            }
        };
        std::thread::sleep(reply.delay);
        if !answer(stream, &request, &reply)? {
            break;
        }
    }
    Ok(())
}

fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.by_ref().read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let path = lines[0].split(' ').nth(1).unwrap_or("/").to_owned();
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    Ok(Some(Request {
        path,
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
    }))
}

/// Writes the answer; `false` if the connection ends with it.
fn answer(mut stream: &TcpStream, request: &Request, reply: &Reply) -> std::io::Result<bool> {
    let mut status = reply.status;
    let mut headers = reply.headers.clone();
    let mut body = &reply.body[..];
    let etag = reply.headers.iter().find(|(name, _)| name == "ETag");
    if reply.login.is_some() && request.header("authorization") != reply.login.as_deref() {
        (status, body) = (401, b"");
    } else if etag.is_some_and(|(_, etag)| request.header("if-none-match") == Some(etag)) {
        (status, body) = (304, b"");
    } else if let Some((start, end)) = range(request, body.len()).filter(|_| reply.ranges) {
        status = 206;
        headers.push((
            "Content-Range".to_owned(),
            format!("bytes {start}-{}/{}", end - 1, body.len()),
        ));
        body = &body[start..end];
    }
    let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if let Some(cut) = reply.cut {
        stream.write_all(&body[..cut])?;
        stream.shutdown(std::net::Shutdown::Both)?;
        return Ok(false);
    }
    stream.write_all(body)?;
    Ok(true)
}

/// The wanted range as start and end.
fn range(request: &Request, length: usize) -> Option<(usize, usize)> {
    let (start, last) = request
        .header("range")?
        .strip_prefix("bytes=")?
        .split_once('-')?;
    if start.is_empty() {
        let count: usize = last.parse().ok()?;
        return Some((length.saturating_sub(count), length));
    }
    let last: usize = last.parse().ok()?;
    Some((start.parse().ok()?, length.min(last + 1)))
}
