//! The key that seals credentials, and changing it: what is sealed under the previous key is sealed anew under the present
//! one, at every start and by hand.
//!
//! **Invariant.** A credential that opens under neither key stays as it is, and is named.

use crate::App;
use crate::seal::{self, Sealer};
use crate::settings::Settings;
use crate::store;
use anyhow::{Context, bail};
use platform::config::Config;
use platform::db;
use secrecy::{ExposeSecret, SecretString};
use std::path::Path;

/// The key file beside an embedded database.
const KEY_FILE: &str = "supplier-sync.key";
/// Credentials looked at at once.
const PAGE: u64 = 500;

/// What came of sealing everything anew.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// The id of the present key, as sealed credentials carry it.
    pub key_id: String,
    /// Credentials that were under the present key already.
    pub present: usize,
    /// Credentials sealed anew; in a dry run, those that would be.
    pub resealed: usize,
    /// Suppliers whose credential opens under neither key, and why.
    pub broken: Vec<(String, String)>,
}

/// Seals every credential anew that is not under the present key, all or none: if one opens under neither key, nothing is
/// written, and [`Rotation::broken`] names it. With `dry_run` nothing is written either.
pub async fn rotate(config: &Config, dry_run: bool) -> anyhow::Result<Rotation> {
    let settings: Settings = config.section("supplier_sync")?;
    settings.check()?;
    // Neither a database nor a key is made where there is none.
    let database = config.section("database")?;
    let db = db::connect_existing(&settings.database_url, &database).await;
    let db = db.context("supplier_sync.database_url")?;
    let sealer = sealer(&settings)?;
    let tx = db::begin(&db).await?;
    let rotation = reseal(&tx, &sealer, !dry_run).await.context("`onhand migrate` makes the tables")?;
    match dry_run || !rotation.broken.is_empty() {
        true => tx.rollback().await?,
        false => tx.commit().await?,
    }
    Ok(rotation)
}

/// The same at start, but whatever opens is sealed anew: the others must not suffer for one that does not.
pub(crate) async fn at_start(app: &App) -> anyhow::Result<()> {
    for (supplier, why) in reseal(&app.db, &app.sealer, true).await?.broken {
        // Its syncs and orders will say the same.
        tracing::error!(supplier, why, "a credential cannot be opened");
    }
    Ok(())
}

async fn reseal<C: sea_orm::ConnectionTrait>(
    db: &C,
    sealer: &Sealer,
    write: bool,
) -> anyhow::Result<Rotation> {
    let mut rotation = Rotation { key_id: sealer.key_id().to_owned(), ..Rotation::default() };
    let mut after: Option<String> = None;
    loop {
        let page = store::suppliers::credentials(db, after.as_deref(), PAGE).await?;
        for (supplier, sealed) in &page {
            let opened = sealer.open(supplier, sealed);
            match opened.and_then(|open| sealer.seal(supplier, &open)) {
                Ok(_) if sealer.is_present(sealed) => rotation.present += 1,
                // Not if it was changed meanwhile: whoever did had the present key.
                Ok(anew) if write => {
                    let changed = store::suppliers::reseal(db, supplier, sealed, &anew).await?;
                    rotation.resealed += usize::from(changed);
                }
                Ok(_) => rotation.resealed += 1,
                Err(error) => rotation.broken.push((supplier.clone(), error.to_string())),
            }
        }
        match page.last() {
            Some((last, _)) if page.len() as u64 == PAGE => after = Some(last.clone()),
            _ => return Ok(rotation),
        }
    }
}

/// What seals and opens, by the configuration.
pub(crate) fn sealer(settings: &Settings) -> anyhow::Result<Sealer> {
    let given = |key: &SecretString| !key.expose_secret().is_empty();
    let previous = Some(&settings.previous_secret_key).filter(|key| given(key));
    if given(&settings.secret_key) {
        return Sealer::new(&settings.secret_key, previous);
    }
    // An embedded database has one process and a folder of its own, where a key can be kept for it.
    let Some(file) = settings.database_url.strip_prefix("sqlite:") else {
        bail!("supplier_sync.secret_key must be set: 64 hex digits, as `openssl rand -hex 32` prints");
    };
    let file = file.trim_start_matches("//").split('?').next().unwrap_or_default();
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    Sealer::new(&seal::kept_key(&folder.join(KEY_FILE))?, previous)
}
