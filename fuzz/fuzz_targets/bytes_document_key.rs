//! See `cuesta_fuzz::bytes_document_key`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(bytes_document_key);
