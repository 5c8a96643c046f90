//! The way into the gateway.

pub use crate::bindings::channel::openclaw::plugin::inbound::{
    Admission, AdmitError, Connection, admit, state,
};
