//! See `cuesta_fuzz::bytes_bson`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_bson);
