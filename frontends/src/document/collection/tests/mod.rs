mod basics;
mod crash;
mod model;
mod naive;
mod threads;

use std::sync::Arc;

use super::Collection;
use crate::document::IndexModel;
use crate::document::failure::Failure;
use crate::env::sim::SimEnv;
use crate::{Database, Error};

/// A database on a simulated disk.
pub(super) fn open(seed: u64) -> (Arc<SimEnv>, Database) {
    let env = SimEnv::new(seed);
    let db = open_on(&env);
    (env, db)
}

pub(super) fn open_on(env: &Arc<SimEnv>) -> Database {
    Database::builder().environment(env.clone()).open("db").unwrap()
}

pub(super) fn code(error: &Error) -> Option<i32> {
    Failure::of(error).map(Failure::code)
}

pub(super) fn is_sound(collection: &Collection<'_>) {
    assert_eq!(collection.verify().unwrap(), Vec::<String>::new());
}

pub(super) fn by(key: crate::document::value::Document<'_>) -> IndexModel {
    IndexModel::new(key)
}
