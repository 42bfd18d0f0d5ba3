//! Suppliers: registering, changing and showing them.

use crate::App;
use crate::adapters::{AdapterKind, GenericAuth, GenericOptions, Target, adapter};
use crate::error::Error;
use crate::fetch::Peer;
use crate::store;
use crate::store::entities::supplier;
use chrono::{DateTime, Utc};
use domain::Name;
use platform::db;
use platform::schedule::{Missed, Schedule};
use reqwest::Url;
use sea_orm::DatabaseTransaction;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest supplier id, in characters.
const MAX_ID: usize = 100;
/// The longest e-mail address (RFC 5321).
const MAX_EMAIL: usize = 254;
/// The longest credential, in characters: keys and tokens are shorter.
const MAX_CREDENTIAL: usize = 2_000;
/// The longest SKU prefix, in characters: the SKU itself must still fit.
const MAX_PREFIX: usize = 40;
/// The longest lead time, in days: three years.
const MAX_LEAD_TIME_DAYS: i32 = 1_095;
/// A supplier of whom nobody says how fast it delivers.
const DEFAULT_LEAD_TIME_DAYS: i32 = 7;

/// What a new supplier is told to be.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSupplier {
    /// 1 to 100 letters, digits, `.`, `_`, `-`; generated when left out.
    #[serde(default)]
    id: Option<String>,
    name: String,
    #[serde(default)]
    contact_email: Option<String>,
    adapter: AdapterKind,
    /// http or https, without credentials.
    base_url: String,
    /// For the adapter `generic` only.
    #[serde(default)]
    options: Option<GenericOptions>,
    /// Kept sealed and never shown again. For HTTP basic `user:password`.
    #[serde(default)]
    credential: Option<String>,
    #[serde(default)]
    lead_time_days: Option<i32>,
    /// Put before the supplier's SKUs to make ours.
    #[serde(default)]
    sku_prefix: String,
    /// When to sync; left out: on demand only.
    #[serde(default)]
    schedule: Option<SyncSchedule>,
    #[serde(default = "yes")]
    active: bool,
}

/// What is to change about a supplier; what is left out stays. `null` removes what may be absent.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SupplierPatch {
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    contact_email: Option<Option<String>>,
    adapter: Option<AdapterKind>,
    base_url: Option<String>,
    options: Option<GenericOptions>,
    #[serde(default, deserialize_with = "present")]
    credential: Option<Option<String>>,
    lead_time_days: Option<i32>,
    sku_prefix: Option<String>,
    #[serde(default, deserialize_with = "present")]
    schedule: Option<Option<SyncSchedule>>,
    active: Option<bool>,
}

/// When a supplier is synced by itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncSchedule {
    /// Five or six fields (with seconds first).
    pub(crate) cron: String,
    /// An IANA time zone.
    #[serde(default = "utc")]
    pub(crate) zone: String,
    /// What becomes of ticks that passed while nothing ran.
    #[serde(default = "run_once")]
    #[schema(value_type = String, example = "run_once")]
    pub(crate) missed: Missed,
}

/// A supplier, without its credential.
#[derive(Serialize, ToSchema)]
pub(crate) struct Supplier {
    id: String,
    name: String,
    contact_email: Option<String>,
    adapter: Option<AdapterKind>,
    base_url: Option<String>,
    options: Option<GenericOptions>,
    /// Whether there is one; it is never shown.
    has_credential: bool,
    lead_time_days: i32,
    sku_prefix: String,
    schedule: Option<SyncSchedule>,
    active: bool,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

fn yes() -> bool {
    true
}

fn utc() -> String {
    "UTC".to_owned()
}

fn run_once() -> Missed {
    Missed::RunOnce
}

/// Tells a field that is `null` from one that is left out.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(field).map(Some)
}

