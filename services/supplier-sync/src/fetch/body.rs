//! The body of an answer, up to a limit: as it comes, and once it is decompressed.

use super::{FetchError, broken};
use flate2::read::MultiGzDecoder;
use reqwest::{Response, header};
use std::io::Read;

pub(super) async fn read(mut response: Response, limit: usize) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > limit {
            return Err(FetchError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether an answer is compressed, in the one way that we ask for.
pub(super) fn is_packed(response: &Response) -> Result<bool, FetchError> {
    let encoding = response.headers().get(header::CONTENT_ENCODING);
    match encoding.map(|value| value.to_str().unwrap_or_default().trim().to_ascii_lowercase()).as_deref() {
        None | Some("identity" | "") => Ok(false),
        Some("gzip" | "x-gzip") => Ok(true),
        Some(_) => Err(FetchError::Unreadable("it is encoded in a way that was not asked for".to_owned())),
    }
}

/// A compressed answer in full. A small one can become a huge one: the limit is the same.
pub(super) async fn unpacked(packed: Vec<u8>, limit: usize) -> Result<Vec<u8>, FetchError> {
    let unpack = move || {
        let mut body = Vec::new();
        let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = MultiGzDecoder::new(packed.as_slice()).take(one_more).read_to_end(&mut body);
        match read {
            Ok(_) if body.len() > limit => Err(FetchError::TooLarge(limit)),
            Ok(_) => Ok(body),
            Err(error) => Err(FetchError::Unreadable(format!("it does not decompress: {error}"))),
        }
    };
    tokio::task::spawn_blocking(unpack).await.map_err(|error| FetchError::Unreadable(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_small_only_while_it_is_packed_is_too_large() {
        use std::io::Write;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&vec![b' '; 100_000]).expect("packed");
        let packed = packed.finish().expect("packed");
        assert!(packed.len() < 1_000);
        assert!(matches!(unpacked(packed.clone(), 99_999).await, Err(FetchError::TooLarge(99_999))));
        assert_eq!(unpacked(packed.clone(), 100_000).await.expect("unpacked").len(), 100_000);
        assert!(matches!(unpacked(packed[..50].to_vec(), 100_000).await, Err(FetchError::Unreadable(_))));
    }
}
