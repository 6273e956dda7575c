//! See `cuesta_fuzz::bytes_manifest`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_manifest);
