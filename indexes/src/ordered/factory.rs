//! Makes indexes that know the merge operators of a program.
//!
//! Not for: those that know the built-in operators alone, which [`Registry`] makes by itself.
//!
//! [`Registry`]: cuesta_engine::index::Registry

use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::index::{ErasedState, IndexFactory, IndexType, MemtableWriter, Services, State};

use super::Operators;

/// Makes an index of its options.
type Make<T> = fn(&[u8], &Services, &Operators) -> Result<T>;

/// Makes indexes of ordered keys.
#[derive(Clone, Debug)]
pub struct Factory<T> {
    operators: Operators,
    make: Make<T>,
}

impl<T> Factory<T> {
    /// Of indexes that know `operators`, each made by `make`.
    pub(crate) fn new(operators: Operators, make: Make<T>) -> Factory<T> {
        Factory { operators, make }
    }
}

impl<T: IndexType> IndexFactory for Factory<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn make(
        &self,
        options: &[u8],
        services: &Services,
    ) -> Result<(Box<dyn MemtableWriter>, Arc<dyn ErasedState>)> {
        let (writer, state) = State::empty((self.make)(options, services, &self.operators)?)?;
        Ok((writer, Arc::new(state)))
    }
}
