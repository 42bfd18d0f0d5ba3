//! Configuration: one embedded, commented file of defaults, and what is set over it.
//!
//! **Invariants.** A key that `config/default.toml` does not have does not exist: naming one is an error,
//! so a misspelt setting never passes silently. Every error names the key that it is about.

mod alias;

use std::collections::HashMap;
use std::path::Path;

use config::{File, FileFormat, Value, ValueKind};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

pub use alias::Alias;

/// The reference of every key. Embedded, so that a binary needs no file beside it.
const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// Names the file to read over the defaults.
const FILE_VARIABLE: &str = "ONHAND_CONFIG";

/// Starts every variable that sets a key: `ONHAND__HTTP__DRAIN_TIMEOUT_MS`.
const VARIABLE_PREFIX: &str = "ONHAND__";

/// All settings of a process.
#[derive(Clone, Debug)]
pub struct Config(config::Config);

/// A setting that cannot be used, by its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("configuration key `{key}`: {problem}")]
pub struct ConfigError {
    key: String,
    problem: String,
}

impl ConfigError {
    /// Says that `key` (`section.name`) has a value that is no good, and why.
    pub fn new(key: impl Into<String>, problem: impl std::fmt::Display) -> Self {
        Self { key: key.into(), problem: problem.to_string() }
    }
}

impl Config {
    /// Reads the defaults, then the file named by `ONHAND_CONFIG`, then `ONHAND__SECTION__KEY` variables.
    pub fn load() -> Result<Self, ConfigError> {
        Self::load_with(&[])
    }

    /// The same, with other variables than ours between the file and ours.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn load_with(aliases: &[Alias]) -> Result<Self, ConfigError> {
        let mut config = Self::defaults()?;
        if let Some(file) = std::env::var_os(FILE_VARIABLE) {
            config = config.with_file(Path::new(&file))?;
        }
        // A variable that is not text cannot be one of ours.
        let variables: HashMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        config.with_aliases(aliases, &variables)?.with_variables(variables.into_iter())
    }

    /// The embedded defaults alone.
    pub fn defaults() -> Result<Self, ConfigError> {
        config::Config::builder()
            .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
            .build()
            .map(Self)
            .map_err(|error| ConfigError::new("default.toml", error))
    }

    /// These settings with a TOML file's over them.
    pub fn with_file(self, file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| ConfigError::new(FILE_VARIABLE, format!("{}: {error}", file.display())))?;
        let source = File::from_str(&text, FileFormat::Toml);
        let theirs = config::Config::builder()
            .add_source(source.clone())
            .build()
            .map_err(|error| ConfigError::new(FILE_VARIABLE, format!("{}: {error}", file.display())))?;
        for key in leaves(&theirs.cache, "") {
            self.default_of(&key)?;
        }
        config::Config::builder()
            .add_source(self.0)
            .add_source(source)
            .build()
            .map(Self)
            .map_err(|error| ConfigError::new(FILE_VARIABLE, error))
    }

    /// These settings with environment variables over them; others than ours are passed over.
    pub fn with_variables(
        mut self,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        for (name, text) in variables {
            let Some(path) = name.strip_prefix(VARIABLE_PREFIX) else { continue };
            let key = path.to_lowercase().replace("__", ".");
            let value = typed(&self.default_of(&key)?, &text)
                .map_err(|problem| ConfigError::new(&key, format!("{problem} (from {name})")))?;
            self = self.put(&key, value);
        }
        Ok(self)
    }

    /// These settings with what variables by other names say over them.
    pub fn with_aliases(
        self,
        aliases: &[Alias],
        variables: &HashMap<String, String>,
    ) -> Result<Self, ConfigError> {
        aliases.iter().try_fold(self, |config, alias| alias.apply(config, variables))
    }

    /// These settings with one changed, for tests and for programs that set up services themselves. Text is
    /// read as the default's type.
    #[must_use]
    pub fn set(self, key: &str, value: impl Into<Value>) -> Self {
        let value: Value = value.into();
        let value = match (&value.kind, self.default_of(key)) {
            (ValueKind::String(text), Ok(default)) => typed(&default, text).unwrap_or(value),
            _ => value,
        };
        self.put(key, value)
    }

    /// One section, as the type that the code wants.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        let value = self.default_of(name)?;
        T::deserialize(value).map_err(|error| named(name, error))
    }

    /// One key's text: `config.text("stock_updater.listen")`.
    pub fn text(&self, key: &str) -> Result<String, ConfigError> {
        self.default_of(key)?.into_string().map_err(|error| ConfigError::new(key, error))
    }

    fn default_of(&self, key: &str) -> Result<Value, ConfigError> {
        self.0.get::<Value>(key).map_err(|_| ConfigError::new(key, "there is no such key"))
    }

    fn put(self, key: &str, value: Value) -> Self {
        let before = self.clone();
        config::Config::builder()
            .add_source(self.0)
            .set_override(key, value)
            .and_then(|builder| builder.build())
            // Only a key that is no path at all gets here; reading it says so.
            .map_or(before, Self)
    }
}

/// Reads an empty text as none: TOML has no word for "nothing".
pub fn none_if_empty<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Some(String::deserialize(from)?).filter(|text| !text.is_empty()))
}

/// The text as the type that the key has by default.
fn typed(default: &Value, text: &str) -> Result<Value, String> {
    let not = |what: &str| format!("`{text}` is not {what}");
    let kind = match default.kind {
        ValueKind::Boolean(_) => ValueKind::Boolean(text.parse().map_err(|_| not("true or false"))?),
        ValueKind::I64(_) | ValueKind::U64(_) => {
            ValueKind::I64(text.parse().map_err(|_| not("a whole number"))?)
        }
        ValueKind::Float(_) => ValueKind::Float(text.parse().map_err(|_| not("a number"))?),
        ValueKind::Array(_) => text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(Value::from)
            .collect::<Vec<_>>()
            .into(),
        ValueKind::Table(_) => return Err(not("a section: name one of its keys")),
        _ => ValueKind::String(text.to_owned()),
    };
    Ok(Value::from(kind))
}

fn leaves(value: &Value, path: &str) -> Vec<String> {
    let ValueKind::Table(table) = &value.kind else { return vec![path.to_owned()] };
    let under = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    table.iter().flat_map(|(key, value)| leaves(value, &under(key))).collect()
}

fn named(section: &str, error: config::ConfigError) -> ConfigError {
    use config::ConfigError as E;
    match error {
        E::Type { unexpected, expected, key: Some(key), .. } => {
            ConfigError::new(format!("{section}.{key}"), format!("{unexpected} is not {expected}"))
        }
        E::At { error, key: Some(key), .. } => ConfigError::new(format!("{section}.{key}"), error),
        E::NotFound(key) => ConfigError::new(format!("{section}.{key}"), "is missing"),
        other => ConfigError::new(section, other),
    }
}
