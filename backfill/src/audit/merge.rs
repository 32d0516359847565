//! The merge-join of listings: originals with what stands below them, as streams.
//!
//! Two listings in S3's order do not merge as they come. `images/a` comes before `images/a-b`, but
//! `thumbnails/a-b/16.jpg` before `thumbnails/a/16.jpg`, since `-` is less than `/`; and the thumbnails of
//! an original `a/2.jpg` come between two of `a`. So:
//!
//! - An original at `path` has its [place](Placed) at `path/`, and everything is brought into the order
//!   of places: [`in_order`] holds a path back while the next one starts with it and goes on below `/`.
//! - What has a place belongs to the original whose place it is up to and with its last `/`. Until
//!   the places leave an original behind, it is open; the open ones are ancestors of one another.
//!
//! Held back and open are only paths that begin with one another, so that memory is bounded by the
//! length of a key.

use std::future::ready;

use futures_util::future::join as both;
use futures_util::{Stream, StreamExt, stream};

/// Something at its place in the order of the join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    /// Below the prefix: a path and `/`, or the key of something below a path.
    pub(crate) place: String,
    /// What is there.
    pub(crate) item: T,
}

/// What children are joined to.
pub(crate) trait Parent {
    /// What stands below it.
    type Child;
    /// Takes one of its own.
    fn adopt(&mut self, child: Self::Child);
}

/// One item of the listings.
#[derive(Debug)]
pub(crate) enum Entry<P: Parent> {
    /// Placed at `path/`.
    Parent(P),
    /// Placed at `path/` or at `path/name`, the name without `/`.
    Child(P::Child),
}

/// What the join gives.
#[derive(Debug)]
pub(crate) enum Joined<P: Parent> {
    /// With all its children.
    Parent(P),
    /// A child without a parent.
    Orphan(P::Child),
}

/// What is listed by ascending path, in the order of its places `path/`.
pub(crate) fn in_order<T, E>(
    listed: impl Stream<Item = Result<Placed<T>, E>>,
) -> impl Stream<Item = Result<Placed<T>, E>> {
    let end = stream::once(ready(None));
    listed
        .map(Some)
        .chain(end)
        .scan(Vec::<Placed<T>>::new(), |held, next| {
            // Those held back begin with one another, so their places descend.
            let passed = match next {
                Some(Ok(next)) => {
                    let first = held.partition_point(|held| held.place > next.place);
                    let passed = held.split_off(first);
                    held.push(next);
                    passed
                }
                Some(Err(error)) => return ready(Some(vec![Err(error)])),
                None => std::mem::take(held),
            };
            ready(Some(passed.into_iter().rev().map(Ok).collect()))
        })
        .flat_map(stream::iter)
}

/// Both, by ascending place; at the same place `first` comes first.
pub(crate) fn ascending<T, E>(
    first: impl Stream<Item = Result<Placed<T>, E>>,
    second: impl Stream<Item = Result<Placed<T>, E>>,
) -> impl Stream<Item = Result<Placed<T>, E>> {
    let streams = (Box::pin(first.peekable()), Box::pin(second.peekable()));
    stream::unfold(streams, |(mut first, mut second)| async move {
        let from_first = match both(first.as_mut().peek(), second.as_mut().peek()).await {
            (Some(Ok(first)), Some(Ok(second))) => first.place <= second.place,
            (Some(_), None) | (Some(Err(_)), _) => true,
            (Some(Ok(_)), Some(Err(_))) | (None, _) => false,
        };
        let next = if from_first {
            first.next().await
        } else {
            second.next().await
        };
        next.map(|next| (next, (first, second)))
    })
}

/// Gives each child to its parent. The entries ascend by place.
pub(crate) fn join<P: Parent, E>(
    entries: impl Stream<Item = Result<Placed<Entry<P>>, E>>,
) -> impl Stream<Item = Result<Joined<P>, E>> {
    let end = stream::once(ready(None));
    entries
        .map(Some)
        .chain(end)
        .scan(Open(Vec::new()), |open, next| {
            ready(Some(match next {
                Some(Ok(entry)) => open.take(entry),
                Some(Err(error)) => vec![Err(error)],
                None => open.close_all_but(0),
            }))
        })
        .flat_map(stream::iter)
}

/// The parents that can still get children: each place begins with those before it.
struct Open<P>(Vec<Placed<P>>);

impl<P: Parent> Open<P> {
    fn take<E>(&mut self, entry: Placed<Entry<P>>) -> Vec<Result<Joined<P>, E>> {
        let Placed { place, item } = entry;
        let ancestors = self
            .0
            .partition_point(|open| place.starts_with(&open.place));
        let mut done = self.close_all_but(ancestors);
        match item {
            Entry::Parent(item) => self.0.push(Placed { place, item }),
            Entry::Child(child) => {
                let above = &place[..place.rfind('/').map_or(0, |slash| slash + 1)];
                match self.0.last_mut().filter(|open| open.place == above) {
                    Some(parent) => parent.item.adopt(child),
                    None => done.push(Ok(Joined::Orphan(child))),
                }
            }
        }
        done
    }

    fn close_all_but<E>(&mut self, ancestors: usize) -> Vec<Result<Joined<P>, E>> {
        let closed = self.0.split_off(ancestors);
        let closed = closed.into_iter().rev();
        closed.map(|open| Ok(Joined::Parent(open.item))).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
