//! See `cuesta_fuzz::bytes_segment`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_segment);
