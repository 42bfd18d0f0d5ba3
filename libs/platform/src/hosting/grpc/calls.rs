//! The calls that there are, as the services' descriptors name them.

use std::collections::HashMap;

use anyhow::Context;
use prost::Message;
use prost_types::FileDescriptorSet;

/// Stands for every path that no descriptor has: a stranger's paths must not become labels.
const UNMATCHED: &str = "unmatched";

/// Service and method by path: `/inventory.InventoryService/GetWarehouse`.
pub(super) struct Calls(HashMap<String, Call>);

/// What is called.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// With its package, if it has one.
    pub(super) service: String,
    pub(super) method: String,
}

impl Calls {
    /// Those of the encoded sets.
    pub(super) fn of(descriptors: &[&[u8]]) -> anyhow::Result<Self> {
        let mut calls = HashMap::new();
        for set in descriptors {
            let set =
                FileDescriptorSet::decode(*set).context("a gRPC service is not described as it should")?;
            for file in set.file {
                let package = Some(file.package()).filter(|package| !package.is_empty());
                let prefix = package.map_or(String::new(), |package| format!("{package}."));
                for service in &file.service {
                    let name = format!("{prefix}{}", service.name());
                    for method in &service.method {
                        let method = method.name().to_owned();
                        let path = format!("/{name}/{method}");
                        calls.insert(path, Call { service: name.clone(), method });
                    }
                }
            }
        }
        Ok(Self(calls))
    }

    /// What is called at `path`.
    pub(super) fn at(&self, path: &str) -> Call {
        self.0.get(path).cloned().unwrap_or_else(Call::unmatched)
    }
}

impl Call {
    pub(super) fn unmatched() -> Self {
        Self { service: UNMATCHED.to_owned(), method: UNMATCHED.to_owned() }
    }
}
