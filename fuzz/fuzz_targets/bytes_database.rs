//! See `cuesta_fuzz::bytes_database`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_database);
