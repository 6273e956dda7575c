//! See `cuesta_fuzz::document_filter`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(document_filter);
