//! The table of methods: what there is, who may call it, how often, and what it is for. One row a method. The gateway
//! permits, limits and advertises by this table alone, and `docs/protocol.md` is printed from it.

use serde::{Deserialize, Serialize};

use crate::{
    absent,
    call::{Call, TYPED},
    error::RpcError,
    scope::Scope,
    shape::Field,
};

/// What kind of client a connection belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A person or a program that operates the gateway.
    #[default]
    Operator,
    /// A machine that offers commands to the gateway.
    Node,
}

impl Role {
    /// The role as it travels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Node => "node",
        }
    }

    /// The role of that name, if it is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Operator, Self::Node].into_iter().find(|role| role.as_str() == name)
    }
}

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Every connection, whatever its role and scopes.
    Anyone,
    /// Operators that hold this scope.
    Scope(Scope),
    /// Connections of the role `node`, and nobody else.
    Node,
    /// Operators that hold this scope; the method asks for more where its parameters do.
    AtLeast(Scope),
}

impl Permission {
    /// What a method's scope comes to where nothing else is said.
    #[must_use]
    pub const fn of(scope: Option<Scope>) -> Self {
        match scope {
            None => Self::Anyone,
            Some(scope) => Self::Scope(scope),
        }
    }

    /// The scope without which there is no calling it.
    #[must_use]
    pub fn floor(self) -> Option<Scope> {
        match self {
            Self::Anyone | Self::Node => None,
            Self::Scope(scope) | Self::AtLeast(scope) => Some(scope),
        }
    }

    /// Whether a connection of this role, whose scopes answer `may`, is let through.
    ///
    /// # Errors
    /// `unauthorized role: <role>`, or `missing scope: <scope>`.
    pub fn check(self, role: Role, may: impl Fn(Scope) -> bool) -> Result<(), RpcError> {
        match (self, role) {
            (Self::Anyone, _) | (Self::Node, Role::Node) => Ok(()),
            (Self::Node, Role::Operator) | (Self::Scope(_) | Self::AtLeast(_), Role::Node) => {
                Err(RpcError::unauthorized_role(role))
            }
            (Self::Scope(scope) | Self::AtLeast(scope), Role::Operator) if may(scope) => Ok(()),
            (Self::Scope(scope) | Self::AtLeast(scope), Role::Operator) => {
                Err(RpcError::missing_scope(scope))
            }
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// The name on the wire.
    pub name: &'static str,
    /// Who may call it.
    pub permission: Permission,
    /// Whether `hello-ok` names it.
    pub advertised: bool,
    /// Whether it counts against [`WRITE_LIMIT`].
    pub limited: bool,
    /// Which keys the parameters may have.
    pub shape: &'static [Field],
    /// One line for people.
    pub purpose: &'static str,
}

/// How often a client may call one method that changes the gateway itself.
pub const WRITE_LIMIT: u32 = 30;

/// In how many milliseconds it may do so.
pub const WRITE_WINDOW_MS: u64 = 60_000;

impl Method {
    /// The row of a method with its own parameter type.
    #[must_use]
    pub const fn of<C: Call>() -> Self {
        Self {
            name: C::METHOD,
            permission: C::PERMISSION,
            advertised: C::ADVERTISED,
            limited: C::LIMITED,
            shape: C::SHAPE,
            purpose: C::PURPOSE,
        }
    }

    /// The row of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        METHODS.iter().find(|method| method.name == name)
    }
}

/// Every method of the gateway.
pub const METHODS: &[Method] = &joined();

const fn joined() -> [Method; TYPED.len() + absent::METHODS.len()] {
    let mut all = [Method::of::<crate::health::HealthParams>(); TYPED.len() + absent::METHODS.len()];
    let (typed, rest) = all.split_at_mut(TYPED.len());
    typed.copy_from_slice(TYPED);
    rest.copy_from_slice(absent::METHODS);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_has_one_row_with_a_purpose() {
        let mut names: Vec<&str> = METHODS.iter().map(|method| method.name).collect();
        names.sort_unstable();
        let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "{twice:?}");
        let silent: Vec<_> = METHODS.iter().filter(|method| method.purpose.is_empty()).collect();
        assert!(silent.is_empty(), "give these a PURPOSE: {silent:?}");
        let open = METHODS.iter().filter(|method| method.permission == Permission::Anyone);
        assert_eq!(open.map(|method| method.name).collect::<Vec<_>>(), ["health"]);
    }

    #[test]
    fn roles_and_scopes_are_judged_by_the_row() {
        let check = |permission: Permission, role, held: &[Scope], expected: Result<(), &str>| {
            let found = permission.check(role, |scope| held.iter().any(|held| held.covers(scope)));
            assert_eq!(found.map_err(|error| error.message), expected.map_err(str::to_owned));
        };
        let read = Permission::Scope(Scope::Read);
        check(Permission::Anyone, Role::Node, &[], Ok(()));
        check(Permission::Anyone, Role::Operator, &[], Ok(()));
        check(read, Role::Operator, &[Scope::Write], Ok(()));
        check(read, Role::Operator, &[], Err("missing scope: operator.read"));
        check(read, Role::Node, &[Scope::Admin], Err("unauthorized role: node"));
        check(Permission::AtLeast(Scope::Write), Role::Operator, &[Scope::Write], Ok(()));
        let refused = Err("missing scope: operator.write");
        check(Permission::AtLeast(Scope::Write), Role::Operator, &[Scope::Read], refused);
        check(Permission::Node, Role::Node, &[], Ok(()));
        check(Permission::Node, Role::Operator, &[Scope::Admin], Err("unauthorized role: operator"));
    }
}
