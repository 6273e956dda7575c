//! See `cuesta_fuzz::bytes_options`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_options);
