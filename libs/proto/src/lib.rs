//! The gRPC interfaces: messages, servers and clients, made of `proto/*.proto`, where they are described.
//!
//! **Invariants.** Fields and their numbers are promised to clients: they are added, never changed. Absent: our
//! other crates, and any rule.

/// `inventory.InventoryService`: items, warehouses, stock and reservations.
pub mod inventory {
    #![allow(
        clippy::all,
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        reason = "it is made by a program"
    )]
    include!(concat!(env!("OUT_DIR"), "/inventory.rs"));

    /// Describes it, for reflection: an encoded `google.protobuf.FileDescriptorSet`.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/inventory.bin"));
}

/// `Inventory`, which has no package: what is available of one product.
pub mod get {
    #![allow(
        clippy::all,
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        reason = "it is made by a program"
    )]
    // What has no package is called like this by the generator.
    include!(concat!(env!("OUT_DIR"), "/_.rs"));

    /// Describes it, for reflection: an encoded `google.protobuf.FileDescriptorSet`.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/get.bin"));
}

/// `onhand.v1.StockFeed`: changes of levels, live.
pub mod feed {
    #![allow(
        clippy::all,
        clippy::allow_attributes_without_reason,
        clippy::too_many_lines,
        reason = "it is made by a program"
    )]
    include!(concat!(env!("OUT_DIR"), "/onhand.v1.rs"));

    /// Describes it, for reflection: an encoded `google.protobuf.FileDescriptorSet`.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/feed.bin"));
}
