//! Credentials at rest: XChaCha20-Poly1305, sealed for one supplier.
//!
//! A sealed text is `v1.<key id>.<nonce>.<ciphertext>`, the last two in hex. The supplier's id is bound in as
//! associated data, so that a sealed text moved to another supplier's row does not open. The key id names the
//! key without telling it; `supplier_sync.previous_secret_key` still opens what it sealed, and everything is
//! sealed anew under the present key at start.

use anyhow::{Context, bail};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::path::Path;

/// 256 bits, as XChaCha20-Poly1305 takes.
const KEY_BYTES: usize = 32;
/// 192 bits: large enough to be drawn at random for every sealing.
const NONCE_BYTES: usize = 24;
/// A key of 32 random bytes has fewer than this many different ones about never; a typed-in pattern has.
const MIN_DIFFERENT_BYTES: usize = 12;
/// Tells keys apart in the table and in logs.
const KEY_ID_BYTES: usize = 4;
/// Keeps what is derived from the key for hashing apart from everything else that is.
const PEPPER_PURPOSE: &[u8] = b"onhand supplier-sync fingerprints";

/// Seals and opens credentials.
pub(crate) struct Sealer {
    present: Key,
    previous: Option<Key>,
}

struct Key {
    id: String,
    pepper: Vec<u8>,
    cipher: XChaCha20Poly1305,
}

/// Why a sealed text does not open. Tells nothing of what is in it.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum SealError {
    /// Not what [`Sealer::seal`] writes.
    #[error("the sealed credential is not in a form that this version knows")]
    Malformed,
    /// A key that is neither the present nor the previous one.
    #[error("the credential is sealed with key {0}, which is not configured")]
    KeyUnknown(String),
    /// Changed, or sealed for another supplier.
    #[error("the sealed credential was changed, or belongs to another supplier")]
    Broken,
}

impl Sealer {
    /// From the keys in the configuration, each 64 hex digits. An error names the configuration key at fault.
    pub(crate) fn new(present: &SecretString, previous: Option<&SecretString>) -> anyhow::Result<Sealer> {
        Ok(Sealer {
            present: Key::parse(present).context("supplier_sync.secret_key")?,
            previous: previous.map(Key::parse).transpose().context("supplier_sync.previous_secret_key")?,
        })
    }

    /// Seals a credential for one supplier.
    pub(crate) fn seal(&self, supplier_id: &str, credential: &SecretString) -> Result<String, SealError> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: credential.expose_secret().as_bytes(), aad: supplier_id.as_bytes() };
        let sealed = self.present.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| SealError::Malformed)?;
        Ok(format!("v1.{}.{}.{}", self.present.id, hex::encode(nonce), hex::encode(sealed)))
    }

    /// Opens what was sealed for this supplier.
    pub(crate) fn open(&self, supplier_id: &str, sealed: &str) -> Result<SecretString, SealError> {
        let (key_id, nonce, ciphertext) = parts(sealed).ok_or(SealError::Malformed)?;
        let keys = std::iter::once(&self.present).chain(&self.previous);
        let key = keys.into_iter().find(|key| key.id == key_id);
        let key = key.ok_or_else(|| SealError::KeyUnknown(key_id.to_owned()))?;
        let payload = Payload { msg: &ciphertext, aad: supplier_id.as_bytes() };
        let opened = key.cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Broken)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| SealError::Broken)
    }

    /// A secret to hash with what may hold a credential, so that the hash cannot be tried against guesses.
    pub(crate) fn pepper(&self) -> &[u8] {
        &self.present.pepper
    }

    /// The present key's id, which tells nothing of it.
    pub(crate) fn key_id(&self) -> &str {
        &self.present.id
    }

    /// Whether a sealed text is under the present key.
    pub(crate) fn is_present(&self, sealed: &str) -> bool {
        parts(sealed).is_some_and(|(key_id, _, _)| key_id == self.present.id)
    }
}

fn parts(sealed: &str) -> Option<(&str, [u8; NONCE_BYTES], Vec<u8>)> {
    let mut parts = sealed.strip_prefix("v1.")?.splitn(3, '.');
    let (key_id, nonce, ciphertext) = (parts.next()?, parts.next()?, parts.next()?);
    let nonce = hex::decode(nonce).ok()?.try_into().ok()?;
    Some((key_id, nonce, hex::decode(ciphertext).ok()?))
}

