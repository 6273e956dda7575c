//! The index types that a database knows, and how an index of each begins.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::index::{ErasedState, IndexType, MemtableWriter, Services, State};

/// Makes indexes of one type.
pub trait IndexFactory: Send + Sync {
    /// Name of the type.
    fn name(&self) -> &'static str;
    /// An empty index with `options`, and the writer of its memtable.
    ///
    /// # Errors
    /// See [`IndexType::configure`].
    fn make(
        &self,
        options: &[u8],
        services: &Services,
    ) -> Result<(Box<dyn MemtableWriter>, Arc<dyn ErasedState>)>;
}

struct Factory<T>(PhantomData<fn() -> T>);

impl<T: IndexType> IndexFactory for Factory<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn make(
        &self,
        options: &[u8],
        services: &Services,
    ) -> Result<(Box<dyn MemtableWriter>, Arc<dyn ErasedState>)> {
        let (writer, state) = State::empty(T::configure(options, services)?)?;
        Ok((writer, Arc::new(state)))
    }
}

/// The index types that a database knows.
#[derive(Default)]
pub struct Registry {
    factories: Vec<Box<dyn IndexFactory>>,
    assumed: Option<&'static str>,
}

impl Registry {
    /// One that knows no type.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Knows `T` too.
    pub fn with<T: IndexType>(mut self) -> Registry {
        self.factories.push(Box::new(Factory::<T>(PhantomData)));
        self
    }

    /// Knows the type of `factory` too.
    pub fn with_factory(mut self, factory: impl IndexFactory + 'static) -> Registry {
        self.factories.push(Box::new(factory));
        self
    }

    /// Takes indexes to be of the type `name` where nothing is left that says of which type they
    /// were.
    pub fn assuming(self, name: &'static str) -> Registry {
        Registry { assumed: Some(name), ..self }
    }

    /// The type of indexes of which nothing says of which type they are: what was to be assumed, or
    /// the only one.
    pub fn assumed(&self) -> Option<&'static str> {
        let only = || match self.factories.as_slice() {
            [factory] => Some(factory.name()),
            _ => None,
        };
        self.assumed.or_else(only)
    }

    /// The factory for a type.
    ///
    /// # Errors
    /// `Unsupported` when the type is not known here.
    pub fn get(&self, name: &str) -> Result<&dyn IndexFactory> {
        let found = self.factories.iter().find(|factory| factory.name() == name);
        found.map(|factory| &**factory).ok_or_else(|| {
            Error::unsupported(format!("index type {name:?} is not known to this program"))
        })
    }
}
