//! See `cuesta_fuzz::bytes_identity`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_identity);
