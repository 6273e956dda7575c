//! One who loads, and those who wait for it, under every interleaving that loom knows,
//! up to a number of preemptions.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p cuesta --release --lib flight_loom
//! ```

use std::time::Duration;

use cuesta_engine::env::os::OsEnv;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::flight::Flight;
use crate::Value;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(3600);

fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

/// Two wait for a flight while `load` ends it; what they got.
fn two_wait(load: fn(&Flight)) -> [Option<Value>; 2] {
    let flight = Arc::new(Flight::default());
    let waits = || {
        let flight = flight.clone();
        thread::spawn(move || flight.wait(&*OsEnv::new(), LONG).unwrap())
    };
    let waiting = [waits(), waits()];
    load(&flight);
    waiting.map(|thread| thread.join().unwrap())
}

#[test]
fn all_who_wait_get_what_was_loaded() {
    explore(|| {
        let got = two_wait(|flight| {
            flight.end(Some(Value::from(&b"loaded"[..])));
            // As the ticket does when it is dropped.
            flight.end(None);
        });
        assert_eq!(
            got.map(|value| value.map(|value| value.to_vec())),
            [(); 2].map(|()| Some(b"loaded".to_vec()))
        );
    });
}

#[test]
fn all_who_wait_go_on_when_loading_fails() {
    explore(|| assert_eq!(two_wait(|flight| flight.end(None)), [None, None]));
}

#[test]
fn the_first_end_counts() {
    explore(|| {
        let (flight, ended) = (Arc::new(Flight::default()), Arc::new(AtomicUsize::new(0)));
        let other = {
            let (flight, ended) = (flight.clone(), ended.clone());
            thread::spawn(move || {
                flight.end(None);
                ended.fetch_add(1, Ordering::Relaxed);
            })
        };
        let first = flight.wait(&*OsEnv::new(), LONG).unwrap();
        flight.end(Some(Value::from(&b"late"[..])));
        other.join().unwrap();
        assert_eq!((first, flight.wait(&*OsEnv::new(), LONG).unwrap()), (None, None));
    });
}