/// Registers a supplier.
pub(crate) async fn register(
    app: &App,
    tx: &DatabaseTransaction,
    new: NewSupplier,
) -> Result<Supplier, Error> {
    let now = db::now(tx).await?;
    let id = new.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
    if id.is_empty()
        || id.len() > MAX_ID
        || !id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    {
        return Err(Error::invalid(
            "id",
            format!("must be 1 to {MAX_ID} letters, digits, dots, dashes, underscores"),
        ));
    }
    let blank = supplier::Model {
        id: id.clone(),
        name: new.name.clone(),
        contact_email: None,
        adapter: None,
        base_url: None,
        options: None,
        credential: None,
        lead_time_days: DEFAULT_LEAD_TIME_DAYS,
        sku_prefix: String::new(),
        cron: None,
        zone: None,
        missed: None,
        scheduled_from: None,
        waiting_tick: None,
        active: new.active,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let supplier = patched(app, blank, SupplierPatch::from(new), now)?;
    if !store::suppliers::insert(tx, supplier.clone()).await? {
        return Err(Error::SupplierExists(id));
    }
    shown(supplier)
}

impl From<NewSupplier> for SupplierPatch {
    fn from(new: NewSupplier) -> SupplierPatch {
        SupplierPatch {
            name: Some(new.name),
            contact_email: Some(new.contact_email),
            adapter: Some(new.adapter),
            base_url: Some(new.base_url),
            options: new.options,
            credential: Some(new.credential),
            lead_time_days: new.lead_time_days,
            sku_prefix: Some(new.sku_prefix),
            schedule: Some(new.schedule),
            active: Some(new.active),
        }
    }
}

/// Changes a supplier, if it is still at the version that the caller read.
pub(crate) async fn change(
    app: &App,
    tx: &DatabaseTransaction,
    id: &str,
    version: Option<i64>,
    patch: SupplierPatch,
) -> Result<Supplier, Error> {
    let supplier =
        store::suppliers::lock(tx, id).await?.ok_or_else(|| Error::SupplierUnknown(id.to_owned()))?;
    let at = supplier.version;
    if version.is_some_and(|version| version != at) {
        return Err(Error::VersionStale { now: at });
    }
    let now = db::now(tx).await?;
    let changed = patched(app, supplier::Model { version: at + 1, ..supplier }, patch, now)?;
    store::suppliers::update(tx, changed.clone()).await?;
    shown(changed)
}

/// One supplier.
pub(crate) async fn find<C: sea_orm::ConnectionTrait>(db: &C, id: &str) -> Result<supplier::Model, Error> {
    store::suppliers::find(db, id).await?.ok_or_else(|| Error::SupplierUnknown(id.to_owned()))
}

fn patched(
    app: &App,
    mut supplier: supplier::Model,
    patch: SupplierPatch,
    now: DateTime<Utc>,
) -> Result<supplier::Model, Error> {
    if let Some(name) = patch.name {
        supplier.name = Name::try_from(name).map_err(|e| Error::invalid("name", e))?.into();
    }
    if let Some(email) = patch.contact_email {
        supplier.contact_email = email.map(checked_email).transpose()?;
    }
    supplier.adapter = patch.adapter.or(supplier.adapter);
    if let Some(base_url) = patch.base_url {
        let to = app.fetcher.guard().base_url(&base_url)?;
        let from = supplier.base_url.as_deref().and_then(|url| url.parse::<Url>().ok());
        // What was given for one host is not for another, whoever moves the supplier there.
        let stays = from.is_some_and(|from| from.origin() == to.origin());
        if supplier.credential.is_some() && patch.credential.is_none() && !stays {
            return Err(Error::CredentialNeeded);
        }
        supplier.base_url = Some(base_url);
    }
    if let Some(options) = patch.options {
        supplier.options = Some(serde_json::to_string(&checked_options(options)?)?);
    }
    if supplier.options.is_some() && supplier.adapter != Some(AdapterKind::Generic) {
        return Err(Error::invalid("options", "only the adapter generic has options"));
    }
    if let Some(credential) = patch.credential {
        let sealed = credential.map(|credential| sealed(app, &supplier.id, credential));
        supplier.credential = sealed.transpose()?;
    }
    if let Some(days) = patch.lead_time_days {
        if !(0..=MAX_LEAD_TIME_DAYS).contains(&days) {
            return Err(Error::invalid("lead_time_days", format!("must be 0 to {MAX_LEAD_TIME_DAYS}")));
        }
        supplier.lead_time_days = days;
    }
    if let Some(prefix) = patch.sku_prefix {
        if prefix.len() > MAX_PREFIX || !prefix.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Error::invalid(
                "sku_prefix",
                format!("must be at most {MAX_PREFIX} visible ASCII characters"),
            ));
        }
        supplier.sku_prefix = prefix;
    }
    if let Some(schedule) = patch.schedule {
        schedule_from(&mut supplier, schedule, now)?;
    }
    supplier.active = patch.active.unwrap_or(supplier.active);
    supplier.updated_at = now;
    Ok(supplier)
}

