//! One operation as a transaction of its own, tried again until it succeeds; or as part of another.

use std::sync::Arc;

use super::Collection;
use super::state::State;
use crate::document::failure;
use crate::kv::Moment;
use crate::{Error, ErrorKind, Result, Transaction, TransactionOptions};

/// Attempts at one operation: each that fails means that another one has succeeded.
const ATTEMPTS: u32 = 10_000;

impl Collection<'_> {
    /// Runs `work` with the collection as its transaction sees it. It may run many times.
    pub(crate) fn run<R>(
        &self,
        mut work: impl FnMut(&Transaction, Option<&Arc<State>>) -> Result<R>,
    ) -> Result<R> {
        let mut once = |tx: &Transaction| {
            let state = self.shared.state(&Moment::of(tx), &self.slot)?;
            work(tx, state.as_ref())
        };
        if let Some(tx) = self.tx {
            return once(tx);
        }
        self.shared.check_writable()?;
        let options = TransactionOptions::new().attempts(ATTEMPTS);
        let mut retries = self.shared.db.retries(&options);
        loop {
            let tx = self.shared.db.begin_with(&options)?;
            let done = once(&tx);
            let result = match done {
                Ok(result) => tx.commit().map(|()| result),
                Err(error) => {
                    tx.rollback();
                    Err(error)
                }
            };
            match result {
                Err(error) if is_passing(&error) => retries.pause(error)?,
                other => return other,
            }
        }
    }

    /// As [`run`](Collection::run), with the collection created when it is missing.
    pub(crate) fn run_in_created<R>(
        &self,
        mut work: impl FnMut(&Transaction, &Arc<State>) -> Result<R>,
    ) -> Result<R> {
        self.run(|tx, state| match state {
            Some(state) => work(tx, state),
            None => {
                self.shared.create_missing(&self.slot.namespace)?;
                let message = format!(
                    "collection {} was created just now, and the transaction does not see it yet",
                    self.slot.namespace
                );
                Err(failure::write_conflict(message))
            }
        })
    }

    /// Fails for what is never part of a transaction.
    pub(super) fn check_alone(&self, what: &str) -> Result<()> {
        if self.tx.is_none() {
            return Ok(());
        }
        Err(failure::not_in_transaction(format!("{what} is not possible in a transaction")))
    }
}

/// Whether an operation may be tried again: there was a conflict, or a keyspace that it used was
/// dropped with its index or collection.
pub(super) fn is_passing(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Conflict => true,
        ErrorKind::NotFound => failure::Failure::of(error).is_none(),
        _ => false,
    }
}
