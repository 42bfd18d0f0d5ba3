//! What reads the ledger for those who listen: its tail for all of them, its past for each that resumes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use events::{Bus, Delivery, Handler, Subscription, Verdict};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use ledger::{FeedPage, Folds, Position};
use platform::hosting::Task;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Feeds, Wanted};
use crate::database::Database;
use crate::error::Error;

/// How often the tail is read without being told to: the broker may be away.
const UNASKED: Duration = Duration::from_secs(1);
/// How soon it is read again when a transaction is in the way. Most last some milliseconds.
const IN_THE_WAY: Duration = Duration::from_millis(10);
/// How soon after the database failed.
const AFTER_FAILURE: Duration = Duration::from_millis(500);
/// Of its time the tail rests so many times as long as it read: a quarter of one connection is all that it ever takes.
const REST: u32 = 3;
/// Those who resume are read for at once; each in turn gets a page.
const PASTS_AT_ONCE: usize = 4;

/// A question about the past.
pub(crate) struct Ask {
    after: Position,
    wanted: Wanted,
    reply: oneshot::Sender<Result<FeedPage, Error>>,
}

impl Ask {
    pub(super) fn new(after: Position, wanted: Wanted) -> (Ask, oneshot::Receiver<Result<FeedPage, Error>>) {
        let (reply, answer) = oneshot::channel();
        (Ask { after, wanted, reply }, answer)
    }
}

/// What runs for the feeds.
pub(crate) fn tasks(feeds: &Arc<Feeds>, asked: mpsc::Receiver<Ask>, bus: &Arc<dyn Bus>) -> Vec<Task> {
    let (bus, bell) = (Arc::clone(bus), Arc::new(Bell(Arc::clone(feeds))));
    let bindings = vec!["stock_updated.#".to_owned()];
    let subscription = Subscription::Exclusive { name: "stock-checker-feed".to_owned(), bindings };
    let tail = Tail { feeds: Arc::clone(feeds), folds: Folds::default(), floor: 0 };
    let database = feeds.database.clone();
    vec![
        Task::new("stock-checker feed's bell", |stop| async move {
            bus.consume(subscription, bell, stop).await;
        }),
        Task::new("stock-checker feed", |stop| tail.run(stop)),
        Task::new("stock-checker feed's past", |stop| answer(asked, database, stop)),
    ]
}

/// Rings when something changed. What it was is read where it cannot be lost.
struct Bell(Arc<Feeds>);

#[async_trait]
impl Handler for Bell {
    async fn handle(&self, _: &Delivery) -> Verdict {
        self.0.bell.notify_one();
        Verdict::Done
    }

    async fn resumed(&self) {
        self.0.bell.notify_one();
    }
}

/// The one reader of the tail.
struct Tail {
    feeds: Arc<Feeds>,
    folds: Folds,
    floor: i64,
}

impl Tail {
    /// Reads while somebody listens.
    async fn run(mut self, stop: CancellationToken) {
        loop {
            let pause = if self.feeds.slots.nobody() {
                self.feeds.ring.stop();
                (self.folds, self.floor) = (Folds::default(), 0);
                UNASKED * 60
            } else {
                self.turn(&stop).await
            };
            let rung = tokio::time::timeout(pause, self.feeds.bell.notified());
            if stop.run_until_cancelled(rung).await.is_none() {
                return;
            }
        }
    }

    /// Reads a page, and rests. Says how long to wait for the bell.
    async fn turn(&mut self, stop: &CancellationToken) -> Duration {
        let began = Instant::now();
        let pause = match self.read().await {
            Ok((more, _)) if more => Duration::ZERO,
            Ok((_, waiting)) if waiting => IN_THE_WAY,
            Ok(_) => UNASKED,
            Err(error) => {
                tracing::warn!(%error, "the feed could not be read on");
                // Rows of which nothing is certain any more are read anew.
                (self.folds, self.floor) = (Folds::default(), 0);
                AFTER_FAILURE
            }
        };
        let rest = tokio::time::sleep(began.elapsed() * REST);
        stop.run_until_cancelled(rest).await;
        pause
    }

    /// Whether there is more, and whether there is something that cannot be told yet.
    async fn read(&mut self) -> Result<(bool, bool), Error> {
        let feeds = &self.feeds;
        let codec = feeds.codec().await?;
        let reader = &feeds.database.reader;
        let end = match feeds.ring.end() {
            Some(end) => end,
            None => {
                let start = feeds.database.ask(reader.feed_start()).await?;
                feeds.ring.start(start);
                feeds.news.send_replace(());
                start
            }
        };
        let all = |_, _: &str| true;
        let page = reader.feed_page(&end, self.floor, &mut self.folds, &all);
        let page = feeds.database.ask(page).await?;
        self.floor = page.floor;
        let (more, waiting) = (page.more, page.waiting);
        metrics::counter!("stock_feed_changes_total").increment(page.changes.len() as u64);
        if feeds.ring.append(page, &codec)? {
            feeds.news.send_replace(());
        }
        Ok((more, waiting))
    }
}

/// Answers questions about the past, some at once, until `stop`.
async fn answer(mut asked: mpsc::Receiver<Ask>, database: Database, stop: CancellationToken) {
    let mut busy = FuturesUnordered::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ask) = asked.recv(), if busy.len() < PASTS_AT_ONCE => busy.push(one(ask, &database)),
            Some(()) = busy.next() => {}
        }
    }
    while busy.next().await.is_some() {}
}

async fn one(ask: Ask, database: &Database) {
    let Ask { after, wanted, reply } = ask;
    let mut folds = Folds::default();
    let is_wanted = |item, owner: &str| wanted.is(item, owner);
    let page = database.reader.feed_page(&after, 0, &mut folds, &is_wanted);
    // Whoever asked may have gone.
    let _ = reply.send(database.ask(page).await);
}
