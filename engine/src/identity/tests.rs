//! A directory holds a database exactly when it holds an identity.
