//! Methods about things of which this gateway has none: they answer truthfully, in the shape that clients know, that
//! there is nothing. They need no types of their own: the gateway writes each answer down as it travels.

use crate::{
    method::{Method, Permission},
    scope::Scope,
    shape::{Field, Kind},
};

const fn read(name: &'static str, shape: &'static [Field], purpose: &'static str) -> Method {
    Method {
        name,
        permission: Permission::Scope(Scope::Read),
        advertised: true,
        limited: false,
        shape,
        purpose,
    }
}

/// Their rows.
pub const METHODS: &[Method] = &[
    read("node.list", &[], "machines that offer commands: none"),
    Method {
        permission: Permission::Node,
        ..read("skills.bins", &[], "programs that a node should have: none")
    },
    read("last-heartbeat", &[Field::optional("agentId", Kind::NonEmpty)], "the last heartbeat: none"),
];
