//! See `cuesta_fuzz::model_api`.
#![cfg_attr(fuzzing, no_main)]

cuesta_fuzz::fuzz!(model_api);
