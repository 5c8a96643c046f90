//! Waiting for the first of two things, or for both. The first only for what consumes nothing when it is dropped: an HTTP read, a sleep,
//! [`crate::events::Events::next`].

use std::future::{Future, poll_fn};
use std::task::Poll;

/// Which of two futures was ready first.
#[derive(Debug, Eq, PartialEq)]
pub enum First<L, R> {
    /// The left one, which is asked first.
    Left(L),
    /// The right one.
    Right(R),
}

/// Waits for the first of two futures and drops the other.
pub fn race<L: Future, R: Future>(left: L, right: R) -> impl Future<Output = First<L::Output, R::Output>> {
    // Boxed, and no `async` function: that would keep room for each twice, as an argument and where it is polled.
    let (mut left, mut right) = (Box::pin(left), Box::pin(right));
    poll_fn(move |context| {
        if let Poll::Ready(output) = left.as_mut().poll(context) {
            return Poll::Ready(First::Left(output));
        }
        right.as_mut().poll(context).map(First::Right)
    })
}

/// Waits for both of two futures.
pub fn both<L: Future, R: Future>(left: L, right: R) -> impl Future<Output = (L::Output, R::Output)> {
    // As in `race`.
    let (mut left, mut right) = (Box::pin(left), Box::pin(right));
    let (mut first, mut second) = (None, None);
    poll_fn(move |context| {
        if first.is_none()
            && let Poll::Ready(output) = left.as_mut().poll(context)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = right.as_mut().poll(context)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(left), Some(right)) => Poll::Ready((left, right)),
            halves => {
                (first, second) = halves;
                Poll::Pending
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::task::{Context, Waker};

    fn now<F: Future>(future: F) -> Option<F::Output> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_first_that_is_ready_wins() {
        assert_eq!(now(race(ready(1), ready('x'))), Some(First::Left(1)));
        assert_eq!(now(race(pending::<()>(), ready('x'))), Some(First::Right('x')));
        assert_eq!(now(race(pending::<()>(), pending::<()>())), None);
    }

    #[test]
    fn both_are_waited_for() {
        assert_eq!(now(both(ready(1), ready('x'))), Some((1, 'x')));
        assert_eq!(now(both(ready(1), pending::<()>())), None);
    }
}
