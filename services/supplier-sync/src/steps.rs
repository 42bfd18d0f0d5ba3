//! The steps of bringing an order to its supplier, told to whoever watches. Tests stop the process at each of them.

use futures::future::BoxFuture;
use std::sync::Arc;
use uuid::Uuid;

/// What has just been done about an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is this sender's for a while. Nothing is written down yet.
    Claimed,
    /// It is on record that a request may have gone out. None has.
    WrittenDown,
    /// The supplier was asked, and what came of it is known here. It is not on record.
    Answered,
    /// It is.
    Recorded,
}

/// Is told each step of each order, and keeps the sender from going on for as long as it likes.
pub type Watcher = Arc<dyn Fn(Step, Uuid) -> BoxFuture<'static, ()> + Send + Sync>;
