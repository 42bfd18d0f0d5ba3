//! Variables that were given for another program, and set keys of ours.

use std::collections::HashMap;

use super::{Config, ConfigError};

/// Keys that are also set by variables which are not called like them. What is set under a key's own variable wins.
#[derive(Clone, Debug)]
pub enum Alias {
    /// A PostgreSQL database in parts: `postgres://USER:PASSWORD@HOST:PORT/NAME`. Used when there is a host; then
    /// user and name are required.
    Postgres {
        /// The keys that the URL is for.
        keys: Vec<&'static str>,
        /// The variable with the host.
        host: &'static str,
        /// The variable with the port; 5432 without it.
        port: &'static str,
        /// The variable with the user.
        user: &'static str,
        /// The variable with the password; none without it.
        password: &'static str,
        /// The variable with the database's name.
        name: &'static str,
    },
    /// The port of an address.
    Port {
        /// The key with the address, which keeps its host.
        key: &'static str,
        /// The variable with the port.
        variable: &'static str,
    },
}

/// Where PostgreSQL listens unless somebody says otherwise.
const POSTGRES_PORT: u16 = 5432;

impl Alias {
    /// The settings with what the variables say over them. One that is empty says nothing.
    pub(super) fn apply(
        &self,
        config: Config,
        variables: &HashMap<String, String>,
    ) -> Result<Config, ConfigError> {
        let said = |name: &str| variables.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let port = |name: &str| said(name).map(|text| port(name, text)).transpose();
        match self {
            Self::Postgres { keys, host: host_variable, port: port_variable, user, password, name } => {
                let Some(host) = said(host_variable) else { return Ok(config) };
                let required = |name: &str| {
                    let why = format!("is required when {host_variable} is set");
                    said(name).map(percent_encoded).ok_or_else(|| ConfigError::new(name, why))
                };
                let (user, name) = (required(user)?, required(name)?);
                let password =
                    said(password).map_or(String::new(), |text| format!(":{}", percent_encoded(text)));
                let (host, port) = (url_host(host), port(port_variable)?.unwrap_or(POSTGRES_PORT));
                let url = format!("postgres://{user}{password}@{host}:{port}/{name}");
                Ok(keys.iter().fold(config, |config, key| config.set(key, url.as_str())))
            }
            Self::Port { key, variable } => {
                let Some(port) = port(variable)? else { return Ok(config) };
                let address = config.text(key)?;
                let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
                Ok(config.set(key, format!("{host}:{port}")))
            }
        }
    }
}

fn port(variable: &str, text: &str) -> Result<u16, ConfigError> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(ConfigError::new(variable, format!("`{text}` is not a port: 1 to 65535"))),
    }
}

/// An IPv6 address needs brackets; the path of a socket may not look like one of the URL's.
fn url_host(host: &str) -> String {
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) if host.starts_with('[') => host.to_owned(),
        Err(_) => percent_encoded(host),
    }
}

/// All but what a URL takes as it is, wherever it stands.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
