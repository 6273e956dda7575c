//! Waiting for an event, by threads and by futures, under every interleaving that loom knows, up
//! to a number of preemptions.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p cuesta-engine --release --lib event_loom
//! ```

use std::sync::atomic::{AtomicBool as Woken, Ordering::SeqCst};
use std::task::{Wake, Waker};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::Event;

/// A waker that notes that it was woken.
#[derive(Default)]
struct Note(Woken);

impl Wake for Note {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Somebody says something and notifies; `wait` is to hear it.
fn beside_a_notifier(wait: fn(&Event, &AtomicBool)) {
    explore(move || {
        let (event, said) = (Arc::new(Event::new()), Arc::new(AtomicBool::new(false)));
        let notifier = {
            let (event, said) = (event.clone(), said.clone());
            thread::spawn(move || {
                said.store(true, Ordering::Relaxed);
                event.notify();
                event.wake();
            })
        };
        wait(&event, &said);
        notifier.join().unwrap();
    });
}

#[test]
fn a_thread_that_looks_after_the_epoch_hears_everything() {
    beside_a_notifier(|event, said| {
        loop {
            let seen = event.epoch();
            if said.load(Ordering::Relaxed) {
                return;
            }
            event.block(seen, None);
        }
    });
}

/// The model would find a wake-up that is lost. (Nobody waits here: loom cannot go on from that.)
#[test]
#[should_panic(expected = "would wait for ever")]
fn a_thread_that_looks_before_the_epoch_would_wait_for_ever() {
    explore(|| {
        let (event, said) = (Arc::new(Event::new()), Arc::new(AtomicBool::new(false)));
        let notifier = {
            let (event, said) = (event.clone(), said.clone());
            thread::spawn(move || {
                said.store(true, Ordering::Relaxed);
                event.notify();
            })
        };
        let heard = said.load(Ordering::Relaxed);
        let seen = event.epoch();
        notifier.join().unwrap();
        assert!(heard || event.epoch() > seen, "it would wait for ever");
    });
}

#[test]
fn all_threads_that_wait_go_on() {
    explore(|| {
        let event = Arc::new(Event::new());
        let waits = || {
            let event = event.clone();
            thread::spawn(move || event.block(0, None))
        };
        let waiting = [waits(), waits()];
        event.notify();
        for thread in waiting {
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_future_that_is_registered_is_woken() {
    explore(|| {
        let event = Arc::new(Event::new());
        let notifier = {
            let event = event.clone();
            thread::spawn(move || {
                event.notify();
                event.wake();
            })
        };
        let note = std::sync::Arc::new(Note::default());
        let registered = event.register(0, &Waker::from(note.clone()));
        notifier.join().unwrap();
        assert_eq!(note.0.load(SeqCst), registered, "woken exactly if it waits");
    });
}
