//! A CSV file in pieces that a server takes at once, without ever having all of it in memory.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, ensure};
use csv::{ByteRecord, ReaderBuilder};
use sha2::{Digest, Sha256};

/// Rows in a piece: half of what a server takes, so that a bar moves and little has to be sent again.
const ROWS: usize = 5_000;
/// Bytes in a piece: half of what a server takes.
const BYTES: u64 = 4 * 1024 * 1024;

/// How a file is sent.
pub(super) struct Pieces {
    file: File,
    /// As it is written, with its line break or a part of it: the rest of that stands before the first row.
    header: Vec<u8>,
    /// Line breaks in the header.
    header_lines: u64,
    pub(super) list: Vec<Piece>,
    pub(super) rows: usize,
    /// What identifies the content.
    pub(super) digest: String,
}

/// Some rows, by where they are in the file.
pub(super) struct Piece {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) rows: usize,
    /// Line breaks before it.
    lines_before: u64,
}

impl Pieces {
    /// Reads the file once, and says where to cut it: between rows, wherever their cells have line breaks.
    pub(super) fn of(path: &Path) -> anyhow::Result<Pieces> {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let hashed = Hashed { inner: BufReader::new(file), digest: Sha256::new() };
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(hashed);
        let mut record = ByteRecord::new();
        ensure!(reader.read_byte_record(&mut record)?, "{} is empty", path.display());
        let (body, header_lines) = (reader.position().byte(), reader.position().line() - 1);
        let (mut list, mut rows): (Vec<Piece>, usize) = (vec![], 0);
        loop {
            let (start, lines_before) = (reader.position().byte(), reader.position().line() - 1);
            if !reader.read_byte_record(&mut record)? {
                break;
            }
            let end = reader.position().byte();
            rows += 1;
            match list.last_mut() {
                Some(piece) if piece.rows < ROWS && end - piece.start <= BYTES => {
                    piece.rows += 1;
                    piece.end = end;
                }
                Some(_) | None => list.push(Piece { start, end, rows: 1, lines_before }),
            }
        }
        let digest = hex::encode(reader.into_inner().digest.finalize());
        let mut file = File::open(path)?;
        let header = read(&mut file, 0, body)?;
        Ok(Pieces { file, header, header_lines, list, rows, digest })
    }

    /// The piece as a file of its own.
    pub(super) fn body(&mut self, at: usize) -> anyhow::Result<Vec<u8>> {
        let mut body = self.header.clone();
        body.extend(read(&mut self.file, self.list[at].start, self.list[at].end)?);
        Ok(body)
    }

    /// Where a line of a piece is in the whole file.
    pub(super) fn line(&self, piece: &Piece, line: u64) -> u64 {
        (line + piece.lines_before).saturating_sub(self.header_lines)
    }
}

fn read(file: &mut File, start: u64, end: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(end - start).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 == end - start, "the file has changed while it was read");
    Ok(bytes)
}

/// Takes the digest of what is read.
struct Hashed<R> {
    inner: R,
    digest: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.digest.update(&buffer[..length]);
        Ok(length)
    }
}
