//! RocksDB: a log-structured merge tree in C++, from the system's shared library.
//!
//! Safe outside: pointers live in types that free them once, and no borrow outlives its owner.
#![allow(unsafe_code)] // A C interface; its rules are those of rocksdb/c.h.

mod interface;

use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::time::Duration;

use self::interface as c;
use crate::store::{APART_BYTES, BACKGROUND_THREADS, Entry, Key, Outcome, Setup, Store, Wait};

const LZ4: i32 = 4;
const FILTER_BITS: f64 = 10.0;
/// Properties that are zero when nothing happens in the background.
const BUSY: [&CStr; 4] = [
    c"rocksdb.num-running-flushes",
    c"rocksdb.num-running-compactions",
    c"rocksdb.mem-table-flush-pending",
    c"rocksdb.compaction-pending",
];

/// A database with its default column family.
pub struct RocksDb {
    db: *mut c::Db,
    writing: *mut c::WriteOptions,
    reading: *mut c::ReadOptions,
}

// SAFETY: RocksDB's handles may be used from any thread (rocksdb/db.h, "thread-safe"), and the
// options are not changed after opening.
unsafe impl Send for RocksDb {}
// SAFETY: as above.
unsafe impl Sync for RocksDb {}

/// Calls what takes a place for an error as its last argument.
fn checked<R>(call: impl FnOnce(*mut *mut c_char) -> R) -> Outcome<R> {
    let mut error = std::ptr::null_mut();
    let result = call(&raw mut error);
    if error.is_null() {
        return Ok(result);
    }
    // SAFETY: a set error is a C string that belongs to the caller.
    let text = unsafe {
        let text = CStr::from_ptr(error).to_string_lossy().into_owned();
        c::rocksdb_free(error.cast());
        text
    };
    Err(text.into())
}

/// The bytes at `start`, or none if it is null.
///
/// # Safety
/// `start` is null or begins `length` bytes that stay as they are for `'a`.
unsafe fn bytes<'a>(start: *const c_char, length: usize) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { std::slice::from_raw_parts(start.cast(), length) }
}

impl Store for RocksDb {
    fn open(dir: &Path, setup: Setup) -> Outcome<RocksDb> {
        std::fs::create_dir_all(dir)?;
        let memory = setup.memory_bytes as usize;
        let path = CString::new(dir.as_os_str().as_encoded_bytes())?;
        // SAFETY: options are made, set and read here; the table's options take over the filter,
        // and share the cache, whose own handle is then given back.
        unsafe {
            let table = c::rocksdb_block_based_options_create();
            let cache = c::rocksdb_cache_create_lru(memory / 2);
            c::rocksdb_block_based_options_set_block_cache(table, cache);
            let filter = c::rocksdb_filterpolicy_create_bloom_full(FILTER_BITS);
            c::rocksdb_block_based_options_set_filter_policy(table, filter);
            let options = c::rocksdb_options_create();
            c::rocksdb_options_set_create_if_missing(options, 1);
            c::rocksdb_options_set_max_background_jobs(options, BACKGROUND_THREADS as i32);
            c::rocksdb_options_set_write_buffer_size(options, memory / 4);
            c::rocksdb_options_set_max_write_buffer_number(options, 2);
            c::rocksdb_options_set_compression(options, LZ4);
            c::rocksdb_options_set_enable_blob_files(options, 1);
            c::rocksdb_options_set_min_blob_size(options, u64::from(APART_BYTES));
            c::rocksdb_options_set_blob_compression_type(options, LZ4);
            c::rocksdb_options_set_block_based_table_factory(options, table);
            let db = checked(|error| c::rocksdb_open(options, path.as_ptr(), error));
            c::rocksdb_options_destroy(options);
            c::rocksdb_block_based_options_destroy(table);
            c::rocksdb_cache_destroy(cache);
            let writing = c::rocksdb_writeoptions_create();
            c::rocksdb_writeoptions_set_sync(writing, u8::from(setup.wait == Wait::Disk));
            Ok(RocksDb { db: db?, writing, reading: c::rocksdb_readoptions_create() })
        }
    }

