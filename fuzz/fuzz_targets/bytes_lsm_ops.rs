//! See `cuesta_fuzz::bytes_lsm_ops`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_lsm_ops);