fn schedule_from(
    supplier: &mut supplier::Model,
    schedule: Option<SyncSchedule>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    match schedule {
        None => {
            (supplier.cron, supplier.zone, supplier.missed, supplier.scheduled_from) =
                (None, None, None, None)
        }
        Some(schedule) => {
            parse_schedule(&schedule)?;
            supplier.cron = Some(schedule.cron);
            supplier.zone = Some(schedule.zone);
            supplier.missed = Some(serde_json::to_string(&schedule.missed)?);
            // Ticks before it was set are nobody's to run.
            supplier.scheduled_from = Some(now);
        }
    }
    supplier.waiting_tick = None;
    Ok(())
}

fn checked_email(email: String) -> Result<String, Error> {
    let plain = email.len() <= MAX_EMAIL && email.chars().all(|c| c.is_ascii_graphic());
    let parts = email.split_once('@').filter(|(local, host)| !local.is_empty() && host.contains('.'));
    match plain && parts.is_some_and(|(_, host)| !host.contains('@')) {
        true => Ok(email),
        false => Err(Error::invalid("contact_email", "must be an e-mail address")),
    }
}

fn checked_options(options: GenericOptions) -> Result<GenericOptions, Error> {
    let path = &options.path;
    let plain = path.chars().all(|c| c.is_ascii_graphic() && !"?#\\".contains(c));
    if !path.starts_with('/') || path.len() > MAX_ID || !plain || path.contains("..") {
        return Err(Error::invalid("options.path", "must be a path such as /products, without a query"));
    }
    let name = &options.auth_name;
    let token = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if options.auth != GenericAuth::Basic && (name.is_empty() || name.len() > MAX_ID || !token) {
        return Err(Error::invalid("options.auth_name", "must be the name of a header or a query parameter"));
    }
    Ok(options)
}

fn sealed(app: &App, supplier_id: &str, credential: String) -> Result<String, Error> {
    let visible = credential.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if credential.is_empty() || credential.len() > MAX_CREDENTIAL || !visible {
        let why = format!("must be 1 to {MAX_CREDENTIAL} ASCII characters without control characters");
        return Err(Error::invalid("credential", why));
    }
    Ok(app.sealer.seal(supplier_id, &SecretString::from(credential))?)
}

fn parse_schedule(schedule: &SyncSchedule) -> Result<Schedule, Error> {
    Schedule::new(&schedule.cron, &schedule.zone, schedule.missed).map_err(|e| Error::invalid("schedule", e))
}

/// A supplier's schedule, when it has one.
pub(crate) fn schedule(supplier: &supplier::Model) -> Result<Option<Schedule>, Error> {
    written_schedule(supplier)?.as_ref().map(parse_schedule).transpose()
}

fn written_schedule(supplier: &supplier::Model) -> Result<Option<SyncSchedule>, Error> {
    Ok(match (&supplier.cron, &supplier.zone, &supplier.missed) {
        (Some(cron), Some(zone), Some(missed)) => {
            let missed = serde_json::from_str(missed)?;
            Some(SyncSchedule { cron: cron.clone(), zone: zone.clone(), missed })
        }
        _ => None,
    })
}

/// A supplier as it is shown: without its credential.
pub(crate) fn shown(supplier: supplier::Model) -> Result<Supplier, Error> {
    let options = supplier.options.as_deref().map(serde_json::from_str).transpose()?;
    Ok(Supplier {
        schedule: written_schedule(&supplier)?,
        options,
        id: supplier.id,
        name: supplier.name,
        contact_email: supplier.contact_email,
        adapter: supplier.adapter,
        base_url: supplier.base_url,
        has_credential: supplier.credential.is_some(),
        lead_time_days: supplier.lead_time_days,
        sku_prefix: supplier.sku_prefix,
        active: supplier.active,
        version: supplier.version,
        created_at: supplier.created_at,
        updated_at: supplier.updated_at,
    })
}

/// A supplier as it is asked: with its credential open, for as long as the value lives.
pub(crate) fn peer(app: &App, supplier: &supplier::Model) -> Result<Peer, Error> {
    let (Some(kind), Some(base_url)) = (supplier.adapter, &supplier.base_url) else {
        return Err(Error::SupplierIncomplete(supplier.id.clone()));
    };
    let options = supplier.options.as_deref().map(serde_json::from_str).transpose()?;
    let sealed = supplier.credential.as_deref();
    let target = Target {
        // Checked again: what is allowed may have changed since it was set.
        base: app.fetcher.guard().base_url(base_url)?,
        options: options.unwrap_or_default(),
        credential: sealed.map(|sealed| app.sealer.open(&supplier.id, sealed)).transpose()?,
    };
    Ok(Peer { supplier_id: supplier.id.clone(), adapter: adapter(kind), target })
}
