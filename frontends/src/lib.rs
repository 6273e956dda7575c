//! Cuesta: an embedded database for every shape of data.
