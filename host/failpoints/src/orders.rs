//! What is asked of the points: orders, read from a text, and when each is due.

/// What a point does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The task panics.
    Panic,
    /// The process ends at once.
    Abort,
}

/// One order, with how often its point was passed since it was given.
#[derive(Debug)]
struct Order {
    name: String,
    action: Action,
    at: u64,
    passed: u64,
}

/// All orders of one text.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    orders: Vec<Order>,
    /// What happens now and then happens soon.
    pub(crate) hurry: bool,
    /// What is not an order, each with the reason.
    pub(crate) faults: Vec<String>,
}

impl Orders {
    /// Reads orders, separated by `;` or line breaks.
    pub(crate) fn read(text: &str) -> Orders {
        let mut orders = Orders::default();
        for word in text.split([';', '\n']).map(str::trim).filter(|word| !word.is_empty()) {
            match order(word) {
                _ if word == "hurry" => orders.hurry = true,
                Ok(order) => orders.orders.push(order),
                Err(why) => orders.faults.push(format!("`{word}` is not an order: {why}")),
            }
        }
        orders
    }

    /// Notes that a point is passed. Returns what is to happen there now.
    pub(crate) fn pass(&mut self, name: &str) -> Option<Action> {
        let mut due = None;
        for order in self.orders.iter_mut().filter(|order| order.name == name) {
            order.passed += 1;
            due = due.or((order.passed == order.at).then_some(order.action));
        }
        due
    }
}

fn order(word: &str) -> Result<Order, String> {
    let (name, what) = word.split_once('=').ok_or("write <name>=panic or <name>=abort")?;
    if !crate::is_known(name) {
        return Err("no failpoint has this name; they are listed in host/failpoints/src/names.rs".to_owned());
    }
    let (action, at) = what.split_once('@').unwrap_or((what, "1"));
    let action = match action {
        "panic" if crate::names::only_dies(name) => {
            return Err("at this failpoint the process can only be made to die: write abort".to_owned());
        }
        "panic" => Action::Panic,
        "abort" => Action::Abort,
        _ => return Err("behind the `=` stands panic or abort".to_owned()),
    };
    let at = at.parse().ok().filter(|at| *at > 0).ok_or("behind the `@` stands a number from 1")?;
    Ok(Order { name: name.to_owned(), action, at, passed: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_carried_out_once() {
        let mut orders = Orders::read("store.write=panic@2; rpc.method=abort\nhurry;");
        assert!(orders.faults.is_empty() && orders.hurry);
        let mut pass = |name: &str| orders.pass(name);
        assert_eq!(
            [pass("store.write"), pass("store.write"), pass("store.write")],
            [None, Some(Action::Panic), None]
        );
        assert_eq!([pass("rpc.method"), pass("rpc.method")], [Some(Action::Abort), None]);
        assert_eq!(pass("store.read"), None);
    }

    #[test]
    fn one_point_can_be_given_several_orders() {
        let mut orders = Orders::read("store.write=panic;store.write=abort@2");
        assert_eq!(orders.pass("store.write"), Some(Action::Panic));
        assert_eq!(orders.pass("store.write"), Some(Action::Abort));
    }

    #[test]
    fn what_is_not_an_order_is_said() {
        for (text, why) in [
            ("store.writ=panic", "no failpoint has this name"),
            ("store.write", "write <name>=panic"),
            ("store.write=sleep", "stands panic or abort"),
            ("store.committed=panic", "can only be made to die"),
            ("store.write=panic@0", "a number from 1"),
            ("store.write=panic@x", "a number from 1"),
        ] {
            let orders = Orders::read(text);
            assert!(orders.faults.len() == 1 && orders.faults[0].contains(why), "{:?}", orders.faults);
            assert!(orders.faults[0].contains(text));
        }
    }
}
