//! Commits in order, as the log has them: what was written, when, and in which order.
//!
//! ```text
//!          place (a commit number, which the consumer keeps)
//!            │
//! log ───────┼── next ── next ── ... ── last published │ not yet published
//!            └ keeps the log from here on, within bounds
//! ```
//!
//! Invariants:
//! 1. Only published commits are handed out, each once, without gaps.
//! 2. A record is handed out only if its checksums hold for its segment and place: what a reused
//!    file holds is never mistaken for it.
//!
//! Not for: what the operations of an index mean; front-ends know.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::batch::Body;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{IndexId, SeqNo};
use crate::jobs::trim_log;
use crate::log::{Follow, Kind, Record, RecordHeader, find_logs};
use crate::options::Access;
use crate::parts::Parts;
use crate::planted::{self, Bug};
use crate::stats::Stats;
use crate::tail::Tail;
use crate::version::{Catalog, CatalogOp};
use crate::watch::Watch;
use crate::watchers::Scope;

/// One commit.
#[derive(Clone)]
pub struct Change {
    /// Its place in the order.
    pub seq: SeqNo,
    /// When it was committed, in milliseconds since 1970-01-01 UTC; never going back.
    pub clock_ms: u64,
    /// The indexes right before this commit, as far as known: before the log reaches back to, or
    /// before the database was opened, names may be later ones.
    pub catalog: Arc<Catalog>,
    kind: Kind,
    body: Vec<u8>,
    notes: Range<usize>,
    parts: Vec<(IndexId, Range<usize>)>,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Change {} of {} bytes", self.seq, self.body.len())
    }
}

impl Change {
    /// Notes that a front-end has added.
    pub fn notes(&self) -> &[u8] {
        self.body.get(self.notes.clone()).unwrap_or_default()
    }

    /// Whether the parts are segments that were ingested, as [`SegmentMeta`] reads them, and no
    /// operations.
    ///
    /// [`SegmentMeta`]: crate::index::SegmentMeta
    pub fn is_ingest(&self) -> bool {
        self.kind == Kind::Ingest
    }

    /// Operations by index, in the order of the batch; or segments.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = (IndexId, &[u8])> {
        let bytes = |range: &Range<usize>| self.body.get(range.clone()).unwrap_or_default();
        self.parts.iter().map(move |(id, range)| (*id, bytes(range)))
    }

    fn decode(record: &Record<'_>, catalog: &Arc<Catalog>) -> Result<Change> {
        let (kind, body) = (record.kind()?, record.body.to_vec());
        let RecordHeader { seq, clock_ms, .. } = record.header;
        let decoded = Body::decode(&body)?;
        let start = body.as_ptr().addr();
        let place = |part: &[u8]| {
            let from = part.as_ptr().addr() - start;
            from..from + part.len()
        };
        let notes = place(decoded.notes);
        let parts = decoded.parts.iter().map(|(id, ops)| (*id, place(ops))).collect();
        Ok(Change { seq, clock_ms, catalog: catalog.clone(), kind, body, notes, parts })
    }
}

/// Hands out commits after a place, in order. While it lives, the log is kept from there on.
pub struct Feed {
    parts: Arc<Parts>,
    uuid: [u8; 16],
    number: u64,
    /// The commit that is next.
    next: SeqNo,
    /// Commits up to this one lie in the open segment and may be read.
    until: SeqNo,
    segment: Option<Follow>,
    catalog: Arc<Catalog>,
    /// Tells of publications; from the first wait on.
    news: Option<Watch>,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Feed before commit {}", self.next)
    }
}

impl Feed {
    /// A feed of the commits after `after`.
    ///
    /// # Errors
    /// `Expired` when the log does not reach back to there; `Invalid` when there is no such commit
    /// yet, or when the database is closed.
    pub fn open(parts: &Arc<Parts>, uuid: [u8; 16], after: SeqNo) -> Result<Feed> {
        let tail = parts.tail();
        check_open(&tail)?;
        let last = tail.log.last_seq();
        if after > last {
            return Err(Error::invalid(format!(
                "there is no commit {after} yet: the last one is {last}"
            )));
        }
        let next = after.next();
        if next < tail.log.first_commit() {
            return Err(expired(&tail, next));
        }
        let current = || parts.versions.current().value.catalog.clone();
        let catalog = tail.catalog_after(after).unwrap_or_else(current);
        let number = parts.feeds.add(after);
        let parts = parts.clone();
        let (until, segment, news) = (after, None, None);
        Ok(Feed { parts, uuid, number, next, until, segment, catalog, news })
    }

    /// The last commit that was handed out: where to begin another time.
    pub fn position(&self) -> SeqNo {
        SeqNo(self.next.0 - 1)
    }

    /// The next commit, if it is published. Reads the log.
    ///
    /// # Errors
    /// `Expired` when the log was let go before it was read; `Poisoned` when it could not be
    /// written; `Invalid` once the database is closed; `Corrupt`, `Unsupported`, `Io`. The place
    /// stays as it was.
    #[expect(clippy::should_implement_trait, reason = "front-ends make an iterator of it")]
    pub fn next(&mut self) -> Result<Option<Change>> {
        if self.next > self.until && !self.advance()? {
            return Ok(None);
        }
        let change = match self.read() {
            Ok(change) => change,
            // It may have been let go, or closed, meanwhile.
            Err(error) if self.advance()? => return self.explain(error),
            Err(_) => return Ok(None),
        };
        for (_, op) in change.parts().filter(|(id, _)| *id == IndexId::CATALOG) {
            Arc::make_mut(&mut self.catalog).learn(&CatalogOp::decode(op)?);
        }
        self.next = self.next.next();
        Ok(Some(change))
    }

