//! See `cuesta_fuzz::bytes_commit_body`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_commit_body);
