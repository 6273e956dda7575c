//! See `cuesta_fuzz::document_update`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(document_update);
