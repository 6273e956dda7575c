//! Makes indexes that know the merge operators of a program.
//!
//! Not for: those that know the built-in operators alone, which [`Registry`] makes by itself.
//!
//! [`Registry`]: cuesta_engine::index::Registry

use std::sync::Arc;

use cuesta_engine::error::Result;
use cuesta_engine::index::{ErasedState, IndexFactory, IndexType, MemtableWriter, Services, State};

use super::Btree;
use crate::ordered::operator::Operators;

/// Makes indexes of ordered keys.
#[derive(Clone, Debug)]
pub struct Factory {
    operators: Operators,
}

impl Factory {
    /// Of indexes that know `operators`.
    pub fn new(operators: Operators) -> Factory {
        Factory { operators }
    }
}

impl IndexFactory for Factory {
    fn name(&self) -> &'static str {
        Btree::NAME
    }

    fn make(
        &self,
        options: &[u8],
        services: &Services,
    ) -> Result<(Box<dyn MemtableWriter>, Arc<dyn ErasedState>)> {
        let (writer, state) =
            State::empty(Btree::with_operators(options, services, &self.operators)?)?;
        Ok((writer, Arc::new(state)))
    }
}
