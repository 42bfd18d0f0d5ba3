//! The environment of the inventory service whose clients this one serves: it starts this one too.

use platform::config::Alias;

/// Its variables, for those keys of a process that name the stock database, and for the one with the address of gRPC.
pub fn aliases(database_keys: Vec<&'static str>, grpc_listen_key: &'static str) -> Vec<Alias> {
    let database = Alias::Postgres {
        keys: database_keys,
        host: "DB_HOST",
        port: "DB_PORT",
        user: "DB_USER",
        password: "DB_PASSWORD",
        name: "DB_NAME",
    };
    vec![database, Alias::Port { key: grpc_listen_key, variable: "SERVICE_PORT" }]
}
