//! Stock-updater through its wire: HTTP, gRPC and the bus, on both kinds of back end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_input;
mod batch;
mod callers;
mod compat;
mod counting;
mod delta;
mod demand;
mod events;
mod files;
mod grpc_bad_input;
mod grpc_bulk;
mod grpc_callers;
mod grpc_client;
mod grpc_items;
mod grpc_process;
mod grpc_reservations;
mod grpc_stock;
mod grpc_warehouses;
mod items;
mod locations;
mod products;
mod reservations;
mod shop;
mod stock;
mod transfers;
mod well_known;
