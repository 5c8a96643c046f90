//! Which of two plugin versions is the newer one, by Semantic Versioning 2.0.0 §11.

use std::cmp::Ordering;

/// Compares two versions that a manifest may have. What stands behind a `+` does not count.
#[must_use]
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let parts = |text: &'_ str| {
        let text = text.split('+').next().unwrap_or_default().to_owned();
        match text.split_once('-') {
            Some((core, pre)) => (numbers(core), Some(pre.to_owned())),
            None => (numbers(&text), None),
        }
    };
    let ((core_a, pre_a), (core_b, pre_b)) = (parts(a), parts(b));
    core_a.cmp(&core_b).then_with(|| match (pre_a, pre_b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => identifiers(&a, &b),
    })
}

fn numbers(core: &str) -> Vec<u64> {
    core.split('.').map(|part| part.parse().unwrap_or_default()).collect()
}

fn identifiers(a: &str, b: &str) -> Ordering {
    let one = |(a, b): (&str, &str)| match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    };
    let differing = a.split('.').zip(b.split('.')).map(one).find(|order| order.is_ne());
    differing.unwrap_or_else(|| a.split('.').count().cmp(&b.split('.').count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_the_specification_says() {
        // The example of §11.4, with numbers around it.
        let rising = [
            "0.9.10",
            "0.10.0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.2.0",
            "10.0.0",
        ];
        for pair in rising.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("1.0.0+one", "1.0.0+two"), Ordering::Equal);
    }
}
