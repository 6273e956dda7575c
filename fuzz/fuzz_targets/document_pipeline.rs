//! See `cuesta_fuzz::document_pipeline`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(document_pipeline);
