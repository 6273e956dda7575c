//! See `cuesta_fuzz::bytes_tree`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_tree);