    fn put(&self, key: &Key, value: &[u8]) -> Outcome<()> {
        let (start, bytes) = (key.as_ptr().cast(), value.as_ptr().cast());
        // SAFETY: the handles live as long as this, the bytes as long as the call.
        checked(|error| unsafe {
            c::rocksdb_put(self.db, self.writing, start, key.len(), bytes, value.len(), error)
        })
    }

    fn write(&self, entries: &[Entry<'_>]) -> Outcome<()> {
        // SAFETY: the batch copies the bytes; it is freed once, after its last use.
        unsafe {
            let batch = c::rocksdb_writebatch_create();
            for (key, value) in entries {
                let start = key.as_ptr().cast();
                match value {
                    Some(value) => {
                        let bytes = value.as_ptr().cast();
                        c::rocksdb_writebatch_put(batch, start, key.len(), bytes, value.len());
                    }
                    None => c::rocksdb_writebatch_delete(batch, start, key.len()),
                }
            }
            let result = checked(|error| c::rocksdb_write(self.db, self.writing, batch, error));
            c::rocksdb_writebatch_destroy(batch);
            result
        }
    }

    fn get<R>(&self, key: &Key, mut take: impl FnMut(&[u8]) -> R) -> Outcome<Option<R>> {
        let start = key.as_ptr().cast();
        // SAFETY: the slice pins the value until it is destroyed, after `take` has seen it.
        unsafe {
            let slice = checked(|error| {
                c::rocksdb_get_pinned(self.db, self.reading, start, key.len(), error)
            })?;
            if slice.is_null() {
                return Ok(None);
            }
            let mut length = 0;
            let value = c::rocksdb_pinnableslice_value(slice, &raw mut length);
            let taken = take(bytes(value, length));
            c::rocksdb_pinnableslice_destroy(slice);
            Ok(Some(taken))
        }
    }

    fn scan(&self, start: &[u8], limit: usize, mut visit: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        // SAFETY: keys and values stay until the iterator moves, which is after `visit`.
        unsafe {
            let entries = c::rocksdb_create_iterator(self.db, self.reading);
            c::rocksdb_iter_seek(entries, start.as_ptr().cast(), start.len());
            let mut left = limit;
            while left > 0 && c::rocksdb_iter_valid(entries) != 0 {
                let (mut key_length, mut value_length) = (0, 0);
                let key = c::rocksdb_iter_key(entries, &raw mut key_length);
                let value = c::rocksdb_iter_value(entries, &raw mut value_length);
                visit(bytes(key, key_length), bytes(value, value_length));
                c::rocksdb_iter_next(entries);
                left -= 1;
            }
            let result = checked(|error| c::rocksdb_iter_get_error(entries, error));
            c::rocksdb_iter_destroy(entries);
            result
        }
    }

    fn flush(&self) -> Outcome<()> {
        // SAFETY: the options are freed once, after their use.
        unsafe {
            let options = c::rocksdb_flushoptions_create();
            c::rocksdb_flushoptions_set_wait(options, 1);
            let result = checked(|error| c::rocksdb_flush(self.db, options, error));
            c::rocksdb_flushoptions_destroy(options);
            result
        }
    }

    fn settle(&self) -> Outcome<()> {
        // A merge is planned a moment after what calls for it.
        let mut quiet = 0;
        while quiet < 5 {
            let busy = BUSY.iter().any(|property| {
                let mut value = 0;
                // SAFETY: the name is a C string, and the number is written before it is read.
                unsafe { c::rocksdb_property_int(self.db, property.as_ptr(), &raw mut value) };
                value > 0
            });
            quiet = if busy { 0 } else { quiet + 1 };
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn compact(self) -> Outcome<RocksDb> {
        self.flush()?;
        let none = std::ptr::null();
        // SAFETY: null bounds mean all keys.
        unsafe { c::rocksdb_compact_range(self.db, none, 0, none, 0) };
        self.settle()?;
        Ok(self)
    }

    fn close(self) -> Outcome<()> {
        drop(self);
        Ok(())
    }
}

impl Drop for RocksDb {
    fn drop(&mut self) {
        // SAFETY: this is the last use of all three.
        unsafe {
            c::rocksdb_close(self.db);
            c::rocksdb_writeoptions_destroy(self.writing);
            c::rocksdb_readoptions_destroy(self.reading);
        }
    }
}
