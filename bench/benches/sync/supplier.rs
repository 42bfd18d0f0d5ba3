//! Suppliers as processes of their own, so that what they need is not counted as ours.
//!
//! This program again, with another argument: it says where it listens, and does what it is told, a line a command.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use supplier_sync::simulator::{Mode, SimProduct, Simulator};

/// What the program is given to be a supplier.
pub(crate) const ARGUMENT: &str = "--be-a-supplier";
/// What it says when it has done what it was told.
const DONE: &str = "done";
/// Every so many-th row is another one where one percent is.
const HUNDRED: usize = 100;

/// A supplier's process. It is ended when this is dropped.
pub(crate) struct Supplier {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl Supplier {
    pub(crate) fn start() -> Supplier {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut supplier = Supplier { child, orders, answers, url: String::new() };
        supplier.url = supplier.answer();
        supplier
    }

    /// From now on lists so many rows, one percent of which are other ones in each `edition`.
    pub(crate) fn list(&mut self, rows: usize, edition: usize) {
        self.tell(&format!("list {rows} {edition}"));
    }

    /// From now on never answers.
    pub(crate) fn hang(&mut self) {
        self.tell("hang");
    }

    fn tell(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        self.orders.flush().unwrap();
        assert_eq!(self.answer(), DONE);
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Supplier {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is a supplier until nobody tells it anything any more.
pub(crate) async fn be_one() {
    platform::hosting::install_tls();
    let simulator = Simulator::start("127.0.0.1:0".parse().unwrap()).await.unwrap();
    println!("{}", simulator.url());
    let orders = tokio::task::spawn_blocking(move || {
        for order in std::io::stdin().lock().lines() {
            let order = order.unwrap();
            let mut words = order.split(' ');
            let (order, numbers) = (words.next(), words.map(|word| word.parse().unwrap()));
            match (order, numbers.collect::<Vec<usize>>().as_slice()) {
                (Some("list"), [rows, edition]) => simulator.set_catalog(catalog(*rows, *edition)),
                (Some("hang"), []) => simulator.fail(Mode::Hang),
                other => panic!("{other:?} is no order"),
            }
            println!("{DONE}");
        }
    });
    orders.await.unwrap();
}

fn catalog(rows: usize, edition: usize) -> Vec<SimProduct> {
    let product = |n: usize| SimProduct {
        id: format!("product-{n:07}"),
        name: match n % HUNDRED {
            0 => format!("Something to be had, number {n}, edition {edition}"),
            _ => format!("Something to be had, number {n}"),
        },
        sku: format!("SKU-{n:07}"),
        stock: i64::try_from(n % 1_000).unwrap(),
        price: format!("{}.{:02}", 1 + n % 500, n % HUNDRED),
        updated_at: chrono::DateTime::from_timestamp(1_750_000_000, 0).unwrap(),
    };
    (0..rows).map(product).collect()
}
