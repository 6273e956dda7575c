//! See `cuesta_fuzz::bytes_block`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_block);
