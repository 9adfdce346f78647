//! A door with TLS in front of a server on 127.0.0.1.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::fixture::fixtures;

/// `authority.pem`, `server.pem` (certificate and key for 127.0.0.1), `client.pem` (the same for a user): all signed by
/// the first, valid until 2120.
pub(crate) fn tls_file(name: &str) -> PathBuf {
    fixtures().join("tls").join(name)
}

/// Passes requests on to `inside`, one a connection, until the test ends. Answers its address.
/// `wants_certificate`: only for users with a certificate of the authority.
pub(crate) fn tls_door(inside: SocketAddr, wants_certificate: bool) -> SocketAddr {
    let config = Arc::new(config(wants_certificate));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound listener");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || {
                // A client that does not like the certificate goes away.
                let _gone = pass_on(stream, config, inside);
            });
        }
    });
    address
}

fn config(wants_certificate: bool) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let path = tls_file("server.pem");
    let certificates: Vec<_> = CertificateDer::pem_file_iter(&path)
        .expect("a file")
        .map(|certificate| certificate.expect("a certificate"))
        .collect();
    let key = PrivateKeyDer::from_pem_file(&path).expect("a key");
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = if wants_certificate {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(tls_file("authority.pem"));
        roots
            .add(authority.expect("a certificate"))
            .expect("a root");
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    builder
        .with_single_cert(certificates, key)
        .expect("key and certificate fit")
}

fn pass_on(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    inside: SocketAddr,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut outer = StreamOwned::new(connection, stream);
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if outer.read(&mut byte)? == 0 {
            return Ok(());
        }
        request.push(byte[0]);
    }
    request.truncate(request.len() - 2);
    request.extend_from_slice(b"connection: close\r\n\r\n");
    let mut inner = TcpStream::connect(inside)?;
    inner.write_all(&request)?;
    let length = length_of_body(&request);
    std::io::copy(&mut Read::by_ref(&mut outer).take(length), &mut inner)?;
    let mut answer = Vec::new();
    inner.read_to_end(&mut answer)?;
    // The client shall know that this was the only answer here.
    let first = answer
        .windows(2)
        .position(|two| two == b"\r\n")
        .unwrap_or(0);
    outer.write_all(&answer[..first])?;
    outer.write_all(b"\r\nconnection: close")?;
    outer.write_all(&answer[first..])?;
    outer.conn.send_close_notify();
    outer.flush()
}

fn length_of_body(head: &[u8]) -> u64 {
    let head = String::from_utf8_lossy(head).to_lowercase();
    let told = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    told.and_then(|told| told.trim().parse().ok()).unwrap_or(0)
}