    fn read(&mut self) -> Result<Change> {
        let segment = self.segment.as_mut().ok_or_else(|| Error::internal("a feed nowhere"))?;
        let record = segment.commit(self.next)?;
        Change::decode(&record, &self.catalog)
    }

    /// Looks for the next commit in the log; whether it may be read.
    fn advance(&mut self) -> Result<bool> {
        let parts = self.parts.clone();
        let mut tail = parts.tail();
        check_open(&tail)?;
        if self.next < tail.log.first_commit() {
            return Err(expired(&tail, self.next));
        }
        parts.feeds.stand(self.number, self.position());
        let published = parts.published();
        // A database that was never written may have no log at all.
        if self.next > published {
            return Ok(false);
        }
        let Some(place) = tail.log.place_of(self.next) else {
            return Err(Error::internal(format!("commit {} is in no log segment", self.next)));
        };
        write_out(&parts, &mut tail)?;
        let moves = self.segment.as_ref().is_none_or(|at| at.number() != place.number);
        if moves && let Err(error) = trim_log(&parts, &mut tail) {
            tracing::warn!(%error, "left log segments behind that are not needed");
        }
        drop(tail);
        if moves {
            if self.segment.is_some() && planted::is(Bug::ChangeDroppedAtSegmentEnd) {
                self.next = self.next.next();
            }
            self.segment = None;
            self.until = self.position();
            let opened = Follow::open(parts.env.vfs(), &parts.dir, &self.uuid, place.number);
            self.segment = Some(opened.or_else(|error| self.explain(error))?);
        }
        self.until = place.last_seq.min(published);
        Ok(true)
    }

    /// An error of reading a segment that may have been let go meanwhile.
    fn explain<T>(&self, error: Error) -> Result<T> {
        let parts = &self.parts;
        let mut tail = parts.tail();
        check_open(&tail)?;
        // Who reads along hears of it with the next edit of the manifest, which may be later.
        if parts.options.access == Access::Follow
            && let Ok(logs) = find_logs(parts.env.vfs(), &parts.dir)
            && let Some(first) = logs.first()
        {
            tail.log.forget_before(*first);
            Stats::add(&parts.stats.feeds_lost, parts.feeds.lose_before(tail.log.first_commit()));
        }
        match tail.log.place_of(self.next) {
            Some(_) => Err(error),
            None => Err(expired(&tail, self.next)),
        }
    }

    /// What tells of publications.
    fn news(&mut self) -> Result<&mut Watch> {
        let news = match self.news.take() {
            Some(news) => news,
            None => Watch::new(&self.parts, Scope::Everything)?,
        };
        Ok(self.news.insert(news))
    }

    /// The next commit; waits until there is one, and gives `None` when there was none in time.
    ///
    /// # Errors
    /// As [`Feed::next`]; `Unsupported` when the database is open for reading only, where nothing
    /// comes any more.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Option<Change>> {
        if let Some(change) = self.next()? {
            return Ok(Some(change));
        }
        let env = self.parts.env.clone();
        // A time too far off to be told is no limit.
        let deadline = timeout.and_then(|timeout| env.now().checked_add(timeout));
        loop {
            // First the watch, then the look: what is published between is seen by one of them.
            self.news()?;
            if let Some(change) = self.next()? {
                return Ok(Some(change));
            }
            let left = deadline.map(|deadline| deadline.saturating_sub(env.now()));
            if self.news()?.wait(left)?.is_none() {
                return self.next();
            }
        }
    }

    /// As [`Feed::wait`], as a future would.
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<Change>> {
        loop {
            match self.next() {
                Ok(Some(change)) => return Poll::Ready(Ok(change)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            let is_new = self.news.is_none();
            let told = match self.news() {
                Ok(news) => news.poll(cx),
                Err(error) => return Poll::Ready(Err(error)),
            };
            match told {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(_)) => {}
                // What was published before the watch was there is looked for once more.
                Poll::Pending if is_new => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut tail = self.parts.tail();
        self.parts.feeds.remove(self.number);
        if tail.is_closed() {
            return;
        }
        if let Err(error) = trim_log(&self.parts, &mut tail) {
            tracing::warn!(%error, "left log segments behind that are not needed");
        }
    }
}

fn check_open(tail: &Tail) -> Result<()> {
    if tail.is_closed() || tail.is_lost() { tail.check() } else { Ok(()) }
}

/// Has all that is published handed to the operating system.
fn write_out(parts: &Parts, tail: &mut Tail) -> Result<()> {
    if !parts.options.access.is_writable() || tail.log.written() == tail.log.end() {
        return Ok(());
    }
    tail.check()?;
    tail.log.write_out().map_err(|error| {
        parts.poison(tail, &error);
        error.into_kind(ErrorKind::Poisoned)
    })?;
    parts.show(tail);
    Ok(())
}

fn expired(tail: &Tail, next: SeqNo) -> Error {
    Error::expired(format!(
        "commit {next} is no longer in the log, which begins with commit {}: read everything \
         anew, and have more of the log kept, by log_retention_bytes for feeds to come, by \
         feed_retention_bytes for open ones",
        tail.log.first_commit()
    ))
}
