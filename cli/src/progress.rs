//! Progress with a rate, on standard error when it is a terminal; silence otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::figures;

/// A bar for work on bytes, which counts rows besides. It goes when it is dropped.
pub struct Progress {
    bar: ProgressBar,
    read: Arc<AtomicU64>,
}

impl Progress {
    /// A bar for `bytes` of input, of which `read` says how many are read; without a known length
    /// a figure alone.
    pub fn new(title: &str, bytes: Option<u64>, read: Arc<AtomicU64>) -> Progress {
        let bar = match bytes {
            Some(bytes) => ProgressBar::new(bytes),
            None => ProgressBar::no_length(),
        };
        let template = match bytes {
            Some(_) => "{prefix} {wide_bar} {bytes}/{total_bytes} {msg} {eta}",
            None => "{prefix} {spinner} {bytes} {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(title.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress { bar, read }
    }

    /// Shows that `rows` are done.
    pub fn show(&self, rows: u64) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_position(self.read.load(Ordering::Relaxed));
        let rate = figures::rate(rows, self.bar.elapsed());
        self.bar.set_message(format!("{} rows, {rate} rows/s", figures::count(rows)));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
