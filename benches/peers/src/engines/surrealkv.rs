//! SurrealKV: a log-structured merge tree in Rust, with asynchronous commits.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use surrealkv::{CompactRangeOptions, Durability, LSMIterator, Mode, Options, Tree, TreeBuilder};
use tokio::runtime::Runtime;

use crate::meter::processor_time;
use crate::store::{APART_BYTES, BACKGROUND_THREADS, Entry, Key, Outcome, Setup, Store, Wait};

/// A tree, and the runtime that its background tasks live on.
pub struct SurrealKv {
    tree: Tree,
    runtime: Runtime,
    durability: Durability,
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    static WAKER: Waker = Waker::from(Arc::new(Unpark(std::thread::current())));
}

/// Runs a future on this thread, which sleeps while the future waits.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    WAKER.with(|waker| {
        let mut context = Context::from_waker(waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            std::thread::park();
        }
    })
}

impl Store for SurrealKv {
    fn open(dir: &Path, setup: Setup) -> Outcome<SurrealKv> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(BACKGROUND_THREADS)
            .enable_all()
            .build()?;
        let options = Options::new()
            .with_path(dir.to_path_buf())
            .with_block_cache_capacity(setup.memory_bytes / 2);
        let entered = runtime.enter();
        let tree = TreeBuilder::with_options(options)
            .with_max_memtable_size(setup.memory_bytes as usize / 8)
            .with_enable_vlog(true)
            .with_vlog_value_threshold(APART_BYTES as usize)
            .build()?;
        drop(entered);
        let durability = match setup.wait {
            Wait::System => Durability::Eventual,
            Wait::Disk => Durability::Immediate,
        };
        Ok(SurrealKv { tree, runtime, durability })
    }

    fn put(&self, key: &Key, value: &[u8]) -> Outcome<()> {
        self.write(&[(*key, Some(value))])
    }

    fn write(&self, entries: &[Entry<'_>]) -> Outcome<()> {
        let mut transaction = self.tree.begin_with_mode(Mode::WriteOnly)?;
        transaction.set_durability(self.durability);
        for (key, value) in entries {
            match value {
                Some(value) => transaction.set(key.as_slice(), *value)?,
                None => transaction.delete(key.as_slice())?,
            }
        }
        let _entered = self.runtime.enter();
        Ok(block_on(transaction.commit())?)
    }

    fn get<R>(&self, key: &Key, mut take: impl FnMut(&[u8]) -> R) -> Outcome<Option<R>> {
        let transaction = self.tree.begin_with_mode(Mode::ReadOnly)?;
        Ok(transaction.get(key.as_slice())?.map(|value| take(&value)))
    }

    fn scan(&self, start: &[u8], limit: usize, mut visit: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let transaction = self.tree.begin_with_mode(Mode::ReadOnly)?;
        let mut entries = transaction.scan(start..)?;
        let mut left = limit;
        let mut valid = left > 0 && entries.seek_first()?;
        while valid {
            visit(entries.key().user_key(), &entries.value_ref()?);
            left -= 1;
            valid = left > 0 && entries.next()?;
        }
        Ok(())
    }

    fn flush(&self) -> Outcome<()> {
        let _entered = self.runtime.enter();
        let memtables_only = CompactRangeOptions {
            flush_memtable: true,
            target_level: Some(0),
            rewrite_bottommost: false,
        };
        Ok(self.tree.compact_range(None, None, &memtables_only)?)
    }

    fn settle(&self) -> Outcome<()> {
        // It does not say what it is doing: quiet is when the process computes nothing.
        let mut quiet = 0;
        let mut before = processor_time();
        while quiet < 4 {
            std::thread::sleep(Duration::from_millis(25));
            let now = processor_time();
            quiet = if now - before > Duration::from_millis(2) { 0 } else { quiet + 1 };
            before = now;
        }
        Ok(())
    }

    fn compact(self) -> Outcome<SurrealKv> {
        let entered = self.runtime.enter();
        self.tree.compact_range(None, None, &CompactRangeOptions::default())?;
        drop(entered);
        Ok(self)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.runtime.block_on(self.tree.close())?)
    }
}