impl Key {
    fn parse(text: &SecretString) -> anyhow::Result<Key> {
        let bytes = hex::decode(text.expose_secret()).ok();
        let bytes: Option<[u8; KEY_BYTES]> = bytes.and_then(|bytes| bytes.try_into().ok());
        let Some(bytes) = bytes else {
            bail!("must be {} hex digits, as `openssl rand -hex {KEY_BYTES}` prints", KEY_BYTES * 2);
        };
        let mut different = bytes.to_vec();
        different.sort_unstable();
        different.dedup();
        if different.len() < MIN_DIFFERENT_BYTES {
            bail!("is too regular to be a secret; take the output of `openssl rand -hex {KEY_BYTES}`");
        }
        let id = hex::encode(&Sha256::digest(bytes)[..KEY_ID_BYTES]);
        let pepper = Sha256::new().chain_update(PEPPER_PURPOSE).chain_update(bytes).finalize().to_vec();
        Ok(Key { id, pepper, cipher: XChaCha20Poly1305::new(&bytes.into()) })
    }
}

/// The key kept beside an embedded database: made at the first start, readable by its owner alone.
pub(crate) fn kept_key(file: &Path) -> anyhow::Result<SecretString> {
    let named = || format!("supplier_sync.secret_key is not set, and the key file {}", file.display());
    match std::fs::read_to_string(file) {
        Ok(text) => return Ok(SecretString::from(text.trim().to_owned())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(e).with_context(|| format!("{} cannot be read", named())),
    }
    let key = hex::encode(rand::random::<[u8; KEY_BYTES]>());
    write_private(file, &key).with_context(|| format!("{} cannot be written", named()))?;
    Ok(SecretString::from(key))
}

/// Written whole under another name first: a key file cut short would lock every credential out.
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let draft = file.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(&draft)?;
    opened.write_all(text.as_bytes())?;
    opened.sync_all()?;
    std::fs::rename(&draft, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SecretString {
        let bytes: Vec<u8> = (0..32).map(|n: u8| n.wrapping_mul(7).wrapping_add(seed)).collect();
        SecretString::from(hex::encode(bytes))
    }

    #[test]
    fn what_is_sealed_opens_for_its_supplier_only() {
        let sealer = Sealer::new(&key(1), None).expect("a good key");
        let sealed = sealer.seal("acme", &SecretString::from("hunter2")).expect("sealed");
        assert!(!sealed.contains("hunter2") && !sealed.contains(&hex::encode("hunter2")));
        assert_eq!(sealer.open("acme", &sealed).expect("opened").expose_secret(), "hunter2");
        assert_eq!(sealer.open("other", &sealed).err(), Some(SealError::Broken));
        assert_eq!(sealer.open("acme", "hunter2").err(), Some(SealError::Malformed));
    }

    #[test]
    fn a_previous_key_still_opens_and_is_not_the_present_one() {
        let old = Sealer::new(&key(1), None).expect("a good key");
        let sealed = old.seal("acme", &SecretString::from("hunter2")).expect("sealed");
        let new = Sealer::new(&key(2), Some(&key(1))).expect("good keys");
        assert_eq!(new.open("acme", &sealed).expect("opened").expose_secret(), "hunter2");
        assert!(!new.is_present(&sealed));
        let without = Sealer::new(&key(2), None).expect("a good key");
        assert!(matches!(without.open("acme", &sealed), Err(SealError::KeyUnknown(_))));
    }

    #[test]
    fn a_weak_or_malformed_key_is_refused_by_its_configuration_name() {
        for bad in [
            "",
            "abc",
            "zz",
            &"00".repeat(32),
            &"ab".repeat(32),
            &"0123456789abcdef".repeat(4),
            &"12".repeat(31),
        ] {
            let error = Sealer::new(&SecretString::from(bad.to_owned()), None).err().expect("refused");
            assert!(format!("{error:#}").starts_with("supplier_sync.secret_key"), "{error:#}");
        }
    }
}
