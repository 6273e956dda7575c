//! See `cuesta_fuzz::bytes_log_record`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_log_record);
