//! See `cuesta_fuzz::bytes_extended_json`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_extended_json);
