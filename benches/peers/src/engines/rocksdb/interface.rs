//! The part of RocksDB's C interface (rocksdb/c.h of 7.8) that the race uses, name by name.
#![allow(unsafe_code)] // Declarations of foreign functions.

use std::ffi::{c_char, c_int, c_uchar, c_void};

macro_rules! handles {
    ($($name:ident),*) => {$(
        #[repr(C)]
        pub struct $name {
            opaque: [u8; 0],
        }
    )*};
}

handles!(
    Db,
    Options,
    TableOptions,
    Cache,
    FilterPolicy,
    WriteOptions,
    ReadOptions,
    FlushOptions,
    WriteBatch,
    PinnableSlice,
    Iterator
);

#[link(name = "rocksdb")]
// SAFETY: the signatures are those of rocksdb/c.h.
unsafe extern "C" {
    pub fn rocksdb_free(start: *mut c_void);

    pub fn rocksdb_options_create() -> *mut Options;
    pub fn rocksdb_options_destroy(options: *mut Options);
    pub fn rocksdb_options_set_create_if_missing(options: *mut Options, on: c_uchar);
    pub fn rocksdb_options_set_max_background_jobs(options: *mut Options, jobs: c_int);
    pub fn rocksdb_options_set_write_buffer_size(options: *mut Options, bytes: usize);
    pub fn rocksdb_options_set_max_write_buffer_number(options: *mut Options, number: c_int);
    pub fn rocksdb_options_set_compression(options: *mut Options, kind: c_int);
    pub fn rocksdb_options_set_enable_blob_files(options: *mut Options, on: c_uchar);
    pub fn rocksdb_options_set_min_blob_size(options: *mut Options, bytes: u64);
    pub fn rocksdb_options_set_blob_compression_type(options: *mut Options, kind: c_int);
    pub fn rocksdb_options_set_block_based_table_factory(
        options: *mut Options,
        table: *mut TableOptions,
    );

    pub fn rocksdb_block_based_options_create() -> *mut TableOptions;
    pub fn rocksdb_block_based_options_destroy(table: *mut TableOptions);
    pub fn rocksdb_block_based_options_set_block_cache(table: *mut TableOptions, cache: *mut Cache);
    pub fn rocksdb_block_based_options_set_filter_policy(
        table: *mut TableOptions,
        filter: *mut FilterPolicy,
    );
    pub fn rocksdb_cache_create_lru(bytes: usize) -> *mut Cache;
    pub fn rocksdb_cache_destroy(cache: *mut Cache);
    pub fn rocksdb_filterpolicy_create_bloom_full(bits: f64) -> *mut FilterPolicy;

    pub fn rocksdb_writeoptions_create() -> *mut WriteOptions;
    pub fn rocksdb_writeoptions_destroy(options: *mut WriteOptions);
    pub fn rocksdb_writeoptions_set_sync(options: *mut WriteOptions, on: c_uchar);
    pub fn rocksdb_readoptions_create() -> *mut ReadOptions;
    pub fn rocksdb_readoptions_destroy(options: *mut ReadOptions);
    pub fn rocksdb_flushoptions_create() -> *mut FlushOptions;
    pub fn rocksdb_flushoptions_destroy(options: *mut FlushOptions);
    pub fn rocksdb_flushoptions_set_wait(options: *mut FlushOptions, on: c_uchar);

    pub fn rocksdb_open(
        options: *const Options,
        path: *const c_char,
        error: *mut *mut c_char,
    ) -> *mut Db;
    pub fn rocksdb_close(db: *mut Db);
    pub fn rocksdb_put(
        db: *mut Db,
        options: *const WriteOptions,
        key: *const c_char,
        key_length: usize,
        value: *const c_char,
        value_length: usize,
        error: *mut *mut c_char,
    );
    pub fn rocksdb_write(
        db: *mut Db,
        options: *const WriteOptions,
        batch: *mut WriteBatch,
        error: *mut *mut c_char,
    );
    pub fn rocksdb_flush(db: *mut Db, options: *const FlushOptions, error: *mut *mut c_char);
    pub fn rocksdb_compact_range(
        db: *mut Db,
        start: *const c_char,
        start_length: usize,
        end: *const c_char,
        end_length: usize,
    );
    pub fn rocksdb_property_int(db: *mut Db, name: *const c_char, value: *mut u64) -> c_int;

    pub fn rocksdb_writebatch_create() -> *mut WriteBatch;
    pub fn rocksdb_writebatch_destroy(batch: *mut WriteBatch);
    pub fn rocksdb_writebatch_put(
        batch: *mut WriteBatch,
        key: *const c_char,
        key_length: usize,
        value: *const c_char,
        value_length: usize,
    );
    pub fn rocksdb_writebatch_delete(batch: *mut WriteBatch, key: *const c_char, key_length: usize);

    pub fn rocksdb_get_pinned(
        db: *mut Db,
        options: *const ReadOptions,
        key: *const c_char,
        key_length: usize,
        error: *mut *mut c_char,
    ) -> *mut PinnableSlice;
    pub fn rocksdb_pinnableslice_value(
        slice: *const PinnableSlice,
        length: *mut usize,
    ) -> *const c_char;
    pub fn rocksdb_pinnableslice_destroy(slice: *mut PinnableSlice);

    pub fn rocksdb_create_iterator(db: *mut Db, options: *const ReadOptions) -> *mut Iterator;
    pub fn rocksdb_iter_destroy(entries: *mut Iterator);
    pub fn rocksdb_iter_valid(entries: *const Iterator) -> c_uchar;
    pub fn rocksdb_iter_seek(entries: *mut Iterator, key: *const c_char, length: usize);
    pub fn rocksdb_iter_next(entries: *mut Iterator);
    pub fn rocksdb_iter_key(entries: *const Iterator, length: *mut usize) -> *const c_char;
    pub fn rocksdb_iter_value(entries: *const Iterator, length: *mut usize) -> *const c_char;
    pub fn rocksdb_iter_get_error(entries: *const Iterator, error: *mut *mut c_char);
}
