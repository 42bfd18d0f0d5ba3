//! Clients that leave before they are answered: then what waits for the answer is dropped.

/// Tells what became of a request: its status, or if it is dropped before there is one, that the client left.
pub(super) struct Leaving<F: FnOnce(u16)> {
    tell: Option<F>,
    left: u16,
}

impl<F: FnOnce(u16)> Leaving<F> {
    /// Will `tell` the status: `left` if there is none.
    pub(super) fn new(left: u16, tell: F) -> Self {
        Self { tell: Some(tell), left }
    }

    /// There is an answer, and somebody to have it.
    pub(super) fn answered(mut self, status: u16) {
        self.say(status);
    }

    fn say(&mut self, status: u16) {
        if let Some(tell) = self.tell.take() {
            tell(status);
        }
    }
}

impl<F: FnOnce(u16)> Drop for Leaving<F> {
    fn drop(&mut self) {
        self.say(self.left);
    }
}
