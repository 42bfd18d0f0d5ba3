//! The guard against server-side request forgery: which addresses suppliers may have.
//!
//! A name is checked where it is resolved for the connection itself, so that a name which answers one address
//! to a check and another to the connection gains nothing. A literal address never reaches a resolver and is
//! checked in the URL. Nothing of a machine's own network is reachable unless
//! `supplier_sync.allow_private_addresses` says so.

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest base URL, in bytes; longer ones are mistakes.
const MAX_URL: usize = 1_000;

/// Decides on addresses; resolves names for the HTTP client.
#[derive(Clone, Copy)]
pub(crate) struct Guard {
    pub(crate) allow_private: bool,
}

/// Why a supplier's address is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Not a URL that suppliers can have.
    #[error("{0}")]
    Malformed(&'static str),
    /// An address of this machine or of its own network.
    #[error("{0} is not a public address (supplier_sync.allow_private_addresses is off)")]
    Private(IpAddr),
}

impl Guard {
    /// Reads a base URL: http or https, a host, no user, no query, no fragment, no private literal address.
    pub(crate) fn base_url(self, text: &str) -> Result<Url, Refused> {
        if text.len() > MAX_URL {
            return Err(Refused::Malformed("a base URL is at most 1,000 characters"));
        }
        let url = Url::parse(text).map_err(|_| Refused::Malformed("it is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Malformed("a base URL is http or https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Malformed("credentials do not belong into the URL; give `credential`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Refused::Malformed("a base URL has no query and no fragment"));
        }
        self.literal(&url)?;
        Ok(url)
    }

    /// Checks a URL whose host is an address rather than a name.
    pub(crate) fn literal(self, url: &Url) -> Result<(), Refused> {
        let host = url.host_str().ok_or(Refused::Malformed("a base URL has a host"))?;
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.address(address),
            Err(_) => Ok(()),
        }
    }

    fn address(self, address: IpAddr) -> Result<(), Refused> {
        match self.allow_private || is_public(address) {
            true => Ok(()),
            false => Err(Refused::Private(address)),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One private address among public ones is refused too: which one is connected to is not ours to say.
            for socket in &found {
                guard.address(socket.ip())?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol_assignments = a == 192 && b == 0 && c == 0;
    let benchmarking = a == 198 && (18..20).contains(&b);
    let relays = a == 192 && b == 88 && c == 99;
    let reserved = a == 0 || a >= 240;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || shared
        || protocol_assignments
        || benchmarking
        || relays
        || reserved)
}

/// Only global unicast (2000::/3), and of it neither documentation nor protocol assignments (Teredo among them).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global = first & 0xe000 == 0x2000;
    let documentation = (first == 0x2001 && second == 0x0db8) || first & 0xfff0 == 0x3ff0;
    let protocol_assignments = first == 0x2001 && second < 0x0200;
    global && !documentation && !protocol_assignments
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 or 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(v4(high, low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(v4(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: Guard = Guard { allow_private: false };

    #[test]
    fn addresses_of_our_own_networks_are_refused_however_they_are_written() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:db8::1]",
            "[2001::1]",
            "[ff02::1]",
            "[fec0::1]",
        ] {
            let refused = GUARD.base_url(&format!("http://{host}/feed"));
            assert!(matches!(refused, Err(Refused::Private(_))), "{host}: {refused:?}");
            assert!(Guard { allow_private: true }.base_url(&format!("http://{host}/feed")).is_ok(), "{host}");
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        for host in ["1.1.1.1", "8.8.8.8:8080", "[2606:4700::1111]", "supplier.example", "localhost.example"]
        {
            assert!(GUARD.base_url(&format!("https://{host}")).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_base_url_is_http_with_a_host_and_nothing_else() {
        for text in [
            "",
            "supplier",
            "/feed",
            "ftp://a.example",
            "file:///etc/passwd",
            "http://",
            "http://u:p@a.example",
            "http://a.example/?q=1",
            "http://a.example/#f",
        ] {
            assert!(matches!(GUARD.base_url(text), Err(Refused::Malformed(_))), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_this_machine_is_refused_where_it_is_resolved() {
        let resolve = |guard: Guard| guard.resolve("localhost".parse().expect("a name"));
        assert!(resolve(GUARD).await.err().is_some_and(|e| e.to_string().contains("not a public address")));
        assert!(resolve(Guard { allow_private: true }).await.is_ok());
    }
}
