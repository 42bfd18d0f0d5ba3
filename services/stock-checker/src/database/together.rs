//! Items that are asked for at about the same time, asked for in one question.
//!
//! Whoever wants an item queues and waits for one of a few lanes. Who gets a lane asks for everybody that queued while
//! all lanes were asking, and hands out the answers. With one at a time this is one question an item and no wait; the
//! more there is to do, the more a question brings, and PostgreSQL works hardly longer for it.
//!
//! **Invariant.** A question begins after all whom it answers have asked: each is told what was committed before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ItemId;
use ledger::ItemView;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::error::Error;

/// Questions about items at once: while the answer of one is handed out, the database works on the other.
const LANES: usize = 2;

/// Items in one question. More would make each wait for the others and gain nothing: the question itself then is a
/// small part of the work.
const MOST_AT_ONCE: usize = 64;

/// What came of a question, for each of those whom it answers.
type Answer = Result<Option<ItemView>, Arc<Error>>;

/// The queue.
pub(super) struct Together {
    lanes: Semaphore,
    queue: Mutex<Queue>,
}

/// Those who wait, in the order of their numbers. No longer than there are requests at once: who gives up leaves.
#[derive(Default)]
struct Queue {
    next: u64,
    waiting: VecDeque<Waiting>,
}

/// One who waits.
pub(super) struct Waiting {
    number: u64,
    pub(super) item: ItemId,
    answer: oneshot::Sender<Answer>,
}

impl Waiting {
    /// Tells them. Who has gone does not hear it.
    pub(super) fn tell(self, answer: Answer) {
        let _ = self.answer.send(answer);
    }
}

impl Together {
    pub(super) fn new() -> Together {
        Together { lanes: Semaphore::new(LANES), queue: Mutex::default() }
    }

    /// The item, by a question of `ask`'s, which has to tell all who are given to it. Busy when no lane is free by then.
    pub(super) async fn item<F: Future<Output = ()>>(
        &self,
        item: ItemId,
        by: Instant,
        ask: impl Fn(Vec<Waiting>) -> F,
    ) -> Result<Option<ItemView>, Error> {
        let (number, mut answer) = self.enter(item);
        let told = tokio::select! {
            biased;
            told = &mut answer => Some(told),
            lane = timeout_at(by, self.lanes.acquire()) => {
                match lane {
                    Ok(Ok(lane)) => self.lead(number, lane, ask).await,
                    _ if self.leave(number) => return Err(Error::Busy),
                    // It is being asked for.
                    _ => {}
                }
                None
            }
        };
        let told = match told {
            Some(told) => told,
            None => answer.await,
        };
        told.map_err(|_| Error::Failed("a question about an item"))?.map_err(Error::Shared)
    }

    fn enter(&self, item: ItemId) -> (u64, oneshot::Receiver<Answer>) {
        let (answer, told) = oneshot::channel();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let number = queue.next;
        queue.next += 1;
        queue.waiting.push_back(Waiting { number, item, answer });
        (number, told)
    }

    /// Asks for those who wait until this one is among them. If it was before, the lane is for the next.
    async fn lead<F: Future<Output = ()>>(
        &self,
        number: u64,
        _lane: SemaphorePermit<'_>,
        ask: impl Fn(Vec<Waiting>) -> F,
    ) {
        while let Some(all) = self.take(number) {
            ask(all).await;
        }
    }

    /// The first of those who wait, if this one does.
    fn take(&self, number: u64) -> Option<Vec<Waiting>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.front().filter(|first| first.number <= number)?;
        let many = queue.waiting.len().min(MOST_AT_ONCE);
        Some(queue.waiting.drain(..many).collect())
    }

    /// Whether this one was still waiting.
    fn leave(&self, number: u64) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let place = queue.waiting.binary_search_by_key(&number, |waiting| waiting.number);
        place.is_ok_and(|place| queue.waiting.remove(place).is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::join_all;
    use uuid::Uuid;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(10);

    /// A database that tells of nothing before it is let, and counts what each question was about.
    struct Asked {
        together: Together,
        let_go: Semaphore,
        questions: Mutex<Vec<usize>>,
    }

    impl Asked {
        fn new() -> Asked {
            Asked { together: Together::new(), let_go: Semaphore::new(0), questions: Mutex::default() }
        }

        async fn item(&self, patience: Duration) -> Result<Option<ItemView>, Error> {
            let by = Instant::now() + patience;
            self.together.item(ItemId(Uuid::now_v7()), by, |all| self.answer(all)).await
        }

        async fn answer(&self, all: Vec<Waiting>) {
            self.questions.lock().unwrap().push(all.len());
            self.let_go.acquire().await.unwrap().forget();
            all.into_iter().for_each(|one| one.tell(Ok(None)));
        }

        /// So many at once, in this order.
        async fn items(&self, many: usize, patience: Duration) -> Vec<Result<Option<ItemView>, Error>> {
            join_all((0..many).map(|_| self.item(patience))).await
        }

        fn questions(&self) -> Vec<usize> {
            self.questions.lock().unwrap().clone()
        }
    }

    #[tokio::test]
    async fn those_who_come_while_all_lanes_are_taken_are_asked_for_together() {
        let asked = Asked::new();
        let go = async { asked.let_go.add_permits(2 * LANES) };
        let (first, queued, ()) =
            futures::join!(asked.items(LANES, LONG), asked.items(MOST_AT_ONCE + 10, LONG), go);
        assert!(first.into_iter().chain(queued).all(|answer| matches!(answer, Ok(None))));
        assert_eq!(asked.questions(), [1, 1, MOST_AT_ONCE, 10]);
    }

    #[tokio::test]
    async fn who_waits_too_long_for_a_lane_is_told_so_and_leaves_the_queue() {
        let asked = Asked::new();
        let others = async {
            let impatient = asked.items(3, SHORT).await;
            assert!(impatient.iter().all(|answer| matches!(answer, Err(Error::Busy))));
            asked.let_go.add_permits(LANES + 1);
            assert!(matches!(asked.item(LONG).await, Ok(None)));
        };
        futures::join!(asked.items(LANES, LONG), others);
        assert_eq!(asked.questions(), [1; LANES + 1], "nobody is asked for who has left");
    }

    #[tokio::test]
    async fn who_gets_a_lane_has_an_answer_however_many_are_before_them() {
        let asked = Asked::new();
        asked.let_go.add_permits(3);
        let (mut last, mut answer) = asked.together.enter(ItemId(Uuid::now_v7()));
        for _ in 0..2 * MOST_AT_ONCE {
            (last, answer) = asked.together.enter(ItemId(Uuid::now_v7()));
        }
        let lane = asked.together.lanes.acquire().await.unwrap();
        asked.together.lead(last, lane, |all| asked.answer(all)).await;
        assert_eq!(asked.questions(), [MOST_AT_ONCE, MOST_AT_ONCE, 1]);
        assert!(matches!(answer.await, Ok(Ok(None))));
    }

    #[tokio::test]
    async fn who_is_being_asked_for_has_left_the_queue_and_is_told() {
        let asked = Asked::new();
        let queue = || asked.together.enter(ItemId(Uuid::now_v7()));
        let ((first, _), (second, answer), (third, _)) = (queue(), queue(), queue());
        assert!(asked.together.leave(third));
        let lane = asked.together.lanes.acquire().await.unwrap();
        asked.let_go.add_permits(1);
        asked.together.lead(first, lane, |all| asked.answer(all)).await;
        assert!(!asked.together.leave(second), "it must not be told that nobody had time");
        assert!(matches!(answer.await, Ok(Ok(None))));
    }
}
