//! An HTTP/1.1 client that costs little: it shares its cores with what it measures.

use std::net::SocketAddr;
use std::sync::Arc;

use bench::measure::Caller;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The end of an answer's head.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// Written so by every server here.
const LENGTH: &[u8] = b"content-length: ";
/// How each answer has to begin.
const OK: &[u8] = b"HTTP/1.1 200";

/// A connection that is kept, over which one path after the other is asked for.
pub(crate) struct Client {
    stream: TcpStream,
    requests: Arc<[Vec<u8>]>,
    pub(crate) answer: Vec<u8>,
}

/// The requests for these paths.
pub(crate) fn requests(paths: impl Iterator<Item = String>) -> Arc<[Vec<u8>]> {
    paths.map(|path| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()).collect()
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, requests: Arc<[Vec<u8>]>) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, requests, answer: Vec::with_capacity(8 * 1024) }
    }

    /// Where the body begins.
    pub(crate) fn body(&self) -> &[u8] {
        let head = find(&self.answer, HEAD_END).unwrap();
        &self.answer[head + HEAD_END.len()..]
    }

    /// Whether all of an answer has come.
    fn is_whole(&self) -> bool {
        let Some(head) = find(&self.answer, HEAD_END) else { return false };
        let length = find(&self.answer[..head], LENGTH).expect("an answer says how long it is");
        let digits = self.answer[length + LENGTH.len()..head].iter().take_while(|byte| byte.is_ascii_digit());
        let length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
        self.answer.len() >= head + HEAD_END.len() + length
    }
}

impl Caller for Client {
    async fn ask(&mut self, turn: usize) {
        let request = &self.requests[turn % self.requests.len()];
        self.stream.write_all(request).await.unwrap();
        self.answer.clear();
        while !self.is_whole() {
            let read = self.stream.read_buf(&mut self.answer).await.unwrap();
            assert!(read > 0, "the server hung up");
        }
        assert!(self.answer.starts_with(OK), "{}", String::from_utf8_lossy(&self.answer));
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
