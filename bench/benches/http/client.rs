//! An HTTP/1.1 client that costs little: it shares its cores with what it measures.

use std::net::SocketAddr;
use std::sync::Arc;

use bench::measure::Caller;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use uuid::Uuid;

/// What is posted: the same again and again, to one path after the other, each time under a key of its own.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) paths: Arc<[String]>,
    pub(crate) media_type: &'static str,
    pub(crate) body: Arc<str>,
}

/// A connection that is kept, and what is posted over it.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    post: Post,
    request: Vec<u8>,
    line: String,
    pub(crate) answer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, post: Post) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = BufReader::new(stream);
        Client { stream, post, request: Vec::new(), line: String::new(), answer: Vec::new() }
    }

    async fn send(&mut self, turn: usize) {
        let Post { paths, media_type, body } = &self.post;
        let path = &paths[turn % paths.len()];
        let (key, length) = (Uuid::now_v7(), body.len());
        self.request.clear();
        self.request.extend_from_slice(
            format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\n\
                 Idempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        self.stream.get_mut().write_all(&self.request).await.unwrap();
    }

    /// Reads one answer to its end, and returns its status.
    async fn receive(&mut self) -> u16 {
        let status = self.next_line().await.split(' ').nth(1).unwrap().parse().unwrap();
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.next_line().await.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse().unwrap(),
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                Some(_) => {}
            }
        }
        self.answer.clear();
        if !chunked {
            self.read(length).await;
            return status;
        }
        loop {
            let size = usize::from_str_radix(self.next_line().await, 16).unwrap();
            self.read(size).await;
            self.next_line().await;
            if size == 0 {
                return status;
            }
        }
    }

    async fn next_line(&mut self) -> &str {
        self.line.clear();
        let read = self.stream.read_line(&mut self.line).await.unwrap();
        assert!(read > 0, "the server hung up");
        self.line.trim_end()
    }

    async fn read(&mut self, bytes: usize) {
        let before = self.answer.len();
        self.answer.resize(before + bytes, 0);
        self.stream.read_exact(&mut self.answer[before..]).await.unwrap();
    }
}

impl Caller for Client {
    async fn ask(&mut self, turn: usize) {
        self.send(turn).await;
        let status = self.receive().await;
        let refused = || String::from_utf8_lossy(&self.answer[..self.answer.len().min(500)]).into_owned();
        assert!((200..300).contains(&status), "{status}: {}", refused());
    }
}
