//! The tables as sea-orm reads them. The writer's hot statements are its own.

pub(crate) mod hold;
pub(crate) mod item;
pub(crate) mod location;
pub(crate) mod supplier_name;
