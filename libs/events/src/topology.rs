//! Which queues exist and what they are bound to.

/// An exchange and the durable queues on it. The same for publishers and consumers: both declare all
/// of it, so that nothing is lost before a consumer has started for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The durable topic exchange. Dead letters go to `{exchange}.dead`.
    pub exchange: String,
    /// Comes before every queue's name.
    pub queue_prefix: String,
    /// One for each consumer.
    pub queues: Vec<Queue>,
}

/// A durable queue. It is `{prefix}{name}` at the broker, its dead letters are in `{prefix}{name}.dead`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The consumer's name.
    pub name: &'static str,
    /// Binding patterns as on a topic exchange: `*` is one word, `#` is any number of words.
    pub bindings: Vec<String>,
}

impl Queue {
    /// A queue of that name with those bindings.
    pub fn new(name: &'static str, bindings: &[&str]) -> Self {
        Self { name, bindings: bindings.iter().map(|&binding| binding.to_owned()).collect() }
    }
}

impl Topology {
    /// The queues of the services in this repository.
    pub fn standard(exchange: &str, queue_prefix: &str) -> Self {
        let queues = vec![
            Queue::new(
                "stock-updater",
                &[
                    "product-received",
                    "product-sold",
                    "product.#",
                    "restock_ordered.#",
                    "restock_confirmed.#",
                    "restock_received.#",
                    "restock_failed.#",
                    "supplier_catalog_updated.#",
                ],
            ),
            Queue::new(
                "supplier-sync",
                &["stock_updated.#", "item_created.#", "item_updated.#", "product-received"],
            ),
            Queue::new("stock-checker", &["stock_updated.#", "item_created.#", "item_updated.#"]),
        ];
        Self { exchange: exchange.to_owned(), queue_prefix: queue_prefix.to_owned(), queues }
    }

    /// The durable queues that get a message with this key.
    pub(crate) fn bound_to(&self, routing_key: &str) -> impl Iterator<Item = &Queue> {
        self.queues.iter().filter(move |queue| matches_any(&queue.bindings, routing_key))
    }

    /// The name at the broker of a durable queue.
    pub(crate) fn queue_name(&self, name: &str) -> String {
        format!("{}{name}", self.queue_prefix)
    }

    /// The name at the broker of the queue with its dead letters.
    pub(crate) fn dead_queue_name(&self, name: &str) -> String {
        format!("{}{name}.dead", self.queue_prefix)
    }

    /// The exchange that dead letters go through, each with its queue's name as the key.
    pub(crate) fn dead_exchange(&self) -> String {
        format!("{}.dead", self.exchange)
    }
}

/// Whether a message with this key goes to a queue with these bindings.
pub(crate) fn matches_any(bindings: &[String], routing_key: &str) -> bool {
    let words: Vec<&str> = routing_key.split('.').collect();
    bindings.iter().any(|binding| {
        let pattern: Vec<&str> = binding.split('.').collect();
        matches(&pattern, &words)
    })
}

/// Depth is bounded by the 255 bytes of a pattern; patterns are ours, not a client's.
fn matches(pattern: &[&str], words: &[&str]) -> bool {
    match (pattern, words) {
        ([], []) => true,
        (["#", rest @ ..], _) => {
            matches(rest, words) || words.split_first().is_some_and(|(_, tail)| matches(pattern, tail))
        }
        (["*", rest @ ..], [_, tail @ ..]) => matches(rest, tail),
        ([word, rest @ ..], [first, tail @ ..]) => word == first && matches(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_any_number_of_words_and_a_star_exactly_one() {
        for (binding, key, expected) in [
            ("stock_updated.#", "stock_updated", true),
            ("stock_updated.#", "stock_updated.A-1", true),
            ("stock_updated.#", "stock_updated.A.1.x", true),
            ("stock_updated.#", "stock_updated_too", false),
            ("stock_updated.#", "", false),
            ("stock_updated.A-1", "stock_updated.A-1", true),
            ("stock_updated.A-1", "stock_updated.A-2", false),
            ("*.A-1", "stock_low.A-1", true),
            ("*.A-1", "A-1", false),
            ("#.x.#", "a.b.x.c", true),
            ("#", "", true),
            ("#", "anything.at.all", true),
            ("product-sold", "product-sold.1", false),
        ] {
            assert_eq!(matches_any(&[binding.to_owned()], key), expected, "{binding} against {key}");
        }
    }
}
